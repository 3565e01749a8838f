/**
 * Replays what the oracle recorded of the kernel's IPVS through the real program, tables, director
 * and ipvsadm, without the oracle's guest: frames by BPF_PROG_TEST_RUN, time by the movable clock.
 * The topology is the oracle's; which side a frame leaves by shows in its source MAC. What the host
 * does with a frame passed to it was recorded too, of the host alone. Read next: replay_host.ts,
 * ../oracle/replay.test.ts.
 */
import { existsSync, readFileSync } from 'node:fs'
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
import { endOrphans } from '../../control/dataplane/ending.ts'
import { gracePeriods } from '../../control/dataplane/grace.ts'
import { openKernel, type Kernel } from '../../control/dataplane/kernel.ts'
import { main as ipvsadm } from '../../control/ipvs/main.ts'
import { main as sysctl } from '../../control/ipvs/sysctl.ts'
import { sysctlSystem } from '../../control/ipvs/sysctl_system.ts'
import { SYSTEM } from '../../control/ipvs/system.ts'
import { importMarks } from '../../control/ipvs/marks/import.ts'
import { emptyIntent } from '../../control/plan/intent.ts'
import { Network, type Facts } from '../../control/plan/network.ts'
import { CACHE_PERIOD_S } from '../../control/plan/schedule/cache.ts'
import { closedPort } from './closed_port.ts'
import { sweepBoth, sweepTables } from './director.ts'
import { changeHost, setUpHost, INGRESS, oracleFacts, SIDES, type Side } from './replay_host.ts'
import { addressesOf, packetOf } from './wire.ts'

const OBJECTS = fileURLToPath(new URL('../../build', import.meta.url))
/** The oracle waits so long for what a frame brings about. */
const SETTLE_S = 0.008
const COUNTERS_LAG_S = 3
/** More than the default threshold of the defences, less than what cases set. */
const AVAILABLE_PAGES = 100_000

/** The oracle's virtual addresses, when a case names no others. */
const VIPS = ['10.0.1.100', 'fd01::100']

export interface Step {
  i: number
  side?: Side
  in?: string
  sleep?: number
  admin?: string
  rc?: number
  note?: string
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
  const read = (name: string) =>
    existsSync(join(folder, name)) ? readFileSync(join(folder, name), 'utf8') : ''
  const facts = oracleFacts(vipsOf(read('case.json')))
  const dataplane = new Dataplane(kernel, new Network(facts))
  const clock = movableClock(kernel)
  const state = await mkdtemp(join(tmpdir(), 'xlvs-replay-'))
  const tables = sweepTables(kernel, dataplane.conns)
  const dests = kernel.maps.dests.mmap()
  const director = directorOver(dataplane, facts, () => {
    for (const table of tables) endOrphans(table, dests, kernel.clock())
  })
  await director.start()
  const api = buildApi(director, createLog('silent'))
  const socket = join(state, 'xlvs.sock')
  await api.listen({ path: socket })
  const command = ipvsadmOver(socket)
  const wire: Wire = { kernel, dataplane, facts }
  const admin = adminOver(command, socket, words => {
    if (!changeHost(facts, words)) return
    director.networkChanged()
    delete wire.side
  })
  const host = new Map(
    linesOf<Step>(read('expected/host.jsonl')).map(step => [step.i, step.out] as const),
  )
  const wait = (seconds: number) => {
    // What schedulers remember is looked at every minute.
    for (let left = seconds; left > 0; left -= CACHE_PERIOD_S) {
      clock.advance(Math.min(left, CACHE_PERIOD_S))
      dataplane.tend()
    }
    director.defend()
    sweepBoth(tables, kernel.clock())
  }
  await admin(read('sysctl.conf').replace(/^(\S+)\s*=\s*(.*)$/gm, 'sysctl -w $1=$2;'))
  await command('ipvsadm -R', read('services.save'))
  const { rules, left } = importMarks(setUpHost(facts, read('setup.sh')))
  if (left.length > 0) throw new Error(`marks left out: ${left.map(one => one.reason).join()}`)
  director.networkChanged()
  if (rules.length > 0) await director.addMarks(rules)
  return {
    steps: linesOf<Step>(read('expected/trace.jsonl')),
    play: async step => {
      if (step.side && step.in !== undefined) {
        clock.advance(SETTLE_S)
        return { out: inject(wire, step, host.get(step.i) ?? []), text: '', rc: 0 }
      }
      if (step.sleep === undefined) return { out: [], ...(await admin(step.admin ?? '')) }
      wait(step.sleep)
      return { out: [], text: '', rc: 0 }
    },
    ipvsadm: command,
    settle: () => {
      wait(COUNTERS_LAG_S)
    },
    expected: name => read(`expected/${name}`),
    close: async () => {
      await api.close()
      await rm(state, { recursive: true })
    },
  }
}

function linesOf<T>(text: string): T[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as T)
}

function vipsOf(json: string): string[] {
  return json === '' ? VIPS : ((JSON.parse(json) as { vips?: string[] }).vips ?? VIPS)
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

function directorOver(dataplane: Dataplane, facts: Facts, end: () => void): Director {
  const stop = () => Promise.resolve()
  const endOrphans = () => {
    end()
    return Promise.resolve()
  }
  const figures = { used: [0, 0], expired: 0, tookMs: 0 }
  const parts = {
    dataplane,
    watch: {
      network: () => new Network(facts),
      link: () => undefined,
      linkNames: () => [],
      resolve: () => undefined,
    },
    journal: { append: () => Promise.resolve(), records: [] },
    sweeper: { figures, stop, endOrphans, gracePeriod: stop, dropEntries: () => undefined },
    availablePages: () => AVAILABLE_PAGES,
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

type Ipvsadm = Replay['ipvsadm']

/** A case's line for a shell: commands between semicolons, of ipvsadm, sysctl and ip. */
function adminOver(ipvsadm: Ipvsadm, socket: string, host: (words: string[]) => void): Ipvsadm {
  const nothing = () => undefined
  const system = sysctlSystem(nothing, nothing)
  return async line => {
    let done = { text: '', rc: 0 }
    for (const command of line.split(/;\s*/)) {
      const words = command.split(' ')
      if (words[0] === 'ipvsadm') done = await ipvsadm(command)
      // The host's own settings are played by `host`.
      if (command.startsWith('sysctl -w net.ipv4.vs.')) await sysctl(words.slice(1), system, socket)
      host(words)
    }
    return done
  }
}

interface Wire {
  kernel: Kernel
  dataplane: Dataplane
  facts: Facts
  /** The side that the last frame came from. */
  side?: Side
}

const XDP_PASS = 2
const XDP_REDIRECT = 4

/**
 * What comes out when a frame comes in: on which side, by the source MAC the program gave it. A
 * frame passed to the host brings about what the host alone was seen to do with it; one that was
 * translated before, to a dest that is the host, comes to a closed port, which may answer.
 */
function inject(wire: Wire, step: Step, host: Step['out']): [Side, Uint8Array][] {
  comeFrom(wire, step.side ?? 'c')
  const sent = Buffer.from(step.in ?? '', 'hex')
  const { retval, data } = wire.kernel.program.testRun({ data: sent })
  const answer = retval === XDP_PASS && !isSame(sent, data) ? closedPort(data) : undefined
  if (answer) return [[step.side ?? 'c', leaving(wire, Buffer.alloc(0), answer)]]
  if (retval === XDP_PASS)
    return host.map(([to, hex]) => [to, leaving(wire, sent, Buffer.from(hex, 'hex'))])
  if (retval !== XDP_REDIRECT) return []
  const leaves = (Object.keys(SIDES) as Side[]).find(s => data[10] === SIDES[s].byte)
  return leaves ? [[leaves, data]] : []
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(packetOf(a), packetOf(b)) === 0
}

/** What the host sends passes the companion at egress; what it forwards, from A to B too, not. */
function leaving({ kernel }: Wire, came: Uint8Array, frame: Uint8Array): Uint8Array {
  if (came.length > 0 && addressesOf(packetOf(came)).equals(addressesOf(packetOf(frame))))
    return frame
  return kernel.companions.egress.testRun({ data: frame }).data
}

/** Makes the interface that frames come in by a slave of that side's. */
function comeFrom(wire: Wire, side: Side): void {
  const { dataplane, facts } = wire
  if (wire.side === side) return
  wire.side = side
  const { ifindex } = SIDES[side]
  for (const link of facts.links) {
    if (link.ifindex === INGRESS) link.master = ifindex
    else link.kind = link.ifindex === ifindex ? 'bond' : 'veth'
  }
  dataplane.setNetwork(new Network(facts), new Set([ifindex]))
}
