/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * mh: Maglev hashing as the kernel does it: the dest that the client has a slot of; with
 * mh-fallback another when that is not usable. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_mh.c (v6.12).
 */
#ifndef XLVS_SCHED_MH_H
#define XLVS_SCHED_MH_H

#define MH_SLOTS 4093
/* Both halves of the key: the golden ratio of 2^32. */
#define MH_KEY 2654435761

struct mh_walk {
	struct table table;
	__u32 key;
	__u32 slot;
	__u32 dest;
};

/* SipHash-1-3 of the number's four bytes. */
ALWAYS __u32 mh_slot(__u32 key)
{
	struct sip sip = sip_begin(MH_KEY, MH_KEY);

	sip_take(&sip, 4ull << 56 | key);
	return sip_end(&sip) % MH_SLOTS;
}

/* The slots of the keys that follow, as ip_vs_mh_get_fallback counts them. */
static long mh_look(__u32 i, struct mh_walk *walk)
{
	__u32 slot = mh_slot(walk->key + (i + walk->slot) % MH_SLOTS);
	__u32 dest = table_dest(&walk->table, slot);

	if (!dest_is_usable(dest))
		return 0;
	walk->dest = dest;
	return 1;
}

SCHEDULER(mh)
{
	struct mh_walk walk = {.table = table_of(service_id), .dest = NONE};
	__u32 dest;

	if (!wire)
		return NONE;
	walk.key = client_key(&walk.table, wire);
	walk.slot = mh_slot(walk.key);
	dest = table_dest(&walk.table, walk.slot);
	if (dest == NONE || dest_is_usable(dest))
		return dest;
	if (walk.table.flags & SERVICE_FLAG_1)
		bpf_loop(MH_SLOTS, mh_look, &walk, 0);
	return walk.dest;
}

#endif
