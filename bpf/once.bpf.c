// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a datagram to a one-packet service: it goes to the dest that it was scheduled to, as
 * the handover says, and leaves no connection behind; answers to it are nobody's. Part of
 * xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule, IP_VS_CONN_F_ONE_PACKET (v6.12).
 */

ALWAYS int walk_once(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: once_begin(&pkt) ?: checksum_early(&pkt);

	return leave(&pkt, reason ?: send_request(&pkt));
}
PROGRAM(once)
