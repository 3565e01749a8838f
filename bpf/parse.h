/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage parse: is this frame one that the host would deliver or forward as IPv4 TCP or UDP? What
 * the host would refuse is passed to it untouched, so that it refuses it itself.
 * Source: RFC 791 section 3.1; RFC 9293; RFC 768; net/ipv4/ip_input.c ip_rcv_core (v6.12).
 */
#ifndef XLVS_PARSE_H
#define XLVS_PARSE_H

#include "csum.h"

#define IP_FRAGMENT_BITS bpf_htons(0x3fff) /* more-fragments and offset */
#define IP_DF		 bpf_htons(0x4000)

/* Fills eth, end. Returns NOT_IPV4, FOREIGN_MAC. */
ALWAYS int parse_ethernet(struct packet *pkt)
{
	void *data = (void *)(long)pkt->ctx->data;
	__u32 ifindex = pkt->ctx->ingress_ifindex;
	const struct interface *in;

	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = data;
	if ((void *)(pkt->eth + 1) > pkt->end || load16(&pkt->eth->h_proto) != bpf_htons(ETH_P_IP))
		return NOT_IPV4;
	in = ROW(interfaces, ifindex);
	if (load32(&in->mac[0]) != load32(&pkt->eth->h_dest[0]) ||
	    load16(&in->mac[4]) != load16(&pkt->eth->h_dest[4]))
		return FOREIGN_MAC;
	return GO_ON;
}

/* Fills ip, len, protocol, addrs. Returns MALFORMED, HAS_OPTIONS, BAD_CHECKSUM, FRAGMENT. */
ALWAYS int parse_ip(struct packet *pkt)
{
	struct iphdr *ip = (void *)(pkt->eth + 1);

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	pkt->ip = ip;
	if (*(__u8 *)ip != 0x45)
		return (*(__u8 *)ip >> 4) == 4 && (*(__u8 *)ip & 15) > 5 ? HAS_OPTIONS : MALFORMED;
	pkt->len = bpf_ntohs(ip->tot_len);
	if (pkt->len < sizeof(*ip) || pkt->len > (__u32)(pkt->end - (void *)ip))
		return MALFORMED;
	if (csum_ip_wrong(ip))
		return BAD_CHECKSUM;
	if (ip->frag_off & IP_FRAGMENT_BITS)
		return FRAGMENT;
	pkt->protocol = ip->protocol;
	pkt->addrs = load64(&ip->saddr);
	return GO_ON;
}

/* Fills l4, l4_check, ports, tcp_flags. Returns OTHER_PROTOCOL, TRUNCATED. */
ALWAYS int parse_l4(struct packet *pkt)
{
	struct tcphdr *tcp = (void *)(pkt->ip + 1);
	struct udphdr *udp = (void *)(pkt->ip + 1);

	pkt->l4 = tcp;
	if (pkt->protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > pkt->end || pkt->len < sizeof(struct iphdr) + sizeof(*tcp))
			return TRUNCATED;
		pkt->l4_check = &tcp->check;
		pkt->tcp_flags = ((__u8 *)tcp)[13];
	} else if (pkt->protocol == IPPROTO_UDP) {
		if ((void *)(udp + 1) > pkt->end || pkt->len < sizeof(struct iphdr) + sizeof(*udp))
			return TRUNCATED;
		pkt->l4_check = &udp->check;
		pkt->tcp_flags = 0;
	} else {
		return OTHER_PROTOCOL;
	}
	pkt->ports = *(__u32 *)pkt->l4;
	return GO_ON;
}

ALWAYS int parse(struct packet *pkt)
{
	pkt->now = now();
	return parse_ethernet(pkt) ?: parse_ip(pkt) ?: parse_l4(pkt);
}

#endif
