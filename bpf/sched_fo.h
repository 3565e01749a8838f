/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * fo: the dest of the highest weight, always. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_fo.c (v6.1).
 */
#ifndef XLVS_SCHED_FO_H
#define XLVS_SCHED_FO_H

static long fo_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (it.weight)
		least_take(walk, it.dest, 1, it.weight);
	return 0;
}

SCHEDULER(fo)
{
	return least_of(service_id, fo_look);
}

#endif
