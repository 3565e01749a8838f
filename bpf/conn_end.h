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

/* VALID becomes ENDED; whoever does that to the request slot takes it off the counts. */
ALWAYS void slot_end(struct conn *slot, __u32 now)
{
	__u64 word = READ(slot->word), was;

	WRITE(slot->deadline, now - 1);
#pragma unroll
	for (int turn = 0; turn < END_TURNS; turn++) {
		if ((word & WORD_LIFE_MASK) != LIFE_VALID)
			return;
		was = __sync_val_compare_and_swap(&slot->word, word,
						  (word & ~(__u64)WORD_LIFE_MASK) | LIFE_ENDED);
		if (was == word) {
			if (!(word & FLAG(CONN_REPLY)))
				count_end(word);
			return;
		}
		word = was;
	}
}

ALWAYS int conn_end_at(__u8 v6, __u32 index, __u32 now)
{
	struct conn *slot = slot_at(v6, index), *partner;

	if (!slot)
		return 0;
	partner = partner_of(v6, slot);
	slot_end(slot, now);
	control_drop(v6, index);
	if (partner)
		slot_end(partner, now);
	return 0;
}

WARM int conn_end4(__u32 index, __u32 now)
{
	return conn_end_at(0, index, now);
}

WARM int conn_end6(__u32 index, __u32 now)
{
	return conn_end_at(1, index, now);
}

/* Needs conn, a request slot, and index. The request first: its reply slot is its own until it is
 * freed. */
ALWAYS void conn_end(struct packet *pkt)
{
	if (pkt->wire.v6)
		conn_end6(pkt->index, pkt->now);
	else
		conn_end4(pkt->index, pkt->now);
	pkt->conn = 0;
}

#endif
