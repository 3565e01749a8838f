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

#endif
