/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the schedulers with a table share: a slot's dest, and the hashes that a slot is found by. A
 * row holds two slots, each a word of its own, so that the daemon changes one by one store: a
 * packet finds the old dest or the new one. Part of sched.h. Read next: sched_sh.h.
 * Source: include/linux/hash.h hash_32, lib/siphash.c hsiphash_1u32 (v6.12).
 */
#ifndef XLVS_SCHED_TABLE_H
#define XLVS_SCHED_TABLE_H

/* Slots are hashed by as many bits in dh and sh: CONFIG_IP_VS_DH_TAB_BITS, CONFIG_IP_VS_SH_TAB_BITS
 */
#define HASH_BITS    8
#define HASH_SLOTS   (1 << HASH_BITS)
#define GOLDEN_RATIO 0x61c88647

/* A schedule whose rows are a table. */
struct table {
	__u64 word;
	__u32 flags; /* of its service */
};

/* Nothing is scheduled by an empty one. */
ALWAYS struct table table_of(__u32 service_id)
{
	struct service *service = bpf_map_lookup_elem(&services, &service_id);
	struct table table = {};

	if (service) {
		table.word = READ(service->schedule);
		table.flags = READ(service->flags);
	}
	return table;
}

/* The dest id that has a slot, NONE in an empty table. */
ALWAYS __u32 table_dest(const struct table *table, __u32 slot)
{
	struct schedule_row *row = schedule_row(table->word, slot / 2);

	if (!row || !schedule_dests(table->word))
		return NONE;
	return slot % 2 ? READ(row->value) : READ(row->dest);
}

/* An address as 32 bits in this host's order: IPv4's own, the exclusive-or of IPv6's four words. */
ALWAYS __u32 address_folded(struct address addr, __u8 v6)
{
	__u64 both = addr.half[0] ^ addr.half[1];

	return bpf_ntohl(v6 ? (__u32)both ^ (__u32)(both >> 32) : (__u32)(addr.half[1] >> 32));
}

/* The client's port where the service's flag says that it counts. */
ALWAYS __u16 port_that_counts(const struct table *table, const struct wire *wire)
{
	return table->flags & SERVICE_FLAG_2 ? (__u16)wire->ports : 0;
}

/* A client in 32 bits. */
ALWAYS __u32 client_key(const struct table *table, const struct wire *wire)
{
	return address_folded(wire_from(wire), wire->v6) + bpf_ntohs(port_that_counts(table, wire));
}

ALWAYS __u32 multiplied(__u32 key)
{
	return key * GOLDEN_RATIO >> (32 - HASH_BITS);
}

struct sip {
	__u64 v0, v1, v2, v3;
};

/* "somepseudorandomlygeneratedbytes", mixed with the key. */
ALWAYS struct sip sip_begin(__u64 key, __u64 other)
{
	return (struct sip){0x736f6d6570736575 ^ key, 0x646f72616e646f6d ^ other,
			    0x6c7967656e657261 ^ key, 0x7465646279746573 ^ other};
}

ALWAYS void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = ROTATE(s->v1, 13) ^ s->v0;
	s->v0 = ROTATE(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = ROTATE(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = ROTATE(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = ROTATE(s->v1, 17) ^ s->v2;
	s->v2 = ROTATE(s->v2, 32);
}

ALWAYS void sip_take(struct sip *s, __u64 word)
{
	s->v3 ^= word;
	sip_round(s);
	s->v0 ^= word;
}

/* The low half of SipHash-1-3's result. */
ALWAYS __u32 sip_end(struct sip *s)
{
	s->v2 ^= 0xff;
	sip_round(s);
	sip_round(s);
	sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
