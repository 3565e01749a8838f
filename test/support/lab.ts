/**
 * A network in a box, for real sockets: a client, a director, servers.
 *
 *   client eth0 198.51.100.7 ─── c0 198.51.100.1 director r0 10.0.0.1 ─┐
 *          eth1 10.0.0.254 ───────────────────────────────────────── switch ── servers 10.0.0.2 ...
 *
 * 192.0.2.1 is for NAT: servers answer from their own address, through the director. 192.0.2.2 is
 * for DR: servers have it on lo, silent to ARP, and answer the client by eth1, past the director.
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
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'

import {
  type ConnView,
  type InterfaceView,
  PORT_MAX,
  type ServiceView,
} from '../../control/model/service.ts'
import { createNetwork, DR_VIP, type LabServer, NAT_VIP } from './lab_network.ts'
import { attempt, endOf, type Namespace, type Outcome, runMeanwhile, waitFor } from './namespace.ts'
import { follow, type Load, type NumberedLoad, type Running } from './traffic.ts'

/** Where servers listen for NAT, so that ports are translated too; DR cannot change ports. */
export const NAT_PORT = { http: 8080, udp: 5353, iperf: 5201 }
export const DR_PORT = { http: 80, udp: 53, iperf: 5201 }
/** A forwarding method with its virtual address and the ports its servers listen on. */
export const METHODS = [
  { fwd: 'nat', vip: NAT_VIP, ports: NAT_PORT },
  { fwd: 'dr', vip: DR_VIP, ports: DR_PORT },
] as const
export type Method = (typeof METHODS)[number]
/** What clients ask the virtual addresses for: the protocol and port of each kind of service. */
export const SERVICES = {
  http: { protocol: 'tcp', port: 80 },
  udp: { protocol: 'udp', port: 53 },
  iperf: { protocol: 'tcp', port: 5201 },
} as const

/** Below are ports of servers, and the kernel chooses from elsewhere for iperf3. */
const FIRST_PORT = 2048
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
  /** Starts xlvsd and waits until it answers. */
  startDaemon(): Promise<void>
  /** Sends a signal to xlvsd and waits until it has ended: the signal it died of, or its status. */
  stopDaemon(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>
  send(load: Load): Running
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
  try {
    await Promise.all(servers.map(startServer))
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
    places: daemon.places,
    startDaemon: daemon.start,
    stopDaemon: daemon.stop,
    log: daemon.log,
    send: senderFrom(client),
    iperf: (address, port, seconds) => iperf(client, address, port, seconds),
    close: async () => {
      await daemon.remove()
      await network.close()
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
export async function directorFor(t: Teardown): Promise<Lab> {
  const lab = await labFor(t)
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
  { fwd, vip, ports }: Method,
  kind: keyof typeof SERVICES,
  weights: number[] = lab.servers.map(() => 1),
): Promise<void> {
  const service = `${SERVICES[kind].protocol}:${vip}:${SERVICES[kind].port}`
  await lab.xlvs('service', 'add', service, '--scheduler', 'rr')
  for (const [n, weight] of weights.entries()) {
    const dest = `${lab.servers[n]?.address ?? ''}:${ports[kind]}`
    await lab.xlvs('dest', 'add', service, dest, `--${fwd}`, '--weight', String(weight))
  }
}

async function startServer({ name, address, namespace }: LabServer): Promise<void> {
  const listen = [
    `tcp:${address}:${NAT_PORT.http}`,
    `udp:${address}:${NAT_PORT.udp}`,
    `tcp:${DR_VIP}:${DR_PORT.http}`,
    `udp:${DR_VIP}:${DR_PORT.udp}`,
  ]
  const web = namespace.start([process.execPath, SERVER, name, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const iperf = ['iperf3', '--server', '--port', String(NAT_PORT.iperf)]
  namespace.start(iperf, { stdio: 'ignore' })
  let ready = false
  web.stdout?.once('data', () => (ready = true))
  await waitFor(`${name} to listen`, () => ready)
  await waitFor(`iperf3 of ${name} to listen`, () =>
    namespace.run(['ss', '-Hltn']).includes(`:${NAT_PORT.iperf} `),
  )
}

/** xlvsd in the director's namespace. */
function daemonOf(director: Namespace) {
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
  const start = async () => {
    const fd = openSync(logFile, 'a')
    const started = director.start(command(), { stdio: ['ignore', fd, fd] })
    closeSync(fd)
    daemon = started
    await waitFor('xlvsd to answer', () => {
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`xlvsd ended at once:\n${log()}`)
      return existsSync(places.socket) ? answers(places.socket) : false
    })
  }
  const stop = async (signal: NodeJS.Signals) => {
    if (daemon) await endOf(daemon, signal)
    return daemon?.signalCode ?? String(daemon?.exitCode)
  }
  const tryOne = (elsewhere: Partial<Places> = {}, user = 0) => {
    const as = ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups']
    return director.attempt([...as, ...command(elsewhere)])
  }
  const remove = async () => {
    await stop('SIGKILL')
    rmSync(places.bpffs, { recursive: true, force: true })
    rmSync(folder, { recursive: true, force: true })
  }
  return { places, start, stop, attempt: tryOne, remove, log }
}

async function answers(socket: string): Promise<boolean> {
  try {
    await runMeanwhile([process.execPath, XLVS, 'version', '--socket', socket])
    return true
  } catch {
    return false
  }
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
