/**
 * The wires of the lab (drawn in lab.ts): namespaces, addresses, routes, and what veth and DR need
 * besides. Assumes root and the program of pass.bpf.c built. Read next: lab.ts.
 */
import { fileURLToPath } from 'node:url'

import { createNamespace, type Namespace, runCommand } from './namespace.ts'

export const NAT_VIP = '192.0.2.1'
export const DR_VIP = '192.0.2.2'
const CLIENT = '198.51.100.7'
const DIRECTOR = '198.51.100.1'
/** The last host of the servers' network is the client's; the first the director's. */
const SERVERS_MAX = 200
/** make test and make demo build it. */
const PASS = fileURLToPath(new URL('../../build/test/pass.bpf.o', import.meta.url))

export interface LabServer {
  name: string
  address: string
  namespace: Namespace
}

export interface Network {
  client: Namespace
  director: Namespace
  servers: LabServer[]
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
      servers.push({ name, address: `10.0.0.${n + 1}`, namespace: await make(name) })
    }
    wire(client, director, fabric, servers)
    return { client, director, servers, close }
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
  batch(client, [
    `addr add ${CLIENT}/24 dev eth0`,
    'addr add 10.0.0.254/24 dev eth1',
    'link set eth0 up',
    'link set eth1 up',
    `route add 192.0.2.0/24 via ${DIRECTOR}`,
  ])
  sumInSoftware(client, 'eth0')
  sumInSoftware(client, 'eth1')
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

/** veth delivers frames from XDP only where the other end has a program too. */
export function takeFromXdp(namespace: Namespace, device: string): void {
  namespace.run(['ip', 'link', 'set', 'dev', device, 'xdp', 'obj', PASS, 'sec', 'xdp'])
}
