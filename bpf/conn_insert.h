/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The connection table: making. A slot goes EMPTY -> BUSY (compare-and-swap) -> fields -> VALID
 * (atomic or). A try-lock per stripe of the request's hash keeps two CPUs from making the same
 * connection twice; the compare-and-swap keeps two connections out of one slot. Publishing and
 * unlocking are fetching atomics, which order on arm64 too. Used by all walks that begin
 * connections (conn_insert: new, icmp_new, bypass, here_begin.h) or templates. Read next: stash.h,
 * takeover.h.
 */
#ifndef XLVS_CONN_INSERT_H
#define XLVS_CONN_INSERT_H

#include "conn_end.h"
#include "partner.h"

/* Turns to wait for a stripe: its holder does a bounded insertion and is never preempted. */
#define STRIPE_TURNS 64

WARM int stripe_lock(__u64 hash)
{
	__u32 row = (hash >> 20) & (STRIPES - 1);
	__u64 *stripe = bpf_map_lookup_elem(&stripes, &row);

	if (!stripe)
		return 0;
	for (int turn = 0; turn < STRIPE_TURNS; turn++)
		if (!__sync_val_compare_and_swap(stripe, 0, 1))
			return 1;
	return 0;
}

ALWAYS void stripe_unlock(__u64 hash)
{
	__u32 row = (hash >> 20) & (STRIPES - 1);
	__u64 *stripe = bpf_map_lookup_elem(&stripes, &row);

	if (stripe)
		__sync_fetch_and_and(stripe, 0);
}

/* A slot's word without what a connection put there; what belongs to the bucket stays. */
ALWAYS __u64 word_emptied(__u64 word)
{
	return word & FLAG(BUCKET_OVERFLOW | BUCKET_STASHED);
}

/* Claims an empty slot of a bucket: its index, or NONE. */
ALWAYS __u32 bucket_claim(__u8 v6, __u32 row, __u64 hash)
{
	__u32 first = first_slot(hash);
	void *bucket = bucket_at(v6, row);

	if (!bucket)
		return NONE;
#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		__u64 *word = &nth_slot(v6, bucket, first, i)->word;
		__u64 was = READ(*word);

		if ((was & WORD_LIFE_MASK) == LIFE_EMPTY &&
		    __sync_val_compare_and_swap(word, was, was | LIFE_BUSY) == was)
			return row * SLOTS_PER_BUCKET + (first ^ i);
	}
	return NONE;
}

/* Marks the first bucket of a hash: its keys may also be in the second bucket, or the stash. */
ALWAYS void bucket_mark(__u8 v6, __u64 hash, __u64 flag)
{
	struct conn *slot = bucket_at(v6, first_bucket(hash, v6));

	if (slot && !(READ(slot->word) & flag))
		__sync_fetch_and_or(&slot->word, flag);
}

ALWAYS void slot_release(__u8 v6, __u32 index)
{
	struct conn *slot = slot_at(v6, index);

	if (slot)
		__sync_fetch_and_and(&slot->word, FLAG(BUCKET_OVERFLOW | BUCKET_STASHED));
}

#include "takeover.h"
#include "stash.h"

/* A slot in one of a hash's two buckets, BUSY: its index, or NONE when they are full. */
ALWAYS __u32 table_claim(__u8 v6, __u64 hash, __u32 now)
{
	__u32 index = bucket_claim(v6, first_bucket(hash, v6), hash);

	if (likely(index != NONE))
		return index;
	index = bucket_claim(v6, second_bucket(hash, v6), hash);
	if (index == NONE)
		index = overdue_claim(v6, second_bucket(hash, v6), now);
	if (index != NONE)
		bucket_mark(v6, hash, FLAG(BUCKET_OVERFLOW));
	return index;
}

WARM __u32 table_claim4(__u64 hash, __u32 now)
{
	return table_claim(0, hash, now);
}

WARM __u32 table_claim6(__u64 hash, __u32 now)
{
	return table_claim(1, hash, now);
}

/* A slot for a key, BUSY: its index, or NONE when table and stash are full; see stash_claim_in. */
ALWAYS __u64 slot_claim(const struct wire *wire, __u64 hash, __u32 now)
{
	__u32 index = wire->v6 ? table_claim6(hash, now) : table_claim4(hash, now);
	struct tuple tuple;

	if (likely(index != NONE))
		return index;
	tuple = tuple_of(wire);
	return stash_claim(&tuple, hash);
}

ALWAYS void slot_unclaim_in(__u8 v6, const struct tuple *key, __u32 index)
{
	if (index / SLOTS_PER_BUCKET > bucket_mask(v6))
		stash_return(v6, key, index);
	slot_release(v6, index);
}

/* Undoes slot_claim. */
WARM int slot_unclaim(const struct tuple *tuple, __u32 index)
{
	struct tuple key;

	if (!tuple)
		return 0;
	key = *tuple;
	if (key.family)
		slot_unclaim_in(1, &key, index);
	else
		slot_unclaim_in(0, &key, index);
	return 0;
}

ALWAYS void slot_publish(struct conn *slot, __u64 hash, __u64 flags, __u32 dest)
{
	__sync_fetch_and_or(&slot->word, LIFE_VALID | flags << WORD_FLAGS_SHIFT |
						 hash_tag(hash) << WORD_TAG_SHIFT |
						 (__u64)dest << WORD_DEST_SHIFT);
}

/* Client's side and other side's address, with the other's port. */
ALWAYS void slot_fill(struct conn *slot, const struct packet *pkt, __u32 partner,
		      struct address other, __be16 port)
{
	__u64 *addrs = slot_addrs(slot);

	slot->cport = (__u16)pkt->wire.ports;
	slot->oport = port;
	slot->protocol = pkt->wire.protocol;
	slot->state = TCP_NONE;
	slot->nexthop = 0;
	slot->deadline = pkt->now + READ(settings.tcp_timeout[TCP_NONE]);
	slot->partner = partner;
	if (pkt->wire.v6) {
		addrs[0] = pkt->wire.addrs[0];
		addrs[1] = pkt->wire.addrs[1];
		addrs[2] = other.half[0];
		addrs[3] = other.half[1];
	} else {
		addrs[0] = (__u64)address_ipv4(&other) << 32 | (__u32)pkt->wire.addrs[0];
	}
}

/* The slot of a bucket that answers for a key, or did and is not freed yet: where it is shadowed
 * then, the sweep lets no older one answer. Fills seen, its word. */
ALWAYS struct conn *bucket_rival(const struct wire *wire, __u32 row, __u64 hash, __u64 *seen)
{
	__u64 want = hash_tag(hash) << WORD_TAG_SHIFT, mask = WORD_MATCH & ~(__u64)WORD_LIFE_MASK;
	__u32 first = first_slot(hash);
	void *bucket = bucket_at(wire->v6, row);

	if (!bucket)
		return 0;
#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn *slot = nth_slot(wire->v6, bucket, first, i);
		__u64 word = READ(slot->word);

		if ((word & mask) == want && (word & WORD_LIFE_MASK) >= LIFE_DEAD &&
		    is_key(slot, word, wire)) {
			*seen = word;
			return slot;
		}
	}
	return 0;
}

ALWAYS struct conn *rival_find(const struct wire *wire, __u64 hash, __u64 *word)
{
	__u8 v6 = wire->v6;
	struct conn *bucket = bucket_at(v6, first_bucket(hash, v6)), *slot;
	struct tuple key = tuple_of(wire);
	__u64 flags;

	if (!bucket)
		return 0;
	flags = READ(bucket->word);
	slot = bucket_rival(wire, first_bucket(hash, v6), hash, word);
	if (!slot && flags & FLAG(BUCKET_OVERFLOW))
		slot = bucket_rival(wire, second_bucket(hash, v6), hash, word);
	if (!slot && flags & FLAG(BUCKET_STASHED))
		slot = slot_at(v6, stash_rival(wire, &key, word));
	return slot;
}

/*
 * Shadows who answers for a key. Gives the rank of who does from now on. There may be two: a reply
 * slot over its time keeps no packet from beginning a connection of the same key.
 */
ALWAYS __u32 rival_shadow(const struct tuple *tuple, __u64 hash, __u8 v6)
{
	struct wire wire = wire_of(tuple, v6);
	__u32 rank = 0, other;
	__u64 word;

	for (int turn = 0; turn < 2; turn++) {
		struct conn *rival = rival_find(&wire, hash, &word);

		if (!rival)
			break;
		other = slot_shadow(v6, rival, word);
		if (other > rank)
			rank = other;
	}
	return rank;
}

WARM __u32 rival_shadow4(const struct tuple *tuple, __u64 hash)
{
	return tuple ? rival_shadow(tuple, hash, 0) : 0;
}

WARM __u32 rival_shadow6(const struct tuple *tuple, __u64 hash)
{
	return tuple ? rival_shadow(tuple, hash, 1) : 0;
}

/*
 * Two NAT connections may want one reply key: one client port, two virtual addresses, one dest. As
 * in IPVS the newest answers; the older reply slot is shadowed until the newer is gone (the sweep
 * lifts the shadow of the one with the highest rank). Gives the newest's rank, at least `rank`. Who
 * has shadowed one behind the table looks here, too: that one may be dead, and the sweep may just
 * have lifted the shadow of another.
 */
ALWAYS __u32 shadow_older(const struct wire *wire, __u64 hash, __u32 rank)
{
	struct tuple tuple = tuple_of(wire);
	__u32 other = wire->v6 ? rival_shadow6(&tuple, hash) : rival_shadow4(&tuple, hash);

	return other > rank ? other : rank;
}

/* The reply of a NAT connection, as it will be on the wire. */
ALWAYS struct wire wire_reply(const struct packet *pkt, struct address dest)
{
	struct wire wire = {.ports = pkt->wire.ports << 16 | port_at_dest(pkt),
			    .protocol = pkt->wire.protocol,
			    .v6 = pkt->wire.v6};

	if (wire.v6) {
		wire.addrs[0] = dest.half[0];
		wire.addrs[1] = dest.half[1];
		wire.addrs[2] = pkt->wire.addrs[0];
		wire.addrs[3] = pkt->wire.addrs[1];
	} else {
		wire.addrs[0] = pkt->wire.addrs[0] << 32 | address_ipv4(&dest);
	}
	return wire;
}

/* The reply slot of a NAT connection, still BUSY: its index, or NONE. Fills hash and rank. */
ALWAYS __u32 reply_make(struct packet *pkt, __u32 request, __u64 *hash, __u32 *rank)
{
	struct address dest = address_load(ROW(dest_addrs, pkt->dest_id)->daddr);
	struct wire wire = wire_reply(pkt, dest);
	struct conn *slot;
	__u32 index;
	__u64 claim;

	*hash = conn_hash(&wire);
	claim = slot_claim(&wire, *hash, pkt->now);
	index = claim;
	if (index == NONE)
		return NONE;
	slot = slot_at(wire.v6, index);
	if (!slot)
		return NONE;
	slot_fill(slot, pkt, request, dest, port_at_dest(pkt));
	*rank = shadow_older(&wire, *hash, claim >> 32);
	return index;
}

/* As the connection was made: another CPU may have moved its state since. */
ALWAYS void count_new(const struct packet *pkt, __u64 flags)
{
	__u32 id = pkt->dest_id, row = bpf_get_smp_processor_id() * DESTS_MAX + id;
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &id);
	struct dest_traffic *traffic = bpf_map_lookup_elem(&dest_traffic, &row);

	if (traffic)
		traffic->conns++;
	if (!conns)
		return;
	__sync_fetch_and_add(flags & CONN_INACTIVE ? &conns->inactive : &conns->active, 1);
	threshold(conns, id);
}

/* Notes which template a connection is of, before anybody can see it. */
ALWAYS void control_note(const struct packet *pkt, __u32 request)
{
	struct cold *cold = pkt->control ? cold_at(pkt->wire.v6, request) : 0;

	if (cold)
		WRITE(cold->control, pkt->control);
}

/*
 * Where dests of the sip engine begin connections, several may want one request key: a client's
 * port and one service. The newest has it, as it has a reply's; one over its time is shadowed too,
 * or the sweep would let two answer. Gives the connection's rank, of those of its two keys.
 */
ALWAYS __u32 request_shadow(const struct packet *pkt, __u32 claimed, __u32 rank)
{
	if (likely(!(READ(settings.direct_replies) & REPLIES_TOLD)))
		return rank;
	return shadow_older(&pkt->wire, pkt->hash, claimed > rank ? claimed : rank);
}

/* Makes the slots under the stripe's lock. Returns GO_ON, TABLE_FULL, INTERNAL. */
ALWAYS int conn_make(struct packet *pkt)
{
	__u32 fwd = pkt->dest->fwd & (CONN_FWD_MASK >> CONN_FWD_SHIFT), request, reply = NONE,
	      rank = 0;
	__u64 flags = fwd << CONN_FWD_SHIFT, reply_hash = 0, claim;
	struct conn *slot, *other;

	claim = slot_claim(&pkt->wire, pkt->hash, pkt->now);
	request = claim;
	if (request == NONE)
		return TABLE_FULL;
	if (fwd == FWD_NAT) {
		reply = reply_make(pkt, request, &reply_hash, &rank);
		if (reply == NONE) {
			struct tuple tuple = tuple_of(&pkt->wire);

			slot_unclaim(&tuple, request);
			return TABLE_FULL;
		}
	}
	slot = slot_at(pkt->wire.v6, request);
	if (!slot)
		return INTERNAL;
	slot_fill(slot, pkt, reply, wire_to(&pkt->wire), pkt->wire.ports >> 16);
	slot->nexthop = request_shadow(pkt, claim >> 32, rank);
	control_note(pkt, request);
	other = slot_at(pkt->wire.v6, reply);
	if (other)
		slot_publish(other, reply_hash, flags | CONN_REPLY, pkt->dest_id);
	if (fwd != FWD_NAT && pkt->dest_id)
		flags |= CONN_NOOUTPUT;
	/* Packets from port 0 find no connection, each begins one (ip_vs_conn.c, NO_CPORT). */
	if (!(__u16)pkt->wire.ports)
		flags |= CONN_SHADOWED;
	/* The SYN that starts a TCP connection makes it active: counted so at once. What else may
	 * start one is counted anew when it moves the state, a moment later. */
	if (pkt->wire.protocol != IPPROTO_TCP || pkt->is_error)
		flags |= CONN_INACTIVE;
	slot_publish(slot, pkt->hash, flags, pkt->dest_id);
	pkt->conn = slot;
	pkt->word = READ(slot->word);
	count_new(pkt, flags);
	return GO_ON;
}

/* The same, unless another CPU has just made it. Fills made when it was this one. */
ALWAYS int conn_find_or_make(struct packet *pkt, int *made)
{
	int reason;

	conn_find(pkt);
	if (pkt->conn)
		return GO_ON;
	reason = conn_make(pkt);
	*made = !reason;
	return reason;
}

/*
 * Needs dest, dest_id. Fills hash, conn and word with the new connection, or with the one another
 * CPU has just made. Returns GO_ON, STRIPE_BUSY, TABLE_FULL, INTERNAL.
 */
ALWAYS int conn_insert(struct packet *pkt)
{
	int reason = STRIPE_BUSY, made = 0;

	pkt->hash = conn_hash(&pkt->wire);
	if (stripe_lock(pkt->hash)) {
		reason = conn_find_or_make(pkt, &made);
		stripe_unlock(pkt->hash);
	}
	if (pkt->control && !made)
		control_release(pkt->wire.v6, pkt->control - 1);
	return reason;
}

#endif
