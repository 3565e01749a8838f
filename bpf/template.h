/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage template: the dest that a client of a persistent service has already, or gets now for as
 * long as the service says. A template is a request slot that no packet finds; it is looked up and
 * made here only. Read next: control.h, persist.bpf.c.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_sched_persist, ip_vs_conn.c ip_vs_check_template
 * (v6.12).
 */
#ifndef XLVS_TEMPLATE_H
#define XLVS_TEMPLATE_H

#include "conn_insert.h"
#include "sched.h"

/* Far more ticks than a deadline is ever away: with them taken off the time none is past. */
#define LONG_AGO (1u << 30)

/* A client's address as far as it counts, one half of IPv6's. */
ALWAYS __u64 prefix_half(__u64 half, __s32 bits)
{
	if (bits <= 0)
		return 0;
	return bits >= 64 ? half : half & bpf_cpu_to_be64(~0ull << (64 - bits));
}

/*
 * What a packet's template is found by. Its port counts where it is the service's own; those of FTP
 * share one, as do all others.
 */
ALWAYS struct wire wire_template(const struct wire *real, const struct service *service, __u8 v6)
{
	struct wire wire = {.protocol = real->protocol ^ TEMPLATE_PROTOCOL, .v6 = v6};
	__be16 port = READ(service->port);
	__s32 prefix = READ(service->prefix);

	if (port == real->ports >> 16 && port != FTP_PORT)
		wire.ports = real->ports & 0xffff0000;
	if (v6) {
		wire.addrs[0] = prefix_half(real->addrs[0], prefix);
		wire.addrs[1] = prefix_half(real->addrs[1], prefix - 64);
		wire.addrs[2] = real->addrs[2];
		wire.addrs[3] = real->addrs[3];
	} else {
		wire.addrs[0] = real->addrs[0] & (~0ull << 32 | READ(service->netmask));
	}
	return wire;
}

/* Whether the dest of a template gets its clients' new connections. */
ALWAYS int dest_keeps(__u32 id)
{
	__u8 flags = READ(ROW(dests, id)->flags);

	return flags & DEST_AVAILABLE &&
	       !(flags & DEST_QUIESCED && READ(settings.expire_quiescent_template));
}

/* The port of its dest that a template made for a packet is listed with. */
ALWAYS __be16 template_port(const struct wire *real, const struct service *service, __u32 dest_id)
{
	const struct dest *dest = ROW(dests, dest_id);
	__be16 port = READ(service->port);

	if (port != real->ports >> 16 || port == FTP_PORT || READ(dest->flags) & DEST_NO_PORT)
		return 0;
	return dest->dport;
}

/*
 * A template that had this word and whose dest is gone is found no more, and dies at its time:
 * whether it is that one's still. While xlvsd is gone one long over its time may be taken over, and
 * the slot be a connection's by now.
 */
ALWAYS int template_hide(struct conn *slot, __u64 word)
{
	if (!slot_hide(slot, word))
		return 0;
	WRITE(slot->oport, TEMPLATE_PORT_INVALID);
	WRITE(slot->nexthop, TEMPLATE_PORT_INVALID);
	return 1;
}

ALWAYS void template_invalidate(__u8 v6, struct conn *slot, __u32 index, __u64 word,
				const struct wire *wire)
{
	struct tuple key = tuple_of(wire);

	if (template_hide(slot, word) && index / SLOTS_PER_BUCKET > bucket_mask(v6))
		stash_forget(&key, index);
}

/*
 * One more connection of a template, which starts its time again. Over its time it goes on for as
 * long as it has connections. The sweep takes one away first and looks at its connections then, as
 * this counts first and then looks whether it is there: never do both go on.
 */
ALWAYS int template_hold(struct conn *slot, struct cold *cold, __u32 now)
{
	__u32 had = __sync_fetch_and_add(&cold->controls, 1);
	int is_over = is_past(READ(slot->deadline), now);

	if (is_over && !had)
		slot_end(slot, now);
	if ((READ(slot->word) & WORD_LIFE_MASK) != LIFE_VALID) {
		__sync_fetch_and_add(&cold->controls, -1);
		return 0;
	}
	if (is_over)
		WRITE(cold->control, ticks_in(TEMPLATE_AGAIN_S));
	WRITE(slot->deadline, now + READ(cold->control));
	return 1;
}

/* A template that a connection can be made from, held: its index, or NONE. */
ALWAYS __u32 template_seek(const struct wire *wire, __u64 hash, __u32 now, __u8 v6)
{
	__u32 index = conn_seek(wire, hash, now - LONG_AGO);
	struct conn *slot = slot_at(v6, index);
	struct cold *cold = cold_at(v6, index);
	__u64 word;

	if (!slot || !cold)
		return NONE;
	word = READ(slot->word);
	/* Its slot may have been taken for another since the template was found. */
	if ((word & WORD_LIFE_MASK) != LIFE_VALID || !is_template(word))
		return NONE;
	if (!dest_keeps(word >> WORD_DEST_SHIFT)) {
		template_invalidate(v6, slot, index, word, wire);
		return NONE;
	}
	return template_hold(slot, cold, now) ? index : NONE;
}

ALWAYS __u32 template_find(const struct wire *real, __u32 service_id, __u32 now, __u8 v6)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct wire wire;

	if (!real || !service)
		return NONE;
	wire = wire_template(real, service, v6);
	return template_seek(&wire, conn_hash(&wire), now, v6);
}

WARM __u32 template_find4(const struct wire *real, __u32 service_id, __u32 now)
{
	return template_find(real, service_id, now, 0);
}

WARM __u32 template_find6(const struct wire *real, __u32 service_id, __u32 now)
{
	return template_find(real, service_id, now, 1);
}

ALWAYS void template_fill(struct conn *slot, const struct wire *wire, __be16 port, __u32 deadline,
			  __u8 v6)
{
	__u64 *addrs = slot_addrs(slot);

	slot->cport = (__u16)wire->ports;
	slot->oport = wire->ports >> 16;
	slot->protocol = wire->protocol;
	slot->state = 0;
	slot->nexthop = port;
	slot->deadline = deadline;
	slot->partner = NONE;
	addrs[0] = wire->addrs[0];
	if (!v6)
		return;
	for (int i = 1; i < 4; i++)
		addrs[i] = wire->addrs[i];
}

ALWAYS void count_template(__u32 id)
{
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &id);

	if (conns)
		__sync_fetch_and_add(&conns->persistent, 1);
}

/* A new template, held: its index, or NONE. */
ALWAYS __u32 template_make(const struct wire *real, __u32 service_id, __u32 dest_id, __u32 now,
			   __u8 v6)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	__u32 index, lives;
	struct conn *slot;
	struct cold *cold;
	struct wire wire;
	__u64 hash;

	if (!real || !service)
		return NONE;
	wire = wire_template(real, service, v6);
	hash = conn_hash(&wire);
	lives = READ(service->persistent);
	index = slot_claim(&wire, hash, now);
	slot = slot_at(v6, index);
	cold = cold_at(v6, index);
	if (!slot || !cold)
		return NONE;
	template_fill(slot, &wire, template_port(real, service, dest_id), now + lives, v6);
	cold->control = lives;
	cold->controls = 1;
	slot_publish(slot, hash, CONN_TEMPLATE, dest_id);
	count_template(dest_id);
	return index;
}

WARM __u32 template_insert4(const struct wire *real, __u32 service_id, __u32 dest_id, __u32 now)
{
	return template_make(real, service_id, dest_id, now, 0);
}

WARM __u32 template_insert6(const struct wire *real, __u32 service_id, __u32 dest_id, __u32 now)
{
	return template_make(real, service_id, dest_id, now, 1);
}

/* What a packet came to: of a mark's service, the mark in place of address and protocol. */
ALWAYS struct wire wire_virtual(const struct packet *pkt)
{
	struct wire wire = pkt->wire;

	if (!(READ(pkt->service->flags) & SERVICE_MARK) || !(wire.ports >> 16))
		return wire;
	wire.protocol = 0;
	if (wire.v6) {
		wire.addrs[2] = bpf_htonl(pkt->mark);
		wire.addrs[3] = 0;
	} else {
		wire.addrs[0] = (__u64)bpf_htonl(pkt->mark) << 32 | (__u32)wire.addrs[0];
	}
	return wire;
}

/* Under the stripe's lock of the template. Fills control. */
ALWAYS int template_find_or_make(struct packet *pkt)
{
	__u64 word = READ(pkt->service->schedule);
	struct wire wire = wire_virtual(pkt), real = wire_scheduled(pkt, word);
	__u32 index = wire.v6 ? template_find6(&wire, pkt->service_id, pkt->now)
			      : template_find4(&wire, pkt->service_id, pkt->now);
	__u32 dest;

	if (index == NONE) {
		dest = schedule_pick(pkt->service_id, word, &real);
		if (dest == NONE)
			return NO_DEST;
		index = wire.v6 ? template_insert6(&wire, pkt->service_id, dest, pkt->now)
				: template_insert4(&wire, pkt->service_id, dest, pkt->now);
	}
	pkt->control = index + 1;
	return index == NONE ? TABLE_FULL : GO_ON;
}

/* Needs service. Fills control. Returns STRIPE_BUSY, TABLE_FULL, NO_DEST. */
ALWAYS int persist(struct packet *pkt)
{
	struct wire real = wire_virtual(pkt);
	struct wire wire = wire_template(&real, pkt->service, pkt->wire.v6);
	__u64 hash = conn_hash(&wire);
	int reason;

	if (!stripe_lock(hash))
		return STRIPE_BUSY;
	reason = template_find_or_make(pkt);
	stripe_unlock(hash);
	return reason;
}

/* Needs control. Fills dest, dest_id. */
ALWAYS int template_take(struct packet *pkt)
{
	struct conn *slot = slot_at(pkt->wire.v6, pkt->control - 1);

	if (!slot)
		return INTERNAL;
	pkt->dest_id = READ(slot->word) >> WORD_DEST_SHIFT;
	pkt->dest = ROW(dests, pkt->dest_id);
	return GO_ON;
}

#endif
