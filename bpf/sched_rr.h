/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * rr: the dest after the one used last. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
#ifndef XLVS_SCHED_RR_H
#define XLVS_SCHED_RR_H

/* Its dest id, or NONE. */
SCHEDULER(rr)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);

	if (!service)
		return NONE;
	for (int turn = 0; turn < CURSOR_TURNS; turn++) {
		__u64 word = READ(service->schedule);
		struct schedule_row *row = schedule_row(word, word & CURSOR_MASK);
		__u32 next;

		if (!row || !schedule_dests(word))
			return NONE;
		next = READ(row->value);
		if (next == NONE)
			return NONE;
		row = schedule_row(word, next);
		if (!row)
			return NONE;
		if (__sync_val_compare_and_swap(&service->schedule, word,
						(word & ~CURSOR_MASK) | next) == word)
			return READ(row->dest);
	}
	return NONE;
}

#endif
