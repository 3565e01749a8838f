/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage source_check: what the host's receive path thinks of a source before IPVS sees the packet.
 * What it refuses is passed to it, so that it refuses it itself, and counts and logs it.
 * Source: net/ipv4/route.c ip_route_input_slow, fib_validate_source; net/ipv6/ip6_input.c
 * ip6_rcv_core (v6.12).
 */
#ifndef XLVS_SOURCE_H
#define XLVS_SOURCE_H

#include "nexthop.h"

#define LIMITED_BROADCAST 0xffffffff

/* Sources that no packet has on a wire. 0.1.2.3 may be one, as may 240.0.0.1. */
ALWAYS int is_martian4(__be32 addr)
{
	return !addr || addr == LIMITED_BROADCAST || *(__u8 *)&addr == 127 || IS_MULTICAST(addr);
}

/* What rp_filter has against a source that leads to this route. */
ALWAYS int is_filtered(const struct route *route, const struct interface *in)
{
	__u8 flags = READ(in->flags);
	__u32 id, leads;

	if (!(flags & (INTERFACE_STRICT | INTERFACE_LOOSE)))
		return 0;
	if (!route || route->kind == ROUTE_BROADCAST)
		return 1;
	id = route->nexthop;
	leads = id ? READ(ROW(nexthops, id)->logical) : route->ifindex;
	return flags & INTERFACE_STRICT ? leads != READ(in->speaker) : !leads;
}

/* Whether an address may be one of this host's. */
ALWAYS int is_maybe_own(__be32 addr)
{
	__u32 low = bpf_ntohl(addr) & (OWN_BITS - 1);

	return READ(*ROW(own, low / 32)) >> low % 32 & 1;
}

/* Whether the host refuses a source on an interface, by where its routes lead. */
WARM int source_refused(__be32 addr, __u32 ifindex)
{
	const struct interface *in = ROW(interfaces, ifindex);
	const struct route *route;

	route = route_find(address4(addr));
	if (route && route->kind == ROUTE_LOCAL)
		return !(READ(in->flags) & INTERFACE_ACCEPT_LOCAL);
	return is_filtered(route, in);
}

/* IPv6 refuses multicast and loopback; it has no rp_filter, and takes its own addresses. */
ALWAYS int is_martian6(const struct wire *wire)
{
	return (__u8)wire->addrs[0] == 0xff ||
	       (!wire->addrs[0] && wire->addrs[1] == bpf_cpu_to_be64(1));
}

ALWAYS int source_check4(struct packet *pkt)
{
	__be32 addr = pkt->wire.addrs[0];

	if (is_martian4(addr))
		return MARTIAN;
	if (likely(!(pkt->in_flags & (INTERFACE_STRICT | INTERFACE_LOOSE)) && !is_maybe_own(addr)))
		return GO_ON;
	return source_refused(addr, arrived_by(pkt)) ? MARTIAN : GO_ON;
}

/* Needs wire, in_flags. Returns GO_ON, MARTIAN. */
ALWAYS int source_check(struct packet *pkt)
{
	if (pkt->wire.v6)
		return is_martian6(&pkt->wire) ? MARTIAN : GO_ON;
	return source_check4(pkt);
}

#endif
