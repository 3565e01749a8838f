// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a request to a dest by NAT that is this host itself: translated, and delivered here
 * as long as it is and with the hops it has. The handover names the dest. Answers to it are met as
 * they leave, by tc.bpf.c. Part of xlvs.bpf.c.
 * Source: net/netfilter/ipvs/ip_vs_xmit.c ip_vs_nat_xmit (v6.1).
 */

/* Fills dest, dest_id from the handover. */
ALWAYS int dest_handed(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	pkt->dest_id = h->dest;
	pkt->dest = ROW(dests, h->dest);
	return GO_ON;
}

ALWAYS int here_deliver(struct packet *pkt)
{
	if (dest_is_loopback(pkt))
		return LOOPBACK_DEST;
	if (lacks_checksum(pkt))
		checksum_fill(pkt);
	if (has_partner_vip(pkt))
		conn_find_warm(pkt);
	nat_request(pkt, KEEP_HOPS);
	return LOCAL_DEST;
}

ALWAYS int walk_here(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return leave(&pkt, parse(&pkt) ?: dest_handed(&pkt) ?: here_deliver(&pkt));
}
PROGRAM(here)
