/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Controlled connections and the templates that control them: which template made a connection, and
 * how many connections a template has. Cold rows of the connection table's slots; no hot walk looks
 * at one. Read next: template.h (making them), control/dataplane/control.ts (the sweep's part).
 * Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_control_add, ip_vs_control_assure_ct (v6.12).
 */
#ifndef XLVS_CONTROL_H
#define XLVS_CONTROL_H

#include "conn.h"

ALWAYS int is_template(__u64 word)
{
	return (word & FLAG(CONN_FWD_MASK)) == FLAG(CONN_TEMPLATE);
}

ALWAYS struct cold *cold_at(__u8 v6, __u32 index)
{
	if (v6)
		return bpf_map_lookup_elem(&cold6, &index);
	return bpf_map_lookup_elem(&cold4, &index);
}

/* The index of a connection's template, or NONE. */
ALWAYS __u32 controller_of(__u8 v6, __u32 index)
{
	struct cold *cold = cold_at(v6, index);

	return (cold ? READ(cold->control) : 0) - 1;
}

/* Whether a connection is established, or was: see proto_tcp.h. */
ALWAYS int was_established(__u8 state)
{
	return state == TCP_ESTABLISHED || (state >= TCP_FIN_WAIT && state <= TCP_CLOSE_WAIT);
}

ALWAYS int template_assure(__u8 v6, __u32 index)
{
	struct conn *slot = slot_at(v6, controller_of(v6, index));

	if (slot && is_template(READ(slot->word)))
		WRITE(slot->state, TEMPLATE_ASSURED);
	return 0;
}

WARM int template_assure4(__u32 index)
{
	return template_assure(0, index);
}

WARM int template_assure6(__u32 index)
{
	return template_assure(1, index);
}

/*
 * A controlled connection was answered: its template stays when memory is short. A function, as is
 * control_drop: Linux 6.1 counts the stack of walks that come close to its 512 bytes.
 */
ALWAYS void control_assure(__u8 v6, __u32 index)
{
	if (v6)
		template_assure6(index);
	else
		template_assure4(index);
}

/* A connection that was not made after all, or leaves none behind. */
ALWAYS void control_release(__u8 v6, __u32 template)
{
	struct cold *cold = cold_at(v6, template);

	if (cold)
		__sync_fetch_and_add(&cold->controls, -1);
}

ALWAYS int control_leave(__u8 v6, __u32 index)
{
	struct cold *cold = cold_at(v6, index);
	const struct conn *slot = slot_at(v6, index);
	__u32 control;

	if (!cold || !slot || likely(!READ(cold->control)))
		return 0;
	if (slot->protocol == IPPROTO_TCP && was_established(READ(slot->state)))
		template_assure(v6, index);
	control = __sync_lock_test_and_set(&cold->control, 0);
	if (control)
		control_release(v6, control - 1);
	return 0;
}

WARM int control_leave4(__u32 index)
{
	return control_leave(0, index);
}

WARM int control_leave6(__u32 index)
{
	return control_leave(1, index);
}

/* The end of a connection, as its template counts it; once, whoever ends it. */
ALWAYS void control_drop(__u8 v6, __u32 index)
{
	if (v6)
		control_leave6(index);
	else
		control_leave4(index);
}

#endif
