/**
 * The rows of the bench: which program, on which traffic, against which floor, and how it is known
 * that it did its work. Read next: tables.ts (what the rows run on), measure.ts.
 */
import type { BpfProgram } from '../../addon/index.ts'
import { REASON } from '../../control/abi/maps.gen.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { mac } from '../../control/model/address.ts'
import { natDeltas, tunnelSum } from '../../control/plan/checksum.ts'
import { ACK, SYN, frameOf, wireBytes, type End, type Segment } from './frame.ts'
import { DESTS, type Generator, type Traffic } from './generator.ts'
import { markRows } from './marks.ts'
import { schedulerRows } from './schedulers.ts'
import {
  OWN,
  OWN_MAC,
  REQUEST_REASON,
  ROUTER_MAC,
  SERVICES,
  STRANGER,
  clientOf,
  connect,
  destMac,
  destOf,
  isNat,
  openTables,
  reply,
  request,
  type Tables,
  type Way,
} from './tables.ts'

const XDP_PASS = 2
const XDP_TX = 3
/** Clients of the .1m rows. */
export const MANY = 2 ** 20
/** Half full with MANY NAT connections of two slots; the same table is swept. */
const NAT_SLOTS = 4 * MANY
/** A quarter full: an IPv6 slot fills a cache line, so that a second look costs another one. */
const NAT6_SLOTS = 8 * MANY
/** Half full with MANY connections of one slot. */
const ONE_SLOTS = 2 * MANY
/** Of a table that nothing is put into. */
const NO_SLOTS = 1024

export interface Row {
  name: string
  program: BpfProgram
  traffic: Traffic
  retval: number
  /** What number 0's packet becomes. */
  becomes: Uint8Array
  /** The row it is held against. */
  floor?: string
  /** Gate: at most so many times the floor. */
  ratioMax?: number
  /** Rounds that suffice; else all of them. */
  rounds?: number
  /** To be done before each run. */
  before?: () => void
  /** The shipped program's: whose tables, and the one reason all packets leave for. */
  shipped?: { tables: Tables; reason: number }
}

export interface Bench {
  rows: Row[]
  /** The tables with the NAT connections, which are swept. */
  nat: Tables
}

/** Who has the connections of each way; one table is one way's. */
type TablesOf = Record<Way, Tables>

/** Loads, fills and connects everything. `freshSlots`: room for all connections of the .new rows */
export function setUp(
  generator: Generator,
  objects: string,
  freshSlots: number,
  say: (what: string) => void,
): Bench {
  say('loading the shipped program')
  const nat = openTables(objects, [NAT_SLOTS, NAT6_SLOTS])
  const dr = openTables(objects, [ONE_SLOTS, ONE_SLOTS])
  const tun = openTables(objects, [ONE_SLOTS, NO_SLOTS])
  const fresh = openTables(objects, [freshSlots, NO_SLOTS])
  const tables = { nat, dr, tun, nat6: nat, dr6: dr }
  say('filling the floors')
  fillFloors(generator)
  for (const way of Object.keys(tables) as Way[]) {
    say(`making ${MANY} ${way} connections`)
    connect(generator, tables[way], way, MANY)
  }
  const rows = [
    ...plainRows(generator, nat),
    ...establishedRows(generator, tables, 1, 'hot', 1.6),
    ...establishedRows(generator, tables, MANY, '1m', 2),
    ...newRows(generator, fresh),
    ...schedulerRows(objects),
    ...markRows(objects),
  ]
  return { nat, rows }
}

/** Rows that know no connection. */
function plainRows(generator: Generator, tables: Tables): Row[] {
  const segment = { ...request('nat', ACK), to: STRANGER }
  const traffic: Traffic = { segment, clients: 1 }
  const frame = frameOf(segment)
  const back = frameOf({ ...segment, dmac: segment.smac, smac: segment.dmac })
  const floor = (name: string) => generator.program(name)
  const pass = { traffic, retval: XDP_PASS, becomes: frame }
  const shipped = { tables, reason: REASON.NO_CONNECTION }
  return [
    { name: 'empty', program: floor('empty'), traffic, retval: XDP_TX, becomes: frame },
    { name: 'tx', program: floor('tx'), traffic, retval: XDP_TX, becomes: back },
    { name: 'floor.pass', program: floor('floor_pass'), ...pass },
    { name: 'pass', program: tables.kernel.program, ...pass, floor: 'floor.pass', shipped },
  ]
}

/** Rows of connections that are established, drawn at random from so many. */
function establishedRows(
  generator: Generator,
  tables: TablesOf,
  clients: number,
  suffix: string,
  ratioMax: number,
): Row[] {
  const pair = (way: Way, name: string, floor: string, asked: Pair, isReply = false): Row[] => {
    const row = {
      name: `floor.${name}.${suffix}`,
      program: generator.program(floor),
      traffic: { segment: asked.from, clients, reply: isReply, tunnelled: way === 'tun' },
      retval: XDP_TX,
      becomes: frameOf(asked.becomes),
    }
    const reason = isReply ? REASON.NAT_REPLY : REQUEST_REASON[way]
    const shipped = {
      ...{ name: `${name}.${suffix}`, program: tables[way].kernel.program },
      ...{ floor: row.name, ratioMax, shipped: { tables: tables[way], reason } },
    }
    return [row, { ...row, ...shipped }]
  }
  const request = (way: Way) => pair(way, way, `floor_${way}`, forwarded(way, ACK))
  const reply = (way: Way, floor: string) => pair(way, `${way}.reply`, floor, replied(way), true)
  const [natFloor, nat] = request('nat') as [Row, Row]
  const hashed = { name: `hash.nat.${suffix}`, program: generator.program('hash_nat') }
  return [
    ...[natFloor, nat, { ...natFloor, ...hashed, floor: natFloor.name }],
    ...reply('nat', 'floor_reply'),
    ...request('dr'),
    ...request('tun'),
    ...request('nat6'),
    // Of these a million would say nothing new.
    ...(clients === 1 ? [...reply('nat6', 'floor_reply6'), ...request('dr6')] : []),
  ]
}

/** Rows in which every packet is the first of its connection. */
function newRows(generator: Generator, tables: Tables): Row[] {
  const pair = (way: 'nat' | 'dr'): Row[] => {
    const { from, becomes } = forwarded(way, SYN)
    const shared = {
      traffic: { segment: from, clients: 'new' as const },
      retval: XDP_TX,
      becomes: frameOf(becomes),
    }
    const floor = `floor.${way}.new`
    const { program } = tables.kernel
    const shipped = { tables, reason: REQUEST_REASON[way] }
    return [
      { ...shared, name: floor, program: generator.program(`floor_new_${way}`) },
      { ...shared, name: `${way}.new`, program, floor, shipped },
    ]
  }
  return [...pair('nat'), ...pair('dr')]
}

/** Number 0's packet as it comes and as it goes on. */
interface Pair {
  from: Segment
  becomes: Segment
}

function forwarded(way: Way, flags: number): Pair {
  const from = request(way, flags)
  const dest = destOf(way, 0)
  const becomes = { ...from, dmac: destMac(0), smac: OWN_MAC, ttl: 63 }
  if (way === 'tun')
    return { from, becomes: { ...becomes, outer: { from: OWN, to: dest.address } } }
  return { from, becomes: isNat(way) ? { ...becomes, to: dest } : becomes }
}

function replied(way: Way): Pair {
  const from = reply(way, ACK)
  const macs = { dmac: ROUTER_MAC, smac: OWN_MAC }
  return { from, becomes: { ...from, from: SERVICES[way], to: clientOf(way), ...macs, ttl: 63 } }
}

/** Gives the floors and the kernel hash what the shipped program has in its own tables. */
function fillFloors(generator: Generator): void {
  for (const [way, suffix] of [
    ['nat', ''],
    ['nat6', '6'],
  ] as const)
    for (let i = 0; i < DESTS; i++) {
      const [vip, dest] = [SERVICES[way], destOf(way, i)]
      const there = floorDest(dest, destMac(i), natDeltas(vip, dest))
      const back = floorDest(vip, ROUTER_MAC, natDeltas(dest, vip))
      generator.map(`floor_dests${suffix}`).update(key32(i), there)
      generator.map(`floor_services${suffix}`).update(key32(i), back)
    }
  for (let i = 0; i < DESTS; i++)
    generator.map('floor_tunnels').update(key32(i), floorTunnel(destOf('tun', i), destMac(i)))
  generator.startAt(0)
  const traffic: Traffic = { segment: request('nat', ACK), clients: 'new' }
  generator.run(generator.program('fill'), traffic, MANY)
  const failures = generator.get('failures')
  if (failures > 0) throw new Error(`the kernel hash refused ${failures} of ${MANY} connections`)
}

/** struct floor_dest of floor.h. */
function floorDest(
  to: End,
  dmac: string,
  deltas: { ipDelta: number; l4Delta: number },
): Uint8Array {
  const bytes = new Uint8Array(64)
  const v = new DataView(bytes.buffer)
  const address = wireBytes(to.address)
  bytes.set(address, address.length === 4 ? 0 : 32)
  v.setUint16(4, to.port)
  bytes.set(mac(dmac), 8)
  bytes.set(mac(OWN_MAC), 14)
  v.setUint32(20, deltas.ipDelta, true)
  v.setUint32(24, deltas.l4Delta, true)
  return bytes
}

function floorTunnel(to: End, dmac: string): Uint8Array {
  const bytes = floorDest(to, dmac, { ipDelta: 0, l4Delta: 0 })
  new DataView(bytes.buffer).setUint32(28, tunnelSum(OWN, to.address), true)
  bytes.set(wireBytes(OWN), 48)
  bytes.set(wireBytes(to.address), 52)
  return bytes
}
