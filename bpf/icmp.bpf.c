// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an ICMP error that somebody sent about a packet of a connection: it goes where that
 * packet came from. Translated for NAT, quote included; by the forwarding method as it is for
 * others. It restarts no timer and moves no state. Part of xlvs.bpf.c. Read next: icmp_new.bpf.c
 * (schedule_icmp), icmp_tunnel.bpf.c (errors about tunnels).
 * Source: RFC 792, RFC 4443; ip_vs_core.c ip_vs_in_icmp, handle_response_icmp (v6.12).
 */

/*
 * Differs from LVS: an ICMP error that has IPv4 options itself is passed to the host untranslated.
 */

/* Fills the quote. Returns OTHER_PROTOCOL (no error, or about nothing of ours), TRUNCATED. */
ALWAYS int quote_parse(struct packet *pkt, struct quote *q)
{
	int reason = icmp_parse(pkt);

	if (reason)
		return reason;
	q->ip = pkt->l4 + sizeof(struct icmp_error);
	reason = quote_fill(pkt, q, pkt->l4_at + sizeof(struct icmp_error));
	if (reason && !pkt->wire.v6 && q->wire.protocol == IPPROTO_IPIP)
		return jump(pkt, WALK_ICMP_TUN);
	return reason;
}

/*
 * An error about a packet that a client sent to a dest by dr or tun, on its way to the client or to
 * this host, which delivers it: it counts as a reply, unless it is to be forwarded and too old.
 */
ALWAYS int icmp_direct(struct packet *pkt)
{
	dest_find(pkt);
	if (hops_left(pkt) > 1 || is_local(wire_to(&pkt->wire)))
		count_reply(pkt);
	return DIRECT_REPLY;
}

/* Makes the connection that it is about; no template has been asked for. */
ALWAYS int icmp_begin(struct packet *pkt)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->control = 0;
	return go_to(pkt, WALK_ICMP_NEW);
}

/* Of no connection that is translated. Returns NO_CONNECTION, DIRECT_REPLY, or WALK_ICMP_NEW's. */
ALWAYS int quote_unknown(struct packet *pkt, const struct quote *q)
{
	int reason = source_check(pkt);

	if (reason)
		return reason;
	conn_find_by(pkt, q->wire);
	if (pkt->conn && !is_reply(pkt) && fwd_of(pkt))
		return icmp_direct(pkt);
	return READ(settings.schedule_icmp) && q->has_ports ? icmp_begin(pkt) : NO_CONNECTION;
}

/* The connection whose packet going the other way would be on the wire like the quote. */
ALWAYS int quote_find(struct packet *pkt, const struct quote *q)
{
	conn_find_by(pkt, wire_back(&q->wire));
	return pkt->conn ? dest_find(pkt) : quote_unknown(pkt, q);
}

/* One that is not for this host is met where it is forwarded, which has taken a hop already. */
ALWAYS int icmp_arrive(struct packet *pkt)
{
	const struct route *route = route_find(wire_to(&pkt->wire));

	if (!route)
		return NO_ROUTE;
	if (route->kind == ROUTE_LOCAL)
		return GO_ON;
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	hops_decrement(pkt);
	return GO_ON;
}

/* To a dest by NAT that is this host. */
ALWAYS int icmp_here(struct packet *pkt, struct quote *q)
{
	if (dest_is_loopback(pkt))
		return LOOPBACK_DEST;
	icmp_nat_request(pkt, q, KEEP_HOPS);
	return LOCAL_DEST;
}

ALWAYS int icmp_to_dest(struct packet *pkt, struct quote *q)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	__u64 fwd = fwd_of(pkt);
	int reason = icmp_arrive(pkt);

	if (reason)
		return reason;
	if (pkt->dest_id == NO_ONE)
		return go_bypass(pkt, NONE);
	if (!fwd && icmp_verify(pkt))
		return BAD_ICMP;
	count_request(pkt);
	if (!id)
		return !fwd && dest_is_here(pkt) ? icmp_here(pkt, q) : no_hop(pkt);
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	if (fwd == IS_TUN)
		return send_tunnel(pkt, hop);
	if (pkt->len > READ(hop->mtu))
		return NEEDS_FRAGMENTING;
	if (fwd)
		hops_decrement(pkt);
	else
		icmp_nat_request(pkt, q, TAKE_HOP);
	return send_by(pkt, hop, ICMP_REQUEST);
}

ALWAYS int icmp_to_client(struct packet *pkt, struct quote *q)
{
	struct way way = {};

	if (icmp_verify(pkt))
		return BAD_ICMP;
	if (is_local(wire_to(&pkt->wire))) {
		count_reply(pkt);
		return LOCAL_DEST;
	}
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, own_address(pkt));
	if (!way_find(wire_to(&pkt->wire), &way))
		return NO_ROUTE;
	count_reply(pkt);
	icmp_nat_reply(pkt, q, TAKE_HOP);
	return send_way(pkt, &way, ICMP_REPLY);
}

ALWAYS int icmp_send(struct packet *pkt, struct quote *q)
{
	return is_reply(pkt) ? icmp_to_client(pkt, q) : icmp_to_dest(pkt, q);
}

/* One that IPVS drops where it meets it: to this host, or forwarded. */
ALWAYS int icmp_short(struct packet *pkt)
{
	const struct route *route;
	int reason = source_check(pkt);

	if (reason)
		return reason;
	route = route_find(wire_to(&pkt->wire));
	if (!route || route->kind == ROUTE_BROADCAST)
		return TRUNCATED;
	return route->kind == ROUTE_LOCAL || hops_left(pkt) > 1 ? BAD_ICMP : TRUNCATED;
}

/* One whose own header is cut short, or where errors make connections, what it quotes is, before
 * its ports end. Fills the quote of others. */
ALWAYS int icmp_read(struct packet *pkt, struct quote *q)
{
	int reason;

	if (pkt->len < pkt->l4_at + sizeof(struct icmp_error))
		return icmp_short(pkt);
	reason = quote_parse(pkt, q);
	return reason == TRUNCATED && READ(settings.schedule_icmp) ? icmp_short(pkt) : reason;
}

ALWAYS int walk_icmp(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .is_error = 1, .wire.v6 = v6, .now = now()};
	struct quote q = {};

	return leave(&pkt, parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: icmp_read(&pkt, &q) ?:
			   quote_find(&pkt, &q) ?: source_check(&pkt) ?: icmp_send(&pkt, &q));
}
PROGRAM(icmp)
