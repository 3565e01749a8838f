/** Weights of a service's dests, and the rows of schedulers that pick by them. Pure. */
import { LIMIT, type ScheduleRow } from '../../abi/maps.gen.ts'
import type { Dest } from '../../model/service.ts'
import { scheduledWeight } from '../active.ts'
import type { Candidate, Wanted } from './scheduler.ts'

/** A row per dest with its weight, and the head's, which says nothing. */
export function weightRows({ dests }: Pick<Wanted, 'dests'>): ScheduleRow[] {
  return [...dests.map(d => ({ dest: d.id, value: d.weight })), { dest: LIMIT.NONE, value: 0 }]
}

/** Other dests among such rows: they are right as they are. */
export function asWeights(): void {
  // each row says what its own dest's weight is
}

/** What wrr must know of the weights of a service's dests. */
export interface Weights {
  /** Of all above 0; 0 when there are none. */
  divisor: number
  largest: number
  /** Dests, quiesced ones too. */
  count: number
}

/** Those of dests as they are wanted. */
export function destWeights(dests: readonly Dest[]): Weights {
  return summed(dests, scheduledWeight)
}

export function weightsOf(dests: readonly Candidate[]): Weights {
  return summed(dests, ({ weight }) => weight)
}

/** Each change of a dest of wrr asks for that of all. */
function summed<T>(dests: readonly T[], weightOf: (dest: T) => number): Weights {
  let [divisor, largest] = [0, 0]
  for (const dest of dests) {
    const weight = weightOf(dest)
    if (weight > 0 && weight !== divisor) divisor = gcd(divisor, weight)
    if (weight > largest) largest = weight
  }
  return { divisor, largest, count: dests.length }
}

/** The same with one dest more. */
export function withWeight({ divisor, largest, count }: Weights, weight: number): Weights {
  return {
    divisor: weight > 0 ? gcd(divisor, weight) : divisor,
    largest: Math.max(largest, weight),
    count: count + 1,
  }
}

export function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
