/**
 * Schedules: what the data plane walks to choose a dest, and how its cursor survives an edit.
 * Pure. Read next: bpf/sched.h. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
import { LIMIT, SCHEDULER, SCHEDULE_WORD, type ScheduleRow } from '../abi/maps.gen.ts'
import type { ActiveScheduler, Dest, Scheduler } from '../model/service.ts'
import { activeScheduler, scheduledWeight } from './active.ts'

/** A dest as a scheduler sees it, in IPVS' order: newest first. */
export interface Candidate {
  id: number
  weight: number
}

const NONE: number = LIMIT.NONE

/** The number of each scheduler in the data plane; a new one is a row here and in `rowsFor`. */
const NUMBERS: Record<ActiveScheduler, number> = {
  rr: SCHEDULER.SCHED_RR,
  wrr: SCHEDULER.SCHED_WRR,
  wlc: SCHEDULER.SCHED_WLC,
}

/** The number of a scheduler; of one that the data plane does not have, that of none. */
export function schedulerNumber(name: Scheduler): number {
  const active = activeScheduler(name)
  return active === undefined ? SCHEDULER.SCHED_NONE : NUMBERS[active]
}

/**
 * The rows of a service's schedule: one a dest, and one for the head of the list; none for a
 * scheduler that the data plane does not have.
 */
export function rowsFor(scheduler: Scheduler, dests: Candidate[]): ScheduleRow[] {
  if (activeScheduler(scheduler) === undefined) return []
  return scheduler === 'rr' ? rrRows(dests) : weightRows(dests)
}

/**
 * rr: a row per dest, usable or not, and a last one for the head of the list. Each names the next
 * usable row after it, wrapping round; the last used dest itself is looked at last.
 */
export function rrRows(dests: Candidate[]): ScheduleRow[] {
  const rows = [...dests.map(d => ({ dest: d.id, value: NONE })), { dest: NONE, value: NONE }]
  let next = dests.findIndex(d => d.weight > 0)
  if (next < 0) next = NONE
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]
    if (row) row.value = next
    if ((dests[i]?.weight ?? 0) > 0) next = i
  }
  return rows
}

/** wrr, wlc: the weights; the head's row says by what wrr's threshold falls and where it starts. */
function weightRows(dests: Candidate[]): ScheduleRow[] {
  const { step, start } = wrrRange(weightsOf(dests))
  return [...dests.map(d => ({ dest: d.id, value: d.weight })), { dest: step, value: start }]
}

/** What wrr must know of the weights of a service's dests. */
export interface Weights {
  /** Of all above 0; 0 when there are none. */
  divisor: number
  largest: number
  /** Dests, quiesced ones too. */
  count: number
}

const NO_WEIGHTS: Weights = { divisor: 0, largest: 0, count: 0 }

/** Those of dests as they are wanted. */
export function destWeights(dests: readonly Dest[]): Weights {
  return dests.reduce((all, dest) => withWeight(all, scheduledWeight(dest)), NO_WEIGHTS)
}

export function weightsOf(dests: readonly Candidate[]): Weights {
  return dests.reduce((all, { weight }) => withWeight(all, weight), NO_WEIGHTS)
}

/** The same with one dest more. */
export function withWeight({ divisor, largest, count }: Weights, weight: number): Weights {
  return {
    divisor: weight > 0 ? gcd(divisor, weight) : divisor,
    largest: Math.max(largest, weight),
    count: count + 1,
  }
}

function wrrRange({ divisor, largest }: Weights): { step: number; start: number } {
  const step = divisor || 1
  return { step, start: largest === 0 ? 0 : largest - (step - 1) }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/**
 * The word `turn` of struct service after the dests were touched, each time with those weights: wrr
 * starts again at the head, with its threshold kept within the new weights. `before` is undefined
 * for a new schedule.
 */
export function wrrTurn(before: bigint | undefined, touches: readonly Weights[]): bigint {
  let weight = before === undefined ? 0 : Number(before >> 32n)
  for (const touch of touches) {
    const { step, start } = wrrRange(touch)
    if (weight === 0 || weight > start) weight = start
    else if (step > 1) weight = Math.floor(weight / step) * step + 1
  }
  return (BigInt(weight) << 32n) | BigInt(touches.at(-1)?.count ?? 0)
}

/**
 * Where the cursor stands in `now` when it stood at row `cursor` of `before`: on the same dest, or,
 * when that is gone, on the nearest dest before it that is not; else at the head.
 */
export function moveCursor(before: number[], cursor: number, now: number[]): number {
  for (let i = Math.min(cursor, before.length - 1); i >= 0 && cursor < before.length; i--) {
    const at = now.indexOf(before[i] ?? NONE)
    if (at >= 0) return at
  }
  return now.length
}

export interface SchedulePlace {
  /** First row of the region, a multiple of SCHEDULE_ROW_UNIT. */
  first: number
  /** Rows of the region, the head's included; 0: nothing to choose from. */
  rows: number
  cursor: number
  /** enum scheduler. */
  scheduler: number
}

/** The word of struct service that publishes a region. */
export function scheduleWord(place: SchedulePlace): bigint {
  return (
    (BigInt(place.scheduler) << BigInt(SCHEDULE_WORD.SCHEDULE_SCHEDULER_SHIFT)) |
    (BigInt(place.first / SCHEDULE_WORD.SCHEDULE_ROW_UNIT) <<
      BigInt(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT)) |
    (BigInt(place.rows) << BigInt(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT)) |
    BigInt(place.cursor)
  )
}

export function readScheduleWord(word: bigint): SchedulePlace {
  const bits = (shift: number, width: number): number =>
    Number((word >> BigInt(shift)) & ((1n << BigInt(width)) - 1n))
  const { SCHEDULE_CURSOR_BITS: width, SCHEDULE_ROW_UNIT: unit } = SCHEDULE_WORD
  return {
    scheduler: bits(SCHEDULE_WORD.SCHEDULE_SCHEDULER_SHIFT, 4),
    first: bits(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT, SCHEDULE_WORD.SCHEDULE_PLACE_BITS) * unit,
    rows: bits(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT, width),
    cursor: bits(0, width),
  }
}
