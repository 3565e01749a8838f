// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of an IPv4 packet that came by an interface with a strict rp_filter: of a living
 * connection too it must come by the interface that leads to its source. Then the full walk. Only
 * such interfaces pay for it. Part of xlvs.bpf.c.
 */

SEC("xdp")
int xlvs_strict(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx, .full = 1};
	int reason = parse_ethernet(&pkt);
	struct iphdr *ip = (void *)(pkt.eth + 1);

	if (reason)
		return leave(&pkt, reason);
	if ((void *)(ip + 1) > pkt.end)
		return leave(&pkt, MALFORMED);
	pkt.wire.addrs[0] = ip->saddr;
	return leave(&pkt, source_check(&pkt) ?: jump(&pkt, WALK_FULL));
}
