/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Sending through a tunnel (IPIP): one outer header, of either family around either family. Part of
 * xmit.h. Source: RFC 2003, RFC 2473, RFC 6040; ip_vs_xmit.c ip_vs_tunnel_xmit (v6.12).
 */
#ifndef XLVS_XMIT_TUN_H
#define XLVS_XMIT_TUN_H

/* Ways too narrow for a tunnel: what is left for the inner packet must be a legal MTU. */
#define INNER_MIN4 68
#define INNER_MIN6 1280
#define ECN_MASK   3
#define ECN_CE	   3
#define ECN_ECT0   2

/* What the outer header takes from the inner one. */
struct inner {
	__u16 len;
	__u8 protocol; /* of the outer header: IPPROTO_IPIP or IPPROTO_IPV6 */
	__u8 tos;
	__u8 hops;
	__be16 df;
};

ALWAYS __u8 traffic_class(const struct packet *pkt)
{
	return pkt->wire.v6 ? bpf_ntohs(load16(pkt->ip)) >> 4 : ip4(pkt)->tos;
}

ALWAYS struct inner inner_of(const struct packet *pkt)
{
	struct inner in = {.len = pkt->len,
			   .protocol = pkt->wire.v6 ? IPPROTO_IPV6 : IPPROTO_IPIP,
			   .tos = traffic_class(pkt),
			   .hops = hops_left(pkt)};

	/* A mark of congestion is the inner packet's own; the outer begins without. */
	if ((in.tos & ECN_MASK) == ECN_CE)
		in.tos = (in.tos & ~ECN_MASK) | ECN_ECT0;
	if (!pkt->wire.v6 && READ(settings.pmtu_disc))
		in.df = ip4(pkt)->frag_off & IP_DF;
	return in;
}

ALWAYS void outer4_fill(struct iphdr *ip, const struct tunnel *tun, const struct inner *in)
{
	__be16 len = bpf_htons(in->len + sizeof(*ip)), id = in->df ? 0 : bpf_get_prandom_u32();
	__u16 ttl = (__u16)in->protocol << 8 | in->hops, tos = (__u16)in->tos << 8;

	store32(ip, (__u32)len << 16 | tos | 0x45);
	store32(&ip->id, (__u32)in->df << 16 | id);
	store32(&ip->ttl, (__u32)(__u16)~csum_fold((__u64)tun->sum + len + id + in->df + ttl + tos)
					  << 16 |
				  ttl);
	store32(&ip->saddr, load32(&tun->saddr[12]));
	store32(&ip->daddr, load32(&tun->daddr[12]));
}

ALWAYS void outer6_fill(struct ipv6hdr *ip, const struct tunnel *tun, const struct inner *in)
{
	store32(ip, bpf_htonl(6 << 28 | in->tos << 20));
	store32(&ip->payload_len,
		(__u32)in->hops << 24 | (__u32)in->protocol << 16 | (__u16)bpf_htons(in->len));
	address_store(&ip->saddr, address_load(tun->saddr));
	address_store(&ip->daddr, address_load(tun->daddr));
}

/* Returns GO_ON, or how a packet leaves that the tunnel cannot take whole. */
ALWAYS int tunnel_fits(struct packet *pkt, int limit, __u8 outer6)
{
	if (likely((int)pkt->len <= limit && limit >= (outer6 ? INNER_MIN6 : INNER_MIN4)))
		return GO_ON;
	pkt->verdict = XDP_DROP;
	if (limit < (outer6 ? INNER_MIN6 : INNER_MIN4))
		return TOO_BIG;
	if (may_fragment(pkt) || (!pkt->wire.v6 && !READ(settings.pmtu_disc)))
		return NEEDS_FRAGMENTING;
	return answer(pkt, TOO_BIG, limit, wire_to(&pkt->wire));
}

/* What the way takes, by its route and by what ICMP errors have told of it (icmp_tunnel.bpf.c). */
ALWAYS int tunnel_mtu(const struct packet *pkt, const struct nexthop *hop, struct tunnel *tun)
{
	__u32 mtu = READ(hop->mtu), learned = READ(tun->mtu);

	if (likely(!learned || learned >= mtu))
		return mtu;
	if (!is_past(READ(tun->mtu_until), pkt->now))
		return learned;
	WRITE(tun->mtu, 0);
	return mtu;
}

ALWAYS int encapsulate(struct packet *pkt, const struct nexthop *hop, struct tunnel *tun,
		       __u8 outer6)
{
	int reason = tunnel_fits(pkt, tunnel_mtu(pkt, hop, tun) - (int)ip_size(outer6), outer6);
	struct inner in;

	if (unlikely(reason))
		return reason;
	in = inner_of(pkt);
	if (bpf_xdp_adjust_head(pkt->ctx, -(int)ip_size(outer6)))
		return INTERNAL;
	pkt->eth = (void *)(long)pkt->ctx->data;
	pkt->ip = pkt->eth + 1;
	if (pkt->ip + ip_size(outer6) > (void *)(long)pkt->ctx->data_end)
		return INTERNAL;
	pkt->eth->h_proto = outer6 ? bpf_htons(ETH_P_IPV6) : bpf_htons(ETH_P_IP);
	if (outer6)
		outer6_fill(pkt->ip, tun, &in);
	else
		outer4_fill(pkt->ip, tun, &in);
	return send_by(pkt, hop, pkt->is_error ? ICMP_REQUEST : TUNNEL);
}

/* Needs a next hop and hops left. Returns TUNNEL, RESOLVING, or why not. */
ALWAYS int send_tunnel(struct packet *pkt, const struct nexthop *hop)
{
	__u32 id = pkt->dest_id;
	struct tunnel *tun = bpf_map_lookup_elem(&tunnels, &id);

	if (!tun)
		return INTERNAL;
	hops_decrement(pkt);
	return tun->family == FAMILY_IPV6 ? encapsulate(pkt, hop, tun, 1)
					  : encapsulate(pkt, hop, tun, 0);
}

#endif
