/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * rr: the dest after the one used last that is not overloaded, that one itself at last. Part of
 * sched.h. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
#ifndef XLVS_SCHED_RR_H
#define XLVS_SCHED_RR_H

struct rr_walk {
	__u64 word;
	__u32 row; /* looked at last */
	__u32 dest;
};

static long rr_look(__u32 i, struct rr_walk *walk)
{
	struct schedule_row *row = schedule_row(walk->word, walk->row);
	__u32 dest;

	(void)i;
	if (!row)
		return 1;
	walk->row = READ(row->value);
	if (walk->row == NONE)
		return 1;
	row = schedule_row(walk->word, walk->row);
	if (!row)
		return 1;
	dest = READ(row->dest);
	if (!dest_admitting(dest))
		return 0;
	walk->dest = dest;
	return 1;
}

/* On the last turn the cursor may go where another CPU has moved it. */
WARM __u32 rr_turn(__u32 service_id, __u32 is_last)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct rr_walk walk = {.dest = NONE};

	if (!service)
		return NONE;
	walk.word = READ(service->schedule);
	walk.row = walk.word & CURSOR_MASK;
	bpf_loop(schedule_dests(walk.word), rr_look, &walk, 0);
	if (walk.dest == NONE)
		return NONE;
	if (__sync_val_compare_and_swap(&service->schedule, walk.word,
					(walk.word & ~CURSOR_MASK) | walk.row) != walk.word &&
	    !is_last)
		return AGAIN;
	return walk.dest;
}

SCHEDULER(rr)
{
	for (int turn = 0; turn < CURSOR_TURNS; turn++) {
		__u32 dest = rr_turn(service_id, turn == CURSOR_TURNS - 1);

		if (dest != AGAIN)
			return dest;
	}
	return NONE;
}

#endif
