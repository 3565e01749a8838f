// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The hot walk: a packet of a connection that exists, from wire to wire. One source text for both
 * families; IPv4's is the program that interfaces have, IPv6's is called from it. What is rare
 * leaves by a tail call and is a walk of its own: new.bpf.c (no connection yet), renew.bpf.c (one
 * that may have to go), stray.bpf.c (nat_icmp_send), reply.bpf.c (a reply whose next hop is not
 * known), checksum.bpf.c (UDP without one), icmp.bpf.c (errors of others), error.bpf.c (our own),
 * tagged.bpf.c (802.1Q), short.bpf.c (a header cut short), strict.bpf.c (rp_filter), options.bpf.c
 * (IPv4 options). They are one object with this file, so that they share maps and constants. Read
 * next: packet.h, then the stages in the order below.
 */
#include "conn_insert.h"
#include "parse.h"
#include "sched.h"
#include "sum.h"
#include "xmit.h"
#include "source.h"
#include "template.h"
#include "call.h"

/* Without a connection: only what may start one is worth a tail call. */
ALWAYS int start(struct packet *pkt)
{
	return may_start(pkt) ? go_to(pkt, WALK_NEW) : NO_CONNECTION;
}

ALWAYS int begin(struct packet *pkt)
{
	__u8 told = TCP_FLAG_SYN_BIT | TCP_FLAG_ACK_BIT | TCP_FLAG_RST_BIT;
	int is_first = (pkt->tcp_flags & told) == TCP_FLAG_SYN_BIT;

	if (unlikely(READ(settings.nat_icmp_send) || (READ(settings.direct_replies) && !is_first)))
		return go_to(pkt, WALK_STRAY);
	return start(pkt);
}

/* A client's SYN may find a connection that has ended. */
ALWAYS int conn_or_new(struct packet *pkt)
{
	if (unlikely(!pkt->conn))
		return begin(pkt);
	if (likely(!(pkt->tcp_flags & TCP_FLAG_SYN_BIT)) || is_reply(pkt))
		return GO_ON;
	return go_to(pkt, WALK_RENEW);
}

ALWAYS int walk(struct packet *pkt)
{
	return leave(pkt, parse(pkt) ?: conn_find(pkt) ?: conn_or_new(pkt) ?: dest_find(pkt) ?:
				  transmit(pkt));
}

SEC("xdp")
int xlvs(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};

	return walk(&pkt);
}

SEC("xdp")
int xlvs_ipv6(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx, .wire.v6 = 1};

	return walk(&pkt);
}

/* A packet whose tag was taken off, or with extension headers. */
ALWAYS int walk_full(struct xdp_md *ctx, __u8 v6)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .wire.v6 = v6};

	return walk(&pkt);
}
PROGRAM(full)

#include "quote.h"
#include "limit.h"
#include "once.h"
#include "renew.h"

#include "renew.bpf.c"
#include "reset.bpf.c"
#include "stray.bpf.c"
#include "reply.bpf.c"
#include "checksum.bpf.c"
#include "new.bpf.c"
#include "once.bpf.c"
#include "bypass.bpf.c"
#include "here.bpf.c"
#include "error.bpf.c"
#include "icmp.bpf.c"
#include "icmp_new.bpf.c"
#include "persist.bpf.c"
#include "sip.bpf.c"
#include "tell.bpf.c"
#include "icmp_tunnel.bpf.c"
#include "short.bpf.c"
#include "ipsec.bpf.c"
#include "strict.bpf.c"
#include "options.bpf.c"
#include "tagged.bpf.c"
#include "clock.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
