/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage schedule: the dest of a new connection. Orders and rows are compiled by the control plane
 * (control/plan/schedule.ts); here a cursor moves. Read next: conn_insert.h.
 * Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
#ifndef XLVS_SCHED_H
#define XLVS_SCHED_H

#include "service.h"

/* Lost races for the cursor before giving up: each means another CPU made progress. */
#define CURSOR_TURNS 32
#define CURSOR_MASK  ((1ull << SCHEDULE_CURSOR_BITS) - 1)

ALWAYS struct schedule_row *schedule_row(__u64 word, __u32 row)
{
	__u32 at = (__u32)(word >> SCHEDULE_PLACE_SHIFT) * SCHEDULE_ROW_UNIT + row;

	return bpf_map_lookup_elem(&schedules, &at);
}

/* rr: the row after the one used last. Its dest id, or NONE. */
WARM __u32 schedule_rr(__u32 service_id)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);

	if (!service)
		return NONE;
	for (int turn = 0; turn < CURSOR_TURNS; turn++) {
		__u64 word = READ(service->schedule);
		struct schedule_row *row = schedule_row(word, word & CURSOR_MASK);
		__u32 next;

		if (!row || !((word >> SCHEDULE_ROWS_SHIFT) & CURSOR_MASK))
			return NONE;
		next = READ(row->next);
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

/* Fills dest and dest_id. Without a dest the client gets port unreachable (3/3). */
ALWAYS int schedule(struct packet *pkt)
{
	__u32 id = READ(pkt->service->scheduler) == SCHED_RR ? schedule_rr(pkt->service_id) : NONE;

	pkt->dest_id = id;
	pkt->dest = ROW(dests, id);
	if (id == NONE)
		return answer(pkt, NO_DEST, 3, 3, 0, pkt->addrs >> 32);
	return GO_ON;
}

#endif
