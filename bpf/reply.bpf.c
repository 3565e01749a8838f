// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a reply whose next hop is not known: the connection's first, or one whose neighbour
 * has gone. It is found by the compiled routes and remembered in the slot; a neighbour nobody knows
 * yet is the tc companion's. Part of xlvs.bpf.c.
 */

ALWAYS int send_unresolved(struct packet *pkt, const struct way *way)
{
	if (hops_left(pkt) <= 1)
		return reply_refuse(pkt, 0);
	if (lacks_checksum(pkt))
		return go_to(pkt, WALK_CHECKSUM);
	reply_translate(pkt);
	options_leave(pkt);
	return resolve(pkt, way->ifindex, way->addr);
}

/* What will be sent is remembered: the way, and, by the first answer, that there was one. */
ALWAYS void reply_note(const struct packet *pkt, __u32 id, __u32 mtu)
{
	if (hops_left(pkt) <= 1 || pkt->len > mtu)
		return;
	reply_assure(pkt);
	if (!has_partner_vip(pkt))
		WRITE(pkt->conn->nexthop, id);
}

/*
 * To a client that is this host: by loopback, since from anywhere else its source, the virtual
 * address, is a martian. IPVS meets it where it is delivered, with all hops it has.
 */
ALWAYS int reply_home(struct packet *pkt)
{
	struct address nobody = {};

	if (lacks_checksum(pkt))
		return go_to(pkt, WALK_CHECKSUM);
	count_reply(pkt);
	reply_assure(pkt);
	track(pkt);
	nat_reply(pkt, KEEP_HOPS);
	return resolve(pkt, LOOPBACK_IFINDEX, nobody) == RESOLVING ? NAT_REPLY : INTERNAL;
}

ALWAYS int reply_find_way(struct packet *pkt)
{
	struct way way = {};
	const struct nexthop *hop;

	if (!pkt->conn || !is_reply(pkt))
		return NO_CONNECTION;
	if (!way_find(wire_to(&pkt->wire), &way))
		return is_local(wire_to(&pkt->wire)) ? reply_home(pkt) : NO_ROUTE;
	hop = ROW(nexthops, way.id);
	reply_note(pkt, way.id, way.id ? READ(hop->mtu) : NONE);
	if (!way.id)
		return send_unresolved(pkt, &way);
	return try_reply(pkt, hop);
}

ALWAYS int walk_reply(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return leave(&pkt, parse(&pkt) ?: conn_find_warm(&pkt) ?: dest_find(&pkt) ?:
			   reply_find_way(&pkt));
}
PROGRAM(reply)
