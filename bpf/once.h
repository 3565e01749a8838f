/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is told of a datagram that was scheduled alone. Used by once.bpf.c and here_begin.h. Source:
 * ip_vs_core.c ip_vs_schedule, IP_VS_CONN_F_ONE_PACKET (v6.12).
 */
#ifndef XLVS_ONCE_H
#define XLVS_ONCE_H

#include "service.h"

/* Fills dest, dest_id, word as of a new connection. Counts it as one. */
ALWAYS int once_begin(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	struct dest_traffic *traffic;

	if (!h)
		return INTERNAL;
	pkt->dest_id = h->dest;
	pkt->dest = ROW(dests, h->dest);
	pkt->word = FLAG((__u64)pkt->dest->fwd << CONN_FWD_SHIFT & CONN_FWD_MASK);
	traffic = traffic_of(pkt);
	if (traffic)
		traffic->conns++;
	return count_request(pkt);
}

#endif
