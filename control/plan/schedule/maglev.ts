/**
 * maglev: Maglev hashing in a table large enough for a thousand dests, and the same on every
 * director: dests are taken in the order of their names, keys are constants. A quiesced dest is
 * not in it, and its clients go to the others; nearly all clients of the others stay. Pure. Read
 * next: ../../../bpf/sched_maglev.h. Source: Maglev, section 3.4; the weights are ours.
 */
import { addressBytes } from '../../model/address.ts'
import { destName } from '../../model/service.ts'
import { sipHash, type Half64 } from './hash.ts'
import type { TablePlan } from './scheduler.ts'
import type { Table, TableDest } from './table.ts'

export const maglev: TablePlan = { table: ({ dests }) => maglevTable(dests) }

/** A prime, as the walk over all slots needs; a hundred slots a dest and 1 % of balance at 655. */
export const MAGLEV_SLOTS = 65537

/** Of the hash of a dest; the same everywhere: no table depends on who made it. */
const DEST_KEY: readonly [Half64, Half64] = [
  [0x6c767378, 0x676d2e73],
  [0x656c6761, 0x74736576],
]
/** Of the hash of a client. */
export const CLIENT_KEY: readonly [Half64, Half64] = [
  [0x6c767378, 0x676d2e73],
  [0x656c6761, 0x746e6576],
]
const NOBODY = 0xffffffff

/** The slot of a client; its port counts when it is given. */
export function maglevSlot(address: string, port = 0): number {
  return hashOf(CLIENT_KEY, address, port)[0] % MAGLEV_SLOTS
}

/** @param dests in any order; of more than there are slots the last in name have none */
export function maglevTable(dests: readonly TableDest[]): Table {
  const places = dests.map((dest, at) => ({ ...dest, at, name: destName(dest) }))
  const taking = places.filter(({ weight }) => weight > 0)
  taking.sort((a, b) => (a.name < b.name ? -1 : 1))
  if (taking.length === 0) return new Uint32Array()
  const table = filled(new Takers(taking))
  const order = Uint32Array.from(taking, ({ at }) => at)
  for (let slot = 0; slot < table.length; slot++) table[slot] = order[table[slot] ?? 0] ?? 0
  return table
}

/** Each dest's own walk over all slots, and how often it takes one. */
class Takers {
  readonly count: number
  readonly at: Uint32Array
  readonly skip: Uint32Array
  /** Rounds between two slots of the dest: 1 for the heaviest. */
  readonly rounds: Float64Array

  constructor(dests: readonly TableDest[]) {
    const hashes = dests.map(({ address, port }) => hashOf(DEST_KEY, address, port))
    const largest = dests.reduce((max, { weight }) => Math.max(max, weight), 0)
    this.count = dests.length
    this.at = Uint32Array.from(hashes, ([low]) => low % MAGLEV_SLOTS)
    this.skip = Uint32Array.from(hashes, ([, high]) => (high % (MAGLEV_SLOTS - 1)) + 1)
    this.rounds = Float64Array.from(dests, ({ weight }) => largest / weight)
  }
}

/**
 * In each round the heaviest dest takes a slot, the others as often as their weight is of its; in
 * the first all do, so that none is without. Who takes in which round is in a list a round, so that
 * a thousand light dests cost nothing while a heavy one takes.
 */
function filled({ count, at, skip, rounds }: Takers): Table {
  const table = new Uint32Array(MAGLEV_SLOTS).fill(NOBODY)
  const first = new Uint32Array(MAGLEV_SLOTS).fill(NOBODY)
  const last = new Uint32Array(MAGLEV_SLOTS)
  const next = new Uint32Array(count)
  const taken = new Uint32Array(count)
  const enter = (round: number, dest: number): void => {
    if (round >= MAGLEV_SLOTS) return
    if (first[round] === NOBODY) first[round] = dest
    else next[last[round] ?? 0] = dest
    last[round] = dest
    next[dest] = NOBODY
  }
  for (let dest = 0; dest < count; dest++) enter(0, dest)
  let left = MAGLEV_SLOTS
  for (let round = 0; ; round++)
    for (let dest = first[round] ?? NOBODY; dest !== NOBODY;) {
      const after = next[dest] ?? NOBODY
      let slot = at[dest] ?? 0
      const step = skip[dest] ?? 1
      while (table[slot] !== NOBODY) {
        slot += step
        if (slot >= MAGLEV_SLOTS) slot -= MAGLEV_SLOTS
      }
      table[slot] = dest
      at[dest] = slot
      if (--left === 0) return table
      const times = (taken[dest] ?? 0) + 1
      taken[dest] = times
      enter(Math.floor(times * (rounds[dest] ?? 1)), dest)
      dest = after
    }
}

/** SipHash-1-3 of the address's 16 bytes and the port as it is on the wire. */
function hashOf(key: readonly [Half64, Half64], address: string, port: number): Half64 {
  const words = new DataView(addressBytes(address).buffer)
  const u32 = (at: number): number => words.getUint32(at, true)
  return sipHash(key, [
    [u32(0), u32(4)],
    [u32(8), u32(12)],
    [(port >> 8) | ((port & 0xff) << 8), MESSAGE_BYTES << 24],
  ])
}

const MESSAGE_BYTES = 18
