/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage track: a packet moves its connection's state and restarts its timer, that is, writes the
 * deadline of its own slot. The request slot holds the truth and the reply slot a mirror, so a
 * packet that changes nothing stays on its own slot; one that does writes both.
 * Read next: proto_tcp.h. Source: ip_vs_proto_tcp.c set_tcp_state (v6.12).
 */
#ifndef XLVS_TRACK_H
#define XLVS_TRACK_H

#include "control.h"
#include "proto_tcp.h"

/* Takes the connection from one count of its dest to the other, once, whoever gets there first. */
ALWAYS void conn_recount(struct conn *request, __u32 dest_id, __u8 state)
{
	__u64 inactive = FLAG(CONN_INACTIVE);
	struct dest_conns *conns;
	__u64 was;

	if (tcp_is_active(state) != !!(READ(request->word) & inactive))
		return;
	was = tcp_is_active(state) ? __sync_fetch_and_and(&request->word, ~inactive)
				   : __sync_fetch_and_or(&request->word, inactive);
	/* One that has ended meanwhile is counted no more. */
	if (tcp_is_active(state) != !!(was & inactive) || (was & WORD_LIFE_MASK) != LIFE_VALID)
		return;
	conns = bpf_map_lookup_elem(&dest_conns, &dest_id);
	if (!conns)
		return;
	__sync_fetch_and_add(&conns->active, tcp_is_active(state) ? 1 : -1);
	__sync_fetch_and_add(&conns->inactive, tcp_is_active(state) ? -1 : 1);
}

/* The state has changed, as far as this slot knows: ask the truth, write both. */
ALWAYS __u8 tcp_change(struct packet *pkt, const __u8 *row)
{
	struct conn *partner = partner_of(pkt->wire.v6, pkt->conn);
	struct conn *request = is_reply(pkt) ? partner : pkt->conn;
	__u8 next;

	if (!request)
		return READ(pkt->conn->state);
	next = row[READ(request->state) & (TCP_STATES - 1)];
	WRITE(request->state, next);
	WRITE(pkt->conn->state, next);
	if (partner) {
		WRITE(partner->state, next);
		WRITE(partner->deadline,
		      pkt->now + READ(settings.tcp_timeout[next & (TCP_STATES - 1)]));
	}
	conn_recount(request, pkt->dest_id, next);
	return next;
}

ALWAYS __u32 track_tcp(struct packet *pkt)
{
	__u8 state = READ(pkt->conn->state) & (TCP_STATES - 1);
	__u32 direction;
	const __u8 *row;

	/* An ACK leaves what is established as it is, whichever way it goes. */
	if (likely(state == TCP_ESTABLISHED &&
		   (pkt->tcp_flags & TCP_FLAGS_TRACKED) == TCP_FLAG_ACK_BIT))
		return READ(settings.tcp_timeout[TCP_ESTABLISHED]);
	direction = is_reply(pkt)		      ? TCP_OUTPUT
		    : pkt->word & FLAG(CONN_NOOUTPUT) ? TCP_INPUT_ONLY
						      : TCP_INPUT;
	row = tcp_row(direction, tcp_event(pkt->tcp_flags));
	if (unlikely(row[state] != state))
		state = tcp_change(pkt, row);
	return READ(settings.tcp_timeout[state & (TCP_STATES - 1)]);
}

ALWAYS int deadline_write(__u8 v6, __u32 index, __u32 deadline)
{
	struct conn *slot = slot_at(v6, index);

	if (slot)
		WRITE(slot->deadline, deadline);
	return GO_ON;
}

WARM int deadline_write4(__u32 index, __u32 deadline)
{
	return deadline_write(0, index, deadline);
}

WARM int deadline_write6(__u32 index, __u32 deadline)
{
	return deadline_write(1, index, deadline);
}

/*
 * Starts the timer again. A connection lives until the later deadline of its two slots: one that
 * falls, because the timeout was made shorter, takes the other with it.
 */
ALWAYS int timer_start(struct packet *pkt, __u32 timeout)
{
	__u32 was = READ(pkt->conn->deadline), deadline = pkt->now + timeout;

	if (was == deadline)
		return GO_ON;
	WRITE(pkt->conn->deadline, deadline);
	if (likely(!is_past(deadline, was)))
		return GO_ON;
	return pkt->wire.v6 ? deadline_write6(READ(pkt->conn->partner), deadline)
			    : deadline_write4(READ(pkt->conn->partner), deadline);
}

ALWAYS int track(struct packet *pkt)
{
	if (pkt->wire.protocol == IPPROTO_TCP)
		return timer_start(pkt, track_tcp(pkt));
	return timer_start(pkt, READ(settings.udp_timeout));
}

/* The first answer to a datagram by NAT. Needs conn, a reply's. */
ALWAYS void reply_assure(const struct packet *pkt)
{
	if (pkt->wire.protocol == IPPROTO_UDP)
		control_assure(pkt->wire.v6, READ(pkt->conn->partner));
}

/*
 * A reply by dr or tun. Needs conn, a request's, and dest. The first one ends the time of input
 * only.
 */
ALWAYS void direct_track(struct packet *pkt)
{
	__u8 state = READ(pkt->conn->state) & (TCP_STATES - 1);
	__u32 timeout = READ(settings.udp_timeout);

	if (pkt->wire.protocol == IPPROTO_TCP) {
		if (pkt->word & FLAG(CONN_NOOUTPUT))
			__sync_fetch_and_and(&pkt->conn->word, ~FLAG(CONN_NOOUTPUT));
		state = tcp_row(TCP_OUTPUT, tcp_event(pkt->tcp_flags))[state] & (TCP_STATES - 1);
		WRITE(pkt->conn->state, state);
		conn_recount(pkt->conn, pkt->dest_id, state);
		timeout = READ(settings.tcp_timeout[state]);
	} else {
		control_assure(pkt->wire.v6, pkt->index);
	}
	WRITE(pkt->conn->deadline, pkt->now + timeout);
}

#endif
