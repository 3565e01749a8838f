/**
 * rr: the dest after the one used last. The cursor names the row of that one, so it means exactly
 * what the kernel's pointer means. Pure. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
import { LIMIT, type ScheduleRow } from '../../abi/maps.gen.ts'
import type { SchedulePlan, Wanted } from './scheduler.ts'

const NONE: number = LIMIT.NONE

export const rr: SchedulePlan = { rows, added, cursor }

/**
 * A row per dest, usable or not, and a last one for the head of the list. Each names the next
 * usable row after it, wrapping round; the last used dest itself is looked at last.
 */
function rows({ dests }: Wanted): ScheduleRow[] {
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

/**
 * The rows that were name others by their places, which have moved; those that went round go to the
 * first of all that is usable by now.
 */
function added(words: Uint32Array, count: number): void {
  const moved = (place: number): number => (place === NONE ? NONE : place + count)
  const old = moved(words.at(-1) ?? NONE)
  let first = old
  for (let i = count - 1; i >= 0; i--) if ((words[2 * i + 1] ?? 0) > 0) first = i
  for (let i = count; 2 * i < words.length; i++) {
    const next = moved(words[2 * i + 1] ?? NONE)
    words[2 * i + 1] = next === NONE || next <= i ? first : next
  }
  let next = old === NONE ? first : old
  for (let i = count - 1; i >= 0; i--) {
    const weight = words[2 * i + 1] ?? 0
    words[2 * i + 1] = next
    if (weight > 0) next = i
  }
}

/** On the same dest, or, when that is gone, on the nearest before it that is not; else the head. */
function cursor(
  before: readonly ScheduleRow[],
  cursor: number,
  now: readonly ScheduleRow[],
): number {
  const head = Math.max(0, now.length - 1)
  if (cursor >= before.length - 1) return head
  for (let i = cursor; i >= 0; i--) {
    const at = now.findIndex(row => row.dest === before[i]?.dest)
    if (at >= 0) return at
  }
  return head
}
