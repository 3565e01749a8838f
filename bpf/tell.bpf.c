// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walks of a datagram by which a nat dest of the sip engine begins a connection: one finds or
 * makes its call's template, which has to be this dest's; the other the connection, as if its
 * client had asked, of which the datagram is a reply then. One that has no Call-ID is as without
 * them. Part of xlvs.bpf.c. Read next: call.h.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_new_conn_out (v6.1).
 */

/* Whether a dest still begins connections. Fills service, service_id. */
ALWAYS int told_service(struct packet *pkt)
{
	__u32 id = pkt->dest->service;

	if (!(READ(pkt->dest->flags) & DEST_AVAILABLE) || pkt->dest->fwd != FWD_NAT ||
	    service_take(pkt, &id) || !(READ(pkt->service->flags) & SERVICE_SIP))
		return NO_CALL_ID;
	return GO_ON;
}

/* What the client would have sent. */
ALWAYS struct wire wire_asked(const struct packet *pkt)
{
	struct wire asked = wire_back(&pkt->wire);
	struct address vip = address_load(ROW(dest_addrs, pkt->dest_id)->vaddr);

	asked.ports = (__u32)pkt->dest->vport << 16 | (__u16)asked.ports;
	if (asked.v6) {
		asked.addrs[2] = vip.half[0];
		asked.addrs[3] = vip.half[1];
	} else {
		asked.addrs[0] = (__u64)address_ipv4(&vip) << 32 | (__u32)asked.addrs[0];
	}
	return asked;
}

/* Under the stripe's lock of the call: a template of another dest is one no more. */
ALWAYS __u32 told_find_or_make(const struct packet *pkt, const struct wire *wire, __u64 hash)
{
	__u32 index = call_find(pkt->dest_id, pkt->now, pkt->wire.v6);

	return index == NONE ? call_make(pkt, wire, hash, pkt->dest->dport) : index;
}

/* Needs service, dest. Fills control. Returns NO_CALL_ID, STRIPE_BUSY, TABLE_FULL. */
ALWAYS int told_persist(struct packet *pkt)
{
	struct wire asked, wire;
	struct call *note;
	__u32 index;
	__u64 hash;

	if (!READ(pkt->service->persistent))
		return GO_ON;
	if (call_read(pkt))
		return NO_CALL_ID;
	asked = wire_asked(pkt);
	wire = wire_template(&asked, pkt->service, pkt->wire.v6);
	note = call_note();
	if (!note)
		return INTERNAL;
	call_fill(note, &wire);
	hash = call_hash(conn_hash(&wire));
	if (!stripe_lock(hash))
		return STRIPE_BUSY;
	index = told_find_or_make(pkt, &wire, hash);
	stripe_unlock(hash);
	pkt->control = index + 1;
	return index == NONE ? TABLE_FULL : GO_ON;
}

ALWAYS int told_hand_over(struct packet *pkt)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->control = pkt->control;
	return go_to(pkt, WALK_TOLD);
}

ALWAYS int walk_tell(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: dest_handed(&pkt) ?: told_service(&pkt) ?: told_persist(&pkt);

	if (reason == NO_CALL_ID)
		reason = stray_refuse(&pkt) ?: start(&pkt);
	return leave(&pkt, reason ?: told_hand_over(&pkt));
}
PROGRAM(tell)

/*
 * Under the stripe's lock of the request. A client's connection of the same port to another dest
 * stands behind the new one until that is gone: see request_shadow.
 */
ALWAYS int told_make(struct packet *pkt, const struct wire *own, int *made)
{
	__u32 index = conn_seek(own, conn_hash(own), pkt->now);
	int reason;

	if (index != NONE)
		return GO_ON;
	reason = conn_make(pkt);
	*made = !reason;
	return reason;
}

/* The connection; the datagram is its reply from here on. Returns WALK_REPLY's, conn_make's. */
ALWAYS int told_insert(struct packet *pkt)
{
	struct wire own = pkt->wire;
	int reason = STRIPE_BUSY, made = 0;

	pkt->wire = wire_asked(pkt);
	pkt->hash = conn_hash(&pkt->wire);
	if (stripe_lock(pkt->hash)) {
		reason = told_make(pkt, &own, &made);
		stripe_unlock(pkt->hash);
	}
	if (pkt->control && !made)
		control_release(own.v6, pkt->control - 1);
	return reason ?: go_to(pkt, WALK_REPLY);
}

/* Of a one-packet service no connection is left; its template is assured all the same. */
ALWAYS int told_once(struct packet *pkt)
{
	struct side was = {wire_from(&pkt->wire), (__u16)pkt->wire.ports};
	struct side vip = {address_load(ROW(dest_addrs, pkt->dest_id)->vaddr), pkt->dest->vport};
	struct dest_traffic *traffic = traffic_of(pkt);
	struct conn *template = slot_at(pkt->wire.v6, pkt->control - 1);
	struct way way = {};

	if (template && is_template(READ(template->word)))
		WRITE(template->state, TEMPLATE_ASSURED);
	if (pkt->control)
		control_release(pkt->wire.v6, pkt->control - 1);
	if (!way_find(wire_to(&pkt->wire), &way))
		return NO_ROUTE;
	if (lacks_checksum(pkt) && checksum_fill(pkt))
		return INTERNAL;
	if (traffic)
		traffic->conns++;
	count_reply(pkt);
	nat_side(pkt, 1, was, vip, TAKE_HOP);
	return send_way(pkt, &way, NAT_REPLY);
}

ALWAYS int told_control(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	__u32 id = pkt->dest->service;

	if (!h)
		return INTERNAL;
	pkt->control = h->control;
	return service_take(pkt, &id);
}

ALWAYS int walk_told(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};
	int reason = parse(&pkt) ?: dest_handed(&pkt) ?: told_control(&pkt);

	return leave(&pkt, reason ?: (is_once(&pkt) ? told_once(&pkt) : told_insert(&pkt)));
}
PROGRAM(told)
