/**
 * Slots behind the table and the kernel hash that leads to them, as the sweep changes it while
 * packets do: a key that is out of the hash for a moment may be taken by a newer connection, which
 * then knows of no older one. So whatever is put in is looked at again when the packets that may
 * not have seen it are through. Used by sweep.ts. Read next: ../../bpf/stash.h, unindex.ts.
 */
import { compareAndSwap64, load64 } from '../../addon/index.ts'
import { LIFE, SLOT_WORD } from '../abi/maps.gen.ts'
import { SLOT, tupleOf, type ConnTable } from './slots.ts'
import { reindex, slotIn, unindex, type Index } from './unindex.ts'

const SHADOWED = BigInt(SLOT_WORD.CONN_SHADOWED << SLOT_WORD.WORD_FLAGS_SHIFT)
const LIFE_BITS = BigInt(SLOT_WORD.WORD_LIFE_MASK)

export interface StashTables extends ConnTable {
  stash: Index
  /** First slot behind the hashed buckets. */
  stashFirst: number
  /** Waits until no program that runs now runs any more. */
  gracePeriod(): void
}

/** A slot that is to be found by its key. */
interface Found {
  slot: number
  key: Uint8Array
  /** It was shadowed here, as its key led to another. */
  isHidden?: true
}

/** The keys of slots that are to be emptied, but for those that newer connections have taken. */
export function unstash(tables: StashTables, slots: readonly number[]): void {
  const newer = slots
    .filter(slot => slot >= tables.stashFirst)
    .flatMap(slot => takeOut(tables, { slot, key: tupleOf(tables, slot) }))
  settle(tables, newer)
}

/** Slots whose shadow was lifted: their keys lead to them, or they are shadowed again. */
export function restash(tables: StashTables, slots: readonly number[]): void {
  settle(
    tables,
    slots.map(slot => ({ slot, key: tupleOf(tables, slot) })),
  )
}

/** Shadows a slot, if it is a connection's of that key still: whether it was not before. */
export function shadow(table: ConnTable, slot: number, key: Uint8Array): boolean {
  return reword(table, slot, key, word => word | SHADOWED)
}

function unshadow(table: ConnTable, slot: number, key: Uint8Array): void {
  reword(table, slot, key, word => word & ~SHADOWED)
}

/** Changes the word of a slot, if it is a connection's of that key still: whether it did. */
function reword(
  table: ConnTable,
  slot: number,
  key: Uint8Array,
  change: (word: bigint) => bigint,
): boolean {
  const at = (slot * SLOT[table.family].size) / 8
  for (;;) {
    const word = load64(table.conns, at)
    if (lifeOf(word) !== LIFE.LIFE_VALID || !isOf(table, slot, key)) return false
    const then = change(word)
    if (then === word || compareAndSwap64(table.conns, at, word, then) === word)
      return then !== word
  }
}

function takeOut({ stash }: StashTables, { slot, key }: Found): Found[] {
  const newer = unindex(stash, key, slot)
  return newer === undefined ? [] : [{ slot: newer, key }]
}

/** Each turn is one grace period, whose packets make the next one's work: hardly ever any. */
function settle(tables: StashTables, found: readonly Found[]): void {
  for (let left = found; left.length > 0;) {
    for (const { slot, key } of left) reindex(tables.stash, key, slot)
    tables.gracePeriod()
    left = left.flatMap(one => unsettled(tables, one))
  }
}

/** What is left to do of one. */
function unsettled(tables: StashTables, one: Found): Found[] {
  const { slot, key } = one
  const life = lifeOf(load64(tables.conns, (slot * SLOT[tables.family].size) / 8))
  if (life === LIFE.LIFE_BUSY) return [one]
  const leads = slotIn(tables.stash, key)
  // It was given up for want of another slot, or its slot is another's by now.
  if (life === LIFE.LIFE_EMPTY || !isOf(tables, slot, key)) return takeOut(tables, one)
  if (leads === undefined) return [one]
  if (leads === slot && one.isHidden) unshadow(tables, slot, key)
  if (leads === slot || one.isHidden) return []
  // Whoever has taken the key may be giving it back, not seeing this shadow: looked at once more.
  return shadow(tables, slot, key) ? [{ ...one, isHidden: true }] : []
}

function lifeOf(word: bigint): number {
  return Number(word & LIFE_BITS)
}

function isOf(table: ConnTable, slot: number, key: Uint8Array): boolean {
  return Buffer.compare(tupleOf(table, slot), key) === 0
}
