/**
 * The network that packet tests' directors stand in: one link with clients, a router and dests of
 * both families, and a second one for dests that a test puts there. Read next: director.ts.
 */
import { isMark } from '../../control/model/service.ts'
import type { ServiceIntent } from '../../control/plan/intent.ts'
import type { Facts, RouteFact } from '../../control/plan/network.ts'
import { FAMILIES, type Family } from './families.ts'
import { DIRECTOR_MAC, macOf } from './frames.ts'

/** BPF_PROG_TEST_RUN lets frames come in by the loopback device, whose index is 1. */
export const INGRESS = 1
/** A second interface, so that some frames are redirected. */
export const OTHER_INTERFACE = 2
export const OTHER_MAC = '02:00:00:00:00:02'
/** MTU of the second interface. */
export const OTHER_MTU = 1300
const NUD_PERMANENT = 0x80

export interface Place {
  /** MTU of the first interface. */
  mtu?: number
  /** Hosts behind OTHER_INTERFACE. */
  behindOther?: string[]
}

export function makeFacts(intents: ServiceIntent[], { mtu = 1500, ...place }: Place): Facts {
  const dests = intents.flatMap(i => i.dests.map(d => d.address))
  const behind = new Set(place.behindOther ?? [])
  const hosts = [...FAMILIES.flatMap(f => [f.client, f.router]), ...dests]
  const neighbours = [...new Set(hosts)].map(address => ({
    ifindex: behind.has(address) ? OTHER_INTERFACE : INGRESS,
    address,
    mac: macOf(address),
    state: NUD_PERMANENT,
  }))
  return {
    links: [
      { ifindex: INGRESS, name: 'one', mac: DIRECTOR_MAC, mtu, up: true },
      { ifindex: OTHER_INTERFACE, name: 'two', mac: OTHER_MAC, mtu: OTHER_MTU, up: true },
    ],
    addresses: [
      ...FAMILIES.map(f => ({ ifindex: INGRESS, address: f.director, prefix: onLink(f) })),
      ...intents.flatMap(({ service: s }) =>
        isMark(s) ? [] : [{ ifindex: INGRESS, address: s.address, prefix: hostPrefix(s.address) }],
      ),
    ],
    routes: [
      ...FAMILIES.flatMap(routesOf),
      ...[...behind].map(address =>
        route(address, address.includes(':') ? 128 : 32, OTHER_INTERFACE, ''),
      ),
    ],
    neighbours,
  }
}

function onLink(f: Family): number {
  return f.name === 'IPv4' ? 24 : 64
}

function hostPrefix(address: string): number {
  return address.includes(':') ? 128 : 32
}

function routesOf(f: Family): RouteFact[] {
  const [dests, clients, all] =
    f.name === 'IPv4'
      ? ['10.0.0.0', '198.51.100.0', '0.0.0.0']
      : ['2001:db8:2::', '2001:db8:3::', '::']
  return [
    route(dests, onLink(f), INGRESS, ''),
    route(clients, onLink(f), INGRESS, ''),
    route(all, 0, INGRESS, f.router),
  ]
}

export function route(
  destination: string,
  prefix: number,
  ifindex: number,
  gateway: string,
): RouteFact {
  const rest = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [] }
  return { ...rest, destination, prefix, gateway, ifindex }
}
