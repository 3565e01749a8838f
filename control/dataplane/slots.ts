/**
 * The two connection tables, a family each: one source reads and sweeps both. Slots begin alike and
 * differ in their size and their addresses. Read next: sweep.ts, conns.ts.
 */
import {
  CONN4,
  CONN6,
  FAMILY,
  LIFE,
  SLOT_WORD,
  TUPLE,
  readConn4,
  readConn6,
  writeTuple,
  type Conn4,
} from '../abi/maps.gen.ts'
import { view } from './bytes.ts'

/** Numbers of enum family, which index everything that there is of each. */
export const FAMILIES = [FAMILY.FAMILY_IPV4, FAMILY.FAMILY_IPV6] as const
export type FamilyNumber = (typeof FAMILIES)[number]

/** Something of each family. */
export type Both<T> = readonly [ipv4: T, ipv6: T]

/** What both families have, made once for each. */
export function both<T>(make: (family: FamilyNumber) => T): Both<T> {
  return [make(FAMILY.FAMILY_IPV4), make(FAMILY.FAMILY_IPV6)]
}

/** Size and offsets of each family's slot, in bytes. */
export const SLOT: Both<typeof CONN4 | typeof CONN6> = [CONN4, CONN6]

/** One family's connections, mapped. */
export interface ConnTable {
  family: FamilyNumber
  conns: ArrayBuffer
}

/** A slot as either family has it; addresses are 16 bytes. */
export type Slot = Omit<Conn4, 'caddr' | 'oaddr'> & { caddr: Uint8Array; oaddr: Uint8Array }

const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const IPV4_BYTES = 4

export function readSlot({ family, conns }: ConnTable, slot: number): Slot {
  const v = new DataView(conns)
  const shape = SLOT[family]
  const at = slot * shape.size
  const head = family === FAMILY.FAMILY_IPV4 ? readConn4(v, at) : readConn6(v, at)
  const address = (field: number): Uint8Array => addressAt(family, conns, at + field)
  return { ...head, caddr: address(shape.caddr), oaddr: address(shape.oaddr) }
}

function addressAt(family: FamilyNumber, conns: ArrayBuffer, at: number): Uint8Array {
  const bytes = new Uint8Array(16)
  if (family === FAMILY.FAMILY_IPV6) return new Uint8Array(conns.slice(at, at + bytes.length))
  bytes.fill(255, bytes.length - IPV4_BYTES - 2, bytes.length - IPV4_BYTES)
  bytes.set(new Uint8Array(conns, at, IPV4_BYTES), bytes.length - IPV4_BYTES)
  return bytes
}

/** The tuple that a slot's packets have on the wire, as the stash keys it. */
export function tupleOf(table: ConnTable, slot: number): Uint8Array {
  const { word, caddr, cport, oaddr, oport, protocol } = readSlot(table, slot)
  const isReply = (Number(word & 0xffffffffn) & REPLY) !== 0
  const key = new Uint8Array(TUPLE.size)
  writeTuple(view(key), 0, {
    ...(isReply
      ? { saddr: oaddr, daddr: caddr, sport: oport, dport: cport }
      : { saddr: caddr, daddr: oaddr, sport: cport, dport: oport }),
    protocol,
    family: table.family,
  })
  return key
}

/** Slots in use from one on. */
export function usedFrom({ family, conns }: ConnTable, slot: number): number {
  const words = new Uint32Array(conns)
  const step = SLOT[family].size / 4
  let used = 0
  for (let at = slot * step; at < words.length; at += step)
    if (((words[at] ?? 0) & SLOT_WORD.WORD_LIFE_MASK) === LIFE.LIFE_VALID) used++
  return used
}
