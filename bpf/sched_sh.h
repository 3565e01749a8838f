/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * sh: the dest that the client has a slot of; with sh-fallback another when that is not usable.
 * Part of sched.h. Source: net/netfilter/ipvs/ip_vs_sh.c (v6.12).
 */
#ifndef XLVS_SCHED_SH_H
#define XLVS_SCHED_SH_H

struct sh_walk {
	struct table table;
	__u32 hash;
	__u32 dest;
};

/* The slots from twice the hash on, as ip_vs_sh_get_fallback adds it up. */
static long sh_look(__u32 i, struct sh_walk *walk)
{
	__u32 slot = walk->hash + (i + walk->hash) % HASH_SLOTS;
	__u32 dest = table_dest(&walk->table, slot % HASH_SLOTS);

	if (!dest_is_usable(dest))
		return 0;
	walk->dest = dest;
	return 1;
}

SCHEDULER(sh)
{
	struct sh_walk walk = {.table = table_of(service_id), .dest = NONE};
	__u32 dest;

	if (!wire)
		return NONE;
	walk.hash = multiplied(client_key(&walk.table, wire));
	dest = table_dest(&walk.table, walk.hash);
	if (dest == NONE || dest_is_usable(dest))
		return dest;
	if (walk.table.flags & SERVICE_FLAG_1)
		bpf_loop(HASH_SLOTS, sh_look, &walk, 0);
	return walk.dest;
}

#endif
