/**
 * The sweep: takes connections that are overdue out of the mapped table, does their accounting, and
 * frees their slots one grace period later. Runs in a worker (sweep_worker.ts), in tests by hand.
 * A slot goes VALID -> DEAD by compare-and-swap here, then DEAD -> EMPTY after no reader can hold
 * it. Assumes it is the only one that frees. Read next: ../../bpf/conn.h.
 */
import { add32, and64Batch, compareAndSwap64Batch, load64, type BpfMap } from '../../addon/index.ts'
import {
  CONN4,
  DEST_CONNS,
  LIFE,
  LIMIT,
  SLOT_WORD,
  WIRE_KEY,
  writeWireKey,
} from '../abi/maps.gen.ts'
import { view } from './bytes.ts'

/** Ticks a slot must be overdue: a packet that found it just in time has long finished. */
const MARGIN_TICKS = 2
const WORDS_PER_SLOT = CONN4.size / 4
const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const SHADOWED = SLOT_WORD.CONN_SHADOWED << FLAGS_SHIFT
const INACTIVE = BigInt(SLOT_WORD.CONN_INACTIVE << FLAGS_SHIFT)
const BUCKET_BITS = BigInt((SLOT_WORD.BUCKET_OVERFLOW | SLOT_WORD.BUCKET_STASHED) << FLAGS_SHIFT)
const ALL_BITS = (1n << 64n) - 1n

export interface SweepTables {
  conns: ArrayBuffer
  destConns: ArrayBuffer
  stash: BpfMap
  /** First slot behind the hashed buckets. */
  stashFirst: number
  /** Waits until no program that runs now runs any more. */
  gracePeriod(): void
}

export interface SweepResult {
  /** Connections freed. */
  expired: number
  /** Slots in use after the sweep, replies included. */
  used: number
}

/** One pass over all slots at a given time, in ticks. */
export function sweep(tables: SweepTables, now: number): SweepResult {
  const words = new Uint32Array(tables.conns)
  const { overdue, shadowed, used } = findOverdue(words, now)
  if (overdue.length === 0) return { expired: 0, used }
  const dead = kill(tables, words, overdue)
  tables.gracePeriod()
  unstash(tables, dead)
  liftShadows(tables, words, shadowed, dead)
  const at = Uint32Array.from(dead, slot => slot * (CONN4.size / 8))
  and64Batch(tables.conns, at, BUCKET_BITS, dead.length)
  return { expired: overdue.length, used: used - dead.length }
}

/** After a crash in mid-sweep: slots left DEAD, and replies whose request is gone. */
export function repair(tables: SweepTables): number {
  const words = new Uint32Array(tables.conns)
  const left: number[] = []
  for (let slot = 0, at = 0; at < words.length; slot++, at += WORDS_PER_SLOT) {
    const word = words[at] ?? 0
    const life = word & SLOT_WORD.WORD_LIFE_MASK
    if (life === LIFE.LIFE_DEAD) left.push(slot)
    else if (life === LIFE.LIFE_VALID && word & REPLY && !hasRequest(words, slot)) left.push(slot)
  }
  if (left.length === 0) return 0
  swapAllToDead(tables.conns, left)
  tables.gracePeriod()
  unstash(tables, left)
  const at = Uint32Array.from(left, slot => slot * (CONN4.size / 8))
  and64Batch(tables.conns, at, BUCKET_BITS, left.length)
  return left.length
}

function hasRequest(words: Uint32Array, reply: number): boolean {
  const partner = words[reply * WORDS_PER_SLOT + CONN4.partner / 4] ?? LIMIT.NONE
  const life = (words[partner * WORDS_PER_SLOT] ?? 0) & SLOT_WORD.WORD_LIFE_MASK
  return (
    (life === LIFE.LIFE_VALID || life === LIFE.LIFE_BUSY) &&
    words[partner * WORDS_PER_SLOT + CONN4.partner / 4] === reply
  )
}

/** The hot loop: one load a slot, two more for each that is in use. */
function findOverdue(
  words: Uint32Array,
  now: number,
): { overdue: number[]; shadowed: number[]; used: number } {
  const overdue: number[] = []
  const shadowed: number[] = []
  const latest = (now - MARGIN_TICKS) | 0
  const end = words.length
  let used = 0
  for (let at = 0; at < end; at += WORDS_PER_SLOT) {
    const word = words[at] as number
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID) continue
    used++
    if ((word & SHADOWED) !== 0) shadowed.push(at / WORDS_PER_SLOT)
    if ((word & REPLY) !== 0) continue
    if ((((words[at + CONN4.deadline / 4] as number) - latest) | 0) >= 0) continue
    const partner = words[at + CONN4.partner / 4] as number
    if (partner !== LIMIT.NONE) {
      const deadline = words[partner * WORDS_PER_SLOT + CONN4.deadline / 4] as number
      if (((deadline - latest) | 0) >= 0) continue
    }
    overdue.push(at / WORDS_PER_SLOT)
  }
  return { overdue, shadowed, used }
}

/**
 * Marks slots DEAD whatever the data plane does to their words meanwhile (it may set a flag): a
 * reply that stayed VALID would be emptied under its readers.
 */
function swapAllToDead(conns: ArrayBuffer, slots: number[]): void {
  for (let left = slots; left.length > 0;) {
    const was = swapToDead(conns, left)
    left = left.filter((_, i) => was[i] === undefined)
  }
}

/** Marks slots DEAD; for each, what its word was, undefined when it changed on the way. */
function swapToDead(conns: ArrayBuffer, slots: number[]): (bigint | undefined)[] {
  const at = Uint32Array.from(slots, slot => slot * (CONN4.size / 8))
  const expected = new BigUint64Array(slots.length)
  const wanted = new BigUint64Array(slots.length)
  slots.forEach((_, i) => {
    const word = load64(conns, at[i] ?? 0)
    expected[i] = word
    wanted[i] = (word & (ALL_BITS ^ BigInt(SLOT_WORD.WORD_LIFE_MASK))) | BigInt(LIFE.LIFE_DEAD)
  })
  const swapped = compareAndSwap64Batch(conns, at, expected, wanted, slots.length)
  return slots.map((_, i) => (swapped[i] ? expected[i] : undefined))
}

/** Requests and their replies to DEAD, the dests' counts put right; the slots that are now dead. */
function kill(tables: SweepTables, words: Uint32Array, requests: number[]): number[] {
  const was = swapToDead(tables.conns, requests)
  const dead: number[] = []
  const replies: number[] = []
  requests.forEach((slot, i) => {
    const word = was[i]
    if (word === undefined) return
    dead.push(slot)
    const partner = words[slot * WORDS_PER_SLOT + CONN4.partner / 4] ?? LIMIT.NONE
    if (partner !== LIMIT.NONE) replies.push(partner)
    uncount(tables.destConns, word)
  })
  swapAllToDead(tables.conns, replies)
  return [...dead, ...replies]
}

function uncount(destConns: ArrayBuffer, word: bigint): void {
  const dest = Number(word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT))
  const field = word & INACTIVE ? DEST_CONNS.inactive : DEST_CONNS.active
  add32(destConns, (dest * DEST_CONNS.size + field) / 4, -1)
}

/** The four-tuple a slot's packets have on the wire, as the stash keys it. */
function wireKey(v: DataView, slot: number): Uint8Array {
  const at = slot * CONN4.size
  const isReply = (v.getUint32(at, true) & REPLY) !== 0
  const client = { addr: v.getUint32(at + CONN4.caddr), port: v.getUint16(at + CONN4.cport) }
  const other = { addr: v.getUint32(at + CONN4.oaddr), port: v.getUint16(at + CONN4.oport) }
  const [from, to] = isReply ? [other, client] : [client, other]
  const key = new Uint8Array(WIRE_KEY.size)
  writeWireKey(view(key), 0, {
    saddr: from.addr,
    daddr: to.addr,
    sport: from.port,
    dport: to.port,
    protocol: v.getUint8(at + CONN4.protocol),
  })
  return key
}

/** A stashed slot's key goes too, unless a newer connection has taken it. */
function unstash(tables: SweepTables, dead: number[]): void {
  const v = new DataView(tables.conns)
  for (const slot of dead) {
    if (slot < tables.stashFirst) continue
    const key = wireKey(v, slot)
    const value = tables.stash.lookup(key)
    if (value && view(value).getUint32(0, true) === slot) tables.stash.delete(key)
  }
}

/** Where the newer of two connections with one reply key has gone, the older answers again. */
function liftShadows(
  tables: SweepTables,
  words: Uint32Array,
  shadowed: number[],
  dead: number[],
): void {
  if (shadowed.length === 0) return
  const v = new DataView(tables.conns)
  const text = (slot: number): string => Buffer.from(wireKey(v, slot)).toString('hex')
  const gone = new Set(
    dead
      .filter(slot => (words[slot * WORDS_PER_SLOT] ?? 0) & REPLY)
      .filter(slot => !((words[slot * WORDS_PER_SLOT] ?? 0) & SHADOWED))
      .map(text),
  )
  const alive = shadowed.filter(slot => !dead.includes(slot) && gone.has(text(slot)))
  const at = Uint32Array.from(alive, slot => slot * (CONN4.size / 8))
  and64Batch(tables.conns, at, ALL_BITS ^ BigInt(SHADOWED), alive.length)
}
