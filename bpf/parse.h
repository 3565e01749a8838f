/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage parse: is this frame one that the host would deliver or forward as TCP or UDP? What the
 * host would refuse is passed to it untouched, so that it refuses it itself.
 * Source: RFC 791 section 3.1; RFC 8200; RFC 9293; RFC 768; net/ipv4/ip_input.c ip_rcv_core,
 * net/ipv6/ip6_input.c ip6_rcv_core (v6.12).
 */
#ifndef XLVS_PARSE_H
#define XLVS_PARSE_H

#include "csum.h"
#include "extension.h"

#define IP_FRAGMENT_BITS bpf_htons(0x3fff) /* more-fragments and offset */
#define IP_DF		 bpf_htons(0x4000)
/* Bytes into an IPv4 packet where something of its options may be. */
#define OPTION_AT_MASK 0x3f

/* Interface the packet counts as having come by: a VLAN's, when its tag was taken off. */
ALWAYS __u32 arrived_by(const struct packet *pkt)
{
	struct handover *h;
	__u32 zero = 0;

	if (!pkt->full)
		return pkt->ctx->ingress_ifindex;
	h = bpf_map_lookup_elem(&handovers, &zero);
	return h ? h->ifindex : 0;
}

/* A flag as it is in the first eight bytes of an interface, behind six of MAC address. */
#define INTERFACE_FLAG(flag) ((__u64)(flag) << 48)
_Static_assert(offsetof(struct interface, flags) == 6, "and in front of nothing else");

ALWAYS __u8 idle_flag(const struct packet *pkt)
{
	return pkt->wire.v6 ? INTERFACE_IDLE6 : INTERFACE_IDLE4;
}

/* Flags for which a packet does not simply go on: a constant in each program. */
ALWAYS __u8 rare_flags(const struct packet *pkt)
{
	return pkt->full || pkt->wire.v6 ? idle_flag(pkt) : INTERFACE_STRICT | INTERFACE_IDLE4;
}

ALWAYS int parse_rare(struct packet *pkt)
{
	return pkt->in_flags & idle_flag(pkt) ? NO_SERVICE : go_to(pkt, WALK_STRICT);
}

/* Fills eth, end. Returns NO_SERVICE, NOT_IP, FOREIGN_MAC, or what the family's or the tag's walk
 * returns. */
ALWAYS int parse_ethernet(struct packet *pkt)
{
	void *data = (void *)(long)pkt->ctx->data;
	__be16 wanted = pkt->wire.v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP), type;
	__u32 ifindex = arrived_by(pkt);
	__u64 in;

	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = data;
	if ((void *)(pkt->eth + 1) > pkt->end)
		return NOT_IP;
	type = load16(&pkt->eth->h_proto);
	if (unlikely(type != wanted)) {
		if (pkt->full || pkt->wire.v6)
			return NOT_IP;
		if (type == bpf_htons(ETH_P_IPV6))
			return jump(pkt, WALK_IPV6);
		if (type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD))
			return jump(pkt, WALK_TAGGED);
		return NOT_IP;
	}
	in = load64(ROW(interfaces, ifindex));
	if ((in ^ load64(pkt->eth)) << 16)
		return FOREIGN_MAC;
	pkt->in_flags = in >> 48;
	return likely(!(pkt->in_flags & rare_flags(pkt))) ? GO_ON : parse_rare(pkt);
}

/*
 * A header that is not of 20 bytes: its options are processed once, in a walk of its own, and the
 * packet goes on from there. Fills l4_at. Returns GO_ON, MALFORMED, or what that walk does.
 */
ALWAYS int parse_long_ip4(struct packet *pkt, __u8 first)
{
	const struct handover *h;
	__u32 zero = 0;

	if (first >> 4 != 4 || (first & 15) < 5)
		return MALFORMED;
	if (!pkt->full)
		return go_to(pkt, WALK_OPTIONS);
	h = bpf_map_lookup_elem(&handovers, &zero);
	if (!h || !h->has_options)
		return h ? jump(pkt, WALK_OPTIONS) : INTERNAL;
	pkt->l4_at = (first & 15) * 4;
	return GO_ON;
}

/* Fills ip, len, l4_at, protocol, addrs. Returns MALFORMED, BAD_CHECKSUM, FRAGMENT, WALK_OPTIONS'.
 */
ALWAYS int parse_ip4(struct packet *pkt)
{
	struct iphdr *ip = (void *)(pkt->eth + 1);
	int reason;

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	pkt->ip = ip;
	pkt->l4_at = sizeof(*ip);
	if (unlikely(*(__u8 *)ip != 0x45)) {
		reason = parse_long_ip4(pkt, *(__u8 *)ip);
		if (reason)
			return reason;
	}
	pkt->len = bpf_ntohs(ip->tot_len);
	if (pkt->len < sizeof(*ip) || pkt->len > (__u32)(pkt->end - (void *)ip))
		return MALFORMED;
	if ((!pkt->full || pkt->l4_at == sizeof(*ip)) && csum_ip_wrong(ip))
		return BAD_CHECKSUM;
	if (ip->frag_off & IP_FRAGMENT_BITS)
		return FRAGMENT;
	pkt->wire.protocol = ip->protocol;
	pkt->wire.addrs[0] = load64(&ip->saddr);
	return GO_ON;
}

/* Fills l4_at, protocol beyond the extension headers. Returns HAS_OPTIONS, FRAGMENT, MALFORMED. */
ALWAYS int parse_extensions(struct packet *pkt)
{
	__u32 found;

	if (!extension_is(pkt->wire.protocol))
		return GO_ON;
	if (!pkt->full)
		return go_to(pkt, WALK_FULL);
	found = extensions_skip(pkt->ctx, sizeof(struct ethhdr));
	pkt->wire.protocol = found >> 16;
	pkt->l4_at = found & EXTENSION_AT_MASK;
	if (pkt->wire.protocol == IPPROTO_FRAGMENT)
		return FRAGMENT;
	return pkt->l4_at ? GO_ON : HAS_OPTIONS;
}

/* Fills ip, len, l4_at, protocol, addrs. Returns MALFORMED, and what parse_extensions returns. */
ALWAYS int parse_ip6(struct packet *pkt)
{
	struct ipv6hdr *ip = (void *)(pkt->eth + 1);

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	pkt->ip = ip;
	pkt->len = bpf_ntohs(ip->payload_len) + sizeof(*ip);
	if (*(__u8 *)ip >> 4 != 6 || pkt->len > (__u32)(pkt->end - (void *)ip))
		return MALFORMED;
	pkt->wire.protocol = ip->nexthdr;
	for (int i = 0; i < 4; i++)
		pkt->wire.addrs[i] = load64((void *)&ip->saddr + 8 * i);
	pkt->l4_at = sizeof(*ip);
	return parse_extensions(pkt);
}

ALWAYS int parse_ip(struct packet *pkt)
{
	return pkt->wire.v6 ? parse_ip6(pkt) : parse_ip4(pkt);
}

ALWAYS int is_icmp(const struct packet *pkt)
{
	return pkt->wire.protocol == (pkt->wire.v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

ALWAYS int is_ipsec(__u8 protocol)
{
	return protocol == IPPROTO_ESP || protocol == IPPROTO_AH;
}

/* Both ports of the connection that AH and ESP follow. */
#define IKE_PORTS bpf_htonl(500 << 16 | 500)

/* ICMP is looked at in a walk of its own, and so are AH and ESP; the full walk leads there. */
ALWAYS int parse_other(struct packet *pkt)
{
	if (!is_icmp(pkt) && !is_ipsec(pkt->wire.protocol))
		return OTHER_PROTOCOL;
	if (!pkt->full)
		return go_to(pkt, WALK_FULL);
	return is_icmp(pkt) ? go_to(pkt, WALK_ICMP) : go_to(pkt, WALK_IPSEC);
}

/* Fills l4, l4_check, ports, tcp_flags. Returns OTHER_PROTOCOL, or what WALK_SHORT does. */
ALWAYS int parse_l4(struct packet *pkt)
{
	struct tcphdr *tcp = pkt->ip + pkt->l4_at;
	struct udphdr *udp = (void *)tcp;

	pkt->l4 = tcp;
	if (pkt->wire.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > pkt->end || pkt->len < pkt->l4_at + sizeof(*tcp))
			return go_to(pkt, WALK_SHORT);
		pkt->l4_check = &tcp->check;
		pkt->tcp_flags = ((__u8 *)tcp)[13];
	} else if (pkt->wire.protocol == IPPROTO_UDP) {
		if ((void *)(udp + 1) > pkt->end || pkt->len < pkt->l4_at + sizeof(*udp))
			return go_to(pkt, WALK_SHORT);
		pkt->l4_check = &udp->check;
		pkt->tcp_flags = 0;
	} else {
		return parse_other(pkt);
	}
	pkt->wire.ports = load32(pkt->l4);
	return GO_ON;
}

ALWAYS int parse(struct packet *pkt)
{
	pkt->now = now();
	return parse_ethernet(pkt) ?: parse_ip(pkt) ?: parse_l4(pkt);
}

#endif
