/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Slow start: a dest that came to a living service comes to its weight little by little, by the
 * tick at which that began; nobody has to tell that it is over. While some dest has a smaller share
 * of its weight than another, wrr, wlc, lc, sed and nq choose by what is here; else as IPVS does.
 * IPVS has none. Part of sched.h. Read next: sched_wrr.h, sched_wlc.h.
 */
#ifndef XLVS_SCHED_SLOW_H
#define XLVS_SCHED_SLOW_H

/* 2^32 by the golden ratio: its multiples are spread evenly, however many of them. */
#define SLOW_STEP 0x9e3779b9

struct slow_walk {
	__u64 word;
	__u64 total;  /* of all dests' weights, each times its share */
	__u64 point;  /* wrr: what is left of a number below the total */
	__u64 load;   /* of the best so far */
	__u64 weight; /* its weight times its share */
	__u32 dest;
	__u32 now;
	__u32 slow_start;
	__u32 most; /* the largest share of a dest that may be chosen */
	__u32 least;
};

struct slow_candidate {
	struct candidate is;
	__u32 share;
	__u64 weight;
};

/* Ticks since a slow start began; not below slow_start once it is over. */
ALWAYS __u32 slow_age(__u32 now, __u32 began, __u32 slow_start)
{
	__u32 late = now + SLOW_SLACK - began;

	if (late >= slow_start + SLOW_SLACK)
		return slow_start;
	return late > SLOW_SLACK ? late - SLOW_SLACK : 0;
}

ALWAYS __u32 slow_share(const struct slow_walk *walk, __u32 dest)
{
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &dest);
	__u32 began = conns ? READ(conns->tick) : 0;
	__u32 age = slow_age(walk->now, began, walk->slow_start);
	__u32 share;

	if (!began || age >= walk->slow_start)
		return SLOW_WHOLE;
	share = (__u64)age * SLOW_WHOLE / walk->slow_start;
	return share < SLOW_LEAST ? SLOW_LEAST : share;
}

/* As candidate_at. */
ALWAYS int slow_at(const struct slow_walk *walk, __u32 row, struct slow_candidate *found)
{
	if (!candidate_at(walk->word, row, &found->is))
		return 0;
	if (!found->is.weight)
		return 1;
	found->share = slow_share(walk, found->is.dest);
	found->weight = (__u64)found->is.weight * found->share;
	return 1;
}

static long slow_look(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (!it.is.weight)
		return 0;
	walk->total += it.weight;
	if (it.share > walk->most)
		walk->most = it.share;
	if (it.share < walk->least)
		walk->least = it.share;
	return 0;
}

/*
 * Whether dests have different shares just now. A service that has no slow start pays a load, one
 * where all are over two more. Fills the walk.
 */
ALWAYS int is_slow(__u32 service_id, struct slow_walk *walk)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	__u32 slow_start, at;

	if (!service)
		return 0;
	slow_start = READ(service->slow_start);
	if (likely(!slow_start))
		return 0;
	at = now();
	if (slow_age(at, READ(service->slow_began), slow_start) >= slow_start)
		return 0;
	*walk = (struct slow_walk){.word = READ(service->schedule),
				   .dest = NONE,
				   .now = at,
				   .slow_start = slow_start,
				   .least = SLOW_WHOLE};
	bpf_loop(schedule_dests(walk->word), slow_look, walk, 0);
	return walk->most > walk->least;
}

struct slow_product {
	__u64 high;
	__u64 low;
};

/* A weight of 2^31 times its share times a load is more than 64 bits hold. */
ALWAYS struct slow_product slow_product(__u64 a, __u64 b)
{
	__u64 a1 = a >> 32, a0 = (__u32)a, b1 = b >> 32, b0 = (__u32)b;
	__u64 low = a0 * b0, left = a1 * b0 + (low >> 32), right = a0 * b1 + (__u32)left;

	return (struct slow_product){a1 * b1 + (left >> 32) + (right >> 32),
				     right << 32 | (__u32)low};
}

/* Keeps the dest with the least load for its weight so far, the first of equals. */
ALWAYS void slow_take(struct slow_walk *walk, __u32 dest, __u64 load, __u64 weight)
{
	struct slow_product its = slow_product(load, walk->weight);
	struct slow_product best = slow_product(walk->load, weight);

	if (walk->dest != NONE &&
	    (its.high > best.high || (its.high == best.high && its.low >= best.low)))
		return;
	walk->load = load;
	walk->weight = weight;
	walk->dest = dest;
}

/* What wlc and lc go by; of a dest that starts slowly, with the connection that it would get. */
ALWAYS __u64 slow_load(const struct slow_walk *walk, const struct slow_candidate *it)
{
	return overhead(it->is.active, it->is.inactive) +
	       (it->share < walk->most ? ACTIVE_COST : 0);
}

/* Shows each row to `look`; the dest id that the walk has kept. */
ALWAYS __u32 slow_of(struct slow_walk *walk, long (*look)(__u32, struct slow_walk *))
{
	bpf_loop(schedule_dests(walk->word), look, walk, 0);
	return walk->dest;
}

#endif
