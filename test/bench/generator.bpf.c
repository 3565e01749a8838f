/*
 * Stands before each measured program: restores what the last one changed in the frame, draws the
 * connection, and tail-calls. Every row of the bench pays for it alike. Fields are stored in the
 * widths in which they are read, or the reader would wait for the store to reach the cache, which
 * no packet from a wire makes it do. One generator a family, and one for tunnels, which takes off
 * what was put in front. One object with the floors. Read next: floor.h.
 */
#include "bench.h"

struct state state SEC(".data.state") = {};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} measured SEC(".maps");

ALWAYS void take_time(void)
{
	__u32 packets = ++state.packets, window = packets >> WINDOW_BITS;

	if (unlikely(!(packets & ((1u << WINDOW_BITS) - 1))) && window < STAMPS)
		state.stamps[window] = bpf_ktime_get_ns();
}

ALWAYS __u32 draw(void)
{
	/* Knuth's MMIX generator; its high half is the random one. */
	state.seed = state.seed * 6364136223846793005ull + 1442695040888963407ull;
	if (state.sequential)
		return state.next++;
	return state.first + ((__u32)(state.seed >> 32) & state.mask);
}

ALWAYS void restore_macs(struct ethhdr *eth)
{
	put32(&eth->h_dest[0], state.macs[0]);
	put16(&eth->h_dest[4], state.macs[1]);
	put16(&eth->h_source[0], state.macs[1] >> 16);
	put32(&eth->h_source[2], state.macs[2]);
}

ALWAYS int measure(struct xdp_md *ctx)
{
	barrier();
	bpf_tail_call(ctx, &measured, 0);
	return XDP_ABORTED;
}

ALWAYS int make(struct xdp_md *ctx, int is_tunnelled)
{
	struct frame *f = (void *)(long)ctx->data;
	__be32 client, other;
	__u64 addrs;
	__u32 ports, number;
	__u16 check;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	take_time();
	number = draw();
	state.drawn = number;
	client = client_addr(number);
	if (state.reply) {
		other = state.addr + bpf_htonl(number & (DESTS - 1));
		addrs = (__u64)client << 32 | other;
		ports = (__u32)client_port(number) << 16 | (state.port & 0xffff);
	} else {
		other = state.addr;
		addrs = (__u64)other << 32 | client;
		ports = (state.port & 0xffff) << 16 | client_port(number);
	}
	check = ~fold((__u64)state.ip_sum + (client & 0xffff) + (client >> 16) + (other & 0xffff) +
		      (other >> 16));
	restore_macs(&f->eth);
	if (is_tunnelled)
		put16(&f->eth.h_proto, bpf_htons(ETH_P_IP));
	put32(&f->ip.ttl, 64 | IPPROTO_TCP << 8 | (__u32)check << 16);
	put64(&f->ip.saddr, addrs);
	put32(&f->tcp.source, ports);
	put16(&f->tcp.check, state.l4_check);
	return measure(ctx);
}

SEC("xdp")
int generator(struct xdp_md *ctx)
{
	return make(ctx, 0);
}

SEC("xdp")
int generator_tun(struct xdp_md *ctx)
{
	long grown = (long)ctx->data_end - (long)ctx->data - state.length;

	if (grown && bpf_xdp_adjust_head(ctx, grown))
		return XDP_ABORTED;
	return make(ctx, 1);
}

ALWAYS void put_addr6(void *at, __u64 upper, __u64 lower)
{
	put64(at, upper);
	put64(at + 8, lower);
}

SEC("xdp")
int generator6(struct xdp_md *ctx)
{
	struct frame6 *f = (void *)(long)ctx->data;
	__u32 number, port = state.port & 0xffff;

	if ((void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;
	take_time();
	number = draw();
	state.drawn = number;
	restore_macs(&f->eth);
	put32(&f->ip.payload_len, bpf_htons(sizeof(struct tcphdr)) | IPPROTO_TCP << 16 | 64 << 24);
	if (state.reply) {
		/* The last byte is the dest's number. */
		put_addr6(&f->ip.saddr, state.addr6[0],
			  state.addr6[1] + ((__u64)(number & (DESTS - 1)) << 56));
		put_addr6(&f->ip.daddr, CLIENT6_NET, client_addr6(number));
		put32(&f->tcp.source, (__u32)client_port(number) << 16 | port);
	} else {
		put_addr6(&f->ip.saddr, CLIENT6_NET, client_addr6(number));
		put_addr6(&f->ip.daddr, state.addr6[0], state.addr6[1]);
		put32(&f->tcp.source, port << 16 | client_port(number));
	}
	put16(&f->tcp.check, state.l4_check);
	return measure(ctx);
}

#include "floor.h"

char _license[] SEC("license") = "Dual BSD/GPL";
