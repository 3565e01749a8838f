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
#include "words.h"

/*
 * An address of either family in 16 bytes: IPv6's as it is, IPv4's as ::ffff:a.b.c.d (RFC 4291
 * section 2.5.5.2). Only where no packet pays for it; hot tables keep IPv4's four bytes.
 */
#define ADDRESS(name) __u8 name[16] __attribute__((aligned(8)))

enum limit {
	ABI_VERSION = 7,
	SLOTS_PER_BUCKET = 8,
	STRIPES = 16384,
	IFINDEX_MAX = 65536,
	/* 4 MiB of rows: the most that Linux 6.1 allows one global. */
	DESTS_MAX = 131072,
	NEXTHOPS_MAX = 16384,
	/* CPUs with a row of reasons of their own; beyond, rows are shared. */
	CPUS_MAX = 512,
	COMPANION_MAGIC = 0x786c7673,
	/* Linux gives it to the loopback device of every network namespace. */
	LOOPBACK_IFINDEX = 1,
	/* Dests that lblcr remembers for an address. */
	LBLCR_SET_MAX = 252,
	/* Bits that say which low ends of IPv4 addresses this host has some of. */
	OWN_BITS = 2048,
	/* Priority tags in front of the tag that counts. */
	OUTER_TAGS = 3,
	/* No partner, no row, no next hop: where an index may be missing. */
	NONE = 0xffffffff,
};

/* A packet leaves the walk with exactly one of these; GO_ON never leaves. leave() counts them. */
enum reason {
	GO_ON,
	/* Not ours: passed to the host untouched. */
	NOT_IP,
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
	OTHER_VLAN,
	MARTIAN,
	/* Ours, and delivered here: the dest is this host. */
	LOCAL_DEST,
	/* Ours, and left to the host: by dr or tun, from the dest's side to the client's. */
	DIRECT_REPLY,
	/* Forwarded. */
	NAT_REQUEST,
	NAT_REPLY,
	DIRECT,
	TUNNEL,
	ICMP_REQUEST,
	ICMP_REPLY,
	RESOLVING,
	/* Answered with an ICMP error. */
	TTL_EXPIRED,
	TOO_BIG,
	NO_DEST,
	STRAY,
	UNREACHABLE,
	/* Answered with a TCP reset. */
	RESET,
	/* Dropped. */
	DEST_GONE,
	TABLE_FULL,
	STRIPE_BUSY,
	NO_ROUTE,
	NEEDS_FRAGMENTING,
	BAD_ICMP,
	CUT_SHORT,
	OVERLOAD,
	LOOPBACK_DEST,
	RESET_LIMITED,
	NO_CALL_ID,
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
	LIFE_ENDED = 4, /* by a packet, ahead of its time: counted no more, yet to be freed */
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
	/* A template instead of a connection; no connection has FWD_LOCAL. */
	CONN_TEMPLATE = 0x10,
	/* Of a template: it is of a call, call_key.h. */
	CONN_CALL = 0x04,
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
	/* The two in which a connection that was never established ends; shown without UNOPENED. */
	TCP_TIME_WAIT_UNOPENED,
	TCP_CLOSE_UNOPENED,
	TCP_STATES = 16,
};

/* Which state table is in force. */
enum tcp_table { TCP_NORMAL, TCP_SECURE, TCP_TABLES };

enum family { FAMILY_IPV4, FAMILY_IPV6, FAMILIES };

/*
 * One direction of a connection. A NAT connection has two, each other's partner. Both families'
 * slots begin alike, so that one source text serves both; the addresses follow.
 */
#define CONN_HEAD                                                                                  \
	__u64 word NOTE("life, flags, tag and dest id; see enum slot_word");                       \
	__be16 cport NOTE("client port");                                                          \
	__be16 oport NOTE("virtual port in a request slot, the dest's in a NAT reply slot");       \
	__u8 protocol NOTE("IP protocol number");                                                  \
	__u8 state NOTE("enum tcp_state, 0 for UDP; the request slot's is the truth");             \
	__u16 nexthop NOTE("reply slots: next hop towards the client, 0 while unknown; request "   \
			   "slots: rank among the connections of one reply key; templates: the "   \
			   "dest's port, as in the packet");                                       \
	__u32 deadline NOTE("tick after which the slot is overdue");                               \
	__u32 partner NOTE("index of the other direction's slot, NONE when there is none");

struct conn {
	CONN_HEAD
};
_Static_assert(sizeof(struct conn) == 24, "the addresses start on eight bytes");

struct conn4 {
	CONN_HEAD
	__be32 caddr NOTE("client address");
	__be32 oaddr NOTE("virtual address in a request slot, the dest's in a NAT reply slot");
};
_Static_assert(sizeof(struct conn4) == 32, "two slots share a cache line");

struct conn6 {
	CONN_HEAD
	ADDRESS(caddr) NOTE("client address");
	ADDRESS(oaddr) NOTE("virtual address in a request slot, the dest's in a NAT reply slot");
	__u64 pad;
};
_Static_assert(sizeof(struct conn6) == 64, "a slot is a cache line");

struct bucket4 {
	struct conn4 slot[SLOTS_PER_BUCKET];
};
_Static_assert(sizeof(struct bucket4) == 256, "a bucket is four cache lines");

struct bucket6 {
	struct conn6 slot[SLOTS_PER_BUCKET];
};
_Static_assert(sizeof(struct bucket6) == 512, "a bucket is eight cache lines");

/* The packet's own addresses and ports, as they are on the wire; key of the stash. */
struct tuple {
	ADDRESS(saddr);
	ADDRESS(daddr);
	__be16 sport;
	__be16 dport;
	__u8 protocol;
	__u8 family NOTE("enum family");
	__u8 pad[2];
};
_Static_assert(sizeof(struct tuple) == 40, "hash keys have no hidden padding");

struct service_key {
	ADDRESS(vaddr) NOTE("virtual address");
	__be16 vport NOTE("virtual port");
	__u8 protocol NOTE("IP protocol number");
	__u8 family NOTE("enum family");
	__u8 pad[4];
};
_Static_assert(sizeof(struct service_key) == 24, "hash keys have no hidden padding");

/*
 * What few connections have, by the index of their request slot. A template is a request slot of
 * its own: protocol ^ TEMPLATE_PROTOCOL, the client's network, port 0. Whatever frees a slot clears
 * its control.
 */
struct cold {
	__u32 control NOTE(
		"index of the template that it was made from, plus 1; a template: ticks it lives");
	__u32 controls NOTE("connections that were made from it");
};
_Static_assert(sizeof(struct cold) == 8, "changed by one compare-and-swap");

enum template {
	/* No packet that is balanced has such a protocol number. */
	TEMPLATE_PROTOCOL = 0xf0,
	/* What its state is: a connection of it was established, or answered. */
	TEMPLATE_ASSURED = 1,
	/* Both ports of one whose dest left. */
	TEMPLATE_PORT_INVALID = 0xffff,
	/* A template of connections whose time is over lives so long, from then on. */
	TEMPLATE_AGAIN_S = 60,
};

/* Services that packets to other ports find: settings.fallbacks. */
enum fallback {
	FALLBACK_FTP = 1,
	FALLBACK_ANY = 2,
};

enum service_flags {
	SERVICE_VIP_LOCAL = 1,
	SERVICE_ONE_PACKET = 2, /* UDP: each datagram is scheduled, none keeps a connection */
	/* The scheduler's: sh, mh: fallback; sh, mh, maglev: the client's port counts. */
	SERVICE_FLAG_1 = 4,
	SERVICE_FLAG_2 = 8,
	SERVICE_MARK = 16, /* of a mark: any address, protocol and port */
	SERVICE_SIP = 32,  /* its templates are of calls */
};

#include "scheduler.h"

/*
 * schedule word: bits 0-17 cursor, 18-35 rows, 36-58 first row / 8, 59-63 enum scheduler. One
 * 8-byte store publishes a new schedule; the data plane moves the cursor by compare-and-swap on the
 * same word, so an edit and a pick never lose each other. rows 0: nothing to choose from.
 */
struct service {
	__u64 schedule NOTE("cursor, rows, place and scheduler; see above");
	__u64 turn NOTE("the scheduler's own; wrr: bits 0-31 the row used last, 32-63 the weight");
	__u32 slow_turn NOTE("picks of wrr while dests start slowly; the data plane counts");
	__u32 flags NOTE("enum service_flags");
	__u32 persistent NOTE("ticks that a new template lives; 0: not persistent");
	__be32 netmask NOTE("IPv4: what of a client's address counts for persistence");
	__be16 port NOTE("its port; 0: any");
	__u8 prefix NOTE("IPv6: how many bits of a client's address count");
	__u8 pad;
	__u32 slow_start NOTE("ticks that a dest takes to come to its weight; 0: none");
	__u32 slow_began NOTE("tick at which the last of its dests began to");
	__u32 pad2[5];
};
_Static_assert(sizeof(struct service) == 64, "a service is a cache line");

enum dest_flags {
	DEST_AVAILABLE = 1, /* in its service; else in the trash, kept for its connections */
	DEST_VIP_LOCAL = 2, /* its service's virtual address is an address of this host */
	DEST_KNOWN = 4,	    /* the id is taken */
	DEST_LOCAL = 8,	    /* its address is an address of this host */
	DEST_IPV6 = 16,	    /* its service's family */
	DEST_QUIESCED = 32, /* its weight is 0 */
	DEST_NO_PORT = 64,  /* its own port is 0, and dport its service's */
	/* Its service has no one virtual address and port: each connection's slots know. */
	DEST_PARTNER_VIP = 128,
};

/* What becomes of the connections of a dest that was removed. */
enum gone {
	GONE_KEEP,  /* they stay, their clients' packets are dropped: IPVS */
	GONE_DROP,  /* the next packet of the client ends them */
	GONE_RESET, /* and is answered by a reset */
	GONE_DRAIN, /* they go on until the dest's tick, from then on as GONE_RESET */
};

/* What forwarding to a dest needs, compiled. The id stays the dest's for life. */
struct dest {
	__be32 daddr NOTE("IPv4: dest address");
	__be32 vaddr NOTE("IPv4: virtual address of its service");
	__be16 dport NOTE("dest port");
	__be16 vport NOTE("virtual port of its service");
	__u16 nexthop NOTE("next hop towards the dest, 0 while there is no route");
	__u8 fwd NOTE("enum fwd, for new connections");
	__u8 flags NOTE("enum dest_flags");
	__u32 ip_delta
		NOTE("NAT request, IPv4: what the header checksum's sum gains by the new address");
	__u32 l4_delta NOTE("NAT request: what the transport checksum's sum gains, ports included");
	__u32 service NOTE("service id");
	__u8 protocol NOTE("IP protocol number of its service");
	__u8 gone NOTE("enum gone, once it is removed");
	__u16 drain_s NOTE("seconds that GONE_DRAIN holds");
};
_Static_assert(sizeof(struct dest) == 32, "two dests share a cache line");

/* A dest's addresses in either family; packets need them in IPv6 only. */
struct dest_addrs {
	ADDRESS(daddr) NOTE("dest address");
	ADDRESS(vaddr) NOTE("virtual address of its service");
};
_Static_assert(sizeof(struct dest_addrs) == 32, "two share a cache line");

/*
 * The outer header of a dest reached by tunnel; in front, what the data plane has learned from ICMP
 * errors, which the daemon leaves alone.
 */
struct tunnel {
	__u32 mtu_until NOTE("tick until which mtu holds");
	__u16 mtu NOTE("bytes that a packet may have on the way, 0: nothing was learned");
	__u16 pad;
	ADDRESS(saddr) NOTE("outer source: this host's address on the way to the dest");
	ADDRESS(daddr) NOTE("outer destination: the dest's address");
	__u32 sum NOTE(
		"outer IPv4: sum of the header's words that are always the same, protocol not");
	__u8 family NOTE("enum family of the outer header");
	__u8 pad2[3];
};
_Static_assert(sizeof(struct tunnel) == 48, "array rows are multiples of eight");

/*
 * What of a dest changes with its connections; both sides change the two counts by atomic add only.
 * overloaded is what they were when a connection came or went, which has hysteresis: threshold.h.
 */
struct dest_conns {
	__u32 active NOTE("connections in an active state");
	__u32 inactive NOTE("all other connections");
	__u32 overloaded NOTE("1: it gets no new connections");
	__u32 persistent NOTE("templates");
	__u32 upper NOTE("connections from which on it gets no new ones, 0: no limit");
	__u32 lower NOTE("below this many it gets new ones again");
	__u32 weight NOTE("the weight that schedulers see");
	__u32 tick NOTE("in its service: when its slow start began, 0: it had none; removed: until "
			"when GONE_DRAIN holds");
};
_Static_assert(sizeof(struct dest_conns) == 32, "two dests share a cache line");

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
	NEXTHOP_TAGGED = 2, /* frames get an 802.1Q tag */
};

/*
 * One neighbour, by one interface and route MTU. Row 0 is never valid. A row whose neighbour is
 * unknown still names interface and address.
 */
struct nexthop {
	__u8 dmac[6] NOTE("MAC address of the neighbour");
	__u8 smac[6] NOTE("MAC address of the interface it is reached by");
	__u32 ifindex NOTE("interface the frame leaves by: a VLAN's parent");
	__u16 mtu NOTE("bytes an IP packet may have on the way");
	__u8 flags NOTE("enum nexthop_flags");
	__u8 pad;
	__be16 tpid NOTE("tagged: Ethernet type of the tag");
	__be16 tci NOTE("tagged: VLAN id");
	__u32 logical NOTE("interface the route names: a VLAN, or ifindex again");
	__u32 pad2;
	ADDRESS(addr) NOTE("the neighbour's address");
	__u64 pad3[2];
};
_Static_assert(sizeof(struct nexthop) == 64, "a next hop is a cache line");

struct neighbour_key {
	ADDRESS(addr) NOTE("the neighbour's address");
	__u32 ifindex NOTE("interface the route names");
	__u32 pad;
};
_Static_assert(sizeof(struct neighbour_key) == 24, "hash keys have no hidden padding");

/* Longest-prefix key of the compiled routes. */
struct route_key {
	__u32 prefixlen NOTE("bits of addr that count; 96 more than an IPv4 prefix has");
	__u8 addr[16] NOTE("network address, IPv4's as ::ffff:a.b.c.d");
};
_Static_assert(sizeof(struct route_key) == 20, "the address follows the length");

struct route {
	__u32 nexthop NOTE("next hop id; 0: the dest is on-link, or dropped when ifindex is 0 too");
	__u32 ifindex NOTE("on-link: the interface the route names");
	__u32 kind NOTE("enum route_kind; only ROUTE_UNICAST leads anywhere");
	__u32 prefix NOTE("its prefixlen");
};

enum route_kind {
	ROUTE_UNICAST,
	ROUTE_LOCAL,
	ROUTE_BROADCAST,
};

/* STRICT to ACCEPT_LOCAL are about IPv4 sources: what the kernel's rp_filter and accept_local say.
 */
enum interface_flags {
	INTERFACE_ATTACHED = 1,
	INTERFACE_STRICT = 2,	    /* packets come by the way to their source */
	INTERFACE_LOOSE = 4,	    /* some way leads to a new connection's source */
	INTERFACE_ACCEPT_LOCAL = 8, /* an address of this host may be a source */
	/* There is no service of the family: packets are the host's, as without IPVS' hooks. */
	INTERFACE_IDLE4 = 16,
	INTERFACE_IDLE6 = 32,
};

/*
 * Indexed by ifindex (below IFINDEX_MAX): what frames may come by. A slave of an attached bond and
 * a VLAN on an attached interface have rows too.
 */
struct interface {
	__u8 mac[6] NOTE("what a frame for this host carries as destination");
	__u8 flags NOTE("enum interface_flags");
	__u8 pad;
	__be32 addr NOTE("source of ICMP errors sent out here that no virtual address speaks for");
	__u32 speaker NOTE("interface that packets count as come by: the bond, for a slave");
	ADDRESS(addr6) NOTE("the same for ICMPv6");
};
_Static_assert(sizeof(struct interface) == 32, "two interfaces share a cache line");

/* A tag on a wire -> the VLAN interface it belongs to. */
struct vlan_key {
	__u32 ifindex NOTE("interface the frame came by");
	__be16 tpid NOTE("Ethernet type of the tag");
	__be16 vid NOTE("VLAN id");
};
_Static_assert(sizeof(struct vlan_key) == 8, "hash keys have no hidden padding");

#include "settings.h"
#include "mark_row.h"
#include "call_key.h"
#include "handover.h"

#endif
