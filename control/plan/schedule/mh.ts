/**
 * mh: Maglev hashing of the client's address, as the kernel does it. Quiesced dests keep the slots
 * of their last weight. Pure. Read next: maglev.ts. Source: net/netfilter/ipvs/ip_vs_mh.c (v6.12);
 * Eisenbud and others: Maglev, a fast and reliable software network load balancer, section 3.4.
 */
import type { Family } from '../../model/address.ts'
import { keyed } from './hash.ts'
import type { TablePlan } from './scheduler.ts'
import { gcd } from './weights.ts'
import { folded, type Table, type TableDest } from './table.ts'

export const mh: TablePlan = { table: ({ dests, family }) => mhTable(dests, family) }

/** The sizes that the kernel can be built with (CONFIG_IP_VS_MH_TAB_INDEX, less its first, 8). */
export const MH_SIZES = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071] as const
const FIRST_INDEX = 8
/** The default's. */
export const MH_SLOTS = 4093

/** Both halves of the key of each hash: golden ratio of 2^32, and a prime beside it. */
export const MH_KEY = 2654435761
export const MH_SKIP_KEY = 2654446892

/**
 * @param dests newest first. Of more than there are slots the newest have none: the kernel leaves
 * its table as it was before them.
 */
export function mhTable(all: readonly TableDest[], family: Family, slots = MH_SLOTS): Table {
  const none = Math.max(0, all.length - slots)
  const dests = all.slice(none)
  const turns = mhTurns(
    dests.map(({ weight, lastWeight = 0 }) => weight || lastWeight),
    slots,
  )
  if (turns.every(count => count === 0)) return new Uint32Array()
  const keys = dests.map(({ address, port }) => folded(address, family) + port)
  const at = keys.map(key => keyed(key, MH_KEY) % slots)
  const skips = keys.map(key => (keyed(key, MH_SKIP_KEY) % (slots - 1)) + 1)
  return filled(at, skips, turns, slots).map(place => place + none)
}

/** Slots that each dest takes in a row. */
export function mhTurns(weights: readonly number[], slots = MH_SLOTS): number[] {
  const divisor = weights.reduce(gcd, 0) || 1
  const largest = Math.max(0, ...weights) / divisor
  const bits = (MH_SIZES.findIndex(size => size === slots) + FIRST_INDEX) >> 1
  const shift = Math.max(0, 32 - Math.clz32(largest) - bits)
  return weights.map(weight => (weight === 0 ? 0 : Math.max(1, (weight / divisor) >> shift)))
}

function filled(at: number[], skips: number[], turns: number[], slots: number): Table {
  const table = new Uint32Array(slots)
  const isTaken = new Uint8Array(slots)
  for (let left = slots; ;)
    for (let dest = 0; dest < turns.length; dest++) {
      let place = at[dest] ?? 0
      for (let turn = turns[dest] ?? 0; turn > 0; turn--) {
        while (isTaken[place] === 1) place = (place + (skips[dest] ?? 1)) % slots
        isTaken[place] = 1
        table[place] = dest
        if (--left === 0) return table
      }
      at[dest] = place
    }
}
