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

/* One connection, one cache line. */
struct line {
	__u64 addrs;
	__u32 ports;
	__u32 dest;
	__u32 last;
	__u8 state;
	__u8 pad[43];
};

struct floor_dest {
	__u32 addr;
	__u16 port;
	__u16 pad;
	__u32 macs[3];
	__u32 ip_delta;
	__u32 l4_delta;
	__u8 pad2[36];
};

struct counters {
	__u64 packets;
	__u64 bytes;
};

MAP(floor_conns, ARRAY, __u32, struct line, TUPLES, BPF_F_MMAPABLE);
MAP(floor_dests, ARRAY, __u32, struct floor_dest, DESTS, 0);
/* The same for the way back: virtual address and port, the client's next hop. */
MAP(floor_services, ARRAY, __u32, struct floor_dest, DESTS, 0);
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

ALWAYS struct floor_dest *counted(void *map, const struct line *conn, const struct frame *f)
{
	__u32 id = conn->dest & (DESTS - 1);
	struct floor_dest *dest = bpf_map_lookup_elem(map, &id);
	struct counters *counters = bpf_map_lookup_elem(&floor_counters, &id);

	if (!dest || !counters)
		return 0;
	counters->packets++;
	counters->bytes += bpf_ntohs(get16(&f->ip.tot_len));
	return dest;
}

ALWAYS int send(struct frame *f, const struct floor_dest *dest)
{
	put32(&f->eth.h_dest[0], dest->macs[0]);
	put32(&f->eth.h_dest[4], dest->macs[1]);
	put32(&f->eth.h_source[2], dest->macs[2]);
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
	return send(f, dest);
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
	dest = counted(&floor_dests, conn, f);
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
	dest = counted(&floor_services, conn, f);
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
	dest = counted(&floor_dests, conn, f);
	if (!dest)
		return XDP_DROP;
	ttl_decrement(f, 0);
	return send(f, dest);
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
	dest = counted(&floor_dests, conn, f);
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
	dest = counted(&floor_dests, conn, f);
	if (!dest)
		return XDP_DROP;
	ttl_decrement(f, 0);
	return send(f, dest);
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
	dest = counted(&floor_dests, conn, f);
	return dest ? translate(f, dest, &f->ip.daddr, &f->tcp.dest) : XDP_DROP;
}

/* Makes the floor's and the hash's connection of the number at hand. */
SEC("xdp")
int fill(struct xdp_md *ctx)
{
	struct line line = {.dest = state.drawn & (DESTS - 1), .state = 1};
	struct line *known = conn_known(0);
	struct frame *f = parse(ctx);
	struct tuple key;

	if (!f || !known)
		return XDP_ABORTED;
	known->dest = line.dest;
	key = tuple_of(f);
	if (bpf_map_update_elem(&hash_conns, &key, &line, BPF_ANY))
		state.failures++;
	return XDP_TX;
}
