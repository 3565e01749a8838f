/**
 * Schedules: what the data plane walks to choose a dest, and how its cursor survives an edit.
 * Pure. Read next: bpf/sched.h. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
import { LIMIT, SCHEDULE_WORD, type ScheduleRow } from '../abi/maps.gen.ts'

/** A dest as a scheduler sees it, in IPVS' order: newest first. */
export interface Candidate {
  id: number
  weight: number
}

/**
 * rr: a row per dest, usable or not, and a last one for the head of the list. Each names the next
 * usable row after it, wrapping round; the last used dest itself is looked at last.
 */
export function rrRows(dests: Candidate[]): ScheduleRow[] {
  const rows = [...dests.map(d => ({ dest: d.id, next: NONE })), { dest: NONE, next: NONE }]
  let next = dests.findIndex(d => d.weight > 0)
  if (next < 0) next = NONE
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]
    if (row) row.next = next
    if ((dests[i]?.weight ?? 0) > 0) next = i
  }
  return rows
}

const NONE: number = LIMIT.NONE

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
}

/** The word of struct service that publishes a region. */
export function scheduleWord(place: SchedulePlace): bigint {
  return (
    (BigInt(place.first / SCHEDULE_WORD.SCHEDULE_ROW_UNIT) <<
      BigInt(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT)) |
    (BigInt(place.rows) << BigInt(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT)) |
    BigInt(place.cursor)
  )
}

export function readScheduleWord(word: bigint): SchedulePlace {
  const mask = (1n << BigInt(SCHEDULE_WORD.SCHEDULE_CURSOR_BITS)) - 1n
  return {
    first:
      Number(word >> BigInt(SCHEDULE_WORD.SCHEDULE_PLACE_SHIFT)) * SCHEDULE_WORD.SCHEDULE_ROW_UNIT,
    rows: Number((word >> BigInt(SCHEDULE_WORD.SCHEDULE_ROWS_SHIFT)) & mask),
    cursor: Number(word & mask),
  }
}
