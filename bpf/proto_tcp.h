/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The TCP states of IPVS: what a segment does to a connection, by direction.
 * Source: net/netfilter/ipvs/ip_vs_proto_tcp.c (v6.12), as tabled by the recorded kernel.
 */
#ifndef XLVS_PROTO_TCP_H
#define XLVS_PROTO_TCP_H

#include "packet.h"

enum tcp_direction {
	TCP_INPUT,
	TCP_OUTPUT,
	TCP_INPUT_ONLY,
	TCP_DIRECTIONS = 4, /* a power of two, as are events and states: an index is shifts */
};

enum tcp_event {
	TCP_EVENT_SYN,
	TCP_EVENT_FIN,
	TCP_EVENT_ACK,
	TCP_EVENT_RST,
	TCP_EVENT_NONE,
	TCP_EVENTS = 8,
};

#define NO TCP_NONE
#define ES TCP_ESTABLISHED
#define SS TCP_SYN_SENT
#define SR TCP_SYN_RECV
#define FW TCP_FIN_WAIT
#define TW TCP_TIME_WAIT
#define CL TCP_CLOSE
#define CW TCP_CLOSE_WAIT
#define LA TCP_LAST_ACK
#define LI TCP_LISTEN
#define SA TCP_SYNACK
#define T0 TCP_TIME_WAIT_UNOPENED
#define C0 TCP_CLOSE_UNOPENED

/* Under secure_tcp a client alone establishes nothing. */
#define SECURE(direction) (TCP_SECURE * TCP_DIRECTIONS + (direction))

/*
 * Rows: table and direction, event. Columns: the current state, NO ES SS SR FW TW CL CW LA LI SA T0
 * C0. Who asks whether a connection was ever established is told by its state: that costs no packet
 * anything. T0 and C0 are TIME_WAIT and CLOSE of one that was not. A SYN may begin one again in its
 * slot: renew.bpf.c takes note first.
 */
/* clang-format off */
static const __u8 tcp_next[TCP_TABLES * TCP_DIRECTIONS][TCP_EVENTS][TCP_STATES] = {
	[TCP_INPUT] = {
		[TCP_EVENT_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR, SR, SR},
		[TCP_EVENT_FIN] = {C0, CW, SS, T0, TW, TW, CL, CW, LA, LI, T0, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, C0, LI, ES, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, C0, SR, CL, CL, CL, CL, LA, LI, SR, C0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
	[TCP_OUTPUT] = {
		[TCP_EVENT_SYN] = {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR, SS, SS},
		[TCP_EVENT_FIN] = {T0, FW, SS, T0, FW, TW, CL, TW, LA, LI, T0, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, SS, C0, CL, TW, CL, CL, C0, C0, C0, T0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
	[TCP_INPUT_ONLY] = {
		[TCP_EVENT_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR, SR, SR},
		[TCP_EVENT_FIN] = {C0, FW, SS, T0, FW, TW, CL, CW, LA, LI, T0, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, C0, LI, ES, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, C0, SR, CL, CL, CL, CL, LA, LI, C0, C0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
	[SECURE(TCP_INPUT)] = {
		[TCP_EVENT_SYN] = {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA, SR, SR},
		[TCP_EVENT_FIN] = {C0, CW, SS, T0, TW, TW, CL, CW, LA, LI, SA, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, SR, FW, TW, CL, CW, C0, LI, SA, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, C0, SR, CL, CL, CL, CL, LA, LI, C0, C0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
	[SECURE(TCP_OUTPUT)] = {
		[TCP_EVENT_SYN] = {SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA, SS, SS},
		[TCP_EVENT_FIN] = {T0, FW, SS, T0, FW, TW, CL, TW, LA, LI, T0, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, SS, C0, CL, TW, CL, CL, C0, C0, C0, T0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
	[SECURE(TCP_INPUT_ONLY)] = {
		[TCP_EVENT_SYN] = {SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA, SA, SA},
		[TCP_EVENT_FIN] = {C0, FW, SS, T0, FW, TW, CL, CW, LA, LI, T0, T0, C0},
		[TCP_EVENT_ACK] = {ES, ES, SS, ES, FW, TW, CL, CW, C0, LI, ES, T0, C0},
		[TCP_EVENT_RST] = {C0, CL, C0, SR, CL, CL, CL, CL, LA, LI, C0, C0, C0},
		[TCP_EVENT_NONE] = {C0, CL, C0, C0, CL, CL, CL, CL, C0, C0, C0, C0, C0},
	},
};
/* clang-format on */

#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA
#undef T0
#undef C0

/* RST before SYN before FIN before ACK. */
ALWAYS __u32 tcp_event(__u8 flags)
{
	if (unlikely(flags & TCP_FLAG_RST_BIT))
		return TCP_EVENT_RST;
	if (unlikely(flags & TCP_FLAG_SYN_BIT))
		return TCP_EVENT_SYN;
	if (unlikely(flags & TCP_FLAG_FIN_BIT))
		return TCP_EVENT_FIN;
	return likely(flags & TCP_FLAG_ACK_BIT) ? TCP_EVENT_ACK : TCP_EVENT_NONE;
}

/* The row of the table in force: next states by current state. */
ALWAYS const __u8 *tcp_row(__u32 direction, __u32 event)
{
	__u32 row = READ(settings.tcp_table) % TCP_TABLES * TCP_DIRECTIONS + direction;

	/* clang 19 makes an or of the sum, of which Linux 6.1 knows no bound. */
	asm volatile("" : "+r"(row));
	return tcp_next[row & (TCP_TABLES * TCP_DIRECTIONS - 1)][event];
}

ALWAYS int tcp_is_active(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_SYN_SENT || state == TCP_SYN_RECV ||
	       state == TCP_SYNACK;
}

#endif
