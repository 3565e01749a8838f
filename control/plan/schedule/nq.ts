/** nq: a dest that has nothing to do, else sed's. Read next: bpf/sched_nq.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const nq: SchedulePlan = { rows: weightRows, spliced: asWeights }
