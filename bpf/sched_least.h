/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the schedulers that look at live counts share: a walk over the rows of weights that keeps
 * the dest with the least load for its weight, the first of equals. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_wlc.c, include/net/ip_vs.h (v6.1).
 */
#ifndef XLVS_SCHED_LEAST_H
#define XLVS_SCHED_LEAST_H

/* An active connection weighs as so many inactive ones. */
#define ACTIVE_COST 256

/* A dest that may be chosen. */
struct candidate {
	__u32 dest;
	__u32 weight;
	__u32 active;
	__u32 inactive;
};

struct least_walk {
	__u64 word;
	__u64 load; /* of the best so far */
	__u32 weight;
	__u32 dest;
};

/* Weight 0: it may not be chosen; 0 at the end of the rows. */
ALWAYS int candidate_at(__u64 word, __u32 row_number, struct candidate *found)
{
	struct schedule_row *row = schedule_row(word, row_number);
	struct dest_conns *conns;
	__u32 dest;

	found->weight = 0;
	if (!row)
		return 0;
	dest = READ(row->dest);
	conns = dest_admitting(dest);
	if (!conns)
		return 1;
	found->dest = dest;
	found->weight = READ(row->value);
	found->active = READ(conns->active);
	found->inactive = READ(conns->inactive);
	return 1;
}

ALWAYS __u64 overhead(__u32 active, __u32 inactive)
{
	return (__u64)active * ACTIVE_COST + inactive;
}

ALWAYS void least_take(struct least_walk *walk, __u32 dest, __u64 load, __u32 weight)
{
	if (walk->dest != NONE && walk->load * weight <= load * walk->weight)
		return;
	walk->load = load;
	walk->weight = weight;
	walk->dest = dest;
}

/* Shows each row of a service's schedule to `look`; the dest id that it has kept. */
ALWAYS __u32 least_of(__u32 service_id, long (*look)(__u32, struct least_walk *))
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct least_walk walk = {.dest = NONE};

	if (!service)
		return NONE;
	walk.word = READ(service->schedule);
	bpf_loop(schedule_dests(walk.word), look, &walk, 0);
	return walk.dest;
}

#endif
