/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Connection thresholds: a dest that has reached its upper one is overloaded until it falls below
 * its lower one. Looked at when a connection is bound or released; the daemon does the same where
 * it releases one, or edits thresholds (control/dataplane/threshold.ts).
 * Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_bind_dest, ip_vs_unbind_dest (v6.1).
 */
#ifndef XLVS_THRESHOLD_H
#define XLVS_THRESHOLD_H

#include "packet.h"

/*
 * After its counts have changed. A CPU that is late with what it has seen would leave the flag as
 * no event would mend it, so what it says is looked at once more when it was changed.
 */
WARM int threshold_look(__u32 dest)
{
	struct dest_conns *conns = bpf_map_lookup_elem(&dest_conns, &dest);

	if (!conns)
		return 0;
	for (int look = 0; look < 2; look++) {
		__u32 upper = READ(conns->upper);
		__u32 all = READ(conns->active) + READ(conns->inactive);

		if (upper && all >= upper)
			WRITE(conns->overloaded, 1);
		else if (!upper || all < READ(conns->lower))
			WRITE(conns->overloaded, 0);
		barrier();
	}
	return 0;
}

/* Nearly all dests have none, which costs a load. */
ALWAYS void threshold(const struct dest_conns *conns, __u32 dest)
{
	if (unlikely(READ(conns->upper)))
		threshold_look(dest);
}

#endif
