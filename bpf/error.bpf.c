// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk that turns a packet into the ICMP error about it, as the handover says, and sends that
 * to the packet's source by the routes. Part of xlvs.bpf.c.
 * Source: RFC 792; RFC 1812 section 4.3; net/ipv4/icmp.c __icmp_send (v6.1).
 */

struct icmp_error {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 rest;
};

/* The kernel quotes what fits into 576 bytes: 548 after both headers. */
#define QUOTE_MAX	548
#define ERROR_HEADERS	(sizeof(struct iphdr) + sizeof(struct icmp_error))
#define ERROR_TTL	64
#define TOS_CONTROL	0xc0 /* internetwork control, RFC 1812 section 4.3.2.5 */
#define ICMP_WORDS_MAX	((QUOTE_MAX + sizeof(struct icmp_error)) / 2)
#define IS_MULTICAST(a) (((a) & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000))

/* Sum of the ICMP header and quote, which reach to the end of the frame. */
ALWAYS __u16 icmp_checksum(const struct icmp_error *icmp, void *end)
{
	const __u16 *at = (const void *)icmp;
	__u64 sum = 0;

	for (__u32 i = 0; i < ICMP_WORDS_MAX; i++) {
		if ((void *)(at + 1) > end)
			break;
		sum += *at++;
	}
	if ((void *)at + 1 <= end)
		sum += bpf_htons(*(const __u8 *)at << 8);
	return ~csum_fold(sum);
}

/* Makes room: cuts the frame to the quote, grows it by the two headers. */
ALWAYS int error_make_room(struct packet *pkt)
{
	__u32 quote = pkt->len < QUOTE_MAX ? pkt->len : QUOTE_MAX;
	long have = pkt->end - (void *)pkt->ip;

	/* clang 19 would add quote to the packet pointer as 32 bits, which Linux 6.18 refuses. */
	asm volatile("" : "+r"(have));
	if (have > quote && bpf_xdp_adjust_tail(pkt->ctx, (int)quote - (int)have))
		return INTERNAL;
	if (bpf_xdp_adjust_head(pkt->ctx, -(int)ERROR_HEADERS))
		return INTERNAL;
	pkt->len = quote + ERROR_HEADERS;
	return GO_ON;
}

ALWAYS void error_fill_ip(struct iphdr *ip, const struct packet *pkt, __be32 source, __u8 tos)
{
	*(__u8 *)ip = 0x45;
	ip->tos = TOS_CONTROL | (tos & 0x1e);
	ip->tot_len = bpf_htons(pkt->len);
	ip->id = (__u16)bpf_get_prandom_u32();
	ip->frag_off = 0;
	ip->ttl = ERROR_TTL;
	ip->protocol = IPPROTO_ICMP;
	ip->check = 0;
	ip->saddr = source;
	ip->daddr = (__u32)pkt->addrs;
	ip->check = ~csum_fold((__u64) * (__u32 *)ip + ((__u32 *)ip)[1] + ((__u32 *)ip)[2] +
			       ip->saddr + ip->daddr);
}

ALWAYS int error_build(struct packet *pkt, const struct handover *h, __u8 tos)
{
	struct icmp_error *icmp;

	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = (void *)(long)pkt->ctx->data;
	pkt->ip = (void *)(pkt->eth + 1);
	icmp = (void *)(pkt->ip + 1);
	if ((void *)(icmp + 1) > pkt->end)
		return INTERNAL;
	pkt->eth->h_proto = bpf_htons(ETH_P_IP);
	error_fill_ip(pkt->ip, pkt, h->source, tos);
	icmp->type = h->type;
	icmp->code = h->code;
	icmp->checksum = 0;
	icmp->rest = h->rest;
	icmp->checksum = icmp_checksum(icmp, pkt->end);
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

ALWAYS int error_send(struct packet *pkt, int reason)
{
	struct way way = {};
	const struct nexthop *hop;

	if (!way_find((__u32)pkt->addrs, &way))
		return NO_ROUTE;
	hop = ROW(nexthops, way.id);
	if (way.id)
		return send_by(pkt, hop, reason);
	__builtin_memcpy(pkt->eth->h_dest, pkt->eth->h_source, ETH_ALEN);
	return resolve(pkt, way.ifindex, way.addr);
}

SEC("xdp")
int xlvs_error(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	int reason = parse_ethernet(&pkt) ?: parse_ip(&pkt);
	__u8 tos;

	if (!h || reason)
		return leave(&pkt, reason ?: INTERNAL);
	if (!(__u32)pkt.addrs || IS_MULTICAST((__u32)pkt.addrs) || !h->source)
		return leave(&pkt, INTERNAL);
	tos = pkt.ip->tos;
	return leave(&pkt, error_make_room(&pkt) ?: error_build(&pkt, h, tos) ?:
			   error_count(&pkt, h) ?: error_send(&pkt, h->reason));
}
