/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * IPv6 extension headers between the IPv6 header and the transport's: skipped and left in place, as
 * IPVS does, also those that route and authenticate. The host acts on hop-by-hop options before
 * IPVS: a packet with one that it would drop or complain of is passed to it.
 * Source: RFC 8200 section 4; net/ipv6/exthdrs_core.c ipv6_find_hdr, net/ipv6/exthdrs.c
 * ip6_parse_tlv (v6.1).
 */
#ifndef XLVS_EXTENSION_H
#define XLVS_EXTENSION_H

#include "packet.h"

/* Headers and bytes that are skipped at most; the host gets what has more. */
#define EXTENSIONS_MAX	  8
#define EXTENSION_AT_MASK 0x1fc
/* Where an IPv6 header may lie in its frame: behind Ethernet, or quoted. */
#define EXTENSION_FROM_MASK 0x3ff

/* Offset and more-fragments (RFC 8200 section 4.5); a fragment without is a whole packet. */
#define FRAGMENT_BITS	bpf_htons(0xfff9)
#define FRAGMENT_OFFSET bpf_htons(0xfff8)

struct extension {
	__u8 nexthdr;
	__u8 units;	 /* of eight bytes, the first not counted; see extension_size */
	__be16 fragment; /* fragment header: offset and more-fragments */
	__u32 rest;
};

/* Options that the host lets pass, and how many of them. It knows router alerts, of one length. */
enum hop_option {
	HOP_PAD1 = 0,
	HOP_PADN = 1,
	HOP_ROUTER_ALERT = 5,
	HOP_CALIPSO = 7,
	HOP_ALERT_SIZE = 2,
	HOP_PAD_MAX = 7,
	HOP_OPTIONS_MAX = 8,
	HOP_UNKNOWN_MASK = 0xc0, /* clear: who does not know the option skips it */
};
/* Eight options, and padding in front of each and at the end. */
#define HOP_TURNS (HOP_OPTIONS_MAX + (HOP_OPTIONS_MAX + 1) * HOP_PAD_MAX)

ALWAYS int extension_is(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT ||
	       protocol == IPPROTO_AH;
}

ALWAYS __u32 extension_size(const struct extension *ext, __u8 protocol)
{
	if (protocol == IPPROTO_FRAGMENT)
		return 8;
	/* RFC 4302 section 2.2: in words, two less. */
	return protocol == IPPROTO_AH ? (ext->units + 2) * 4 : (ext->units + 1) * 8;
}

/* As the options are gone through: bytes into the frame. */
struct hop_options {
	struct xdp_md *ctx;
	__u32 at;
	__u32 end;
	__u32 padding; /* bytes of it in a row */
	__u32 count;
	__u32 wrong;
};

/* Some bytes of the frame; 0 beyond it. */
ALWAYS const __u8 *hop_at(const struct hop_options *hop, __u32 at, __u32 size)
{
	const __u8 *bytes = (void *)(long)hop->ctx->data + (at & EXTENSION_FROM_MASK);

	return bytes + size > (__u8 *)(long)hop->ctx->data_end ? 0 : bytes;
}

/* Whether all but the first two bytes of a PadN are 0; there are at most five. */
ALWAYS int hop_is_blank(const struct hop_options *hop, __u32 size)
{
	for (__u32 i = 2; i < HOP_PAD_MAX; i++) {
		const __u8 *byte = hop_at(hop, hop->at + i, 1);

		if (i < size && (!byte || *byte))
			return 0;
	}
	return 1;
}

ALWAYS int hop_is_padding(struct hop_options *hop, __u8 type, __u32 size)
{
	hop->padding += size;
	return hop->padding <= HOP_PAD_MAX && (type == HOP_PAD1 || hop_is_blank(hop, size));
}

ALWAYS int hop_is_right(struct hop_options *hop, __u8 type, __u32 size)
{
	if (type == HOP_PAD1 || type == HOP_PADN)
		return hop_is_padding(hop, type, size);
	hop->padding = 0;
	if (++hop->count > HOP_OPTIONS_MAX || type & HOP_UNKNOWN_MASK || type == HOP_CALIPSO)
		return 0;
	return type != HOP_ROUTER_ALERT || size == 2 + HOP_ALERT_SIZE;
}

/* One option; nonzero at the end of them. */
static long hop_turn(__u32 index, void *data)
{
	struct hop_options *hop = data;
	const __u8 *option = hop_at(hop, hop->at, 1);
	__u32 size = 1;
	__u8 type;

	(void)index;
	if (hop->at >= hop->end)
		return 1;
	hop->wrong = 1;
	if (!option)
		return 1;
	type = *option;
	if (type != HOP_PAD1) {
		option = hop_at(hop, hop->at, 2);
		if (!option)
			return 1;
		size = 2 + option[1];
	}
	if (hop->at + size > hop->end || !hop_is_right(hop, type, size))
		return 1;
	hop->at += size;
	hop->wrong = 0;
	return 0;
}

/* Whether the host lets the options of a hop-by-hop header so far into the frame pass. */
WARM int hops_are_right(struct xdp_md *ctx, __u32 from)
{
	struct hop_options hop = {.ctx = ctx, .at = from + 2};
	const struct extension *ext = (const void *)hop_at(&hop, from, sizeof(*ext));

	if (!ext)
		return 0;
	hop.end = from + extension_size(ext, IPPROTO_HOPOPTS);
	bpf_loop(HOP_TURNS, hop_turn, &hop, 0);
	return !hop.wrong && hop.at >= hop.end;
}

/*
 * Of the IPv6 header `from` bytes into the frame: bits 0-15 the transport header's distance from
 * it, 16-23 the transport's protocol. Distance 0: too many, the frame ends first, or the host minds
 * a hop-by-hop option. A fragment stops it, and is the protocol then; one that is the whole packet
 * does not (RFC 6946), nor does a first one that is quoted.
 */
WARM __u32 extensions_skip(struct xdp_md *ctx, __u32 from)
{
	void *ip = (void *)(long)ctx->data + (from & EXTENSION_FROM_MASK);
	void *end = (void *)(long)ctx->data_end;
	__u32 at = sizeof(struct ipv6hdr);
	int quoted = from != sizeof(struct ethhdr);
	__u16 bits = quoted ? FRAGMENT_OFFSET : FRAGMENT_BITS;
	__u8 protocol;

	if (ip + sizeof(struct ipv6hdr) > end)
		return 0;
	protocol = ((struct ipv6hdr *)ip)->nexthdr;
	/* What is quoted somebody has let pass. */
	if (protocol == IPPROTO_HOPOPTS && !quoted && !hops_are_right(ctx, from + at))
		return 0;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct extension *ext = ip + at;

		if (!extension_is(protocol))
			return (__u32)protocol << 16 | at;
		if ((void *)(ext + 1) > end)
			return 0;
		if (protocol == IPPROTO_FRAGMENT && ext->fragment & bits)
			return (__u32)protocol << 16 | at;
		at += extension_size(ext, protocol);
		protocol = ext->nexthdr;
		if (at > EXTENSION_AT_MASK)
			return 0;
	}
	return 0;
}

#endif
