// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that may start a connection: service, scheduler, insertion; from there on as
 * in the hot walk. Part of xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule (v6.12).
 */

ALWAYS int walk_new(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: service_find(&pkt) ?: source_check(&pkt) ?: defend(&pkt);

	return leave(&pkt, reason ?: schedule(&pkt) ?: conn_insert(&pkt) ?: dest_find(&pkt) ?:
			   transmit(&pkt));
}
PROGRAM(new)
