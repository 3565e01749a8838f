// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The decapsulator, for servers: takes the outer header off what a director has sent by a tunnel
 * (IP in IP, either family in either) and passes the inner packet to the stack, where a socket on
 * the virtual address answers. It runs on a server, alone: no xlvsd, no table of xlvs.
 * Whatever is not whole and for an address of this host passes untouched.
 * XDP and not tc: here no segments are merged yet, and the stack reads the Ethernet type only
 * afterwards, so that families may differ. Frames may have fragments of memory: headers are
 * expected in the first, lengths are held against the whole.
 * Source: RFC 2003, 2473, 4213; RFC 6040 figure 4. Read next: ../control/dataplane/decap.ts.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "csum.h"

#define IP_FRAGMENT_BITS bpf_htons(0x3fff) /* more-fragments and offset */
/* Version and header length of an IPv4 header without options. */
#define IP_PLAIN 0x45
/* Congestion experienced (RFC 3168); 1 and 2 are ECT(1) and ECT(0), 0 is not capable. */
#define ECN_ECT1 1
#define ECN_CE	 3

/* What became of a packet in a tunnel; others are not counted. */
enum decap_count {
	/* Decapsulated, inner in outer family. */
	DECAP_4IN4,
	DECAP_6IN4,
	DECAP_4IN6,
	DECAP_6IN6,
	/* Dropped: congestion was marked on a packet whose sender does not know of marks. */
	DECAP_CONGESTION,
	/* Passed untouched. */
	DECAP_OTHER_HOST,
	DECAP_OPTIONS,
	DECAP_BAD_LENGTH,
	DECAP_BAD_CHECKSUM,
	DECAP_FRAGMENT,
	DECAP_BAD_INNER,
	DECAP_COUNTS,
};
/* Keeps the numbers in BTF, from which ../control/abi/decap.gen.ts is made. */
enum decap_count keep_decap_count SEC(".data.keep");

struct decap_address {
	__u8 address[16] NOTE("IPv6, or IPv4 as ::ffff:a.b.c.d");
};
struct decap_own {
	__u8 mac[6] NOTE("of the interface that this program is on");
	__u8 pad[2];
};

/* Own addresses: `xlvs decap` writes, this reads. What is not in it is not for this host. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct decap_address);
	__type(value, struct decap_own);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} decap_addresses SEC(".maps");

/* Packets by enum decap_count: this writes, `xlvs decap --list` reads. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, DECAP_COUNTS);
} decap_counts SEC(".maps");

/* A packet in a tunnel. */
struct tunnel {
	struct ethhdr *eth;
	void *end;	   /* of what is at hand */
	__u32 payload_max; /* bytes behind the outer header's start, all fragments of memory */
	__u8 protocol;	   /* IPPROTO_IPIP or IPPROTO_IPV6: the family inside */
	__u8 ecn;	   /* of the outer header */
};

ALWAYS int count(__u32 what, int verdict)
{
	__u64 *packets = bpf_map_lookup_elem(&decap_counts, &what);

	if (packets)
		++*packets;
	return verdict;
}

ALWAYS int is_tunnel(__u8 protocol)
{
	return protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6;
}

ALWAYS int is_own(const struct ethhdr *eth, const struct decap_address *key)
{
	const struct decap_own *own = bpf_map_lookup_elem(&decap_addresses, key);

	return own && !__builtin_memcmp(own->mac, eth->h_dest, ETH_ALEN);
}

/* The inner packet's ECN field after both (RFC 6040 figure 4); below 0: drop. */
ALWAYS int ecn_inside(__u8 outer, __u8 inner)
{
	if (inner == 0)
		return outer == ECN_CE ? -1 : 0;
	if (inner == ECN_CE || outer == ECN_CE)
		return ECN_CE;
	return outer == ECN_ECT1 ? ECN_ECT1 : inner;
}

/* Sets the ECN field and mends the checksum. 0, or below: drop. */
ALWAYS int mark4(struct iphdr *ip, __u8 outer)
{
	int ecn = ecn_inside(outer, ip->tos & 3);
	__u16 before = *(__u16 *)ip;

	if (ecn < 0)
		return -1;
	ip->tos = (ip->tos & ~3) | ecn;
	ip->check = csum_update(ip->check, (__u16)~before + *(__u16 *)ip);
	return 0;
}

ALWAYS int mark6(struct ipv6hdr *ip, __u8 outer)
{
	__u8 *low =
		(__u8 *)ip + 1; /* four bits of the traffic class, the ECN field the lower two */
	int ecn = ecn_inside(outer, (*low >> 4) & 3);

	if (ecn < 0)
		return -1;
	*low = (*low & ~0x30) | ecn << 4;
	return 0;
}

/* Takes `outer_size` bytes off behind the Ethernet header; the inner packet has `room` bytes. */
ALWAYS int strip(struct xdp_md *ctx, struct tunnel *t, __u32 outer_size, __u32 room, __u32 what)
{
	struct iphdr *ip4 = (void *)(t->eth + 1) + outer_size;
	struct ipv6hdr *ip6 = (void *)ip4;
	struct ethhdr *eth = (void *)ip4 - sizeof(*eth);
	int is_dropped;

	if (t->protocol == IPPROTO_IPIP) {
		if ((void *)(ip4 + 1) > t->end || ip4->version != 4 || ip4->ihl < 5 ||
		    bpf_ntohs(ip4->tot_len) < ip4->ihl * 4 || bpf_ntohs(ip4->tot_len) > room)
			return count(DECAP_BAD_INNER, XDP_PASS);
		is_dropped = mark4(ip4, t->ecn);
	} else {
		if ((void *)(ip6 + 1) > t->end || ip6->version != 6 ||
		    bpf_ntohs(ip6->payload_len) + sizeof(*ip6) > room)
			return count(DECAP_BAD_INNER, XDP_PASS);
		is_dropped = mark6(ip6, t->ecn);
		what++;
	}
	if (is_dropped)
		return count(DECAP_CONGESTION, XDP_DROP);
	__builtin_memcpy(eth, t->eth, 2 * ETH_ALEN);
	eth->h_proto = bpf_htons(t->protocol == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
	if (bpf_xdp_adjust_head(ctx, outer_size))
		return XDP_ABORTED;
	return count(what, XDP_PASS);
}

ALWAYS int decap4(struct xdp_md *ctx, struct tunnel *t)
{
	struct iphdr *ip = (void *)(t->eth + 1);
	struct decap_address key = {{[10] = 0xff, [11] = 0xff}};
	__u32 length;

	if ((void *)(ip + 1) > t->end || ip->version != 4 || !is_tunnel(ip->protocol))
		return XDP_PASS;
	__builtin_memcpy(&key.address[12], &ip->daddr, sizeof(ip->daddr));
	if (!is_own(t->eth, &key))
		return count(DECAP_OTHER_HOST, XDP_PASS);
	if (*(__u8 *)ip != IP_PLAIN)
		return count(ip->ihl > 5 ? DECAP_OPTIONS : DECAP_BAD_LENGTH, XDP_PASS);
	length = bpf_ntohs(ip->tot_len);
	if (length < sizeof(*ip) || length > t->payload_max)
		return count(DECAP_BAD_LENGTH, XDP_PASS);
	if (csum_ip_wrong(ip))
		return count(DECAP_BAD_CHECKSUM, XDP_PASS);
	if (ip->frag_off & IP_FRAGMENT_BITS)
		return count(DECAP_FRAGMENT, XDP_PASS);
	t->protocol = ip->protocol;
	t->ecn = ip->tos & 3;
	return strip(ctx, t, sizeof(*ip), length - sizeof(*ip), DECAP_4IN4);
}

/* Extension headers, a fragment's among them, are another protocol here: they pass uncounted. */
ALWAYS int decap6(struct xdp_md *ctx, struct tunnel *t)
{
	struct ipv6hdr *ip = (void *)(t->eth + 1);
	struct decap_address key;
	__u32 length;

	if ((void *)(ip + 1) > t->end || ip->version != 6 || !is_tunnel(ip->nexthdr))
		return XDP_PASS;
	__builtin_memcpy(&key, &ip->daddr, sizeof(key));
	if (!is_own(t->eth, &key))
		return count(DECAP_OTHER_HOST, XDP_PASS);
	length = bpf_ntohs(ip->payload_len);
	if (length + sizeof(*ip) > t->payload_max)
		return count(DECAP_BAD_LENGTH, XDP_PASS);
	t->protocol = ip->nexthdr;
	t->ecn = (((__u8 *)ip)[1] >> 4) & 3;
	return strip(ctx, t, sizeof(*ip), length, DECAP_4IN6);
}

SEC("xdp.frags")
int decap(struct xdp_md *ctx)
{
	struct tunnel t = {
		.eth = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
		.payload_max = bpf_xdp_get_buff_len(ctx) - sizeof(struct ethhdr),
	};

	if ((void *)(t.eth + 1) > t.end)
		return XDP_PASS;
	if (t.eth->h_proto == bpf_htons(ETH_P_IP))
		return decap4(ctx, &t);
	if (t.eth->h_proto == bpf_htons(ETH_P_IPV6))
		return decap6(ctx, &t);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
