/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stages around the service and its dests: service_find for a packet without a connection,
 * dest_find for one with. Read next: sched.h. Source: net/netfilter/ipvs/ip_vs_core.c (v6.12).
 */
#ifndef XLVS_SERVICE_H
#define XLVS_SERVICE_H

#include "conn.h"
#include "mark.h"

/* The source port of active FTP data connections is never scheduled (IPVS' FTPDATA). */
#define FTP_DATA_PORT bpf_htons(20)
#define FTP_PORT      bpf_htons(21)

/* Fills service, service_id. Returns INTERNAL where the id leads to none. */
ALWAYS int service_take(struct packet *pkt, const __u32 *id)
{
	pkt->service_id = *id;
	pkt->service = bpf_map_lookup_elem(&services, id);
	return pkt->service ? GO_ON : INTERNAL;
}

/* Whether a packet of a mark's service is for this host, as any that IPVS sees. */
ALWAYS int mark_admits(struct packet *pkt)
{
	const struct route *route = route_find(wire_to(&pkt->wire));

	if ((route && route->kind == ROUTE_LOCAL) || mark_is_local(pkt, pkt->mark))
		return GO_ON;
	return VIP_NOT_LOCAL;
}

/* The id of the service of a packet's mark. */
ALWAYS __u32 *mark_service(const struct packet *pkt)
{
	struct service_key key = {.family = pkt->wire.v6};

	if (likely(!pkt->mark))
		return 0;
	address_store(key.vaddr, mark_address(pkt->mark, pkt->wire.v6));
	return bpf_map_lookup_elem(&service_ids, &key);
}

/* Whether a TCP packet to a port may belong to the FTP service of its address. */
ALWAYS int is_ftp_data(const struct packet *pkt, __be16 port)
{
	return pkt->wire.protocol == IPPROTO_TCP &&
	       (port == FTP_DATA_PORT || bpf_ntohs(port) >= READ(settings.unprivileged_port));
}

ALWAYS __u32 *service_at(const struct packet *pkt, __be16 port)
{
	struct service_key key = {
		.vport = port, .protocol = pkt->wire.protocol, .family = pkt->wire.v6};

	address_store(key.vaddr, wire_to(&pkt->wire));
	return bpf_map_lookup_elem(&service_ids, &key);
}

/* The service of a packet: of its port, else FTP's, else that of any port. */
ALWAYS __u32 *service_seek(const struct packet *pkt)
{
	__be16 port = pkt->wire.ports >> 16;
	__u32 fallbacks = READ(settings.fallbacks), *id = service_at(pkt, port);

	if (likely(id || !fallbacks))
		return id;
	if (fallbacks & FALLBACK_FTP && is_ftp_data(pkt, port))
		id = service_at(pkt, FTP_PORT);
	return id || !(fallbacks & FALLBACK_ANY) ? id : service_at(pkt, 0);
}

/* The service of an address and port. Returns NO_SERVICE, VIP_NOT_LOCAL. */
ALWAYS int service_of_port(struct packet *pkt)
{
	__u32 *id = service_seek(pkt);

	if (!id)
		return NO_SERVICE;
	if (service_take(pkt, id))
		return INTERNAL;
	if (!(READ(pkt->service->flags) & SERVICE_VIP_LOCAL))
		return VIP_NOT_LOCAL;
	return GO_ON;
}

/*
 * The service of a packet's mark, else of its address and port. Needs mark. Fills service,
 * service_id. Returns NO_SERVICE, VIP_NOT_LOCAL, INTERNAL.
 */
ALWAYS int service_find(struct packet *pkt)
{
	const __u32 *id = mark_service(pkt);

	if (unlikely(id))
		return service_take(pkt, id) ?: mark_admits(pkt);
	return service_of_port(pkt);
}

/* Whether a service that is not persistent takes a packet's port. */
ALWAYS int is_own_port(const struct packet *pkt)
{
	return READ(pkt->service->flags) & SERVICE_MARK ||
	       pkt->wire.ports >> 16 == READ(pkt->service->port);
}

/* Whether a packet is scheduled alone, and leaves no connection behind. */
ALWAYS int is_once(const struct packet *pkt)
{
	return pkt->wire.protocol == IPPROTO_UDP && READ(pkt->service->flags) & SERVICE_ONE_PACKET;
}

/* Fills mark from the packet on the wire. */
ALWAYS int mark_fill(struct packet *pkt)
{
	pkt->mark = mark_find(pkt);
	return GO_ON;
}

/*
 * drop_packet: of the packets that may start a connection one of so many is dropped. Counted in one
 * place for all CPUs, which is shared while somebody attacks only. Returns GO_ON, OVERLOAD,
 * FTP_DATA. Source: ip_vs.h ip_vs_todrop.
 */
ALWAYS int defend(const struct packet *pkt)
{
	__u32 rate = READ(settings.drop_rate);

	if (unlikely(rate) && (__s32)__sync_fetch_and_add(&settings.drop_counter, -1) <= 1) {
		WRITE(settings.drop_counter, rate);
		return OVERLOAD;
	}
	return (__u16)pkt->wire.ports == FTP_DATA_PORT ? FTP_DATA : GO_ON;
}

/* What may start a connection (ip_vs_proto_tcp.c tcp_conn_schedule): SYN, or anything, not RST. */
ALWAYS int may_start(const struct packet *pkt)
{
	if (pkt->wire.protocol == IPPROTO_UDP)
		return 1;
	if (pkt->tcp_flags & TCP_FLAG_RST_BIT)
		return 0;
	return pkt->tcp_flags & TCP_FLAG_SYN_BIT || READ(settings.sloppy_tcp);
}

/* Fills dest, dest_id from the connection. */
ALWAYS int dest_find(struct packet *pkt)
{
	__u32 id = pkt->word >> WORD_DEST_SHIFT;

	pkt->dest_id = id;
	pkt->dest = ROW(dests, id);
	return GO_ON;
}

/*
 * Whether a request may still use its connection. A removed dest swallows its clients' packets
 * (expire_nodest_conn 0); a virtual address that is not here just now is another director's. The
 * hot walks leave to renew.bpf.c also what only full ones do: partner.h.
 */
ALWAYS int dest_admits(struct packet *pkt)
{
	const __u8 wanted = DEST_AVAILABLE | DEST_VIP_LOCAL;
	__u8 flags = READ(pkt->dest->flags);

	if (likely((flags & (pkt->full ? wanted : wanted | DEST_PARTNER_VIP)) == wanted))
		return GO_ON;
	return flags & DEST_VIP_LOCAL ? DEST_GONE : VIP_NOT_LOCAL;
}

ALWAYS struct dest_traffic *traffic_of(const struct packet *pkt)
{
	__u32 row = bpf_get_smp_processor_id() * DESTS_MAX + pkt->dest_id;

	if (!(READ(pkt->dest->flags) & DEST_AVAILABLE))
		return 0;
	return bpf_map_lookup_elem(&dest_traffic, &row);
}

ALWAYS int count_request(struct packet *pkt)
{
	struct dest_traffic *traffic = traffic_of(pkt);

	if (traffic) {
		traffic->inpkts++;
		traffic->inbytes += pkt->len;
	}
	return GO_ON;
}

ALWAYS int count_reply(struct packet *pkt)
{
	struct dest_traffic *traffic = traffic_of(pkt);

	if (traffic) {
		traffic->outpkts++;
		traffic->outbytes += pkt->len;
	}
	return GO_ON;
}

#endif
