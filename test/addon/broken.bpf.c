// A program the verifier refuses: it writes to the frame without looking how long it is.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("xdp")
int careless(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	data[0] = 1;
	return XDP_PASS;
}
