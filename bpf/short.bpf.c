// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet that ends within its TCP or UDP header. The ports are enough to find its
 * connection; it restarts the timer and moves no state. Direct routing and tunnels send it, NAT
 * cannot translate it. Without a connection it is the host's. Part of xlvs.bpf.c.
 * Source: ip_vs_core.c ip_vs_in_hook, ip_vs_proto_tcp.c tcp_dnat_handler (v6.12).
 */

/* Fills l4, ports; no flag is set. Returns TRUNCATED, OTHER_PROTOCOL. */
ALWAYS int parse_ports(struct packet *pkt)
{
	pkt->l4 = pkt->ip + pkt->l4_at;
	pkt->tcp_flags = 0;
	if (pkt->wire.protocol != IPPROTO_TCP && pkt->wire.protocol != IPPROTO_UDP)
		return OTHER_PROTOCOL;
	if (pkt->l4 + sizeof(pkt->wire.ports) > pkt->end ||
	    pkt->len < pkt->l4_at + sizeof(pkt->wire.ports))
		return TRUNCATED;
	pkt->wire.ports = load32(pkt->l4);
	return GO_ON;
}

/* The timer starts again with what the state it is in has. */
ALWAYS int conn_restart(struct packet *pkt)
{
	__u8 state = READ(pkt->conn->state) & (TCP_STATES - 1);
	__u32 timeout = pkt->wire.protocol == IPPROTO_TCP ? READ(settings.tcp_timeout[state])
							  : READ(settings.udp_timeout);

	return timer_start(pkt, timeout);
}

/* Such a packet is shorter than any MTU. */
ALWAYS int short_send(struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);

	if (!id && !fwd_of(pkt) && dest_is_here(pkt))
		return CUT_SHORT;
	if (!id)
		return no_hop(pkt);
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	if (!fwd_of(pkt))
		return CUT_SHORT;
	if (fwd_of(pkt) == IS_TUN)
		return send_tunnel(pkt, hop);
	hops_decrement(pkt);
	return send_by(pkt, hop, DIRECT);
}

/* Where connections may not outlive their dests, this one ends, and the packet is nobody's. */
ALWAYS int short_admit(struct packet *pkt)
{
	int reason = dest_admits(pkt);

	if (reason != DEST_GONE || !READ(settings.expire_nodest_conn))
		return reason;
	conn_end(pkt);
	return TRUNCATED;
}

ALWAYS int short_request(struct packet *pkt)
{
	return short_admit(pkt) ?: count_request(pkt) ?: conn_restart(pkt) ?: short_send(pkt);
}

ALWAYS int short_reply(struct packet *pkt)
{
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, own_address(pkt));
	conn_restart(pkt);
	return CUT_SHORT;
}

ALWAYS int walk_short(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6, .now = now()};

	return leave(&pkt, parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: parse_ports(&pkt) ?:
			   conn_find_warm(&pkt) ?: (pkt.conn ? GO_ON : TRUNCATED) ?:
			   dest_find(&pkt) ?:
			   (is_reply(&pkt) ? short_reply(&pkt) : short_request(&pkt)));
}
PROGRAM(short)
