/*
 * What the shipped program is held against: bare TX; the floors, where the connection's slot is
 * known already and only translation and counters are left; and a connection table that is a kernel
 * hash. Copied from the yardstick the design was chosen by. Part of generator.bpf.c.
 */
#define MAP(name, map_type, K, V, n, flags)                                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##map_type);                                             \
		__type(key, K);                                                                    \
		__type(value, V);                                                                  \
		__uint(max_entries, n);                                                            \
		__uint(map_flags, flags);                                                          \
	} name SEC(".maps")

#define TUPLES (1 << 20)

struct tuple {
	__u64 addrs;
	__u32 ports;
	__u8 protocol;
	__u8 pad[3];
};

/* One connection of either family, one cache line. */
struct line {
	__u64 addrs;
	__u32 ports;
	__u32 dest;
	__u32 last;
	__u8 state;
	__u8 pad[43];
};

/* What forwarding to a dest takes, one cache line. */
struct floor_dest {
	__u32 addr;
	__u16 port;
	__u16 pad;
	__u32 macs[3];
	__u32 ip_delta;
	__u32 l4_delta;
	__u32 outer_sum; /* tunnel: of the words of the outer header that do not change */
	__u64 addr6[2];
	__u32 outer_from;
	__u32 outer_to;
	__u64 pad2;
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

MAP(floor_conns, ARRAY, __u32, struct line, TUPLES, BPF_F_MMAPABLE);
/* As many as the slots of the table that it stands for: a cold slot is as far away in both. */
#define SLOTS6 (8 * TUPLES)
MAP(floor_conns6, ARRAY, __u32, struct line, SLOTS6, BPF_F_MMAPABLE);
MAP(floor_dests, ARRAY, __u32, struct floor_dest, DESTS, 0);
/* The same for the way back: virtual address and port, the client's next hop. */
MAP(floor_services, ARRAY, __u32, struct floor_dest, DESTS, 0);
/* The same for IPv6 and for tunnels. */
MAP(floor_dests6, ARRAY, __u32, struct floor_dest, DESTS, 0);
MAP(floor_services6, ARRAY, __u32, struct floor_dest, DESTS, 0);
MAP(floor_tunnels, ARRAY, __u32, struct floor_dest, DESTS, 0);
MAP(floor_counters, PERCPU_ARRAY, __u32, struct counters, DESTS, 0);
MAP(hash_conns, HASH, struct tuple, struct line, TUPLES, 0);

ALWAYS struct frame *parse(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return 0;
	if (get16(&f->eth.h_proto) != bpf_htons(ETH_P_IP) || *(__u8 *)&f->ip != 0x45)
		return 0;
	if (get16(&f->ip.frag_off) & bpf_htons(0x3fff) || f->ip.protocol != IPPROTO_TCP)
		return 0;
	return f;
}

ALWAYS __u16 length_of(const struct frame *f)
{
	return bpf_ntohs(get16(&f->ip.tot_len));
}

ALWAYS struct tuple tuple_of(const struct frame *f)
{
	struct tuple t = {.addrs = get64(&f->ip.saddr),
			  .ports = get32(&f->tcp.source),
			  .protocol = IPPROTO_TCP};

	return t;
}

ALWAYS struct line *conn_known(__u32 salt)
{
	/* Odd factor: neighbours in number are not neighbours in memory, as after a hash. */
	__u32 row = (state.drawn * 244002641u + salt) & (TUPLES - 1);

	return bpf_map_lookup_elem(&floor_conns, &row);
}

ALWAYS struct line *conn6_known(void)
{
	__u32 row = (state.drawn * 244002641u) & (SLOTS6 - 1);

	return bpf_map_lookup_elem(&floor_conns6, &row);
}

ALWAYS struct floor_dest *counted(void *map, const struct line *conn, __u16 bytes)
{
	__u32 id = conn->dest & (DESTS - 1);
	struct floor_dest *dest = bpf_map_lookup_elem(map, &id);
	struct counters *counters = bpf_map_lookup_elem(&floor_counters, &id);

	if (!dest || !counters)
		return 0;
	counters->packets++;
	counters->bytes += bytes;
	return dest;
}

ALWAYS int send(struct ethhdr *eth, const struct floor_dest *dest)
{
	put32(&eth->h_dest[0], dest->macs[0]);
	put32(&eth->h_dest[4], dest->macs[1]);
	put32(&eth->h_source[2], dest->macs[2]);
	return XDP_TX;
}

/* delta: what the header's sum gains besides the TTL's loss of one. */
ALWAYS void ttl_decrement(struct frame *f, __u32 delta)
{
	__u64 sum = (__u16)~get16(&f->ip.check) + delta + bpf_htons(0xfeff);

	f->ip.ttl--;
	put16(&f->ip.check, ~fold(sum));
}

ALWAYS int translate(struct frame *f, const struct floor_dest *dest, void *addr, void *port)
{
	ttl_decrement(f, dest->ip_delta);
	put16(&f->tcp.check, ~fold((__u64)(__u16)~get16(&f->tcp.check) + dest->l4_delta));
	put32(addr, dest->addr);
	put16(port, dest->port);
	return send(&f->eth, dest);
}

SEC("xdp")
int empty(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

SEC("xdp")
int tx(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	__u32 first;
	__u16 rest;

	if (!f)
		return XDP_PASS;
	first = get32(&f->eth.h_dest[0]);
	rest = get16(&f->eth.h_dest[4]);
	put16(&f->eth.h_dest[0], get16(&f->eth.h_source[0]));
	put32(&f->eth.h_dest[2], get32(&f->eth.h_source[2]));
	put32(&f->eth.h_source[0], first);
	put16(&f->eth.h_source[4], rest);
	return XDP_TX;
}

SEC("xdp")
int floor_pass(struct xdp_md *ctx)
{
	return parse(ctx) ? XDP_PASS : XDP_ABORTED;
}

SEC("xdp")
int floor_nat(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0);
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_dests, conn, length_of(f));
	return dest ? translate(f, dest, &f->ip.daddr, &f->tcp.dest) : XDP_DROP;
}

SEC("xdp")
int floor_reply(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0);
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_services, conn, length_of(f));
	return dest ? translate(f, dest, &f->ip.saddr, &f->tcp.source) : XDP_DROP;
}

SEC("xdp")
int floor_dr(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0);
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_dests, conn, length_of(f));
	if (!dest)
		return XDP_DROP;
	ttl_decrement(f, 0);
	return send(&f->eth, dest);
}

/* The outer header, its sum worked out before but for what the inner header says. */
ALWAYS void outer_fill(struct iphdr *ip, const struct floor_dest *dest, const struct iphdr *inner)
{
	__be16 len = bpf_htons(bpf_ntohs(inner->tot_len) + sizeof(*ip)), df = inner->frag_off;
	__u16 ttl = IPPROTO_IPIP << 8 | inner->ttl, tos = inner->tos << 8;

	put32(ip, (__u32)len << 16 | tos | 0x45);
	put32(&ip->id, (__u32)df << 16);
	put32(&ip->ttl,
	      (__u32)(__u16)~fold((__u64)dest->outer_sum + len + df + ttl + tos) << 16 | ttl);
	put32(&ip->saddr, dest->outer_from);
	put32(&ip->daddr, dest->outer_to);
}

SEC("xdp")
int floor_tun(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0);
	struct floor_dest *dest;
	struct ethhdr *eth;
	struct iphdr *ip;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_tunnels, conn, length_of(f));
	if (!dest)
		return XDP_DROP;
	ttl_decrement(f, 0);
	if (bpf_xdp_adjust_head(ctx, -(int)sizeof(*ip)))
		return XDP_DROP;
	eth = (void *)(long)ctx->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 2) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	put16(&eth->h_proto, bpf_htons(ETH_P_IP));
	outer_fill(ip, dest, ip + 1);
	return send(eth, dest);
}

ALWAYS struct frame6 *parse6(struct xdp_md *ctx)
{
	struct frame6 *f = (void *)(long)ctx->data;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return 0;
	if (get16(&f->eth.h_proto) != bpf_htons(ETH_P_IPV6) || *(__u8 *)&f->ip >> 4 != 6)
		return 0;
	return f->ip.nexthdr == IPPROTO_TCP ? f : 0;
}

ALWAYS __u16 length6_of(const struct frame6 *f)
{
	return bpf_ntohs(get16(&f->ip.payload_len)) + sizeof(f->ip);
}

ALWAYS int translate6(struct frame6 *f, const struct floor_dest *dest, void *addr, void *port)
{
	f->ip.hop_limit--;
	put16(&f->tcp.check, ~fold((__u64)(__u16)~get16(&f->tcp.check) + dest->l4_delta));
	put64(addr, dest->addr6[0]);
	put64(addr + 8, dest->addr6[1]);
	put16(port, dest->port);
	return send(&f->eth, dest);
}

SEC("xdp")
int floor_nat6(struct xdp_md *ctx)
{
	struct frame6 *f = parse6(ctx);
	struct line *conn = conn6_known();
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_dests6, conn, length6_of(f));
	return dest ? translate6(f, dest, &f->ip.daddr, &f->tcp.dest) : XDP_DROP;
}

SEC("xdp")
int floor_reply6(struct xdp_md *ctx)
{
	struct frame6 *f = parse6(ctx);
	struct line *conn = conn6_known();
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_services6, conn, length6_of(f));
	return dest ? translate6(f, dest, &f->ip.saddr, &f->tcp.source) : XDP_DROP;
}

SEC("xdp")
int floor_dr6(struct xdp_md *ctx)
{
	struct frame6 *f = parse6(ctx);
	struct line *conn = conn6_known();
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	dest = counted(&floor_dests6, conn, length6_of(f));
	if (!dest)
		return XDP_DROP;
	f->ip.hop_limit--;
	return send(&f->eth, dest);
}

/* A new connection whose slot is known to be free: nothing is looked for, what is learnt is kept.
 */
ALWAYS void remember(struct line *conn, const struct frame *f)
{
	conn->addrs = get64(&f->ip.saddr);
	conn->ports = get32(&f->tcp.source);
	conn->last = bpf_jiffies64() >> 8;
	conn->state = 1;
}

SEC("xdp")
int floor_new_nat(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0), *other = conn_known(TUPLES / 3);
	struct floor_dest *dest;

	if (!f || !conn || !other)
		return XDP_PASS;
	remember(conn, f);
	remember(other, f);
	dest = counted(&floor_dests, conn, length_of(f));
	return dest ? translate(f, dest, &f->ip.daddr, &f->tcp.dest) : XDP_DROP;
}

SEC("xdp")
int floor_new_dr(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct line *conn = conn_known(0);
	struct floor_dest *dest;

	if (!f || !conn)
		return XDP_DROP;
	remember(conn, f);
	dest = counted(&floor_dests, conn, length_of(f));
	if (!dest)
		return XDP_DROP;
	ttl_decrement(f, 0);
	return send(&f->eth, dest);
}

SEC("xdp")
int hash_nat(struct xdp_md *ctx)
{
	struct frame *f = parse(ctx);
	struct floor_dest *dest;
	struct line *conn;
	struct tuple key;
	__u32 now;

	if (!f)
		return XDP_PASS;
	key = tuple_of(f);
	conn = bpf_map_lookup_elem(&hash_conns, &key);
	if (!conn)
		return XDP_DROP;
	now = bpf_jiffies64() >> 8;
	if (conn->last != now)
		conn->last = now;
	if (conn->state != 1 || ((__u8 *)&f->tcp)[13] & 7)
		return XDP_DROP;
	dest = counted(&floor_dests, conn, length_of(f));
	return dest ? translate(f, dest, &f->ip.daddr, &f->tcp.dest) : XDP_DROP;
}

/* Makes the floors' and the hash's connection of the number at hand. */
SEC("xdp")
int fill(struct xdp_md *ctx)
{
	struct line line = {.dest = state.drawn & (DESTS - 1), .state = 1};
	struct line *known = conn_known(0), *known6 = conn6_known();
	struct frame *f = parse(ctx);
	struct tuple key;

	if (!f || !known || !known6)
		return XDP_ABORTED;
	known->dest = line.dest;
	known6->dest = line.dest;
	key = tuple_of(f);
	if (bpf_map_update_elem(&hash_conns, &key, &line, BPF_ANY))
		state.failures++;
	return XDP_TX;
}
