// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What time the data plane has, in ticks: the daemon runs this to ask. Part of xlvs.bpf.c. */

SEC("syscall")
int xlvs_clock(void *ctx)
{
	(void)ctx;
	return now();
}
