// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The walk of a frame with an 802.1Q or 802.1ad tag: the tag is taken off and remembered, and the
 * packet goes on as one that came by the VLAN's interface. VLAN 0 is no VLAN, only a priority, and
 * there may be tags behind it, of which one names one. Part of xlvs.bpf.c.
 * Source: IEEE 802.1Q; net/8021q/vlan_core.c vlan_do_receive (v6.1).
 */

#define VID_MASK bpf_htons(0x0fff)

/* As tags lie in a frame, behind the MAC addresses. */
struct tag {
	__be16 tpid;
	__be16 tci;
	__be16 type; /* of what follows */
};

ALWAYS int is_tag(__be16 type)
{
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

/* Takes the first tag off. Returns GO_ON, INTERNAL. */
ALWAYS int tag_pop(struct xdp_md *ctx)
{
	void *at = (void *)(long)ctx->data;
	__u32 macs[3];

	if (at + sizeof(struct ethhdr) + TAG_SIZE > (void *)(long)ctx->data_end)
		return INTERNAL;
	for (int i = 0; i < 3; i++)
		macs[i] = load32(at + 4 * i);
	for (int i = 0; i < 3; i++)
		store32(at + TAG_SIZE + 4 * i, macs[i]);
	return bpf_xdp_adjust_head(ctx, TAG_SIZE) ? INTERNAL : GO_ON;
}

/*
 * Where the tag that counts is: the first, or the one behind priority tags, which are remembered; 0
 * when the frame is cut short.
 */
ALWAYS struct tag *tag_find(struct xdp_md *ctx, struct handover *h)
{
	void *end = (void *)(long)ctx->data_end;
	struct tag *tag = (void *)(long)ctx->data + 2 * ETH_ALEN;

	h->outer_tags = 0;
	if ((void *)(tag + 1) > end)
		return 0;
	for (int i = 0; i < OUTER_TAGS; i++) {
		if (tag->tci & VID_MASK || !is_tag(tag->type))
			break;
		h->outer[i].tpid = tag->tpid;
		h->outer[i].tci = tag->tci;
		h->outer_tags = i + 1;
		tag = (void *)tag + TAG_SIZE;
		if ((void *)(tag + 1) > end)
			return 0;
	}
	return tag;
}

/* Takes what tag_find looked at off, and remembers it. Returns GO_ON, INTERNAL. */
ALWAYS int tags_pop(struct xdp_md *ctx, const struct tag *tag, struct handover *h)
{
	h->tpid = tag->tpid;
	h->tci = tag->tci;
	for (int i = 0; i < OUTER_TAGS; i++)
		if (i < h->outer_tags && tag_pop(ctx))
			return INTERNAL;
	return tag_pop(ctx);
}

ALWAYS int is_strict(__u32 ifindex)
{
	return READ(ROW(interfaces, ifindex)->flags) & INTERFACE_STRICT;
}

SEC("xdp")
int xlvs_tagged(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};
	struct vlan_key key = {.ifindex = ctx->ingress_ifindex};
	__u32 zero = 0, *vlan;
	struct handover *h = bpf_map_lookup_elem(&handovers, &zero);
	struct tag *tag = h ? tag_find(ctx, h) : 0;
	__be16 type;

	if (!h || !tag)
		return leave(&pkt, NOT_IP);
	key.tpid = tag->tpid;
	key.vid = tag->tci & VID_MASK;
	vlan = bpf_map_lookup_elem(&vlans, &key);
	if (!vlan && key.vid)
		return leave(&pkt, OTHER_VLAN);
	h->ifindex = vlan ? *vlan : key.ifindex;
	h->has_options = 0;
	type = tag->type;
	if (type != bpf_htons(ETH_P_IP) && type != bpf_htons(ETH_P_IPV6))
		return leave(&pkt, NOT_IP);
	if (tags_pop(ctx, tag, h))
		return leave(&pkt, INTERNAL);
	if (type == bpf_htons(ETH_P_IPV6))
		return leave(&pkt, jump(&pkt, WALK_FULL + FAMILY_IPV6));
	if (is_strict(h->ifindex))
		return leave(&pkt, jump(&pkt, WALK_STRICT));
	return leave(&pkt, jump(&pkt, WALK_FULL));
}
