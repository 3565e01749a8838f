// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that may start a connection: service, scheduler, insertion; from there on as
 * in the hot walk. Part of xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule (v6.12).
 */

ALWAYS int is_once(const struct packet *pkt)
{
	return pkt->wire.protocol == IPPROTO_UDP && READ(pkt->service->flags) & SERVICE_ONE_PACKET;
}

/* The connection of a scheduled packet, or none at all. Returns WALK_ONCE's, conn_insert's. */
ALWAYS int insert_or_once(struct packet *pkt)
{
	__u32 zero = 0;
	struct handover *h;

	if (likely(!is_once(pkt)))
		return conn_insert(pkt);
	h = bpf_map_lookup_elem(&handovers, &zero);
	if (!h)
		return INTERNAL;
	h->dest = pkt->dest_id;
	return go_to(pkt, WALK_ONCE);
}

/* A datagram from port 0 does not find the connection that it has just begun. */
ALWAYS int port0_fill(struct packet *pkt)
{
	return (__u16)pkt->wire.ports ? GO_ON : checksum_early(pkt);
}

ALWAYS int walk_new(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: mark_fill(&pkt) ?: service_find(&pkt) ?: source_check(&pkt);

	reason = reason ?: defend(&pkt) ?: schedule(&pkt);
	return leave(&pkt, reason ?: insert_or_once(&pkt) ?: dest_find(&pkt) ?:
			   port0_fill(&pkt) ?: transmit(&pkt));
}
PROGRAM(new)
