/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * IPv6 extension headers between the IPv6 header and the transport's: skipped and left in place, as
 * IPVS does. Source: RFC 8200 section 4; net/ipv6/exthdrs_core.c ipv6_find_hdr (v6.12).
 */
#ifndef XLVS_EXTENSION_H
#define XLVS_EXTENSION_H

#include "packet.h"

/* Headers and bytes that are skipped at most; the host gets what has more. */
#define EXTENSIONS_MAX	  8
#define EXTENSION_AT_MASK 0x1f8
/* Where an IPv6 header may lie in its frame: behind Ethernet, or quoted. */
#define EXTENSION_FROM_MASK 0x3ff

/* Offset and more-fragments (RFC 8200 section 4.5); a fragment without is a whole packet. */
#define FRAGMENT_BITS bpf_htons(0xfff9)

struct extension {
	__u8 nexthdr;
	__u8 units; /* of eight bytes, the first not counted */
	union {
		__be16 fragment; /* fragment header: offset and more-fragments */
		struct {
			__u8 type;
			__u8 segments_left; /* routing header */
		};
	};
	__u32 rest;
};

ALWAYS int extension_is(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/*
 * Of the IPv6 header `from` bytes into the frame: bits 0-15 the transport header's distance from
 * it, 16-23 the transport's protocol. Distance 0: too many, or the frame ends first. A fragment
 * stops it, and is the protocol then; one that is the whole packet does not (RFC 6946).
 */
WARM __u32 extensions_skip(struct xdp_md *ctx, __u32 from)
{
	void *ip = (void *)(long)ctx->data + (from & EXTENSION_FROM_MASK);
	void *end = (void *)(long)ctx->data_end;
	__u32 at = sizeof(struct ipv6hdr);
	__u8 protocol;

	if (ip + sizeof(struct ipv6hdr) > end)
		return 0;
	protocol = ((struct ipv6hdr *)ip)->nexthdr;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		struct extension *ext = ip + at;

		if (!extension_is(protocol))
			return (__u32)protocol << 16 | at;
		if ((void *)(ext + 1) > end)
			return 0;
		/* Source-routed: the host goes on with it, or refuses. */
		if (protocol == IPPROTO_ROUTING && ext->segments_left)
			return 0;
		if (protocol == IPPROTO_FRAGMENT && ext->fragment & FRAGMENT_BITS)
			return (__u32)protocol << 16 | at;
		at += protocol == IPPROTO_FRAGMENT ? 8 : (ext->units + 1) * 8;
		protocol = ext->nexthdr;
		if (at > EXTENSION_AT_MASK)
			return 0;
	}
	return 0;
}

#endif
