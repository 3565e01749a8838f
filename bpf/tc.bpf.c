// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The tc companions. At ingress: a frame that the XDP program has translated but whose neighbour it
 * does not know carries a note; the kernel resolves the neighbour, queues and sends. At egress and
 * on loopback: what this host itself sends, which XDP never sees. All else goes on. An object of
 * its own, which has its maps from xlvs.bpf.o. Read next: skb.h, here_answer.h, here_begin.h.
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

#include "here_begin.h"

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

/* What is not ours goes on, and is not counted. */
ALWAYS int go_on(const struct packet *pkt, int reason)
{
	if (reason == GO_ON)
		return TC_ACT_UNSPEC;
	count_reason(reason);
	return pkt->verdict;
}

ALWAYS struct packet packet_of(struct __sk_buff *skb, __u8 v6)
{
	return (struct packet){
		.ctx = skb, .full = 1, .wire.v6 = v6, .now = now(), .verdict = TC_ACT_UNSPEC};
}

/* Each walk is a program of its own: with calls among them Linux 6.1 finds the stack too large. */
#define HERE_PROGRAM(name, family, v6)                                                             \
	SEC("tc") int name##family(struct __sk_buff *skb)                                          \
	{                                                                                          \
		struct packet pkt = packet_of(skb, v6);                                            \
                                                                                                   \
		return walk_##name(&pkt);                                                          \
	}

/* An answer at an interface's egress. */
ALWAYS int walk_egress(struct packet *pkt)
{
	return go_on(pkt, answer_here(pkt));
}
HERE_PROGRAM(egress, 4, 0)
HERE_PROGRAM(egress, 6, 1)

/* An answer to this host itself, else maybe a request. */
ALWAYS int walk_loopback(struct packet *pkt)
{
	int reason = answer_here(pkt);

	if (reason == GO_ON)
		here_go(pkt, HERE_ASK);
	return go_on(pkt, reason);
}
HERE_PROGRAM(loopback, 4, 0)
HERE_PROGRAM(loopback, 6, 1)

ALWAYS int walk_ask(struct packet *pkt)
{
	int reason = ask_here(pkt);

	if (reason == GO_ON) {
		here_tell(0, NONE);
		here_go(pkt, HERE_BEGIN);
	}
	counts_settle();
	return go_on(pkt, reason);
}
HERE_PROGRAM(ask, 4, 0)
HERE_PROGRAM(ask, 6, 1)

/* Makes a connection for a request without one, and goes back to where it is found. */
ALWAYS int walk_begin(struct packet *pkt)
{
	int reason = ask_begin(pkt);

	counts_settle();
	if (reason == GO_ON && pkt->conn)
		here_go(pkt, HERE_ASK);
	return go_on(pkt, is_hosts(reason) ? GO_ON : reason);
}
HERE_PROGRAM(begin, 4, 0)
HERE_PROGRAM(begin, 6, 1)

/* Holds the template of a request to a persistent service, and goes back with it. */
ALWAYS int walk_persist(struct packet *pkt)
{
	int reason = ask_persist(pkt);

	if (reason == GO_ON) {
		here_tell(pkt->control, NONE);
		here_go(pkt, HERE_BEGIN);
		control_release(pkt->wire.v6, pkt->control - 1);
	}
	counts_settle();
	return go_on(pkt, is_hosts(reason) ? GO_ON : reason);
}
HERE_PROGRAM(persist, 4, 0)
HERE_PROGRAM(persist, 6, 1)

/* A datagram to a one-packet service, scheduled. */
ALWAYS int walk_once(struct packet *pkt)
{
	return go_on(pkt, ask_once(pkt));
}
HERE_PROGRAM(once, 4, 0)
HERE_PROGRAM(once, 6, 1)

/* Whether this host made the packet; what it forwards, or an interface handed to this one, it has
 * not, and XDP has seen that. */
ALWAYS int is_own(const struct __sk_buff *skb)
{
	return !skb->ingress_ifindex;
}

/* On to the walk of the packet's family, `walk` being IPv4's. */
ALWAYS int enter(struct __sk_buff *skb, const __u32 walk)
{
	skb_pull(skb, HEADERS_SIZE);
	if (skb->protocol == bpf_htons(ETH_P_IP))
		bpf_tail_call_static(skb, &here_walks, walk);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		bpf_tail_call_static(skb, &here_walks, walk + FAMILY_IPV6);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int egress(struct __sk_buff *skb)
{
	if (!READ(settings.answers_here) || !is_own(skb))
		return TC_ACT_UNSPEC;
	return enter(skb, HERE_EGRESS);
}

SEC("tc")
int loopback(struct __sk_buff *skb)
{
	if (!READ(settings.asks_here) || !is_own(skb))
		return TC_ACT_UNSPEC;
	return enter(skb, HERE_LOOPBACK);
}

char _license[] SEC("license") = "Dual BSD/GPL";
