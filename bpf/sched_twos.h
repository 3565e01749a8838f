/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * twos: of two dests drawn by weight the one with fewer connections for its weight. Part of
 * sched.h. Source: net/netfilter/ipvs/ip_vs_twos.c (v6.1): its arithmetic is of 32 bits, and
 * signed.
 */
#ifndef XLVS_SCHED_TWOS_H
#define XLVS_SCHED_TWOS_H

struct twos_draw {
	__s32 left; /* what is left of the random number; at 0 or below the dest is drawn */
	__s32 weight;
	__s32 overhead;
	__u32 dest;
};

struct twos_walk {
	__u64 word;
	__u32 total;
	__u32 dest; /* the last that may be chosen */
	struct twos_draw draws[2];
};

static long twos_sum(__u32 i, struct twos_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (!it.weight)
		return 0;
	walk->total += it.weight;
	walk->dest = it.dest;
	return 0;
}

ALWAYS void twos_draw(struct twos_draw *draw, const struct candidate *it)
{
	draw->left = (__u32)draw->left - it->weight;
	if (draw->left > 0 || draw->dest != NONE)
		return;
	draw->dest = it->dest;
	draw->weight = it->weight;
	draw->overhead = overhead(it->active, it->inactive);
}

static long twos_look(__u32 i, struct twos_walk *walk)
{
	struct candidate it;

	if (!candidate_at(walk->word, i, &it))
		return 1;
	if (!it.weight)
		return 0;
	twos_draw(&walk->draws[0], &it);
	twos_draw(&walk->draws[1], &it);
	return walk->draws[0].dest != NONE && walk->draws[1].dest != NONE;
}

/* 0 to total, both included. */
ALWAYS __u32 random_within(__u32 total)
{
	return (__u64)bpf_get_prandom_u32() * (__u32)(total + 1) >> 32;
}

/* Products that wrap, as the kernel's do. */
ALWAYS __s32 twos_product(__s32 weight, __s32 overhead)
{
	return (__u32)weight * (__u32)overhead;
}

SCHEDULER(twos)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct twos_walk walk = {.dest = NONE, .draws = {{.dest = NONE}, {.dest = NONE}}};
	struct twos_draw *first = &walk.draws[0], *second = &walk.draws[1];

	if (!service)
		return NONE;
	walk.word = READ(service->schedule);
	bpf_loop(schedule_dests(walk.word), twos_sum, &walk, 0);
	if (walk.dest == NONE)
		return NONE;
	first->left = random_within(walk.total);
	second->left = random_within(walk.total);
	bpf_loop(schedule_dests(walk.word), twos_look, &walk, 0);
	if (first->dest == NONE)
		return walk.dest; /* it has lost its place meanwhile */
	if (second->dest == NONE)
		return first->dest;
	return twos_product(second->weight, first->overhead) >
			       twos_product(first->weight, second->overhead)
		       ? second->dest
		       : first->dest;
}

#endif
