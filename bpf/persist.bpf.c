// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walks of a packet that starts a connection to a persistent service: one finds or makes its
 * client's template, the other the connection, as new.bpf.c does, to the template's dest. Two, as
 * the kernel gives all functions of a program 512 bytes of stack. Part of xlvs.bpf.c. Read next:
 * template.h.
 */

/* The packet, or the one that an ICMP error quotes as the client would have sent it. */
ALWAYS int parse_either(struct packet *pkt)
{
	struct quote q = {};
	int reason;

	if (!pkt->is_error)
		return parse(pkt) ?: mark_fill(pkt);
	pkt->now = now();
	reason = parse_ethernet(pkt) ?: parse_ip(pkt) ?: quote_parse(pkt, &q) ?: mark_fill(pkt);
	pkt->wire = wire_back(&q.wire);
	return reason;
}

ALWAYS int control_hand_over(struct packet *pkt)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->control = pkt->control;
	return pkt->is_error ? go_to(pkt, WALK_ICMP_NEW) : go_to(pkt, WALK_FOLLOW);
}

ALWAYS int persist_or_leave(struct packet *pkt)
{
	int reason = persist(pkt);

	return reason == NO_DEST ? refuse(pkt) : reason;
}

ALWAYS int walk_persist(struct xdp_md *ctx, __u8 v6)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6, .is_error = h && h->is_quoted};

	int reason = parse_either(&pkt) ?: service_find(&pkt) ?: persist_or_leave(&pkt) ?:
		     control_hand_over(&pkt);

	counts_settle();
	return leave(&pkt, reason);
}
PROGRAM(persist)

ALWAYS int control_receive(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	pkt->control = h->control;
	return template_take(pkt);
}

ALWAYS int walk_follow(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = control_receive(&pkt) ?: parse(&pkt) ?: mark_fill(&pkt) ?: service_find(&pkt);

	/* The service may have been withdrawn since its template was held. */
	if (reason && pkt.control)
		control_release(v6, pkt.control - 1);
	reason = reason ?: insert_or_once(&pkt);
	counts_settle();
	return leave(&pkt, reason ?: dest_find(&pkt) ?: port0_fill(&pkt) ?: transmit(&pkt));
}
PROGRAM(follow)
