// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a client's segment whose dest was removed, where the service says that its
 * connections are reset: it turns into the reset that a host without the connection would answer,
 * and the connection ends. Part of xlvs.bpf.c. Read next: renew.h.
 * Source: RFC 9293 section 3.10.7.1.
 */

/* Resets that may be sent in a second, and at once: the clients of a server that has died. */
#define RESETS_A_SECOND 10000
#define RESET_TTL	64
/* In icmp_credits. */
#define RESET_ROW 1

ALWAYS int reset_is_allowed(void)
{
	__u32 row = RESET_ROW;
	struct icmp_credit *all = bpf_map_lookup_elem(&icmp_credits, &row);

	if (!all || !all_allow(all, jiffies_now(), RESETS_A_SECOND, RESETS_A_SECOND))
		return 0;
	__sync_fetch_and_add(&all->credit, -1);
	return 1;
}

/* The reset's header, but for ports and checksum: of the two forms the one that fits. */
ALWAYS struct tcphdr reset_of(const struct packet *pkt)
{
	const struct tcphdr *tcp = pkt->l4;
	struct tcphdr reset = {.doff = sizeof(reset) / 4, .rst = 1};
	__u32 payload;

	/* Parsed, but the verifier has lost it. */
	if ((void *)(tcp + 1) > pkt->end)
		return reset;
	payload = pkt->len - pkt->l4_at - tcp->doff * 4;
	if (pkt->tcp_flags & TCP_FLAG_ACK_BIT) {
		reset.seq = tcp->ack_seq;
		return reset;
	}
	if ((__s32)payload < 0)
		payload = 0;
	reset.ack = 1;
	reset.ack_seq =
		bpf_htonl(bpf_ntohl(tcp->seq) + payload + !!(pkt->tcp_flags & TCP_FLAG_FIN_BIT));
	return reset;
}

ALWAYS void reset_fill_ip4(struct iphdr *ip, const struct wire *to)
{
	store32(ip, bpf_htonl(0x45000000 | (sizeof(*ip) + sizeof(struct tcphdr))));
	store32(&ip->id, bpf_htonl(0x4000));
	ip->ttl = RESET_TTL;
	ip->protocol = IPPROTO_TCP;
	ip->check = 0;
	ip->saddr = (__u32)to->addrs[0];
	ip->daddr = to->addrs[0] >> 32;
	ip->check = ~csum_fold((__u64) * (__u32 *)ip + ((__u32 *)ip)[1] + ((__u32 *)ip)[2] +
			       ip->saddr + ip->daddr);
}

ALWAYS void reset_fill_ip6(struct ipv6hdr *ip, const struct wire *to)
{
	store32(ip, bpf_htonl(6 << 28));
	ip->payload_len = bpf_htons(sizeof(struct tcphdr));
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = RESET_TTL;
	address_store(&ip->saddr, wire_from(to));
	address_store(&ip->daddr, wire_to(to));
}

/* In the segment's place. */
ALWAYS int reset_build(struct packet *pkt)
{
	struct tcphdr reset = reset_of(pkt), *tcp;
	__u32 at = ip_size(pkt->wire.v6), len = at + sizeof(reset);
	struct wire to = wire_back(&pkt->wire);
	struct address from = wire_from(&to), client = wire_to(&to);
	long have = pkt->end - pkt->ip;
	__u64 sum = 0;

	asm volatile("" : "+r"(have));
	if (bpf_xdp_adjust_tail(pkt->ctx, (int)len - (int)have))
		return INTERNAL;
	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = (void *)(long)pkt->ctx->data;
	pkt->ip = pkt->eth + 1;
	tcp = pkt->ip + at;
	if ((void *)(tcp + 1) > pkt->end)
		return INTERNAL;
	if (pkt->wire.v6)
		reset_fill_ip6(pkt->ip, &to);
	else
		reset_fill_ip4(pkt->ip, &to);
	*tcp = reset;
	store32(tcp, to.ports);
	for (int i = 0; i < (int)sizeof(reset) / 4; i++)
		sum += ((__u32 *)tcp)[i];
	sum += pseudo_sum(&from, &client, pkt->wire.v6, sizeof(reset), IPPROTO_TCP);
	tcp->check = ~csum_fold(sum);
	return GO_ON;
}

/* Back to the client, by the routes. */
ALWAYS int reset_send(struct packet *pkt)
{
	struct way way = {};

	if (!way_find(wire_from(&pkt->wire), &way))
		return NO_ROUTE;
	return send_way(pkt, &way, RESET);
}

ALWAYS int walk_reset(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6, .verdict = XDP_DROP};
	int reason = parse(&pkt) ?: conn_find_warm(&pkt);

	if (!reason && (!pkt.conn || is_reply(&pkt)))
		reason = DEST_GONE;
	if (!reason && !reset_is_allowed())
		reason = RESET_LIMITED;
	if (reason)
		return leave(&pkt, reason);
	conn_end(&pkt);
	return leave(&pkt, reset_build(&pkt) ?: reset_send(&pkt));
}
PROGRAM(reset)
