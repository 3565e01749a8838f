/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wlc: the dest with the least connections for its weight; the first of equals. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_wlc.c (v6.1).
 */
#ifndef XLVS_SCHED_WLC_H
#define XLVS_SCHED_WLC_H

static long wlc_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (it.weight)
		least_take(walk, it.dest, overhead(it.active, it.inactive), it.weight);
	return 0;
}

static long wlc_slow(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (it.is.weight)
		slow_take(walk, it.is.dest, slow_load(walk, &it), it.weight);
	return 0;
}

SCHEDULER(wlc)
{
	struct slow_walk slow;

	if (is_slow(service_id, &slow))
		return slow_of(&slow, wlc_slow);
	return least_of(service_id, wlc_look);
}

#endif
