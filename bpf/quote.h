/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The packet that an ICMP error quotes: its headers are found, and changed as the error is passed
 * on. Only for the warm walks. Read next: icmp.bpf.c.
 * Source: RFC 792, RFC 4443; ip_vs_core.c ip_vs_fill_iph_skb_icmp, ip_vs_nat_icmp (v6.12).
 */
#ifndef XLVS_QUOTE_H
#define XLVS_QUOTE_H

#include "sum.h"
#include "xmit.h"

struct icmp_error {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

/* Unreachable, source quench, time exceeded; ICMPv6 errors are the types below 128. */
ALWAYS int icmp_is_error(__u8 type, __u8 v6)
{
	return v6 ? type < 128 : type == 3 || type == 4 || type == 11;
}

/* Where the quoted packet's headers are, and what is on them. */
struct quote {
	void *ip;
	__u16 *ports;
	struct wire wire;
	__u8 has_ports; /* AH and ESP have none, and belong to the connection of UDP port 500 */
};

/* Bytes into the quote where its transport header may begin. */
#define QUOTE_AT_MASK 0x1fc

/* Fills the addresses and the protocol; gives the transport header's distance, 0 for none. */
ALWAYS __u32 quote_ip(struct packet *pkt, struct quote *q)
{
	__u32 found;

	if (pkt->wire.v6) {
		struct ipv6hdr *ip = q->ip;

		if ((void *)(ip + 1) > pkt->end || *(__u8 *)ip >> 4 != 6)
			return 0;
		for (int i = 0; i < 4; i++)
			q->wire.addrs[i] = load64((void *)&ip->saddr + 8 * i);
		found = extensions_skip(pkt->ctx, (void *)ip - (void *)pkt->eth);
		q->wire.protocol = found >> 16;
		return found & EXTENSION_AT_MASK;
	} else {
		struct iphdr *ip = q->ip;

		if ((void *)(ip + 1) > pkt->end || *(__u8 *)ip >> 4 != 4)
			return 0;
		if (ip->frag_off & bpf_htons(0x1fff))
			return 0;
		q->wire.addrs[0] = load64(&ip->saddr);
		q->wire.protocol = ip->protocol;
		return (*(__u8 *)ip & 15) * 4;
	}
}

/*
 * Needs q->ip, which begins `from` bytes into the packet; fills the rest. Returns OTHER_PROTOCOL,
 * TRUNCATED.
 */
ALWAYS int quote_fill(struct packet *pkt, struct quote *q, __u32 from)
{
	__u32 at;

	q->wire.v6 = pkt->wire.v6;
	at = quote_ip(pkt, q);
	if (at < ip_size(pkt->wire.v6))
		return OTHER_PROTOCOL;
	if (is_ipsec(q->wire.protocol)) {
		q->wire.protocol = IPPROTO_UDP;
		q->wire.ports = IKE_PORTS;
		return GO_ON;
	}
	if (q->wire.protocol != IPPROTO_TCP && q->wire.protocol != IPPROTO_UDP)
		return OTHER_PROTOCOL;
	q->ports = q->ip + (at & QUOTE_AT_MASK);
	/* What follows the packet in its frame is not quoted. */
	if ((void *)(q->ports + 2) > pkt->end || pkt->len < from + at + 2 * sizeof(*q->ports))
		return TRUNCATED;
	q->wire.ports = load32(q->ports);
	q->has_ports = 1;
	return GO_ON;
}

/* Fills l4, l4_check. Returns TRUNCATED, OTHER_PROTOCOL (no error). */
ALWAYS int icmp_parse(struct packet *pkt)
{
	struct icmp_error *icmp = pkt->ip + pkt->l4_at;

	pkt->l4 = icmp;
	if ((void *)(icmp + 1) > pkt->end)
		return TRUNCATED;
	pkt->l4_check = &icmp->checksum;
	return icmp_is_error(icmp->type, pkt->wire.v6) ? GO_ON : OTHER_PROTOCOL;
}

/* Finds a connection by another wire than the packet's own. Fills hash, conn, word. */
ALWAYS void conn_find_by(struct packet *pkt, struct wire wire)
{
	struct wire own = pkt->wire;

	pkt->wire = wire;
	conn_find_warm(pkt);
	pkt->wire = own;
}

/* The checksum field's right value for the packet as it is now, the field being zero. */
ALWAYS __u16 icmp_checksum(struct packet *pkt, struct address from, struct address to)
{
	__u32 len = pkt->len - pkt->l4_at;
	__u64 sum = frame_sum(pkt->ctx, sizeof(struct ethhdr) + pkt->l4_at, len);

	if (pkt->wire.v6)
		sum += pseudo_sum(&from, &to, 1, len, IPPROTO_ICMPV6);
	return ~csum_fold(sum);
}

/* With its own checksum in it, a packet's sum comes out as nothing. */
ALWAYS int icmp_verify(struct packet *pkt)
{
	return icmp_checksum(pkt, wire_from(&pkt->wire), wire_to(&pkt->wire)) ? BAD_ICMP : GO_ON;
}

ALWAYS void addr_write(struct packet *pkt, void *at, struct address addr)
{
	if (pkt->wire.v6)
		address_store(at, addr);
	else
		store32(at, address_ipv4(&addr));
}

/* A quoted IPv4 header's checksum is made anew, whatever it was. */
ALWAYS void quote_check(struct packet *pkt, struct quote *q)
{
	struct iphdr *ip = q->ip;

	if (pkt->wire.v6)
		return;
	ip->check = 0;
	ip->check = ~csum_fold(
		frame_sum(pkt->ctx, (void *)ip - (void *)pkt->eth, (*(__u8 *)ip & 15) * 4));
}

/* The error now says what it would have said about the other side's packet. */
ALWAYS void icmp_finish(struct packet *pkt, struct quote *q, struct address from, struct address to)
{
	quote_check(pkt, q);
	*pkt->l4_check = 0;
	*pkt->l4_check = icmp_checksum(pkt, from, to);
}

/* To the dest, which sent what the error is about. */
ALWAYS void icmp_nat_request(struct packet *pkt, struct quote *q, enum hops hops)
{
	struct side dest = dest_side(pkt);

	readdress_to(pkt, (const __u8 *)&dest.addr, hops);
	addr_write(pkt, q->ip + (pkt->wire.v6 ? 8 : 12), dest.addr);
	if (q->has_ports)
		q->ports[0] = dest.port;
	icmp_finish(pkt, q, wire_from(&pkt->wire), dest.addr);
}

/* To the client: as from the virtual address, whoever sent it. */
ALWAYS void icmp_nat_reply(struct packet *pkt, struct quote *q, enum hops hops)
{
	struct side vip = virtual_side(pkt);

	readdress_from(pkt, (const __u8 *)&vip.addr, hops);
	addr_write(pkt, q->ip + (pkt->wire.v6 ? 24 : 16), vip.addr);
	if (q->has_ports)
		q->ports[1] = vip.port;
	icmp_finish(pkt, q, vip.addr, wire_to(&pkt->wire));
}

#endif
