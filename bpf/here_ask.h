/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this host asks of a service of its own: it travels by loopback, where it is met, and goes to
 * a dest as any client's packet would. Part of tc.bpf.c. Read next: here_begin.h.
 * Differs from LVS: what the director itself asks of its services is told nothing by ICMP: what
 * cannot be sent is dropped. To a dest by tun, or of a persistent service with the engine `sip`, it
 * is not balanced. Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook in LOCAL_OUT (v6.1).
 */
#ifndef XLVS_HERE_ASK_H
#define XLVS_HERE_ASK_H

#include "here_answer.h"

#define AF_INET	 2
#define AF_INET6 10

/* By the kernel's own neighbour of an interface. */
ALWAYS int send_neighbour(__u32 ifindex, const __u8 *address)
{
	const __u32 *addr = (const void *)address;
	struct bpf_redir_neigh neigh = {};

	if (!addr[0] && !addr[1] && addr[2] == bpf_htonl(0xffff)) {
		neigh.nh_family = AF_INET;
		neigh.ipv4_nh = addr[3];
	} else {
		neigh.nh_family = AF_INET6;
		__builtin_memcpy(neigh.ipv6_nh, addr, sizeof(neigh.ipv6_nh));
	}
	return bpf_redirect_neigh(ifindex, &neigh, sizeof(neigh), 0);
}

/* Fills conn, word. */
ALWAYS int ask_find(struct packet *pkt)
{
	int reason;

	conn_find_warm(pkt);
	if (pkt->conn && is_reply(pkt))
		pkt->conn = 0;
	if (pkt->conn) {
		dest_find(pkt);
		reason = conn_renew_here(pkt);
		if (reason)
			return reason;
	}
	return GO_ON;
}

/* Whether a packet that is not many segments is too long for its way. */
ALWAYS int is_too_long(const struct packet *pkt, const struct nexthop *hop)
{
	return !((struct __sk_buff *)pkt->ctx)->gso_size && pkt->len > READ(hop->mtu);
}

ALWAYS int ask_send(struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	int reason = DIRECT;

	pkt->verdict = TC_ACT_UNSPEC;
	if (dest_is_here(pkt))
		return fwd_of(pkt) ? LOCAL_DEST : skb_nat_request(pkt, KEEP_HOPS) ?: LOCAL_DEST;
	pkt->verdict = TC_ACT_SHOT;
	if (!id || fwd_of(pkt) == IS_TUN)
		return UNREACHABLE;
	if (hops_left(pkt) <= 1)
		return TTL_EXPIRED;
	if (is_too_long(pkt, hop))
		return may_fragment(pkt) ? NEEDS_FRAGMENTING : TOO_BIG;
	if (fwd_of(pkt))
		hops_decrement(pkt);
	else
		reason = skb_nat_request(pkt, TAKE_HOP) ?: NAT_REQUEST;
	if (reason != INTERNAL)
		pkt->verdict = send_neighbour(hop->logical, hop->addr);
	return reason;
}

/* Returns GO_ON for what is asked of no service. */
ALWAYS int ask_here(struct packet *pkt)
{
	int reason;

	if (skb_parse_ip(pkt) || skb_l4(pkt))
		return GO_ON;
	pkt->verdict = TC_ACT_SHOT;
	reason = ask_find(pkt);
	if (reason || !pkt->conn)
		return reason;
	dest_find(pkt);
	return dest_admits(pkt) ?: skb_fill(pkt) ?: count_request(pkt) ?: track(pkt) ?:
		       ask_send(pkt);
}

#endif
