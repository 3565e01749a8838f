/**
 * What the kernel knows about the network, as the director needs it: which addresses are local, by
 * which way an address is reached. Pure; ../dataplane/watch.ts feeds it.
 * Source: RFC 4632 (longest prefix); include/uapi/linux/rtnetlink.h, neighbour.h (v6.12).
 */
import { ipv4, prefixMask } from '../model/address.ts'

/** The facts, as rtnetlink tells them; IPv4 only. */
export interface Facts {
  links: Link[]
  addresses: { ifindex: number; address: string; prefix: number }[]
  routes: RouteFact[]
  neighbours: { ifindex: number; address: string; mac: string; state: number }[]
}

export interface Link {
  ifindex: number
  name: string
  mac: string
  mtu: number
  up: boolean
}

export interface RouteFact {
  table: number
  type: number
  destination: string
  prefix: number
  gateway: string
  ifindex: number
  metric: number
  mtu: number
  nexthops: { gateway: string; ifindex: number }[]
}

/** A route as it is used. Gateway 0: on-link; ifindex 0: nothing goes there. */
export interface Way {
  prefix: number
  /** Network address. */
  network: number
  gateway: number
  ifindex: number
  /** Bytes an IP packet may have. */
  mtu: number
}

const RT_TABLE_DEFAULT = 253
const RT_TABLE_MAIN = 254
const RTN_UNICAST = 1
/** RTN_BLACKHOLE, UNREACHABLE, PROHIBIT: nothing goes there, whatever shorter route fits. */
const RTN_NOWHERE = [6, 7, 8]
/** NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: the address in them may be used. */
const NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80

/** Whether a neighbour in this state has a MAC address to send to. */
export function isUsable(neighbour: { state: number; mac: string }): boolean {
  return (neighbour.state & NUD_USABLE) !== 0 && neighbour.mac !== ''
}

export class Network {
  readonly facts: Facts
  readonly links: ReadonlyMap<number, Link>
  readonly #local: Set<number>
  readonly #ways = new Map<number, Map<number, Way>>()

  constructor(facts: Facts) {
    this.facts = facts
    this.links = new Map(facts.links.map(l => [l.ifindex, l]))
    this.#local = new Set(facts.addresses.map(a => ipv4(a.address)))
    const order = [...facts.routes].sort((a, b) => a.metric - b.metric)
    for (const route of order) this.#addRoute(route)
  }

  isLocal(address: number): boolean {
    return this.#local.has(address)
  }

  /** The longest matching route, undefined when there is none. */
  way(address: number): Way | undefined {
    for (let prefix = 32; prefix >= 0; prefix--) {
      const way = this.#ways.get(prefix)?.get((address & prefixMask(prefix)) >>> 0)
      if (way) return way.ifindex === 0 ? undefined : way
    }
    return undefined
  }

  ways(): Way[] {
    return [...this.#ways.values()].flatMap(byNetwork => [...byNetwork.values()])
  }

  /** The first address of an interface, 0 when it has none. */
  addressOf(ifindex: number): number {
    const address = this.facts.addresses.find(a => a.ifindex === ifindex)
    return address ? ipv4(address.address) : 0
  }

  #addRoute(route: RouteFact): void {
    if (route.table !== RT_TABLE_MAIN && route.table !== RT_TABLE_DEFAULT) return
    const hop = this.#hopOf(route)
    if (!hop) return
    const network = ipv4(route.destination)
    const byNetwork = this.#ways.get(route.prefix) ?? new Map<number, Way>()
    this.#ways.set(route.prefix, byNetwork)
    if (!byNetwork.has(network)) byNetwork.set(network, { prefix: route.prefix, network, ...hop })
  }

  /** The first next hop whose interface is up; undefined when there is none, or it is not ours. */
  #hopOf(route: RouteFact): Pick<Way, 'gateway' | 'ifindex' | 'mtu'> | undefined {
    if (RTN_NOWHERE.includes(route.type)) return { gateway: 0, ifindex: 0, mtu: 0 }
    if (route.type !== RTN_UNICAST) return undefined
    const hops = route.nexthops.length > 0 ? route.nexthops : [route]
    const hop = hops.find(h => this.links.get(h.ifindex)?.up)
    const link = hop && this.links.get(hop.ifindex)
    if (!link) return undefined
    return {
      gateway: hop.gateway === '' ? 0 : ipv4(hop.gateway),
      ifindex: hop.ifindex,
      mtu: route.mtu > 0 ? Math.min(route.mtu, link.mtu) : link.mtu,
    }
  }
}
