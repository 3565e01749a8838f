// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a datagram that starts a connection to a service of the sip engine: its call's
 * template is found or made; the connection is follow's (persist.bpf.c). Part of xlvs.bpf.c. Read
 * next: call.h.
 */

/* Notes the packet's call. Returns GO_ON, NO_CALL_ID. */
ALWAYS int call_read(const struct packet *pkt)
{
	const __u32 begin = sizeof(struct ethhdr) + pkt->l4_at + sizeof(struct udphdr);

	if (pkt->wire.protocol != IPPROTO_UDP ||
	    !message_read(pkt->ctx, begin, sizeof(struct ethhdr) + pkt->len))
		return NO_CALL_ID;
	return GO_ON;
}

/* Under the stripe's lock of the call. Fills control. */
ALWAYS int call_find_or_make(struct packet *pkt, const struct wire *wire, __u64 hash)
{
	__u64 word = READ(pkt->service->schedule);
	__u32 index = call_find(NONE, pkt->now, pkt->wire.v6);

	if (index == NONE) {
		struct wire real = pkt->wire;

		pkt->dest_id = schedule_pick(pkt->service_id, word, &real);
		if (pkt->dest_id == NONE)
			return NO_DEST;
		real = wire_virtual(pkt);
		index = call_make(pkt, wire, hash,
				  template_port(&real, pkt->service, pkt->dest_id));
	}
	pkt->control = index + 1;
	return index == NONE ? TABLE_FULL : GO_ON;
}

/* Needs service. Fills control. Returns NO_CALL_ID, STRIPE_BUSY, TABLE_FULL, NO_DEST. */
ALWAYS int call_persist(struct packet *pkt)
{
	struct wire real = wire_virtual(pkt);
	struct wire wire = wire_template(&real, pkt->service, pkt->wire.v6);
	struct call *note;
	__u64 hash;
	int reason;

	note = call_note();
	if (!note)
		return INTERNAL;
	call_fill(note, &wire);
	hash = call_hash(conn_hash(&wire));
	if (!stripe_lock(hash))
		return STRIPE_BUSY;
	reason = call_find_or_make(pkt, &wire, hash);
	stripe_unlock(hash);
	return reason;
}

ALWAYS int call_or_leave(struct packet *pkt)
{
	int reason = call_persist(pkt);

	return reason == NO_DEST ? refuse(pkt) : reason;
}

ALWAYS int walk_call(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	int reason = parse(&pkt) ?: mark_fill(&pkt) ?: service_find(&pkt) ?: call_read(&pkt) ?:
		     call_or_leave(&pkt) ?: control_hand_over(&pkt);

	counts_settle();
	return leave(&pkt, reason);
}
PROGRAM(call)
