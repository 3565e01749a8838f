// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Makes a host that nobody finds: drops, at tc ingress, what asks for its MAC address (ARP
 * requests, neighbour solicitations). It still finds others, and takes all else. Read next:
 * lab_network.ts.
 */
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* RFC 826; RFC 4861. */
#define REQUEST_AT   6
#define REQUEST	     1
#define SOLICITATION 135

SEC("tc")
int mute(struct __sk_buff *skb)
{
	struct {
		struct ipv6hdr ip;
		__u8 type;
	} solicitation = {};
	__be16 operation = 0;

	if (skb->protocol == bpf_htons(ETH_P_ARP)) {
		bpf_skb_load_bytes(skb, ETH_HLEN + REQUEST_AT, &operation, sizeof(operation));
		return operation == bpf_htons(REQUEST) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
	}
	if (skb->protocol != bpf_htons(ETH_P_IPV6))
		return TC_ACT_UNSPEC;
	bpf_skb_load_bytes(skb, ETH_HLEN, &solicitation, sizeof(struct ipv6hdr) + 1);
	return solicitation.ip.nexthdr == IPPROTO_ICMPV6 && solicitation.type == SOLICITATION
		       ? TC_ACT_SHOT
		       : TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
