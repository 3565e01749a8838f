/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stage message_read: the Call-ID of a SIP message, by the kernel's rules, oddities included: a
 * header whose value is no word is skipped, one that is cut off ends the search, and so does all
 * that is odd about a colon. A loop of the helper's, a byte a turn, eight where no line ends. Its
 * state is in a map, as that of a loop is no constant there. Read next: call.h. Source:
 * net/netfilter/ipvs/ip_vs_pe_sip.c get_callid, net/netfilter/nf_conntrack_sip.c ct_sip_get_header,
 * sip_skip_whitespace, callid_len; lib/ctype.c (v6.1).
 */
#ifndef XLVS_MESSAGE_H
#define XLVS_MESSAGE_H

#include "packet.h"

/* Bytes into a frame where content may be: no frame is longer. */
#define MSG_AT_MASK 0x3fff
/* Turns of the longest: no byte is read more than twice. */
#define MSG_TURNS (2 * (MSG_AT_MASK + 1))
/* Letters of "Call-ID"; its short form is "i". */
#define MSG_HEADER_SIZE 7
/* Bytes that are looked at together. */
#define MSG_WORD 8

enum msg_step {
	MSG_LINE,   /* looks for the end of a line */
	MSG_HEADER, /* at the begin of one */
	MSG_COLON,  /* white space in front of the colon */
	MSG_SPACE,  /* and behind it */
	MSG_VALUE,  /* its first word */
	MSG_HOST,   /* its second */
	MSG_FOUND,
	MSG_NONE,
};

struct msg_turn {
	struct xdp_md *ctx;
	struct message *msg;
	struct call *call;
};

/* Some bytes of the frame; 0 beyond its end. */
ALWAYS const __u8 *msg_bytes(const struct msg_turn *turn, __u32 at, __u32 size)
{
	const __u8 *bytes = (void *)(long)turn->ctx->data + (at & MSG_AT_MASK);

	return bytes + size > (__u8 *)(long)turn->ctx->data_end ? 0 : bytes;
}

ALWAYS int msg_is_line_end(__u8 c)
{
	return c == '\r' || c == '\n';
}

ALWAYS int msg_is_blank(__u8 c)
{
	return c == ' ' || c == '\t';
}

/* Letters are Latin-1's. */
ALWAYS int msg_is_letter(__u8 c)
{
	__u8 small = c | 0x20;

	return (small >= 'a' && small <= 'z') || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* What a word is of (RFC 3261 section 25.1), letters as above: a bit each of 64 characters. */
ALWAYS int msg_is_word(__u8 c)
{
	const __u64 signs = 0xd7ffefa600000000, latin = 0x6fffffffbffffffe,
		    more = 0xff7fffffff7fffff;
	__u64 bits = c < 64 ? signs : c < 128 ? latin : c < 192 ? 0 : more;

	return bits >> (c & 63) & 1;
}

ALWAYS int msg_has_zero(__u64 word)
{
	return ((word - 0x0101010101010101) & ~word & 0x8080808080808080) != 0;
}

/* Whether eight bytes are no end of a line, any of them. */
ALWAYS int msg_is_plain(__u64 word)
{
	return !msg_has_zero(word ^ 0x0d0d0d0d0d0d0d0d) && !msg_has_zero(word ^ 0x0a0a0a0a0a0a0a0a);
}

/* "Call-ID", however it is spelt. */
ALWAYS int msg_is_header(const __u8 *at)
{
	return (at[0] | 0x20) == 'c' && (at[1] | 0x20) == 'a' && (at[2] | 0x20) == 'l' &&
	       (at[3] | 0x20) == 'l' && at[4] == '-' && (at[5] | 0x20) == 'i' &&
	       (at[6] | 0x20) == 'd';
}

ALWAYS long msg_go(struct message *msg, __u32 at, __u8 step)
{
	msg->at = at;
	msg->step = step;
	return step >= MSG_FOUND;
}

ALWAYS long msg_end(struct message *msg)
{
	return msg_go(msg, msg->at, MSG_NONE);
}

/* Past the end of a line, CR LF being one; the end of the content ends the search. */
ALWAYS long msg_go_past(const struct msg_turn *turn, __u8 c, __u8 step)
{
	struct message *msg = turn->msg;
	__u32 at = msg->at + 1;
	const __u8 *next = msg_bytes(turn, at, 1);

	if (at >= msg->end || !next)
		return msg_end(msg);
	if (c == '\r' && *next == '\n')
		at++;
	return at < msg->end ? msg_go(msg, at, step) : msg_end(msg);
}

ALWAYS long msg_line(const struct msg_turn *turn, __u8 c)
{
	struct message *msg = turn->msg;
	const __u8 *word = msg_bytes(turn, msg->at, MSG_WORD);

	if (word && msg->at + MSG_WORD <= msg->end && msg_is_plain(load64(word)))
		return msg_go(msg, msg->at + MSG_WORD, MSG_LINE);
	if (!msg_is_line_end(c))
		return msg_go(msg, msg->at + 1, MSG_LINE);
	return msg_go_past(turn, c, MSG_HEADER);
}

/* A line that goes on from the one before has no header; none is tried again from its second byte.
 */
ALWAYS long msg_header(const struct msg_turn *turn, __u8 c)
{
	struct message *msg = turn->msg;
	const __u8 *name = msg_bytes(turn, msg->at, MSG_HEADER_SIZE), *next;

	msg->is_folded = 0;
	if (msg_is_blank(c))
		return msg_go(msg, msg->at + 1, MSG_LINE);
	if (name && msg->at + MSG_HEADER_SIZE <= msg->end && msg_is_header(name))
		return msg_go(msg, msg->at + MSG_HEADER_SIZE, MSG_COLON);
	next = msg_bytes(turn, msg->at + 1, 1);
	if (next && msg->at + 2 <= msg->end && (c | 0x20) == 'i' && !msg_is_letter(*next))
		return msg_go(msg, msg->at + 1, MSG_COLON);
	return msg_go(msg, msg->at + 1, MSG_LINE);
}

/* White space may go on in the next line, once, which then begins with some. */
ALWAYS long msg_fold(const struct msg_turn *turn, __u8 c)
{
	struct message *msg = turn->msg;
	const __u8 *next;

	msg->is_folded = 1;
	if (msg_go_past(turn, c, msg->step))
		return 1;
	next = msg_bytes(turn, msg->at, 1);
	return next && msg_is_blank(*next) ? 0 : msg_end(msg);
}

/* The value begins where this ends. */
ALWAYS long msg_space(const struct msg_turn *turn, __u8 c)
{
	struct message *msg = turn->msg;

	if (msg_is_blank(c))
		return msg_go(msg, msg->at + 1, msg->step);
	if (msg_is_line_end(c) && !msg->is_folded)
		return msg_fold(turn, c);
	msg->is_folded = 0;
	if (msg->step == MSG_COLON)
		return c == ':' ? msg_go(msg, msg->at + 1, MSG_SPACE) : msg_end(msg);
	msg->value = msg->at - msg->begin;
	msg->taken = 0;
	return msg_go(msg, msg->at, MSG_VALUE);
}

ALWAYS long msg_take(const struct msg_turn *turn, __u8 c, __u8 step)
{
	struct message *msg = turn->msg;

	if (msg->taken < CALL_ID_MAX)
		turn->call->id[msg->taken & CALL_ID_MAX] = c;
	msg->taken++;
	return msg_go(msg, msg->at + 1, step);
}

/*
 * Not a value: the search goes on behind it, where the kernel takes "behind" of the second one on
 * from where the first was. What was taken of it is forgotten.
 */
ALWAYS long msg_retry(const struct msg_turn *turn)
{
	struct message *msg = turn->msg;

	__builtin_memset(turn->call, 0, sizeof(*turn->call));
	msg->retried += msg->value;
	return msg_go(msg, msg->begin + msg->retried, MSG_LINE);
}

ALWAYS long msg_value(const struct msg_turn *turn, __u8 c)
{
	struct message *msg = turn->msg;

	if (msg_is_word(c))
		return msg_take(turn, c, msg->step);
	if (msg->taken == (msg->step == MSG_HOST ? msg->host : 0))
		return msg_retry(turn);
	if (msg->step == MSG_VALUE && c == '@') {
		msg->host = msg->taken + 1;
		return msg_take(turn, c, MSG_HOST);
	}
	if (msg->taken > CALL_ID_MAX || !msg_is_line_end(c))
		return msg_end(msg);
	return msg_go(msg, msg->at, MSG_FOUND);
}

static long msg_turn(__u32 index, void *data)
{
	const struct msg_turn *turn = data;
	struct message *msg = turn->msg;
	const __u8 *byte = msg_bytes(turn, msg->at, 1);

	(void)index;
	if (msg->at >= msg->end || !byte)
		return msg_end(msg);
	switch (msg->step) {
	case MSG_LINE:
		return msg_line(turn, *byte);
	case MSG_HEADER:
		return msg_header(turn, *byte);
	case MSG_COLON:
	case MSG_SPACE:
		return msg_space(turn, *byte);
	default:
		return msg_value(turn, *byte);
	}
}

/* Reads the Call-ID of this CPU's frame into call_notes: whether there is one. */
WARM int message_read(struct xdp_md *ctx, __u32 begin, __u32 end)
{
	struct msg_turn turn = {.ctx = ctx};
	__u32 zero = 0;

	turn.msg = bpf_map_lookup_elem(&messages, &zero);
	turn.call = bpf_map_lookup_elem(&call_notes, &zero);
	if (!turn.msg || !turn.call)
		return 0;
	__builtin_memset(turn.msg, 0, sizeof(*turn.msg));
	__builtin_memset(turn.call, 0, sizeof(*turn.call));
	turn.msg->begin = begin;
	turn.msg->end = end;
	turn.msg->at = begin;
	bpf_loop(MSG_TURNS, msg_turn, &turn, 0);
	turn.call->length = turn.msg->taken;
	return turn.msg->step == MSG_FOUND;
}

#endif
