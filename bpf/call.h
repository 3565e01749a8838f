/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage call_persist: the template of a packet's call, in place of its client's (template.h). Such
 * templates are slots like the others, to be swept, listed and counted, but found by a kernel hash
 * whose key has all that the kernel compares; in the table they stand by a hash of the Call-ID,
 * with a part of it for client port, so that neither packets nor other templates are taken for
 * them. Used only by sip.bpf.c. Read next: call_key.h, message.h. Source:
 * net/netfilter/ipvs/ip_vs_pe_sip.c ip_vs_sip_ct_match, ip_vs_core.c ip_vs_sched_persist (v6.1).
 */
#ifndef XLVS_CALL_H
#define XLVS_CALL_H

#include "message.h"
#include "template.h"

#define CALL_WORDS ((CALL_ID_MAX + 1) / 8)

/* The call of this CPU's packet, which message_read begins. */
ALWAYS struct call *call_note(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&call_notes, &zero);
}

/* Keyed, so that nobody can have many calls meet in a bucket. */
WARM __u64 call_hash(__u64 hash)
{
	const struct call *note = call_note();
	__u64 odd = (__u64)KEY(12) << 32 | KEY(13) | 1;

	if (!note)
		return hash;
	for (__u32 i = 0; i < CALL_WORDS && i * 8 < note->length; i++) {
		hash = (hash ^ load64(&note->id[i * 8])) * odd;
		hash ^= hash >> 32;
	}
	return hash;
}

/* Notes what the call that was read belongs to. */
ALWAYS void call_fill(struct call *note, const struct wire *wire)
{
	address_store(note->caddr, wire_from(wire));
	address_store(note->vaddr, wire_to(wire));
	note->vport = wire->ports >> 16;
	note->protocol = wire->protocol;
	note->family = wire->v6;
}

/* A call's template as its slot has it: wire as wire_template made it. */
ALWAYS struct wire wire_call(const struct wire *wire, __u64 hash)
{
	struct wire call = *wire;

	call.ports |= (__u16)(hash >> 16) | 1;
	return call;
}

/* As template_invalidate. */
ALWAYS void call_invalidate(__u8 v6, struct conn *slot, __u32 index, __u64 word, struct call *note)
{
	struct tuple key = slot_tuple(v6, slot, word);

	if (!template_hide(slot, word))
		return;
	if (index / SLOTS_PER_BUCKET > bucket_mask(v6))
		stash_forget(&key, index);
	bpf_map_delete_elem(&calls, note);
}

/* The template of the call in the note, held: its index, or NONE. Of `dest` only, unless NONE. */
ALWAYS __u32 call_seek(__u32 dest, __u32 now, __u8 v6)
{
	struct call *note = call_note();
	__u32 *found = note ? bpf_map_lookup_elem(&calls, note) : 0, index, has;
	struct conn *slot;
	struct cold *cold;
	__u64 word;

	if (!found)
		return NONE;
	index = *found;
	slot = slot_at(v6, index);
	cold = cold_at(v6, index);
	if (!slot || !cold)
		return NONE;
	word = READ(slot->word);
	/* Its slot may have been taken for another since the call was found. */
	if ((word & WORD_LIFE_MASK) != LIFE_VALID || !is_template(word))
		return NONE;
	has = word >> WORD_DEST_SHIFT;
	if (!dest_keeps(has) || (dest != NONE && dest != has)) {
		call_invalidate(v6, slot, index, word, note);
		return NONE;
	}
	return template_hold(slot, cold, now) ? index : NONE;
}

WARM __u32 call_find4(__u32 dest, __u32 now)
{
	return call_seek(dest, now, 0);
}

WARM __u32 call_find6(__u32 dest, __u32 now)
{
	return call_seek(dest, now, 1);
}

/* Has the call in the note lead to a slot, and the slot to it: whether it does. */
ALWAYS int call_link(__u32 index, __u8 v6)
{
	struct call_place place = {.index = index, .family = v6};
	struct call *note = call_note();

	if (!note || bpf_map_update_elem(&call_ids, &place, note, BPF_ANY))
		return 0;
	if (!bpf_map_update_elem(&calls, note, &index, BPF_ANY))
		return 1;
	bpf_map_delete_elem(&call_ids, &place);
	return 0;
}

/* A slot for the call in the note, BUSY: its index, or NONE. */
ALWAYS __u32 call_claim(const struct wire *wire, __u64 hash, __u32 now)
{
	__u32 index = slot_claim(wire, hash, now);
	struct tuple tuple;

	if (index == NONE || call_link(index, wire->v6))
		return index;
	tuple = tuple_of(wire);
	slot_unclaim(&tuple, index);
	return NONE;
}

WARM __u32 call_claim4(const struct wire *wire, __u64 hash, __u32 now)
{
	struct wire own;

	if (!wire)
		return NONE;
	own = *wire;
	own.v6 = 0;
	return call_claim(&own, hash, now);
}

WARM __u32 call_claim6(const struct wire *wire, __u64 hash, __u32 now)
{
	struct wire own;

	if (!wire)
		return NONE;
	own = *wire;
	own.v6 = 1;
	return call_claim(&own, hash, now);
}

/* A new template for the call in the note, held: its index, or NONE. */
ALWAYS __u32 call_make(const struct packet *pkt, const struct wire *wire, __u64 hash, __be16 port)
{
	struct wire call = wire_call(wire, hash);
	__u32 lives = READ(pkt->service->persistent), index;
	struct conn *slot;
	struct cold *cold;

	index = pkt->wire.v6 ? call_claim6(&call, hash, pkt->now)
			     : call_claim4(&call, hash, pkt->now);
	slot = slot_at(pkt->wire.v6, index);
	cold = cold_at(pkt->wire.v6, index);
	if (!slot || !cold)
		return NONE;
	template_fill(slot, &call, port, pkt->now + lives, pkt->wire.v6);
	cold->control = lives;
	cold->controls = 1;
	slot_publish(slot, hash, CONN_TEMPLATE | CONN_CALL, pkt->dest_id);
	count_template(pkt->dest_id);
	return index;
}

ALWAYS __u32 call_find(__u32 dest, __u32 now, __u8 v6)
{
	return v6 ? call_find6(dest, now) : call_find4(dest, now);
}

#endif
