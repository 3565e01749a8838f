/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wlc: the dest with the least connections for its weight; the first of equals. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_wlc.c (v6.1): an active connection weighs as 256 inactive ones.
 */
#ifndef XLVS_SCHED_WLC_H
#define XLVS_SCHED_WLC_H

#define ACTIVE_COST 256

struct wlc_walk {
	__u64 word;
	__u64 load; /* of the best so far */
	__u32 weight;
	__u32 dest;
};

static long wlc_look(__u32 i, struct wlc_walk *walk)
{
	struct schedule_row *row = schedule_row(walk->word, i);
	struct dest_conns *conns;
	__u32 weight, dest;
	__u64 load;

	if (!row)
		return 1;
	weight = READ(row->value);
	dest = READ(row->dest);
	conns = bpf_map_lookup_elem(&dest_conns, &dest);
	if (!weight || !conns)
		return 0;
	load = (__u64)READ(conns->active) * ACTIVE_COST + READ(conns->inactive);
	if (walk->dest != NONE && walk->load * weight <= load * walk->weight)
		return 0;
	walk->load = load;
	walk->weight = weight;
	walk->dest = dest;
	return 0;
}

/* Its dest id, or NONE. */
SCHEDULER(wlc)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct wlc_walk walk = {.dest = NONE};

	if (!service)
		return NONE;
	walk.word = READ(service->schedule);
	bpf_loop(schedule_dests(walk.word), wlc_look, &walk, 0);
	return walk.dest;
}

#endif
