// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an ICMP error that somebody sent about a packet of a connection: it goes where that
 * packet came from. Translated for NAT, quote included; by the forwarding method as it is for
 * others. It restarts no timer and moves no state. Part of xlvs.bpf.c.
 * Source: RFC 792, RFC 4443; ip_vs_core.c ip_vs_in_icmp, handle_response_icmp (v6.12).
 */

/* Unreachable, source quench, time exceeded; ICMPv6 errors are the types below 128. */
ALWAYS int icmp_is_error(__u8 type, __u8 v6)
{
	return v6 ? type < 128 : type == 3 || type == 4 || type == 11;
}

/* The packet that the error quotes: where its headers are, and what is on them. */
struct quote {
	void *ip;
	__u16 *ports;
	struct wire wire;
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

/* Fills the quote. Returns OTHER_PROTOCOL (no error, or about nothing of ours), TRUNCATED. */
ALWAYS int quote_parse(struct packet *pkt, struct quote *q)
{
	struct icmp_error *icmp = pkt->ip + pkt->l4_at;
	__u32 at;

	pkt->l4 = icmp;
	if ((void *)(icmp + 1) > pkt->end)
		return TRUNCATED;
	if (!icmp_is_error(icmp->type, pkt->wire.v6))
		return OTHER_PROTOCOL;
	pkt->l4_check = &icmp->checksum;
	q->ip = icmp + 1;
	q->wire.v6 = pkt->wire.v6;
	at = quote_ip(pkt, q);
	if (at < ip_size(pkt->wire.v6))
		return OTHER_PROTOCOL;
	if (q->wire.protocol != IPPROTO_TCP && q->wire.protocol != IPPROTO_UDP)
		return OTHER_PROTOCOL;
	q->ports = q->ip + (at & QUOTE_AT_MASK);
	/* What follows the packet in its frame is not quoted. */
	if ((void *)(q->ports + 2) > pkt->end ||
	    pkt->len < pkt->l4_at + sizeof(*icmp) + at + 2 * sizeof(*q->ports))
		return TRUNCATED;
	q->wire.ports = load32(q->ports);
	return GO_ON;
}

/* The connection whose packet going the other way would be on the wire like the quote. */
ALWAYS int quote_find(struct packet *pkt, const struct quote *q)
{
	struct wire icmp = pkt->wire;

	pkt->wire.addrs[0] = q->wire.v6 ? q->wire.addrs[2] : ROTATE(q->wire.addrs[0], 32);
	pkt->wire.addrs[1] = q->wire.addrs[3];
	pkt->wire.addrs[2] = q->wire.addrs[0];
	pkt->wire.addrs[3] = q->wire.addrs[1];
	pkt->wire.ports = ROTATE(q->wire.ports, 16);
	pkt->wire.protocol = q->wire.protocol;
	conn_find_warm(pkt);
	pkt->wire = icmp;
	return pkt->conn ? dest_find(pkt) : NO_CONNECTION;
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

ALWAYS void quote_check(struct packet *pkt, struct quote *q)
{
	struct iphdr *ip = q->ip;
	const __u32 *w = q->ip;

	if (pkt->wire.v6 || *(__u8 *)ip != 0x45)
		return;
	ip->check = 0;
	ip->check = ~csum_fold((__u64)w[0] + w[1] + w[2] + w[3] + w[4]);
}

/* The error now says what it would have said about the other side's packet. */
ALWAYS void icmp_finish(struct packet *pkt, struct quote *q, struct address from, struct address to)
{
	quote_check(pkt, q);
	*pkt->l4_check = 0;
	*pkt->l4_check = icmp_checksum(pkt, from, to);
}

/* Puts an address into the outer header, whichever was there, and takes a hop. */
ALWAYS void icmp_readdress(struct packet *pkt, void *at, __be32 was, const __u8 *to)
{
	__be32 to4 = load32(&to[12]);

	if (pkt->wire.v6)
		ip6_rewrite(pkt, at, to);
	else
		ip4_rewrite(pkt, at, to4, csum_fold((__u64)(__u32)~was + to4));
}

/* To the dest, which sent what the error is about. */
ALWAYS void icmp_nat_request(struct packet *pkt, struct quote *q)
{
	const __u8 *to = ROW(dest_addrs, pkt->dest_id)->daddr;
	struct address dest = address_load(to);

	icmp_readdress(pkt, pkt->ip + (pkt->wire.v6 ? 24 : 16), pkt->wire.addrs[0] >> 32, to);
	addr_write(pkt, q->ip + (pkt->wire.v6 ? 8 : 12), dest);
	q->ports[0] = pkt->dest->dport;
	icmp_finish(pkt, q, wire_from(&pkt->wire), dest);
}

/* To the client: as from the virtual address, whoever sent it. */
ALWAYS void icmp_nat_reply(struct packet *pkt, struct quote *q)
{
	const __u8 *to = ROW(dest_addrs, pkt->dest_id)->vaddr;
	struct address vip = address_load(to);

	icmp_readdress(pkt, pkt->ip + (pkt->wire.v6 ? 8 : 12), pkt->wire.addrs[0], to);
	addr_write(pkt, q->ip + (pkt->wire.v6 ? 24 : 16), vip);
	q->ports[1] = pkt->dest->vport;
	icmp_finish(pkt, q, vip, wire_to(&pkt->wire));
}

ALWAYS int icmp_to_dest(struct packet *pkt, struct quote *q)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	__u64 fwd = fwd_of(pkt);

	if (!(READ(pkt->dest->flags) & DEST_VIP_LOCAL))
		return VIP_NOT_LOCAL;
	if (!fwd && icmp_verify(pkt))
		return BAD_ICMP;
	count_request(pkt);
	if (!id)
		return no_hop(pkt);
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	if (fwd == IS_TUN)
		return send_tunnel(pkt, hop);
	if (pkt->len > READ(hop->mtu))
		return NEEDS_FRAGMENTING;
	if (fwd)
		hops_decrement(pkt);
	else
		icmp_nat_request(pkt, q);
	return send_by(pkt, hop, ICMP_REQUEST);
}

ALWAYS int icmp_to_client(struct packet *pkt, struct quote *q)
{
	struct way way = {};

	if (icmp_verify(pkt))
		return BAD_ICMP;
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, own_address(pkt));
	if (!way_find(wire_to(&pkt->wire), &way))
		return NO_ROUTE;
	count_reply(pkt);
	icmp_nat_reply(pkt, q);
	return send_way(pkt, &way, ICMP_REPLY);
}

ALWAYS int icmp_send(struct packet *pkt, struct quote *q)
{
	return is_reply(pkt) ? icmp_to_client(pkt, q) : icmp_to_dest(pkt, q);
}

ALWAYS int walk_icmp(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .is_error = 1, .wire.v6 = v6, .now = now()};
	struct quote q = {};

	return leave(&pkt, parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: quote_parse(&pkt, &q) ?:
			   quote_find(&pkt, &q) ?: source_check(&pkt) ?: icmp_send(&pkt, &q));
}
PROGRAM(icmp)
