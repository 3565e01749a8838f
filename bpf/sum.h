/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The sum of a whole transport packet, where a checksum is computed instead of changed: for the
 * warm walks only. Source: RFC 1071; RFC 8200 section 8.1.
 */
#ifndef XLVS_SUM_H
#define XLVS_SUM_H

#include "csum.h"

/* What a turn adds: bpf_csum_diff takes at most 512 bytes, and multiples of four. */
#define BIG_CHUNK   512
#define SMALL_CHUNK 64
#define WORD_CHUNK  4
/* More than 9000 bytes take: big ones, then small ones, then words. */
#define SUM_TURNS (18 + 8 + 16)
/* Bytes into a frame where a sum may be: no frame is longer. */
#define SUM_AT_MASK 0x3fff

struct sum_turn {
	struct xdp_md *ctx;
	__u32 at;
	__u32 left;
	__u32 sum;
};

/* Adds one chunk of a constant size, when there is so much left: whether it did. */
ALWAYS int sum_chunk(struct sum_turn *turn, __u32 size)
{
	void *at = (void *)(long)turn->ctx->data + (turn->at & SUM_AT_MASK);

	if (turn->left < size || at + size > (void *)(long)turn->ctx->data_end)
		return 0;
	turn->sum = bpf_csum_diff(0, 0, at, size, turn->sum);
	turn->at += size;
	turn->left -= size;
	return 1;
}

/* Nonzero when there is no more than a few bytes left. */
static long sum_turn(__u32 index, void *data)
{
	struct sum_turn *turn = data;

	(void)index;
	return !(sum_chunk(turn, BIG_CHUNK) || sum_chunk(turn, SMALL_CHUNK) ||
		 sum_chunk(turn, WORD_CHUNK));
}

/* Folded sum of the last 0 to 3 bytes. */
ALWAYS __u32 sum_tail(const struct sum_turn *turn)
{
	void *at = (void *)(long)turn->ctx->data + (turn->at & SUM_AT_MASK);
	void *end = (void *)(long)turn->ctx->data_end;
	__u64 total = turn->sum;
	__u32 left = turn->left;

	if (left >= 2 && at + 2 <= end) {
		total += *(__u16 *)at;
		at += 2;
		left -= 2;
	}
	if (left == 1 && at + 1 <= end)
		total += bpf_htons(*(__u8 *)at << 8);
	return csum_fold(total);
}

/*
 * Folded sum of `left` bytes of the frame, the first of them `from` bytes into it. A loop of the
 * helper's: unrolled by the verifier it took 290 000 instructions in each program.
 */
WARM __u32 frame_sum(struct xdp_md *ctx, __u32 from, __u32 left)
{
	struct sum_turn turn = {.ctx = ctx, .at = from, .left = left};

	bpf_loop(SUM_TURNS, sum_turn, &turn, 0);
	return sum_tail(&turn);
}

/* Sum of the pseudo header: addresses, length and protocol. */
ALWAYS __u64 pseudo_sum(const struct address *from, const struct address *to, __u8 v6, __u32 len,
			__u8 protocol)
{
	__u64 sum = (__u64)bpf_htons(protocol) + bpf_htons(len);

	sum += (from->half[1] >> 32) + (to->half[1] >> 32);
	if (v6)
		sum += (from->half[0] >> 32) + (__u32)from->half[0] + (__u32)from->half[1] +
		       (to->half[0] >> 32) + (__u32)to->half[0] + (__u32)to->half[1];
	return sum;
}

#endif
