/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The stash: slots behind the table, for keys that find room in neither bucket, and the kernel hash
 * that leads to them; and who gives way to whom where several want one key. Part of conn_insert.h.
 * Read next: control/dataplane/unindex.ts, the sweep's part.
 */
#ifndef XLVS_STASH_H
#define XLVS_STASH_H

/* Turns to shadow a slot: each that is lost means another CPU has set a flag. */
#define SHADOW_TURNS 4

/*
 * Shadows a slot that had this word: whether it is that one's still. One that was freed meanwhile
 * stays as it is: a flag left in an empty slot would be its next one's.
 */
ALWAYS int slot_hide(struct conn *slot, __u64 word)
{
	__u64 was;

	for (int turn = 0; turn < SHADOW_TURNS; turn++) {
		was = __sync_val_compare_and_swap(&slot->word, word, word | FLAG(CONN_SHADOWED));
		if (was == word)
			return 1;
		if ((was ^ word) >> WORD_TAG_SHIFT)
			break;
		word = was;
	}
	return 0;
}

/* Lets a slot answer no more, which had this word. Gives the rank of who does instead. */
ALWAYS __u32 slot_shadow(__u8 v6, struct conn *slot, __u64 word)
{
	struct conn *request = word & FLAG(CONN_REPLY) ? partner_of(v6, slot) : slot;

	slot_hide(slot, word);
	return (request ? READ(request->nexthop) : 0) + 1;
}

/* The slot behind the table that answers for a key, or did and is not freed yet: its index, or
 * NONE. The key is on the caller's stack, inlined. Fills word. */
ALWAYS __u32 stash_rival(const struct wire *wire, const struct tuple *key, __u64 *word)
{
	__u32 *found = bpf_map_lookup_elem(&stash, key), index = found ? *found : NONE;
	struct conn *slot = slot_at(wire->v6, index);

	*word = slot ? READ(slot->word) : 0;
	if (!slot || *word & FLAG(CONN_SHADOWED) || (*word & WORD_LIFE_MASK) < LIFE_DEAD)
		return NONE;
	return is_key(slot, *word, wire) ? index : NONE;
}

/*
 * A slot behind the table, found through the kernel hash: its index, or NONE. Who was found by the
 * same key before, a rival or overdue, is shadowed: the upper half is the rank of who is found now.
 * While the slot is BUSY its partner is that rival.
 */
ALWAYS __u64 stash_claim_in(__u8 v6, __u64 hash, const struct tuple *tuple)
{
	__u32 buckets = config.stash_buckets[v6 ? FAMILY_IPV6 : FAMILY_IPV4];
	__u32 mask = buckets - 1, base = bucket_mask(v6) + 1;
	struct tuple key = *tuple; /* Linux 6.1 takes no key that a caller's pointer leads to */
	struct wire wire = wire_of(&key, v6);
	struct conn *slot, *rival;
	__u32 index, former;
	__u64 rank = 0, word;

	if (!buckets)
		return NONE;
	index = bucket_claim(v6, base + ((hash >> 8) & mask), hash);
	if (index == NONE)
		index = bucket_claim(v6, base + ((hash >> 32) & mask), hash);
	slot = slot_at(v6, index);
	if (!slot)
		return NONE;
	former = stash_rival(&wire, &key, &word);
	if (bpf_map_update_elem(&stash, &key, &index, BPF_ANY)) {
		slot_release(v6, index);
		return NONE;
	}
	slot->partner = former;
	rival = slot_at(v6, former);
	if (rival)
		rank = slot_shadow(v6, rival, word);
	bucket_mark(v6, hash, FLAG(BUCKET_STASHED));
	return rank << 32 | index;
}

WARM __u64 stash_claim(const struct tuple *tuple, __u64 hash)
{
	if (!tuple)
		return NONE;
	return tuple->family ? stash_claim_in(1, hash, tuple) : stash_claim_in(0, hash, tuple);
}

/*
 * Takes the shadow off a slot that has a key. Gives its life; LIFE_EMPTY when it is another's: the
 * sweep may have freed it.
 */
ALWAYS __u32 slot_unshadow(struct conn *slot, const struct wire *wire)
{
	__u64 word = READ(slot->word), was;

	if ((word & WORD_LIFE_MASK) < LIFE_DEAD || !is_key(slot, word, wire))
		return LIFE_EMPTY;
	for (int turn = 0; turn < SHADOW_TURNS; turn++) {
		was = __sync_val_compare_and_swap(&slot->word, word, word & ~FLAG(CONN_SHADOWED));
		if (was == word)
			return word & WORD_LIFE_MASK;
		if ((was ^ word) >> WORD_TAG_SHIFT)
			break;
		word = was;
	}
	return LIFE_EMPTY;
}

/*
 * The key of a slot behind the table goes back to who had it, when that answers still. One that has
 * ended or died is shadowed by nobody then, so that the sweep lets an older one answer. The sweep
 * may have taken the key out for a moment: it leads to the former then, too, if there is room.
 */
ALWAYS void stash_return(__u8 v6, const struct tuple *key, __u32 index)
{
	struct conn *slot = slot_at(v6, index), *rival;
	__u32 former = slot ? READ(slot->partner) : NONE;
	struct wire wire = wire_of(key, v6);

	rival = slot_at(v6, former);
	if (rival && slot_unshadow(rival, &wire) == LIFE_VALID)
		bpf_map_update_elem(&stash, key, &former, BPF_ANY);
	else
		bpf_map_delete_elem(&stash, key);
}

#endif
