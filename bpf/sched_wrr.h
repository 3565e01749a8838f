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
	__s32 seen; /* the largest weight that this pass has met; -1 while it is not a whole one */
	__u32 dest;
};

/*
 * The threshold falls by a step, and on until somebody fits it: what the kernel does pass by pass
 * when the largest weights are overloaded. A threshold above the smallest step, 1 to step, is left.
 */
ALWAYS void wrr_fall(struct wrr_walk *walk)
{
	walk->weight -= walk->step;
	if (walk->weight <= 0)
		walk->weight = walk->start;
	else if (walk->seen > 0 && walk->weight > walk->seen)
		walk->weight -= (walk->weight - walk->seen + walk->step - 1) / (__u32)walk->step *
				walk->step;
}

static long wrr_look(__u32 i, struct wrr_walk *walk)
{
	struct schedule_row *row;
	__s32 weight;
	__u32 dest;

	(void)i;
	walk->row = walk->row >= walk->dests ? 0 : walk->row + 1;
	if (walk->row >= walk->dests) {
		walk->row = walk->dests;
		wrr_fall(walk);
		walk->seen = 0;
		return 0;
	}
	row = schedule_row(walk->word, walk->row);
	if (!row)
		return 1;
	weight = READ(row->value);
	dest = READ(row->dest);
	if (weight <= 0 || !dest_admitting(dest))
		return 0;
	if (walk->seen >= 0 && weight > walk->seen)
		walk->seen = weight;
	if (weight < walk->weight)
		return 0;
	walk->dest = dest;
	return 1;
}

/* Nobody was found: the kernel ends at the head, unless it had begun its last pass elsewhere. */
ALWAYS void wrr_rewind(struct wrr_walk *walk, __u32 row, __s32 weight)
{
	int begins = row >= walk->dests || weight > walk->step;

	walk->row = begins ? walk->dests : row;
	walk->weight = begins ? walk->start : weight;
}

/*
 * A dest of the largest weight fits every threshold, the largest that is not overloaded those that
 * follow a pass: the rest of one, a whole one, and another suffice.
 */
WARM __u32 wrr_turn(__u32 service_id, __u32 is_last)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct wrr_walk walk = {.seen = -1, .dest = NONE};
	struct schedule_row *head;
	__s32 weight;
	__u64 was;

	if (!service)
		return NONE;
	walk.word = READ(service->schedule);
	was = READ(service->turn);
	walk.dests = schedule_dests(walk.word);
	head = schedule_row(walk.word, walk.dests);
	if (!head || !walk.dests)
		return NONE;
	walk.step = READ(head->dest);
	walk.start = READ(head->value);
	if (walk.start <= 0)
		return NONE;
	weight = was >> 32 ?: walk.start;
	walk.row = (__u32)was;
	walk.weight = weight;
	bpf_loop(3 * (walk.dests + 1), wrr_look, &walk, 0);
	if (walk.dest == NONE)
		wrr_rewind(&walk, (__u32)was, weight);
	if (__sync_val_compare_and_swap(&service->turn, was, (__u64)walk.weight << 32 | walk.row) !=
		    was &&
	    !is_last)
		return AGAIN;
	return walk.dest;
}

/* The dest that the point falls to; the last one where somebody has left meanwhile. */
static long wrr_slow(__u32 i, struct slow_walk *walk)
{
	struct slow_candidate it;

	if (!slow_at(walk, i, &it))
		return 1;
	if (!it.is.weight)
		return 0;
	walk->dest = it.is.dest;
	if (walk->point < it.weight)
		return 1;
	walk->point -= it.weight;
	return 0;
}

/*
 * By shares the dests have no common step to fall by: each new connection is a point on a line of
 * all weights, golden steps apart, which meets each dest as often as it should and not in a row.
 */
ALWAYS __u32 wrr_draw(__u32 service_id, struct slow_walk *walk)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	__u32 turn;

	if (!service)
		return NONE;
	turn = __sync_fetch_and_add(&service->slow_turn, 1) + 1;
	walk->point = slow_product(walk->total, (__u64)(turn * SLOW_STEP) << 32).high;
	return slow_of(walk, wrr_slow);
}

SCHEDULER(wrr)
{
	struct slow_walk slow;

	if (is_slow(service_id, &slow))
		return wrr_draw(service_id, &slow);
	for (int turn = 0; turn < CURSOR_TURNS; turn++) {
		__u32 dest = wrr_turn(service_id, turn == CURSOR_TURNS - 1);

		if (dest != AGAIN)
			return dest;
	}
	return NONE;
}

#endif
