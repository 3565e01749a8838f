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

SCHEDULER(nq)
{
	return least_of(service_id, nq_look);
}

#endif
