/**
 * The sweep: takes connections that are overdue out of the mapped table, does their accounting, and
 * frees their slots one grace period later. Runs in a worker (sweep_worker.ts), in tests by hand.
 * A slot goes VALID -> DEAD by compare-and-swap here, then DEAD -> EMPTY after no reader can hold
 * it; ENDED -> EMPTY the same way, its connection being counted no more. Assumes it is the only one
 * that frees. Read next: ../../bpf/conn.h, ending.ts.
 * Differs from LVS: a connection over its time is found and listed no more, and leaves the counts
 * up to a second later, with the next sweep.
 */
import { add32, and64Batch, compareAndSwap64Batch, load64 } from '../../addon/index.ts'
import { CONN4, DEST_CONNS, LIFE, LIMIT, SLOT_WORD } from '../abi/maps.gen.ts'
import { forgetCalls, type CallMaps } from './calls.ts'
import {
  controlsOf,
  dropControls,
  endsByTemplate,
  isTemplate,
  revive,
  minuteAfter,
  templatesOver,
  type ControlTable,
} from './control.ts'
import { readSlot, SLOT, tupleOf, type ConnTable } from './slots.ts'
import { restash, shadow, unstash, type StashTables } from './stashed.ts'
import { afterRelease } from './threshold.ts'

/** Ticks a slot must be overdue: a packet that found it just in time has long finished. */
const MARGIN_TICKS = 2
/** Words from a slot's begin; CONN4's offsets are both families': see struct conn. */
const DEADLINE = CONN4.deadline / 4
const PARTNER = CONN4.partner / 4
const PORTS = CONN4.cport / 4
const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const SHADOWED = SLOT_WORD.CONN_SHADOWED << FLAGS_SHIFT
const INACTIVE = BigInt(SLOT_WORD.CONN_INACTIVE << FLAGS_SHIFT)
const BUCKET_BITS = BigInt((SLOT_WORD.BUCKET_OVERFLOW | SLOT_WORD.BUCKET_STASHED) << FLAGS_SHIFT)
const ALL_BITS = (1n << 64n) - 1n
const LOW = 0xffff_ffffn

/** One family's table and what belongs to it. */
export interface SweepTables extends ControlTable, StashTables {
  destConns: ArrayBuffer
  /** Ticks, not rounded. */
  second: number
  calls: CallMaps
}

export interface SweepResult {
  /** Connections freed. */
  expired: number
  /** Slots in use after the sweep, replies included. */
  used: number
}

/** The slots of a table as 32-bit words, and how many words each has. */
interface Words {
  words: Uint32Array
  step: number
}

function wordsOf({ family, conns }: ConnTable): Words {
  return { words: new Uint32Array(conns), step: SLOT[family].size / 4 }
}

/** Connections that are freed between two heartbeats: some tenths of a second of work. */
const SLICE = 65_536

/**
 * One pass over all slots at a given time, in ticks. `beat` is called between slices of the work:
 * millions that are overdue at once must not make the data plane take the sweep for gone.
 */
export function sweep(
  tables: SweepTables,
  now: number,
  beat: () => void = () => undefined,
): SweepResult {
  const slots = wordsOf(tables)
  const { overdue, templates, ended, shadowed, behind, used } = findOverdue(slots, now)
  const ends = endsByTemplate(tables, templates.length > 0 ? overdue : [])
  let expired = ended.filter(slot => !((slots.words[slot * slots.step] ?? 0) & REPLY)).length
  const shadows = shadowsOf(tables, shadowed, behind)
  let freed = 0
  const free = (dead: number[]): void => {
    empty(tables, slots, shadows, dead)
    freed += dead.length
  }
  for (let from = 0; from < overdue.length; from += SLICE) {
    beat()
    const slice = overdue.slice(from, from + SLICE).filter(at => isOverdue(slots, at, now))
    free(kill(tables, slots, slice))
    expired += slice.length
  }
  const over = templatesOver(tables, templates, ends, (now - MARGIN_TICKS) | 0, tables.second)
  for (let from = 0; from < over.length; from += SLICE) {
    beat()
    const dead = kill(tables, slots, over.slice(from, from + SLICE))
    free(dead)
    expired += dead.length
  }
  for (let from = 0; from < ended.length; from += SLICE) {
    beat()
    const slice = ended.slice(from, from + SLICE).filter(at => isEnded(slots, at))
    dropControls(tables, slice)
    free(slice)
  }
  return { expired, used: used - freed }
}

/** Frees slots that are dead or ended, when nobody can see them any more. */
function empty(
  tables: SweepTables,
  slots: Words,
  { replies, requests }: Record<'replies' | 'requests', Shadows>,
  dead: number[],
): void {
  tables.gracePeriod()
  forgetCalls(tables, tables.calls, dead)
  const heirs = [
    ...heirsOf(tables, slots, replies, dead, REPLY),
    ...heirsOf(tables, slots, requests, dead, 0),
  ]
  succeed(tables, slots, heirs, dead)
  and64Batch(tables.conns, wordsAt(tables, dead), BUCKET_BITS, dead.length)
}

function isEnded({ words, step }: Words, slot: number): boolean {
  return ((words[slot * step] ?? 0) & SLOT_WORD.WORD_LIFE_MASK) === LIFE.LIFE_ENDED
}

/** Whether a slot is a request that is overdue, as it was when it was found. */
function isOverdue({ words, step }: Words, slot: number, now: number): boolean {
  const word = words[slot * step] ?? 0
  if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || word & REPLY) return false
  return (((words[slot * step + DEADLINE] ?? 0) - (now - MARGIN_TICKS)) | 0) < 0
}

/**
 * After a crash in mid-sweep: slots left DEAD, and replies whose request is gone. A template that
 * was to go and has connections goes on.
 */
export function repair(tables: SweepTables): number {
  const slots = wordsOf(tables)
  const { words, step } = slots
  const left: number[] = []
  const shadowed: number[] = []
  const behind: number[] = []
  for (let slot = 0, at = 0; at < words.length; slot++, at += step) {
    const word = words[at] ?? 0
    const life = word & SLOT_WORD.WORD_LIFE_MASK
    if (life === LIFE.LIFE_DEAD && isController(tables, slot, word))
      revive(tables, slot, words[at + DEADLINE] ?? 0)
    else if (life === LIFE.LIFE_DEAD) left.push(slot)
    else if (life === LIFE.LIFE_VALID && word & REPLY && !hasRequest(slots, slot)) left.push(slot)
    else if (life !== LIFE.LIFE_VALID || !(word & SHADOWED)) continue
    else if (word & REPLY) shadowed.push(slot)
    else if (isBehind(word, words[at + PORTS] ?? 0)) behind.push(slot)
  }
  if (left.length === 0) return 0
  swapAllToDead(tables, left)
  dropControls(tables, left)
  empty(tables, slots, shadowsOf(tables, shadowed, behind), left)
  return left.length
}

function hasRequest({ words, step }: Words, reply: number): boolean {
  const partner = words[reply * step + PARTNER] ?? LIMIT.NONE
  const life = (words[partner * step] ?? 0) & SLOT_WORD.WORD_LIFE_MASK
  return (
    (life === LIFE.LIFE_VALID || life === LIFE.LIFE_BUSY) &&
    words[partner * step + PARTNER] === reply
  )
}

/** The hot loop: one load a slot, two more for each that is in use. */
function findOverdue(
  { words, step }: Words,
  now: number,
): Record<'overdue' | 'templates' | 'ended' | 'shadowed' | 'behind', number[]> & {
  used: number
} {
  const overdue: number[] = []
  const templates: number[] = []
  const ended: number[] = []
  const shadowed: number[] = []
  const behind: number[] = []
  const latest = (now - MARGIN_TICKS) | 0
  const end = words.length
  let used = 0
  for (let at = 0; at < end; at += step) {
    const word = words[at] as number
    const life = word & SLOT_WORD.WORD_LIFE_MASK
    if (life !== LIFE.LIFE_VALID) {
      if (life !== LIFE.LIFE_ENDED) continue
      used++
      ended.push(at / step)
      continue
    }
    used++
    if ((word & REPLY) !== 0) {
      if ((word & SHADOWED) !== 0) shadowed.push(at / step)
      continue
    }
    if ((word & SHADOWED) !== 0 && isBehind(word, words[at + PORTS] as number))
      behind.push(at / step)
    if ((((words[at + DEADLINE] as number) - latest) | 0) >= 0) continue
    if (isTemplate(word)) {
      templates.push(at / step)
      continue
    }
    const partner = words[at + PARTNER] as number
    if (partner !== LIMIT.NONE) {
      const deadline = words[partner * step + DEADLINE] as number
      if (((deadline - latest) | 0) >= 0) continue
    }
    overdue.push(at / step)
  }
  return { overdue, templates, ended, shadowed, behind, used }
}

/** Whether a newer connection shadows a request: packets find no template, and none from port 0. */
function isBehind(word: number, ports: number): boolean {
  return !isTemplate(word) && (ports & 0xffff) !== 0
}

/** Where the words of slots are, in 64-bit words. */
function wordsAt({ family }: ConnTable, slots: number[]): Uint32Array {
  const step = SLOT[family].size / 8
  return Uint32Array.from(slots, slot => slot * step)
}

/**
 * Marks slots DEAD whatever the data plane does to their words meanwhile (it may set a flag): a
 * reply that stayed VALID would be emptied under its readers.
 */
function swapAllToDead(table: ConnTable, slots: number[]): void {
  for (let left = slots; left.length > 0;) {
    const was = swapToDead(table, left)
    left = left.filter((_, i) => was[i] === undefined)
  }
}

/** Marks slots DEAD; for each, what its word was, undefined when it changed on the way. */
function swapToDead(table: ConnTable, slots: number[]): (bigint | undefined)[] {
  const at = wordsAt(table, slots)
  const expected = new BigUint64Array(slots.length)
  const wanted = new BigUint64Array(slots.length)
  slots.forEach((_, i) => {
    const word = load64(table.conns, at[i] ?? 0)
    expected[i] = word
    wanted[i] = (word & (ALL_BITS ^ BigInt(SLOT_WORD.WORD_LIFE_MASK))) | BigInt(LIFE.LIFE_DEAD)
  })
  const swapped = compareAndSwap64Batch(table.conns, at, expected, wanted, slots.length)
  return slots.map((_, i) => (swapped[i] ? expected[i] : undefined))
}

/** Requests and their replies to DEAD, the dests' counts put right; the slots that are now dead. */
function kill(tables: SweepTables, { words, step }: Words, requests: number[]): number[] {
  const was = swapToDead(tables, requests)
  const dead: number[] = []
  const replies: number[] = []
  requests.forEach((slot, i) => {
    const word = was[i]
    if (word === undefined) return
    if (isValid(word) && isController(tables, slot, Number(word & LOW))) {
      revive(tables, slot, minuteAfter(words[slot * step + DEADLINE] ?? 0, tables.second))
      return
    }
    dead.push(slot)
    if (!isValid(word)) return
    const partner = words[slot * step + PARTNER] ?? LIMIT.NONE
    if (partner !== LIMIT.NONE) replies.push(partner)
    uncount(tables.destConns, word)
  })
  dropControls(tables, dead)
  swapAllToDead(tables, replies)
  return [...dead, ...replies]
}

/** Whether connections of it keep a template. */
function isController(tables: SweepTables, slot: number, low: number): boolean {
  return isTemplate(low) && controlsOf(tables, slot) > 0
}

/** Whether a word is that of a slot that packets find; what has ended is not counted. */
export function isValid(word: bigint): boolean {
  return (word & BigInt(SLOT_WORD.WORD_LIFE_MASK)) === BigInt(LIFE.LIFE_VALID)
}

/** Takes a connection or a template off its dest's counts. */
export function uncount(destConns: ArrayBuffer, word: bigint): void {
  const dest = Number(word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT))
  const counted = word & INACTIVE ? DEST_CONNS.inactive : DEST_CONNS.active
  const field = isTemplate(Number(word & LOW)) ? DEST_CONNS.persistent : counted
  add32(destConns, (dest * DEST_CONNS.size + field) / 4, -1)
  afterRelease(destConns, dest)
}

/** The shadowed slots by their keys: made once a sweep, when first asked for; empty: none. */
type Shadows = () => Map<string, number[]>

function shadowsOf(
  table: ConnTable,
  replies: number[],
  requests: number[],
): Record<'replies' | 'requests', Shadows> {
  return { replies: keptShadows(table, replies), requests: keptShadows(table, requests) }
}

function keptShadows(table: ConnTable, shadowed: number[]): Shadows {
  let kept: Map<string, number[]> | undefined
  return () => (kept ??= Map.groupBy(shadowed, slot => keyText(table, slot)))
}

function keyText(table: ConnTable, slot: number): string {
  return Buffer.from(tupleOf(table, slot)).toString('hex')
}

/** Who answers for a key next, and the dead who answered. */
interface Heir {
  slot: number
  key: Uint8Array
  dead: number[]
}

/**
 * Where the newest connection of a key has gone, the newest of the others answers again. Requests
 * of one key are those of a client to which several dests of the sip engine have told something.
 * `reply` is REPLY or 0: which of the two are looked at.
 * Anybody may shadow millions: no slice of the sweep may look at all of them.
 */
function heirsOf(
  tables: SweepTables,
  { words, step }: Words,
  shadows: Shadows,
  dead: number[],
  reply: number,
): Heir[] {
  const wordOf = (slot: number): number => words[slot * step] ?? 0
  const answered = dead.filter(slot => (wordOf(slot) & (REPLY | SHADOWED)) === reply)
  if (answered.length === 0 || shadows().size === 0) return []
  const heirs: Heir[] = []
  for (const [key, dead] of Map.groupBy(answered, slot => keyText(tables, slot))) {
    let newest: { slot: number; rank: number } | undefined
    for (const slot of shadows().get(key) ?? []) {
      // Since it was found it may have died, and its slot may be another's.
      if (!isShadowed(wordOf(slot), reply) || keyText(tables, slot) !== key) continue
      const request = reply ? (words[slot * step + PARTNER] ?? 0) : slot
      const rank = readSlot(tables, request).nexthop
      if (rank >= (newest?.rank ?? 0)) newest = { slot, rank }
    }
    if (newest) heirs.push({ slot: newest.slot, key: Buffer.from(key, 'hex'), dead })
  }
  return heirs
}

/** Keys of the dead leave the stash when who is in the table is found again, but for its own. */
function succeed(tables: SweepTables, slots: Words, heirs: Heir[], dead: number[]): void {
  const isBehind = ({ slot }: Heir): boolean => slot >= tables.stashFirst
  const stashed = heirs.filter(isBehind)
  lift(
    tables,
    slots,
    heirs.filter(heir => !isBehind(heir)),
  )
  unstash(tables, dead)
  lift(tables, slots, stashed)
  restash(
    tables,
    stashed.map(({ slot }) => slot),
  )
}

/**
 * Lifts shadows, before the dead are emptied. A packet that gives the key to a newer connection
 * shadows the dead first and then looks for others: it finds the heir, or is seen here.
 */
function lift(tables: SweepTables, { words, step }: Words, heirs: Heir[]): void {
  const at = wordsAt(
    tables,
    heirs.map(({ slot }) => slot),
  )
  and64Batch(tables.conns, at, ALL_BITS ^ BigInt(SHADOWED), heirs.length)
  for (const { slot, key, dead } of heirs)
    if (dead.some(one => ((words[one * step] ?? 0) & SHADOWED) !== 0)) shadow(tables, slot, key)
}

function isShadowed(word: number, reply: number): boolean {
  const life = word & SLOT_WORD.WORD_LIFE_MASK
  return life === LIFE.LIFE_VALID && (word & (REPLY | SHADOWED)) === (reply | SHADOWED)
}
