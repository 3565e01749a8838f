/**
 * A network in a box, for real sockets: a client, a director, servers.
 *
 *   client eth0 198.51.100.7 ─── c0 198.51.100.1 director r0 10.0.0.1 ─┐
 *          eth1 10.0.0.254 ───────────────────────────────────────── switch ── servers 10.0.0.2 ...
 *
 * 192.0.2.1 is for NAT: servers answer from their own address, through the director. 192.0.2.2 is
 * for DR: servers have it on lo, silent to ARP, and answer the client by eth1, past the director.
 * xlvsd runs in the director's namespace with a socket, a journal and a folder of pins of its own.
 * Assumes root and a BPF file system. Read next: traffic.ts, ../lab/nat.test.ts.
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

import type { ConnView, InterfaceView, ServiceView } from '../../control/model/service.ts'
import { createNamespace, endOf, type Namespace, runCommand, waitFor } from './namespace.ts'
import { follow, type Load, type Running } from './traffic.ts'

export const NAT_VIP = '192.0.2.1'
export const DR_VIP = '192.0.2.2'
const CLIENT = '198.51.100.7'
const DIRECTOR = '198.51.100.1'
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
/** The last host of the servers' network is the client's; the first the director's. */
const SERVERS_MAX = 200

const BPFFS = '/sys/fs/bpf'
const PINS = 'xlvs-lab-'
const XLVS = fileURLToPath(new URL('../../control/bin/xlvs.ts', import.meta.url))
const SERVER = fileURLToPath(new URL('lab_server.ts', import.meta.url))
const CLIENT_PROGRAM = fileURLToPath(new URL('lab_client.ts', import.meta.url))

export interface LabServer {
  name: string
  address: string
  namespace: Namespace
}

export interface Lab {
  client: Namespace
  director: Namespace
  servers: LabServer[]
  /** Runs `xlvs ARGS` as an operator would. @throws Error with all it said, when it fails. */
  xlvs(...args: string[]): string
  show(): ServiceView[]
  conns(): ConnView[]
  interfaces(): InterfaceView[]
  /** Starts xlvsd and waits until it answers. */
  startDaemon(): Promise<void>
  /** Sends a signal to xlvsd and waits until it has ended: the signal it died of, or its status. */
  stopDaemon(signal: 'SIGKILL' | 'SIGTERM'): Promise<string>
  send(load: Load): Running
  /** Bits a second that iperf3 moved from the client to address:port. */
  iperf(address: string, port: number, seconds: number): Promise<number>
  /** What xlvsd has logged so far. */
  log(): string
  close(): Promise<void>
}

/** Builds the network and starts the servers; xlvsd is not started. */
export async function createLab({ servers: count = 3 } = {}): Promise<Lab> {
  if (count > SERVERS_MAX) throw new Error(`${count} servers: expected at most ${SERVERS_MAX}`)
  sweepLeftovers()
  const client = await createNamespace('client')
  const director = await createNamespace('director')
  const fabric = await createNamespace('switch')
  const servers: LabServer[] = []
  for (let n = 1; n <= count; n++) {
    const name = `server${n}`
    servers.push({ name, address: `10.0.0.${n + 1}`, namespace: await createNamespace(name) })
  }
  wire(client, director, fabric, servers)
  const started = await Promise.all(servers.map(startServer))
  const daemon = daemonOf(director)
  const xlvs = (...args: string[]) =>
    runCommand([process.execPath, XLVS, ...args, '--socket', daemon.socket])
  const json = (...args: string[]) => JSON.parse(xlvs(...args, '--json')) as unknown
  return {
    client,
    director,
    servers,
    xlvs,
    show: () => (json('show') as { services: ServiceView[] }).services,
    interfaces: () => (json('show') as { interfaces: InterfaceView[] }).interfaces,
    conns: () => (json('conns') as { conns: ConnView[] }).conns,
    startDaemon: daemon.start,
    stopDaemon: daemon.stop,
    log: daemon.log,
    send: load => sendFrom(client, load),
    iperf: (address, port, seconds) => iperf(client, address, port, seconds),
    close: async () => {
      await daemon.remove()
      const namespaces = [client, director, fabric, ...servers.map(s => s.namespace)]
      await Promise.all(started.flat().map(process => endOf(process)))
      await Promise.all(namespaces.map(namespace => namespace.close()))
    },
  }
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
  lab.xlvs('attach', 'c0', 'r0')
  return lab
}

/**
 * Adds a service of one kind by one method, its dests all servers, or the first ones when there are
 * fewer weights.
 */
export function balance(
  lab: Lab,
  { fwd, vip, ports }: Method,
  kind: keyof typeof SERVICES,
  weights: number[] = lab.servers.map(() => 1),
): void {
  const service = `${SERVICES[kind].protocol}:${vip}:${SERVICES[kind].port}`
  lab.xlvs('service', 'add', service, '--scheduler', 'rr')
  weights.forEach((weight, n) => {
    const dest = `${lab.servers[n]?.address ?? ''}:${ports[kind]}`
    lab.xlvs('dest', 'add', service, dest, `--${fwd}`, '--weight', String(weight))
  })
}

function wire(
  client: Namespace,
  director: Namespace,
  fabric: Namespace,
  servers: LabServer[],
): void {
  const veth = (a: string, inA: Namespace, b: string, inB: Namespace) =>
    `link add ${a} netns ${inA.pid} type veth peer name ${b} netns ${inB.pid}`
  runCommand(
    ['ip', '-batch', '-'],
    [
      veth('eth0', client, 'c0', director),
      veth('eth1', client, 'client', fabric),
      veth('r0', director, 'director', fabric),
      ...servers.map(s => veth('eth0', s.namespace, s.name, fabric)),
    ].join('\n'),
  )
  wireSwitch(fabric, servers)
  wireDirector(director)
  wireClient(client)
  for (const server of servers) wireServer(server)
}

function wireSwitch(fabric: Namespace, servers: LabServer[]): void {
  const ports = ['client', 'director', ...servers.map(s => s.name)]
  batch(fabric, [
    'link add name bridge0 type bridge',
    'link set bridge0 up',
    ...ports.map(port => `link set ${port} master bridge0 up`),
  ])
  takeFromXdp(fabric, 'director')
}

function wireDirector(director: Namespace): void {
  batch(director, [
    `addr add ${DIRECTOR}/24 dev c0`,
    'addr add 10.0.0.1/24 dev r0',
    `addr add ${NAT_VIP}/32 dev c0`,
    `addr add ${DR_VIP}/32 dev c0`,
    'link set c0 up',
    'link set r0 up',
  ])
  sysctl(director, ['net.ipv4.ip_forward=0'])
}

function wireClient(client: Namespace): void {
  // Answers of DR servers come in by another interface than the questions went out.
  sysctl(client, ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth1.rp_filter=0'])
  // Thousands of connections, each with a port of its own.
  sysctl(client, ['net.ipv4.ip_local_port_range=1024 65535'])
  batch(client, [
    `addr add ${CLIENT}/24 dev eth0`,
    'addr add 10.0.0.254/24 dev eth1',
    'link set eth0 up',
    'link set eth1 up',
    `route add 192.0.2.0/24 via ${DIRECTOR}`,
  ])
  sumInSoftware(client, 'eth0')
  takeFromXdp(client, 'eth0')
}

function wireServer({ namespace, address }: LabServer): void {
  sysctl(namespace, ['net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2'])
  batch(namespace, [
    `addr add ${address}/24 dev eth0`,
    `addr add ${DR_VIP}/32 dev lo`,
    'link set eth0 up',
    'route add default via 10.0.0.1',
    'route add default via 10.0.0.254 table 100',
    `rule add from ${DR_VIP} lookup 100`,
  ])
  sumInSoftware(namespace, 'eth0')
}

function batch(namespace: Namespace, commands: string[]): void {
  namespace.run(['ip', '-batch', '-'], commands.join('\n'))
}

function sysctl(namespace: Namespace, settings: string[]): void {
  namespace.run(['sysctl', '-q', '-w', ...settings])
}

/** XDP cannot finish a checksum that a socket left for the hardware to do. */
function sumInSoftware(namespace: Namespace, device: string): void {
  namespace.run(['ethtool', '-K', device, 'tx', 'off'])
}

/** veth takes frames from XDP only where the other end polls, which GRO turns on. */
function takeFromXdp(namespace: Namespace, device: string): void {
  namespace.run(['ethtool', '-K', device, 'gro', 'on'])
}

async function startServer({ name, address, namespace }: LabServer): Promise<ChildProcess[]> {
  const listen = [
    `tcp:${address}:${NAT_PORT.http}`,
    `udp:${address}:${NAT_PORT.udp}`,
    `tcp:${DR_VIP}:${DR_PORT.http}`,
    `udp:${DR_VIP}:${DR_PORT.udp}`,
  ]
  const web = namespace.start([process.execPath, SERVER, name, ...listen], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const iperf = namespace.start(['iperf3', '--server', '--port', String(NAT_PORT.iperf)], {
    stdio: 'ignore',
  })
  let ready = false
  web.stdout?.once('data', () => (ready = true))
  await waitFor(`${name} to listen`, () => ready)
  await waitFor(`iperf3 of ${name} to listen`, () =>
    namespace.run(['ss', '-Hltn']).includes(`:${NAT_PORT.iperf} `),
  )
  return [web, iperf]
}

/** xlvsd in the director's namespace. */
function daemonOf(director: Namespace) {
  const state = mkdtempSync(join(tmpdir(), 'xlvs-lab-'))
  const pins = join(BPFFS, `${PINS}${process.pid}-${director.pid}`)
  const socket = join(state, 'xlvs.sock')
  const logFile = join(state, 'log')
  let daemon: ChildProcess | undefined
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '')
  const start = async () => {
    const fd = openSync(logFile, 'a')
    const where = ['--socket', socket, '--bpffs', pins, '--state', join(state, 'journal')]
    const started = director.start([process.execPath, XLVS, 'daemon', ...where], {
      stdio: ['ignore', fd, fd],
    })
    closeSync(fd)
    daemon = started
    await waitFor('xlvsd to answer', () => {
      if (started.exitCode !== null) throw new Error(`xlvsd ended at once:\n${log()}`)
      return existsSync(socket) && answers(socket)
    })
  }
  const stop = async (signal: NodeJS.Signals) => {
    if (daemon) await endOf(daemon, signal)
    return daemon?.signalCode ?? String(daemon?.exitCode)
  }
  const remove = async () => {
    await stop('SIGKILL')
    rmSync(pins, { recursive: true, force: true })
    rmSync(state, { recursive: true, force: true })
  }
  return { socket, start, stop, remove, log }
}

function answers(socket: string): boolean {
  try {
    runCommand([process.execPath, XLVS, 'version', '--socket', socket])
    return true
  } catch {
    return false
  }
}

/** Pins outlive a killed test; they go when the process that made them is no more. */
function sweepLeftovers(): void {
  for (const name of readdirSync(BPFFS)) {
    const owner = name.startsWith(PINS) ? name.slice(PINS.length).split('-')[0] : undefined
    if (owner !== undefined && !existsSync(`/proc/${owner}`))
      rmSync(join(BPFFS, name), { recursive: true, force: true })
  }
}

function sendFrom(client: Namespace, load: Load): Running {
  const command = [process.execPath, CLIENT_PROGRAM, JSON.stringify(load)]
  return follow(client.start(command, { stdio: ['pipe', 'pipe', 'inherit'] }), load.count)
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
