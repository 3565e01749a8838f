/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract's part about schedulers: their numbers, and the words and rows that they read. Part
 * of types.h. Read next: sched.h.
 */
#ifndef XLVS_SCHEDULER_H
#define XLVS_SCHEDULER_H

/*
 * Every scheduler: a line here, a file sched_NAME.h that sched.h includes. Numbers are ours and
 * stay what they are: the schedule word has them, in five bits.
 */
#define SCHEDULERS(X)                                                                              \
	X(RR, rr, 1)                                                                               \
	X(WRR, wrr, 2)                                                                             \
	X(WLC, wlc, 3)                                                                             \
	X(LC, lc, 4)                                                                               \
	X(FO, fo, 5)                                                                               \
	X(OVF, ovf, 6)                                                                             \
	X(SED, sed, 7)                                                                             \
	X(NQ, nq, 8)                                                                               \
	X(TWOS, twos, 9)                                                                           \
	X(LBLC, lblc, 10)                                                                          \
	X(LBLCR, lblcr, 11)                                                                        \
	X(DH, dh, 12)                                                                              \
	X(SH, sh, 13)                                                                              \
	X(MH, mh, 14)                                                                              \
	X(MAGLEV, maglev, 15)

#define SCHEDULER_NUMBER(NAME, name, number) SCHED_##NAME = number,
enum scheduler { SCHED_NONE, SCHEDULERS(SCHEDULER_NUMBER) };

enum schedule_word {
	SCHEDULE_CURSOR_BITS = 18,
	SCHEDULE_ROWS_SHIFT = 18,
	SCHEDULE_PLACE_SHIFT = 36,
	SCHEDULE_PLACE_BITS = 23,
	SCHEDULE_SCHEDULER_SHIFT = 59,
	SCHEDULE_ROW_UNIT = 8,
};

/*
 * Rows of a schedule; what they hold is the scheduler's to say. Of most: all dests in IPVS' order,
 * each with its weight, then one more row for the list's head. rr: the cursor names the row used
 * last, value is the row to use after it, NONE when no dest is usable. wrr: the head's row holds
 * its step (dest) and start (value). dh, sh, mh, maglev: two slots of a table, a dest id each.
 */
struct schedule_row {
	__u32 dest NOTE("dest id");
	__u32 value NOTE("weight; rr: row chosen after this one; tables: another dest id");
};

/* Shares of its weight that a dest has in a slow start, in thousandths: sched_slow.h. */
enum slow_start {
	SLOW_WHOLE = 1000,
	SLOW_LEAST = 10,
	/* Ticks that a packet's clock may be behind the daemon's. */
	SLOW_SLACK = 8,
};

/* lblc, lblcr: what packets to an address of a service went to. */
struct cache_key {
	ADDRESS(vaddr) NOTE("virtual address of the packets");
	__u32 service NOTE("service id");
	__u32 pad;
};
_Static_assert(sizeof(struct cache_key) == 24, "hash keys have no hidden padding");

struct lblc_entry {
	__u32 used NOTE("tick at which it was last looked at");
	__u32 dest NOTE("dest id");
};

/* A set of dests, the newest last. */
struct lblcr_set {
	__u32 used NOTE("tick at which it was last looked at");
	__u32 changed NOTE("tick at which a dest last came or went");
	__u32 lock NOTE("1: a CPU changes it");
	__u32 count NOTE("dests in it");
	__u32 dests[LBLCR_SET_MAX] NOTE("dest ids");
};
_Static_assert(sizeof(struct lblcr_set) == 1024, "one allocation of the kernel's");

#endif
