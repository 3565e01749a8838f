// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The hot walk: a packet of a connection that exists, from wire to wire. What is rare leaves it by
 * a tail call and is a walk of its own: new.bpf.c (no connection yet), reply.bpf.c (a reply whose
 * next hop is not known), checksum.bpf.c (UDP without one), error.bpf.c (ICMP). They are one object
 * with this file, so that they share maps and constants.
 * Read next: packet.h, then the stages in the order below.
 */
#include "conn_insert.h"
#include "parse.h"
#include "sched.h"
#include "xmit.h"

/*
 * Without a connection: only what may start one is worth a tail call (ip_vs_proto_tcp.c
 * tcp_conn_schedule: SYN and not RST). A SYN that finds an ended connection starts anew as well.
 */
ALWAYS int conn_or_new(struct packet *pkt)
{
	if (likely(pkt->conn)) {
		if (likely(!(pkt->tcp_flags & TCP_FLAG_SYN_BIT)) || !conn_is_reused(pkt))
			return GO_ON;
		conn_retire(pkt);
	}
	if (pkt->protocol == IPPROTO_UDP ||
	    (pkt->tcp_flags & (TCP_FLAG_SYN_BIT | TCP_FLAG_RST_BIT)) == TCP_FLAG_SYN_BIT)
		return go_to(pkt, WALK_NEW);
	return NO_CONNECTION;
}

SEC("xdp")
int xlvs(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};

	return leave(&pkt, parse(&pkt) ?: conn_find(&pkt) ?: conn_or_new(&pkt) ?:
			   dest_find(&pkt) ?: transmit(&pkt));
}

#include "new.bpf.c"
#include "reply.bpf.c"
#include "checksum.bpf.c"
#include "error.bpf.c"
#include "clock.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
