/**
 * Where the simulation takes place: hosts of both families around the director, as the model sees
 * them, and the same as facts for the program's tables. Read next: world.ts.
 */
import { mac } from '../../control/model/address.ts'
import type { Facts } from '../../control/plan/network.ts'
import { FAMILIES, IPV4, IPV6, type Family } from '../support/families.ts'
import { DIRECTOR_MAC, macOf } from '../support/frames.ts'
import { INGRESS, OTHER_INTERFACE, OTHER_MAC, OTHER_MTU, route } from '../support/topology.ts'
import { addressBytes } from '../support/wire.ts'
import type { Way } from './emit.ts'
import type { Surroundings } from './service.ts'

/** Dests by the last part of their address. */
export const DEST_NUMBERS = [2, 3, 4, 5, 6, 7]
/** Behind the second interface, and with a MAC address that nobody knows. */
const BEHIND_OTHER = [5, 6]
const UNRESOLVED = 7
const NUD_PERMANENT = 0x80
const RTN_BROADCAST = 3
const RT_TABLE_LOCAL = 255
/** Of the network of the clients. */
export const BROADCAST = '198.51.100.255'

export function latin1(address: string): string {
  return addressBytes(address).toString('latin1')
}

export function virtuals(f: Family): string[] {
  return [f.vip, f.other]
}

export function destsBehindOther(): string[] {
  return FAMILIES.flatMap(f => BEHIND_OTHER.map(n => f.dest(n)))
}

/** Hosts on the first link whose MAC addresses are known. */
function neighbours(f: Family): string[] {
  const near = DEST_NUMBERS.filter(n => !BEHIND_OTHER.includes(n) && n !== UNRESOLVED)
  return [f.client, f.router, ...near.map(n => f.dest(n))]
}

/** Adds to a director's facts what there is here and it does not know. */
export function addFacts(facts: Facts, mtu: number): void {
  for (const link of facts.links) if (link.ifindex === INGRESS) link.mtu = mtu
  const add = (ifindex: number, address: string) => {
    if (facts.neighbours.some(n => n.address === address)) return
    facts.neighbours.push({ ifindex, address, mac: macOf(address), state: NUD_PERMANENT })
  }
  for (const f of FAMILIES) for (const address of neighbours(f)) add(INGRESS, address)
  for (const address of destsBehindOther()) add(OTHER_INTERFACE, address)
  const broadcast = { table: RT_TABLE_LOCAL, type: RTN_BROADCAST }
  facts.routes.push({ ...route(BROADCAST, 32, INGRESS, ''), ...broadcast })
}

/** The same for the model. */
export class Place implements Surroundings {
  readonly mac = Buffer.from(mac(DIRECTOR_MAC))
  readonly ingress = INGRESS
  readonly locals = new Set(FAMILIES.flatMap(f => [f.director, ...virtuals(f)]).map(latin1))
  readonly #known = new Map<string, Way>()
  readonly #nobody: Record<'v4' | 'v6', Omit<Way, 'address'>>
  readonly #router: Record<'v4' | 'v6', Way>

  constructor(mtu: number) {
    const one = { ifindex: INGRESS, smac: Buffer.from(mac(DIRECTOR_MAC)), mtu }
    const two = { ifindex: OTHER_INTERFACE, smac: Buffer.from(mac(OTHER_MAC)), mtu: OTHER_MTU }
    const of = (f: Family) => ({ source: latin1(f.director) })
    const by = (address: string) => {
      return { address: latin1(address), dmac: Buffer.from(mac(macOf(address))) }
    }
    for (const f of FAMILIES) {
      for (const address of neighbours(f))
        this.#known.set(latin1(address), { ...one, ...of(f), ...by(address) })
      for (const n of BEHIND_OTHER)
        this.#known.set(latin1(f.dest(n)), { ...two, ...of(f), ...by(f.dest(n)) })
    }
    const router = (f: Family): Way => ({ ...one, ...of(f), ...by(f.router) })
    const nobody = (f: Family) => ({ ...one, ...of(f), dmac: undefined })
    this.#router = { v4: router(IPV4), v6: router(IPV6) }
    this.#nobody = { v4: nobody(IPV4), v6: nobody(IPV6) }
  }

  own(isV6: boolean): string {
    return latin1((isV6 ? IPV6 : IPV4).director)
  }

  way(address: string): Way | undefined {
    const known = this.#known.get(address)
    if (known) return known
    if (this.locals.has(address) || address === BROADCAST_BYTES) return undefined
    const family = address.length === 16 ? 'v6' : 'v4'
    const isNear = NETWORKS.some(network => address.startsWith(network))
    return isNear ? { ...this.#nobody[family], address } : this.#router[family]
  }
}

const BROADCAST_BYTES = latin1(BROADCAST)
/** What is on-link: the networks of clients and dests. */
const NETWORKS = [
  ...['198.51.100.0', '10.0.0.0'].map(network => latin1(network).slice(0, 3)),
  ...['2001:db8:3::', '2001:db8:2::'].map(network => latin1(network).slice(0, 8)),
]
