/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * sed: the least expected delay, that is, (active + 1) for its weight. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_sed.c (v6.1).
 */
#ifndef XLVS_SCHED_SED_H
#define XLVS_SCHED_SED_H

static long sed_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (it.weight)
		least_take(walk, it.dest, (__u64)it.active + 1, it.weight);
	return 0;
}

static long sed_slow(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (it.is.weight)
		slow_take(walk, it.is.dest, (__u64)it.is.active + 1, it.weight);
	return 0;
}

SCHEDULER(sed)
{
	struct slow_walk slow;

	if (is_slow(service_id, &slow))
		return slow_of(&slow, sed_slow);
	return least_of(service_id, sed_look);
}

#endif
