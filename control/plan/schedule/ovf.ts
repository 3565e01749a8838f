/** ovf: the highest weight whose active connections are not above it. See bpf/sched_ovf.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const ovf: SchedulePlan = { rows: weightRows, spliced: asWeights }
