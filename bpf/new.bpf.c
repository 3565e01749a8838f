// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that may start a connection: service, scheduler, insertion; from there on as
 * in the hot walk. Part of xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule (v6.12).
 */

/*
 * An ended connection makes way: both its slots are overdue from now on, and the sweep frees them.
 * A SYN that is a RST too ends it but starts none. Returns GO_ON, NO_CONNECTION.
 */
ALWAYS int conn_renew(struct packet *pkt)
{
	struct conn4 *partner;

	if (!pkt->conn || !(pkt->tcp_flags & TCP_FLAG_SYN_BIT) || !conn_is_reused(pkt))
		return GO_ON;
	partner = slot_at(READ(pkt->conn->partner));
	if (partner)
		WRITE(partner->deadline, pkt->now - 1);
	WRITE(pkt->conn->deadline, pkt->now - 1);
	pkt->conn = 0;
	return pkt->tcp_flags & TCP_FLAG_RST_BIT ? NO_CONNECTION : GO_ON;
}

SEC("xdp")
int xlvs_new(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};

	return leave(&pkt, parse(&pkt) ?: conn_find_warm(&pkt) ?: conn_renew(&pkt) ?:
			   service_find(&pkt) ?: schedule(&pkt) ?: conn_insert(&pkt) ?:
			   dest_find(&pkt) ?: transmit(&pkt));
}
