/**
 * Schedules: what the data plane walks to choose a dest, and how its cursor survives an edit.
 * Pure. Read next: bpf/sched.h. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
import { LIMIT, SCHEDULER, SCHEDULE_WORD, type ScheduleRow } from '../abi/maps.gen.ts'
import type { ActiveScheduler, Scheduler } from '../model/service.ts'
import { activeScheduler } from './active.ts'

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
  const { step, start } = wrrRange(dests)
  return [...dests.map(d => ({ dest: d.id, value: d.weight })), { dest: step, value: start }]
}

function wrrRange(dests: Candidate[]): { step: number; start: number } {
  const weights = dests.map(d => d.weight).filter(weight => weight > 0)
  const step = weights.reduce((a, b) => gcd(a, b), 0) || 1
  const largest = Math.max(0, ...weights)
  return { step, start: largest === 0 ? 0 : largest - (step - 1) }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/**
 * The word `turn` of struct service after the dests were touched: wrr starts again at the head,
 * with its threshold kept within the new weights. `before` is undefined for a new schedule.
 */
export function wrrTurn(before: bigint | undefined, dests: Candidate[]): bigint {
  const { step, start } = wrrRange(dests)
  const was = before === undefined ? 0 : Number(before >> 32n)
  const weight =
    was === 0 || was > start ? start : step > 1 ? Math.floor(was / step) * step + 1 : was
  return (BigInt(weight) << 32n) | BigInt(dests.length)
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
