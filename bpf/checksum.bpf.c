// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a UDP datagram without a checksum that NAT must translate: IPVS computes a whole one.
 * It is computed for the datagram as it came, then changed like any other. Part of xlvs.bpf.c.
 * Source: RFC 768; ip_vs_proto_udp.c udp_dnat_handler (v6.12).
 */

ALWAYS int checksum_fill(struct packet *pkt)
{
	struct address from = wire_from(&pkt->wire), to = wire_to(&pkt->wire);
	__u32 len = pkt->len - pkt->l4_at;
	__u64 sum;

	if (pkt->wire.protocol != IPPROTO_UDP)
		return INTERNAL;
	sum = frame_sum(pkt->ctx, sizeof(struct ethhdr) + pkt->l4_at, len);
	sum += pseudo_sum(&from, &to, pkt->wire.v6, len, IPPROTO_UDP);
	*pkt->l4_check = (__u16)~csum_fold(sum) ?: 0xffff;
	return GO_ON;
}

/* Whether NAT will send a request: what is refused is quoted as it came. */
ALWAYS int is_translated(const struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);

	return id && !fwd_of(pkt) && hops_left(pkt) > 1 && pkt->len <= READ(ROW(nexthops, id)->mtu);
}

/* For a datagram whose connection the walk that computes checksums would not find. */
ALWAYS int checksum_early(struct packet *pkt)
{
	return lacks_checksum(pkt) && is_translated(pkt) ? checksum_fill(pkt) : GO_ON;
}

ALWAYS int send_filled(struct packet *pkt)
{
	return is_reply(pkt) ? transmit_reply(pkt) : send_request(pkt);
}

ALWAYS int walk_checksum(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return leave(&pkt, parse(&pkt) ?: conn_find_warm(&pkt) ?: (pkt.conn ? GO_ON : INTERNAL) ?:
			   dest_find(&pkt) ?: checksum_fill(&pkt) ?: send_filled(&pkt));
}
PROGRAM(checksum)
