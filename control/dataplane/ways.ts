/**
 * Next hops, neighbours, routes, interfaces and VLANs in the maps, kept as the kernel's network is.
 * A next hop's id is written into connections, so a row keeps its interface, address and route MTU
 * for good; only its MAC addresses, wire, MTU and validity change.
 * Read next: ../plan/network.ts, ../../bpf/nexthop.h.
 */
import { store32 } from '../../addon/index.ts'
import {
  INTERFACE,
  INTERFACE_FLAGS,
  LIMIT,
  NEIGHBOUR_KEY,
  NEXTHOP,
  NEXTHOP_FLAGS,
  ROUTE,
  ROUTE_KIND,
  ROUTE_KEY,
  VLAN_KEY,
  readInterface,
  readNeighbourKey,
  readNexthop,
  readRoute,
  readRouteKey,
  writeInterface,
  writeNeighbourKey,
  writeNexthop,
  writeRoute,
  writeRouteKey,
  writeVlanKey,
  type Interface,
  type Nexthop,
  type Route,
  type RouteKey,
} from '../abi/maps.gen.ts'
import { addressBytes, bytesOf, formatAddress, ipv4, mac, type Family } from '../model/address.ts'
import {
  NUD_FAILED,
  isUsable,
  type Link,
  type Network,
  type Prefix,
  type Way,
} from '../plan/network.ts'
import { portsOf, tagsOf, wireOf } from '../plan/ports.ts'
import { key32, view } from './bytes.ts'
import type { Reach } from './compile.ts'
import { type Kernel } from './kernel.ts'
import { Mirror } from './mirror.ts'
import { Rows } from './rows.ts'

/** How an address is reached: `nexthop` 0 without a route. */
export interface ReachView extends Reach {
  resolved: boolean
  /** The neighbour to ask the kernel for, when it is not; with nexthop 0 it did not answer. */
  unresolved?: { ifindex: number; address: string }
}

/** What a next hop's row is for. */
interface Hop {
  /** The interface the route names. */
  ifindex: number
  address: string
  /** The route's own MTU, 0 when it has none. */
  routeMtu: number
}

/** The flag of an interface that says that a family has no service. */
const IDLE: Record<Family, number> = {
  4: INTERFACE_FLAGS.INTERFACE_IDLE4,
  6: INTERFACE_FLAGS.INTERFACE_IDLE6,
}

export class Ways {
  readonly nexthops: Rows<Nexthop>
  readonly #interfaces: Rows<Interface>
  readonly #neighbours: Mirror
  readonly #routes: Mirror
  readonly #vlans: Mirror
  readonly #own: Uint32Array<ArrayBuffer>
  readonly #ids = new Map<string, number>()
  readonly #hops = new Map<number, Hop>()
  #idle = 0
  #network: Network
  /** MAC addresses of neighbours that can be sent to. */
  #macs = new Map<string, string>()
  /** What reach() found since the network last changed: thousands of dests have one address. */
  readonly #reached = new Map<string, ReachView>()
  /** Addresses whose way has changed since takeMoved() was asked. */
  #moved = new Set<string>()
  /** Neighbours that did not answer when they were last asked, until they do. */
  #silent = new Set<string>()
  #ports = new Set<number>()
  #next = 1
  /** Routes of the host that found no room in the table. */
  routesLost = 0

  constructor(kernel: Kernel, network: Network) {
    const { maps } = kernel
    this.#network = network
    this.nexthops = new Rows(maps.nexthops, {
      size: NEXTHOP.size,
      read: readNexthop,
      write: writeNexthop,
    })
    this.#interfaces = new Rows(maps.interfaces, {
      size: INTERFACE.size,
      read: readInterface,
      write: writeInterface,
    })
    this.#neighbours = new Mirror(maps.neighbours)
    this.#routes = new Mirror(maps.routes)
    this.#vlans = new Mirror(maps.vlans)
    this.#own = new Uint32Array(maps.own.mmap())
    if (kernel.adopted) this.#adopt()
  }

  /** Brings everything up to what the network is now. */
  update(network: Network, attached: ReadonlySet<number>): void {
    this.#network = network
    const before = [...this.#reached]
    this.#reached.clear()
    this.#updateInterfaces(attached)
    const usable = network.facts.neighbours.filter(isUsable)
    this.#macs = new Map(usable.map(n => [neighbourName(n.ifindex, n.address), n.mac]))
    this.#silent = silentNow(network, this.#silent)
    const onLink = usable.map(n => this.#hopOnLink(n.ifindex, n.address))
    const neighbours = onLink.map(hop => [neighbourKey(hop), this.#ensure(hop)] as const)
    const routes = network.ways().map(way => [routeKey(way), this.#routeOf(way)] as const)
    for (const [id, hop] of this.#hops) this.#writeHop(id, hop)
    const found = neighbours.filter(([, id]) => id !== 0)
    this.#neighbours.set(found.map(([key, id]) => [key, u32(id)]))
    this.#writeOwn(network.locals())
    const own = [
      ...network.broadcasts().map(b => [routeKey(b), noWay(ROUTE_KIND.ROUTE_BROADCAST)] as const),
      ...network.locals().map(l => [routeKey(l), noWay(ROUTE_KIND.ROUTE_LOCAL)] as const),
    ]
    // A map keeps the place of what is set again: these are first, so that none of them is lost.
    this.routesLost = this.#routes.set([...own, ...routes, ...own])
    for (const [address, was] of before)
      if (!isSameReach(was, this.reach(address))) this.#moved.add(address)
  }

  /** The way to an address; makes its next hop's row when it has none. */
  reach(address: string): ReachView {
    const known = this.#reached.get(address)
    if (known) return known
    const found = this.#findReach(address)
    this.#reached.set(address, found)
    return found
  }

  #findReach(address: string): ReachView {
    const nowhere = { nexthop: 0, local: false, source: '', resolved: false }
    if (this.#network.isLocal(address)) return { ...nowhere, local: true, resolved: true }
    const way = this.#network.way(address)
    if (!way) return nowhere
    const { ifindex, routeMtu } = way
    const hop = { ifindex, address: way.gateway || address, routeMtu }
    const id = this.#ensure(hop)
    if (id === 0) return nowhere
    const resolved = (this.nexthops.get(id).flags & NEXTHOP_FLAGS.NEXTHOP_VALID) !== 0
    const view = { nexthop: id, local: false, source: this.#network.sourceTo(address), resolved }
    if (resolved) return view
    const nexthop = this.#silent.has(neighbourName(ifindex, hop.address)) ? 0 : id
    return { ...view, nexthop, unresolved: { ifindex, address: hop.address } }
  }

  /** Whether there are such as takeMoved() tells. */
  get hasMoved(): boolean {
    return this.#moved.size > 0
  }

  /** Addresses reached before whose way has changed since this was last asked. */
  takeMoved(): ReadonlySet<string> {
    const moved = this.#moved
    this.#moved = new Set()
    return moved
  }

  #adopt(): void {
    for (let id = 1; id < this.nexthops.length; id++) {
      const { logical, addr, mtu } = this.nexthops.get(id)
      if (logical === 0) continue
      // The row has the smaller of route's and link's MTU; the link's own is no route's.
      const routeMtu = mtu === linkMtu(this.#network, logical) ? 0 : mtu
      this.#remember(id, { ifindex: logical, address: formatAddress(addr), routeMtu })
      this.#next = id + 1
    }
    for (let i = 1; i < this.#interfaces.length; i++)
      if (this.#interfaces.get(i).flags & INTERFACE_FLAGS.INTERFACE_ATTACHED) this.#ports.add(i)
    for (const mirror of [this.#neighbours, this.#routes, this.#vlans]) mirror.adopt()
  }

  /** Leaves the packets of these families to the host. */
  setIdle(families: readonly Family[]): void {
    const was = this.#idle
    this.#idle = families.reduce((flags, family) => flags | IDLE[family], 0)
    if (this.#idle === was) return
    for (const port of this.#ports) {
      const row = this.#interfaces.get(port)
      const { flags } = row
      this.#interfaces.set(port, { ...row, flags: (flags & ~(IDLE[4] | IDLE[6])) | this.#idle })
    }
  }

  #updateInterfaces(attached: ReadonlySet<number>): void {
    const ports = portsOf(this.#network, attached)
    const now = new Set(ports.map(port => port.ifindex))
    for (const gone of this.#ports) if (!now.has(gone)) this.#interfaces.clear(gone)
    for (const port of ports) {
      const addr = this.#network.addressOf(port.speaker, 4)
      const addr6 = this.#network.addressOf(port.speaker, 6)
      this.#interfaces.set(port.ifindex, {
        mac: mac(port.mac),
        flags:
          INTERFACE_FLAGS.INTERFACE_ATTACHED |
          this.#idle |
          sourceFlags(this.#network.links.get(port.speaker)),
        speaker: port.speaker,
        addr: addr === '' ? 0 : ipv4(addr),
        addr6: addr6 === '' ? new Uint8Array(16) : addressBytes(addr6),
      })
    }
    this.#ports = now
    this.#vlans.set(
      tagsOf(this.#network, attached).map(({ ifindex, protocol, id, vlan }) => [
        encode(VLAN_KEY.size, writeVlanKey, { ifindex, tpid: protocol, vid: id }),
        u32(vlan),
      ]),
    )
  }

  /** Which last bits the host's addresses have; a network of its own may have any. */
  #writeOwn(locals: readonly Prefix[]): void {
    const words = new Uint32Array(LIMIT.OWN_BITS / 32)
    for (const { prefix, network } of locals.filter(isIpv4).filter(l => !isLoopback(l))) {
      const low = Number(network & BigInt(LIMIT.OWN_BITS - 1))
      if (prefix === 128) words[low >>> 5] = (words[low >>> 5] ?? 0) | (1 << (low & 31))
      else words.fill(0xffff_ffff)
    }
    words.forEach((word, i) => {
      if (this.#own[i] !== word) store32(this.#own.buffer, i, word)
    })
  }

  /** The hop of a neighbour, by the route that reaches it on its link. */
  #hopOnLink(ifindex: number, address: string): Hop {
    const way = this.#network.way(address)
    const fits = way?.ifindex === ifindex && way.gateway === ''
    return { ifindex, address, routeMtu: fits ? way.routeMtu : 0 }
  }

  /** Nothing goes by a gateway that finds no row: its clients are not on-link for that. */
  #routeOf(way: Way): string {
    const { ifindex, gateway, routeMtu } = way
    const nexthop = gateway === '' ? 0 : this.#ensure({ ifindex, address: gateway, routeMtu })
    const isLost = gateway !== '' && nexthop === 0
    return encode<Route>(ROUTE.size, writeRoute, {
      nexthop,
      ifindex: isLost ? 0 : ifindex,
      kind: ROUTE_KIND.ROUTE_UNICAST,
      prefix: way.prefix,
    })
  }

  /** The id of a hop's row, 0 when the table is full. */
  #ensure(hop: Hop): number {
    const known = this.#ids.get(hopName(hop))
    if (known !== undefined) return known
    if (this.#next >= this.nexthops.length) return 0
    const id = this.#next++
    this.#remember(id, hop)
    this.#writeHop(id, hop)
    return id
  }

  #remember(id: number, hop: Hop): void {
    this.#ids.set(hopName(hop), id)
    this.#hops.set(id, hop)
  }

  #writeHop(id: number, hop: Hop): void {
    const link = this.#network.links.get(hop.ifindex)
    const wire = wireOf(this.#network, hop.ifindex)
    const known = this.#macs.get(neighbourName(hop.ifindex, hop.address))
    const valid = known !== undefined && wire !== undefined && link?.up === true
    const row = this.nexthops.get(id)
    const tagged = wire?.tag ? NEXTHOP_FLAGS.NEXTHOP_TAGGED : 0
    const mtu = linkMtu(this.#network, hop.ifindex)
    this.nexthops.set(id, {
      dmac: valid ? mac(known) : row.dmac,
      smac: link ? mac(link.mac) : row.smac,
      ifindex: wire?.ifindex ?? hop.ifindex,
      mtu: hop.routeMtu > 0 ? Math.min(hop.routeMtu, mtu) : mtu,
      flags: (valid ? NEXTHOP_FLAGS.NEXTHOP_VALID : 0) | tagged,
      tpid: wire?.tag?.protocol ?? 0,
      tci: wire?.tag?.id ?? 0,
      logical: hop.ifindex,
      addr: addressBytes(hop.address),
    })
  }

  /** The routes as the data plane has them; for listings and tests. */
  routes(): (RouteKey & Route)[] {
    return this.#routes.entries().map(([key, value]) => ({
      ...readRouteKey(view(key), 0),
      ...readRoute(view(value), 0),
    }))
  }

  /** Neighbours as the data plane has them, and their next hops' ids; for tests. */
  neighbours(): { ifindex: number; address: string; nexthop: number }[] {
    return this.#neighbours.entries().map(([key, value]) => {
      const { ifindex, addr } = readNeighbourKey(view(key), 0)
      return { ifindex, address: formatAddress(addr), nexthop: view(value).getUint32(0, true) }
    })
  }
}

/** ::ffff:0.0.0.0 and ::ffff:127.0.0.0 without the bits of hosts. */
const [IPV4_HIGH, LOOPBACK_HIGH] = [0xffffn, 0xffff_7fn]

function isIpv4({ network }: Prefix): boolean {
  return network >> 32n === IPV4_HIGH
}

/** Refused without a look at the routes. */
function isLoopback({ network }: Prefix): boolean {
  return network >> 24n === LOOPBACK_HIGH
}

const MTU_MAX = 0xffff
/** rp_filter 1; what is above is loose. */
const RP_STRICT = 1

function linkMtu(network: Network, ifindex: number): number {
  return Math.min(network.links.get(ifindex)?.mtu ?? 0, MTU_MAX)
}

function isSameReach(a: ReachView, b: ReachView): boolean {
  return (
    a.nexthop === b.nexthop &&
    a.local === b.local &&
    a.source === b.source &&
    a.resolved === b.resolved &&
    !a.unresolved === !b.unresolved
  )
}

/**
 * Who does not answer. Clients of a dest behind it are told (host unreachable) instead of waiting:
 * a silent neighbour stays so while it is asked again, or its packets would wait, and be lost, for
 * three of every four seconds. Source: net/ipv4/arp.c arp_error_report (v6.12).
 */
function silentNow({ facts }: Network, before: ReadonlySet<string>): Set<string> {
  const names = facts.neighbours
    .filter(n => !isUsable(n))
    .filter(n => n.state & NUD_FAILED || before.has(neighbourName(n.ifindex, n.address)))
    .map(n => neighbourName(n.ifindex, n.address))
  return new Set(names)
}

function hopName({ ifindex, address, routeMtu }: Hop): string {
  return `${ifindex} ${routeMtu} ${address}`
}

function neighbourName(ifindex: number, address: string): string {
  return `${ifindex} ${address}`
}

function neighbourKey({ ifindex, address }: Hop): string {
  return encode(NEIGHBOUR_KEY.size, writeNeighbourKey, { ifindex, addr: addressBytes(address) })
}

/** The value of an address that packets may come from but are not sent to. */
function noWay(kind: number): string {
  return encode<Route>(ROUTE.size, writeRoute, { nexthop: 0, ifindex: 0, kind, prefix: 0 })
}

/** What the program asks about sources that come by an interface. */
function sourceFlags(link: Link | undefined): number {
  const { rpFilter = 0, acceptLocal = false } = link ?? {}
  return (
    (rpFilter === RP_STRICT ? INTERFACE_FLAGS.INTERFACE_STRICT : 0) |
    (rpFilter > RP_STRICT ? INTERFACE_FLAGS.INTERFACE_LOOSE : 0) |
    (acceptLocal ? INTERFACE_FLAGS.INTERFACE_ACCEPT_LOCAL : 0)
  )
}

function routeKey({ prefix, network }: Prefix): string {
  const key: RouteKey = { prefixlen: prefix, addr: bytesOf(network) }
  return encode(ROUTE_KEY.size, writeRouteKey, key)
}

function u32(value: number): string {
  return Buffer.from(key32(value)).toString('hex')
}

/** A row as hexadecimal digits, which a Map can have as key. */
function encode<R>(size: number, write: (v: DataView, at: number, x: R) => void, row: R): string {
  const bytes = Buffer.alloc(size)
  write(view(bytes), 0, row)
  return bytes.toString('hex')
}
