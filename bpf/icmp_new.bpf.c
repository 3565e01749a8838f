// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an ICMP error about a packet of no connection, where schedule_icmp is on: it makes
 * one, as if the client had sent what the quoted packet answers, and goes on in icmp.bpf.c, which
 * finds it. Part of xlvs.bpf.c.
 * Source: ip_vs_core.c ip_vs_try_to_schedule, ip_vs_proto_tcp.c tcp_conn_schedule (v6.12).
 */

/*
 * No packet of its own was seen yet: it lives 3 s, half as long again as in its state. Where
 * another CPU has seen one meanwhile, or made the connection, the time is as that says.
 */
ALWAYS int conn_unseen(struct packet *pkt)
{
	__u32 timeout = READ(settings.tcp_timeout[TCP_NONE]), fresh = pkt->now + timeout;

	__sync_val_compare_and_swap(&pkt->conn->deadline, fresh, fresh + timeout / 2);
	return GO_ON;
}

/* The service may have been withdrawn since its template was held. */
ALWAYS int service_or_release(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	int reason = service_find(pkt);

	if (reason && h && h->control)
		control_release(pkt->wire.v6, h->control - 1);
	return reason;
}

/* A one-packet service has no connection that the error could be about. */
ALWAYS int once_refuse(const struct packet *pkt)
{
	if (!is_once(pkt))
		return GO_ON;
	if (pkt->control)
		control_release(pkt->wire.v6, pkt->control - 1);
	return NO_CONNECTION;
}

/* The dest of a packet that is only quoted. With a template it comes here a second time. */
ALWAYS int schedule_quoted(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	int reason;

	if (!h)
		return INTERNAL;
	pkt->control = h->control;
	if (pkt->control)
		return template_take(pkt);
	reason = defend(pkt);
	if (reason)
		return reason;
	if (READ(pkt->service->persistent))
		return go_persist(pkt, 1);
	return is_own_port(pkt) ? schedule(pkt) : refuse(pkt);
}

/*
 * Differs from LVS: an ICMP error about a packet to client port 0 is the host's and makes no
 * connection (`schedule_icmp`). In IPVS each makes one that no packet finds.
 */
ALWAYS int port_refuse(const struct packet *pkt)
{
	return (__u16)pkt->wire.ports ? GO_ON : NO_CONNECTION;
}

ALWAYS int walk_icmp_new(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .is_error = 1, .wire.v6 = v6, .now = now()};
	struct quote q = {};
	int reason = parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: quote_parse(&pkt, &q) ?:
		     source_check(&pkt) ?: mark_fill(&pkt);

	if (reason)
		return leave(&pkt, reason);
	pkt.wire = wire_back(&q.wire);
	reason = port_refuse(&pkt) ?: service_or_release(&pkt) ?: schedule_quoted(&pkt) ?:
		 once_refuse(&pkt);
	return leave(&pkt, reason ?: conn_insert(&pkt) ?: conn_unseen(&pkt) ?:
			   go_to(&pkt, WALK_ICMP));
}
PROGRAM(icmp_new)
