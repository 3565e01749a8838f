/**
 * The tables of the bench: the shipped program loaded as the daemon loads it, its tables written by
 * the control plane, its connections made by itself from handshakes. Nothing here writes into the
 * connection table. Assumes root. Read next: ../../control/dataplane/dataplane.ts.
 */
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { openKernel, type Kernel } from '../../control/dataplane/kernel.ts'
import { CONN4, LIFE, REASON, SLOT_WORD, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { formatIpv4, ipv4 } from '../../control/model/address.ts'
import { Network } from '../../control/plan/network.ts'
import { ACK, SYN, type End, type Segment } from './frame.ts'
import { DESTS, type Generator, type Traffic } from './generator.ts'

/** test_run's frames arrive by the loopback interface. */
const IFINDEX = 1
/** Slots of the table that is not measured. */
const SLOTS6 = 1024
export const OWN_MAC = '02:00:00:00:00:01'
export const ROUTER_MAC = '02:00:00:00:02:01'
const ROUTER = '10.1.255.254'
/** Numbers in neighbour tables: NUD_PERMANENT; RTN_UNICAST; RT_TABLE_MAIN. */
const NUD_PERMANENT = 0x80
const RTN_UNICAST = 1
const RT_TABLE_MAIN = 254

/** The forwarding methods that are measured. */
export type Fwd = 'nat' | 'dr'

/** client_addr(0) and client_port(0) of bench.h. */
export const CLIENT: End = { address: ipv4('64.0.0.0'), port: 0x8000 }
export const SERVICES: Record<Fwd, End> = {
  nat: { address: ipv4('192.0.2.1'), port: 80 },
  dr: { address: ipv4('192.0.2.2'), port: 80 },
}
/** A host of somewhere else. */
export const STRANGER: End = { address: ipv4('203.0.113.1'), port: 80 }
const DEST_PORTS: Record<Fwd, number> = { nat: 8080, dr: 80 }

/** Where dest number i listens. */
export function destOf(fwd: Fwd, number: number): End {
  return { address: ipv4('10.1.1.0') + number, port: DEST_PORTS[fwd] }
}

export function destMac(number: number): string {
  return `02:00:00:00:01:${number.toString(16).padStart(2, '0')}`
}

/** A loaded data plane with both services. */
export interface Tables {
  kernel: Kernel
  dataplane: Dataplane
  reasons: BigUint64Array
}

/** @param objects folder of xlvs.bpf.o */
export function openTables(objects: string, slots: number): Tables {
  const kernel = openKernel({ objects, slots: [slots, SLOTS6], manualClock: false })
  const network = syntheticNetwork()
  const dataplane = new Dataplane(kernel, network)
  dataplane.setNetwork(network, new Set([IFINDEX]))
  for (const fwd of ['nat', 'dr'] as const) {
    const { address, port } = SERVICES[fwd]
    const dests = Array.from({ length: DESTS }, (_, i) => destOf(fwd, i))
    dataplane.publish({
      service: { protocol: 'tcp', address: formatIpv4(address), port, scheduler: 'rr' },
      dests: dests.map(d => ({ address: formatIpv4(d.address), port: d.port, fwd, weight: 1 })),
    })
  }
  return { kernel, dataplane, reasons: new BigUint64Array(kernel.maps.reasons.mmap()) }
}

/** One interface, by which clients and dests are reached: every frame leaves where it came in. */
function syntheticNetwork(): Network {
  const neighbour = (address: string, mac: string) => ({
    ...{ ifindex: IFINDEX, address, mac, state: NUD_PERMANENT },
  })
  const route = { table: RT_TABLE_MAIN, type: RTN_UNICAST, ifindex: IFINDEX, metric: 0, mtu: 0 }
  return new Network({
    links: [{ ifindex: IFINDEX, name: 'bench', mac: OWN_MAC, mtu: 1500, up: true }],
    addresses: [
      { ifindex: IFINDEX, address: '10.1.0.1', prefix: 16 },
      ...Object.values(SERVICES).map(s => ({
        ...{ ifindex: IFINDEX, address: formatIpv4(s.address), prefix: 32 },
      })),
    ],
    routes: [
      { ...route, destination: '10.1.0.0', prefix: 16, gateway: '', nexthops: [] },
      { ...route, destination: '0.0.0.0', prefix: 0, gateway: ROUTER, nexthops: [] },
    ],
    neighbours: [
      neighbour(ROUTER, ROUTER_MAC),
      ...Array.from({ length: DESTS }, (_, i) =>
        neighbour(formatIpv4(destOf('nat', i).address), destMac(i)),
      ),
    ],
  })
}

/** Number 0's request, as it arrives. */
export function request(to: End, flags: number): Segment {
  return { from: CLIENT, to, flags, dmac: OWN_MAC, smac: ROUTER_MAC }
}

/** Number 0's reply, as it arrives. */
export function reply(flags: number): Segment {
  return { from: destOf('nat', 0), to: CLIENT, flags, dmac: OWN_MAC, smac: destMac(0) }
}

/**
 * Makes the connections of clients 0 to `clients` - 1, each by its handshake; for DR the answer of
 * the dest is not seen. @throws when a packet did not do what it had to
 */
export function connect(generator: Generator, tables: Tables, fwd: Fwd, clients: number): void {
  const forwarded = fwd === 'nat' ? REASON.NAT_REQUEST : REASON.DIRECT
  const pass = (segment: Segment, isReply: boolean, reason: number) => {
    const traffic: Traffic = { segment, clients: 'new', reply: isReply }
    generator.startAt(0)
    expectReasons(tables, reason, () => {
      generator.run(tables.kernel.program, traffic, clients)
      return clients
    })
  }
  pass(request(SERVICES[fwd], SYN), false, forwarded)
  if (fwd === 'nat') pass(reply(SYN | ACK), true, REASON.NAT_REPLY)
  pass(request(SERVICES[fwd], ACK), false, forwarded)
  const { established, slots } = usage(tables)
  const wanted = fwd === 'nat' ? 2 * clients : clients
  if (established !== clients || slots !== wanted)
    throw new Error(`${clients} ${fwd} connections: ${established} established, ${slots} slots`)
}

/** Connections established, and slots in use. */
export function usage(tables: Tables): { established: number; slots: number } {
  const words = new Uint32Array(tables.dataplane.conns[0])
  const bytes = new Uint8Array(tables.dataplane.conns[0])
  const isReply = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
  let established = 0
  let slots = 0
  for (let at = 0; at < bytes.length; at += CONN4.size) {
    const word = words[at / 4] ?? 0
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID) continue
    slots++
    if (word & isReply) continue
    if (bytes[at + CONN4.state] === TCP_STATE.TCP_ESTABLISHED) established++
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
