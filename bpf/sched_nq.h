/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * nq: the first dest without an active connection; when there is none, sed's. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_nq.c (v6.1).
 */
#ifndef XLVS_SCHED_NQ_H
#define XLVS_SCHED_NQ_H

static long nq_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (!it.weight)
		return 0;
	if (it.active) {
		least_take(walk, it.dest, (__u64)it.active + 1, it.weight);
		return 0;
	}
	walk->dest = it.dest;
	return 1;
}

/* A dest that starts slowly is not taken just because it has nothing to do. */
static long nq_slow(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (!it.is.weight)
		return 0;
	if (it.is.active || it.share < walk->most) {
		slow_take(walk, it.is.dest, (__u64)it.is.active + 1, it.weight);
		return 0;
	}
	walk->dest = it.is.dest;
	return 1;
}

SCHEDULER(nq)
{
	struct slow_walk slow;

	if (is_slow(service_id, &slow))
		return slow_of(&slow, nq_slow);
	return least_of(service_id, nq_look);
}

#endif
