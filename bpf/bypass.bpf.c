// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet of a mark's service that goes where it was going, as it is: there was no
 * dest for its connection, and cache_bypass is on. Such a connection has the dest id that nobody
 * has, by which the hot walks leave it to renew.bpf.c and this. Part of xlvs.bpf.c. Source:
 * ip_vs_core.c ip_vs_leave, ip_vs_xmit.c ip_vs_bypass_xmit (v6.12).
 */

/* The packet's connection, a new one where there is none; none where it is one-packet. */
ALWAYS int bypass_begin(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	int reason;

	if (!h)
		return INTERNAL;
	pkt->dest_id = NO_ONE;
	pkt->dest = ROW(dests, NO_ONE);
	if (h->dest == NONE)
		return GO_ON;
	conn_find_warm(pkt);
	reason = pkt->conn ? GO_ON : conn_insert(pkt);
	return reason ?: track(pkt);
}

/* To the packet's own destination; one that is this host's is dropped. */
ALWAYS int bypass_send(struct packet *pkt)
{
	const struct route *route = route_find(wire_to(&pkt->wire));
	struct way way = {};
	__u32 mtu;

	if (route && route->kind == ROUTE_LOCAL)
		return NO_ROUTE;
	if (!way_find(wire_to(&pkt->wire), &way))
		return answer(pkt, UNREACHABLE, 0, wire_to(&pkt->wire));
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	mtu = READ(ROW(nexthops, way.id)->mtu);
	hops_decrement(pkt);
	if (way.id && pkt->len > mtu)
		return too_long(pkt, mtu, wire_to(&pkt->wire));
	return send_way(pkt, &way, DIRECT);
}

/* An ICMP error about what goes by a bypass goes where it was going too, without a connection. */
ALWAYS int bypass_parse(struct packet *pkt)
{
	int reason;

	pkt->now = now();
	reason = parse_ethernet(pkt) ?: parse_ip(pkt);
	pkt->is_error = !reason && is_icmp(pkt); /* about which there is none */
	return reason || pkt->is_error ? reason : parse_l4(pkt);
}

ALWAYS int walk_bypass(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return leave(&pkt, bypass_parse(&pkt) ?: bypass_begin(&pkt) ?: bypass_send(&pkt));
}
PROGRAM(bypass)
