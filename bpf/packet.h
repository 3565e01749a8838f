/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What one packet knows about itself, and how it leaves. Stages (parse.h, conn.h, ...) fill fields
 * of struct packet and return a reason; GO_ON goes on. Everything is inlined into each walk, so the
 * struct lives in registers. Read next: parse.h.
 */
#ifndef XLVS_PACKET_H
#define XLVS_PACKET_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include "maps.h"

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/*
 * A function of its own, which the verifier looks at once instead of once a path to it; costs a
 * call (8 ns with the mitigations of 2026), so none is in the hot walk. Gives a scalar; takes
 * scalars, the context, and pointers to structures, which may be 0 for all that the verifier knows.
 */
#define WARM		__attribute__((noinline))
#define READ(x)		(*(const volatile typeof(x) *)&(x))
#define WRITE(x, v)	(*(volatile typeof(x) *)&(x) = (v))
#define ROTATE(x, bits) ((x) << (bits) | (x) >> (8 * sizeof(x) - (bits)))
#define barrier()	asm volatile("" ::: "memory")

/* A connection flag as a bit of its slot's word. */
#define FLAG(bit) ((__u64)(bit) << WORD_FLAGS_SHIFT)

/* Flag byte of the TCP header (RFC 9293 section 3.1). */
#define TCP_FLAG_FIN_BIT 0x01
#define TCP_FLAG_SYN_BIT 0x02
#define TCP_FLAG_RST_BIT 0x04
#define TCP_FLAG_ACK_BIT 0x10
/* Those that move a connection's state. */
#define TCP_FLAGS_TRACKED 0x17

/* Bytes of an 802.1Q tag. */
#define TAG_SIZE 4

/* Whole words, where the compiler would go byte by byte for the sake of packed headers. */
ALWAYS __u16 load16(const void *at)
{
	return *(const __u16 *)at;
}

ALWAYS __u32 load32(const void *at)
{
	return *(const __u32 *)at;
}

ALWAYS __u64 load64(const void *at)
{
	return *(const __u64 *)at;
}

ALWAYS void store32(void *at, __u32 value)
{
	*(__u32 *)at = value;
}

ALWAYS void store64(void *at, __u64 value)
{
	*(__u64 *)at = value;
}

/*
 * What a connection is found by: addresses and ports as they lie in the headers. IPv4's two
 * addresses are addrs[0]; IPv6's are two words each. v6 is a constant wherever this is inlined, so
 * that each family's walk is compiled for it alone.
 */
struct wire {
	__u64 addrs[4];
	__u32 ports;
	__u8 protocol;
	__u8 v6;
};

/*
 * No field's address goes to a helper: it would keep the whole struct in memory, and every field
 * would be stored and loaded around every call. Copy the field to a variable first.
 */
struct packet {
	struct xdp_md *ctx;
	void *end;
	struct ethhdr *eth;
	void *ip; /* the family's header; ip4() and ip6() */
	void *l4; /* first byte of the transport header; a whole one of TCP or UDP is there */
	__u16 *l4_check; /* its checksum field */
	struct wire wire;
	__u8 in_flags; /* enum interface_flags of where it came by */
	__u32 len;     /* IP packet's length, headers included, bytes */
	__u8 tcp_flags;
	__u8 full;	   /* constant: the handover knows where it came from; see go_to */
	__u8 is_error;	   /* constant: an ICMP error, about which none is sent */
	__u32 l4_at;	   /* transport header's distance from the IP header, bytes */
	__u32 now;	   /* ticks */
	__u64 hash;	   /* of the wire */
	struct conn *conn; /* the slot that matched */
	__u32 index;	   /* its index in its family's table */
	__u64 word;	   /* its word when it was found */
	__u32 mark;	   /* of one that may start a connection; 0: none */
	__u32 service_id;
	struct service *service;
	__u32 dest_id;
	struct dest *dest;
	__u32 control; /* index of the template it is given a dest by, plus 1 */
	int verdict;   /* XDP action of a forwarded packet */
};

/* An address of either family, as ADDRESS() has it. */
struct address {
	__u64 half[2];
};

#define MAPPED_PREFIX	bpf_htonl(0xffff)
#define IS_MULTICAST(a) (((a) & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000))

ALWAYS struct address address4(__be32 addr)
{
	return (struct address){{0, (__u64)addr << 32 | MAPPED_PREFIX}};
}

ALWAYS __be32 address_ipv4(const struct address *addr)
{
	return addr->half[1] >> 32;
}

ALWAYS struct address address_load(const void *at)
{
	return (struct address){{load64(at), load64(at + 8)}};
}

ALWAYS void address_store(void *at, struct address addr)
{
	store64(at, addr.half[0]);
	store64(at + 8, addr.half[1]);
}

ALWAYS struct address wire_from(const struct wire *wire)
{
	if (wire->v6)
		return (struct address){{wire->addrs[0], wire->addrs[1]}};
	return address4((__u32)wire->addrs[0]);
}

ALWAYS struct address wire_to(const struct wire *wire)
{
	if (wire->v6)
		return (struct address){{wire->addrs[2], wire->addrs[3]}};
	return address4(wire->addrs[0] >> 32);
}

ALWAYS struct tuple tuple_of(const struct wire *wire)
{
	struct tuple tuple = {.sport = (__u16)wire->ports,
			      .dport = wire->ports >> 16,
			      .protocol = wire->protocol,
			      .family = wire->v6};

	address_store(tuple.saddr, wire_from(wire));
	address_store(tuple.daddr, wire_to(wire));
	return tuple;
}

ALWAYS struct wire wire_of(const struct tuple *tuple, __u8 v6)
{
	struct wire wire = {.ports = (__u32)tuple->dport << 16 | tuple->sport,
			    .protocol = tuple->protocol,
			    .v6 = v6};

	if (v6) {
		wire.addrs[0] = load64(&tuple->saddr[0]);
		wire.addrs[1] = load64(&tuple->saddr[8]);
		wire.addrs[2] = load64(&tuple->daddr[0]);
		wire.addrs[3] = load64(&tuple->daddr[8]);
	} else {
		wire.addrs[0] = (__u64)load32(&tuple->daddr[12]) << 32 | load32(&tuple->saddr[12]);
	}
	return wire;
}

/* The packet going the other way. */
ALWAYS struct wire wire_back(const struct wire *wire)
{
	struct wire back = *wire;

	back.addrs[0] = wire->v6 ? wire->addrs[2] : ROTATE(wire->addrs[0], 32);
	back.addrs[1] = wire->addrs[3];
	back.addrs[2] = wire->addrs[0];
	back.addrs[3] = wire->addrs[1];
	back.ports = ROTATE(wire->ports, 16);
	return back;
}

ALWAYS struct iphdr *ip4(const struct packet *pkt)
{
	return pkt->ip;
}

ALWAYS struct ipv6hdr *ip6(const struct packet *pkt)
{
	return pkt->ip;
}

ALWAYS __u32 ip_size(__u8 v6)
{
	return v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
}

ALWAYS __u8 hops_left(const struct packet *pkt)
{
	return pkt->wire.v6 ? ip6(pkt)->hop_limit : ip4(pkt)->ttl;
}

/* Ticks since boot: free on a JIT that inlines bpf_jiffies64. */
ALWAYS __u32 now(void)
{
	if (config.manual_clock)
		return READ(settings.clock);
	return bpf_jiffies64() >> config.tick_shift;
}

/* config.second is rounded, and 60 of it would be half a second short. */
ALWAYS __u32 ticks_in(__u32 seconds)
{
	return seconds * config.hz >> config.tick_shift;
}

ALWAYS int is_reply(const struct packet *pkt)
{
	return (pkt->word & ((__u64)CONN_REPLY << WORD_FLAGS_SHIFT)) != 0;
}

ALWAYS void count_reason(__u32 reason)
{
	__u32 row = bpf_get_smp_processor_id() * REASONS_MAX + (reason & (REASONS_MAX - 1));

	++*ROW(reasons, row);
}

/* A tag taken off goes back on, in front of MAC addresses that stay as they are. */
ALWAYS int tag_push(struct xdp_md *ctx, __be16 tpid, __be16 tci)
{
	__u32 macs[3];
	void *at;

	if (bpf_xdp_adjust_head(ctx, -(int)TAG_SIZE))
		return -1;
	at = (void *)(long)ctx->data;
	if (at + sizeof(struct ethhdr) + TAG_SIZE > (void *)(long)ctx->data_end)
		return -1;
	for (int i = 0; i < 3; i++)
		macs[i] = load32(at + TAG_SIZE + 4 * i);
	for (int i = 0; i < 3; i++)
		store32(at + 4 * i, macs[i]);
	store32(at + 2 * ETH_ALEN, (__u32)tci << 16 | tpid);
	return 0;
}

/* To the host, as it came. */
ALWAYS int pass(const struct packet *pkt)
{
	struct handover *h;
	__u32 zero = 0;

	if (!pkt->full)
		return XDP_PASS;
	h = bpf_map_lookup_elem(&handovers, &zero);
	if (!h || !h->tpid)
		return XDP_PASS;
	if (tag_push(pkt->ctx, h->tpid, h->tci))
		return XDP_DROP;
	for (int i = OUTER_TAGS - 1; i >= 0; i--)
		if (i < h->outer_tags && tag_push(pkt->ctx, h->outer[i].tpid, h->outer[i].tci))
			return XDP_DROP;
	return XDP_PASS;
}

/* The only way out of a walk: counts the reason and turns it into an XDP action. */
ALWAYS int leave(const struct packet *pkt, int reason)
{
	count_reason(reason);
	switch (reason) {
	case NAT_REQUEST ... RESET:
		return pkt->verdict;
	case NOT_IP ... DIRECT_REPLY:
		return pass(pkt);
	default:
		return XDP_DROP;
	}
}

/*
 * Goes on in another walk, which leaves in its own right. A stage returns what this returns: only
 * when the walk is missing does it come back, and then the packet is dropped as INTERNAL. `walk` is
 * a constant, and stays one: clang 19 would merge several calls into one of a variable number, for
 * which the kernel (6.18) makes an indirect jump, 12 ns with retpolines instead of 1.
 */
ALWAYS int jump(struct packet *pkt, const __u32 walk)
{
	asm volatile("r1 = %[ctx]\n\t"
		     "r2 = %[map]\n\t"
		     "r3 = %[walk]\n\t"
		     "call %[helper]" ::[ctx] "r"(pkt->ctx),
		     [map] "r"(&walks), [walk] "i"(walk), [helper] "i"(BPF_FUNC_tail_call)
		     : "r0", "r1", "r2", "r3", "r4", "r5");
	return INTERNAL;
}

/* The same for a full walk of the packet's family, which must be told where the packet is from. */
ALWAYS int go_to(struct packet *pkt, enum walk walk)
{
	__u32 zero = 0;
	struct handover *h;

	if (!pkt->full) {
		h = bpf_map_lookup_elem(&handovers, &zero);
		if (!h)
			return INTERNAL;
		h->ifindex = pkt->ctx->ingress_ifindex;
		h->tpid = 0;
		h->has_options = 0;
	}
	return pkt->wire.v6 ? jump(pkt, walk + FAMILY_IPV6) : jump(pkt, walk);
}

/* Types and codes of RFC 792 and RFC 4443. */
ALWAYS void error_of(struct handover *h, int reason, __u8 v6)
{
	switch (reason) {
	case TTL_EXPIRED:
		h->type = v6 ? 3 : 11;
		h->code = 0;
		break;
	case TOO_BIG:
		h->type = v6 ? 2 : 3;
		h->code = v6 ? 0 : 4;
		break;
	case NO_DEST:
	case STRAY:
		h->type = v6 ? 1 : 3;
		h->code = v6 ? 4 : 3;
		break;
	default:
		h->type = v6 ? 1 : 3;
		h->code = v6 ? 3 : 1;
	}
}

/*
 * Answers with the ICMP error that the reason means, in error.bpf.c. IPVS meets its own error on
 * the way out and counts it for the connection it quotes: by any method but NAT, whose reply key
 * the quoted request does not fit.
 */
ALWAYS int answer(struct packet *pkt, int reason, __u32 mtu, struct address source)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	pkt->verdict = XDP_DROP;
	if (pkt->is_error)
		return reason;
	error_of(h, reason, pkt->wire.v6);
	h->rest = bpf_htonl(mtu);
	address_store(h->source, source);
	h->reason = reason;
	/* Linux sends hop limit exceeded about an IPv6 request as if it came from loopback. */
	h->is_free = pkt->wire.v6 && reason == TTL_EXPIRED && !is_reply(pkt);
	h->dest = pkt->conn && pkt->word & FLAG(CONN_FWD_MASK) ? pkt->dest_id : NONE;
	return go_to(pkt, WALK_ERROR);
}

/* One source text, a program a family: PROGRAM(x) needs `int walk_x(struct xdp_md *, __u8 v6)`. */
#define PROGRAM(name)                                                                              \
	SEC("xdp") int xlvs_##name##4(struct xdp_md * ctx)                                         \
	{                                                                                          \
		return walk_##name(ctx, 0);                                                        \
	}                                                                                          \
	SEC("xdp") int xlvs_##name##6(struct xdp_md * ctx)                                         \
	{                                                                                          \
		return walk_##name(ctx, 1);                                                        \
	}

#endif
