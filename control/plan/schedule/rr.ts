/**
 * rr: the dest after the one used last. The cursor names the row of that one, so it means exactly
 * what the kernel's pointer means. Pure. Source: net/netfilter/ipvs/ip_vs_rr.c (v6.12).
 */
import { LIMIT, type ScheduleRow } from '../../abi/maps.gen.ts'
import type { SchedulePlan, Splice, Wanted } from './scheduler.ts'

const NONE: number = LIMIT.NONE

export const rr: SchedulePlan = { rows, spliced, cursor, moved }

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

/** Whoever is usable is named by the row before; by how many places they moved is known. */
function spliced(words: Uint32Array, { old, start, gone, come }: Splice): void {
  const count = words.length / 2 - 1
  const isUsable = new Uint8Array(count)
  for (let i = 1; i < old.length; i += 2) {
    const place = old[i] ?? NONE
    if (place < start) isUsable[place] = 1
    else if (place !== NONE && place >= start + gone) isUsable[place + come.length - gone] = 1
  }
  come.forEach(({ value }, i) => (isUsable[start + i] = value > 0 ? 1 : 0))
  const first = isUsable.indexOf(1)
  let next = first < 0 ? NONE : first
  for (let i = count; i >= 0; i--) {
    words[2 * i + 1] = next
    if (isUsable[i] === 1) next = i
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

/** The same. */
function moved(cursor: number, { old, start, gone, come }: Splice): number {
  const head = old.length / 2 - 1 + come.length - gone
  if (cursor >= start + gone) return Math.min(cursor + come.length - gone, head)
  for (let i = cursor; i >= start; i--) {
    const at = come.findIndex(({ dest }) => dest === old[2 * i])
    if (at >= 0) return start + at
  }
  const before = Math.min(cursor, start - 1)
  return before < 0 ? head : before
}
