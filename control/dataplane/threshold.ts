/**
 * Connection thresholds where xlvsd changes what they depend on; the data plane's part is
 * ../../bpf/threshold.h. Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_unbind_dest, ip_vs_ctl.c
 * __ip_vs_update_dest (v6.12, and the 6.1 of Debian 12).
 */
import { store32 } from '../../addon/index.ts'
import { DEST_CONNS, type DestConns } from '../abi/maps.gen.ts'
import type { Dest } from '../model/service.ts'

/** A dest's thresholds as its row has them; without a lower one three quarters of the upper. */
export function thresholdsOf({ upper = 0, lower = 0 }: Pick<Dest, 'upper' | 'lower'>): {
  upper: number
  lower: number
} {
  return { upper, lower: lower || upper - Math.floor(upper / 4) }
}

/** Whether a dest is overloaded once these are its thresholds; in between it stays what it is. */
export function afterEdit({ active, inactive, overloaded, upper, lower }: DestConns): number {
  const count = (active + inactive) >>> 0
  if (upper === 0 || count < lower) return 0
  return count >= upper ? 1 : overloaded
}

const words = new WeakMap<ArrayBuffer, Uint32Array>()

/** To be called when a connection of a dest was released: it may get new ones again. */
export function afterRelease(destConns: ArrayBuffer, dest: number): void {
  const all = words.get(destConns) ?? new Uint32Array(destConns)
  words.set(destConns, all)
  const at = (field: number): number => all[(dest * DEST_CONNS.size + field) / 4] as number
  if (at(DEST_CONNS.overloaded) === 0) return
  const count = (at(DEST_CONNS.active) + at(DEST_CONNS.inactive)) | 0
  if (at(DEST_CONNS.upper) === 0 || count < at(DEST_CONNS.lower))
    store32(destConns, (dest * DEST_CONNS.size + DEST_CONNS.overloaded) / 4, 0)
}
