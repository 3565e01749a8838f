/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Another part of the contract: what there is one of, settings that change and constants that do
 * not. Part of types.h.
 */
#ifndef XLVS_SETTINGS_H
#define XLVS_SETTINGS_H

/* Packets within no connection by which a dest may answer or begin one. */
enum replies {
	REPLIES_DIRECT = 1, /* a reply by dr or tun may come through this host */
	REPLIES_TOLD = 2,   /* dests of the sip engine begin connections */
};

/* One word of each, shared by data plane and daemon; pinned. */
struct settings {
	__u32 heartbeat NOTE("tick at which the daemon was last alive, 0 before the first");
	__u32 clock NOTE("the time, in ticks, when config.manual_clock is set");
	__u32 tcp_timeout[TCP_STATES] NOTE("ticks a TCP connection may rest in each state");
	__u32 udp_timeout NOTE("ticks a UDP connection may rest");
	__u32 conn_reuse_mode NOTE("net.ipv4.vs.conn_reuse_mode");
	__u32 pmtu_disc NOTE("net.ipv4.vs.pmtu_disc");
	__u32 sloppy_tcp NOTE("net.ipv4.vs.sloppy_tcp");
	__u32 expire_nodest_conn NOTE("net.ipv4.vs.expire_nodest_conn");
	__u32 nat_icmp_send NOTE("net.ipv4.vs.nat_icmp_send");
	__u32 cache_bypass NOTE("net.ipv4.vs.cache_bypass");
	__u32 tcp_table NOTE("enum tcp_table: what secure_tcp says just now");
	__u32 drop_rate NOTE("drop_packet: of so many new connections one is dropped; 0: none");
	__u32 drop_counter NOTE("attempts until the next is dropped; the data plane counts");
	__u32 owner NOTE("process id of the daemon that frees slots, 0 before the first");
	__u32 day_ms NOTE("milliseconds of the UTC day at which the monotonic clock was 0");
	__u32 direct_replies NOTE("enum replies: what comes within no connection");
	__u32 schedule_icmp NOTE("net.ipv4.vs.schedule_icmp");
	__u32 icmp_interval[FAMILIES] NOTE("jiffies between ICMP errors to one receiver");
	__u32 icmp_types[FAMILIES] NOTE("bit n: errors of type n are limited");
	__u32 icmp_per_second NOTE("net.ipv4.icmp_msgs_per_sec");
	__u32 icmp_burst NOTE("net.ipv4.icmp_msgs_burst");
	__u32 answers_here NOTE("a dest is this host: what the host sends is looked at");
	__u32 asks_here NOTE("there are services: what the host sends to itself is looked at");
	__u32 expire_quiescent_template NOTE("net.ipv4.vs.expire_quiescent_template");
	__u32 fallbacks NOTE("enum fallback");
	__u32 unprivileged_port NOTE("net.ipv4.ip_unprivileged_port_start");
	__u32 lblcr_expiration NOTE("ticks after which a set of lblcr loses its busiest dest");
};

/* Load-time constants: what the verifier may fold away. Kept in a pinned read-only map. */
struct config {
	__u32 abi NOTE("ABI_VERSION");
	__u32 bucket_mask[FAMILIES] NOTE(
		"buckets of each connection table, less one; a power of two, less one");
	__u32 stash_buckets[FAMILIES] NOTE("buckets behind each table that the stash hands out");
	__u32 cpus NOTE("CPUs that have a row of counters");
	__u32 second NOTE("ticks in a second");
	__u32 tick_shift NOTE("jiffies to ticks: shift right by this");
	__u32 hz NOTE("jiffies in a second");
	__u32 manual_clock NOTE("1: tests move the clock");
	__u32 key[16] NOTE("secret of the hash; key[4..5] are odd multipliers");
};

#endif
