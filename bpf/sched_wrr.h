/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * wrr: interleaved by a threshold that falls from the largest weight in steps of their greatest
 * common divisor. Part of sched.h. Source: net/netfilter/ipvs/ip_vs_wrr.c (v6.12).
 */
#ifndef XLVS_SCHED_WRR_H
#define XLVS_SCHED_WRR_H

struct wrr_walk {
	__u64 word;
	__u32 dests;
	__u32 row;    /* looked at last; dests is the head */
	__s32 weight; /* the threshold */
	__s32 step;
	__s32 start;
	__u32 dest;
};

static long wrr_look(__u32 i, struct wrr_walk *walk)
{
	struct schedule_row *row;

	(void)i;
	walk->row = walk->row >= walk->dests ? 0 : walk->row + 1;
	if (walk->row >= walk->dests) {
		walk->row = walk->dests;
		walk->weight -= walk->step;
		if (walk->weight <= 0)
			walk->weight = walk->start;
		return 0;
	}
	row = schedule_row(walk->word, walk->row);
	if (!row || (__s32)READ(row->value) < walk->weight)
		return !row;
	walk->dest = READ(row->dest);
	return 1;
}

/*
 * Its dest id, or NONE. A dest of the largest weight fits every threshold, so two rounds and a bit
 * suffice.
 */
SCHEDULER(wrr)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);

	if (!service)
		return NONE;
	for (int turn = 0; turn < CURSOR_TURNS; turn++) {
		struct wrr_walk walk = {.word = READ(service->schedule), .dest = NONE};
		__u64 was = READ(service->turn);
		struct schedule_row *head;

		walk.dests = schedule_dests(walk.word);
		head = schedule_row(walk.word, walk.dests);
		if (!head || !walk.dests)
			return NONE;
		walk.step = READ(head->dest);
		walk.start = READ(head->value);
		if (walk.start <= 0)
			return NONE;
		walk.row = (__u32)was;
		walk.weight = was >> 32 ?: walk.start;
		bpf_loop(2 * walk.dests + 3, wrr_look, &walk, 0);
		if (walk.dest == NONE)
			return NONE;
		if (__sync_val_compare_and_swap(&service->turn, was,
						(__u64)walk.weight << 32 | walk.row) == was)
			return walk.dest;
	}
	return NONE;
}

#endif
