// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of AH and ESP: they follow the connection of UDP port 500 (IKE) between the same
 * addresses, restart its timer, and make none. NAT rewrites their addresses. Part of xlvs.bpf.c.
 * Source: ip_vs_proto_ah_esp.c (v6.12).
 */

/* To a dest by NAT that is this host. */
ALWAYS int ipsec_here(struct packet *pkt)
{
	if (dest_is_loopback(pkt))
		return LOOPBACK_DEST;
	readdress_to(pkt, ROW(dest_addrs, pkt->dest_id)->daddr, KEEP_HOPS);
	return LOCAL_DEST;
}

ALWAYS int ipsec_send(struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	int reason;

	if (!id && !fwd_of(pkt) && dest_is_here(pkt))
		return ipsec_here(pkt);
	reason = send_untranslated(pkt, id, hop);
	if (reason)
		return reason;
	readdress_to(pkt, ROW(dest_addrs, pkt->dest_id)->daddr, TAKE_HOP);
	return send_by(pkt, hop, NAT_REQUEST);
}

ALWAYS int ipsec_request(struct packet *pkt)
{
	return dest_admits(pkt) ?: count_request(pkt) ?: conn_restart(pkt) ?: ipsec_send(pkt);
}

ALWAYS int ipsec_reply(struct packet *pkt)
{
	struct side vip = virtual_side(pkt);
	struct way way = {};
	__u32 mtu;

	if (hops_left(pkt) <= 1)
		return reply_refuse(pkt, 0);
	if (!way_find(wire_to(&pkt->wire), &way))
		return NO_ROUTE;
	mtu = READ(ROW(nexthops, way.id)->mtu);
	if (way.id && pkt->len > mtu)
		return reply_refuse(pkt, mtu);
	count_reply(pkt);
	conn_restart(pkt);
	readdress_from(pkt, (const __u8 *)&vip.addr, TAKE_HOP);
	return send_way(pkt, &way, NAT_REPLY);
}

/* Fills wire with that of the connection. */
ALWAYS int ipsec_find(struct packet *pkt)
{
	pkt->wire.protocol = IPPROTO_UDP;
	pkt->wire.ports = IKE_PORTS;
	conn_find_warm(pkt);
	return pkt->conn ? dest_find(pkt) : OTHER_PROTOCOL;
}

ALWAYS int walk_ipsec(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6, .now = now()};

	return leave(&pkt, parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: ipsec_find(&pkt) ?:
			   (is_reply(&pkt) ? ipsec_reply(&pkt) : ipsec_request(&pkt)));
}
PROGRAM(ipsec)
