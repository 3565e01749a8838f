// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* What time the data plane has: the daemon runs this to ask. Part of xlvs.bpf.c. */

SEC("syscall")
int xlvs_clock(__u32 *ticks)
{
	*ticks = now();
	return 0;
}
