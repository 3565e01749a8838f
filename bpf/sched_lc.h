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

SCHEDULER(lc)
{
	return least_of(service_id, lc_look);
}

#endif
