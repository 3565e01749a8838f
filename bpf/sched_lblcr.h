/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * lblcr: the least loaded of the dests that the packet's destination address has; wlc's joins them
 * when it is busy, the most loaded one leaves after a while. Part of sched.h, after sched_lblc.h.
 * Differs from LVS: a set has LBLCR_SET_MAX dests at most; one more is used and not remembered.
 * Source: net/netfilter/ipvs/ip_vs_lblcr.c (v6.1).
 */
#ifndef XLVS_SCHED_LBLCR_H
#define XLVS_SCHED_LBLCR_H

struct set_walk {
	struct lblcr_set *set;
	struct least_walk least;
	__u32 size;
	__u32 service;
	__u64 load; /* of the busiest so far */
	__u32 weight;
	__u32 busiest; /* its place in the set */
	__u32 sought;  /* a dest id, */
	__u32 found;   /* and whether it is a member */
};

static const struct lblcr_set LBLCR_EMPTY;

/* A member's place: the newest is the last. */
ALWAYS __u32 set_place(__u32 size, __u32 i)
{
	__u32 place = size - 1 - i;

	asm volatile("" : "+r"(place));
	return place;
}

static long set_look(__u32 i, struct set_walk *walk)
{
	__u32 place = set_place(walk->size, i), dest, weight;
	struct dest_conns *conns;
	__u64 load;

	if (place >= LBLCR_SET_MAX)
		return 1;
	dest = READ(walk->set->dests[place]);
	walk->found |= dest == walk->sought;
	conns = bpf_map_lookup_elem(&dest_conns, &dest);
	if (!conns)
		return 0;
	weight = READ(conns->weight);
	if (!weight)
		return 0;
	load = overhead(READ(conns->active), READ(conns->inactive));
	if (walk->busiest == NONE || walk->load * weight < load * walk->weight) {
		walk->load = load;
		walk->weight = weight;
		walk->busiest = place;
	}
	if (remembered(walk->service, dest) && !READ(conns->overloaded))
		least_take(&walk->least, dest, load, weight);
	return 0;
}

/* Looks at all members; whether `sought` is one of them. */
ALWAYS void set_scan(struct lblcr_set *set, __u32 service_id, __u32 sought, struct set_walk *walk)
{
	*walk = (struct set_walk){.set = set,
				  .least.dest = NONE,
				  .service = service_id,
				  .busiest = NONE,
				  .sought = sought};
	walk->size = READ(set->count);
	bpf_loop(walk->size, set_look, walk, 0);
}

/* Whoever loses leaves the set as it is. */
ALWAYS int set_lock(struct lblcr_set *set)
{
	return !__sync_val_compare_and_swap(&set->lock, 0, 1);
}

ALWAYS void set_unlock(struct lblcr_set *set)
{
	__sync_fetch_and_and(&set->lock, 0);
}

static long set_shift(__u32 i, struct set_walk *walk)
{
	__u32 place = walk->busiest + i;

	asm volatile("" : "+r"(place));
	if (place >= LBLCR_SET_MAX - 1)
		return 1;
	WRITE(walk->set->dests[place], READ(walk->set->dests[place + 1]));
	return 0;
}

/* The set has been as it is for long enough: its busiest dest leaves. */
ALWAYS void set_shrink(struct set_walk *walk)
{
	struct lblcr_set *set = walk->set;

	if (walk->size <= 1 || walk->busiest == NONE ||
	    (__s32)(now() - READ(set->changed)) <= (__s32)READ(settings.lblcr_expiration))
		return;
	if (!set_lock(set))
		return;
	if (READ(set->count) == walk->size) {
		bpf_loop(walk->size - 1 - walk->busiest, set_shift, walk, 0);
		WRITE(set->count, walk->size - 1);
		WRITE(set->changed, now());
	}
	set_unlock(set);
}

WARM int set_add(__u32 service_id, const struct wire *wire, __u32 dest)
{
	struct lblcr_set *set;
	struct set_walk walk;
	struct cache_key key;
	__u32 size;

	if (!wire)
		return 0;
	key = cache_key(service_id, wire);
	set = bpf_map_lookup_elem(&lblcr, &key);
	if (!set) {
		bpf_map_update_elem(&lblcr, &key, &LBLCR_EMPTY, BPF_NOEXIST);
		set = bpf_map_lookup_elem(&lblcr, &key);
	}
	if (!set || !set_lock(set))
		return 0;
	WRITE(set->used, now());
	set_scan(set, service_id, dest, &walk);
	if (!walk.found) {
		size = READ(set->count);
		asm volatile("" : "+r"(size));
		if (size < LBLCR_SET_MAX) {
			WRITE(set->dests[size], dest);
			WRITE(set->count, size + 1);
			WRITE(set->changed, now());
		}
	}
	set_unlock(set);
	return 0;
}

/* The least loaded of the dests of an address, or NONE; its use is noted. */
WARM __u32 set_use(__u32 service_id, const struct wire *wire)
{
	struct lblcr_set *set;
	struct set_walk walk;
	struct cache_key key;

	if (!wire)
		return NONE;
	key = cache_key(service_id, wire);
	set = bpf_map_lookup_elem(&lblcr, &key);
	if (!set)
		return NONE;
	WRITE(set->used, now());
	set_scan(set, service_id, NONE, &walk);
	set_shrink(&walk);
	return walk.least.dest;
}

SCHEDULER(lblcr)
{
	__u32 kept = set_use(service_id, wire), dest;

	if (kept != NONE && !has_too_much(kept))
		return kept;
	dest = cache_choose(service_id, kept);
	if (dest != NONE && dest != kept)
		set_add(service_id, wire, dest);
	return dest;
}

#endif
