/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stages admit and transmit: everything after the connection is known. Requests are counted and
 * tracked before TTL and MTU are looked at; replies, which IPVS meets in the forwarding path,
 * after. Read next: nexthop.h, csum.h. Source: net/netfilter/ipvs/ip_vs_xmit.c,
 * net/ipv4/ip_forward.c.
 */
#ifndef XLVS_XMIT_H
#define XLVS_XMIT_H

#include "nexthop.h"
#include "service.h"
#include "track.h"

ALWAYS void ttl_decrement(struct iphdr *ip)
{
	ip->ttl--;
	ip->check = csum_update(ip->check, TTL_DELTA);
}

/* Too long for the way: 3/4 when it must not be cut. */
ALWAYS int too_long(struct packet *pkt, __u16 mtu, __be32 source)
{
	if (pkt->ip->frag_off & IP_DF)
		return answer(pkt, TOO_BIG, 3, 4, bpf_htonl(mtu), source);
	return NEEDS_FRAGMENTING;
}

/*
 * Address and port rewritten, checksums by the dest's deltas. The transport checksum is not
 * verified: a wrong one stays wrong by the same amount. UDP's zero was filled in before.
 */
ALWAYS void nat_rewrite(struct packet *pkt, __be32 *addr, __be32 new_addr, __be16 *port,
			__be16 new_port, __u32 ip_delta, __u32 l4_delta)
{
	__u16 check;

	pkt->ip->check = csum_update(pkt->ip->check, ip_delta + TTL_DELTA);
	pkt->ip->ttl--;
	*addr = new_addr;
	*port = new_port;
	check = csum_update(*pkt->l4_check, l4_delta);
	if (!check && pkt->protocol == IPPROTO_UDP)
		check = 0xffff;
	*pkt->l4_check = check;
}

/* A UDP datagram without a checksum gets one before NAT: a walk of its own, which ends here. */
ALWAYS int lacks_checksum(const struct packet *pkt)
{
	return pkt->protocol == IPPROTO_UDP && !*pkt->l4_check;
}

ALWAYS int send_request(struct packet *pkt)
{
	__u32 id = READ(pkt->dest->nexthop);
	const struct nexthop *hop = ROW(nexthops, id);
	__be32 vaddr = pkt->addrs >> 32;
	int nat = !(pkt->word & FLAG(CONN_FWD_MASK));

	if (unlikely(!id))
		return answer(pkt, UNREACHABLE, 3, 1, 0, vaddr);
	if (unlikely(pkt->ip->ttl <= 1))
		return answer(pkt, TTL_EXPIRED, 11, 0, 0, vaddr);
	if (unlikely(pkt->len > READ(hop->mtu))) {
		ttl_decrement(pkt->ip);
		return too_long(pkt, READ(hop->mtu), vaddr);
	}
	if (nat && unlikely(lacks_checksum(pkt)))
		return go_to(pkt, WALK_CHECKSUM);
	if (nat)
		nat_rewrite(pkt, &pkt->ip->daddr, pkt->dest->daddr,
			    &((struct udphdr *)pkt->l4)->dest, pkt->dest->dport,
			    pkt->dest->ip_delta, pkt->dest->l4_delta);
	else
		ttl_decrement(pkt->ip);
	return send_by(pkt, hop, nat ? NAT_REQUEST : DIRECT);
}

/* A reply that the forwarding path refuses before IPVS sees it: too old, else too long. */
ALWAYS int reply_refuse(struct packet *pkt, __u16 mtu)
{
	__u32 ifindex = pkt->ctx->ingress_ifindex;
	const struct interface *in = ROW(interfaces, ifindex);

	if (pkt->ip->ttl <= 1)
		return answer(pkt, TTL_EXPIRED, 11, 0, 0, in->addr);
	return too_long(pkt, mtu, in->addr);
}

/* Counts and tracks a reply and gives it the virtual address; where it goes is the caller's. */
ALWAYS void reply_translate(struct packet *pkt)
{
	count_reply(pkt);
	track(pkt);
	nat_rewrite(pkt, &pkt->ip->saddr, pkt->dest->vaddr, &((struct udphdr *)pkt->l4)->source,
		    pkt->dest->vport, 0xffff - pkt->dest->ip_delta, 0xffff - pkt->dest->l4_delta);
}

ALWAYS int send_reply(struct packet *pkt, const struct nexthop *hop)
{
	reply_translate(pkt);
	return send_by(pkt, hop, NAT_REPLY);
}

/* What a reply has to pass before it is sent by a next hop. */
ALWAYS int try_reply(struct packet *pkt, const struct nexthop *hop)
{
	if (unlikely(pkt->ip->ttl <= 1 || pkt->len > READ(hop->mtu)))
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

ALWAYS int transmit_request(struct packet *pkt)
{
	return dest_admits(pkt) ?: count_request(pkt) ?: track(pkt) ?: send_request(pkt);
}

ALWAYS int transmit(struct packet *pkt)
{
	return is_reply(pkt) ? transmit_reply(pkt) : transmit_request(pkt);
}

#endif
