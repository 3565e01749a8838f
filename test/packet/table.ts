/**
 * The connection table as these tests look at it: the hash of bpf/conn.h written again, ports that
 * meet in a bucket, slots read and changed in the mapped table. Read next: conn_table.test.ts.
 */
import {
  CONN4,
  CONN6,
  FAMILY,
  LIFE,
  LIMIT,
  readConn4,
  readConn6,
  SLOT_WORD,
  TUPLE,
} from '../../control/abi/maps.gen.ts'
import { tupleOf } from '../../control/dataplane/slots.ts'
import { formatIpv4, ipv4 } from '../../control/model/address.ts'
import type { PacketDirector } from '../support/director.ts'
import { IPV4, type Family } from '../support/families.ts'
import { addressText } from '../support/wire.ts'

/** A known secret; any will do. The multiplier's low word must be odd. */
export const KEY = [
  ...[
    0x9e3779b9, 0x7f4a7c15, 0xf39cc060, 0x5cedc834, 0x1082276b, 0xf3a27251, 0x2545f491, 0x4f6cdd1d,
  ],
  ...[
    0xd1b54a32, 0xd192ed03, 0xaef17502, 0x108ef2d9, 0x94d049bb, 0x133111eb, 0xbf58476d, 0x1ce4e5b9,
  ],
]
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

/** A slot in use, addresses as text, flags and dest id taken out of the word. */
export interface Slot {
  index: number
  word: bigint
  life: number
  flags: number
  dest: number
  cport: number
  oport: number
  protocol: number
  state: number
  nexthop: number
  deadline: number
  partner: number
  caddr: string
  oaddr: string
}

/** The mapped connection table of a family, its stash at the end. */
export function connTable(lvs: PacketDirector, f: Family = IPV4): ArrayBuffer {
  const { conns4, conns6 } = lvs.kernel.maps
  const map = f === IPV4 ? conns4 : conns6
  const known = mapped.get(map) ?? map.mmap()
  mapped.set(map, known)
  return known
}
const mapped = new WeakMap<object, ArrayBuffer>()

function layoutOf(f: Family) {
  return f === IPV4 ? CONN4 : CONN6
}

export function slotAt(lvs: PacketDirector, index: number, f: Family = IPV4): Slot {
  const v = new DataView(connTable(lvs, f))
  const at = index * layoutOf(f).size
  const row = f === IPV4 ? readConn4(v, at) : readConn6(v, at)
  const low = Number(row.word & MASK32)
  return {
    ...row,
    index,
    life: low & SLOT_WORD.WORD_LIFE_MASK,
    flags: (low >>> SLOT_WORD.WORD_FLAGS_SHIFT) & 0xff,
    dest: Number(row.word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT)),
    caddr: textOf(row.caddr),
    oaddr: textOf(row.oaddr),
  }
}

function textOf(address: number | Uint8Array): string {
  return typeof address === 'number' ? formatIpv4(address) : addressText(Buffer.from(address))
}

/** Every slot that is not empty, in table order; those behind the table last. */
export function slots(lvs: PacketDirector, f: Family = IPV4): Slot[] {
  const table = connTable(lvs, f)
  const { size } = layoutOf(f)
  const words = new Uint32Array(table)
  const used = Array.from({ length: table.byteLength / size }, (_, i) => i).filter(
    i => ((words[(i * size) / 4] ?? 0) & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_EMPTY,
  )
  return used.map(i => slotAt(lvs, i, f))
}

/** The request slot of a client's connection. @throws when there is none */
export function requestSlot(lvs: PacketDirector, cport: number, f: Family = IPV4): Slot {
  const found = slots(lvs, f).find(s => s.cport === cport && !(s.flags & SLOT_WORD.CONN_REPLY))
  if (!found) throw new Error(`no connection of client port ${cport}`)
  return found
}

/** Puts a connection, both slots of it, into a TCP state by hand. */
export function setState(lvs: PacketDirector, slot: Slot, state: number, f: Family = IPV4): void {
  const { size, state: offset } = layoutOf(f)
  const v = new DataView(connTable(lvs, f))
  for (const index of [slot.index, slot.partner])
    if (index !== LIMIT.NONE) v.setUint8(index * size + offset, state)
}

/** Puts both deadlines of a connection to a tick. */
export function setDeadline(lvs: PacketDirector, slot: Slot, tick: number, f: Family = IPV4): void {
  const { size, deadline } = layoutOf(f)
  const v = new DataView(connTable(lvs, f))
  for (const index of [slot.index, slot.partner])
    if (index !== LIMIT.NONE) v.setUint32(index * size + deadline, tick, true)
}

/** Takes every empty slot of the table: new connections find room behind it only. */
export function fillTable(lvs: PacketDirector, f: Family = IPV4): void {
  const words = new Uint32Array(connTable(lvs, f))
  const { stashFirst } = lvs.tables[f === IPV4 ? 0 : 1]
  for (let slot = 0; slot < stashFirst; slot++) {
    const at = (slot * layoutOf(f).size) / 4
    const word = words[at] ?? 0
    if ((word & SLOT_WORD.WORD_LIFE_MASK) === LIFE.LIFE_EMPTY) words[at] = word | LIFE.LIFE_BUSY
  }
}

/** Keys in the stash's hash, of both families. */
export function stashed(lvs: PacketDirector): number {
  return lvs.kernel.maps.stash.lookupBatch().count
}

/** Keys of a family in the stash's hash, as hex, with the slot each leads to. */
export function stashKeys(lvs: PacketDirector, f: Family): Map<string, number> {
  const { keys, values, count } = lvs.kernel.maps.stash.lookupBatch()
  const size = keys.length / count
  const family = f === IPV4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6
  const all = Array.from({ length: count }, (_, i) => {
    const key = Buffer.from(keys.subarray(i * size, (i + 1) * size))
    return { key, slot: Buffer.from(values).readUInt32LE(4 * i) }
  })
  const ours = all.filter(({ key }) => key[TUPLE.family] === family)
  return new Map(ours.map(({ key, slot }) => [key.toString('hex'), slot]))
}

/** What the packets of a slot have on the wire, as a key of the stash in hex. */
export function stashKeyOf(lvs: PacketDirector, slot: number, f: Family): string {
  const family = f === IPV4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6
  return Buffer.from(tupleOf({ family, conns: connTable(lvs, f) }, slot)).toString('hex')
}

/** Stripes that are locked. */
export function lockedStripes(lvs: PacketDirector): number {
  const { values } = lvs.kernel.maps.stripes.lookupBatch()
  return values.filter(byte => byte !== 0).length
}
