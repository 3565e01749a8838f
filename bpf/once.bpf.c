// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a datagram to a one-packet service: it goes to the dest that it was scheduled to, as
 * the handover says, and leaves no connection behind; answers to it are nobody's. Part of
 * xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule, IP_VS_CONN_F_ONE_PACKET (v6.12).
 */

/* Fills dest, dest_id, word as of a new connection. Counts it as one. */
ALWAYS int once_begin(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	struct dest_traffic *traffic;

	if (!h)
		return INTERNAL;
	pkt->dest_id = h->dest;
	pkt->dest = ROW(dests, h->dest);
	pkt->word = FLAG((__u64)pkt->dest->fwd << CONN_FWD_SHIFT & CONN_FWD_MASK);
	traffic = traffic_of(pkt);
	if (traffic)
		traffic->conns++;
	return count_request(pkt);
}

ALWAYS int walk_once(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: once_begin(&pkt) ?: checksum_early(&pkt);

	return leave(&pkt, reason ?: send_request(&pkt));
}
PROGRAM(once)
