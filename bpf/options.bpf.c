// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an IPv4 packet with options. The host processes them before IPVS and as it forwards:
 * record route and timestamp are filled in, what follows the end of the list is cleared. Packets of
 * services and connections get the same here and go on in the full walk, which finds the header's
 * length in it. What the host answers or refuses (malformed, source routes) and what is not ours is
 * passed as it came. Part of xlvs.bpf.c.
 * Source: RFC 791 section 3.1; net/ipv4/ip_options.c __ip_options_compile, ip_forward_options
 * (v6.1).
 */

#define OPTIONS_MAX 40

enum option {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_RECORD_ROUTE = 7,
	OPTION_TIMESTAMP = 68,
	OPTION_LOOSE_ROUTE = 131,
	OPTION_CIPSO = 134,
	OPTION_STRICT_ROUTE = 137,
	OPTION_ROUTER_ALERT = 148,
};

/* What a timestamp option asks for: its low four bits (RFC 791). */
enum stamp {
	STAMP_ONLY = 0,
	STAMP_AND_ADDRESS = 1,
	STAMP_PRESPECIFIED = 3,
};

/* As the list is gone through: bytes into the packet, 0 for none. */
struct options {
	struct xdp_md *ctx;
	__u32 at;
	__u32 end; /* where the transport header begins */
	__u32 record;
	__u32 stamp;
	__u32 wrong; /* malformed, or the host's */
};

/* Some bytes of the packet; 0 beyond the frame. */
ALWAYS __u8 *option_at(struct xdp_md *ctx, __u32 at, __u32 size)
{
	void *bytes = (void *)(long)ctx->data + sizeof(struct ethhdr) + (at & OPTION_AT_MASK);

	return bytes + size > (void *)(long)ctx->data_end ? 0 : bytes;
}

/* Whether there is room for `size` bytes at an option's pointer, or it is full. */
ALWAYS int option_fits(const __u8 *option, __u32 size)
{
	return option[2] > option[1] || option[2] + size - 1 <= option[1];
}

ALWAYS int record_is_right(const __u8 *option)
{
	return option[1] >= 3 && option[2] >= 4 && option_fits(option, 4);
}

ALWAYS int stamp_is_right(const __u8 *option)
{
	__u8 flag = option[3] & 15;

	if (option[1] < 4 || option[2] < 5 || !option_fits(option, 4))
		return 0;
	if (option[2] > option[1])
		return flag == STAMP_PRESPECIFIED || option[3] >> 4 != 15;
	return (flag != STAMP_AND_ADDRESS && flag != STAMP_PRESPECIFIED) || option_fits(option, 8);
}

/* Whether an option may stay: well formed, and not the host's to act on. */
ALWAYS int option_is_right(struct options *options, const __u8 *option)
{
	switch (option[0]) {
	case OPTION_RECORD_ROUTE:
		if (options->record || !record_is_right(option))
			return 0;
		options->record = options->at;
		return 1;
	case OPTION_TIMESTAMP:
		if (options->stamp || !stamp_is_right(option))
			return 0;
		options->stamp = options->at;
		return 1;
	case OPTION_ROUTER_ALERT:
		return option[1] >= 4;
	case OPTION_LOOSE_ROUTE:
	case OPTION_STRICT_ROUTE:
	case OPTION_CIPSO:
		return 0;
	}
	return 1;
}

/* One option; nonzero at the end of the list. */
static long option_turn(__u32 index, void *data)
{
	struct options *options = data;
	__u32 left = options->end - options->at;
	const __u8 *option = option_at(options->ctx, options->at, 4);

	(void)index;
	if (options->at >= options->end || !option || option[0] == OPTION_END)
		return 1;
	if (option[0] == OPTION_NOP) {
		options->at++;
		return 0;
	}
	options->wrong =
		left < 2 || option[1] < 2 || option[1] > left || !option_is_right(options, option);
	options->at += option[1];
	return options->wrong;
}

/* What follows the end of the list is cleared. */
static long option_clear(__u32 index, void *data)
{
	struct options *options = data;
	__u8 *option = option_at(options->ctx, options->at, 1);

	(void)index;
	if (options->at >= options->end || !option)
		return 1;
	*option = OPTION_END;
	options->at++;
	return 0;
}

/* Milliseconds since midnight, UTC. */
ALWAYS __be32 time_of_day(void)
{
	__u64 now_ms = config.manual_clock ? 0 : bpf_ktime_get_ns() / 1000000;

	return bpf_htonl((now_ms + READ(settings.day_ms)) % 86400000);
}

ALWAYS void option_write(struct xdp_md *ctx, __u32 at, __be32 value)
{
	__u8 *bytes = option_at(ctx, at, 4);

	if (bytes)
		__builtin_memcpy(bytes, &value, sizeof(value));
}

/* Writes this host's address into the next slot. */
ALWAYS void record_fill(struct xdp_md *ctx, __u32 at, __be32 own, struct handover *h)
{
	__u8 *option = option_at(ctx, at, 4);

	if (!option || option[2] > option[1])
		return;
	h->recorded_at = at + option[2] - 1;
	option[2] += 4;
	option_write(ctx, h->recorded_at, own);
}

/* Whether an address that was asked for by name is this host, or no host at all. */
ALWAYS int stamp_is_asked(struct xdp_md *ctx, __u32 at)
{
	__u8 *bytes = option_at(ctx, at, 4);
	const struct route *route = bytes ? route_find(address4(load32(bytes))) : 0;

	return route && route->kind != ROUTE_UNICAST;
}

/* Writes time, and this host's address before it, when they are asked for. */
ALWAYS void stamp_fill(struct xdp_md *ctx, __u32 at, __be32 own, struct handover *h)
{
	__u8 *option = option_at(ctx, at, 4);
	__u32 next;

	if (!option)
		return;
	next = at + option[2] - 1;
	if (option[2] > option[1]) {
		if ((option[3] & 15) != STAMP_PRESPECIFIED)
			option[3] += 1 << 4;
		return;
	}
	switch (option[3] & 15) {
	case STAMP_ONLY:
		option[2] += 4;
		option_write(ctx, next, time_of_day());
		return;
	case STAMP_AND_ADDRESS:
		h->stamped_at = next;
		option[2] += 8;
		option_write(ctx, next, own);
		option_write(ctx, next + 4, time_of_day());
		return;
	case STAMP_PRESPECIFIED:
		if (!stamp_is_asked(ctx, next))
			return;
		option[2] += 8;
		option_write(ctx, next + 4, time_of_day());
	}
}

/*
 * Processes the options from `at` to `end` in the packet: 0 when they are not ours to process, and
 * then it is as it was. `own` is what this host calls itself in them. A constant instead of `at`
 * would have the verifier (6.18) go through the list byte by byte, each in a state of its own.
 */
WARM int options_process(struct xdp_md *ctx, __u32 at, __u32 end, __be32 own)
{
	struct options options = {.ctx = ctx, .at = at, .end = end};
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);

	bpf_loop(OPTIONS_MAX, option_turn, &options, 0);
	if (!h || options.wrong)
		return 0;
	h->has_options = 1;
	h->recorded_at = 0;
	h->stamped_at = 0;
	if (options.record)
		record_fill(ctx, options.record, own, h);
	if (options.stamp)
		stamp_fill(ctx, options.stamp, own, h);
	bpf_loop(OPTIONS_MAX, option_clear, &options, 0);
	return 1;
}

/* Fills ip, len, l4_at, wire, l4. Returns MALFORMED, BAD_CHECKSUM, FRAGMENT, HAS_OPTIONS,
 * TRUNCATED. */
ALWAYS int options_parse(struct packet *pkt)
{
	struct iphdr *ip = (void *)(pkt->eth + 1);

	if ((void *)(ip + 1) > pkt->end)
		return MALFORMED;
	pkt->ip = ip;
	pkt->l4_at = (*(__u8 *)ip & 15) * 4;
	pkt->len = bpf_ntohs(ip->tot_len);
	if (pkt->len < pkt->l4_at || pkt->len > (__u32)(pkt->end - (void *)ip))
		return MALFORMED;
	if (frame_sum(pkt->ctx, sizeof(struct ethhdr), pkt->l4_at) != 0xffff)
		return BAD_CHECKSUM;
	if (ip->frag_off & IP_FRAGMENT_BITS)
		return FRAGMENT;
	pkt->wire.protocol = ip->protocol;
	pkt->wire.addrs[0] = load64(&ip->saddr);
	return parse_ports(pkt);
}

/* Whether a packet without a connection would make one. */
ALWAYS int options_schedule(struct packet *pkt)
{
	struct tcphdr *tcp = pkt->l4;

	if (pkt->wire.protocol == IPPROTO_TCP) {
		if ((void *)(tcp + 1) > pkt->end || pkt->len < pkt->l4_at + sizeof(*tcp))
			return TRUNCATED;
		pkt->tcp_flags = ((__u8 *)tcp)[13];
		if (!may_start(pkt))
			return NO_CONNECTION;
	}
	mark_fill(pkt);
	return service_find(pkt) ?: (__u16)pkt->wire.ports == FTP_DATA_PORT ? FTP_DATA : GO_ON;
}

/* The header's checksum for what is in it now; the change is remembered, for who quotes it. */
ALWAYS int options_finish(struct packet *pkt)
{
	struct iphdr *ip = (void *)(long)pkt->ctx->data + sizeof(struct ethhdr);
	__u32 zero = 0;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	__u16 was;

	if (!h || (void *)(ip + 1) > (void *)(long)pkt->ctx->data_end)
		return INTERNAL;
	was = ip->check;
	ip->check = 0;
	ip->check = ~csum_fold(frame_sum(pkt->ctx, sizeof(struct ethhdr), pkt->l4_at));
	h->check_delta = csum_fold((__u32)(__u16)~was + ip->check);
	return GO_ON;
}

ALWAYS __be32 own_ipv4(const struct packet *pkt)
{
	struct address own = own_address(pkt);

	return address_ipv4(&own);
}

SEC("xdp")
int xlvs_options(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx, .full = 1, .now = now()};
	int reason = parse_ethernet(&pkt) ?: options_parse(&pkt) ?: conn_find_warm(&pkt);
	__be32 own;

	reason = reason ?: (pkt.conn ? GO_ON : options_schedule(&pkt)) ?: source_check(&pkt);
	if (reason)
		return leave(&pkt, reason);
	own = pkt.conn && is_reply(&pkt) ? own_ipv4(&pkt) : pkt.wire.addrs[0] >> 32;
	if (!options_process(ctx, sizeof(struct iphdr), pkt.l4_at, own))
		return leave(&pkt, HAS_OPTIONS);
	return leave(&pkt, options_finish(&pkt) ?: jump(&pkt, WALK_FULL));
}
