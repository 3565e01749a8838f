/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Schedulers that are yet to come; no schedule word names them. Part of sched.h. */
#ifndef XLVS_SCHED_MISSING_H
#define XLVS_SCHED_MISSING_H

#define MISSING(name)                                                                              \
	ALWAYS __u32 schedule_##name(__u32 service_id, const struct wire *wire)                    \
	{                                                                                          \
		return service_id && wire ? NONE : NONE;                                           \
	}

MISSING(lblc)
MISSING(lblcr)

#endif
