/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * dh: the dest that the virtual address has a slot of. Part of sched.h.
 * Source: net/netfilter/ipvs/ip_vs_dh.c (v6.12).
 */
#ifndef XLVS_SCHED_DH_H
#define XLVS_SCHED_DH_H

SCHEDULER(dh)
{
	struct table table = table_of(service_id);
	__u32 dest;

	if (!wire)
		return NONE;
	dest = table_dest(&table, multiplied(address_folded(wire_to(wire), wire->v6)));
	return dest_is_usable(dest) ? dest : NONE;
}

#endif
