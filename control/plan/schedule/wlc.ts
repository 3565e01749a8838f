/** wlc: the dest with the least connections for its weight, by counts that are looked at live. */
import type { SchedulePlan } from './scheduler.ts'
import { asWeights, weightRows } from './weights.ts'

export const wlc: SchedulePlan = { rows: weightRows, spliced: asWeights }
