/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The rest of the contract: what one walk tells the next, the walks' numbers, what ICMP errors
 * have been sent, and what the tc companion finds in front of a frame. Part of types.h.
 */
#ifndef XLVS_HANDOVER_H
#define XLVS_HANDOVER_H

/* A tag taken off. */
struct tag_note {
	__be16 tpid NOTE("its Ethernet type");
	__be16 tci NOTE("priority and VLAN id");
};

/* What a tail-called walk is told. */
struct handover {
	__u32 type NOTE("ICMP type");
	__u32 code NOTE("ICMP code");
	__be32 rest NOTE("second word of the ICMP header");
	__u32 reason NOTE("enum reason to leave with");
	ADDRESS(source) NOTE("ICMP source address");
	__u32 dest NOTE("dest id whose traffic to the client it counts as, NONE for nobody's");
	__u32 ifindex NOTE("interface the packet came by: a VLAN, or the wire's");
	__be16 tpid NOTE("Ethernet type of the tag taken off, 0 for none");
	__be16 tci NOTE("the tag taken off");
	struct tag_note
		outer[OUTER_TAGS] NOTE("priority tags in front of that one, outermost first");
	__u8 outer_tags NOTE("how many of them");
	__u8 is_free NOTE("an ICMP error that is not limited");
	__u8 is_quoted NOTE("persist.bpf.c: the packet is the one that an ICMP error quotes");
	__u8 pad2;
	__u8 has_options NOTE("IPv4: its options have been processed");
	__u8 recorded_at NOTE("bytes into the packet where this host wrote its address, 0 nowhere");
	__u8 stamped_at NOTE("the same of an address beside a timestamp");
	__u8 pad;
	__u32 check_delta NOTE("what the header's sum lost by processing");
	__u32 control NOTE("index of the template that has the dest, plus 1; 0: not asked yet");
	__u64 ended NOTE("word of a connection that this packet ended and counts still have");
};
_Static_assert(sizeof(struct handover) == 80, "no hidden padding");

/* Numbers of the tail-called walks. One a family: IPv4's number + FAMILY_IPV6 is IPv6's. */
enum walk {
	WALK_NEW,
	WALK_REPLY = 2,
	WALK_CHECKSUM = 4,
	WALK_ERROR = 6,
	WALK_ICMP = 8,
	/* Any packet, told by the handover where it came from; IPv6 with extension headers too. */
	WALK_FULL = 10,
	/* An IPv6 packet, from parse on. */
	WALK_IPV6 = 12,
	/* A frame with a tag, of either family. */
	WALK_TAGGED = 13,
	/* A packet that ends within its transport header. */
	WALK_SHORT = 14,
	/* An IPv4 packet that came by an interface with INTERFACE_STRICT. */
	WALK_STRICT = 16,
	/* An IPv4 packet with options, which are yet to be processed. */
	WALK_OPTIONS = 17,
	/* A request whose connection may have to go first: a SYN, or its dest is gone. */
	WALK_RENEW = 18,
	/* AH and ESP. */
	WALK_IPSEC = 20,
	/* An ICMP error about no connection, which makes one. */
	WALK_ICMP_NEW = 22,
	/* An ICMP error that quotes IPv4 in IPv4. */
	WALK_ICMP_TUN = 24,
	/* A packet without a connection, while nat_icmp_send is on. */
	WALK_STRAY = 25,
	/* A datagram to a one-packet service, scheduled. */
	WALK_ONCE = 27,
	/* A request to a dest by NAT that is this host. */
	WALK_HERE = 29,
	/* A packet without a connection, to a persistent service: its template. */
	WALK_PERSIST = 31,
	/* The same, and the template has its dest. */
	WALK_FOLLOW = 33,
	/* A client's segment to a dest that was removed, to be answered by a reset. */
	WALK_RESET = 35,
	/* A packet of a mark's service that goes where it was going: cache_bypass. */
	WALK_BYPASS = 37,
	/* A packet without a connection, to a service of the sip engine: its call's template. */
	WALK_CALL = 39,
	/* A datagram of a nat dest of that engine, which begins a connection: its template. */
	WALK_TELL = 41,
	/* The same, and the connection. */
	WALK_TOLD = 43,
	WALKS = 45,
};

/* Who has got ICMP errors of ours. */
struct icmp_peer_key {
	ADDRESS(addr);
};

struct icmp_peer {
	__u32 tokens NOTE("jiffies that it has rested and not used");
	__u32 last NOTE("jiffy of the last error, sent or not");
};

/* Errors of ours that may be sent to anybody. */
struct icmp_credit {
	__s32 credit;
	__u32 filled NOTE("jiffy at which some were added");
};

/* Numbers of the tc programs that are called by tail, in the same manner. */
enum here_walk {
	HERE_EGRESS,
	HERE_LOOPBACK = 2,
	HERE_ASK = 4,
	HERE_BEGIN = 6,
	HERE_PERSIST = 8,
	HERE_ONCE = 10,
	HERE_WALKS = 12,
};

/* Metadata in front of a frame that the tc companion sends through the kernel's neighbour. */
struct companion_note {
	__u32 magic NOTE("COMPANION_MAGIC");
	__u32 ifindex NOTE("interface to leave by");
	ADDRESS(nexthop) NOTE("the neighbour's address; all zero: by loopback, to this host");
};
_Static_assert(sizeof(struct companion_note) == 24, "Linux 6.1 takes 32 bytes of metadata");

#endif
