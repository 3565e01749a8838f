// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a UDP datagram without a checksum that NAT must translate: IPVS computes a whole one.
 * It is computed for the datagram as it came, then changed like any other. Part of xlvs.bpf.c.
 * Source: RFC 768; ip_vs_proto_udp.c udp_dnat_handler (v6.12).
 */

/* Chunks of the sum: bpf_csum_diff takes 512 bytes a call; 18 of them are more than 9000 bytes. */
#define BIG_CHUNK    512
#define BIG_CHUNKS   18
#define SMALL_CHUNK  64
#define SMALL_CHUNKS 8
#define WORD_CHUNK   4
#define WORD_CHUNKS  16

#define SUM_CHUNKS(size, chunks)                                                                   \
	for (int i = 0; i < (chunks); i++) {                                                       \
		if (left < (size) || at + (size) > end)                                            \
			break;                                                                     \
		sum = bpf_csum_diff(0, 0, at, (size), sum);                                        \
		at += (size);                                                                      \
		left -= (size);                                                                    \
	}

/* Folded sum of the last 0 to 3 bytes. */
ALWAYS __u32 tail_sum(void *at, void *end, __u32 left, __u32 sum)
{
	__u64 total = sum;

	if (left >= 2 && at + 2 <= end) {
		total += *(__u16 *)at;
		at += 2;
		left -= 2;
	}
	if (left == 1 && at + 1 <= end)
		total += bpf_htons(*(__u8 *)at << 8);
	return csum_fold(total);
}

/* Folded sum of what follows the IPv4 header, `left` bytes, the checksum field being zero. */
WARM __u32 l4_sum(struct xdp_md *ctx, __u32 left)
{
	void *at = (void *)(long)ctx->data + sizeof(struct ethhdr) + sizeof(struct iphdr);
	void *end = (void *)(long)ctx->data_end;
	__u32 sum = 0;

	SUM_CHUNKS(BIG_CHUNK, BIG_CHUNKS)
	SUM_CHUNKS(SMALL_CHUNK, SMALL_CHUNKS)
	SUM_CHUNKS(WORD_CHUNK, WORD_CHUNKS)
	return tail_sum(at, end, left, sum);
}

ALWAYS int checksum_fill(struct packet *pkt)
{
	__u64 sum;

	if (pkt->protocol != IPPROTO_UDP)
		return INTERNAL;
	sum = (__u64)l4_sum(pkt->ctx, pkt->len - sizeof(struct iphdr)) + (__u32)pkt->addrs +
	      (pkt->addrs >> 32);
	sum += bpf_htons(IPPROTO_UDP) + bpf_htons(pkt->len - sizeof(struct iphdr));
	*pkt->l4_check = (__u16)~csum_fold(sum) ?: 0xffff;
	return GO_ON;
}

ALWAYS int send_filled(struct packet *pkt)
{
	__u32 id;
	const struct nexthop *hop;

	if (!is_reply(pkt))
		return send_request(pkt);
	id = READ(pkt->conn->nexthop);
	hop = ROW(nexthops, id);
	if (!(READ(hop->flags) & NEXTHOP_VALID))
		return go_to(pkt, WALK_REPLY);
	return send_reply(pkt, hop);
}

SEC("xdp")
int xlvs_checksum(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};

	return leave(&pkt, parse(&pkt) ?: conn_find_warm(&pkt) ?: (pkt.conn ? GO_ON : INTERNAL) ?:
			   dest_find(&pkt) ?: checksum_fill(&pkt) ?: send_filled(&pkt));
}
