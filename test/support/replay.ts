/**
 * Replays what the oracle recorded of the kernel's IPVS through the real program, tables, director
 * and ipvsadm, without the oracle's guest: frames by BPF_PROG_TEST_RUN, time by the movable clock.
 * The topology is the oracle's; which side a frame leaves by shows in its source MAC. Read next:
 * ../oracle/replay.test.ts.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { store32 } from '../../addon/index.ts'
import { SETTINGS } from '../../control/abi/maps.gen.ts'
import { buildApi } from '../../control/daemon/api.ts'
import { Director } from '../../control/daemon/director.ts'
import { createLog } from '../../control/daemon/log.ts'
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { gracePeriods } from '../../control/dataplane/grace.ts'
import { openKernel, type Kernel } from '../../control/dataplane/kernel.ts'
import { main as ipvsadm } from '../../control/ipvs/main.ts'
import { SYSTEM } from '../../control/ipvs/system.ts'
import { emptyIntent } from '../../control/plan/intent.ts'
import { Network, type Facts } from '../../control/plan/network.ts'
import { sweepBoth, sweepTables } from './director.ts'

const OBJECTS = fileURLToPath(new URL('../../build', import.meta.url))
/** Frames come in by the loopback device; it takes the MAC address of the side they came from. */
const INGRESS = 1
const NUD_PERMANENT = 0x80
/** The oracle waits so long for what a frame brings about. */
const SETTLE_S = 0.008
const COUNTERS_LAG_S = 3

export type Side = 'c' | 'r' | 'm'

/** The oracle's sides: interface index made up, network, byte of the MACs, MTU, default router. */
const SIDES: Record<Side, { ifindex: number; net: string; byte: number; mtu: number }> = {
  c: { ifindex: 11, net: '10.0.1', byte: 0x0c, mtu: 1500 },
  r: { ifindex: 12, net: '10.0.2', byte: 0x02, mtu: 1500 },
  m: { ifindex: 13, net: '10.0.4', byte: 0x04, mtu: 1300 },
}

export interface Step {
  i: number
  side?: Side
  in?: string
  sleep?: number
  admin?: string
  rc?: number
  text?: string
  out: [Side, string][]
}

export interface Outcome {
  out: [Side, Uint8Array][]
  text: string
  rc: number
}

export interface Replay {
  steps: Step[]
  play(step: Step): Promise<Outcome>
  ipvsadm(line: string, input?: string): Promise<{ text: string; rc: number }>
  expected(name: string): string
  /** The wait of the oracle before its last listings: kernel counters lag. */
  settle(): void
  close(): Promise<void>
}

/** Sets up the oracle's topology with a case's services. */
export async function openReplay(folder: string): Promise<Replay> {
  const kernel = openKernel({ objects: OBJECTS, slots: [4096, 1024], manualClock: true })
  const facts = oracleFacts()
  const dataplane = new Dataplane(kernel, new Network(facts))
  const clock = movableClock(kernel)
  const state = await mkdtemp(join(tmpdir(), 'xlvs-replay-'))
  const director = directorOver(dataplane, facts)
  await director.start()
  const api = buildApi(director, createLog('silent'))
  const socket = join(state, 'xlvs.sock')
  await api.listen({ path: socket })
  const command = ipvsadmOver(socket)
  const tables = sweepTables(kernel, dataplane.conns)
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const replay: Replay = {
    steps: read('expected/trace.jsonl')
      .trimEnd()
      .split('\n')
      .map(l => JSON.parse(l) as Step),
    play: async step => {
      if (step.side && step.in !== undefined) {
        clock.advance(SETTLE_S)
        return { out: inject(kernel, dataplane, facts, step.side, step.in), text: '', rc: 0 }
      }
      if (step.sleep !== undefined) {
        clock.advance(step.sleep)
        sweepBoth(tables, kernel.clock())
        return { out: [], text: '', rc: 0 }
      }
      return { out: [], ...(await command(step.admin ?? '')) }
    },
    ipvsadm: command,
    settle: () => {
      clock.advance(COUNTERS_LAG_S)
      sweepBoth(tables, kernel.clock())
    },
    expected: name => read(`expected/${name}`),
    close: async () => {
      await api.close()
      await rm(state, { recursive: true })
    },
  }
  await command('ipvsadm -R', read('services.save'))
  return replay
}

function movableClock(kernel: Kernel) {
  const settings = kernel.maps.settings.mmap()
  let now = 1000 * kernel.ticksPerSecond
  const advance = (seconds: number) => {
    now += seconds * kernel.ticksPerSecond
    store32(settings, SETTINGS.clock / 4, Math.floor(now))
  }
  advance(0)
  return { advance }
}

function directorOver(dataplane: Dataplane, facts: Facts): Director {
  const network = new Network(facts)
  const parts = {
    dataplane,
    watch: {
      network: () => network,
      link: () => undefined,
      linkNames: () => [],
      resolve: () => undefined,
    },
    journal: { append: () => Promise.resolve(), records: [] },
    sweeper: { figures: { used: [0, 0], expired: 0, tookMs: 0 }, stop: () => Promise.resolve() },
    log: createLog('silent'),
    gracePeriod: gracePeriods(),
    nowMs: () => Date.now(),
  }
  return new Director(parts as never, emptyIntent())
}

function ipvsadmOver(socket: string): Replay['ipvsadm'] {
  return async (line, input = '') => {
    let text = ''
    const system = {
      ...SYSTEM,
      readInput: () => Promise.resolve(input),
      print: (more: string) => {
        text += more
      },
      complain: (more: string) => {
        text += more
      },
    }
    const rc = await ipvsadm(line.split(' ').slice(1), 'ipvsadm', system, socket)
    return { text, rc }
  }
}

/** What comes out when a frame comes in: on which side, by the source MAC the program gave it. */
function inject(
  kernel: Kernel,
  dataplane: Dataplane,
  facts: Facts,
  side: Side,
  hex: string,
): [Side, Uint8Array][] {
  for (const link of facts.links) if (link.ifindex === INGRESS) link.mac = directorMac(side)
  facts.addresses = facts.addresses.filter(a => a.ifindex !== INGRESS)
  facts.addresses.push({ ifindex: INGRESS, address: `${SIDES[side].net}.1`, prefix: 24 })
  dataplane.setNetwork(new Network(facts), new Set([INGRESS]))
  const sent = Buffer.from(hex, 'hex')
  const { retval, data } = kernel.program.testRun({ data: sent })
  const XDP_REDIRECT = 4
  if (retval !== XDP_REDIRECT) return []
  const leaves = (Object.keys(SIDES) as Side[]).find(s => data[10] === SIDES[s].byte)
  return leaves ? [[leaves, data]] : []
}

function directorMac(side: Side): string {
  return `02:00:00:00:${SIDES[side].byte.toString(16).padStart(2, '0')}:01`
}

function oracleFacts(): Facts {
  const sides = Object.entries(SIDES) as [Side, (typeof SIDES)[Side]][]
  const hosts = Array.from({ length: 254 }, (_, n) => n + 2).filter(n => n < 255)
  const route = (destination: string, prefix: number, ifindex: number, gateway = '') => {
    const common = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [] }
    return { ...common, destination, prefix, gateway, ifindex }
  }
  return {
    links: [
      { ifindex: INGRESS, name: 'lo', mac: directorMac('c'), mtu: 1500, up: true },
      ...sides.map(([name, s]) => ({
        ifindex: s.ifindex,
        name: `${name}0`,
        mac: directorMac(name),
        mtu: s.mtu,
        up: true,
      })),
    ],
    addresses: [
      ...sides.map(([, s]) => ({ ifindex: s.ifindex, address: `${s.net}.1`, prefix: 24 })),
      { ifindex: SIDES.c.ifindex, address: '10.0.1.100', prefix: 32 },
    ],
    routes: [
      ...sides.map(([, s]) => route(`${s.net}.0`, 24, s.ifindex)),
      route('10.0.3.0', 24, SIDES.r.ifindex, '10.0.2.254'),
      route('0.0.0.0', 0, SIDES.c.ifindex, '10.0.1.254'),
    ],
    neighbours: sides.flatMap(([, s]) =>
      hosts.map(n => ({
        ifindex: s.ifindex,
        address: `${s.net}.${n}`,
        mac: [2, 0, 0, 0, s.byte, n].map(b => b.toString(16).padStart(2, '0')).join(':'),
        state: NUD_PERMANENT,
      })),
    ),
  }
}
