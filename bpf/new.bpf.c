// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that may start a connection: service, scheduler, insertion; from there on as
 * in the hot walk. Part of xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule (v6.12).
 */

SEC("xdp")
int xlvs_new(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};

	return leave(&pkt, parse(&pkt) ?: service_find(&pkt) ?: schedule(&pkt) ?:
			   conn_insert(&pkt) ?: dest_find(&pkt) ?: transmit(&pkt));
}
