/**
 * Two directors for one virtual address, on one wire with their client and servers:
 *
 *   client .254 ── director1 .1 ── director2 .2 ── server1 .11 ── server2 .12    10.0.0.0/24
 *
 * Servers have the virtual address .100 on lo, silent to ARP, and answer the client directly (DR).
 * Which director has it, keepalived decides. Assumes root. Read next: ../lab/vrrp.test.ts.
 */
import { daemonOf, serveOn } from './lab.ts'
import { takeFromXdp } from './lab_network.ts'
import { createNamespace, type Namespace, runCommand, runMeanwhile } from './namespace.ts'
import { XLVS } from './keepalived.ts'
import type { ServiceView } from '../../control/model/service.ts'
import type { SyncDaemonView } from '../../control/model/sync.ts'

export const VRRP_VIP = '10.0.0.100'

export interface VrrpDirector {
  name: string
  namespace: Namespace
  socket: string
  mac: string
  show(): Promise<ServiceView[]>
  daemons(): Promise<SyncDaemonView[]>
  /** Pulls its cable, or plugs it in again. */
  setCable(state: 'up' | 'down'): void
}

export interface VrrpNetwork {
  client: Namespace
  directors: [VrrpDirector, VrrpDirector]
}

interface Teardown {
  teardown(done: () => Promise<void>): void
}

const SERVERS = { server1: '10.0.0.11', server2: '10.0.0.12' }
export const VRRP_SERVERS = Object.values(SERVERS)

/** The network, with xlvsd attached in both directors; gone when the test is. */
export async function vrrpNetworkFor(t: Teardown): Promise<VrrpNetwork> {
  const make = async (name: string): Promise<Namespace> => {
    const namespace = await createNamespace(name)
    t.teardown(() => namespace.close())
    return namespace
  }
  const fabric = await make('switch')
  batch(fabric, ['link add name bridge0 type bridge mcast_snooping 0', 'link set bridge0 up'])
  const plug = async (name: string, address: string): Promise<Namespace> => {
    const namespace = await make(name)
    const ends = `eth0 netns ${namespace.pid} type veth peer name ${name} netns ${fabric.pid}`
    runCommand(['ip', '-batch', '-'], `link add ${ends}`)
    batch(namespace, [`addr add ${address}/24 dev eth0`, 'link set eth0 up'])
    batch(fabric, [`link set ${name} master bridge0 up`])
    namespace.run(['ethtool', '-K', 'eth0', 'tx', 'off'])
    return namespace
  }
  const client = await plug('client', '10.0.0.254')
  for (const [name, address] of Object.entries(SERVERS)) {
    const server = await plug(name, address)
    server.run(['sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1'])
    server.run(['sysctl', '-qw', 'net.ipv4.conf.all.arp_announce=2'])
    batch(server, [`addr add ${VRRP_VIP}/32 dev lo`])
    await serveOn(server, name, [`tcp:[${VRRP_VIP}]:80`, `tcp:[${address}]:80`])
  }
  const direct = async (name: string, address: string): Promise<VrrpDirector> => {
    const namespace = await plug(name, address)
    takeFromXdp(fabric, name)
    const daemon = daemonOf(namespace)
    t.teardown(() => daemon.remove())
    await daemon.start()
    return directorAt(name, namespace, daemon.places.socket, fabric)
  }
  const directors: VrrpNetwork['directors'] = [
    await direct('director1', '10.0.0.1'),
    await direct('director2', '10.0.0.2'),
  ]
  return { client, directors }
}

async function directorAt(
  name: string,
  namespace: Namespace,
  socket: string,
  fabric: Namespace,
): Promise<VrrpDirector> {
  const xlvs = (...words: string[]): Promise<string> =>
    runMeanwhile([process.execPath, XLVS, ...words, '--socket', socket])
  await xlvs('attach', 'eth0')
  const [link] = JSON.parse(namespace.run(['ip', '-j', 'link', 'show', 'eth0'])) as [
    { address: string },
  ]
  return {
    ...{ name, namespace, socket, mac: link.address },
    show: async () =>
      (JSON.parse(await xlvs('show', '--json')) as { services: ServiceView[] }).services,
    daemons: async () =>
      (JSON.parse(await xlvs('sync', 'show', '--json')) as { daemons: SyncDaemonView[] }).daemons,
    setCable: state => {
      batch(fabric, [`link set ${name} ${state}`])
    },
  }
}

function batch(namespace: Namespace, commands: string[]): void {
  namespace.run(['ip', '-batch', '-'], commands.join('\n'))
}
