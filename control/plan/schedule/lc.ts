/** lc: the dest with the least connections, whatever its weight. Read next: bpf/sched_lc.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const lc: SchedulePlan = { rows: weightRows, spliced: asWeights }
