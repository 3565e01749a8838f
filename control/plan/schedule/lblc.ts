/** lblc: the dest that an address went to, while it is not busy. Read next: bpf/sched_lblc.h, cache.ts. */
import type { SchedulePlan } from './scheduler.ts'
import { weightRows } from './weights.ts'

export const lblc: SchedulePlan = { rows: weightRows, remembers: 'lblc' }
