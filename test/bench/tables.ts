/**
 * The tables of the bench: the shipped program loaded as the daemon loads it, its tables written by
 * the control plane, its connections made by itself from handshakes. Nothing here writes into the
 * connection table. Assumes root. Read next: ../../control/dataplane/dataplane.ts.
 */
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { openKernel, type Kernel } from '../../control/dataplane/kernel.ts'
import {
  CONN4,
  CONN6,
  FAMILY,
  LIFE,
  REASON,
  SLOT_WORD,
  TCP_STATE,
} from '../../control/abi/maps.gen.ts'
import type { Both } from '../../control/dataplane/slots.ts'
import { familyOf, type Family } from '../../control/model/address.ts'
import { Network } from '../../control/plan/network.ts'
import { ACK, SYN, type End, type Segment } from './frame.ts'
import { DESTS, type Generator } from './generator.ts'

/** test_run's frames arrive by the loopback interface. */
const IFINDEX = 1
export const OWN_MAC = '02:00:00:00:00:01'
export const ROUTER_MAC = '02:00:00:00:02:01'
const ROUTER = '10.1.255.254'
const ROUTER6 = '2001:db8:1::ffff'
/** This host's address where the dests are: the source of tunnels. */
export const OWN = '10.1.0.1'
/** Numbers in neighbour tables: NUD_PERMANENT; RTN_UNICAST; RT_TABLE_MAIN. */
const NUD_PERMANENT = 0x80
const RTN_UNICAST = 1
const RT_TABLE_MAIN = 254

/** A forwarding method in a family; without a number it is IPv4. */
export type Way = 'nat' | 'dr' | 'tun' | 'nat6' | 'dr6'

/** client_addr(0), client_addr6(0) and client_port(0) of bench.h. */
const CLIENT_PORT = 0x8000
const CLIENTS = { 4: '64.0.0.0', 6: '2001:db8:ffff::' } as const
export const SERVICES: Record<Way, End> = {
  nat: { address: '192.0.2.1', port: 80 },
  dr: { address: '192.0.2.2', port: 80 },
  tun: { address: '192.0.2.3', port: 80 },
  nat6: { address: '2001:db8::1', port: 80 },
  dr6: { address: '2001:db8::2', port: 80 },
}
/** Virtual addresses for the rows of schedulers. */
export const SCHEDULED = Array.from({ length: 200 }, (_, i) => `192.0.2.${10 + i}`)
/** A host of somewhere else. */
export const STRANGER: End = { address: '203.0.113.1', port: 80 }

/** Client number 0 of a way's family. */
export function clientOf(way: Way): End {
  return { address: CLIENTS[familyOf(SERVICES[way].address)], port: CLIENT_PORT }
}

/** Where dest number i listens. */
export function destOf(way: Way, number: number): End {
  const net = familyOf(SERVICES[way].address) === 6 ? '2001:db8:1::' : '10.1.1.'
  const last = net.includes(':') ? number.toString(16) : String(number)
  // Number 0 is written as RFC 5952 has it, which is how the data plane reads it.
  const address = net.includes(':') && number === 0 ? net : `${net}${last}`
  return { address, port: isNat(way) ? 8080 : 80 }
}

export function isNat(way: Way): boolean {
  return way.startsWith('nat')
}

export function destMac(number: number): string {
  return `02:00:00:00:01:${number.toString(16).padStart(2, '0')}`
}

/** A loaded data plane with all services. */
export interface Tables {
  kernel: Kernel
  dataplane: Dataplane
  reasons: BigUint64Array
}

/** @param objects folder of xlvs.bpf.o */
export function openTables(objects: string, slots: Both<number>): Tables {
  const kernel = openKernel({ objects, slots, manualClock: false })
  const network = syntheticNetwork()
  const dataplane = new Dataplane(kernel, network)
  dataplane.setNetwork(network, new Set([IFINDEX]))
  for (const way of Object.keys(SERVICES) as Way[]) {
    const dests = Array.from({ length: DESTS }, (_, i) => destOf(way, i))
    const fwd = way === 'tun' ? 'tun' : isNat(way) ? 'nat' : 'dr'
    dataplane.publish({
      service: { protocol: 'tcp', ...SERVICES[way], scheduler: 'rr' },
      dests: dests.map(dest => ({ ...dest, fwd, weight: 1 })),
    })
  }
  return { kernel, dataplane, reasons: new BigUint64Array(kernel.maps.reasons.mmap()) }
}

/** One interface, by which clients and dests are reached: every frame leaves where it came in. */
function syntheticNetwork(): Network {
  const neighbour = (address: string, mac: string) => ({
    ...{ ifindex: IFINDEX, address, mac, state: NUD_PERMANENT },
  })
  const dests = (way: Way) =>
    Array.from({ length: DESTS }, (_, i) => neighbour(destOf(way, i).address, destMac(i)))
  const route = { table: RT_TABLE_MAIN, type: RTN_UNICAST, ifindex: IFINDEX, metric: 0, mtu: 0 }
  const local = (address: string, prefix: number) => ({ ifindex: IFINDEX, address, prefix })
  return new Network({
    links: [{ ifindex: IFINDEX, name: 'bench', mac: OWN_MAC, mtu: 1500, up: true }],
    addresses: [
      local(OWN, 16),
      ...SCHEDULED.map(address => local(address, 32)),
      ...Object.values(SERVICES).map(s => local(s.address, s.address.includes(':') ? 128 : 32)),
    ],
    routes: [
      { ...route, destination: '10.1.0.0', prefix: 16, gateway: '', nexthops: [] },
      { ...route, destination: '0.0.0.0', prefix: 0, gateway: ROUTER, nexthops: [] },
      { ...route, destination: '2001:db8:1::', prefix: 64, gateway: '', nexthops: [] },
      { ...route, destination: '::', prefix: 0, gateway: ROUTER6, nexthops: [] },
    ],
    neighbours: [
      neighbour(ROUTER, ROUTER_MAC),
      neighbour(ROUTER6, ROUTER_MAC),
      ...dests('nat'),
      ...dests('nat6'),
    ],
  })
}

/** Number 0's request, as it arrives. */
export function request(way: Way, flags: number): Segment {
  const macs = { dmac: OWN_MAC, smac: ROUTER_MAC }
  return { from: clientOf(way), to: SERVICES[way], flags, ...macs, whole: way === 'tun' }
}

/** Number 0's reply, as it arrives. */
export function reply(way: Way, flags: number): Segment {
  return { from: destOf(way, 0), to: clientOf(way), flags, dmac: OWN_MAC, smac: destMac(0) }
}

/** What a way's requests leave for. */
export const REQUEST_REASON: Record<Way, number> = {
  nat: REASON.NAT_REQUEST,
  nat6: REASON.NAT_REQUEST,
  dr: REASON.DIRECT,
  dr6: REASON.DIRECT,
  tun: REASON.TUNNEL,
}

/**
 * Makes the connections of clients 0 to `clients` - 1, each by its handshake; but for NAT the
 * answer of the dest is not seen. @throws when a packet did not do what it had to
 */
export function connect(generator: Generator, tables: Tables, way: Way, clients: number): void {
  const pass = (segment: Segment, isReply: boolean, reason: number) => {
    const traffic = { segment, clients: 'new', reply: isReply, tunnelled: way === 'tun' } as const
    generator.startAt(0)
    expectReasons(tables, reason, () => {
      generator.run(tables.kernel.program, traffic, clients)
      return clients
    })
  }
  pass(request(way, SYN), false, REQUEST_REASON[way])
  if (isNat(way)) pass(reply(way, SYN | ACK), true, REASON.NAT_REPLY)
  pass(request(way, ACK), false, REQUEST_REASON[way])
  const { established, slots } = usage(tables, familyOf(SERVICES[way].address))
  const wanted = isNat(way) ? 2 * clients : clients
  if (established !== clients || slots !== wanted)
    throw new Error(`${clients} ${way} connections: ${established} established, ${slots} slots`)
}

/** Connections established, and slots in use. */
export function usage(tables: Tables, family: Family): { established: number; slots: number } {
  const table = tables.dataplane.conns[family === 6 ? FAMILY.FAMILY_IPV6 : FAMILY.FAMILY_IPV4]
  const { size, state } = family === 6 ? CONN6 : CONN4
  const words = new Uint32Array(table)
  const bytes = new Uint8Array(table)
  const isReply = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
  let established = 0
  let slots = 0
  for (let at = 0; at < bytes.length; at += size) {
    const word = words[at / 4] ?? 0
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID) continue
    slots++
    if (word & isReply) continue
    if (bytes[at + state] === TCP_STATE.TCP_ESTABLISHED) established++
  }
  return { established, slots }
}

/** Packets by reason, over all CPUs. */
export function reasonsOf(tables: Tables): number[] {
  const counts = new Array<number>(REASON.REASONS_MAX).fill(0)
  tables.reasons.forEach((n, i) => {
    const reason = i % REASON.REASONS_MAX
    counts[reason] = (counts[reason] ?? 0) + Number(n)
  })
  return counts
}

/** Does something that makes packets, and asks that all of them left for one reason. */
export function expectReasons(tables: Tables, reason: number, act: () => number): void {
  const before = reasonsOf(tables)
  const packets = act()
  reasonsOf(tables).forEach((after, i) => {
    const moved = after - (before[i] ?? 0)
    const wanted = i === reason ? packets : 0
    if (moved !== wanted)
      throw new Error(`${nameOf(i)}: ${moved} packets, expected ${wanted} of ${packets}`)
  })
}

function nameOf(reason: number): string {
  return Object.entries(REASON).find(([, number]) => number === reason)?.[0] ?? String(reason)
}
