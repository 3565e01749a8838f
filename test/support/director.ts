/**
 * A director for packet tests: the real program and the real compiled tables, in a network made up
 * for the test, on a clock it moves. Frames go through BPF_PROG_TEST_RUN. Read next: frames.ts.
 */
import { fileURLToPath } from 'node:url'
import { store32, type BpfProgram } from '../../addon/index.ts'
import { REASON, SETTINGS } from '../../control/abi/maps.gen.ts'
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { gracePeriods } from '../../control/dataplane/grace.ts'
import type { Kernel } from '../../control/dataplane/kernel.ts'
import { both, type Both } from '../../control/dataplane/slots.ts'
import { sweep, type SweepResult, type SweepTables } from '../../control/dataplane/sweep.ts'
import { mac } from '../../control/model/address.ts'
import {
  FORWARDING_METHODS,
  SCHEDULERS,
  serviceName,
  type ConnView,
  type Dest,
  type Service,
  type Traffic,
} from '../../control/model/service.ts'
import type { ServiceIntent } from '../../control/plan/intent.ts'
import { Network, type Facts } from '../../control/plan/network.ts'
import { DIRECTOR_MAC, senderMac } from './frames.ts'
import { kernelFor, type Teardown } from './kernels.ts'
import { INGRESS, makeFacts, type Place } from './topology.ts'

export { OTHER_INTERFACE } from './topology.ts'

/** Folder of the compiled programs; XLVS_OBJECTS names another, to see tests fail on it. */
const OBJECTS =
  process.env['XLVS_OBJECTS'] ?? fileURLToPath(new URL('../../build', import.meta.url))
/** Slots of each table, as few as there can be. */
const SLOTS = 1024
export const XDP = { drop: 1, pass: 2, tx: 3, redirect: 4 } as const
/** Verdicts of tc programs; `goOn` is TC_ACT_UNSPEC. */
export const TC = { goOn: -1, drop: 2, redirect: 7 } as const

export interface Received {
  frame: Uint8Array
  /** XDP action, see XDP; of what the host sends, tc's, see TC. */
  verdict: number
  /** Why the packet left, in lower case words; '' for what the host sends and is not ours. */
  reason: string
}

export interface PacketDirector {
  kernel: Kernel
  dataplane: Dataplane
  intents: ServiceIntent[]
  /** What sweep() sweeps, of each family; a test may sweep it in its own way. */
  tables: Both<SweepTables>
  /** Sends a frame to the director and tells what became of it. Its MACs are set. */
  run(frame: Uint8Array, macs?: { smac?: string; dmac?: string }): Received
  /** The host sends a frame, by an interface or to itself. Its MACs stay. */
  send(frame: Uint8Array, by?: 'egress' | 'loopback'): Received
  /** What run() does, only the frame that came out. */
  receive(frame: Uint8Array): Uint8Array
  /** Moves the clock. */
  advance(seconds: number): void
  sweep(): SweepResult
  conns(): ConnView[]
  /** Counts of a dest, by its address. */
  counts(address: string): { active: number; inactive: number }
  /** Traffic of the first service, or of another by its number. */
  traffic(number?: number): Traffic
  publish(): void
  setNetwork(change: (facts: Facts) => void): void
}

export interface DirectorOptions extends Place {
  slots?: number
  /** The same for IPv6. */
  slots6?: number
  key?: number[]
  /** Folder in a bpffs to pin in, or to adopt what is pinned there; nothing is pinned without. */
  bpffs?: string
}

/**
 * A director with services, written like this, newest dest last:
 *
 *   tcp 192.0.2.1:80 rr
 *     -> 10.0.0.2:8080 nat weight 1
 *
 * or by mark: fwmark 7 rr, and in IPv6 fwmark6 7 rr; with a slow start: wrr slow_start 60.
 */
export async function director(
  t: Teardown,
  text: string,
  options: DirectorOptions = {},
): Promise<PacketDirector> {
  const intents = parseServices(text)
  const kernel = await kernelFor(t, {
    objects: OBJECTS,
    slots: [options.slots ?? SLOTS, options.slots6 ?? SLOTS],
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
    for (const intent of intents) dataplane.publish(structuredClone(intent)) // tests change theirs
  }
  publish()
  const run = runner(kernel)
  const tables = sweepTables(kernel, dataplane.conns)
  return {
    kernel,
    dataplane,
    intents,
    run,
    send: (frame, by = 'egress') => reasoned(kernel, kernel.companions[by], frame),
    receive: frame => run(frame).frame,
    advance: seconds => {
      clock += Math.round(seconds * kernel.ticksPerSecond)
      setClock()
    },
    tables,
    sweep: () => sweepBoth(tables, kernel.clock()),
    conns: () => dataplane.listConns(),
    counts: address => countsOf(dataplane, intents, address),
    traffic: (number = 0) => trafficOf(dataplane, intents, number),
    publish,
    setNetwork: change => {
      change(facts)
      publish()
    },
  }
}

/** What a sweep needs of a kernel that nothing is pinned of. */
export function sweepTables(kernel: Kernel, conns: Both<ArrayBuffer>): Both<SweepTables> {
  const gracePeriod = gracePeriods()
  return both(family => ({
    family,
    conns: conns[family],
    cold: kernel.maps[family === 0 ? 'cold4' : 'cold6'].mmap(),
    second: kernel.ticksPerSecond,
    destConns: kernel.maps.dest_conns.mmap(),
    stash: kernel.maps.stash,
    calls: kernel.maps,
    stashFirst: kernel.sizes.slots[family],
    gracePeriod,
  }))
}

/** Sweeps the tables of both families. */
export function sweepBoth(tables: Both<SweepTables>, now: number): SweepResult {
  const results = tables.map(table => sweep(table, now))
  return {
    expired: results.reduce((sum, { expired }) => sum + expired, 0),
    used: results.reduce((sum, { used }) => sum + used, 0),
  }
}

function runner(kernel: Kernel): PacketDirector['run'] {
  return (frame, macs = {}) => {
    const sent = Buffer.from(frame)
    if (sent.length >= 12) {
      sent.set(mac(macs.dmac ?? DIRECTOR_MAC), 0)
      sent.set(mac(macs.smac ?? senderMac(sent)), 6)
    }
    const received = reasoned(kernel, kernel.program, sent)
    if (received.reason === '') throw new Error('left without a reason')
    return received
  }
}

/** Runs a program and finds the reason that it counted. */
function reasoned(kernel: Kernel, program: BpfProgram, data: Uint8Array): Received {
  const before = reasonCounts(kernel)
  const out = program.testRun({ data })
  const moved = reasonCounts(kernel).map((n, i) => n - (before[i] ?? 0))
  const left = moved.flatMap((n, i) => Array<number>(n).fill(i))
  if (left.length > 1) throw new Error(`left with ${left.length} reasons: ${left.join(', ')}`)
  const reason = left[0] === undefined ? '' : reasonName(left[0])
  return { frame: out.data, verdict: out.retval | 0, reason }
}

export function reasonName(number: number): string {
  const found = Object.entries(REASON).find(([, n]) => n === number)
  return (found?.[0] ?? `reason ${number}`).toLowerCase().replaceAll('_', ' ')
}

const reasonMaps = new WeakMap<Kernel, BigUint64Array>()

/** Packets by reason number, all CPUs. */
export function reasonCounts(kernel: Kernel): number[] {
  // Mapped once: a process may have 65 530 mappings, and a long test runs more packets.
  const counts = reasonMaps.get(kernel) ?? new BigUint64Array(kernel.maps.reasons.mmap(true))
  reasonMaps.set(kernel, counts)
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

function trafficOf(dataplane: Dataplane, intents: ServiceIntent[], number: number): Traffic {
  const intent = intents[number]
  if (!intent) throw new Error(`no service number ${number} in this test`)
  return dataplane.rawTraffic(serviceName(intent.service))
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

function parseService([protocol, where = '', scheduler = 'rr', ...words]: string[]): Service {
  const settings = {
    scheduler: SCHEDULERS.find(known => known === scheduler) ?? ('rr' as const),
    ...(words[0] === 'slow_start' ? { slowStartS: Number(words[1]) } : {}),
  }
  if (protocol === 'fwmark' || protocol === 'fwmark6') {
    const family = protocol === 'fwmark' ? 4 : 6
    return { protocol: 'fwmark', family, mark: Number(where), ...settings }
  }
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', ...parseWhere(where), ...settings }
}

function parseDest([, where = '', fwd, , weight = '1', ...words]: string[]): Dest {
  const known = FORWARDING_METHODS.find(method => method === fwd)
  if (known === undefined) throw new Error(`no forwarding method ${fwd ?? ''}`)
  const dest = { ...parseWhere(where), fwd: known, weight: Number(weight) }
  return { ...dest, ...threshold(words, 'upper'), ...threshold(words, 'lower') }
}

function threshold(words: string[], name: 'upper' | 'lower'): { [name]?: number } {
  const at = words.indexOf(name)
  return at < 0 ? {} : { [name]: Number(words[at + 1]) }
}

/** 10.0.0.2:80 or [2001:db8::2]:80. */
function parseWhere(where: string): { address: string; port: number } {
  const [, v6, v4 = '', port = ''] = /^(?:\[(.*)\]|([^:]*)):(\d+)$/.exec(where) ?? []
  return { address: v6 ?? v4, port: Number(port) }
}
