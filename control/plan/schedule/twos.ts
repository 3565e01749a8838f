/** twos: of two dests drawn by weight the one with less to do. Read next: bpf/sched_twos.h. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const twos: SchedulePlan = { rows: weightRows, spliced: asWeights }
