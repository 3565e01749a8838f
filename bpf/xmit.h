/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stages admit and transmit: everything after the connection is known. Requests are counted and
 * tracked before TTL and MTU are looked at; replies, which IPVS meets in the forwarding path,
 * after. Read next: xmit_tun.h, nexthop.h, csum.h. Source: net/netfilter/ipvs/ip_vs_xmit.c,
 * net/ipv4/ip_forward.c.
 */
#ifndef XLVS_XMIT_H
#define XLVS_XMIT_H

#include "nexthop.h"
#include "partner.h"
#include "track.h"

ALWAYS void hops_decrement(struct packet *pkt)
{
	if (pkt->wire.v6) {
		ip6(pkt)->hop_limit--;
		return;
	}
	ip4(pkt)->ttl--;
	ip4(pkt)->check = csum_update(ip4(pkt)->check, TTL_DELTA);
}

/* Whether a packet longer than its way may be cut: IPv6's never. */
ALWAYS int may_fragment(const struct packet *pkt)
{
	return !pkt->wire.v6 && !(ip4(pkt)->frag_off & IP_DF);
}

ALWAYS __u64 fwd_of(const struct packet *pkt)
{
	return pkt->word & FLAG(CONN_FWD_MASK);
}

#define IS_TUN FLAG(FWD_TUN << CONN_FWD_SHIFT)

#include "xmit_tun.h"

/* Too long for the way: 3/4 or 2/0 when it must not be cut, quoting what would have been sent. */
ALWAYS int too_long(struct packet *pkt, __u32 mtu, struct address source)
{
	if (may_fragment(pkt))
		return NEEDS_FRAGMENTING;
	return answer(pkt, TOO_BIG, mtu, source);
}

/* The transport checksum is not verified: a wrong one stays wrong by the same amount. */
ALWAYS void l4_update(struct packet *pkt, __u32 delta)
{
	__u16 check = csum_update(*pkt->l4_check, delta);

	if (!check && pkt->wire.protocol == IPPROTO_UDP)
		check = 0xffff;
	*pkt->l4_check = check;
}

/*
 * Hops that a packet loses by being translated. What this host itself gets or sends keeps them. A
 * constant wherever it is given.
 */
enum hops { KEEP_HOPS, TAKE_HOP };

/* Address rewritten, header checksum by the dest's delta, and one hop less if so said. */
ALWAYS void ip4_rewrite(struct packet *pkt, __be32 *addr, __be32 to, __u32 delta, enum hops hops)
{
	ip4(pkt)->check =
		csum_update(ip4(pkt)->check, hops == TAKE_HOP ? delta + TTL_DELTA : delta);
	if (hops == TAKE_HOP)
		ip4(pkt)->ttl--;
	*addr = to;
}

ALWAYS void ip6_rewrite(struct packet *pkt, void *addr, const __u8 *to, enum hops hops)
{
	if (hops == TAKE_HOP)
		ip6(pkt)->hop_limit--;
	address_store(addr, address_load(to));
}

/* Puts an address into the header, whichever was there. */
ALWAYS void readdress(struct packet *pkt, void *at, __be32 was, const __u8 *to, enum hops hops)
{
	__be32 to4 = load32(&to[12]);

	if (pkt->wire.v6)
		ip6_rewrite(pkt, at, to, hops);
	else
		ip4_rewrite(pkt, at, to4, csum_fold((__u64)(__u32)~was + to4), hops);
}

ALWAYS void readdress_to(struct packet *pkt, const __u8 *to, enum hops hops)
{
	readdress(pkt, pkt->ip + (pkt->wire.v6 ? 24 : 16), pkt->wire.addrs[0] >> 32, to, hops);
}

ALWAYS void readdress_from(struct packet *pkt, const __u8 *from, enum hops hops)
{
	readdress(pkt, pkt->ip + (pkt->wire.v6 ? 8 : 12), pkt->wire.addrs[0], from, hops);
}

/* One side becomes another, where no row of a dest knows both. */
ALWAYS void nat_side(struct packet *pkt, int is_reply, struct side was, struct side to,
		     enum hops hops)
{
	struct udphdr *ports = pkt->l4;

	if (is_reply) {
		readdress_from(pkt, (const __u8 *)&to.addr, hops);
		ports->source = to.port;
	} else {
		readdress_to(pkt, (const __u8 *)&to.addr, hops);
		ports->dest = to.port;
	}
	l4_update(pkt, side_delta(&was, &to));
}

/* The dest's address and port. */
ALWAYS void nat_request(struct packet *pkt, enum hops hops)
{
	const struct dest *dest = pkt->dest;

	if (has_partner_vip(pkt)) {
		struct side was = {wire_to(&pkt->wire), pkt->wire.ports >> 16};

		nat_side(pkt, 0, was, dest_side(pkt), hops);
		return;
	}
	if (pkt->wire.v6)
		ip6_rewrite(pkt, &ip6(pkt)->daddr, ROW(dest_addrs, pkt->dest_id)->daddr, hops);
	else
		ip4_rewrite(pkt, &ip4(pkt)->daddr, dest->daddr, dest->ip_delta, hops);
	((struct udphdr *)pkt->l4)->dest = dest->dport;
	l4_update(pkt, dest->l4_delta);
}

/* The virtual address and port. */
ALWAYS void nat_reply(struct packet *pkt, enum hops hops)
{
	const struct dest *dest = pkt->dest;

	if (has_partner_vip(pkt)) {
		struct side was = {wire_from(&pkt->wire), (__u16)pkt->wire.ports};

		nat_side(pkt, 1, was, virtual_side(pkt), hops);
		return;
	}
	if (pkt->wire.v6)
		ip6_rewrite(pkt, &ip6(pkt)->saddr, ROW(dest_addrs, pkt->dest_id)->vaddr, hops);
	else
		ip4_rewrite(pkt, &ip4(pkt)->saddr, dest->vaddr, 0xffff - dest->ip_delta, hops);
	((struct udphdr *)pkt->l4)->source = dest->vport;
	l4_update(pkt, 0xffff - dest->l4_delta);
}

/* A UDP datagram without a checksum gets one before NAT: a walk of its own, which ends here. */
ALWAYS int lacks_checksum(const struct packet *pkt)
{
	return pkt->wire.protocol == IPPROTO_UDP && !*pkt->l4_check;
}

ALWAYS int dest_is_here(const struct packet *pkt)
{
	return READ(pkt->dest->flags) & DEST_LOCAL;
}

/* Nothing from outside is translated to such an address. */
ALWAYS int dest_is_loopback(const struct packet *pkt)
{
	const __u8 *daddr = ROW(dest_addrs, pkt->dest_id)->daddr;

	if (pkt->wire.v6)
		return !load64(daddr) && load64(daddr + 8) == bpf_cpu_to_be64(1);
	return daddr[12] == 127;
}

/* NAT to this host: the walk is told the dest, as packets from port 0 find no connection. */
ALWAYS int to_here(struct packet *pkt)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->dest = pkt->dest_id;
	return go_to(pkt, WALK_HERE);
}

/* No next hop: this host is the dest, or there is no route. */
ALWAYS int no_hop(struct packet *pkt)
{
	if (dest_is_here(pkt))
		return fwd_of(pkt) ? LOCAL_DEST : to_here(pkt);
	return answer(pkt, UNREACHABLE, 0, wire_to(&pkt->wire));
}

/* A request up to where NAT would change it: GO_ON then, else sent or refused. */
ALWAYS int send_untranslated(struct packet *pkt, __u32 id, const struct nexthop *hop)
{
	if (unlikely(!id))
		return no_hop(pkt);
	if (unlikely(hops_left(pkt) <= 1))
		return answer(pkt, TTL_EXPIRED, 0, wire_to(&pkt->wire));
	if (fwd_of(pkt) == IS_TUN)
		return send_tunnel(pkt, hop);
	if (unlikely(pkt->len > READ(hop->mtu))) {
		hops_decrement(pkt);
		return too_long(pkt, READ(hop->mtu), wire_to(&pkt->wire));
	}
	if (fwd_of(pkt)) {
		hops_decrement(pkt);
		return send_by(pkt, hop, DIRECT);
	}
	return GO_ON;
}

ALWAYS int send_request(struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	int reason = send_untranslated(pkt, id, hop);

	if (reason)
		return reason;
	if (unlikely(lacks_checksum(pkt)))
		return go_to(pkt, WALK_CHECKSUM);
	nat_request(pkt, TAKE_HOP);
	return send_by(pkt, hop, NAT_REQUEST);
}

/* Who speaks for this host on the interface that a packet came by. */
ALWAYS struct address own_address(const struct packet *pkt)
{
	__u32 ifindex = arrived_by(pkt);
	const struct interface *in = ROW(interfaces, ifindex);

	return pkt->wire.v6 ? address_load(in->addr6) : address4(in->addr);
}

/* A reply that the forwarding path refuses before IPVS sees it: too old, else too long. */
ALWAYS int reply_refuse(struct packet *pkt, __u16 mtu)
{
	if (hops_left(pkt) <= 1)
		return answer(pkt, TTL_EXPIRED, 0, own_address(pkt));
	return too_long(pkt, mtu, own_address(pkt));
}

/* Counts and tracks a reply and gives it the virtual address; where it goes is the caller's. */
ALWAYS void reply_translate(struct packet *pkt)
{
	count_reply(pkt);
	track(pkt);
	nat_reply(pkt, TAKE_HOP);
}

/* An address in the options becomes another. It may be at an odd place (RFC 1071 section 2). */
ALWAYS void option_rewrite(struct packet *pkt, __u32 at, __be32 to)
{
	__be32 *addr = pkt->ip + (at & OPTION_AT_MASK);
	__u16 delta;

	if (!at || (void *)(addr + 1) > pkt->end)
		return;
	delta = csum_fold((__u64)(__u32) ~*addr + to);
	ip4(pkt)->check = csum_update(ip4(pkt)->check, at & 1 ? __builtin_bswap16(delta) : delta);
	*addr = to;
}

/* What this host wrote into a reply's IPv4 options is, once it leaves, the virtual address. */
ALWAYS void options_leave(struct packet *pkt)
{
	const struct handover *h;
	__u32 zero = 0;
	struct side vip;

	if (!pkt->full || pkt->wire.v6 || pkt->l4_at == sizeof(struct iphdr))
		return;
	h = bpf_map_lookup_elem(&handovers, &zero);
	if (!h)
		return;
	vip = virtual_side(pkt);
	option_rewrite(pkt, h->recorded_at, address_ipv4(&vip.addr));
	option_rewrite(pkt, h->stamped_at, address_ipv4(&vip.addr));
}

ALWAYS int send_reply(struct packet *pkt, const struct nexthop *hop)
{
	reply_translate(pkt);
	options_leave(pkt);
	return send_by(pkt, hop, NAT_REPLY);
}

/* What a reply has to pass before it is sent by a next hop. */
ALWAYS int try_reply(struct packet *pkt, const struct nexthop *hop)
{
	if (unlikely(hops_left(pkt) <= 1 || pkt->len > READ(hop->mtu)))
		return reply_refuse(pkt, READ(hop->mtu));
	if (unlikely(lacks_checksum(pkt)))
		return go_to(pkt, WALK_CHECKSUM);
	return send_reply(pkt, hop);
}

/* A reply whose next hop is in its slot; any other is looked for in reply.bpf.c. */
ALWAYS int transmit_reply(struct packet *pkt)
{
	__u32 id = READ(pkt->conn->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);

	if (unlikely(!(READ(hop->flags) & NEXTHOP_VALID)))
		return go_to(pkt, WALK_REPLY);
	return try_reply(pkt, hop);
}

/* A request for a dest that is gone may begin anew: renew.bpf.c knows. */
ALWAYS int admit(struct packet *pkt)
{
	int reason = dest_admits(pkt);

	return unlikely(reason == DEST_GONE) ? go_to(pkt, WALK_RENEW) : reason;
}

ALWAYS int forward_request(struct packet *pkt)
{
	return count_request(pkt) ?: track(pkt) ?: send_request(pkt);
}

ALWAYS int transmit_request(struct packet *pkt)
{
	return admit(pkt) ?: forward_request(pkt);
}

ALWAYS int transmit(struct packet *pkt)
{
	return is_reply(pkt) ? transmit_reply(pkt) : transmit_request(pkt);
}

/* Of a connection that may be used, as renew.h has found. */
ALWAYS int transmit_admitted(struct packet *pkt)
{
	return is_reply(pkt) ? transmit_reply(pkt) : forward_request(pkt);
}

#endif
