/**
 * The connection table as these tests look at it: the hash of bpf/conn.h written again, ports that
 * meet in a bucket, slots read and changed in the mapped table. Read next: conn_table.test.ts.
 */
import { LIFE, LIMIT, SLOT_WORD, CONN4, readConn4, type Conn4 } from '../../control/abi/maps.gen.ts'
import { ipv4 } from '../../control/model/address.ts'
import type { PacketDirector } from '../support/director.ts'

/** A known secret; any will do. The multiplier's low word must be odd. */
export const KEY = [0x9e3779b9, 0x7f4a7c15, 0xf39cc060, 0x5cedc834, 0x1082276b, 0xf3a27251, 0, 0]
const MASK32 = 0xffffffffn
const MASK64 = (1n << 64n) - 1n

/** A four-tuple as its packets have it on the wire. */
export interface Tuple {
  from: { address: string; port: number }
  to: { address: string; port: number }
  protocol: number
}

/** `tuple('198.51.100.7:40000 > 192.0.2.1:80', 6)`. */
export function tuple(path: string, protocol: number): Tuple {
  const [from = '', to = ''] = path.split(' > ')
  const side = (text: string) => {
    const [address = '', port = '0'] = text.split(':')
    return { address, port: Number(port) }
  }
  return { from: side(from), to: side(to), protocol }
}

/** A network-order number as a little-endian CPU loads it. */
function loaded(bytes: number[]): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

function bytesOf(number: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (number >>> (8 * (count - 1 - i))) & 255)
}

/** The keyed hash of bpf/conn.h. */
export function hashOf({ from, to, protocol }: Tuple, key: number[] = KEY): bigint {
  const k = (i: number): bigint => BigInt(key[i] ?? 0)
  const word = (a: bigint, i: number): bigint => (a + k(i)) & MASK32
  const ports = loaded([...bytesOf(from.port, 2), ...bytesOf(to.port, 2)])
  const [saddr, daddr] = [from, to].map(side => loaded(bytesOf(ipv4(side.address), 4)))
  let sum = word(saddr ?? 0n, 0) * word(daddr ?? 0n, 1) + word(ports, 2) * word(BigInt(protocol), 3)
  sum &= MASK64
  sum ^= sum >> 32n
  sum = (sum * ((k(4) << 32n) | k(5))) & MASK64
  return sum ^ (sum >> 29n)
}

export function firstBucket(hash: bigint, buckets: number): number {
  return Number(hash & BigInt(buckets - 1))
}

export function secondBucket(hash: bigint, buckets: number): number {
  const step = (((hash >> 40n) * 0x9e3779b1n) & MASK32) | 1n
  return Number((BigInt(firstBucket(hash, buckets)) ^ step) & BigInt(buckets - 1))
}

export function stripeOf(hash: bigint): number {
  return Number((hash >> 20n) & BigInt(LIMIT.STRIPES - 1))
}

/** Client ports whose tuples, written by `path`, fit; the first `count`. */
export function portsWhere(
  count: number,
  path: (port: number) => Tuple,
  fits: (hash: bigint) => boolean,
): number[] {
  const found: number[] = []
  for (let port = 1024; port < 65536 && found.length < count; port++)
    if (fits(hashOf(path(port)))) found.push(port)
  if (found.length < count) throw new Error(`only ${found.length} of ${count} ports fit`)
  return found
}

/** A slot in use, with its flags and dest id taken out of the word. */
export interface Slot extends Conn4 {
  index: number
  life: number
  flags: number
  dest: number
}

export function slotAt(lvs: PacketDirector, index: number): Slot {
  const row = readConn4(new DataView(lvs.dataplane.conns), index * CONN4.size)
  const low = Number(row.word & MASK32)
  return {
    ...row,
    index,
    life: low & SLOT_WORD.WORD_LIFE_MASK,
    flags: (low >>> SLOT_WORD.WORD_FLAGS_SHIFT) & 0xff,
    dest: Number(row.word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT)),
  }
}

/** Every slot that is not empty, in table order; those behind the table last. */
export function slots(lvs: PacketDirector): Slot[] {
  const count = lvs.dataplane.conns.byteLength / CONN4.size
  const words = new Uint32Array(lvs.dataplane.conns)
  const used = Array.from({ length: count }, (_, i) => i).filter(
    i => ((words[(i * CONN4.size) / 4] ?? 0) & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_EMPTY,
  )
  return used.map(i => slotAt(lvs, i))
}

/** The request slot of a client's connection. @throws when there is none */
export function requestSlot(lvs: PacketDirector, cport: number): Slot {
  const found = slots(lvs).find(s => s.cport === cport && !(s.flags & SLOT_WORD.CONN_REPLY))
  if (!found) throw new Error(`no connection of client port ${cport}`)
  return found
}

/** Puts a connection, both slots of it, into a TCP state by hand. */
export function setState(lvs: PacketDirector, slot: Slot, state: number): void {
  const v = new DataView(lvs.dataplane.conns)
  for (const index of [slot.index, slot.partner])
    if (index !== LIMIT.NONE) v.setUint8(index * CONN4.size + CONN4.state, state)
}

/** Keys in the stash's hash. */
export function stashed(lvs: PacketDirector): number {
  return lvs.kernel.maps.stash4.lookupBatch().count
}

/** Stripes that are locked. */
export function lockedStripes(lvs: PacketDirector): number {
  const { values } = lvs.kernel.maps.stripes.lookupBatch()
  return values.filter(byte => byte !== 0).length
}
