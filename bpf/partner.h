/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Both ends of a NAT connection whose service has no one virtual address and port (marks, port 0):
 * what its dest's row says of them does not hold, so that each slot's partner is asked. Only full
 * walks do this. The hot ones leave to them: dest_admits sends requests to renew.bpf.c, and a reply
 * slot never names its next hop. Read next: xmit.h.
 */
#ifndef XLVS_PARTNER_H
#define XLVS_PARTNER_H

#include "csum.h"
#include "service.h"

/* An address and its port. */
struct side {
	struct address addr;
	__be16 port;
};

/* Constant 0 in the hot walks, which meet no such dest where they ask. */
ALWAYS int has_partner_vip(const struct packet *pkt)
{
	return pkt->full && READ(pkt->dest->flags) & DEST_PARTNER_VIP;
}

/* What a slot has besides its client. */
ALWAYS struct side other_side(const struct conn *slot, __u8 v6)
{
	const __u64 *addrs = slot_addrs(slot);
	struct side side = {.port = slot->oport};

	side.addr = v6 ? address_load(&addrs[2]) : address4(addrs[0] >> 32);
	return side;
}

/* The virtual side of a reply's connection; its slot has a partner always. */
ALWAYS struct side virtual_side(const struct packet *pkt)
{
	const struct conn *request = has_partner_vip(pkt) ? partner_of(pkt->wire.v6, pkt->conn) : 0;

	if (request)
		return other_side(request, pkt->wire.v6);
	return (struct side){address_load(ROW(dest_addrs, pkt->dest_id)->vaddr), pkt->dest->vport};
}

/* Whether a persistent service leaves a packet its port: any that is not its own. */
ALWAYS int keeps_port(const struct packet *pkt)
{
	const struct service *service = pkt->service;
	__u32 id = pkt->dest->service;

	if (!service)
		service = bpf_map_lookup_elem(&services, &id);
	return service && READ(service->persistent) &&
	       READ(service->port) != (__be16)(pkt->wire.ports >> 16);
}

/* The port at which a dest gets a new connection: its own, or that which the packet came to. */
ALWAYS __be16 port_at_dest(const struct packet *pkt)
{
	if (READ(pkt->dest->flags) & DEST_NO_PORT || keeps_port(pkt))
		return pkt->wire.ports >> 16;
	return pkt->dest->dport;
}

/* The dest's side of a request's connection; datagrams that are scheduled alone have none. */
ALWAYS struct side dest_side(const struct packet *pkt)
{
	struct side side = {address_load(ROW(dest_addrs, pkt->dest_id)->daddr), pkt->dest->dport};
	const struct conn *reply = 0;

	if (!has_partner_vip(pkt))
		return side;
	if (pkt->conn)
		reply = partner_of(pkt->wire.v6, pkt->conn);
	if (reply)
		return other_side(reply, pkt->wire.v6);
	side.port = port_at_dest(pkt);
	return side;
}

/* What a transport checksum's sum gains when one side becomes another. */
ALWAYS __u32 side_delta(const struct side *was, const struct side *to)
{
	__u64 sum = (__u16)~was->port + (__u32)to->port;

	for (int i = 0; i < 2; i++) {
		sum += (__u32)~was->addr.half[i];
		sum += (__u32)(~was->addr.half[i] >> 32);
		sum += (__u32)to->addr.half[i];
		sum += to->addr.half[i] >> 32;
	}
	return csum_fold(sum);
}

#endif
