// Programs and maps for the addon's tests: one of each kind the binding touches, nothing more.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 answer = 2; // XDP_PASS, until a test sets another.
volatile __u64 packets SEC(".data.settings") = 7;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 8);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 4);
	__uint(map_flags, BPF_F_MMAPABLE);
} words SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 1);
} percpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 2);
} tails SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

// Counts the frame, writes its first byte, and returns what it was told to.
SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u64 *word = bpf_map_lookup_elem(&words, &zero);
	__u32 *mine = bpf_map_lookup_elem(&percpu, &zero);

	if (word)
		__sync_fetch_and_add(word, 1);
	if (mine)
		*mine += 1;
	packets++;
	if (data + 14 > end)
		return XDP_ABORTED;
	data[0] = 0xab;
	return answer;
}

// Four bytes more at the tail.
SEC("xdp")
int grow(struct xdp_md *ctx)
{
	return bpf_xdp_adjust_tail(ctx, 4) ? XDP_ABORTED : XDP_PASS;
}

// Leaves for whatever program is in slot 1.
SEC("xdp")
int leave(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &tails, 1);
	return XDP_ABORTED;
}

// One record per frame: its length. XDP_ABORTED when the ring has no room.
SEC("xdp")
int tell(struct xdp_md *ctx)
{
	__u32 *record = bpf_ringbuf_reserve(&events, sizeof(*record), 0);

	if (!record)
		return XDP_ABORTED;
	*record = ctx->data_end - ctx->data;
	bpf_ringbuf_submit(record, 0);
	return XDP_PASS;
}

SEC("tc")
int tag(struct __sk_buff *skb)
{
	skb->mark = 77;
	return TC_ACT_OK;
}
