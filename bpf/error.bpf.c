// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk that turns a packet into the ICMP error about it, as the handover says, and sends that
 * to the packet's source by the routes. Part of xlvs.bpf.c.
 * Source: RFC 792; RFC 1812 section 4.3; RFC 4443; net/ipv4/icmp.c, net/ipv6/icmp.c (v6.1).
 */

/* The kernel quotes what fits into 576 bytes, in IPv6 into 1280, after both headers. */
#define QUOTE_MAX4  548
#define QUOTE_MAX6  1232
#define ERROR_TTL   64
#define TOS_CONTROL 0xc0 /* internetwork control, RFC 1812 section 4.3.2.5 */

/* Whether an error may go to a source: not to nobody, and not to many. */
ALWAYS int may_answer(const struct wire *wire)
{
	if (wire->v6)
		return (__u8)wire->addrs[0] != 0xff && (wire->addrs[0] || wire->addrs[1]);
	return (__u32)wire->addrs[0] && !IS_MULTICAST((__u32)wire->addrs[0]);
}

ALWAYS int is_somebody(const __u8 *addr, __u8 v6)
{
	return v6 ? load64(addr) || load64(addr + 8) : !!load32(addr + 12);
}

/* Makes room: cuts the frame to the quote, grows it by the two headers. */
ALWAYS int error_make_room(struct packet *pkt)
{
	__u32 max = pkt->wire.v6 ? QUOTE_MAX6 : QUOTE_MAX4;
	__u32 headers = ip_size(pkt->wire.v6) + sizeof(struct icmp_error);
	__u32 quote = pkt->len < max ? pkt->len : max;
	long have = pkt->end - pkt->ip;

	/* clang 19 would add quote to the packet pointer as 32 bits, which Linux 6.18 refuses. */
	asm volatile("" : "+r"(have));
	if (have > quote && bpf_xdp_adjust_tail(pkt->ctx, (int)quote - (int)have))
		return INTERNAL;
	if (bpf_xdp_adjust_head(pkt->ctx, -(int)headers))
		return INTERNAL;
	pkt->len = quote + headers;
	return GO_ON;
}

ALWAYS void error_fill_ip4(struct iphdr *ip, const struct packet *pkt, const struct address *source,
			   __u8 tos)
{
	*(__u8 *)ip = 0x45;
	ip->tos = TOS_CONTROL | (tos & 0x1e);
	ip->tot_len = bpf_htons(pkt->len);
	ip->id = (__u16)bpf_get_prandom_u32();
	ip->frag_off = 0;
	ip->ttl = ERROR_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->check = 0;
	ip->saddr = address_ipv4(source);
	ip->daddr = (__u32)pkt->wire.addrs[0];
	ip->check = ~csum_fold((__u64) * (__u32 *)ip + ((__u32 *)ip)[1] + ((__u32 *)ip)[2] +
			       ip->saddr + ip->daddr);
}

ALWAYS void error_fill_ip6(struct ipv6hdr *ip, const struct packet *pkt,
			   const struct address *source)
{
	store32(ip, bpf_htonl(6 << 28));
	ip->payload_len = bpf_htons(pkt->len - sizeof(*ip));
	ip->nexthdr = IPPROTO_ICMPV6;
	ip->hop_limit = ERROR_TTL;
	address_store(&ip->saddr, *source);
	address_store(&ip->daddr, wire_from(&pkt->wire));
}

ALWAYS int error_build(struct packet *pkt, const struct handover *h, __u8 tos)
{
	struct address source = address_load(h->source), to = wire_from(&pkt->wire);
	__u32 at = ip_size(pkt->wire.v6), len = pkt->len - at;
	struct icmp_error *icmp;
	__u64 sum;

	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = (void *)(long)pkt->ctx->data;
	pkt->ip = pkt->eth + 1;
	icmp = pkt->ip + at;
	if ((void *)(icmp + 1) > pkt->end)
		return INTERNAL;
	if (pkt->wire.v6)
		error_fill_ip6(pkt->ip, pkt, &source);
	else
		error_fill_ip4(pkt->ip, pkt, &source, tos);
	pkt->eth->h_proto = pkt->wire.v6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	icmp->type = h->type;
	icmp->code = h->code;
	icmp->checksum = 0;
	icmp->rest = h->rest;
	sum = frame_sum(pkt->ctx, sizeof(struct ethhdr) + at, len);
	if (pkt->wire.v6)
		sum += pseudo_sum(&source, &to, 1, len, IPPROTO_ICMPV6);
	icmp->checksum = ~csum_fold(sum);
	return GO_ON;
}

/* As a reply of the dest, when the handover names one. */
ALWAYS int error_count(struct packet *pkt, const struct handover *h)
{
	__u32 id = h->dest;

	pkt->dest_id = id;
	pkt->dest = ROW(dests, id);
	return id == NONE ? GO_ON : count_reply(pkt);
}

/*
 * Back where it came from, by the routes. Differs from LVS: nobody is sent an ICMP error about a
 * packet from a subnet's broadcast address; the kernel sends it to the whole subnet.
 */
ALWAYS int error_send(struct packet *pkt, int reason)
{
	struct way way = {};

	if (!way_find(wire_from(&pkt->wire), &way))
		return NO_ROUTE;
	return send_way(pkt, &way, reason);
}

/*
 * Who speaks may be an address that only policy routing makes this host's: the kernel can send
 * nothing from such a one in IPv4, and sends from the interface's in IPv6. Differs from LVS: an
 * ICMPv6 error about a packet that only policy routing makes local comes from the first address of
 * the interface; the kernel takes the one that suits the receiver.
 */
ALWAYS int error_source(struct packet *pkt, struct handover *h)
{
	const struct route *route = route_find(address_load(h->source));

	if (likely(route && route->kind == ROUTE_LOCAL))
		return 1;
	if (pkt->wire.v6)
		address_store(h->source, own_address(pkt));
	return pkt->wire.v6;
}

ALWAYS int walk_error(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6, .verdict = XDP_DROP};
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	int reason = h ? parse_ethernet(&pkt) ?: parse_ip(&pkt) : INTERNAL;
	__u8 tos;

	if (!reason && (!may_answer(&pkt.wire) || !is_somebody(h->source, v6) ||
			!error_source(&pkt, h) || !error_is_allowed(h, wire_from(&pkt.wire), v6)))
		reason = h->reason;
	if (reason)
		return leave(&pkt, reason);
	tos = traffic_class(&pkt);
	if (!v6 && pkt.l4_at > sizeof(struct iphdr))
		ip4(&pkt)->check = csum_update(ip4(&pkt)->check, h->check_delta);
	return leave(&pkt, error_make_room(&pkt) ?: error_build(&pkt, h, tos) ?:
			   error_count(&pkt, h) ?: error_send(&pkt, h->reason));
}
PROGRAM(error)
