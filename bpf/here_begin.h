/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What this host asks of its services within no connection: walks of their own, as those of new,
 * persist and once are. One makes a connection and goes back to where it is found; one finds or
 * makes a persistent service's template and goes back to that; one sends a datagram that leaves
 * none. What is nobody's goes on. Part of tc.bpf.c. Read next: template.h, once.h.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_schedule (v6.1).
 */
#ifndef XLVS_HERE_BEGIN_H
#define XLVS_HERE_BEGIN_H

#include "here_ask.h"
#include "once.h"
#include "template.h"

/* To the family's walk; goes on behind it where that is not loaded. */
ALWAYS void here_go(struct packet *pkt, __u32 walk)
{
	bpf_tail_call_static(pkt->ctx, &here_walks, pkt->wire.v6 ? walk + FAMILY_IPV6 : walk);
}

/* Tells the next walk which template was held, 0: none was asked for, and which dest it has. */
ALWAYS void here_tell(__u32 control, __u32 dest)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return;
	h->control = control;
	h->dest = dest;
}

/* Fills control: the template that is held for this packet. */
ALWAYS void here_told(struct packet *pkt)
{
	__u32 zero = 0;
	const struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	pkt->control = h ? h->control : 0;
}

/*
 * The service of a packet that may begin a connection. From port 0 none would be found again.
 * Returns NO_SERVICE for others. A message of the sip engine cannot be read here.
 */
ALWAYS int ask_service(struct packet *pkt)
{
	if (skb_parse_ip(pkt) || skb_l4(pkt) || !(__u16)pkt->wire.ports)
		return NO_SERVICE;
	pkt->verdict = TC_ACT_SHOT;
	if (!may_start(pkt) || service_find(pkt))
		return NO_SERVICE;
	return READ(pkt->service->flags) & SERVICE_SIP && READ(pkt->service->persistent)
		       ? NO_SERVICE
		       : GO_ON;
}

/* The dest of a packet: its template's, or chosen. Fills dest, dest_id. */
ALWAYS int ask_choose(struct packet *pkt)
{
	struct wire wire = pkt->wire;
	int reason;

	if (pkt->control)
		return template_take(pkt);
	reason = defend(pkt);
	if (reason)
		return reason;
	if (READ(pkt->service->persistent))
		here_go(pkt, HERE_PERSIST);
	if (READ(pkt->service->persistent) || !is_own_port(pkt))
		return NO_DEST;
	pkt->dest_id = schedule_pick(pkt->service_id, READ(pkt->service->schedule), &wire);
	pkt->dest = ROW(dests, pkt->dest_id);
	return pkt->dest_id == NONE ? NO_DEST : GO_ON;
}

/* To another host by tun nothing is sent. */
ALWAYS int ask_reaches(const struct packet *pkt)
{
	return pkt->dest->fwd == FWD_TUN && !dest_is_here(pkt) ? NO_DEST : GO_ON;
}

/* A datagram that is scheduled alone needs its template no more. */
ALWAYS int ask_insert(struct packet *pkt)
{
	if (!is_once(pkt))
		return conn_insert(pkt);
	counts_settle();
	if (pkt->control)
		control_release(pkt->wire.v6, pkt->control - 1);
	pkt->control = 0;
	here_tell(0, pkt->dest_id);
	here_go(pkt, HERE_ONCE);
	return NO_DEST;
}

/* Whether a packet that was not balanced is the host's all the same: nobody takes it. */
ALWAYS int is_hosts(int reason)
{
	return reason == NO_SERVICE || reason == NO_DEST || reason == FTP_DATA;
}

/* A connection for a packet. Returns GO_ON without conn when there is none. */
ALWAYS int ask_begin(struct packet *pkt)
{
	int reason;

	here_told(pkt);
	reason = ask_service(pkt) ?: ask_choose(pkt) ?: ask_reaches(pkt);
	if (reason && pkt->control)
		control_release(pkt->wire.v6, pkt->control - 1);
	return reason ?: ask_insert(pkt);
}

/* The template of a packet to a persistent service, held. Fills control. */
ALWAYS int ask_persist(struct packet *pkt)
{
	return ask_service(pkt) ?: persist(pkt);
}

/* Sends a datagram to the dest that it was scheduled to. */
ALWAYS int ask_once(struct packet *pkt)
{
	int reason = skb_parse_ip(pkt) || skb_l4(pkt);

	if (reason)
		return GO_ON;
	pkt->verdict = TC_ACT_SHOT;
	return once_begin(pkt) ?: skb_fill(pkt) ?: ask_send(pkt);
}

#endif
