/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Internet checksums (RFC 1071), changed incrementally (RFC 1624 eqn. 3). Sums are kept in the
 * byte order of the packet, so nothing is swapped. The decapsulator shares it. Read next: sum.h.
 */
#ifndef XLVS_CSUM_H
#define XLVS_CSUM_H

#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "words.h"

/* What an IPv4 header's sum gains when the TTL falls by one: minus 0x0100. */
#define TTL_DELTA bpf_htons(0xfeff)

ALWAYS __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The checksum field after its data's sum has gained delta (a folded 16-bit sum or two). */
ALWAYS __u16 csum_update(__u16 field, __u32 delta)
{
	__u32 sum = (__u16)~field + delta;

	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* 0 when a header of 20 bytes at ip carries a right checksum. */
ALWAYS int csum_ip_wrong(const struct iphdr *ip)
{
	const __u32 *w = (const void *)ip;
	__u64 sum = (__u64)w[0] + w[1] + w[2] + w[3] + w[4];

	/* A sum that is not 0 (its first byte is 0x45) and is 0 modulo 0xffff, in two steps of
	 * folding. */
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum != 0xffff && sum != 0x1fffe;
}

#endif
