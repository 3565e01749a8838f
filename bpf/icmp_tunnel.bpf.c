// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an ICMP error about an IPv4 packet around an IPv4 packet: when that is one of a
 * tunnel's, the client is told the same of its own packet, as far as it was quoted, and what the
 * error says of the way's MTU is remembered in the tunnel. Part of xlvs.bpf.c.
 * Source: ip_vs_core.c ip_vs_in_icmp; net/ipv4/route.c __ip_rt_update_pmtu (v6.1).
 */

#define ICMP_UNREACHABLE 3
#define ICMP_TOO_BIG	 4

/*
 * Differs from LVS: what an ICMP error tells of a tunnel's path MTU is remembered for that dest,
 * not for its address; for ten minutes and not below 552 bytes, whatever
 * `net.ipv4.route.mtu_expires` and `min_pmtu` say.
 */
#define PATH_MTU_MIN	 552
#define PATH_MTU_SECONDS 600

/* Bytes that an IPv4 header with options may have. */
#define HEADER_MASK 0x3c

/* Fills the quote with the inner packet; gives its distance from the packet's begin, 0 for none. */
ALWAYS __u32 inner_parse(struct packet *pkt, struct quote *q, __be32 *outer_to)
{
	struct iphdr *outer = pkt->l4 + sizeof(struct icmp_error);
	__u32 at;

	if ((void *)(outer + 1) > pkt->end || *(__u8 *)outer >> 4 != 4)
		return 0;
	if (outer->frag_off & bpf_htons(0x1fff) || outer->protocol != IPPROTO_IPIP)
		return 0;
	*outer_to = outer->daddr;
	at = (*(__u8 *)outer & 15) * 4 & HEADER_MASK;
	q->ip = (void *)outer + at;
	at += pkt->l4_at + sizeof(struct icmp_error);
	return quote_fill(pkt, q, at) ? 0 : at;
}

/* The tunnel of the connection's dest, when it is the one to that address; else 0. */
ALWAYS struct tunnel *tunnel_to(const struct packet *pkt, __be32 to)
{
	__u32 id = pkt->dest_id;
	struct tunnel *tun = bpf_map_lookup_elem(&tunnels, &id);

	if (!tun || fwd_of(pkt) != IS_TUN || !(READ(pkt->dest->flags) & DEST_AVAILABLE))
		return 0;
	return tun->family == FAMILY_IPV4 && load32(&tun->daddr[12]) == to ? tun : 0;
}

/*
 * Remembers a smaller MTU of the way. Gives what it is now, except that of the first such error the
 * client hears what it was, as from IPVS, whose cached route is not the one that has learned it.
 */
ALWAYS __u32 mtu_learn(struct packet *pkt, struct tunnel *tun, __u32 mtu)
{
	__u32 way = READ(ROW(nexthops, READ(pkt->dest->nexthop))->mtu);
	__u32 known = READ(tun->mtu);
	int is_known = known && !is_past(READ(tun->mtu_until), pkt->now);
	__u32 was = is_known && known < way ? known : way;

	if (mtu < PATH_MTU_MIN)
		mtu = PATH_MTU_MIN;
	if (mtu >= was)
		return was;
	WRITE(tun->mtu_until, pkt->now + ticks_in(PATH_MTU_SECONDS));
	WRITE(tun->mtu, mtu);
	return is_known ? mtu : was;
}

/* Fills type, code, rest. Returns GO_ON, or ICMP_REPLY when the client is not told. */
ALWAYS int relay_fill(struct packet *pkt, const struct quote *q, struct tunnel *tun,
		      struct handover *h)
{
	const struct icmp_error *icmp = pkt->l4;
	__u32 mtu;

	h->type = icmp->type;
	h->code = icmp->code;
	h->rest = icmp->rest;
	if (icmp->type != ICMP_UNREACHABLE || icmp->code != ICMP_TOO_BIG)
		return GO_ON;
	mtu = mtu_learn(pkt, tun, bpf_ntohl(icmp->rest) & 0xffff);
	if (!(((struct iphdr *)q->ip)->frag_off & IP_DF)) {
		pkt->verdict = XDP_DROP;
		return ICMP_REPLY;
	}
	if (mtu > INNER_MIN4 + sizeof(struct iphdr))
		mtu -= sizeof(struct iphdr);
	h->rest = bpf_htonl(mtu);
	return GO_ON;
}

/* What is left is the inner packet, as far as it was quoted: the error is built around that. */
ALWAYS int relay(struct packet *pkt, const struct quote *q, struct handover *h, __u32 at)
{
	__u8 tos = ((struct iphdr *)q->ip)->tos;
	int reason;

	pkt->wire = q->wire;
	pkt->len -= at;
	/* Twice: as what was quoted, and on its way out as what it is. */
	count_reply(pkt);
	if (bpf_xdp_adjust_head(pkt->ctx, at))
		return INTERNAL;
	pkt->end = (void *)(long)pkt->ctx->data_end;
	pkt->eth = (void *)(long)pkt->ctx->data;
	pkt->ip = pkt->eth + 1;
	if (pkt->ip > pkt->end)
		return INTERNAL;
	h->is_free = 0;
	if (!error_is_allowed(h, wire_from(&pkt->wire), 0)) {
		pkt->verdict = XDP_DROP;
		return ICMP_REPLY;
	}
	address_store(h->source, wire_to(&pkt->wire));
	h->dest = pkt->dest_id;
	reason = error_make_room(pkt) ?: error_build(pkt, h, tos);
	return reason ?: error_count(pkt, h) ?: error_send(pkt, ICMP_REPLY);
}

ALWAYS int relay_about(struct packet *pkt)
{
	__u32 zero = 0, at;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	struct quote q = {};
	struct tunnel *tun;
	__be32 to = 0;

	at = inner_parse(pkt, &q, &to);
	if (!at || !is_local(wire_to(&pkt->wire)))
		return NO_CONNECTION;
	conn_find_by(pkt, q.wire);
	if (!pkt->conn || is_reply(pkt))
		return NO_CONNECTION;
	dest_find(pkt);
	tun = tunnel_to(pkt, to);
	if (!tun || !h)
		return NO_CONNECTION;
	if (icmp_verify(pkt))
		return BAD_ICMP;
	return relay_fill(pkt, &q, tun, h) ?: relay(pkt, &q, h, at);
}

SEC("xdp")
int xlvs_icmp_tun(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .now = now()};

	return leave(&pkt, parse_ethernet(&pkt) ?: parse_ip(&pkt) ?: icmp_parse(&pkt) ?:
			   source_check(&pkt) ?: relay_about(&pkt));
}
