/**
 * The wires of the lab (drawn in lab.ts): namespaces, addresses, routes, and what veth and DR need
 * besides. Assumes root and the program of pass.bpf.c built. Read next: lab.ts.
 */
import { fileURLToPath } from 'node:url'

import { createNamespace, type Namespace, runCommand } from './namespace.ts'

/** Virtual addresses, one a family and forwarding method. */
export const VIPS = {
  4: { nat: '192.0.2.1', dr: '192.0.2.2', tun: '192.0.2.3' },
  6: { nat: '2001:db8:2::1', dr: '2001:db8:2::2', tun: '2001:db8:2::3' },
} as const
/** Those that servers have too, to answer from them past the director. */
export const SERVERS_VIPS = ([4, 6] as const).flatMap(f => [VIPS[f].dr, VIPS[f].tun])
/** The client's and the director's addresses on the wire between them. */
export const CLIENTS = { 4: '198.51.100.7', 6: '2001:db8:7::7' } as const
export const DIRECTORS = { 4: '198.51.100.1', 6: '2001:db8:7::1' } as const
/** The last host of the servers' network is the client's; the first the director's. */
const SERVERS_MAX = 200
/** make test and make demo build it. */
const PASS = fileURLToPath(new URL('../../build/test/pass.bpf.o', import.meta.url))
const MUTE = fileURLToPath(new URL('../../build/test/mute.bpf.o', import.meta.url))

export interface LabServer {
  name: string
  /** IPv4. */
  address: string
  address6: string
  namespace: Namespace
}

export interface Network {
  client: Namespace
  director: Namespace
  servers: LabServer[]
  /** Pulls a server's cable, or plugs it in again. Its own side keeps its addresses. */
  setCable(server: LabServer, state: 'up' | 'down'): void
  /** Makes r0 anew, after it was deleted. */
  plugCard(): void
  close(): Promise<void>
}

/** Namespaces with wires between them; nothing runs in them yet. */
export async function createNetwork(serverCount: number): Promise<Network> {
  if (serverCount > SERVERS_MAX)
    throw new Error(`${serverCount} servers: expected at most ${SERVERS_MAX}`)
  const made: Namespace[] = []
  const make = async (name: string) => {
    const namespace = await createNamespace(name)
    made.push(namespace)
    return namespace
  }
  const close = async () => {
    await Promise.all(made.map(namespace => namespace.close()))
  }
  try {
    const client = await make('client')
    const director = await make('director')
    const fabric = await make('switch')
    const servers: LabServer[] = []
    for (let n = 1; n <= serverCount; n++) {
      const name = `server${n}`
      const addresses = {
        address: `10.0.0.${n + 1}`,
        address6: `2001:db8::${(n + 1).toString(16)}`,
      }
      servers.push({ name, ...addresses, namespace: await make(name) })
    }
    wire(client, director, fabric, servers)
    const setCable: Network['setCable'] = ({ name }, state) => {
      fabric.run(['ip', 'link', 'set', name, state])
    }
    const plugCard = () => {
      runCommand(['ip', '-batch', '-'], veth('r0', director, 'director', fabric))
      joinSwitch(fabric, 'director')
      takeFromXdp(fabric, 'director')
      wireCard(director)
    }
    return { client, director, servers, setCable, plugCard, close }
  } catch (cause) {
    await close()
    throw cause
  }
}

function wire(
  client: Namespace,
  director: Namespace,
  fabric: Namespace,
  servers: LabServer[],
): void {
  for (const namespace of [client, director, ...servers.map(s => s.namespace)])
    sysctl(namespace, ['net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.all.accept_dad=0'])
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

function veth(a: string, inA: Namespace, b: string, inB: Namespace): string {
  return `link add ${a} netns ${inA.pid} type veth peer name ${b} netns ${inB.pid}`
}

function wireSwitch(fabric: Namespace, servers: LabServer[]): void {
  const ports = ['client', 'director', ...servers.map(s => s.name)]
  batch(fabric, ['link add name bridge0 type bridge mcast_snooping 0', 'link set bridge0 up'])
  joinSwitch(fabric, ...ports)
  takeFromXdp(fabric, 'director')
}

function joinSwitch(fabric: Namespace, ...ports: string[]): void {
  batch(
    fabric,
    ports.map(port => `link set ${port} master bridge0 up`),
  )
}

function wireDirector(director: Namespace): void {
  batch(director, [
    `addr add ${DIRECTORS[4]}/24 dev c0`,
    `addr add ${DIRECTORS[6]}/64 dev c0`,
    ...Object.values(VIPS[4]).map(vip => `addr add ${vip}/32 dev c0`),
    ...Object.values(VIPS[6]).map(vip => `addr add ${vip}/128 dev c0`),
    'link set c0 up',
  ])
  wireCard(director)
  sysctl(director, ['net.ipv4.ip_forward=0'])
}

/** The director's interface towards the servers. Made anew it has its MAC: servers know that. */
function wireCard(director: Namespace): void {
  batch(director, [
    'link set r0 address 02:00:00:00:01:01',
    'addr add 10.0.0.1/24 dev r0',
    'addr add 2001:db8::1/64 dev r0',
    'link set r0 up',
  ])
}

function wireClient(client: Namespace): void {
  // Answers of DR servers come in by another interface than the questions went out.
  sysctl(client, ['net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.eth1.rp_filter=0'])
  batch(client, [
    `addr add ${CLIENTS[4]}/24 dev eth0`,
    'addr add 10.0.0.254/24 dev eth1',
    `addr add ${CLIENTS[6]}/64 dev eth0`,
    'addr add 2001:db8::fe/64 dev eth1',
    'link set eth0 up',
    'link set eth1 up',
    `route add 192.0.2.0/24 via ${DIRECTORS[4]}`,
    `route add 2001:db8:2::/64 via ${DIRECTORS[6]}`,
  ])
  sumInSoftware(client, 'eth0')
  sumInSoftware(client, 'eth1')
  takeFromXdp(client, 'eth0')
}

function wireServer({ namespace, address, address6 }: LabServer): void {
  sysctl(namespace, ['net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.arp_announce=2'])
  batch(namespace, [
    `addr add ${address}/24 dev eth0`,
    `addr add ${address6}/64 dev eth0`,
    ...SERVERS_VIPS.map(vip => `addr add ${vip} dev lo`),
    'link set eth0 up',
    'route add default via 10.0.0.1',
    'route add default via 2001:db8::1',
    'route add default via 10.0.0.254 table 100',
    'route add default via 2001:db8::fe table 100',
  ])
  for (const vip of SERVERS_VIPS) {
    const rule = ['rule', 'add', 'from', vip, 'lookup', '100']
    namespace.run(['ip', vip.includes(':') ? '-6' : '-4', ...rule])
  }
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

/** veth delivers frames from XDP only where the other end has a program too. */
export function takeFromXdp(namespace: Namespace, device: string): void {
  namespace.run(['ip', 'link', 'set', 'dev', device, 'xdp', 'obj', PASS, 'sec', 'xdp'])
}

/** Nobody finds this host by that device any more; what it knows, it keeps. */
export function mute(namespace: Namespace, device: string): void {
  namespace.run(['tc', 'qdisc', 'add', 'dev', device, 'clsact'])
  const filter = ['bpf', 'direct-action', 'object-file', MUTE, 'section', 'tc']
  namespace.run(['tc', 'filter', 'add', 'dev', device, 'ingress', ...filter])
}

export function unmute(namespace: Namespace, device: string): void {
  namespace.run(['tc', 'qdisc', 'del', 'dev', device, 'clsact'])
}
