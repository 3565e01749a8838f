/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * lblc: the dest that the packet's destination address went to, unless it is busy; else wlc's,
 * which is remembered. Part of sched.h; lblcr shares what looks at busy dests. Source:
 * net/netfilter/ipvs/ip_vs_lblc.c (v6.1).
 */
#ifndef XLVS_SCHED_LBLC_H
#define XLVS_SCHED_LBLC_H

struct cache_walk {
	struct least_walk least;
	__u32 spare; /* some dest does less than half of what it could */
};

ALWAYS struct cache_key cache_key(__u32 service_id, const struct wire *wire)
{
	struct cache_key key = {.service = service_id};

	address_store(key.vaddr, wire_to(wire));
	return key;
}

static long cache_look(__u32 i, struct cache_walk *walk)
{
	struct schedule_row *row = schedule_row(walk->least.word, i);
	struct dest_conns *conns;
	struct candidate it;
	__u32 dest;

	if (!row)
		return 1;
	dest = READ(row->dest);
	conns = bpf_map_lookup_elem(&dest_conns, &dest);
	if (!conns)
		return 0;
	it.weight = READ(row->value);
	it.active = READ(conns->active);
	it.inactive = READ(conns->inactive);
	if (2ull * it.active < it.weight)
		walk->spare = 1;
	if (it.weight && !READ(conns->overloaded))
		least_take(&walk->least, dest, overhead(it.active, it.inactive), it.weight);
	return 0;
}

/* Finds wlc's dest, and whether any has capacity to spare. */
ALWAYS void cache_scan(__u32 service_id, struct cache_walk *walk)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);

	walk->least = (struct least_walk){.dest = NONE};
	walk->spare = 0;
	if (!service)
		return;
	walk->least.word = READ(service->schedule);
	bpf_loop(schedule_dests(walk->least.word), cache_look, walk, 0);
}

/* wlc's dest; or `kept`, when that has too much to do and nobody has capacity to spare. */
WARM __u32 cache_choose(__u32 service_id, __u32 kept)
{
	struct cache_walk walk;

	cache_scan(service_id, &walk);
	return kept != NONE && !walk.spare ? kept : walk.least.dest;
}

/* The counts of a dest that is remembered; 0 when it is not in the service any more. */
ALWAYS struct dest_conns *remembered(__u32 service_id, __u32 dest)
{
	const struct dest *row = ROW(dests, dest);

	if (!(READ(row->flags) & DEST_AVAILABLE) || READ(row->service) != service_id)
		return 0;
	return bpf_map_lookup_elem(&dest_conns, &dest);
}

/* What an address went to: a dest that may be used, or NONE; its use is noted. */
WARM __u32 entry_use(__u32 service_id, const struct wire *wire)
{
	struct dest_conns *conns;
	struct lblc_entry *entry;
	struct cache_key key;

	if (!wire)
		return NONE;
	key = cache_key(service_id, wire);
	entry = bpf_map_lookup_elem(&lblc, &key);
	if (!entry)
		return NONE;
	WRITE(entry->used, now());
	conns = remembered(service_id, READ(entry->dest));
	return conns && READ(conns->weight) ? READ(entry->dest) : NONE;
}

WARM int entry_write(__u32 service_id, const struct wire *wire, __u32 dest)
{
	struct lblc_entry made = {.used = now(), .dest = dest}, *entry;
	struct cache_key key;

	if (!wire)
		return 0;
	key = cache_key(service_id, wire);
	entry = bpf_map_lookup_elem(&lblc, &key);
	if (entry)
		WRITE(entry->dest, dest);
	else
		bpf_map_update_elem(&lblc, &key, &made, BPF_ANY);
	return 0;
}

/* More active connections than its weight says. */
ALWAYS int has_too_much(__u32 dest)
{
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &dest);

	return conns && READ(conns->active) > READ(conns->weight);
}

SCHEDULER(lblc)
{
	__u32 kept = entry_use(service_id, wire), dest;

	if (kept != NONE && !has_too_much(kept))
		return kept;
	dest = cache_choose(service_id, kept);
	if (dest != NONE && dest != kept)
		entry_write(service_id, wire, dest);
	return dest;
}

#endif
