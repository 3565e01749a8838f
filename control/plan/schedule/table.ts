/**
 * What the schedulers with a table have in common: a table is a number a slot, which is a place in
 * the list of dests. Pure. Read next: dh.ts, sh.ts, mh.ts, maglev.ts.
 */
import { addressBytes, familyOf, ipv4, type Family } from '../../model/address.ts'

/** A dest as tables see it, in IPVS' order: newest first. */
export interface TableDest {
  address: string
  /** Its own port; 0 when it has none. */
  port: number
  weight: number
  /** Quiesced: the last weight that was not 0. */
  lastWeight?: number
}

/** Places in the list of dests, a slot each; empty: there is nothing to choose from. */
export type Table = Uint32Array

/**
 * An address as 32 bits, by its service's family, as the kernel takes them: of IPv4 the address, of
 * IPv6 the exclusive-or of its four words. A tunnel's dest may be of the other family.
 */
export function folded(address: string, family: Family): number {
  if (familyOf(address) === 4) return ipv4(address)
  const words = new DataView(addressBytes(address).buffer)
  if (family === 4) return words.getUint32(0)
  return [4, 8, 12].reduce((sum, at) => (sum ^ words.getUint32(at)) >>> 0, words.getUint32(0))
}
