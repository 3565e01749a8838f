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
#define ROTATE(x, bits) ((x) << (bits) | (x) >> (8 * sizeof(x) - (bits)))

/*
 * Keyed hash of the four-tuple: NH (Black et al., UMAC, RFC 4418 section 5.2.2) over four 32-bit
 * words, then a multiply and two shifts to spread it. A client who does not know the key cannot
 * choose tuples that meet in a bucket.
 */
ALWAYS __u64 conn_hash(__u64 addrs, __u32 ports, __u8 protocol)
{
	__u64 sum = (__u64)((__u32)addrs + config.key[0]) * ((__u32)(addrs >> 32) + config.key[1]) +
		    (__u64)(ports + config.key[2]) * ((__u32)protocol + config.key[3]);

	sum ^= sum >> 32;
	sum *= (__u64)config.key[4] << 32 | config.key[5];
	return sum ^ sum >> 29;
}

ALWAYS __u64 hash_tag(__u64 hash)
{
	return hash >> 40;
}

ALWAYS __u32 first_bucket(__u64 hash)
{
	return (__u32)hash & config.bucket_mask;
}

/* Differs from the first by an odd number, so it is another bucket and leads back to the first. */
ALWAYS __u32 second_bucket(__u64 hash)
{
	return (first_bucket(hash) ^ ((__u32)hash_tag(hash) * 0x9e3779b1 | 1)) & config.bucket_mask;
}

/* Where in its bucket a key is looked for first. */
ALWAYS __u32 first_slot(__u64 hash)
{
	return (hash >> 37) % SLOTS_PER_BUCKET;
}

/*
 * The i-th look is at the slot whose number is the first's xor i: the second is in the same cache
 * line, the next two in its neighbour. At half load 88 of 100 keys are in the first line.
 */
ALWAYS struct conn4 *nth_slot(struct bucket4 *bucket, __u32 first, __u32 i)
{
	__u64 at = first * sizeof(struct conn4);

	/* clang 19 loses the bound, and the verifier (6.18) then refuses the access. */
	asm volatile("" : "+r"(at));
	at &= sizeof(struct bucket4) - sizeof(struct conn4);
	return (void *)bucket + (at ^ i * sizeof(struct conn4));
}

ALWAYS struct conn4 *slot_at(__u32 index)
{
	__u32 row = index / SLOTS_PER_BUCKET;
	struct bucket4 *bucket = bpf_map_lookup_elem(&conns4, &row);

	return bucket ? &bucket->slot[index % SLOTS_PER_BUCKET] : 0;
}

ALWAYS int is_past(__u32 deadline, __u32 now)
{
	return (__s32)(deadline - now) < 0;
}

/* A connection lives until the later deadline of its two slots; out of line by its rarity. */
ALWAYS int is_overdue(const struct conn4 *slot, __u32 now)
{
	const struct conn4 *partner;

	if (likely(!is_past(READ(slot->deadline), now)))
		return 0;
	partner = slot_at(READ(slot->partner));
	return !partner || is_past(READ(partner->deadline), now);
}

/* Whether the slot's key is this packet's: a reply slot's client is where the packet goes to. */
ALWAYS int is_key(const struct conn4 *slot, __u64 word, __u64 addrs, __u32 ports, __u8 protocol)
{
	if (word & FLAG(CONN_REPLY)) {
		addrs = ROTATE(addrs, 32);
		ports = ROTATE(ports, 16);
	}
	return *(__u64 *)&slot->caddr == addrs && *(__u32 *)&slot->cport == ports &&
	       slot->protocol == protocol;
}

/* Fills index and word. */
ALWAYS struct conn4 *bucket_find(struct bucket4 *bucket, __u32 row, struct packet *pkt)
{
	__u64 want = LIFE_VALID | hash_tag(pkt->hash) << WORD_TAG_SHIFT;
	__u32 first = first_slot(pkt->hash);

#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn4 *slot = nth_slot(bucket, first, i);
		__u64 word = READ(slot->word);

		if ((word & WORD_MATCH) == want &&
		    is_key(slot, word, pkt->addrs, pkt->ports, pkt->protocol) &&
		    !is_overdue(slot, pkt->now)) {
			pkt->word = word;
			pkt->index = row * SLOTS_PER_BUCKET + (first ^ i);
			return slot;
		}
	}
	return 0;
}

ALWAYS struct wire_key stash_key(__u64 addrs, __u32 ports, __u8 protocol)
{
	return (struct wire_key){.saddr = (__u32)addrs,
				 .daddr = addrs >> 32,
				 .sport = (__u16)ports,
				 .dport = ports >> 16,
				 .protocol = protocol};
}

/* Fills index and word. */
ALWAYS struct conn4 *stash_find(struct packet *pkt)
{
	struct wire_key key = stash_key(pkt->addrs, pkt->ports, pkt->protocol);
	__u32 *index = bpf_map_lookup_elem(&stash4, &key);
	struct conn4 *slot = index ? slot_at(*index) : 0;
	__u64 word;

	if (!slot)
		return 0;
	word = READ(slot->word);
	if ((word & WORD_LIFE_MASK) != LIFE_VALID ||
	    !is_key(slot, word, pkt->addrs, pkt->ports, pkt->protocol) ||
	    is_overdue(slot, pkt->now))
		return 0;
	pkt->word = word;
	pkt->index = *index;
	return slot;
}

/* Fills conn, index and word when there is one; pkt->hash, addrs, ports, protocol and now are set.
 */
ALWAYS void conn_lookup(struct packet *pkt)
{
	__u32 row = first_bucket(pkt->hash);
	struct bucket4 *bucket = bpf_map_lookup_elem(&conns4, &row);
	__u64 flags;

	pkt->conn = 0;
	if (!bucket)
		return;
	pkt->conn = bucket_find(bucket, row, pkt);
	if (likely(pkt->conn))
		return;
	flags = READ(bucket->slot[0].word);
	if (likely(!(flags & FLAG(BUCKET_OVERFLOW | BUCKET_STASHED))))
		return;
	if (flags & FLAG(BUCKET_OVERFLOW)) {
		row = second_bucket(pkt->hash);
		bucket = bpf_map_lookup_elem(&conns4, &row);
		if (!bucket)
			return;
		pkt->conn = bucket_find(bucket, row, pkt);
	}
	if (!pkt->conn && flags & FLAG(BUCKET_STASHED))
		pkt->conn = stash_find(pkt);
}

/* The same as a function: the slot's index, or NONE. */
WARM __u32 conn_seek(__u64 hash, __u64 addrs, __u32 ports, __u32 protocol, __u32 now)
{
	struct packet pkt = {
		.hash = hash, .addrs = addrs, .ports = ports, .protocol = protocol, .now = now};

	conn_lookup(&pkt);
	return pkt.conn ? pkt.index : NONE;
}

/* Asks conn_seek and fills conn, word. */
ALWAYS int conn_ask(struct packet *pkt)
{
	pkt->conn = slot_at(conn_seek(pkt->hash, pkt->addrs, pkt->ports, pkt->protocol, pkt->now));
	if (pkt->conn)
		pkt->word = READ(pkt->conn->word);
	return GO_ON;
}

/* For the warm walks. Fills hash, conn, word. */
ALWAYS int conn_find_warm(struct packet *pkt)
{
	pkt->hash = conn_hash(pkt->addrs, pkt->ports, pkt->protocol);
	return conn_ask(pkt);
}

/* The first slot of a bucket whose word fits. Its tag is the key's but once in 2^24. */
ALWAYS struct conn4 *bucket_glance(struct bucket4 *bucket, __u64 hash, __u64 *word)
{
	__u64 want = LIFE_VALID | hash_tag(hash) << WORD_TAG_SHIFT;
	__u32 first = first_slot(hash);

#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn4 *slot = nth_slot(bucket, first, i);

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
	struct bucket4 *bucket;
	struct conn4 *slot;
	__u64 word;
	__u32 row;

	pkt->conn = 0;
	pkt->hash = conn_hash(pkt->addrs, pkt->ports, pkt->protocol);
	row = first_bucket(pkt->hash);
	bucket = bpf_map_lookup_elem(&conns4, &row);
	if (!bucket)
		return GO_ON;
	slot = bucket_glance(bucket, pkt->hash, &word);
	if (likely(slot && is_key(slot, word, pkt->addrs, pkt->ports, pkt->protocol) &&
		   !is_past(READ(slot->deadline), pkt->now))) {
		pkt->conn = slot;
		pkt->word = word;
		return GO_ON;
	}
	if (!slot && likely(!(READ(bucket->slot[0].word) & FLAG(BUCKET_OVERFLOW | BUCKET_STASHED))))
		return GO_ON;
	return conn_ask(pkt);
}

/* An ended connection makes way: both its slots are overdue from now on, and the sweep frees them.
 */
ALWAYS void conn_retire(struct packet *pkt)
{
	struct conn4 *partner = slot_at(READ(pkt->conn->partner));

	if (partner)
		WRITE(partner->deadline, pkt->now - 1);
	WRITE(pkt->conn->deadline, pkt->now - 1);
	pkt->conn = 0;
}

/*
 * IPVS' reuse check: a SYN on a connection that has ended makes a new one (conn_reuse_mode 1 and 2;
 * 2 and 3 also in FIN_WAIT when no reply was seen). Source: ip_vs_core.c is_new_conn_expected.
 */
ALWAYS int conn_is_reused(const struct packet *pkt)
{
	__u32 mode = READ(settings.conn_reuse_mode);
	__u8 state = READ(pkt->conn->state);

	if (!mode || pkt->protocol != IPPROTO_TCP || is_reply(pkt))
		return 0;
	return state == TCP_TIME_WAIT || state == TCP_CLOSE ||
	       (mode & 2 && state == TCP_FIN_WAIT && pkt->word & FLAG(CONN_NOOUTPUT));
}

#endif
