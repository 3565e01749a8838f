/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The way out: next hops are rows that the daemon compiles from routes and neighbours, so that a
 * packet looks nothing up. A neighbour not (or no longer) known leaves a note in front of the frame
 * for the tc companion, whose kernel resolves it and sends. Read next: tc.bpf.c.
 */
#ifndef XLVS_NEXTHOP_H
#define XLVS_NEXTHOP_H

#include "packet.h"

/* Where an address is reached: a row, or (id 0) an unknown neighbour on an interface. */
struct way {
	__u32 id;
	__u32 ifindex;
	struct address addr;
};

ALWAYS const struct route *route_find(struct address addr)
{
	struct route_key key = {.prefixlen = 128};

	for (int i = 0; i < 4; i++)
		store32(&key.addr[4 * i], addr.half[i / 2] >> (i % 2 * 32));
	return bpf_map_lookup_elem(&routes, &key);
}

ALWAYS int is_local(struct address addr)
{
	const struct route *route = route_find(addr);

	return route && route->kind == ROUTE_LOCAL;
}

/* By the compiled routes; 0 when there is none. Costs two lookups: once a connection, no more. */
ALWAYS int way_find(struct address addr, struct way *way)
{
	struct neighbour_key neighbour = {};
	const struct route *route = route_find(addr);
	__u32 *id;

	if (!route || route->kind != ROUTE_UNICAST)
		return 0;
	way->id = route->nexthop;
	way->ifindex = route->ifindex;
	way->addr = addr;
	if (way->id)
		return 1;
	neighbour.ifindex = route->ifindex;
	address_store(neighbour.addr, addr);
	id = bpf_map_lookup_elem(&neighbours, &neighbour);
	if (id)
		way->id = *id;
	return route->ifindex != 0;
}

/* Hands the frame to the tc companion; packet pointers are gone afterwards. */
ALWAYS int resolve(struct packet *pkt, __u32 ifindex, struct address addr)
{
	struct companion_note *note;

	/* The kernel writes both; one left over in the headroom could be multicast, which it drops.
	 */
	store32(&pkt->eth->h_dest[0], 0);
	store32(&pkt->eth->h_dest[4], 0);
	store32(&pkt->eth->h_source[2], 0);
	if (bpf_xdp_adjust_meta(pkt->ctx, -(int)sizeof(*note)))
		return INTERNAL;
	note = (void *)(long)pkt->ctx->data_meta;
	if ((void *)(note + 1) > (void *)(long)pkt->ctx->data)
		return INTERNAL;
	note->magic = COMPANION_MAGIC;
	note->ifindex = ifindex;
	for (int i = 0; i < 4; i++)
		store32(&note->nexthop[4 * i], addr.half[i / 2] >> (i % 2 * 32));
	pkt->verdict = XDP_PASS;
	return RESOLVING;
}

/* Whether a row's neighbour is known, and frames go to it as they are. */
ALWAYS int is_plain(const struct nexthop *hop)
{
	return (READ(hop->flags) & (NEXTHOP_VALID | NEXTHOP_TAGGED)) == NEXTHOP_VALID;
}

ALWAYS void ethernet_fill(struct packet *pkt, const struct nexthop *hop)
{
	store32(&pkt->eth->h_dest[0], load32(&hop->dmac[0]));
	store32(&pkt->eth->h_dest[4], load32(&hop->dmac[4]));
	store32(&pkt->eth->h_source[2], load32(&hop->smac[2]));
}

/* Sends by a row that may lack its neighbour. Returns reason, RESOLVING or INTERNAL. */
ALWAYS int send_by(struct packet *pkt, const struct nexthop *hop, int reason)
{
	if (unlikely(!is_plain(hop))) {
		if (!(READ(hop->flags) & NEXTHOP_VALID))
			return resolve(pkt, hop->logical, address_load(hop->addr));
		ethernet_fill(pkt, hop);
		if (tag_push(pkt->ctx, hop->tpid, hop->tci))
			return INTERNAL;
	} else {
		ethernet_fill(pkt, hop);
	}
	pkt->verdict =
		hop->ifindex == pkt->ctx->ingress_ifindex ? XDP_TX : bpf_redirect(hop->ifindex, 0);
	return reason;
}

/* Sends by a way: by its row, or by the companion as long as there is none. */
ALWAYS int send_way(struct packet *pkt, const struct way *way, int reason)
{
	__u32 id = way->id;

	if (id)
		return send_by(pkt, ROW(nexthops, id), reason);
	return resolve(pkt, way->ifindex, way->addr);
}

#endif
