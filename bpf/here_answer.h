/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this host sends as a dest: answers by NAT get the virtual address back, those by dr and tun
 * have it; both count, move the state and restart the timer. Its ICMP errors about requests count,
 * and by NAT are translated. Part of tc.bpf.c. Read next: here_ask.h.
 * Differs from LVS: what the director itself sends from where it is a nat dest, within no
 * connection, is sent as it is, whatever `nat_icmp_send` says.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_out_hook, handle_response (v6.1).
 */
#ifndef XLVS_HERE_ANSWER_H
#define XLVS_HERE_ANSWER_H

#include "skb.h"

/* By the reply's key, else by that of the request; conn stays 0 when there is none. */
ALWAYS int answer_find(struct packet *pkt, struct wire wire, struct wire request)
{
	conn_find_by(pkt, wire);
	if (pkt->conn && is_reply(pkt))
		return dest_find(pkt);
	conn_find_by(pkt, request);
	if (pkt->conn && !is_reply(pkt) && fwd_of(pkt))
		return dest_find(pkt);
	pkt->conn = 0;
	return GO_ON;
}

ALWAYS int answer_send(struct packet *pkt)
{
	int reason = skb_fill(pkt);

	if (reason)
		return reason;
	count_reply(pkt);
	if (!is_reply(pkt)) {
		direct_track(pkt);
		return DIRECT_REPLY;
	}
	reply_assure(pkt);
	track(pkt);
	return skb_nat_reply(pkt) ?: NAT_REPLY;
}

ALWAYS int answer_icmp(struct packet *pkt)
{
	struct quote q = {};
	int reason;

	if (skb_parse_whole(pkt) || icmp_parse(pkt))
		return GO_ON;
	q.ip = pkt->l4 + sizeof(struct icmp_error);
	if (quote_fill(pkt, &q, pkt->l4_at + sizeof(struct icmp_error)))
		return GO_ON;
	reason = answer_find(pkt, wire_back(&q.wire), q.wire);
	if (reason || !pkt->conn)
		return reason;
	count_reply(pkt);
	if (!is_reply(pkt))
		return DIRECT_REPLY;
	icmp_nat_reply(pkt, &q, KEEP_HOPS);
	return ICMP_REPLY;
}

/* Returns GO_ON for what is no answer of a dest. */
ALWAYS int answer_here(struct packet *pkt)
{
	int reason;

	if (skb_parse_ip(pkt))
		return GO_ON;
	if (is_icmp(pkt))
		return answer_icmp(pkt);
	if (skb_l4(pkt))
		return GO_ON;
	reason = answer_find(pkt, pkt->wire, wire_back(&pkt->wire));
	return reason || !pkt->conn ? reason : answer_send(pkt);
}

#endif
