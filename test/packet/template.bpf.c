// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The last step of who has found a template whose dest is gone, in a run of its own, so that the
 * slot may be taken over in between. Shares its maps with a director's program. Read next:
 * template.test.ts.
 */
#include "../../bpf/template.h"

struct step {
	__u64 word; /* of the template, as it was found */
	struct tuple key;
	__u32 index;
};

struct step step SEC(".data.step") = {};

SEC("xdp")
int template_step(struct xdp_md *ctx)
{
	struct tuple key = step.key;
	struct wire wire = wire_of(&key, 0);
	struct conn *slot = slot_at(0, step.index);

	(void)ctx;
	if (slot)
		template_invalidate(0, slot, step.index, step.word, &wire);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
