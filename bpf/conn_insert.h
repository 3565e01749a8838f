/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The connection table: making. A slot goes EMPTY -> BUSY (compare-and-swap) -> fields -> VALID
 * (atomic or). A try-lock per stripe of the request's hash keeps two CPUs from making the same
 * connection twice; the compare-and-swap keeps two connections out of one slot. Publishing and
 * unlocking are fetching atomics, which order on arm64 too. Used only by new.bpf.c.
 */
#ifndef XLVS_CONN_INSERT_H
#define XLVS_CONN_INSERT_H

#include "conn.h"

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

/* Claims an empty slot of a bucket: its index, or NONE. */
ALWAYS __u32 bucket_claim(__u32 row, __u64 hash)
{
	__u32 first = first_slot(hash);
	struct bucket4 *bucket = bpf_map_lookup_elem(&conns4, &row);

	if (!bucket)
		return NONE;
#pragma unroll
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		__u64 *word = &nth_slot(bucket, first, i)->word;
		__u64 was = READ(*word);

		if ((was & WORD_LIFE_MASK) == LIFE_EMPTY &&
		    __sync_val_compare_and_swap(word, was, was | LIFE_BUSY) == was)
			return row * SLOTS_PER_BUCKET + (first ^ i);
	}
	return NONE;
}

/* Marks the first bucket of a hash: its keys may also be in the second bucket, or the stash. */
ALWAYS void bucket_mark(__u64 hash, __u64 flag)
{
	__u32 row = first_bucket(hash);
	struct bucket4 *bucket = bpf_map_lookup_elem(&conns4, &row);

	if (bucket && !(READ(bucket->slot[0].word) & flag))
		__sync_fetch_and_or(&bucket->slot[0].word, flag);
}

ALWAYS void slot_release(__u32 index)
{
	struct conn4 *slot = slot_at(index);

	if (slot)
		__sync_fetch_and_and(&slot->word, FLAG(BUCKET_OVERFLOW | BUCKET_STASHED));
}

/* A slot behind the table, found through the kernel hash: its index, or NONE. */
ALWAYS __u32 stash_claim(__u64 hash, __u64 addrs, __u32 ports, __u8 protocol)
{
	struct wire_key key = stash_key(addrs, ports, protocol);
	__u32 mask = config.stash_buckets - 1, base = config.bucket_mask + 1;
	__u32 index;

	if (!config.stash_buckets)
		return NONE;
	index = bucket_claim(base + ((hash >> 8) & mask), hash);
	if (index == NONE)
		index = bucket_claim(base + ((hash >> 32) & mask), hash);
	if (index == NONE)
		return NONE;
	if (bpf_map_update_elem(&stash4, &key, &index, BPF_ANY)) {
		slot_release(index);
		return NONE;
	}
	bucket_mark(hash, FLAG(BUCKET_STASHED));
	return index;
}

/* A slot for a key, BUSY: its index, or NONE when table and stash are full. */
WARM __u32 slot_claim(__u64 hash, __u64 addrs, __u32 ports, __u32 protocol)
{
	__u32 index = bucket_claim(first_bucket(hash), hash);

	if (likely(index != NONE))
		return index;
	index = bucket_claim(second_bucket(hash), hash);
	if (index == NONE)
		return stash_claim(hash, addrs, ports, protocol);
	bucket_mark(hash, FLAG(BUCKET_OVERFLOW));
	return index;
}

/* Undoes slot_claim; in the stash the key goes with the slot. */
WARM int slot_unclaim(__u32 index, __u64 addrs, __u32 ports, __u32 protocol)
{
	struct wire_key key = stash_key(addrs, ports, protocol);

	if (index / SLOTS_PER_BUCKET > config.bucket_mask)
		bpf_map_delete_elem(&stash4, &key);
	slot_release(index);
	return 0;
}

ALWAYS void slot_publish(struct conn4 *slot, __u64 hash, __u64 flags, __u32 dest)
{
	__sync_fetch_and_or(&slot->word, LIFE_VALID | flags << WORD_FLAGS_SHIFT |
						 hash_tag(hash) << WORD_TAG_SHIFT |
						 (__u64)dest << WORD_DEST_SHIFT);
}

ALWAYS void slot_fill(struct conn4 *slot, const struct packet *pkt, __u32 partner)
{
	slot->caddr = (__u32)pkt->addrs;
	slot->cport = (__u16)pkt->ports;
	slot->protocol = pkt->protocol;
	slot->state = TCP_NONE;
	slot->nexthop = 0;
	slot->deadline = pkt->now + READ(settings.tcp_timeout[TCP_NONE]);
	slot->partner = partner;
}

/*
 * Two NAT connections may want one reply key: one client port, two virtual addresses, one dest. As
 * in IPVS the newest answers; the older reply slot is shadowed until the newer is gone (the sweep
 * lifts the shadow).
 */
ALWAYS void shadow_older(struct packet *pkt, __u64 hash, __u64 addrs, __u32 ports)
{
	struct conn4 *older = slot_at(conn_seek(hash, addrs, ports, pkt->protocol, pkt->now));

	if (older)
		__sync_fetch_and_or(&older->word, FLAG(CONN_SHADOWED));
}

/* The reply slot of a NAT connection, still BUSY: its index, or NONE. */
ALWAYS __u32 reply_make(struct packet *pkt, __u32 request, __u64 *hash)
{
	__u64 addrs = (__u64)(__u32)pkt->addrs << 32 | pkt->dest->daddr;
	__u32 ports = pkt->ports << 16 | pkt->dest->dport;
	struct conn4 *slot;
	__u32 index;

	*hash = conn_hash(addrs, ports, pkt->protocol);
	index = slot_claim(*hash, addrs, ports, pkt->protocol);
	if (index == NONE)
		return NONE;
	slot = slot_at(index);
	if (!slot)
		return NONE;
	slot_fill(slot, pkt, request);
	slot->oaddr = pkt->dest->daddr;
	slot->oport = pkt->dest->dport;
	shadow_older(pkt, *hash, addrs, ports);
	return index;
}

ALWAYS void count_new(const struct packet *pkt)
{
	__u32 id = pkt->dest_id, row = bpf_get_smp_processor_id() * DESTS_MAX + id;
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &id);
	struct dest_traffic *traffic = bpf_map_lookup_elem(&dest_traffic, &row);

	if (conns)
		__sync_fetch_and_add(
			pkt->word & FLAG(CONN_INACTIVE) ? &conns->inactive : &conns->active, 1);
	if (traffic)
		traffic->conns++;
}

/* Makes the slots under the stripe's lock. Returns GO_ON, TABLE_FULL, INTERNAL. */
ALWAYS int conn_make(struct packet *pkt)
{
	__u32 fwd = pkt->dest->fwd & (CONN_FWD_MASK >> CONN_FWD_SHIFT), request, reply = NONE;
	__u64 flags = fwd << CONN_FWD_SHIFT, reply_hash = 0;
	struct conn4 *slot, *other;

	request = slot_claim(pkt->hash, pkt->addrs, pkt->ports, pkt->protocol);
	if (request == NONE)
		return TABLE_FULL;
	if (fwd == FWD_NAT) {
		reply = reply_make(pkt, request, &reply_hash);
		if (reply == NONE) {
			slot_unclaim(request, pkt->addrs, pkt->ports, pkt->protocol);
			return TABLE_FULL;
		}
	}
	slot = slot_at(request);
	if (!slot)
		return INTERNAL;
	slot_fill(slot, pkt, reply);
	slot->oaddr = pkt->addrs >> 32;
	slot->oport = pkt->ports >> 16;
	other = slot_at(reply);
	if (other)
		slot_publish(other, reply_hash, flags | CONN_REPLY, pkt->dest_id);
	if (fwd != FWD_NAT)
		flags |= CONN_NOOUTPUT;
	/* The SYN that starts a TCP connection makes it active: counted so at once. */
	if (pkt->protocol != IPPROTO_TCP)
		flags |= CONN_INACTIVE;
	slot_publish(slot, pkt->hash, flags, pkt->dest_id);
	pkt->conn = slot;
	pkt->word = READ(slot->word);
	count_new(pkt);
	return GO_ON;
}

/*
 * Needs dest, dest_id. Fills hash, conn and word with the new connection, or with the one another
 * CPU has just made. Returns GO_ON, STRIPE_BUSY, TABLE_FULL, INTERNAL.
 */
ALWAYS int conn_insert(struct packet *pkt)
{
	int reason = GO_ON;

	pkt->hash = conn_hash(pkt->addrs, pkt->ports, pkt->protocol);
	if (!stripe_lock(pkt->hash))
		return STRIPE_BUSY;
	conn_find(pkt);
	if (!pkt->conn)
		reason = conn_make(pkt);
	stripe_unlock(pkt->hash);
	return reason;
}

#endif
