/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A reply of a dest by dr or tun that is routed through this host: it is counted, moves the
 * connection's state and restarts its timer, and goes on as it is. Such a reply comes from the
 * virtual address, which the host lets in only over IPv6, where that is not its own, or with
 * accept_local; the daemon says when it is worth a look. Used by stray.bpf.c.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_out_hook, handle_response (v6.1).
 */
#ifndef XLVS_DIRECT_H
#define XLVS_DIRECT_H

#include "quote.h"
#include "source.h"

/* Needs wire, ports; leaves conn empty unless it returns DIRECT_REPLY. */
ALWAYS int direct_reply(struct packet *pkt)
{
	if (!(READ(settings.direct_replies) & REPLIES_DIRECT))
		return GO_ON;
	conn_find_by(pkt, wire_back(&pkt->wire));
	if (!pkt->conn || is_reply(pkt) || !fwd_of(pkt) || source_check(pkt) ||
	    !is_forwarded(pkt)) {
		pkt->conn = 0;
		return GO_ON;
	}
	dest_find(pkt);
	count_reply(pkt);
	direct_track(pkt);
	return DIRECT_REPLY;
}

#endif
