/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The end of a connection ahead of its time, by a packet: from here on neither packets nor counts
 * know it, as in IPVS; its slots are freed by the daemon's sweep. Both slots are overdue as well,
 * so that the sweep ends what was not ended here. Read next: renew.bpf.c, takeover.h.
 */
#ifndef XLVS_CONN_END_H
#define XLVS_CONN_END_H

#include "control.h"
#include "threshold.h"

/* Turns to end a slot: each that is lost means another CPU has set a flag. */
#define END_TURNS 4

/* The end of a connection or a template, as its dest counts it. */
ALWAYS void count_end(__u64 word)
{
	__u32 id = word >> WORD_DEST_SHIFT;
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &id);

	if (!conns)
		return;
	if (is_template(word)) {
		__sync_fetch_and_add(&conns->persistent, -1);
		return;
	}
	__sync_fetch_and_add(word & FLAG(CONN_INACTIVE) ? &conns->inactive : &conns->active, -1);
	threshold(conns, id);
}

/* VALID becomes ENDED; whoever does that to the request slot gets its word, to take it off the
 * counts. Returns 0 to others. */
ALWAYS __u64 slot_leave(struct conn *slot, __u32 now)
{
	__u64 word = READ(slot->word), was;

	WRITE(slot->deadline, now - 1);
#pragma unroll
	for (int turn = 0; turn < END_TURNS; turn++) {
		if ((word & WORD_LIFE_MASK) != LIFE_VALID)
			return 0;
		was = __sync_val_compare_and_swap(&slot->word, word,
						  (word & ~(__u64)WORD_LIFE_MASK) | LIFE_ENDED);
		if (was == word)
			return word & FLAG(CONN_REPLY) ? 0 : word;
		word = was;
	}
	return 0;
}

ALWAYS void slot_end(struct conn *slot, __u32 now)
{
	__u64 word = slot_leave(slot, now);

	if (word)
		count_end(word);
}

/* Notes the word in the handover with `later`, for counts_settle(). */
ALWAYS int conn_end_at(__u8 v6, __u32 index, __u32 now, int later)
{
	struct conn *slot = slot_at(v6, index), *partner;
	__u32 zero = 0;
	struct handover *h = later ? bpf_map_lookup_elem(&handovers, &zero) : 0;

	if (!slot)
		return 0;
	partner = partner_of(v6, slot);
	if (h)
		h->ended = slot_leave(slot, now);
	else
		slot_end(slot, now);
	control_drop(v6, index);
	if (partner)
		slot_leave(partner, now);
	return 0;
}

WARM int conn_end4(__u32 index, __u32 now, int later)
{
	return conn_end_at(0, index, now, later);
}

WARM int conn_end6(__u32 index, __u32 now, int later)
{
	return conn_end_at(1, index, now, later);
}

/*
 * Takes off the counts what this packet has ended. One that begins another connection in its place
 * does so afterwards: to the scheduler the old one is still there, as IPVS ends it by a timer.
 */
WARM int counts_settle(void)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (h && h->ended) {
		count_end(h->ended);
		h->ended = 0;
	}
	return 0;
}

/* Needs conn, a request slot, and index. The request first: its reply slot is its own until it is
 * freed. */
ALWAYS void conn_end(struct packet *pkt)
{
	if (pkt->wire.v6)
		conn_end6(pkt->index, pkt->now, 0);
	else
		conn_end4(pkt->index, pkt->now, 0);
	pkt->conn = 0;
}

/* The same; who calls it settles the counts, by counts_settle(), whatever becomes of the packet. */
ALWAYS void conn_end_first(struct packet *pkt)
{
	if (pkt->wire.v6)
		conn_end6(pkt->index, pkt->now, 1);
	else
		conn_end4(pkt->index, pkt->now, 1);
	pkt->conn = 0;
}

#endif
