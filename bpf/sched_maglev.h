/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * maglev: the dest that the client has a slot of, in a table that every director has the same; of
 * the slots that follow when that is not usable. xlvs' own. Part of sched.h.
 */
#ifndef XLVS_SCHED_MAGLEV_H
#define XLVS_SCHED_MAGLEV_H

#define MAGLEV_SLOTS 65537
/*
 * Slots that are looked at. Who has the last usable of 1000 dests is found by half of the clients
 * then; more would make each attempt costly just when all dests are full.
 */
#define MAGLEV_LOOKS 1024
/* control/plan/schedule/maglev.ts CLIENT_KEY. */
#define MAGLEV_KEY	 0x676d2e736c767378
#define MAGLEV_OTHER_KEY 0x746e6576656c6761

struct maglev_walk {
	struct table table;
	__u32 slot;
	__u32 dest;
};

static long maglev_look(__u32 i, struct maglev_walk *walk)
{
	__u32 dest = table_dest(&walk->table, (walk->slot + i) % MAGLEV_SLOTS);

	if (!dest_is_usable(dest))
		return 0;
	walk->dest = dest;
	return 1;
}

/* SipHash-1-3 of the address's 16 bytes and the port's two. */
ALWAYS __u32 maglev_slot(struct address addr, __be16 port)
{
	struct sip sip = sip_begin(MAGLEV_KEY, MAGLEV_OTHER_KEY);

	sip_take(&sip, addr.half[0]);
	sip_take(&sip, addr.half[1]);
	sip_take(&sip, 18ull << 56 | port);
	return sip_end(&sip) % MAGLEV_SLOTS;
}

SCHEDULER(maglev)
{
	struct maglev_walk walk = {.table = table_of(service_id), .dest = NONE};

	if (!wire || !schedule_dests(walk.table.word))
		return NONE;
	walk.slot = maglev_slot(wire_from(wire), port_that_counts(&walk.table, wire));
	bpf_loop(MAGLEV_LOOKS, maglev_look, &walk, 0);
	return walk.dest;
}

#endif
