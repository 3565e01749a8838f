/*
 * What the bench's programs share with the side that runs them: the state of the generator, the
 * frames, and how a number becomes a client. Not shipped. Assumes frames of Ethernet, IPv4 without
 * options or IPv6 without extensions, and TCP, made by frame.ts. Read next: generator.bpf.c,
 * floor.h.
 */
#ifndef XLVS_BENCH_H
#define XLVS_BENCH_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define ALWAYS	    static __always_inline
#define unlikely(x) __builtin_expect(!!(x), 0)
#define barrier()   asm volatile("" ::: "memory")

/* The time is taken every 2^14 packets: test_run's own set-up, some 17 ms, is never in it. */
#define WINDOW_BITS 14
#define STAMPS	    256
/* Dests of each service; connection i has dest i modulo this, as rr hands them out. */
#define DESTS 256

/* All words of 4 bytes between seed and stamps, in the order that generator.ts names them. */
struct state {
	__u64 seed;
	__u32 first;	  /* random draw: the lowest number */
	__u32 mask;	  /* random draw: how many, a power of two, less one */
	__u32 sequential; /* 1: the next number each time, not a random one */
	__u32 next;
	__u32 reply;	/* 1: from the dest to the client */
	__u32 addr;	/* as in the frame: virtual address, or the first dest's */
	__u32 port;	/* as in the frame: virtual port, or the dests' */
	__u32 ip_sum;	/* sum of the header's words without addresses and checksum, folded */
	__u32 l4_check; /* the transport checksum to restore: right for number 0 */
	__u32 macs[3];	/* first twelve bytes of the frame */
	__u32 packets;	/* since the start of this run */
	__u32 drawn;	/* the number of the packet at hand: the floor's "slot already known" */
	__u32 failures; /* updates of the hash that failed */
	__u32 length;	/* bytes of the frame */
	__u64 addr6[2]; /* IPv6: the virtual address, or the first dest's */
	__u64 stamps[STAMPS];
};

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed, aligned(2)));

struct frame6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct tcphdr tcp;
} __attribute__((packed, aligned(2)));

extern struct state state;

/* Whole words, where the compiler would go byte by byte for the sake of packed headers. */
ALWAYS __u16 get16(const void *at)
{
	return *(const __u16 *)at;
}

ALWAYS __u32 get32(const void *at)
{
	return *(const __u32 *)at;
}

ALWAYS __u64 get64(const void *at)
{
	return *(const __u64 *)at;
}

ALWAYS void put16(void *at, __u16 value)
{
	*(__u16 *)at = value;
}

ALWAYS void put32(void *at, __u32 value)
{
	*(__u32 *)at = value;
}

ALWAYS void put64(void *at, __u64 value)
{
	*(__u64 *)at = value;
}

/* Of 64.0.0.0/3; with the port, another client for each number below 2^32. */
ALWAYS __be32 client_addr(__u32 number)
{
	return bpf_htonl(0x40000000 | (number * 2654435761u) >> 3);
}

/* 2001:db8:ffff::/64, the lower half another for each number; 0 for number 0. */
#define CLIENT6_NET bpf_cpu_to_be64(0x20010db8ffff0000)

ALWAYS __u64 client_addr6(__u32 number)
{
	return number * 0x9e3779b97f4a7c15ull;
}

ALWAYS __be16 client_port(__u32 number)
{
	return bpf_htons(0x8000 | (number & 0x7fff));
}

ALWAYS __u16 fold(__u64 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

#endif
