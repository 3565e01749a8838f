/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * While the daemon is gone nobody sweeps: an insertion that finds no room takes over a slot that is
 * long overdue and does the sweep's accounting for its connection. Lookups refuse such slots, and
 * two seconds are far more than any reader stays. Whoever takes the request slot away accounts.
 * Part of conn_insert.h. Read next: control/dataplane/sweep.ts, which does the same at leisure.
 */
#ifndef XLVS_TAKEOVER_H
#define XLVS_TAKEOVER_H

/* Without a heartbeat for so long the daemon is taken for gone; overdue for so long, a reader. */
#define GONE_SECONDS	10
#define OVERDUE_SECONDS 2

ALWAYS int daemon_is_gone(__u32 now)
{
	return (__s32)(now - READ(settings.heartbeat)) > (__s32)(GONE_SECONDS * config.second);
}

/* A slot's key, for the stash. */
ALWAYS struct tuple slot_tuple(__u8 v6, const struct conn *slot, __u64 word)
{
	const __u64 *addrs = slot_addrs(slot);
	struct wire wire = {.ports = load32(&slot->cport), .protocol = slot->protocol, .v6 = v6};
	int reply = !!(word & FLAG(CONN_REPLY));

	if (reply)
		wire.ports = ROTATE(wire.ports, 16);
	if (v6) {
		wire.addrs[0] = reply ? addrs[2] : addrs[0];
		wire.addrs[1] = reply ? addrs[3] : addrs[1];
		wire.addrs[2] = reply ? addrs[0] : addrs[2];
		wire.addrs[3] = reply ? addrs[1] : addrs[3];
	} else {
		wire.addrs[0] = reply ? ROTATE(addrs[0], 32) : addrs[0];
	}
	return tuple_of(&wire);
}

/* Turns a slot in use into what `life` says, once: whether it was this CPU that did. */
ALWAYS int slot_take(struct conn *slot, __u64 word, __u64 life)
{
	__u64 was = word & WORD_LIFE_MASK;

	if ((was != LIFE_VALID && was != LIFE_ENDED) ||
	    __sync_val_compare_and_swap(&slot->word, word, word_emptied(word) | life) != word)
		return 0;
	if (was == LIFE_VALID && !(word & FLAG(CONN_REPLY)))
		count_end(word);
	return 1;
}

/* A stashed template's key goes, unless a newer one has taken it: under the key's stripe lock. */
ALWAYS void stash_forget(const struct tuple *tuple, __u32 index)
{
	struct tuple key = *tuple;
	__u32 *has = bpf_map_lookup_elem(&stash, &key);

	if (has && *has == index)
		bpf_map_delete_elem(&stash, &key);
}

/*
 * The other slot of a connection whose one slot was taken: emptied. One that is not overdue has
 * been taken by another CPU in between, and filled anew. One behind the table is ended and waits
 * for the sweep, with its key: to take that out of the kernel hash is two steps here, and a newer
 * connection that got the key in between would lose it.
 */
ALWAYS void partner_free(__u8 v6, __u32 index, __u32 then)
{
	struct conn *slot = slot_at(v6, index);
	__u64 word;

	if (!slot)
		return;
	word = READ(slot->word);
	if (!is_past(READ(slot->deadline), then))
		return;
	control_drop(v6, index);
	if (index / SLOTS_PER_BUCKET > bucket_mask(v6))
		slot_end(slot, then);
	else
		slot_take(slot, word, LIFE_EMPTY);
}

/* Whether a template goes on for its connections, over its time or not. */
ALWAYS int is_controller(__u8 v6, __u32 index, __u64 word)
{
	struct cold *cold = is_template(word) ? cold_at(v6, index) : 0;

	return cold && READ(cold->controls);
}

/* The call of a template goes with it, unless a newer template has it. */
ALWAYS void call_forget(__u8 v6, __u32 index)
{
	struct call_place place = {.index = index, .family = v6};
	struct call *call = bpf_map_lookup_elem(&call_ids, &place);
	__u32 *has = call ? bpf_map_lookup_elem(&calls, call) : 0;

	if (has && *has == index)
		bpf_map_delete_elem(&calls, call);
	bpf_map_delete_elem(&call_ids, &place);
}

/* What belongs to a slot's connection besides it. */
ALWAYS void slot_clear(__u8 v6, __u32 index, __u64 word)
{
	struct cold *cold = is_template(word) ? cold_at(v6, index) : 0;

	if (!cold) {
		control_drop(v6, index);
		return;
	}
	if (word & FLAG(CONN_CALL))
		call_forget(v6, index);
	WRITE(cold->control, 0);
}

/* Claims a slot of a bucket that is long overdue, BUSY: its index, or NONE. */
ALWAYS __u32 overdue_claim(__u8 v6, __u32 row, __u32 now)
{
	__u32 then = now - OVERDUE_SECONDS * config.second;
	void *bucket = bucket_at(v6, row);

	if (likely(!daemon_is_gone(now)) || !bucket)
		return NONE;
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn *slot = bucket + i * slot_size(v6);
		__u64 word = READ(slot->word);
		__u32 partner = READ(slot->partner), index = row * SLOTS_PER_BUCKET + i;

		if (!is_overdue(v6, slot, then) || is_controller(v6, index, word) ||
		    !slot_take(slot, word, LIFE_BUSY))
			continue;
		slot_clear(v6, index, word);
		if (partner != NONE)
			partner_free(v6, partner, then);
		return index;
	}
	return NONE;
}

#endif
