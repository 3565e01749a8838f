/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * lc: the dest with the least connections, whatever its weight. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_lc.c (v6.1).
 */
#ifndef XLVS_SCHED_LC_H
#define XLVS_SCHED_LC_H

static long lc_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (it.weight)
		least_take(walk, it.dest, overhead(it.active, it.inactive), 1);
	return 0;
}

/* A dest that starts slowly counts as if it had more to do. */
static long lc_slow(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (it.is.weight)
		slow_take(walk, it.is.dest, slow_load(walk, &it), it.share);
	return 0;
}

SCHEDULER(lc)
{
	struct slow_walk slow;

	if (is_slow(service_id, &slow))
		return slow_of(&slow, lc_slow);
	return least_of(service_id, lc_look);
}

#endif
