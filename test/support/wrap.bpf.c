// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The other end of a tunnel, for the lab: at egress of tc, puts every IP packet into an outer
 * header of the family that the constants say, as a director would (IP in IP, RFC 2003 and 2473).
 * Assumes packets that are not segmented by hardware: ethtool -K IFACE tso off gso off.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct outer {
	__u32 family;	 /* 4 or 6 */
	__be32 saddr[4]; /* IPv4 has the first */
	__be32 daddr[4];
};
const volatile struct outer outer SEC(".rodata.outer") = {};

static __always_inline int wrap4(struct __sk_buff *skb, __u8 protocol)
{
	__u64 flags = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	__u16 type = bpf_htons(ETH_P_IP);
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = protocol,
		.tot_len = bpf_htons(skb->len - ETH_HLEN + sizeof(ip)),
	};
	__u32 sum = 0;

	ip.saddr = outer.saddr[0];
	ip.daddr = outer.daddr[0];
	for (int i = 0; i < 10; i++)
		sum += ((__u16 *)&ip)[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = ~(sum + (sum >> 16));
	if (bpf_skb_adjust_room(skb, sizeof(ip), BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0) ||
	    bpf_skb_store_bytes(skb, 2 * ETH_ALEN, &type, sizeof(type), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

static __always_inline int wrap6(struct __sk_buff *skb, __u8 protocol)
{
	__u64 flags = BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	__u16 type = bpf_htons(ETH_P_IPV6);
	struct ipv6hdr ip = {
		.version = 6,
		.hop_limit = 64,
		.nexthdr = protocol,
		.payload_len = bpf_htons(skb->len - ETH_HLEN),
	};

	for (int i = 0; i < 4; i++) {
		ip.saddr.in6_u.u6_addr32[i] = outer.saddr[i];
		ip.daddr.in6_u.u6_addr32[i] = outer.daddr[i];
	}
	if (bpf_skb_adjust_room(skb, sizeof(ip), BPF_ADJ_ROOM_MAC, flags) ||
	    bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0) ||
	    bpf_skb_store_bytes(skb, 2 * ETH_ALEN, &type, sizeof(type), 0))
		return TC_ACT_SHOT;
	return TC_ACT_OK;
}

/* Neighbour discovery has to go as it is. */
static __always_inline int is_wrapped(struct __sk_buff *skb, __u8 *protocol)
{
	__u8 next = 0;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		*protocol = IPPROTO_IPIP;
		return 1;
	}
	*protocol = IPPROTO_IPV6;
	return skb->protocol == bpf_htons(ETH_P_IPV6) &&
	       !bpf_skb_load_bytes(skb, ETH_HLEN + 6, &next, 1) && next != IPPROTO_ICMPV6;
}

SEC("tc")
int wrap(struct __sk_buff *skb)
{
	__u8 protocol;

	if (!is_wrapped(skb, &protocol))
		return TC_ACT_OK;
	return outer.family == 6 ? wrap6(skb, protocol) : wrap4(skb, protocol);
}

char _license[] SEC("license") = "Dual BSD/GPL";
