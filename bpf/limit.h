/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The host's limits on ICMP errors of its own, which ours keep too, by buckets of our own: one of
 * all errors, one a receiver. Time is in jiffies here, as the kernel's. Used by error.bpf.c.
 * Source: net/ipv4/icmp.c icmpv4_xrlim_allow, icmp_global_allow, net/ipv6/icmp.c
 * icmpv6_xrlim_allow, net/ipv4/inetpeer.c inet_peer_xrlim_allow (v6.1.172).
 */
#ifndef XLVS_LIMIT_H
#define XLVS_LIMIT_H

#include "nexthop.h"

/* Errors that a receiver who has rested may get at once, and how long a new one has rested. */
#define PEER_BURST	  6
#define PEER_REST_SECONDS 60
/* The bucket of all is filled up at most so many times a second. */
#define REFILLS_A_SECOND 50
/* Types of errors are below: RFC 792, RFC 4443. */
#define TYPES_LIMITED 32

ALWAYS __u32 jiffies_now(void)
{
	if (config.manual_clock)
		return READ(settings.clock) << config.tick_shift;
	return bpf_jiffies64();
}

/* Whether anybody may be told anything just now, at so many a second and so many at once. */
ALWAYS int all_allow(struct icmp_credit *all, __u32 now, __u32 per_second, __s32 burst)
{
	__u32 then = READ(all->filled), rest = now - then;
	__s32 more, credit = READ(all->credit);

	if (credit > 0)
		return 1;
	if (rest > config.hz)
		rest = config.hz;
	more = (__u64)per_second * rest / config.hz;
	if (rest < config.hz / REFILLS_A_SECOND || !more)
		return 0;
	if (__sync_val_compare_and_swap(&all->filled, then, now) == then)
		WRITE(all->credit, credit + more < burst ? credit + more : burst);
	return 1;
}

/* An error was sent: one credit on average, so that nobody can count them from outside. */
ALWAYS void all_pay(struct icmp_credit *all)
{
	__sync_fetch_and_add(&all->credit, -(__s32)(bpf_get_prandom_u32() % 3));
}

ALWAYS int peer_allows(struct address to, __u32 interval, __u32 now)
{
	struct icmp_peer fresh = {.last = now - PEER_REST_SECONDS * config.hz}, *peer;
	struct icmp_peer_key key;
	__u32 tokens;

	address_store(key.addr, to);
	peer = bpf_map_lookup_elem(&icmp_peers, &key);
	if (!peer) {
		bpf_map_update_elem(&icmp_peers, &key, &fresh, BPF_ANY);
		peer = bpf_map_lookup_elem(&icmp_peers, &key);
		if (!peer)
			return 1;
	}
	tokens = peer->tokens + (now - peer->last);
	peer->last = now;
	if (tokens > PEER_BURST * interval)
		tokens = PEER_BURST * interval;
	peer->tokens = tokens >= interval ? tokens - interval : tokens;
	return tokens >= interval;
}

/* Jiffies between errors to one receiver; IPv6 allows wider networks more. */
ALWAYS __u32 peer_interval(struct address to, __u8 v6)
{
	__u32 interval = READ(settings.icmp_interval[v6 ? FAMILY_IPV6 : FAMILY_IPV4]);
	const struct route *route;

	if (!v6)
		return interval;
	route = route_find(to);
	return route ? interval >> ((128 - route->prefix) / 32 & 7) : interval;
}

/* Whether the host would send an error of this type and code to that receiver just now. */
ALWAYS int error_is_allowed(const struct handover *h, struct address to, __u8 v6)
{
	__u32 now = jiffies_now(), zero = 0, type = h->type;
	struct icmp_credit *all = bpf_map_lookup_elem(&icmp_credits, &zero);
	__u32 types = READ(settings.icmp_types[v6 ? FAMILY_IPV6 : FAMILY_IPV4]);

	if (!all || h->is_free || type >= TYPES_LIMITED || !(types >> type & 1))
		return 1;
	/* Path MTU discovery would break. */
	if (!v6 && type == 3 && h->code == 4)
		return 1;
	if (!all_allow(all, now, READ(settings.icmp_per_second), READ(settings.icmp_burst)) ||
	    !peer_allows(to, peer_interval(to, v6), now))
		return 0;
	all_pay(all);
	return 1;
}

#endif
