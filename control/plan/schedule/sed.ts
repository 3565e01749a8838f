/** sed: the least expected delay, by active connections alone. Read next: bpf/sched_sed.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const sed: SchedulePlan = { rows: weightRows, spliced: asWeights }
