/**
 * sh: the client's address chooses a slot; each dest has as many slots in a row as its weight says,
 * a quiesced one too has one. Pure. Read next: mh.ts.
 * Source: net/netfilter/ipvs/ip_vs_sh.c (v6.12).
 */
import type { TablePlan } from './scheduler.ts'
import type { Table } from './table.ts'

export const sh: TablePlan = {
  table: ({ dests }) => shTable(dests.map(({ weight }) => weight)),
}

/** IP_VS_SH_TAB_SIZE: 2^CONFIG_IP_VS_SH_TAB_BITS, 8. */
export const SH_SLOTS = 256
export const SH_BITS = 8

/** @param weights of the dests, newest first */
export function shTable(weights: readonly number[]): Table {
  if (weights.length === 0) return new Uint32Array()
  const table = new Uint32Array(SH_SLOTS)
  let [dest, taken] = [0, 0]
  for (let slot = 0; slot < SH_SLOTS; slot++) {
    table[slot] = dest
    if (++taken < (weights[dest] ?? 0)) continue
    dest = (dest + 1) % weights.length
    taken = 0
  }
  return table
}
