// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The two steps of a connection behind the table that finds room for its request only: a claim and
 * giving it back, one a run, so that the sweep may do its work in between. Shares its maps with a
 * director's program. Read next: stash.test.ts.
 */
#include "../../bpf/conn_insert.h"

struct step {
	struct tuple key;
	__u32 index; /* what was claimed; NONE: to be claimed */
};

struct step step SEC(".data.step") = {};

SEC("xdp")
int stash_step(struct xdp_md *ctx)
{
	struct tuple key = step.key;
	struct wire wire = wire_of(&key, 0);

	(void)ctx;
	if (step.index == NONE)
		step.index = stash_claim(&key, conn_hash(&wire));
	else
		slot_unclaim(&key, step.index);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
