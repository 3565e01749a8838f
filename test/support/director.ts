/**
 * A director for packet tests: the real program and the real compiled tables, in a network made up
 * for the test, on a clock it moves. Frames go through BPF_PROG_TEST_RUN. Read next: frames.ts.
 */
import { fileURLToPath } from 'node:url'
import { store32 } from '../../addon/index.ts'
import { LIMIT, REASON, SETTINGS } from '../../control/abi/maps.gen.ts'
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { gracePeriods } from '../../control/dataplane/grace.ts'
import type { Kernel } from '../../control/dataplane/kernel.ts'
import { sweep, type SweepResult, type SweepTables } from '../../control/dataplane/sweep.ts'
import { mac } from '../../control/model/address.ts'
import { SCHEDULERS, type ConnView, type Dest, type Service } from '../../control/model/service.ts'
import type { ServiceIntent } from '../../control/plan/intent.ts'
import { Network, type Facts, type RouteFact } from '../../control/plan/network.ts'
import { DIRECTOR_MAC, macOf } from './frames.ts'
import { kernelFor, type Teardown } from './kernels.ts'

/** Folder of the compiled programs; XLVS_OBJECTS names another, to see tests fail on it. */
const OBJECTS =
  process.env['XLVS_OBJECTS'] ?? fileURLToPath(new URL('../../build', import.meta.url))
const CLIENT = '198.51.100.7'
const ROUTER = '198.51.100.254'
/** BPF_PROG_TEST_RUN lets frames come in by the loopback device, whose index is 1. */
const INGRESS = 1
/** A second interface, so that some frames are redirected. */
export const OTHER_INTERFACE = 2
const NUD_PERMANENT = 0x80
export const XDP = { drop: 1, pass: 2, tx: 3, redirect: 4 } as const

export interface Received {
  frame: Uint8Array
  /** XDP action, see XDP. */
  verdict: number
  /** Why the packet left, in lower case words. */
  reason: string
}

export interface PacketDirector {
  kernel: Kernel
  dataplane: Dataplane
  intents: ServiceIntent[]
  /** What sweep() sweeps; a test may sweep it in its own way. */
  tables: SweepTables
  /** Sends a frame to the director and tells what became of it. Its MACs are set. */
  run(frame: Uint8Array, macs?: { smac?: string; dmac?: string }): Received
  /** The same, only the frame that came out. */
  receive(frame: Uint8Array): Uint8Array
  /** Moves the clock. */
  advance(seconds: number): void
  sweep(): SweepResult
  conns(): ConnView[]
  /** Counts of a dest, by its address. */
  counts(address: string): { active: number; inactive: number }
  publish(): void
  setNetwork(change: (facts: Facts) => void): void
}

export interface DirectorOptions {
  slots?: number
  key?: number[]
  /** Folder in a bpffs to pin in, or to adopt what is pinned there; nothing is pinned without. */
  bpffs?: string
  /** MTU of the one interface. */
  mtu?: number
  /** Dests behind OTHER_INTERFACE. */
  behindOther?: string[]
}

/**
 * A director with services, written like this, newest dest last:
 *
 *   tcp 192.0.2.1:80 rr
 *     -> 10.0.0.2:8080 nat weight 1
 */
export async function director(
  t: Teardown,
  text: string,
  options: DirectorOptions = {},
): Promise<PacketDirector> {
  const intents = parseServices(text)
  const kernel = await kernelFor(t, {
    objects: OBJECTS,
    slots: options.slots ?? 1024,
    manualClock: true,
    ...(options.key ? { key: options.key } : {}),
    ...(options.bpffs ? { bpffs: options.bpffs } : {}),
  })
  let clock = kernel.adopted ? kernel.clock() : 1000
  const settings = kernel.maps.settings.mmap()
  const setClock = () => {
    store32(settings, SETTINGS.clock / 4, clock)
  }
  const facts = makeFacts(intents, options)
  const dataplane = new Dataplane(kernel, new Network(facts))
  setClock()
  const publish = () => {
    dataplane.setNetwork(new Network(facts), new Set([INGRESS]))
    for (const intent of intents) dataplane.publish(intent)
  }
  publish()
  const run = runner(kernel)
  const tables = sweepTables(kernel, dataplane.conns)
  return {
    kernel,
    dataplane,
    intents,
    run,
    receive: frame => run(frame).frame,
    advance: seconds => {
      clock += Math.round(seconds * kernel.ticksPerSecond)
      setClock()
    },
    tables,
    sweep: () => sweep(tables, kernel.clock()),
    conns: () => dataplane.listConns(),
    counts: address => countsOf(dataplane, intents, address),
    publish,
    setNetwork: change => {
      change(facts)
      publish()
    },
  }
}

/** What a sweep needs of a kernel that nothing is pinned of. */
export function sweepTables(kernel: Kernel, conns: ArrayBuffer): SweepTables {
  return {
    conns,
    destConns: kernel.maps.dest_conns.mmap(),
    stash: kernel.maps.stash4,
    stashFirst: (kernel.config.bucket_mask + 1) * LIMIT.SLOTS_PER_BUCKET,
    gracePeriod: gracePeriods(),
  }
}

function runner(kernel: Kernel): PacketDirector['run'] {
  return (frame, macs = {}) => {
    const sent = Buffer.from(frame)
    if (sent.length >= 12) {
      const from = `${sent[26] ?? 0}.${sent[27] ?? 0}.${sent[28] ?? 0}.${sent[29] ?? 0}`
      sent.set(mac(macs.dmac ?? DIRECTOR_MAC), 0)
      sent.set(mac(macs.smac ?? macOf(from)), 6)
    }
    const before = reasonCounts(kernel)
    const out = kernel.program.testRun({ data: sent })
    const moved = reasonCounts(kernel).map((n, i) => n - (before[i] ?? 0))
    const left = moved.flatMap((n, i) => Array<number>(n).fill(i))
    if (left.length !== 1) throw new Error(`left with ${left.length} reasons: ${left.join(', ')}`)
    return { frame: out.data, verdict: out.retval, reason: reasonName(left[0] ?? 0) }
  }
}

export function reasonName(number: number): string {
  const found = Object.entries(REASON).find(([, n]) => n === number)
  return (found?.[0] ?? `reason ${number}`).toLowerCase().replaceAll('_', ' ')
}

/** Packets by reason number, all CPUs. */
export function reasonCounts(kernel: Kernel): number[] {
  const counts = new BigUint64Array(kernel.maps.reasons.mmap(true))
  return Array.from({ length: REASON.REASONS_MAX }, (_, reason) => {
    let sum = 0
    for (let cpu = 0; cpu < kernel.sizes.cpus; cpu++)
      sum += Number(counts[cpu * REASON.REASONS_MAX + reason] ?? 0n)
    return sum
  })
}

function countsOf(dataplane: Dataplane, intents: ServiceIntent[], address: string) {
  for (const { service, dests } of intents)
    for (const dest of dests)
      if (dest.address === address) {
        const { active, inactive } = dataplane.tables.destConns.get(
          dataplane.tables.destId(service, dest) ?? 0,
        )
        return { active: active | 0, inactive: inactive | 0 }
      }
  throw new Error(`no dest ${address} in this test`)
}

/** Services from their text; dests come out newest first. */
export function parseServices(text: string): ServiceIntent[] {
  const intents: ServiceIntent[] = []
  for (const line of text
    .split('\n')
    .map(l => l.trim())
    .filter(l => l !== '')) {
    const words = line.split(/\s+/)
    if (words[0] === '->') intents.at(-1)?.dests.unshift(parseDest(words))
    else intents.push({ service: parseService(words), dests: [] })
  }
  return intents
}

function parseService([protocol, where = '', scheduler = 'rr']: string[]): Service {
  const [address = '', port = ''] = where.split(':')
  return {
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    address,
    port: Number(port),
    scheduler: SCHEDULERS.find(known => known === scheduler) ?? 'rr',
  }
}

function parseDest([, where = '', fwd, , weight = '1']: string[]): Dest {
  const [address = '', port = ''] = where.split(':')
  return { address, port: Number(port), fwd: fwd === 'dr' ? 'dr' : 'nat', weight: Number(weight) }
}

function makeFacts(intents: ServiceIntent[], options: DirectorOptions): Facts {
  const dests = intents.flatMap(i => i.dests.map(d => d.address))
  const behind = new Set(options.behindOther ?? [])
  const mtu = options.mtu ?? 1500
  const neighbours = [...new Set([CLIENT, ROUTER, ...dests])].map(address => ({
    ifindex: behind.has(address) ? OTHER_INTERFACE : INGRESS,
    address,
    mac: macOf(address),
    state: NUD_PERMANENT,
  }))
  return {
    links: [
      { ifindex: INGRESS, name: 'one', mac: DIRECTOR_MAC, mtu, up: true },
      { ifindex: OTHER_INTERFACE, name: 'two', mac: '02:00:00:00:00:02', mtu: 1300, up: true },
    ],
    addresses: [
      { ifindex: INGRESS, address: '198.51.100.1', prefix: 24 },
      ...intents.map(i => ({ ifindex: INGRESS, address: i.service.address, prefix: 32 })),
    ],
    routes: [
      route('10.0.0.0', 24, INGRESS, ''),
      route('198.51.100.0', 24, INGRESS, ''),
      route('0.0.0.0', 0, INGRESS, ROUTER),
      ...[...behind].map(address => route(address, 32, OTHER_INTERFACE, '')),
    ],
    neighbours,
  }
}

function route(destination: string, prefix: number, ifindex: number, gateway: string): RouteFact {
  const common = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [] }
  return { ...common, destination, prefix, gateway, ifindex }
}
