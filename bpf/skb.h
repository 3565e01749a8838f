/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A packet that this host sends, in a socket buffer: its headers are right, its payload may be
 * elsewhere in memory, it may be many segments yet to be cut, and a card may have to finish its
 * transport checksum. Part of tc.bpf.c. Read next: here_answer.h.
 * Source: net/core/filter.c bpf_l4_csum_replace, net/core/utils.c inet_proto_csum_replace4 (v6.1).
 */
#ifndef XLVS_SKB_H
#define XLVS_SKB_H

#include "conn_insert.h"
#include "parse.h"
#include "quote.h"
#include "renew.h"
#include "sched.h"
#include "source.h"
#include "xmit.h"

/* Headers from Ethernet to TCP, without options, as long as they may be read at once. */
#define HEADERS_SIZE (sizeof(struct ethhdr) + 60 + sizeof(struct tcphdr))

/* Has the first bytes of a packet lie where they can be read, all of them at most. */
ALWAYS void skb_pull(struct __sk_buff *skb, __u32 bytes)
{
	if (skb->data_end - skb->data < bytes)
		bpf_skb_pull_data(skb, bytes < skb->len ? bytes : skb->len);
}

/* Fills ip, l4_at, protocol, addrs. Returns FRAGMENT, MALFORMED. */
ALWAYS int skb_ip4(struct packet *pkt)
{
	struct iphdr *ip = pkt->ip;

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	if (ip->frag_off & IP_FRAGMENT_BITS)
		return FRAGMENT;
	pkt->l4_at = (*(__u8 *)ip & 15) * 4;
	pkt->wire.protocol = ip->protocol;
	pkt->wire.addrs[0] = load64(&ip->saddr);
	return GO_ON;
}

/* Hop-by-hop options, as segments of more than 64 KiB in one have them on loopback. */
ALWAYS int skb_hops(struct packet *pkt)
{
	const struct extension *ext = pkt->ip + sizeof(struct ipv6hdr);

	if ((void *)(ext + 1) > pkt->end)
		return MALFORMED;
	pkt->wire.protocol = ext->nexthdr;
	pkt->l4_at += extension_size(ext, IPPROTO_HOPOPTS);
	return extension_is(pkt->wire.protocol) ? HAS_OPTIONS : GO_ON;
}

ALWAYS int skb_ip6(struct packet *pkt)
{
	struct ipv6hdr *ip = pkt->ip;

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	pkt->wire.protocol = ip->nexthdr;
	for (int i = 0; i < 4; i++)
		pkt->wire.addrs[i] = load64((void *)&ip->saddr + 8 * i);
	pkt->l4_at = sizeof(*ip);
	if (pkt->wire.protocol == IPPROTO_HOPOPTS)
		return skb_hops(pkt);
	return parse_extensions(pkt);
}

/* Fills l4, l4_check, ports, tcp_flags of TCP and UDP. Returns OTHER_PROTOCOL, TRUNCATED. */
ALWAYS int skb_l4(struct packet *pkt)
{
	struct tcphdr *tcp = pkt->ip + (pkt->l4_at & EXTENSION_AT_MASK);
	struct udphdr *udp = (void *)tcp;

	pkt->l4 = tcp;
	pkt->tcp_flags = 0;
	if (pkt->wire.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > pkt->end)
			return TRUNCATED;
		pkt->l4_check = &tcp->check;
		pkt->tcp_flags = ((__u8 *)tcp)[13];
	} else if (pkt->wire.protocol == IPPROTO_UDP) {
		if ((void *)(udp + 1) > pkt->end)
			return TRUNCATED;
		pkt->l4_check = &udp->check;
	} else {
		return OTHER_PROTOCOL;
	}
	pkt->wire.ports = load32(pkt->l4);
	return GO_ON;
}

/* Fills eth, end, ip, len and what the family's header says. */
ALWAYS int skb_parse_ip(struct packet *pkt)
{
	struct __sk_buff *skb = pkt->ctx;

	pkt->end = (void *)(long)skb->data_end;
	pkt->eth = (void *)(long)skb->data;
	pkt->ip = pkt->eth + 1;
	pkt->len = skb->len - sizeof(struct ethhdr);
	return pkt->wire.v6 ? skb_ip6(pkt) : skb_ip4(pkt);
}

/* The same once more, and whole, for who reads all of a packet. */
ALWAYS int skb_parse_whole(struct packet *pkt)
{
	skb_pull(pkt->ctx, ((struct __sk_buff *)pkt->ctx)->len);
	return skb_parse_ip(pkt);
}

/* A datagram without a checksum gets one, as it gets from IPVS. Returns GO_ON, TRUNCATED ... */
ALWAYS int skb_fill(struct packet *pkt)
{
	struct address from = wire_from(&pkt->wire), to = wire_to(&pkt->wire);
	__u32 len = pkt->len - pkt->l4_at;
	int reason;
	__u64 sum;

	if (likely(!lacks_checksum(pkt)))
		return GO_ON;
	reason = skb_parse_whole(pkt) ?: skb_l4(pkt);
	if (reason)
		return reason;
	sum = frame_sum(pkt->ctx, sizeof(struct ethhdr) + pkt->l4_at, len);
	sum += pseudo_sum(&from, &to, pkt->wire.v6, len, IPPROTO_UDP);
	*pkt->l4_check = (__u16)~csum_fold(sum) ?: 0xffff;
	return GO_ON;
}

/*
 * The transport checksum after addresses and ports have changed: of one that a card finishes only
 * the pseudo header's part is there. Packet pointers are gone afterwards.
 */
ALWAYS int skb_check(struct packet *pkt, struct side *was, struct side *is)
{
	__u32 at = sizeof(struct ethhdr) + pkt->l4_at +
		   (pkt->wire.protocol == IPPROTO_TCP ? offsetof(struct tcphdr, check)
						      : offsetof(struct udphdr, check));
	__u64 flags = pkt->wire.protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__s64 delta = bpf_csum_diff((void *)&was->addr, sizeof(was->addr), (void *)&is->addr,
				    sizeof(is->addr), 0);

	if (bpf_l4_csum_replace(pkt->ctx, at, 0, delta, flags | BPF_F_PSEUDO_HDR))
		return INTERNAL;
	if (bpf_l4_csum_replace(pkt->ctx, at, was->port, is->port, flags | 2))
		return INTERNAL;
	return GO_ON;
}

/* The virtual address and port. */
ALWAYS int skb_nat_reply(struct packet *pkt)
{
	struct side was = {wire_from(&pkt->wire), (__u16)pkt->wire.ports}, is = virtual_side(pkt);

	readdress_from(pkt, (const __u8 *)&is.addr, KEEP_HOPS);
	((struct udphdr *)pkt->l4)->source = is.port;
	return skb_check(pkt, &was, &is);
}

/* The dest's address and port. */
ALWAYS int skb_nat_request(struct packet *pkt, enum hops hops)
{
	struct side was = {wire_to(&pkt->wire), pkt->wire.ports >> 16}, is = dest_side(pkt);

	readdress_to(pkt, (const __u8 *)&is.addr, hops);
	((struct udphdr *)pkt->l4)->dest = is.port;
	return skb_check(pkt, &was, &is);
}

#endif
