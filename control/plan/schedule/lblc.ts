/** lblc: what an address went to, while that is not busy. Read next: bpf/sched_lblc.h. */
import type { SchedulePlan } from './scheduler.ts'
import { weightRows } from './weights.ts'

export const lblc: SchedulePlan = { rows: weightRows, remembers: 'lblc' }
