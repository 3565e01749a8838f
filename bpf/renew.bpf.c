// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a request whose connection may have to go first: a SYN, or one for a dest that was
 * removed. Where the connection stays, it goes on as in the hot walk; else the packet is one
 * without a connection. Part of xlvs.bpf.c. Read next: renew.h. Source:
 * net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook, is_new_conn_expected (v6.1).
 */

/* One without a dest ends as any other, and knows of none that could be gone. */
ALWAYS int bypass_renew(struct packet *pkt)
{
	if (!(pkt->tcp_flags & TCP_FLAG_SYN_BIT) || !conn_is_reused(pkt))
		return go_bypass(pkt, NO_ONE);
	conn_end(pkt);
	return GO_ON;
}

ALWAYS int walk_renew(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: conn_find_warm(&pkt);

	if (!reason && pkt.conn && !is_reply(&pkt))
		reason = dest_find(&pkt)
				 ?: (pkt.dest_id == NO_ONE ? bypass_renew(&pkt) : conn_renew(&pkt));
	if (reason == RESET)
		reason = go_to(&pkt, WALK_RESET);
	if (!pkt.conn) {
		reason = reason ?: start(&pkt);
		counts_settle();
	}
	return leave(&pkt, reason ?: dest_find(&pkt) ?: transmit_admitted(&pkt));
}
PROGRAM(renew)
