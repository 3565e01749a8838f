/**
 * wrr: interleaved by a threshold that falls from the largest weight in steps of their greatest
 * common divisor. Pure. Source: net/netfilter/ipvs/ip_vs_wrr.c (v6.12).
 */
import type { ScheduleRow } from '../../abi/maps.gen.ts'
import type { SchedulePlan, Splice, Wanted } from './scheduler.ts'
import { weightRows, weightsOf, type Weights } from './weights.ts'

export const wrr: SchedulePlan = { rows, spliced, turn }

/** The weights; the head's row says by what the threshold falls and where it starts. */
function rows(wanted: Wanted): ScheduleRow[] {
  const { step, start } = range(weightsOf(wanted.dests))
  return [...weightRows(wanted).slice(0, -1), { dest: step, value: start }]
}

/** The head's row alone says something of all. */
function spliced(words: Uint32Array, _: Splice, touches: readonly Weights[]): void {
  const now = touches.at(-1)
  if (!now) return
  const { step, start } = range(now)
  words.set([step, start], words.length - 2)
}

function range({ divisor, largest }: Weights): { step: number; start: number } {
  const step = divisor || 1
  return { step, start: largest === 0 ? 0 : largest - (step - 1) }
}

/** Touched, wrr starts again at the head, with its threshold kept within the new weights. */
function turn(before: bigint | undefined, touches: readonly Weights[]): bigint {
  let weight = before === undefined ? 0 : Number(before >> 32n)
  for (const touch of touches) {
    const { step, start } = range(touch)
    if (weight === 0 || weight > start) weight = start
    else if (step > 1) weight = Math.floor(weight / step) * step + 1
  }
  return (BigInt(weight) << 32n) | BigInt(touches.at(-1)?.count ?? 0)
}
