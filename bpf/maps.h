/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every map, with who writes it, who reads it and what happens when it is full. Sizes given here
 * are the smallest; the daemon sets the real ones before loading (control/dataplane/kernel.ts) and
 * pins each map by its name. Read next: packet.h.
 */
#ifndef XLVS_MAPS_H
#define XLVS_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "types.h"

#define MAP(name, map_type, K, V, n, flags)                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##map_type);                                             \
		__type(key, K);                                                                    \
		__type(value, V);                                                                  \
		__uint(max_entries, n);                                                            \
		__uint(map_flags, flags);                                                          \
	} name SEC(".maps")

/*
 * A table of fixed size that every packet reads is global data, a map of its own all the same: its
 * rows are reached by an address, where a map of rows takes a bounds check and a branch each.
 */
#define TABLE(name) SEC(".bss." name)
/* A row of such a table; its length is a power of two, and so much of the id counts. */
#define ROW(table, id)                                                                             \
	({                                                                                         \
		__u32 row_ = (id);                                                                 \
		asm volatile("" : "+r"(row_));                                                     \
		&(table)[row_ & (sizeof(table) / sizeof((table)[0]) - 1)];                         \
	})

/* Written once by the daemon before loading; the verifier sees constants. */
const volatile struct config config SEC(".rodata.config") = {};
/* Written by the daemon (and by tests, the clock); read per packet. */
struct settings settings SEC(".data.settings") = {};

/*
 * Connections of each family: config.bucket_mask + 1 buckets, then config.stash_buckets more. Slots
 * are made here and freed by the daemon's sweep; while the daemon is gone, those long overdue are
 * taken over. Full: the stash; that full: TABLE_FULL, the packet is dropped.
 */
MAP(conns4, ARRAY, __u32, struct bucket4, 1, BPF_F_MMAPABLE);
MAP(conns6, ARRAY, __u32, struct bucket6, 1, BPF_F_MMAPABLE);
/* By slot. The data plane writes, and clears like the daemon's sweep. */
MAP(cold4, ARRAY, __u32, struct cold, 1, BPF_F_MMAPABLE);
MAP(cold6, ARRAY, __u32, struct cold, 1, BPF_F_MMAPABLE);
/* Connections that found no room in their two buckets -> slot in their table's stash buckets. */
MAP(stash, HASH, struct tuple, __u32, 1, 0);
/*
 * Templates of calls: what is compared of a call -> its template's slot, and back. The data plane
 * makes and the daemon's sweep ends them. Full: TABLE_FULL.
 */
MAP(calls, HASH, struct call, __u32, 1, BPF_F_NO_PREALLOC);
MAP(call_ids, HASH, struct call_place, struct call, 1, BPF_F_NO_PREALLOC);
/* Try-locks by hash: two CPUs never create one connection twice. Only the data plane uses it. */
MAP(stripes, ARRAY, __u32, __u64, STRIPES, 0);

/* Written by the daemon, read when a connection is made. Full: the daemon refuses the service. */
MAP(service_ids, HASH, struct service_key, __u32, 1, 0);
/* By service id. The daemon writes; the data plane moves the cursor in `schedule`. */
MAP(services, ARRAY, __u32, struct service, 1, BPF_F_MMAPABLE);
/* Tables of mark rules, searched when a connection is made. Only the daemon writes. */
MAP(marks, ARRAY, __u32, struct mark_row, MARK_ROWS, BPF_F_MMAPABLE);
/* Regions of rows, placed by the daemon. */
MAP(schedules, ARRAY, __u32, struct schedule_row, 8, BPF_F_MMAPABLE);
/*
 * What lblc and lblcr remember of addresses. The data plane makes entries, the daemon ends them.
 * Full: the dest that was chosen is used and not remembered.
 */
MAP(lblc, HASH, struct cache_key, struct lblc_entry, 1, BPF_F_NO_PREALLOC);
MAP(lblcr, HASH, struct cache_key, struct lblcr_set, 1, BPF_F_NO_PREALLOC);
/* By dest id. Only the daemon writes. */
struct dest dests[DESTS_MAX] TABLE("dests");
/* By dest id. Only the daemon writes. */
struct dest_addrs dest_addrs[DESTS_MAX] TABLE("dest_addrs");
/* Where nat dests send from, while nat_icmp_send is on: how many. Only the daemon writes. */
MAP(nat_dests, HASH, struct service_key, __u32, 1, BPF_F_NO_PREALLOC);
/* Where nat dests of the sip engine send from: the dest's id. Only the daemon writes. */
MAP(telling, HASH, struct service_key, __u32, 1, BPF_F_NO_PREALLOC);
/* By dest id. Only the daemon writes; read for dests that are reached by tunnel. */
MAP(tunnels, ARRAY, __u32, struct tunnel, 1, BPF_F_MMAPABLE);
/* By dest id. Both sides count, atomically; thresholds and weight are the daemon's. */
MAP(dest_conns, ARRAY, __u32, struct dest_conns, 1, BPF_F_MMAPABLE);
/* By cpu * DESTS_MAX + dest id. The data plane writes; summed on reading. */
MAP(dest_traffic, ARRAY, __u32, struct dest_traffic, 1, BPF_F_MMAPABLE);
/* By cpu * REASONS_MAX + reason. The data plane writes; summed on reading. */
__u64 reasons[CPUS_MAX * REASONS_MAX] TABLE("reasons");

/* By next hop id; the daemon compiles them from the kernel's routes and neighbours. */
struct nexthop nexthops[NEXTHOPS_MAX] TABLE("nexthops");
/* Known neighbours -> next hop id, and the routes. Daemon writes; read once per connection. */
MAP(neighbours, HASH, struct neighbour_key, __u32, 1, 0);
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__type(key, struct route_key);
	__type(value, struct route);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_NO_PREALLOC);
} routes SEC(".maps");
/*
 * A bit each for the last eleven of an IPv4 address: clear when no address of this host ends so.
 * Only the daemon writes. It saves nearly every new connection a lookup in the routes.
 */
__u32 own[OWN_BITS / 32] TABLE("own");
/* By ifindex. Only the daemon writes. */
struct interface interfaces[IFINDEX_MAX] TABLE("interfaces");
/* Tags -> ifindex of the VLAN interface. Only the daemon writes; read for tagged frames. */
MAP(vlans, HASH, struct vlan_key, __u32, 4096, 0);

/* Who has got ICMP errors, and what there may be of them at all. Full: the oldest go. */
MAP(icmp_peers, LRU_HASH, struct icmp_peer_key, struct icmp_peer, 16384, 0);
/* Row 0 of ICMP errors, row 1 of TCP resets. */
MAP(icmp_credits, ARRAY, __u32, struct icmp_credit, 2, BPF_F_MMAPABLE);

/* The tail-called walks, by enum walk. */
MAP(walks, PROG_ARRAY, __u32, __u32, WALKS, 0);
/* Those of the tc companions, by enum here_walk; of tc.bpf.c. */
MAP(here_walks, PROG_ARRAY, __u32, __u32, HERE_WALKS, 0);
/* What the walk left behind for the one it calls; never outlives a packet. */
MAP(handovers, PERCPU_ARRAY, __u32, struct handover, 1, 0);
/* The same of a message that is read, and of the call it is of. */
MAP(messages, PERCPU_ARRAY, __u32, struct message, 1, 0);
MAP(call_notes, PERCPU_ARRAY, __u32, struct call, 1, 0);

/* An enum that no map holds would be dropped from BTF, and with it from the generated code. */
#define KEEP_ENUM(name) enum name keep_##name SEC(".data.keep") = 0
KEEP_ENUM(limit);
KEEP_ENUM(reason);
KEEP_ENUM(fwd);
KEEP_ENUM(family);
KEEP_ENUM(life);
KEEP_ENUM(slot_word);
KEEP_ENUM(template);
KEEP_ENUM(call_limit);
KEEP_ENUM(fallback);
KEEP_ENUM(replies);
KEEP_ENUM(tcp_state);
KEEP_ENUM(tcp_table);
KEEP_ENUM(service_flags);
KEEP_ENUM(mark_root);
KEEP_ENUM(scheduler);
KEEP_ENUM(schedule_word);
KEEP_ENUM(slow_start);
KEEP_ENUM(dest_flags);
KEEP_ENUM(gone);
KEEP_ENUM(nexthop_flags);
KEEP_ENUM(interface_flags);
KEEP_ENUM(route_kind);
KEEP_ENUM(walk);
KEEP_ENUM(here_walk);

#endif
