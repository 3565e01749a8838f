// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a packet without a connection where it may be a reply by dr or tun (direct.h) or
 * begin one (tell.h), or while nat_icmp_send is on: one that a nat dest has sent is answered with
 * port unreachable then, unless it is a RST or the host itself has something against it. Any other
 * goes on as without this walk. Part of xlvs.bpf.c. Source: net/netfilter/ipvs/ip_vs_core.c
 * ip_vs_out_hook, ip_vs_has_real_service (v6.1).
 */

/* Where a packet comes from, as what is kept of dests has it. */
ALWAYS struct service_key key_of_sender(const struct packet *pkt)
{
	struct service_key key = {.vport = (__u16)pkt->wire.ports,
				  .protocol = pkt->wire.protocol,
				  .family = pkt->wire.v6};

	address_store(key.vaddr, wire_from(&pkt->wire));
	return key;
}

ALWAYS int is_of_dest(const struct packet *pkt)
{
	struct service_key key = key_of_sender(pkt);

	return bpf_map_lookup_elem(&nat_dests, &key) != 0;
}

/* Whether the host would forward a packet: it answers itself what is too old or too long. */
ALWAYS int is_forwarded(const struct packet *pkt)
{
	struct way way = {};

	if (hops_left(pkt) <= 1 || !way_find(wire_to(&pkt->wire), &way))
		return 0;
	return !way.id || pkt->len <= READ(ROW(nexthops, way.id)->mtu);
}

#include "direct.h"
#include "tell.h"

ALWAYS int stray_refuse(struct packet *pkt)
{
	const struct route *route;

	if (!READ(settings.nat_icmp_send) || pkt->tcp_flags & TCP_FLAG_RST_BIT ||
	    !is_of_dest(pkt) || source_check(pkt))
		return GO_ON;
	route = route_find(wire_to(&pkt->wire));
	if (route && route->kind == ROUTE_LOCAL)
		return answer(pkt, STRAY, 0, wire_to(&pkt->wire));
	if (!is_forwarded(pkt))
		return GO_ON;
	hops_decrement(pkt); /* the forwarding path has done that when IPVS sees it */
	return answer(pkt, STRAY, 0, own_address(pkt));
}

ALWAYS int walk_stray(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return leave(&pkt, parse(&pkt) ?: direct_reply(&pkt) ?: tell(&pkt) ?:
			   stray_refuse(&pkt) ?: start(&pkt));
}
PROGRAM(stray)
