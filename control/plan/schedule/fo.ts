/** fo: the dest of the highest weight, always. Read next: bpf/sched_fo.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const fo: SchedulePlan = { rows: weightRows, spliced: asWeights }
