/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract: every structure that the data plane and the control plane share, written once.
 * control/abi/maps.gen.ts is made from it through BTF (bpf/gen.ts); change a layout and you must
 * raise ABI_VERSION, so that a running director's pinned maps are refused instead of misread.
 * The choice of C type is the choice of byte order: __be16/__be32 become big-endian accessors.
 * Read next: maps.h (who writes which map), packet.h (what one packet knows), xlvs.bpf.c (the
 * walk).
 */
#ifndef XLVS_TYPES_H
#define XLVS_TYPES_H

#include <linux/types.h>

#define NOTE(sentence) __attribute__((btf_decl_tag(sentence)))

enum limit {
	ABI_VERSION = 1,
	SLOTS_PER_BUCKET = 8,
	STRIPES = 16384,
	IFINDEX_MAX = 65536,
	DESTS_MAX = 32768,
	NEXTHOPS_MAX = 16384,
	/* CPUs with a row of reasons of their own; beyond, rows are shared. */
	CPUS_MAX = 512,
	COMPANION_MAGIC = 0x786c7673,
	/* No partner, no row, no next hop: where an index may be missing. */
	NONE = 0xffffffff,
};

/* A packet leaves the walk with exactly one of these; GO_ON never leaves. leave() counts them. */
enum reason {
	GO_ON,
	/* Not ours: passed to the host untouched. */
	NOT_IPV4,
	FOREIGN_MAC,
	MALFORMED,
	BAD_CHECKSUM,
	HAS_OPTIONS,
	FRAGMENT,
	OTHER_PROTOCOL,
	TRUNCATED,
	NO_SERVICE,
	NO_CONNECTION,
	FTP_DATA,
	VIP_NOT_LOCAL,
	/* Forwarded. */
	NAT_REQUEST,
	NAT_REPLY,
	DIRECT,
	RESOLVING,
	/* Answered with an ICMP error. */
	TTL_EXPIRED,
	TOO_BIG,
	NO_DEST,
	UNREACHABLE,
	/* Dropped. */
	DEST_GONE,
	TABLE_FULL,
	STRIPE_BUSY,
	NO_ROUTE,
	NEEDS_FRAGMENTING,
	INTERNAL,
	REASONS,
	REASONS_MAX = 64,
};

/* Numbers are the kernel's (include/uapi/linux/ip_vs.h, IP_VS_CONN_F_FWD_MASK). */
enum fwd {
	FWD_NAT = 0,
	FWD_LOCAL = 1,
	FWD_TUN = 2,
	FWD_DR = 3,
};

/* Life of a connection slot: the low byte of its word. */
enum life {
	LIFE_EMPTY = 0,
	LIFE_BUSY = 1,
	LIFE_DEAD = 2,
	LIFE_VALID = 3, /* BUSY | 2: one atomic or publishes a filled slot */
};

/*
 * A slot's word, changed only by compare-and-swap or an atomic or/and:
 *   bits 0-7 life, 8-15 flags, 16-39 tag (a part of the key's hash), 40-63 dest id.
 * The two BUCKET_ flags belong to the bucket and live in the word of its slot 0; they survive the
 * slot's deaths and are never cleared.
 */
enum slot_word {
	WORD_LIFE_MASK = 0xff,
	WORD_FLAGS_SHIFT = 8,
	WORD_TAG_SHIFT = 16,
	WORD_TAG_MASK = 0xffffff,
	WORD_DEST_SHIFT = 40,
	CONN_REPLY = 0x01,
	CONN_INACTIVE = 0x02,
	CONN_NOOUTPUT = 0x04,
	CONN_SHADOWED = 0x08,
	CONN_FWD_SHIFT = 4,
	CONN_FWD_MASK = 0x30,
	BUCKET_STASHED = 0x40,
	BUCKET_OVERFLOW = 0x80,
};

/* TCP states; the numbers are IPVS' (include/net/ip_vs.h). UDP has one state, 0. */
enum tcp_state {
	TCP_NONE,
	TCP_ESTABLISHED,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_SYNACK,
	TCP_STATES = 16,
};

/* One direction of an IPv4 connection. A NAT connection has two, each other's partner. */
struct conn4 {
	__u64 word NOTE("life, flags, tag and dest id; see enum slot_word");
	__be32 caddr NOTE("client address");
	__be32 oaddr NOTE("virtual address in a request slot, the dest's in a NAT reply slot");
	__be16 cport NOTE("client port");
	__be16 oport NOTE("virtual port in a request slot, the dest's in a NAT reply slot");
	__u8 protocol NOTE("IP protocol number");
	__u8 state NOTE("enum tcp_state, 0 for UDP; the request slot's is the truth");
	__u16 nexthop NOTE("reply slots: next hop towards the client, 0 while unknown");
	__u32 deadline NOTE("tick after which the slot is overdue");
	__u32 partner NOTE("index of the other direction's slot, NONE when there is none");
};
_Static_assert(sizeof(struct conn4) == 32, "two slots share a cache line");

struct bucket4 {
	struct conn4 slot[SLOTS_PER_BUCKET];
};
_Static_assert(sizeof(struct bucket4) == 256, "a bucket is four cache lines");

/* The packet's own four-tuple, as it is on the wire; key of the stash. */
struct wire_key {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 pad[3];
};
_Static_assert(sizeof(struct wire_key) == 16, "hash keys have no hidden padding");

struct service_key {
	__be32 vaddr NOTE("virtual address");
	__be16 vport NOTE("virtual port");
	__u8 protocol NOTE("IP protocol number");
	__u8 pad;
};
_Static_assert(sizeof(struct service_key) == 8, "hash keys have no hidden padding");

enum service_flags {
	SERVICE_VIP_LOCAL = 1,
};

/* Numbers are ours; they fit into four bits. */
enum scheduler {
	SCHED_NONE,
	SCHED_RR,
	SCHED_WRR,
	SCHED_WLC,
};

/*
 * schedule word: bits 0-17 cursor, 18-35 rows, 36-59 first row / 8, 60-63 enum scheduler. One
 * 8-byte store publishes a new schedule; the data plane moves the cursor by compare-and-swap on the
 * same word, so an edit and a pick never lose each other. rows 0: nothing to choose from.
 */
struct service {
	__u64 schedule NOTE("cursor, rows, place and scheduler; see above");
	__u64 turn NOTE("wrr: bits 0-31 the row used last, 32-63 the current weight");
	__u32 flags NOTE("enum service_flags");
	__be32 vaddr NOTE("virtual address");
	__be16 vport NOTE("virtual port");
	__u8 protocol NOTE("IP protocol number");
	__u8 pad[5];
};
_Static_assert(sizeof(struct service) == 32, "two services share a cache line");

enum schedule_word {
	SCHEDULE_CURSOR_BITS = 18,
	SCHEDULE_ROWS_SHIFT = 18,
	SCHEDULE_PLACE_SHIFT = 36,
	SCHEDULE_PLACE_BITS = 24,
	SCHEDULE_SCHEDULER_SHIFT = 60,
	SCHEDULE_ROW_UNIT = 8,
};

/*
 * Rows of a schedule: all dests in IPVS' order, then one more row for the list's head.
 * rr: the cursor names the row used last, value is the row to use after it, NONE when no dest is
 * usable. wrr, wlc: value is the weight; the head's row holds wrr's step (dest) and start (value).
 */
struct schedule_row {
	__u32 dest NOTE("dest id");
	__u32 value NOTE("rr: row chosen after this one; wrr, wlc: weight");
};

enum dest_flags {
	DEST_AVAILABLE = 1, /* in its service; else in the trash, kept for its connections */
	DEST_VIP_LOCAL = 2, /* its service's virtual address is an address of this host */
	DEST_KNOWN = 4,	    /* the id is taken */
};

/* What forwarding to a dest needs, compiled. The id stays the dest's for life. */
struct dest {
	__be32 daddr NOTE("dest address");
	__be32 vaddr NOTE("virtual address of its service");
	__be16 dport NOTE("dest port");
	__be16 vport NOTE("virtual port of its service");
	__u16 nexthop NOTE("next hop towards the dest, 0 while there is no route");
	__u8 fwd NOTE("enum fwd, for new connections");
	__u8 flags NOTE("enum dest_flags");
	__u32 ip_delta NOTE("NAT request: what the header checksum's sum gains by the new address");
	__u32 l4_delta NOTE("NAT request: what the transport checksum's sum gains, ports included");
	__u32 service NOTE("service id");
	__u8 protocol NOTE("IP protocol number of its service");
	__u8 pad[3];
};
_Static_assert(sizeof(struct dest) == 32, "two dests share a cache line");

/* Connections of a dest; both sides change them by atomic add only. */
struct dest_conns {
	__u32 active NOTE("connections in an active state");
	__u32 inactive NOTE("all other connections");
};

/* Traffic of a dest on one CPU; row cpu * DESTS_MAX + dest id. Only that CPU writes it. */
struct dest_traffic {
	__u64 conns NOTE("connections created");
	__u64 inpkts NOTE("packets from clients");
	__u64 inbytes NOTE("IP bytes from clients, as received");
	__u64 outpkts NOTE("packets to clients");
	__u64 outbytes NOTE("IP bytes to clients, as sent");
};

enum nexthop_flags {
	NEXTHOP_VALID = 1,
};

/* Row 0 is never valid. A row whose neighbour is unknown still names interface and address. */
struct nexthop {
	__u8 dmac[6] NOTE("MAC address of the neighbour");
	__u8 smac[6] NOTE("MAC address of the interface it is reached by");
	__u32 ifindex NOTE("interface it is reached by");
	__be32 addr NOTE("the neighbour's address");
	__u16 mtu NOTE("bytes an IP packet may have on the way");
	__u8 flags NOTE("enum nexthop_flags");
	__u8 pad[5];
	__u32 pad2;
};
_Static_assert(sizeof(struct nexthop) == 32, "two next hops share a cache line");

struct neighbour_key {
	__u32 ifindex NOTE("interface");
	__be32 addr NOTE("the neighbour's address");
};

/* Longest-prefix key of the compiled routes. */
struct route_key {
	__u32 prefixlen NOTE("bits of addr that count");
	__be32 addr NOTE("network address");
};

struct route {
	__u32 nexthop NOTE("next hop id; 0: the dest is on-link, or dropped when ifindex is 0 too");
	__u32 ifindex NOTE("on-link: the interface");
};

enum interface_flags {
	INTERFACE_ATTACHED = 1,
};

/* Indexed by ifindex (below IFINDEX_MAX). */
struct interface {
	__u8 mac[6] NOTE("what a frame for this host carries as destination");
	__u8 flags NOTE("enum interface_flags");
	__u8 pad;
	__be32 addr NOTE("source of ICMP errors sent out here that no virtual address speaks for");
	__u32 pad2;
};
_Static_assert(sizeof(struct interface) == 16, "four interfaces share a cache line");

/* One word of each, shared by data plane and daemon; pinned. */
struct settings {
	__u32 heartbeat NOTE("tick at which the daemon was last alive, 0 before the first");
	__u32 clock NOTE("the time, in ticks, when config.manual_clock is set");
	__u32 tcp_timeout[TCP_STATES] NOTE("ticks a TCP connection may rest in each state");
	__u32 udp_timeout NOTE("ticks a UDP connection may rest");
	__u32 conn_reuse_mode NOTE("net.ipv4.vs.conn_reuse_mode");
	__u32 owner NOTE("process id of the daemon that frees slots, 0 before the first");
};

/* Load-time constants: what the verifier may fold away. Kept in a pinned read-only map. */
struct config {
	__u32 abi NOTE("ABI_VERSION");
	__u32 bucket_mask
		NOTE("buckets of the connection table, less one; a power of two, less one");
	__u32 stash_buckets NOTE("buckets behind the table that the stash hands out");
	__u32 cpus NOTE("CPUs that have a row of counters");
	__u32 tick_shift NOTE("jiffies to ticks: shift right by this");
	__u32 manual_clock NOTE("1: tests move the clock");
	__u32 key[8] NOTE("secret of the hash; key[4..5] are odd multipliers");
};

/* What a tail-called walk is told. */
struct handover {
	__u32 type NOTE("ICMP type");
	__u32 code NOTE("ICMP code");
	__be32 rest NOTE("second word of the ICMP header");
	__be32 source NOTE("ICMP source address");
	__u32 reason NOTE("enum reason to leave with");
	__u32 dest NOTE("dest id whose traffic to the client it counts as, NONE for nobody's");
};

enum walk {
	WALK_NEW,
	WALK_REPLY,
	WALK_CHECKSUM,
	WALK_ERROR,
	WALKS,
};

/* Metadata in front of a frame that the tc companion sends through the kernel's neighbour. */
struct companion_note {
	__u32 magic NOTE("COMPANION_MAGIC");
	__u32 ifindex NOTE("interface to leave by");
	__be32 nexthop NOTE("IPv4 next hop");
	__u32 pad;
};

#endif
