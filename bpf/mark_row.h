/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Tables of mark rules as data plane and daemon share them. Part of types.h; read next: mark.h. */
#ifndef XLVS_MARK_ROW_H
#define XLVS_MARK_ROW_H

/* A row of a table of mark rules: mark.h. Where it leads is written and read in one. */
struct mark_row {
	__u64 key NOTE("least value that it is for");
	__u64 to NOTE("bits 0-31 first row of the next table, 32-63 how many it has; 0: nowhere. "
		      "In the last table bits 0-31 are the mark");
};
_Static_assert(sizeof(struct mark_row) == 16, "four to a cache line");

/* Rows that say where tables begin: of the rules, and of what policy routing makes local. */
enum mark_root {
	MARK_ROOT_IPV4,
	MARK_ROOT_IPV6,
	MARK_LOCAL_IPV4,
	MARK_LOCAL_IPV6,
	MARK_ROOTS = 8,
	/* Rows of all tables: 4 MiB, half of them for what is in force. */
	MARK_ROWS = 262144,
};

#endif
