/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage schedule: the dest of a new connection. Rows are compiled by the control plane
 * (control/plan/schedule/); a scheduler is a file beside this one and a line of SCHEDULERS
 * (scheduler.h). Read next: sched_rr.h, conn_insert.h.
 * Source: net/netfilter/ipvs/ip_vs_core.c ip_vs_schedule (v6.12).
 */
#ifndef XLVS_SCHED_H
#define XLVS_SCHED_H

#include "service.h"

/* Lost races for the cursor before giving up: each means another CPU made progress. */
#define CURSOR_TURNS 32
/* In place of a dest id: such a race was lost. A turn is a function of its own, verified once. */
#define AGAIN	    (NONE - 1)
#define CURSOR_MASK ((1ull << SCHEDULE_CURSOR_BITS) - 1)
#define PLACE_MASK  ((1u << SCHEDULE_PLACE_BITS) - 1)

ALWAYS struct schedule_row *schedule_row(__u64 word, __u32 row)
{
	__u32 place = (__u32)(word >> SCHEDULE_PLACE_SHIFT) & PLACE_MASK;
	__u32 at = place * SCHEDULE_ROW_UNIT + row;

	return bpf_map_lookup_elem(&schedules, &at);
}

/* Dests of a schedule, the head's row not counted. */
ALWAYS __u32 schedule_dests(__u64 word)
{
	__u32 rows = (word >> SCHEDULE_ROWS_SHIFT) & CURSOR_MASK;

	return rows ? rows - 1 : 0;
}

/* The counts of a dest that may get new connections; 0 for one that is overloaded. */
ALWAYS struct dest_conns *dest_admitting(__u32 dest)
{
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &dest);

	return conns && !READ(conns->overloaded) ? conns : 0;
}

/*
 * What a scheduler is: the dest id for a packet's new connection, or NONE. The wire may be 0 for
 * all that the verifier knows. Weak, or clang 19 sees who does not look at the wire and passes
 * none, which the verifier refuses.
 */
#define SCHEDULER(name)                                                                            \
	WARM __attribute__((weak)) __u32 schedule_##name(__u32 service_id, const struct wire *wire \
							 __attribute__((unused)))

/* Whether a dest may get new connections. */
ALWAYS int dest_is_usable(__u32 id)
{
	struct dest_conns *conns = dest_admitting(id);

	return conns && READ(conns->weight) && READ(ROW(dests, id)->flags) & DEST_AVAILABLE;
}

#include "sched_least.h"
#include "sched_slow.h"
#include "sched_rr.h"
#include "sched_wrr.h"
#include "sched_wlc.h"
#include "sched_lc.h"
#include "sched_fo.h"
#include "sched_ovf.h"
#include "sched_sed.h"
#include "sched_nq.h"
#include "sched_twos.h"
#include "sched_table.h"
#include "sched_dh.h"
#include "sched_sh.h"
#include "sched_mh.h"
#include "sched_maglev.h"
#include "sched_lblc.h"
#include "sched_lblcr.h"

#define SCHEDULER_CASE(NAME, name, number)                                                         \
	case number:                                                                               \
		return schedule_##name(service_id, wire);

ALWAYS __u32 schedule_pick(__u32 service_id, __u64 word, const struct wire *wire)
{
	switch (word >> SCHEDULE_SCHEDULER_SHIFT) {
		SCHEDULERS(SCHEDULER_CASE)
	}
	return NONE;
}

/*
 * The wire that schedulers see. About an ICMP error, dh, lblc and lblcr take that of the packet it
 * quotes, which goes to the client: IPVS gives them no other.
 */
ALWAYS struct wire wire_scheduled(const struct packet *pkt, __u64 word)
{
	switch (word >> SCHEDULE_SCHEDULER_SHIFT) {
	case SCHED_DH:
	case SCHED_LBLC:
	case SCHED_LBLCR:
		return pkt->is_error ? wire_back(&pkt->wire) : pkt->wire;
	}
	return pkt->wire;
}

/* The dest id of connections without a dest, which go where they were going; nobody has it. */
#define NO_ONE 0

/*
 * Whether a packet that nobody takes goes where it was going: a mark's, to an address that is not
 * this host's. In IPv6 the kernel asks no more than whether it is unicast.
 */
ALWAYS int may_bypass(const struct packet *pkt)
{
	const struct route *route;

	if (likely(!READ(settings.cache_bypass)) || pkt->is_error ||
	    !(READ(pkt->service->flags) & SERVICE_MARK))
		return 0;
	if (pkt->wire.v6)
		return (__u8)pkt->wire.addrs[2] != 0xff;
	route = route_find(wire_to(&pkt->wire));
	return !route || route->kind == ROUTE_UNICAST;
}

/* Of a one-packet service no connection is made: NONE says so. */
ALWAYS int go_bypass(struct packet *pkt, __u32 dest)
{
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	if (!h)
		return INTERNAL;
	h->dest = dest;
	return go_to(pkt, WALK_BYPASS);
}

ALWAYS int bypass(struct packet *pkt)
{
	return go_bypass(pkt, is_once(pkt) ? NONE : NO_ONE);
}

/* Nobody takes a new connection. What an FTP service takes besides its own port is the host's. */
ALWAYS int refuse(struct packet *pkt)
{
	counts_settle();
	if (may_bypass(pkt))
		return bypass(pkt);
	if (READ(pkt->service->port) == FTP_PORT && pkt->wire.ports >> 16 != FTP_PORT)
		return NO_SERVICE;
	return answer(pkt, NO_DEST, 0, wire_to(&pkt->wire));
}

/* Fills dest and dest_id. Without a dest the client gets port unreachable. */
ALWAYS int schedule(struct packet *pkt)
{
	__u64 word = READ(pkt->service->schedule);
	struct wire wire = wire_scheduled(pkt, word);
	__u32 id = schedule_pick(pkt->service_id, word, &wire);

	pkt->dest_id = id;
	pkt->dest = ROW(dests, id);
	return id == NONE ? refuse(pkt) : GO_ON;
}

#endif
