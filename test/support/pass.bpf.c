// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The lab's other ends: a program that lets everything pass. veth delivers what XDP sent back out
 * of an interface only where the other end has a program too (drivers/net/veth.c veth_xdp_flush).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(__attribute__((unused)) struct xdp_md *ctx)
{
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
