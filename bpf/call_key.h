/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Another part of the contract: what a template of the sip engine is found by besides its table.
 * Part of types.h.
 */
#ifndef XLVS_CALL_KEY_H
#define XLVS_CALL_KEY_H

enum call_limit {
	/* The longest Call-ID of a template (IP_VS_PEDATA_MAXLEN). */
	CALL_ID_MAX = 255,
};

struct call {
	ADDRESS(caddr) NOTE("the client's network");
	ADDRESS(vaddr) NOTE("virtual address, or the mark in its place");
	__be16 vport NOTE("virtual port");
	__u8 protocol NOTE("as the template's slot has it");
	__u8 family NOTE("enum family");
	__u8 pad[3];
	__u8 length NOTE("bytes of the Call-ID");
	__u8 id[CALL_ID_MAX + 1] NOTE("the Call-ID, zeros behind it");
};
_Static_assert(sizeof(struct call) == 296, "hash keys have no hidden padding");

/* A template's slot, whichever family's. */
struct call_place {
	__u32 index NOTE("of the slot in its table");
	__u32 family NOTE("enum family");
};

/* How far a packet's message was read. */
struct message {
	__u32 begin NOTE("bytes into the frame where the datagram's content begins");
	__u32 end NOTE("and ends");
	__u32 at NOTE("and is read next");
	__u32 retried NOTE("bytes of content that are behind headers without a value");
	__u32 value NOTE("bytes into the content where the value begins");
	__u32 taken NOTE("bytes of it");
	__u32 host NOTE("bytes of it in front of its second word");
	__u16 step NOTE("enum msg_step");
	__u16 is_folded NOTE("white space goes on in another line");
};
_Static_assert(sizeof(struct message) == 32, "array rows are multiples of eight");

#endif
