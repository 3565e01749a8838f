// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Two CPUs look up and make the same few connections while the daemon's sweep expires them. Shares
 * its maps with a director's program and includes the table's own code. Started by
 * stress_worker.ts; what it may do is in knobs, what it saw in seen. Read next: stress.test.ts.
 */
#include "../../bpf/conn_insert.h"

enum stress {
	STRESS_IDLE,
	STRESS_PARK,	 /* hold a slot for PARK_NS and see whether it stays what it was */
	STRESS_LOCKED,	 /* make and free as fast as can be, and look for second copies */
	STRESS_UNLOCKED, /* the same, without the stripe's lock: the negative control */
};

enum sight {
	SEEN_LOOKED,
	SEEN_MADE,
	SEEN_REFUSED,
	SEEN_PARKED,
	SEEN_EXPOSED, /* expired while it was held: only the grace period protects the reader */
	SEEN_WRONG,   /* another connection's fields */
	SEEN_PURGED,
	SEEN_COPIES,
	SIGHTS = 8,
};

#define PARK_NS	       10000000
#define PARK_TURNS_MAX (1 << 23)
#define DIRECT_DEST    2
#define NAT_DEST       1

struct knobs {
	__u32 stress;
	__u32 tuples;
	__u32 park_mask; /* parks when a random number has none of these bits */
};

struct knobs knobs SEC(".data.knobs") = {};
/* By CPU * SIGHTS + enum sight. */
MAP(seen, ARRAY, __u32, __u64, SIGHTS * 256, BPF_F_MMAPABLE);

ALWAYS void saw(__u32 sight)
{
	__u32 row = bpf_get_smp_processor_id() * SIGHTS + sight;
	__u64 *count = bpf_map_lookup_elem(&seen, &row);

	if (count)
		++*count;
}

ALWAYS int pick(struct packet *pkt, __u32 dest)
{
	__u32 i = bpf_get_prandom_u32() % (READ(knobs.tuples) ?: 1);

	pkt->wire.addrs[0] = (__u64)bpf_htonl(0xc0000201) << 32 | bpf_htonl(0x0a640000 + i);
	pkt->wire.ports = (__u32)bpf_htons(80) << 16 | (__u16)bpf_htons(1024 + i);
	pkt->wire.protocol = IPPROTO_TCP;
	pkt->now = now();
	pkt->dest_id = dest;
	pkt->dest = ROW(dests, dest);
	return GO_ON;
}

static long until(__u32 turn, void *end)
{
	(void)turn;
	return bpf_ktime_get_ns() >= *(__u64 *)end;
}

ALWAYS void park(void)
{
	__u64 end = bpf_ktime_get_ns() + PARK_NS;

	bpf_loop(PARK_TURNS_MAX, until, &end, 0);
}

ALWAYS void check(const struct packet *pkt)
{
	const struct conn4 *slot = (void *)pkt->conn;

	if (READ(slot->caddr) != (__u32)pkt->wire.addrs[0] ||
	    READ(slot->cport) != (__u16)pkt->wire.ports ||
	    READ(slot->oaddr) != (__u32)(pkt->wire.addrs[0] >> 32) ||
	    READ(slot->protocol) != pkt->wire.protocol)
		saw(SEEN_WRONG);
}

ALWAYS void read_parked(struct packet *pkt)
{
	if (pick(pkt, NAT_DEST))
		return;
	conn_find_warm(pkt);
	saw(SEEN_LOOKED);
	if (!pkt->conn) {
		saw(conn_insert(pkt) ? SEEN_REFUSED : SEEN_MADE);
		return;
	}
	if (bpf_get_prandom_u32() & READ(knobs.park_mask))
		return;
	saw(SEEN_PARKED);
	park();
	if ((READ(pkt->conn->word) & WORD_LIFE_MASK) != LIFE_VALID)
		saw(SEEN_EXPOSED);
	check(pkt);
}

/* Frees every copy of a key in a bucket; how many there were. */
WARM __u32 bucket_purge(__u32 row, __u64 addrs, __u32 ports)
{
	struct wire wire = {.addrs = {addrs}, .ports = ports, .protocol = IPPROTO_TCP};
	struct bucket4 *bucket = bpf_map_lookup_elem(&conns4, &row);
	__u32 copies = 0;

	if (!bucket)
		return 0;
	for (int i = 0; i < SLOTS_PER_BUCKET; i++) {
		struct conn *slot = (void *)&bucket->slot[i];
		__u64 word = READ(slot->word);

		if ((word & WORD_LIFE_MASK) != LIFE_VALID || !is_key(slot, word, &wire))
			continue;
		copies++;
		__sync_fetch_and_and(&slot->word, FLAG(BUCKET_OVERFLOW | BUCKET_STASHED));
	}
	return copies;
}

/* Under the lock nobody frees this key, and with it nobody makes it: the count is exact. */
ALWAYS void purge(const struct packet *pkt)
{
	__u32 copies;

	if (!stripe_lock(pkt->hash))
		return;
	copies = bucket_purge(first_bucket(pkt->hash, 0), pkt->wire.addrs[0], pkt->wire.ports) +
		 bucket_purge(second_bucket(pkt->hash, 0), pkt->wire.addrs[0], pkt->wire.ports);
	stripe_unlock(pkt->hash);
	if (copies)
		saw(SEEN_PURGED);
	if (copies > 1)
		saw(SEEN_COPIES);
}

ALWAYS void contest(struct packet *pkt, int locked)
{
	int reason = GO_ON;

	if (pick(pkt, DIRECT_DEST))
		return;
	conn_find_warm(pkt);
	saw(SEEN_LOOKED);
	if (!pkt->conn) {
		reason = locked ? conn_insert(pkt) : conn_make(pkt);
		saw(reason ? SEEN_REFUSED : SEEN_MADE);
	}
	if (!(bpf_get_prandom_u32() & 3))
		purge(pkt);
}

SEC("xdp")
int stress(struct xdp_md *ctx)
{
	struct packet pkt = {.ctx = ctx};
	__u32 what = READ(knobs.stress);

	if (what == STRESS_PARK)
		read_parked(&pkt);
	else if (what == STRESS_LOCKED || what == STRESS_UNLOCKED)
		contest(&pkt, what == STRESS_LOCKED);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";
