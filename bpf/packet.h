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
#include <linux/tcp.h>
#include <linux/udp.h>
#include "maps.h"

#define ALWAYS	    static __always_inline
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
/*
 * A function of its own, which the verifier looks at once instead of once a path to it; costs a
 * call (8 ns with the mitigations of 2026), so none is in the hot walk. Takes and gives scalars.
 */
#define WARM	    __attribute__((noinline))
#define READ(x)	    (*(const volatile typeof(x) *)&(x))
#define WRITE(x, v) (*(volatile typeof(x) *)&(x) = (v))
#define barrier()   asm volatile("" ::: "memory")

/* A connection flag as a bit of its slot's word. */
#define FLAG(bit) ((__u64)(bit) << WORD_FLAGS_SHIFT)

/* Flag byte of the TCP header (RFC 9293 section 3.1). */
#define TCP_FLAG_FIN_BIT 0x01
#define TCP_FLAG_SYN_BIT 0x02
#define TCP_FLAG_RST_BIT 0x04
#define TCP_FLAG_ACK_BIT 0x10
/* Those that move a connection's state. */
#define TCP_FLAGS_TRACKED 0x17

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

/*
 * No field's address goes to a helper: it would keep the whole struct in memory, and every field
 * would be stored and loaded around every call. Copy the field to a variable first.
 */
struct packet {
	struct xdp_md *ctx;
	void *end;
	struct ethhdr *eth;
	struct iphdr *ip;
	void *l4;	 /* first byte of the TCP or UDP header; at least that header is there */
	__u16 *l4_check; /* its checksum field */
	__u64 addrs;	 /* saddr and daddr as they lie in the header */
	__u32 ports;	 /* both ports as they lie in the header */
	__u16 len;	 /* IP total length, bytes, host order */
	__u8 protocol;
	__u8 tcp_flags;
	__u32 now;	    /* ticks */
	__u64 hash;	    /* of the four-tuple on the wire */
	struct conn4 *conn; /* the slot that matched */
	__u32 index;	    /* its index in the table */
	__u64 word;	    /* its word when it was found */
	__u32 service_id;
	struct service *service;
	__u32 dest_id;
	struct dest *dest;
	int verdict; /* XDP action of a forwarded packet */
};

/* Ticks since boot: free on a JIT that inlines bpf_jiffies64. */
ALWAYS __u32 now(void)
{
	if (config.manual_clock)
		return READ(settings.clock);
	return bpf_jiffies64() >> config.tick_shift;
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

/* The only way out of a walk: counts the reason and turns it into an XDP action. */
ALWAYS int leave(const struct packet *pkt, int reason)
{
	count_reason(reason);
	switch (reason) {
	case NAT_REQUEST:
	case NAT_REPLY:
	case DIRECT:
	case RESOLVING:
	case TTL_EXPIRED:
	case TOO_BIG:
	case NO_DEST:
	case UNREACHABLE:
		return pkt->verdict;
	case NOT_IPV4 ... VIP_NOT_LOCAL:
		return XDP_PASS;
	default:
		return XDP_DROP;
	}
}

/*
 * Goes on in another walk, which leaves in its own right. A stage returns what this returns: only
 * when the walk is missing does it come back, and then the packet is dropped as INTERNAL.
 */
ALWAYS int go_to(struct packet *pkt, enum walk walk)
{
	bpf_tail_call(pkt->ctx, &walks, walk);
	return INTERNAL;
}

/*
 * Answers with an ICMP error in error.bpf.c; type and code as in RFC 792. IPVS meets its own error
 * on the way out and counts it for the connection it quotes: by any method but NAT, whose reply key
 * the quoted request does not fit.
 */
ALWAYS int answer(struct packet *pkt, int reason, __u32 type, __u32 code, __be32 rest,
		  __be32 source)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->type = type;
	h->code = code;
	h->rest = rest;
	h->source = source;
	h->reason = reason;
	h->dest = pkt->conn && pkt->word & FLAG(CONN_FWD_MASK) ? pkt->dest_id : NONE;
	return go_to(pkt, WALK_ERROR);
}

#endif
