// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The tc companions. At ingress: a frame that the XDP program has translated but whose neighbour it
 * does not know carries a note; the kernel resolves the neighbour, queues and sends. At egress and
 * on loopback: what this host itself sends, which XDP never sees. All else goes on. An object of
 * its own, which has its maps from xlvs.bpf.o. Read next: skb.h, here_answer.h, here_ask.h.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/*
 * The stages are those of the XDP program. What they call its context is a socket buffer here,
 * which has the fields they read; nothing here reaches what only XDP can do.
 */
#define xdp_md				__sk_buff
#define bpf_xdp_adjust_head(ctx, bytes) (-1)
#define bpf_xdp_adjust_meta(ctx, bytes) (-1)

#include "here_ask.h"

/* To this host as it sends to itself: with a route already, so that no source is a martian. */
ALWAYS int send_home(struct __sk_buff *skb, __u32 ifindex)
{
	bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_neigh(ifindex, 0, 0, 0);
}

SEC("tc")
int companion(struct __sk_buff *skb)
{
	struct companion_note *note = (void *)(long)skb->data_meta;

	if ((void *)(note + 1) > (void *)(long)skb->data || note->magic != COMPANION_MAGIC)
		return TC_ACT_UNSPEC;
	if (!load64(&note->nexthop[0]) && !load64(&note->nexthop[8]))
		return send_home(skb, note->ifindex);
	return send_neighbour(note->ifindex, note->nexthop);
}

/* No verdict of tc's. */
#define NOT_OURS 256

/* What is not ours goes on, and is not counted. */
ALWAYS int go_on(const struct packet *pkt, int reason)
{
	if (reason == GO_ON)
		return NOT_OURS;
	count_reason(reason);
	return pkt->verdict;
}

ALWAYS struct packet packet_of(struct __sk_buff *skb, __u8 v6)
{
	return (struct packet){
		.ctx = skb, .full = 1, .wire.v6 = v6, .now = now(), .verdict = TC_ACT_UNSPEC};
}

WARM int answers4(struct __sk_buff *skb)
{
	struct packet pkt = packet_of(skb, 0);

	return go_on(&pkt, answer_here(&pkt));
}

WARM int answers6(struct __sk_buff *skb)
{
	struct packet pkt = packet_of(skb, 1);

	return go_on(&pkt, answer_here(&pkt));
}

WARM int asks4(struct __sk_buff *skb)
{
	struct packet pkt = packet_of(skb, 0);

	return go_on(&pkt, ask_here(&pkt));
}

WARM int asks6(struct __sk_buff *skb)
{
	struct packet pkt = packet_of(skb, 1);

	return go_on(&pkt, ask_here(&pkt));
}

/* Whether this host made the packet; what it forwards, or an interface handed to this one, it has
 * not, and XDP has seen that. */
ALWAYS int is_own(const struct __sk_buff *skb)
{
	return !skb->ingress_ifindex;
}

ALWAYS int answers(struct __sk_buff *skb)
{
	skb_pull(skb, HEADERS_SIZE);
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return answers4(skb);
	return skb->protocol == bpf_htons(ETH_P_IPV6) ? answers6(skb) : NOT_OURS;
}

ALWAYS int asks(struct __sk_buff *skb)
{
	if (skb->protocol == bpf_htons(ETH_P_IP))
		return asks4(skb);
	return skb->protocol == bpf_htons(ETH_P_IPV6) ? asks6(skb) : NOT_OURS;
}

/* At an interface's egress. */
SEC("tc")
int egress(struct __sk_buff *skb)
{
	int verdict;

	if (!READ(settings.answers_here) || !is_own(skb))
		return TC_ACT_UNSPEC;
	verdict = answers(skb);
	return verdict == NOT_OURS ? TC_ACT_UNSPEC : verdict;
}

/* At loopback's: an answer to this host itself, else maybe a request. */
SEC("tc")
int loopback(struct __sk_buff *skb)
{
	int verdict;

	if (!READ(settings.asks_here) || !is_own(skb))
		return TC_ACT_UNSPEC;
	verdict = answers(skb);
	if (verdict == NOT_OURS)
		verdict = asks(skb);
	return verdict == NOT_OURS ? TC_ACT_UNSPEC : verdict;
}

char _license[] SEC("license") = "Dual BSD/GPL";
