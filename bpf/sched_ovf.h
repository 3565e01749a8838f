/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ovf: the dest of the highest weight among those whose active connections do not exceed it. Part
 * of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_ovf.c (v6.1).
 */
#ifndef XLVS_SCHED_OVF_H
#define XLVS_SCHED_OVF_H

static long ovf_look(__u32 i, struct least_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (it.weight && it.active <= it.weight)
		least_take(walk, it.dest, 1, it.weight);
	return 0;
}

SCHEDULER(ovf)
{
	return least_of(service_id, ovf_look);
}

#endif
