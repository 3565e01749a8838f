/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The mark of a packet without a connection, by xlvs' own rules: netfilter's do not exist yet where
 * XDP runs. The rules are compiled into tables of ascending keys (control/plan/marks/), one for
 * each thing that is asked: interface, destination, source, then protocol and port; the last row
 * whose key is not above the packet's value leads to the next table, and at last to the mark. IPv6
 * addresses take two tables. A family's rules are published by one store of their root. Read next:
 * service.h.
 */
#ifndef XLVS_MARK_H
#define XLVS_MARK_H

#include "nexthop.h"
#include "parse.h"

/* Halvings of a search: no table has more rows than the map. */
#define MARK_TURNS 18
_Static_assert(MARK_ROWS <= 1 << MARK_TURNS, "each search ends");

ALWAYS struct mark_row *mark_row(__u32 at)
{
	return bpf_map_lookup_elem(&marks, &at);
}

/*
 * Where a table leads from a key: the next table, or in the last one the mark; 0: nowhere. A
 * function, so that the verifier looks at it once.
 */
WARM __u64 mark_step(__u64 table, __u64 key)
{
	__u32 low = table, count = table >> 32;
	const struct mark_row *row;

	if (!table)
		return 0;
	for (int turn = 0; turn < MARK_TURNS && count > 1; turn++) {
		__u32 half = count / 2;

		row = mark_row(low + half);
		if (!row)
			return 0;
		if (row->key <= key) {
			low += half;
			count -= half;
		} else {
			count = half;
		}
	}
	row = mark_row(low);
	return row ? row->to : 0;
}

ALWAYS __u64 mark_root(__u32 root)
{
	const struct mark_row *row = mark_row(root);

	return row ? READ(row->to) : 0;
}

/* An address of the wire, IPv6's in two steps. */
ALWAYS __u64 mark_step_addr(__u64 table, struct address addr, __u8 v6)
{
	if (!v6)
		return mark_step(table, bpf_ntohl(address_ipv4(&addr)));
	table = mark_step(table, bpf_be64_to_cpu(addr.half[0]));
	return mark_step(table, bpf_be64_to_cpu(addr.half[1]));
}

/* The mark of the packet on the wire, 0 for none. Needs wire. */
ALWAYS __u32 mark_find(const struct packet *pkt)
{
	const struct wire *wire = &pkt->wire;
	__u64 table = mark_root(wire->v6 ? MARK_ROOT_IPV6 : MARK_ROOT_IPV4);
	__u32 ifindex;

	if (likely(!table))
		return 0;
	ifindex = arrived_by(pkt);
	table = mark_step(table, READ(ROW(interfaces, ifindex)->speaker));
	table = mark_step_addr(table, wire_to(wire), wire->v6);
	table = mark_step_addr(table, wire_from(wire), wire->v6);
	return mark_step(table, (__u32)wire->protocol << 16 | bpf_ntohs(wire->ports >> 16));
}

/* Whether policy routing brings packets of a mark to this host that its addresses do not. */
ALWAYS int mark_is_local(const struct packet *pkt, __u32 mark)
{
	__u64 table = mark_root(pkt->wire.v6 ? MARK_LOCAL_IPV6 : MARK_LOCAL_IPV4);

	if (likely(!table))
		return 0;
	return !!mark_step_addr(mark_step(table, mark), wire_to(&pkt->wire), pkt->wire.v6);
}

/* What stands for a mark in the key of a service, where IPVS has it too. */
ALWAYS struct address mark_address(__u32 mark, __u8 v6)
{
	if (v6)
		return (struct address){{bpf_htonl(mark), 0}};
	return address4(bpf_htonl(mark));
}

#endif
