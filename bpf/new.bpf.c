// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that may start a connection: service, scheduler, insertion; from there on as
 * in the hot walk. Part of xlvs.bpf.c. Source: ip_vs_core.c ip_vs_schedule (v6.12).
 */

/* Asks for the template of a packet, or of one that is quoted, in which no call is looked for. */
ALWAYS int go_persist(struct packet *pkt, __u8 is_quoted)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->is_quoted = is_quoted;
	if (unlikely(READ(pkt->service->flags) & SERVICE_SIP))
		return is_quoted ? NO_CALL_ID : go_to(pkt, WALK_CALL);
	return go_to(pkt, WALK_PERSIST);
}

/* A persistent service has templates; one that is not takes packets to its own port only. */
ALWAYS int persist_or_refuse(struct packet *pkt)
{
	if (READ(pkt->service->persistent))
		return go_persist(pkt, 0);
	return is_own_port(pkt) ? GO_ON : refuse(pkt);
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
	counts_settle();
	if (pkt->control)
		control_release(pkt->wire.v6, pkt->control - 1);
	return go_to(pkt, WALK_ONCE);
}

/* A datagram from port 0 does not find the connection that it has just begun. */
ALWAYS int port0_fill(struct packet *pkt)
{
	return (__u16)pkt->wire.ports ? GO_ON : checksum_early(pkt);
}

/* A SYN to no service may be a dest's answer by dr or tun; other packets were looked at before. */
ALWAYS int service_or_reply(struct packet *pkt)
{
	int reason = service_find(pkt);

	if (reason == NO_SERVICE || reason == VIP_NOT_LOCAL)
		return direct_reply(pkt) ?: reason;
	return reason;
}

ALWAYS int walk_new(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: mark_fill(&pkt) ?: service_or_reply(&pkt) ?: source_check(&pkt);

	reason = reason ?: defend(&pkt) ?: persist_or_refuse(&pkt) ?: schedule(&pkt);
	reason = reason ?: insert_or_once(&pkt);
	counts_settle();
	return leave(&pkt, reason ?: dest_find(&pkt) ?: port0_fill(&pkt) ?: transmit(&pkt));
}
PROGRAM(new)
