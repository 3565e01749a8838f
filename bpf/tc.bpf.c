// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The tc companion, at ingress: a frame the XDP program has translated but whose neighbour it does
 * not know carries a note; the kernel resolves the neighbour, queues and sends. All else goes on.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "types.h"

#define AF_INET	 2
#define AF_INET6 10

SEC("tc")
int companion(struct __sk_buff *skb)
{
	struct companion_note *note = (void *)(long)skb->data_meta;
	struct bpf_redir_neigh neigh = {};
	const __u32 *addr;

	if ((void *)(note + 1) > (void *)(long)skb->data || note->magic != COMPANION_MAGIC)
		return TC_ACT_UNSPEC;
	addr = (void *)note->nexthop;
	if (!addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff)) {
		neigh.nh_family = AF_INET;
		neigh.ipv4_nh = addr[3];
	} else {
		neigh.nh_family = AF_INET6;
		__builtin_memcpy(neigh.ipv6_nh, addr, sizeof(neigh.ipv6_nh));
	}
	return bpf_redirect_neigh(note->ifindex, &neigh, sizeof(neigh), 0);
}

char _license[] SEC("license") = "Dual BSD/GPL";
