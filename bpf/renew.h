/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whether a connection that a request has found has to go first. Read next: conn_end.h. Source:
 * net/netfilter/ipvs/ip_vs_core.c ip_vs_in_hook, is_new_conn_expected (v6.1).
 */
#ifndef XLVS_RENEW_H
#define XLVS_RENEW_H

#include "conn_end.h"
#include "service.h"

ALWAYS int has_ended(__u8 state)
{
	return state == TCP_TIME_WAIT || state == TCP_CLOSE || state == TCP_TIME_WAIT_UNOPENED ||
	       state == TCP_CLOSE_UNOPENED;
}

/*
 * Whether a SYN makes a new connection in place of one that has ended: conn_reuse_mode 1 and 2;
 * 2 and 3 also in FIN_WAIT when no reply was seen. Those of a template stay.
 */
ALWAYS int conn_is_reused(const struct packet *pkt)
{
	__u32 mode = READ(settings.conn_reuse_mode);
	__u8 state = READ(pkt->conn->state);

	if (!mode || controller_of(pkt->wire.v6, pkt->index) != NONE)
		return 0;
	return has_ended(state) ||
	       (mode & 2 && state == TCP_FIN_WAIT && pkt->word & FLAG(CONN_NOOUTPUT));
}

/* A SYN may take a connection back to where it does not show that it was established. */
ALWAYS void conn_remember(const struct packet *pkt)
{
	if (was_established(READ(pkt->conn->state)))
		control_assure(pkt->wire.v6, pkt->index);
}

/* The same of one that lives, when its dest is quiesced and connections may not outlive dests. */
ALWAYS int conn_is_leaving(const struct packet *pkt)
{
	return READ(settings.expire_nodest_conn) && READ(pkt->dest->flags) & DEST_QUIESCED;
}

/* Whether its clients' packets still go to a dest that was removed. */
ALWAYS int dest_drains(const struct packet *pkt)
{
	__u32 id = pkt->dest_id;
	const struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &id);

	return conns && !is_past(READ(conns->tick), pkt->now);
}

/*
 * What becomes of a connection whose dest was removed: the reason to leave with, and whether it
 * ends. A reset is told by that reason, and never to a reset; who sends it ends the connection.
 */
ALWAYS int conn_stranded(const struct packet *pkt, int *ends)
{
	int starts = pkt->wire.protocol != IPPROTO_TCP || pkt->tcp_flags & TCP_FLAG_SYN_BIT;
	__u8 gone = READ(pkt->dest->gone);

	if (gone == GONE_DRAIN && dest_drains(pkt))
		return GO_ON;
	if (gone == GONE_KEEP) {
		*ends = READ(settings.expire_nodest_conn) != 0;
		return *ends ? GO_ON : DEST_GONE;
	}
	if (gone >= GONE_RESET && !starts && !(pkt->tcp_flags & TCP_FLAG_RST_BIT))
		return RESET;
	*ends = 1;
	return starts ? GO_ON : DEST_GONE;
}

/*
 * Needs conn, dest. Clears conn when the connection has to go: settle the counts then. Differs from
 * LVS: an ICMP error about a SYN that ended its connection and found no dest does not count as an
 * answer of that connection, which in IPVS lives a tick longer.
 */
ALWAYS int conn_renew(struct packet *pkt)
{
	int reason = dest_admits(pkt);
	int ends =
		pkt->tcp_flags & TCP_FLAG_SYN_BIT && (conn_is_leaving(pkt) || conn_is_reused(pkt));

	if (reason == VIP_NOT_LOCAL)
		return reason;
	reason = reason && !ends ? conn_stranded(pkt, &ends) : GO_ON;
	if (ends)
		conn_end_first(pkt);
	else
		conn_remember(pkt);
	return reason;
}

/*
 * The same of what this host asks, whose connections with a dest that is gone stay. In as few words
 * as it can be: what calls it has nearly all the stack that there is.
 */
ALWAYS int conn_renew_here(struct packet *pkt)
{
	int reason = dest_admits(pkt);

	if (reason == VIP_NOT_LOCAL)
		return reason;
	if ((pkt->tcp_flags & TCP_FLAG_SYN_BIT && (conn_is_leaving(pkt) || conn_is_reused(pkt))) ||
	    (reason && READ(settings.expire_nodest_conn))) {
		conn_end_first(pkt);
		return GO_ON;
	}
	conn_remember(pkt);
	return reason;
}

#endif
