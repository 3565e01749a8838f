/**
 * The rows of the bench: which program, on which traffic, against which floor, and how it is known
 * that it did its work. Read next: tables.ts (what the rows run on), measure.ts.
 */
import type { BpfProgram } from '../../addon/index.ts'
import { REASON } from '../../control/abi/maps.gen.ts'
import { natDeltas } from '../../control/plan/checksum.ts'
import { formatIpv4, mac } from '../../control/model/address.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { ACK, SYN, frameOf, type Segment } from './frame.ts'
import { DESTS, swap32, type Generator, type Traffic } from './generator.ts'
import { CLIENT, OWN_MAC, ROUTER_MAC, SERVICES, STRANGER } from './tables.ts'
import { connect, destMac, destOf, openTables, reply, request } from './tables.ts'
import type { Fwd, Tables } from './tables.ts'

const XDP_PASS = 2
const XDP_TX = 3
/** Clients of the .1m rows. */
export const MANY = 2 ** 20
/** Half full with MANY NAT connections of two slots; the same table is swept. */
const NAT_SLOTS = 4 * MANY
/** Half full with MANY DR connections. */
const DR_SLOTS = 2 * MANY

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
  /** The shipped program's: whose tables, and the one reason all packets leave for. */
  shipped?: { tables: Tables; reason: number }
}

export interface Bench {
  rows: Row[]
  /** Where every row's packets are counted that has tables. */
  nat: Tables
  dr: Tables
  fresh: Tables
}

/** Loads, fills and connects everything. `freshSlots`: room for all connections of the .new rows */
export function setUp(
  generator: Generator,
  objects: string,
  freshSlots: number,
  say: (what: string) => void,
): Bench {
  say('loading the shipped program')
  const nat = openTables(objects, NAT_SLOTS)
  const dr = openTables(objects, DR_SLOTS)
  const fresh = openTables(objects, freshSlots)
  say('filling the floors')
  fillFloors(generator)
  say(`making ${MANY} nat connections`)
  connect(generator, nat, 'nat', MANY)
  say(`making ${MANY} dr connections`)
  connect(generator, dr, 'dr', MANY)
  return { nat, dr, fresh, rows: rowsOf(generator, { nat, dr, fresh }) }
}

function rowsOf(generator: Generator, tables: Omit<Bench, 'rows'>): Row[] {
  return [
    ...plainRows(generator, tables.nat),
    ...establishedRows(generator, tables, 1, 'hot', 1.6),
    ...establishedRows(generator, tables, MANY, '1m', 2),
    ...newRows(generator, tables.fresh),
  ]
}

/** Rows that know no connection. */
function plainRows(generator: Generator, tables: Tables): Row[] {
  const segment = request(STRANGER, ACK)
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
  tables: Omit<Bench, 'rows'>,
  clients: number,
  suffix: string,
  ratioMax: number,
): Row[] {
  const row = (name: string, program: string, from: Segment, becomes: Segment): Row => ({
    name: `${name}.${suffix}`,
    program: generator.program(program),
    traffic: { segment: from, clients, reply: from.to === CLIENT },
    retval: XDP_TX,
    becomes: frameOf(becomes),
  })
  const shipped = (floor: Row, of: Tables, reason: number): Row => ({
    ...floor,
    name: floor.name.replace('floor.', ''),
    program: of.kernel.program,
    floor: floor.name,
    ratioMax,
    shipped: { tables: of, reason },
  })
  const nat = forwarded('nat', ACK)
  const dr = forwarded('dr', ACK)
  const natFloor = row('floor.nat', 'floor_nat', nat.from, nat.becomes)
  const replyFloor = row('floor.nat.reply', 'floor_reply', reply(ACK), replied(ACK))
  const drFloor = row('floor.dr', 'floor_dr', dr.from, dr.becomes)
  return [
    natFloor,
    shipped(natFloor, tables.nat, REASON.NAT_REQUEST),
    { ...row('hash.nat', 'hash_nat', nat.from, nat.becomes), floor: natFloor.name },
    replyFloor,
    shipped(replyFloor, tables.nat, REASON.NAT_REPLY),
    drFloor,
    shipped(drFloor, tables.dr, REASON.DIRECT),
  ]
}

/** Rows in which every packet is the first of its connection. */
function newRows(generator: Generator, tables: Tables): Row[] {
  const pair = (fwd: Fwd, reason: number): Row[] => {
    const { from, becomes } = forwarded(fwd, SYN)
    const shared = {
      traffic: { segment: from, clients: 'new' as const },
      retval: XDP_TX,
      becomes: frameOf(becomes),
    }
    const floor = `floor.${fwd}.new`
    const { program } = tables.kernel
    return [
      { ...shared, name: floor, program: generator.program(`floor_new_${fwd}`) },
      { ...shared, name: `${fwd}.new`, program, floor, shipped: { tables, reason } },
    ]
  }
  return [...pair('nat', REASON.NAT_REQUEST), ...pair('dr', REASON.DIRECT)]
}

/** Number 0's request as it comes and as it goes on. */
function forwarded(fwd: Fwd, flags: number): { from: Segment; becomes: Segment } {
  const from = request(SERVICES[fwd], flags)
  const to = fwd === 'nat' ? destOf(fwd, 0) : from.to
  return { from, becomes: { ...from, to, dmac: destMac(0), smac: OWN_MAC, ttl: 63 } }
}

/** Number 0's reply as it goes on. */
function replied(flags: number): Segment {
  return {
    ...{ from: SERVICES.nat, to: CLIENT, flags },
    ...{ dmac: ROUTER_MAC, smac: OWN_MAC, ttl: 63 },
  }
}

/** Gives the floors and the kernel hash what the shipped program has in its own tables. */
function fillFloors(generator: Generator): void {
  for (let i = 0; i < DESTS; i++) {
    const to = destOf('nat', i)
    const there = natDeltas(named(SERVICES.nat), named(to))
    const back = natDeltas(named(to), named(SERVICES.nat))
    generator.map('floor_dests').update(key32(i), floorDest(to, destMac(i), there))
    generator.map('floor_services').update(key32(i), floorDest(SERVICES.nat, ROUTER_MAC, back))
  }
  generator.startAt(0)
  const traffic: Traffic = { segment: request(SERVICES.nat, ACK), clients: 'new' }
  generator.run(generator.program('fill'), traffic, MANY)
  const failures = generator.get('failures')
  if (failures > 0) throw new Error(`the kernel hash refused ${failures} of ${MANY} connections`)
}

function named({ address, port }: { address: number; port: number }) {
  return { address: formatIpv4(address), port }
}

/** struct floor_dest of floor.h. */
function floorDest(
  to: { address: number; port: number },
  dmac: string,
  deltas: { ipDelta: number; l4Delta: number },
): Uint8Array {
  const bytes = new Uint8Array(64)
  const v = new DataView(bytes.buffer)
  v.setUint32(0, swap32(to.address), true)
  v.setUint16(4, to.port)
  bytes.set(mac(dmac), 8)
  bytes.set(mac(OWN_MAC), 14)
  v.setUint32(20, deltas.ipDelta, true)
  v.setUint32(24, deltas.l4Delta, true)
  return bytes
}
