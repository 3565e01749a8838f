/**
 * dh: the virtual address chooses a slot; the dests have the slots in turn, whatever their weights.
 * Pure. Read next: sh.ts. Source: net/netfilter/ipvs/ip_vs_dh.c (v6.12).
 */
import type { TablePlan } from './scheduler.ts'
import type { Table } from './table.ts'

export const dh: TablePlan = { table: ({ dests }) => dhTable(dests.length) }

/** IP_VS_DH_TAB_SIZE: 2^CONFIG_IP_VS_DH_TAB_BITS, 8. */
export const DH_SLOTS = 256
export const DH_BITS = 8

/** @param count dests in the list */
export function dhTable(count: number): Table {
  if (count === 0) return new Uint32Array()
  return Uint32Array.from({ length: DH_SLOTS }, (_, slot) => slot % count)
}
