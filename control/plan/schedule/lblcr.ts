/** lblcr: the least loaded of what an address went to. Read next: bpf/sched_lblcr.h. */
import type { SchedulePlan } from './scheduler.ts'
import { weightRows } from './weights.ts'

export const lblcr: SchedulePlan = { rows: weightRows, remembers: 'lblcr' }
