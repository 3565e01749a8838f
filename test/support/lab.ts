/**
 * A network in a box, for real sockets: a client, a director, servers.
 *
 *   client eth0 198.51.100.7 ─── c0 198.51.100.1 director r0 10.0.0.1 ─┐
 *          eth1 10.0.0.254 ───────────────────────────────────────── switch ── servers 10.0.0.2 ...
 *
 * Each wire has IPv6 addresses with the same last number: 2001:db8:7::/64 and 2001:db8::/64; the
 * virtual addresses are in 192.0.2.0/24 and 2001:db8:2::/64.
 * ...1 is for NAT: servers answer from their own address, through the director. ...2 is for DR,
 * ...3 for tunnels: servers have them on lo, silent to ARP, and answer the client by eth1, past the
 * director; decapsulate() lets them take tunnels.
 * xlvsd runs in the director's namespace with a socket, a journal and a folder of pins of its own.
 * Assumes root and a BPF file system. Read next: lab_network.ts,
 * traffic.ts, ../lab/forwarding.test.ts.
 */
import type { ChildProcess } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import {
  type ConnView,
  type DestId,
  destName,
  type ForwardingMethod,
  type InterfaceView,
  PORT_MAX,
  serviceName,
  type ServiceView,
} from '../../control/model/service.ts'
import { createNetwork, type LabServer, SERVERS_VIPS, VIPS } from './lab_network.ts'
import { attempt, endOf, type Namespace, type Outcome, runMeanwhile, waitFor } from './namespace.ts'
import { follow, type Load, type NumberedLoad, type Running } from './traffic.ts'

/** Where servers listen for NAT, so that ports are translated too; DR cannot change ports. */
export const NAT_PORT = { http: 8080, udp: 5353, iperf: 5201 }
export const DR_PORT = { http: 80, udp: 53, iperf: 5201 }
/** A forwarding method with its virtual address and the ports its servers listen on. */
export interface Method {
  /** For titles of tests. */
  name: string
  fwd: ForwardingMethod
  vip: string
  ports: Record<keyof typeof NAT_PORT, number>
  /** Family of the dests; another than the virtual address' in tunnels only. */
  family: 4 | 6
}
export const METHODS: readonly [Method, Method] = [
  { name: 'nat', fwd: 'nat', vip: VIPS[4].nat, ports: NAT_PORT, family: 4 },
  { name: 'dr', fwd: 'dr', vip: VIPS[4].dr, ports: DR_PORT, family: 4 },
]
export const METHODS6: readonly [Method, Method] = [
  { name: 'nat IPv6', fwd: 'nat', vip: VIPS[6].nat, ports: NAT_PORT, family: 6 },
  { name: 'dr IPv6', fwd: 'dr', vip: VIPS[6].dr, ports: DR_PORT, family: 6 },
]
/** Their servers want decapsulate(). */
export const TUNNELS: readonly [Method, Method, Method, Method] = [
  { name: 'tun 4-in-4', fwd: 'tun', vip: VIPS[4].tun, ports: DR_PORT, family: 4 },
  { name: 'tun 6-in-6', fwd: 'tun', vip: VIPS[6].tun, ports: DR_PORT, family: 6 },
  { name: 'tun 4-in-6', fwd: 'tun', vip: VIPS[4].tun, ports: DR_PORT, family: 6 },
  { name: 'tun 6-in-4', fwd: 'tun', vip: VIPS[6].tun, ports: DR_PORT, family: 4 },
]
/** What clients ask the virtual addresses for: the protocol and port of each kind of service. */
export const SERVICES = {
  http: { protocol: 'tcp', port: 80 },
  udp: { protocol: 'udp', port: 53 },
  iperf: { protocol: 'tcp', port: 5201 },
} as const

/** Below are ports of servers, and the kernel chooses from elsewhere for iperf3. */
const FIRST_PORT = 2048
/** Longest that xlvsd may take to start on a busy machine. */
const START_TIMEOUT_MS = 90_000
const BPFFS = '/sys/fs/bpf'
/** Names of pins and state; see sweepLeftovers. */
const LEFTOVER = `xlvs-lab-${process.pid}-`
const XLVS = fileURLToPath(new URL('../../control/bin/xlvs.js', import.meta.url))
const SERVER = fileURLToPath(new URL('lab_server.ts', import.meta.url))
const CLIENT_PROGRAM = fileURLToPath(new URL('lab_client.ts', import.meta.url))

export interface Places {
  socket: string
  bpffs: string
  state: string
}

export interface Lab {
  client: Namespace
  director: Namespace
  servers: LabServer[]
  /** Runs `xlvs ARGS` as an operator would. @throws Error with all it said, when it fails. */
  xlvs(...args: string[]): Promise<string>
  /** Runs `xlvs ARGS`, to whatever end. */
  attempt(...args: string[]): Promise<Outcome>
  /** Starts one more xlvsd in the director, to whatever end, with some of its places elsewhere. */
  attemptDaemon(elsewhere?: Partial<Places>, user?: number): Promise<Outcome>
  show(): Promise<ServiceView[]>
  conns(): Promise<ConnView[]>
  interfaces(): Promise<InterfaceView[]>
  /** Gives the director its interface towards the servers anew, after the old one was deleted. */
  plugCard(): void
  /** `xlvs decap eth0` on each server. */
  decapsulate(): Promise<void>
  /** A server dies: its program is killed, its cable pulled. */
  killServer(server: LabServer): Promise<void>
  /** ... and is back. */
  reviveServer(server: LabServer): Promise<void>
  /** Starts xlvsd, with the objects of another folder if need be, and waits until it answers. */
  startDaemon(objects?: string): Promise<void>
  /** Sends a signal to xlvsd and waits until it has ended: the signal it died of, or its status. */
  stopDaemon(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>
  /** Sends xlvsd a signal that it survives. */
  hangUp(): void
  send(load: Load): Running
  /** The same from the director itself. */
  sendHere(load: Load): Running
  /** Bits a second that iperf3 moved from the client to address:port. */
  iperf(address: string, port: number, seconds: number): Promise<number>
  /** Where xlvsd has its things. */
  places: Places
  /** What xlvsd has logged so far. */
  log(): string
  close(): Promise<void>
}

/** Builds the network and starts the servers; xlvsd is not started. */
export async function createLab({ servers: count = 3 } = {}): Promise<Lab> {
  sweepLeftovers()
  const network = await createNetwork(count)
  const { client, director, servers } = network
  const programs = new Map<LabServer, ChildProcess>()
  const startOn = async (server: LabServer) => {
    programs.set(server, await startServer(server))
  }
  try {
    await Promise.all(servers.map(startOn))
    await Promise.all(servers.map(startIperf))
  } catch (cause) {
    await network.close()
    throw cause
  }
  const daemon = daemonOf(director)
  const xlvs = (...args: string[]) =>
    runMeanwhile([process.execPath, XLVS, ...args, '--socket', daemon.places.socket])
  const show = async () => JSON.parse(await xlvs('show', '--json')) as Shown
  return {
    client,
    director,
    servers,
    xlvs,
    show: async () => (await show()).services,
    interfaces: async () => (await show()).interfaces,
    conns: async () => (JSON.parse(await xlvs('conns', '--json')) as { conns: ConnView[] }).conns,
    attempt: (...args) =>
      attempt([process.execPath, XLVS, ...args, '--socket', daemon.places.socket]),
    attemptDaemon: daemon.attempt,
    plugCard: () => {
      network.plugCard()
    },
    decapsulate: async () => {
      await Promise.all(servers.map(decapsulateOn))
    },
    killServer: async server => {
      network.setCable(server, 'down')
      const program = programs.get(server)
      if (program) await endOf(program)
    },
    reviveServer: async server => {
      network.setCable(server, 'up')
      await startOn(server)
    },
    places: daemon.places,
    startDaemon: daemon.start,
    stopDaemon: daemon.stop,
    hangUp: daemon.hangUp,
    log: daemon.log,
    send: senderFrom(client),
    sendHere: senderFrom(director),
    iperf: (address, port, seconds) => iperf(client, address, port, seconds),
    close: async () => {
      await daemon.remove()
      await network.close()
      for (const server of servers) rmSync(decapPins(server), { recursive: true, force: true })
    },
  }
}

interface Shown {
  interfaces: InterfaceView[]
  services: ServiceView[]
}

interface Teardown {
  teardown(done: () => Promise<void>): void
}

/** A lab that is gone when the test is. */
export async function labFor(t: Teardown, options?: { servers?: number }): Promise<Lab> {
  const lab = await createLab(options)
  t.teardown(() => lab.close())
  return lab
}

/** A lab whose xlvsd runs and is attached to both interfaces of the director, without services. */
export async function directorFor(t: Teardown, options?: { servers?: number }): Promise<Lab> {
  const lab = await labFor(t, options)
  await lab.startDaemon()
  await lab.xlvs('attach', 'c0', 'r0')
  return lab
}

/**
 * Adds a service of one kind by one method, its dests all servers, or the first ones when there are
 * fewer weights.
 */
export async function balance(
  lab: Lab,
  method: Method,
  kind: keyof typeof SERVICES,
  weights: number[] = lab.servers.map(() => 1),
): Promise<void> {
  const service = serviceName({ ...SERVICES[kind], address: method.vip })
  await lab.xlvs('service', 'add', service, '--scheduler', 'rr')
  for (const [n, weight] of weights.entries()) {
    const dest = destName(destOf(method, kind, lab.servers[n]))
    await lab.xlvs('dest', 'add', service, dest, `--${method.fwd}`, '--weight', String(weight))
  }
}

/** Where a server listens for what a method sends it. */
export function destOf(
  { family, ports }: Method,
  kind: keyof typeof SERVICES,
  server: LabServer | undefined,
): DestId {
  const address = family === 6 ? server?.address6 : server?.address
  return { address: address ?? '', port: ports[kind] }
}

async function startServer({ name, address, address6, namespace }: LabServer) {
  const listen = [
    ...[address, address6].map(own => [own, NAT_PORT] as const),
    ...SERVERS_VIPS.map(vip => [vip, DR_PORT] as const),
  ].flatMap(([own, { http, udp }]) => [`tcp:[${own}]:${http}`, `udp:[${own}]:${udp}`])
  return serveOn(namespace, name, listen)
}

/** Answers with a name where it is told: tcp:[ADDRESS]:PORT, udp:[ADDRESS]:PORT. */
export async function serveOn(
  namespace: Namespace,
  name: string,
  listen: string[],
): Promise<ChildProcess> {
  const web = namespace.start([process.execPath, SERVER, name, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let ready = false
  web.stdout?.once('data', () => (ready = true))
  await waitFor(`${name} to listen`, () => ready)
  return web
}

async function startIperf({ name, namespace }: LabServer): Promise<void> {
  const iperf = ['iperf3', '--server', '--port', String(NAT_PORT.iperf)]
  namespace.start(iperf, { stdio: 'ignore' })
  await waitFor(`iperf3 of ${name} to listen`, () =>
    namespace.run(['ss', '-Hltn']).includes(`:${NAT_PORT.iperf} `),
  )
}

/** The lab's names, so that they are swept with its other pins. */
function decapPins({ namespace }: LabServer): string {
  return join(BPFFS, `${LEFTOVER}${namespace.pid}`)
}

async function decapsulateOn(server: LabServer): Promise<void> {
  const command = [process.execPath, XLVS, 'decap', 'eth0', '--bpffs', decapPins(server)]
  const { status, stdout, stderr } = await server.namespace.attempt(command)
  if (status !== 0) throw new Error(`xlvs decap on ${server.name}: ${stdout}${stderr}`)
}

/** xlvsd in a director's namespace. */
export function daemonOf(director: Namespace) {
  const folder = mkdtempSync(join(tmpdir(), LEFTOVER))
  const logFile = join(folder, 'log')
  const places: Places = {
    socket: join(folder, 'xlvs.sock'),
    bpffs: join(BPFFS, `${LEFTOVER}${director.pid}`),
    state: join(folder, 'journal'),
  }
  const command = (elsewhere: Partial<Places> = {}) => {
    const { socket, bpffs, state } = { ...places, ...elsewhere }
    const flags = ['--socket', socket, '--bpffs', bpffs, '--state', state]
    return [process.execPath, XLVS, 'daemon', ...flags]
  }
  let daemon: ChildProcess | undefined
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
  const start = async (objects?: string) => {
    const fd = openSync(logFile, 'a')
    const env = objects === undefined ? process.env : { ...process.env, XLVS_OBJECTS: objects }
    const started = director.start(command(), { stdio: ['ignore', fd, fd], env })
    closeSync(fd)
    daemon = started
    const isUp = () => {
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`xlvsd ended at once:\n${log()}`)
      return answers(places.socket)
    }
    await waitFor('xlvsd to answer', isUp, START_TIMEOUT_MS)
  }
  const stop = async (signal: NodeJS.Signals) => {
    if (daemon) await endOf(daemon, signal)
    return daemon?.signalCode ?? String(daemon?.exitCode)
  }
  const hangUp = () => void daemon?.kill('SIGHUP')
  const tryOne = (elsewhere: Partial<Places> = {}, user = 0) => {
    const as = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    return director.attempt([...as, ...command(elsewhere)])
  }
  const remove = async () => {
    await stop('SIGKILL')
    rmSync(places.bpffs, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
  return { places, start, stop, hangUp, attempt: tryOne, remove, log }
}

/** Whether somebody listens; the socket of a killed xlvsd is still there. */
function answers(socket: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(socket, () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => {
      resolve(false)
    })
  })
}

/** Pins and state outlive a killed test; they go when the process that made them is no more. */
function sweepLeftovers(): void {
  for (const folder of [BPFFS, tmpdir()])
    for (const name of readdirSync(folder)) {
      const maker = /^xlvs-lab-(\d+)-/.exec(name)?.[1]
      if (maker !== undefined && !existsSync(`/proc/${maker}`))
        rmSync(join(folder, name), { recursive: true, force: true })
    }
}

/** Sends loads, no two of which have a client port in common. */
function senderFrom(client: Namespace): (load: Load) => Running {
  let firstPort = FIRST_PORT
  return load => {
    const numbered: NumberedLoad = { ...load, firstPort }
    firstPort += load.kind === 'kept' ? load.parallel : load.count + load.parallel
    if (firstPort > PORT_MAX) throw new Error('the lab has no client port left: send fewer')
    const command = [process.execPath, CLIENT_PROGRAM, JSON.stringify(numbered)]
    return follow(client.start(command, { stdio: ['pipe', 'pipe', 'inherit'] }), load.count)
  }
}

interface IperfReport {
  error?: string
  end?: { sum_received?: { bits_per_second: number } }
}

async function iperf(
  client: Namespace,
  address: string,
  port: number,
  seconds: number,
): Promise<number> {
  const where = ['--client', address, '--port', String(port), '--connect-timeout', '5000']
  const iperf = client.start(['iperf3', '--json', ...where, '--time', String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const said = iperf.stdout ? await text(iperf.stdout) : ''
  const report = JSON.parse(said) as IperfReport
  if (report.error !== undefined) throw new Error(`iperf3: ${report.error}`)
  return report.end?.sum_received?.bits_per_second ?? 0
}
