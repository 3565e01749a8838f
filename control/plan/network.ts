/**
 * What the kernel knows about the network, as the director needs it: which addresses are local, by
 * which way an address is reached, and from which address. Both families. Pure;
 * ../dataplane/watch.ts feeds it. Read next: ports.ts.
 * Source: RFC 4632 (longest prefix), RFC 6724 (source address); include/uapi/linux/rtnetlink.h,
 * neighbour.h (v6.12).
 */
import {
  addressBits,
  familyOf,
  IPV4_PREFIX,
  isLinkLocal,
  isMulticast,
  maskBits,
  type Family,
} from '../model/address.ts'

/** The facts, as rtnetlink tells them. */
export interface Facts {
  links: Link[]
  addresses: AddressFact[]
  routes: RouteFact[]
  neighbours: NeighbourFact[]
  /** Missing: none. */
  limits?: ErrorLimits
  /** The first port that needs no rights; missing: 1024. */
  unprivilegedPort?: number
  /** Missing: none. */
  markLookups?: MarkLookup[]
}

export interface Link {
  ifindex: number
  name: string
  mac: string
  mtu: number
  up: boolean
  /** As in `ip -d link`; vlan and bond matter here. */
  kind?: string
  /** The bond it is a slave of. */
  master?: number
  /** What a VLAN is on. */
  parent?: number
  vlanId?: number
  /** Ethernet type of a VLAN's tag. */
  vlanProtocol?: number
  /** net.ipv4.conf.rp_filter, all's or its own, whichever is larger: 1 strict, 2 loose. */
  rpFilter?: number
  /** net.ipv4.conf.accept_local, all's or its own. */
  acceptLocal?: boolean
}

/** A rule of policy routing that looks at marks: `ip rule add fwmark MARK/MASK lookup TABLE`. */
export interface MarkLookup {
  family: Family
  mark: number
  mask: number
  table: number
}

export interface AddressFact {
  ifindex: number
  address: string
  prefix: number
}

export interface RouteFact {
  table: number
  type: number
  tos?: number
  destination: string
  prefix: number
  /** '': on-link. May be IPv6 under an IPv4 route. */
  gateway: string
  ifindex: number
  metric: number
  mtu: number
  /** Preferred source address, or ''. */
  source?: string
  nexthops: { gateway: string; ifindex: number }[]
}

/** What the host allows of ICMP errors of its own; each of IPv4 and of IPv6. */
export interface ErrorLimits {
  /** Milliseconds between errors to one receiver; 0: none. */
  intervalMs: [number, number]
  /** Bit n: errors of type n are limited. */
  types: [number, number]
  perSecond: number
  burst: number
}

export interface NeighbourFact {
  ifindex: number
  address: string
  mac: string
  state: number
}

/** A network, or one address, as the routes have it. */
export interface Prefix {
  /** Of 128 bits: 96 more than an IPv4 prefix has. */
  prefix: number
  /** Network address, 16 bytes as a number. */
  network: bigint
}

/** A route as it is used. Gateway '': on-link; ifindex 0: nothing goes there. */
export interface Way {
  /** Of 128 bits: 96 more than an IPv4 route has. */
  prefix: number
  /** Network address, 16 bytes as a number. */
  network: bigint
  gateway: string
  ifindex: number
  /** The route's own MTU, 0 when it has none. */
  routeMtu: number
  /** Bytes an IP packet may have. */
  mtu: number
  /** The source address that the route asks for, or ''. */
  source: string
}

const RT_TABLE_DEFAULT = 253
const RT_TABLE_MAIN = 254
const RT_TABLE_LOCAL = 255
const RTN_UNICAST = 1
const RTN_LOCAL = 2
const RTN_BROADCAST = 3
/** RTN_BLACKHOLE, UNREACHABLE, PROHIBIT: nothing goes there, whatever shorter route fits. */
const RTN_NOWHERE = [6, 7, 8]
/** NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: the address in them may be used. */
const NUD_USABLE = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80
const NOWHERE = { gateway: '', ifindex: 0, routeMtu: 0, mtu: 0, source: '' }
/** ::ffff:0.0.0.0, where all of IPv4 is. */
const IPV4_NETWORK = 0xffff_0000_0000n

/** NUD_FAILED: it did not answer. */
export const NUD_FAILED = 0x20

/** Whether a neighbour in this state has a MAC address to send to. */
export function isUsable(neighbour: { state: number; mac: string; address?: string }): boolean {
  if (neighbour.address !== undefined && isMulticast(neighbour.address)) return false
  return (neighbour.state & NUD_USABLE) !== 0 && neighbour.mac !== ''
}

export class Network {
  readonly facts: Facts
  readonly links: ReadonlyMap<number, Link>
  /** Networks that are this host, by prefix; a plain address has 128 bits. */
  readonly #local = new Map<number, Set<bigint>>()
  readonly #broadcast: Prefix[] = []
  readonly #ways = new Map<number, Map<bigint, Way>>()
  readonly #prefixes: number[]

  constructor(facts: Facts) {
    this.facts = facts
    this.links = new Map(facts.links.map(l => [l.ifindex, l]))
    for (const { address } of facts.addresses) this.#addLocal(addressBits(address), 128)
    const order = [...facts.routes].sort((a, b) => a.metric - b.metric)
    for (const route of order) this.#addRoute(route)
    // Without this an IPv4 address would find the default route of IPv6.
    if (!this.#ways.get(IPV4_PREFIX)?.has(IPV4_NETWORK))
      this.#addWay({ prefix: IPV4_PREFIX, network: IPV4_NETWORK, ...NOWHERE })
    this.#prefixes = [...this.#ways.keys()].sort((a, b) => b - a)
  }

  isLocal(address: string): boolean {
    const bits = addressBits(address)
    for (const [prefix, networks] of this.#local)
      if (networks.has(maskBits(bits, prefix))) return true
    return false
  }

  /** The longest matching route, undefined when there is none. */
  way(address: string): Way | undefined {
    const bits = addressBits(address)
    for (const prefix of this.#prefixes) {
      const way = this.#ways.get(prefix)?.get(maskBits(bits, prefix))
      if (way) return way.ifindex === 0 ? undefined : way
    }
    return undefined
  }

  ways(): Way[] {
    return [...this.#ways.values()].flatMap(byNetwork => [...byNetwork.values()])
  }

  /** What is this host, as the routes have it; 127.0.0.0/8 too. */
  locals(): Prefix[] {
    return [...this.#local].flatMap(([prefix, networks]) =>
      [...networks].map(network => ({ prefix, network })),
    )
  }

  /** The index of an interface by name. */
  ifindexOf(name: string): number | undefined {
    return this.facts.links.find(link => link.name === name)?.ifindex
  }

  /**
   * What policy routing makes local for some marks: the local routes of the tables that rules look
   * up for them. Marks of a mask are a range only where the mask is their upper bits.
   */
  get markLocals(): { mark: { low: bigint; high: bigint }; prefix: string }[] {
    const { markLookups = [], routes } = this.facts
    return markLookups.flatMap(({ family, mark, mask, table }) => {
      const free = ~mask >>> 0
      if (mark === 0 || (free & (free + 1)) !== 0) return []
      const low = BigInt((mark & mask) >>> 0)
      const local = routes.filter(
        route =>
          route.table === table &&
          route.type === RTN_LOCAL &&
          familyOf(route.destination) === family,
      )
      return local.map(({ destination, prefix }) => ({
        mark: { low, high: low + BigInt(free) },
        prefix: `${destination}/${prefix}`,
      }))
    })
  }

  isBroadcast(address: string): boolean {
    const bits = addressBits(address)
    return this.#broadcast.some(({ prefix, network }) => maskBits(bits, prefix) === network)
  }

  /** The broadcast addresses of its networks. */
  broadcasts(): readonly Prefix[] {
    return this.#broadcast
  }

  /**
   * The address by which an interface speaks, '' when it has none: IPv4's first; IPv6's first that
   * is valid beyond the link, another interface's before a link-local one.
   */
  addressOf(ifindex: number, family: Family): string {
    const all = this.#addresses(family)
    const own = all.filter(a => a.ifindex === ifindex)
    if (family === 4) return own[0]?.address ?? ''
    const global = own.find(isGlobal) ?? all.find(isGlobal) ?? own[0]
    return global?.address ?? ''
  }

  /** The address this host would send from to reach another, '' when there is no way or none. */
  sourceTo(address: string): string {
    const way = this.way(address)
    if (!way) return ''
    const family = familyOf(address)
    if (way.source !== '' && familyOf(way.source) === family) return way.source
    const all = this.#addresses(family)
    const fitting = isLinkLocal(address) ? all : all.filter(isGlobal)
    const own = fitting.filter(a => a.ifindex === way.ifindex)
    const near = familyOf(way.gateway || address) === family ? way.gateway || address : address
    const [best] = nearestFirst(own.length > 0 ? own : fitting, family === 4 ? near : address)
    return best?.address ?? ''
  }

  #addresses(family: Family): AddressFact[] {
    return this.facts.addresses.filter(a => familyOf(a.address) === family)
  }

  #addLocal(network: bigint, prefix: number): void {
    const networks = this.#local.get(prefix) ?? new Set()
    this.#local.set(prefix, networks.add(network))
  }

  #addRoute(route: RouteFact): void {
    // A route for one type of service is not the way of other packets.
    if (route.tos) return
    const isIpv4 = familyOf(route.destination) === 4
    const prefix = route.prefix + (isIpv4 ? IPV4_PREFIX : 0)
    const network = addressBits(route.destination)
    // IPv6 routes into ::ffff:0:0/96 say nothing of IPv4.
    if (!isIpv4 && prefix >= IPV4_PREFIX && maskBits(network, IPV4_PREFIX) === IPV4_NETWORK) return
    if (route.type === RTN_LOCAL) {
      if (route.table >= RT_TABLE_DEFAULT && route.table <= RT_TABLE_LOCAL)
        this.#addLocal(network, prefix)
      return
    }
    if (route.type === RTN_BROADCAST) this.#broadcast.push({ prefix, network })
    if (route.table !== RT_TABLE_MAIN && route.table !== RT_TABLE_DEFAULT) return
    const hop = this.#hopOf(route)
    if (hop) this.#addWay({ prefix, network, ...hop })
  }

  /** The first of a network stays: it has the best metric. */
  #addWay(way: Way): void {
    const byNetwork = this.#ways.get(way.prefix) ?? new Map<bigint, Way>()
    this.#ways.set(way.prefix, byNetwork)
    if (!byNetwork.has(way.network)) byNetwork.set(way.network, way)
  }

  /** The first next hop whose interface is up; undefined when there is none, or it is not ours. */
  #hopOf(route: RouteFact): Omit<Way, 'prefix' | 'network'> | undefined {
    if (RTN_NOWHERE.includes(route.type)) return NOWHERE
    if (route.type !== RTN_UNICAST) return undefined
    const hops = route.nexthops.length > 0 ? route.nexthops : [route]
    const hop = hops.find(h => this.links.get(h.ifindex)?.up)
    const link = hop && this.links.get(hop.ifindex)
    if (!link) return undefined
    return {
      gateway: hop.gateway,
      ifindex: hop.ifindex,
      routeMtu: route.mtu,
      mtu: route.mtu > 0 ? Math.min(route.mtu, link.mtu) : link.mtu,
      source: route.source ?? '',
    }
  }
}

/** Valid beyond a link and a host. */
function isGlobal({ address }: { address: string }): boolean {
  return !isLinkLocal(address) && address !== '::1' && !address.startsWith('127.')
}

/** IPv4: those in whose subnet `to` is come first. IPv6: those that share most bits with it. */
function nearestFirst(addresses: AddressFact[], to: string): AddressFact[] {
  const bits = addressBits(to)
  const rank = ({ address, prefix }: AddressFact): number => {
    const own = addressBits(address)
    if (familyOf(address) === 6) return sharedBits(own, bits)
    const inside = maskBits(own, prefix + IPV4_PREFIX) === maskBits(bits, prefix + IPV4_PREFIX)
    return inside ? 1 : 0
  }
  return addresses
    .map(a => ({ a, rank: rank(a) }))
    .sort((one, two) => two.rank - one.rank)
    .map(({ a }) => a)
}

function sharedBits(a: bigint, b: bigint): number {
  const differing = a ^ b
  return differing === 0n ? 128 : 128 - differing.toString(2).length
}
