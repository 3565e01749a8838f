/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The connection table: finding. Buckets of eight slots, two candidate buckets a key, a stash for
 * what finds room in neither. A slot's key is compared whole, so the tag only saves comparisons.
 * A reader may hold a slot while the daemon frees it: the daemon waits one RCU grace period between
 * DEAD and EMPTY, and a program runs inside one. Read next: conn_insert.h.
 */
#ifndef XLVS_CONN_H
#define XLVS_CONN_H

#include "packet.h"

#define WORD_MATCH                                                                                 \
	((__u64)WORD_LIFE_MASK | FLAG(CONN_SHADOWED) | (__u64)WORD_TAG_MASK << WORD_TAG_SHIFT)

#define KEY(n) (config.key[n])

/* One turn of NH: two words and their keys. */
ALWAYS __u64 nh(__u64 words, __u32 key, __u32 other)
{
	return (__u64)((__u32)words + key) * ((__u32)(words >> 32) + other);
}

/*
 * Keyed hash of addresses and ports: NH (Black et al., UMAC, RFC 4418 section 5.2.2) over their
 * 32-bit words, then a multiply and two shifts to spread it. A client who does not know the key
 * cannot choose tuples that meet in a bucket.
 */
ALWAYS __u64 conn_hash(const struct wire *wire)
{
	__u64 sum = nh(wire->addrs[0], KEY(0), KEY(1)) +
		    nh((__u64)wire->protocol << 32 | wire->ports, KEY(2), KEY(3));

	if (wire->v6)
		sum += nh(wire->addrs[1], KEY(6), KEY(7)) + nh(wire->addrs[2], KEY(8), KEY(9)) +
		       nh(wire->addrs[3], KEY(10), KEY(11));
	sum ^= sum >> 32;
	sum *= (__u64)KEY(4) << 32 | KEY(5);
	return sum ^ sum >> 29;
}

ALWAYS __u64 hash_tag(__u64 hash)
{
	return hash >> 40;
}

ALWAYS __u32 bucket_mask(__u8 v6)
{
	return config.bucket_mask[v6 ? FAMILY_IPV6 : FAMILY_IPV4];
}

ALWAYS __u32 first_bucket(__u64 hash, __u8 v6)
{
	return (__u32)hash & bucket_mask(v6);
}

/* Differs from the first by an odd number, so it is another bucket and leads back to the first. */
ALWAYS __u32 second_bucket(__u64 hash, __u8 v6)
{
	return (first_bucket(hash, v6) ^ ((__u32)hash_tag(hash) * 0x9e3779b1 | 1)) &
	       bucket_mask(v6);
}

/* Where in its bucket a key is looked for first. */
ALWAYS __u32 first_slot(__u64 hash)
{
	return (hash >> 37) % SLOTS_PER_BUCKET;
}

ALWAYS __u32 slot_size(__u8 v6)
{
	return v6 ? sizeof(struct conn6) : sizeof(struct conn4);
}

/* A bucket of the family's table. */
ALWAYS void *bucket_at(__u8 v6, __u32 row)
{
	if (v6)
		return bpf_map_lookup_elem(&conns6, &row);
	return bpf_map_lookup_elem(&conns4, &row);
}

/*
 * The i-th look is at the slot whose number is the first's xor i: in IPv4 the second is in the same
 * cache line, the next two in its neighbour. At half load 88 of 100 keys are in the first line.
 */
ALWAYS struct conn *nth_slot(__u8 v6, void *bucket, __u32 first, __u32 i)
{
	__u64 at = first * slot_size(v6);

	/* clang 19 loses the bound, and the verifier (6.18) then refuses the access. */
	asm volatile("" : "+r"(at));
	at &= (SLOTS_PER_BUCKET - 1) * slot_size(v6);
	return bucket + (at ^ i * slot_size(v6));
}

ALWAYS struct conn *slot_at(__u8 v6, __u32 index)
{
	void *bucket = bucket_at(v6, index / SLOTS_PER_BUCKET);

	return bucket ? bucket + index % SLOTS_PER_BUCKET * slot_size(v6) : 0;
}

ALWAYS struct conn *partner_of(__u8 v6, const struct conn *slot)
{
	return slot_at(v6, READ(slot->partner));
}

/* Client's and other address, as the slot has them. */
ALWAYS __u64 *slot_addrs(const struct conn *slot)
{
	return (void *)(slot + 1);
}

ALWAYS int is_past(__u32 deadline, __u32 now)
{
	return (__s32)(deadline - now) < 0;
}

/* A connection lives until the later deadline of its two slots; out of line by its rarity. */
ALWAYS int is_overdue(__u8 v6, const struct conn *slot, __u32 now)
{
	const struct conn *partner;

	if (likely(!is_past(READ(slot->deadline), now)))
		return 0;
	partner = partner_of(v6, slot);
	return !partner || is_past(READ(partner->deadline), now);
}

/* Whether a slot has these addresses: a reply slot's client is where the packet goes to. */
ALWAYS int is_addrs(const struct conn *slot, __u64 reply, const struct wire *wire)
{
	const __u64 *has = slot_addrs(slot);

	if (!wire->v6)
		return has[0] == (reply ? ROTATE(wire->addrs[0], 32) : wire->addrs[0]);
	if (reply)
		return has[0] == wire->addrs[2] && has[1] == wire->addrs[3] &&
		       has[2] == wire->addrs[0] && has[3] == wire->addrs[1];
	return has[0] == wire->addrs[0] && has[1] == wire->addrs[1] && has[2] == wire->addrs[2] &&
	       has[3] == wire->addrs[3];
}

/* Whether the slot's key is what is on the wire. */
ALWAYS int is_key(const struct conn *slot, __u64 word, const struct wire *wire)
{
	__u64 reply = word & FLAG(CONN_REPLY);
	__u32 ports = reply ? ROTATE(wire->ports, 16) : wire->ports;

	return load32(&slot->cport) == ports && slot->protocol == wire->protocol &&
	       is_addrs(slot, reply, wire);
}

/* Fills index and word. */
ALWAYS struct conn *bucket_find(void *bucket, __u32 row, struct packet *pkt)
{
	__u64 want = LIFE_VALID | hash_tag(pkt->hash) << WORD_TAG_SHIFT;
	__u32 first = first_slot(pkt->hash);

#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn *slot = nth_slot(pkt->wire.v6, bucket, first, i);
		__u64 word = READ(slot->word);

		if ((word & WORD_MATCH) == want && is_key(slot, word, &pkt->wire) &&
		    !is_overdue(pkt->wire.v6, slot, pkt->now)) {
			pkt->word = word;
			pkt->index = row * SLOTS_PER_BUCKET + (first ^ i);
			return slot;
		}
	}
	return 0;
}

/* Fills index and word. */
ALWAYS struct conn *stash_find(struct packet *pkt)
{
	struct tuple key = tuple_of(&pkt->wire);
	__u32 *index = bpf_map_lookup_elem(&stash, &key);
	struct conn *slot = index ? slot_at(pkt->wire.v6, *index) : 0;
	__u64 word;

	if (!slot)
		return 0;
	word = READ(slot->word);
	if ((word & (WORD_LIFE_MASK | FLAG(CONN_SHADOWED))) != LIFE_VALID ||
	    !is_key(slot, word, &pkt->wire) || is_overdue(pkt->wire.v6, slot, pkt->now))
		return 0;
	pkt->word = word;
	pkt->index = *index;
	return slot;
}

/* Fills conn, index and word when there is one; pkt->hash, wire and now are set. */
ALWAYS void conn_lookup(struct packet *pkt)
{
	__u32 row = first_bucket(pkt->hash, pkt->wire.v6);
	void *bucket = bucket_at(pkt->wire.v6, row);
	__u64 flags;

	pkt->conn = 0;
	if (!bucket)
		return;
	pkt->conn = bucket_find(bucket, row, pkt);
	if (likely(pkt->conn))
		return;
	flags = READ(((struct conn *)bucket)->word);
	if (likely(!(flags & FLAG(BUCKET_OVERFLOW | BUCKET_STASHED))))
		return;
	if (flags & FLAG(BUCKET_OVERFLOW)) {
		row = second_bucket(pkt->hash, pkt->wire.v6);
		bucket = bucket_at(pkt->wire.v6, row);
		if (!bucket)
			return;
		pkt->conn = bucket_find(bucket, row, pkt);
	}
	if (!pkt->conn && flags & FLAG(BUCKET_STASHED))
		pkt->conn = stash_find(pkt);
}

ALWAYS __u32 seek_in(const struct tuple *tuple, __u64 hash, __u32 now, __u8 v6)
{
	struct packet pkt = {.wire = wire_of(tuple, v6), .hash = hash, .now = now};

	conn_lookup(&pkt);
	return pkt.conn ? pkt.index : NONE;
}

/* The same as functions: the slot's index, or NONE. */
WARM __u32 conn_seek4(const struct tuple *tuple, __u64 hash, __u32 now)
{
	return tuple ? seek_in(tuple, hash, now, 0) : NONE;
}

WARM __u32 conn_seek6(const struct tuple *tuple, __u64 hash, __u32 now)
{
	return tuple ? seek_in(tuple, hash, now, 1) : NONE;
}

ALWAYS __u32 conn_seek(const struct wire *wire, __u64 hash, __u32 now)
{
	struct tuple tuple = tuple_of(wire);

	return wire->v6 ? conn_seek6(&tuple, hash, now) : conn_seek4(&tuple, hash, now);
}

/* Asks conn_seek and fills index, conn, word. */
ALWAYS int conn_ask(struct packet *pkt)
{
	pkt->index = conn_seek(&pkt->wire, pkt->hash, pkt->now);
	pkt->conn = slot_at(pkt->wire.v6, pkt->index);
	if (pkt->conn)
		pkt->word = READ(pkt->conn->word);
	return GO_ON;
}

/* For the warm walks. Fills hash, index, conn, word. */
ALWAYS int conn_find_warm(struct packet *pkt)
{
	pkt->hash = conn_hash(&pkt->wire);
	return conn_ask(pkt);
}

/* The first slot of a bucket whose word fits. Its tag is the key's but once in 2^24. */
ALWAYS struct conn *bucket_glance(__u8 v6, void *bucket, __u64 hash, __u64 *word)
{
	__u64 want = LIFE_VALID | hash_tag(hash) << WORD_TAG_SHIFT;
	__u32 first = first_slot(hash);

#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn *slot = nth_slot(v6, bucket, first, i);

		*word = READ(slot->word);
		if ((*word & WORD_MATCH) == want)
			return slot;
	}
	return 0;
}

/*
 * Fills hash, conn, word. conn stays 0 when there is no connection. A glance at the first bucket
 * finds nearly every connection; what it leaves open is asked of conn_seek.
 */
ALWAYS int conn_find(struct packet *pkt)
{
	__u8 v6 = pkt->wire.v6;
	struct conn *slot;
	void *bucket;
	__u64 word;

	pkt->conn = 0;
	pkt->hash = conn_hash(&pkt->wire);
	bucket = bucket_at(v6, first_bucket(pkt->hash, v6));
	if (!bucket)
		return GO_ON;
	slot = bucket_glance(v6, bucket, pkt->hash, &word);
	if (likely(slot && is_key(slot, word, &pkt->wire) &&
		   !is_past(READ(slot->deadline), pkt->now))) {
		pkt->conn = slot;
		pkt->word = word;
		return GO_ON;
	}
	if (!slot &&
	    likely(!(READ(((struct conn *)bucket)->word) & FLAG(BUCKET_OVERFLOW | BUCKET_STASHED))))
		return GO_ON;
	return conn_ask(pkt);
}

#endif
