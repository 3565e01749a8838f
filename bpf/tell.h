/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage tell: a datagram that a nat dest of the sip engine sends within no connection, which begins
 * one. The daemon says where such dests send from. Used by stray.bpf.c. Read next: tell.bpf.c.
 * Source: net/netfilter/ipvs/ip_vs_core.c __ip_vs_rs_conn_out (v6.1).
 */
#ifndef XLVS_TELL_H
#define XLVS_TELL_H

#include "quote.h"
#include "source.h"

/* Needs wire, ports. Returns GO_ON, or what WALK_TELL does. */
ALWAYS int tell(struct packet *pkt)
{
	struct service_key key = key_of_sender(pkt);
	__u32 zero = 0, *dest;
	struct handover *h;

	if (pkt->wire.protocol != IPPROTO_UDP || !(READ(settings.direct_replies) & REPLIES_TOLD))
		return GO_ON;
	dest = bpf_map_lookup_elem(&telling, &key);
	h = bpf_map_lookup_elem(&handovers, &zero);
	if (!dest || !h || source_check(pkt) || !is_forwarded(pkt))
		return GO_ON;
	h->dest = *dest;
	return go_to(pkt, WALK_TELL);
}

#endif
