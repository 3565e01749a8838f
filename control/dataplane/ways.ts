/**
 * Next hops, neighbours, routes and interfaces in the maps, kept as the kernel's network is. A next
 * hop's id is written into connections, so a row keeps its interface and address for good; only its
 * MAC addresses, MTU and validity change. Read next: ../plan/network.ts, ../../bpf/nexthop.h.
 */
import {
  INTERFACE,
  INTERFACE_FLAGS,
  NEIGHBOUR_KEY,
  NEXTHOP,
  NEXTHOP_FLAGS,
  ROUTE,
  ROUTE_KEY,
  readInterface,
  readNexthop,
  readRoute,
  readRouteKey,
  writeInterface,
  writeNeighbourKey,
  writeNexthop,
  writeRoute,
  writeRouteKey,
  type Interface,
  type Nexthop,
  type Route,
  type RouteKey,
} from '../abi/maps.gen.ts'
import { formatIpv4, ipv4, mac } from '../model/address.ts'
import { isUsable, type Network } from '../plan/network.ts'
import { key32, view } from './bytes.ts'
import { type Kernel } from './kernel.ts'
import { Rows } from './rows.ts'

/** How an address is reached: `nexthop` 0 without a route. */
export interface ReachView {
  nexthop: number
  resolved: boolean
  /** The neighbour to ask the kernel to resolve, when it is not. */
  unresolved?: { ifindex: number; address: string }
}

export class Ways {
  readonly nexthops: Rows<Nexthop>
  readonly #interfaces: Rows<Interface>
  readonly #kernel: Kernel
  readonly #ids = new Map<string, number>()
  readonly #neighbours = new Map<string, number>()
  readonly #routes = new Map<string, string>()
  #network: Network
  #attached = new Set<number>()
  #next = 1

  constructor(kernel: Kernel, network: Network) {
    this.#kernel = kernel
    this.#network = network
    this.nexthops = new Rows(kernel.maps.nexthops, {
      size: NEXTHOP.size,
      read: readNexthop,
      write: writeNexthop,
    })
    this.#interfaces = new Rows(kernel.maps.interfaces, {
      size: INTERFACE.size,
      read: readInterface,
      write: writeInterface,
    })
    if (kernel.adopted) this.#adopt()
  }

  /** Brings next hops, neighbours, routes and interfaces up to what the network is now. */
  update(network: Network, attached: Set<number>): void {
    this.#network = network
    this.#updateInterfaces(attached)
    const usable = new Map(
      network.facts.neighbours
        .filter(isUsable)
        .map(n => [hopName(n.ifindex, ipv4(n.address)), n] as const),
    )
    for (const n of usable.values()) this.#ensure(n.ifindex, ipv4(n.address))
    for (const way of network.ways()) if (way.gateway) this.#ensure(way.ifindex, way.gateway)
    for (const [name, id] of this.#ids) this.#writeHop(id, name, usable.get(name)?.mac ?? '')
    this.#updateNeighbours(new Set(usable.keys()))
    this.#updateRoutes()
  }

  /** The way to an address; makes its next hop's row when it has none. */
  reach(address: number): ReachView {
    const way = this.#network.isLocal(address) ? undefined : this.#network.way(address)
    if (!way) return { nexthop: 0, resolved: false }
    const hop = way.gateway || address
    const id = this.#ensure(way.ifindex, hop)
    if (id === 0) return { nexthop: 0, resolved: false }
    const resolved = (this.nexthops.get(id).flags & NEXTHOP_FLAGS.NEXTHOP_VALID) !== 0
    return resolved
      ? { nexthop: id, resolved }
      : { nexthop: id, resolved, unresolved: { ifindex: way.ifindex, address: formatIpv4(hop) } }
  }

  #adopt(): void {
    for (let id = 1; id < this.nexthops.length; id++) {
      const row = this.nexthops.get(id)
      if (row.ifindex !== 0) this.#ids.set(hopName(row.ifindex, row.addr), id)
    }
    const neighbours = this.#kernel.maps.neighbours.lookupBatch()
    for (let i = 0; i < neighbours.count; i++) {
      const at = i * NEIGHBOUR_KEY.size
      const v = view(neighbours.keys)
      const name = hopName(v.getUint32(at, true), v.getUint32(at + NEIGHBOUR_KEY.addr, false))
      this.#neighbours.set(name, view(neighbours.values).getUint32(4 * i, true))
    }
    this.#adoptRoutes()
    for (let i = 1; i < this.#interfaces.length; i++)
      if (this.#interfaces.get(i).flags & INTERFACE_FLAGS.INTERFACE_ATTACHED) this.#attached.add(i)
  }

  #adoptRoutes(): void {
    const { routes } = this.#kernel.maps
    for (let key = routes.nextKey(); key; key = routes.nextKey(key)) {
      const value = routes.lookup(key)
      if (value) this.#routes.set(hex(key), hex(value))
    }
  }

  #updateInterfaces(attached: Set<number>): void {
    for (const gone of this.#attached) if (!attached.has(gone)) this.#interfaces.clear(gone)
    for (const ifindex of attached) {
      const link = this.#network.links.get(ifindex)
      if (!link) continue
      this.#interfaces.set(ifindex, {
        mac: mac(link.mac),
        flags: INTERFACE_FLAGS.INTERFACE_ATTACHED,
        addr: this.#network.addressOf(ifindex),
      })
    }
    this.#attached = new Set(attached)
  }

  /** The id of a neighbour's row, 0 when the table is full. */
  #ensure(ifindex: number, address: number): number {
    const name = hopName(ifindex, address)
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    if (this.#next === 1 && this.#ids.size > 0) this.#next = Math.max(...this.#ids.values()) + 1
    if (this.#next >= this.nexthops.length) return 0
    const id = this.#next++
    this.#ids.set(name, id)
    this.#writeHop(id, name, '')
    return id
  }

  #writeHop(id: number, name: string, dmac: string): void {
    const [ifindex = 0, address = 0] = name.split(' ').map(Number)
    const link = this.#network.links.get(ifindex)
    const valid = dmac !== '' && link?.up === true
    const row = this.nexthops.get(id)
    this.nexthops.set(id, {
      dmac: valid ? mac(dmac) : row.dmac,
      smac: link ? mac(link.mac) : row.smac,
      ifindex,
      addr: address,
      mtu: Math.min(this.#network.way(address)?.mtu ?? link?.mtu ?? 0, 0xffff),
      flags: valid ? NEXTHOP_FLAGS.NEXTHOP_VALID : 0,
    })
  }

  #updateNeighbours(usable: Set<string>): void {
    const { neighbours } = this.#kernel.maps
    for (const name of this.#neighbours.keys()) {
      if (usable.has(name)) continue
      neighbours.delete(neighbourKey(name))
      this.#neighbours.delete(name)
    }
    for (const name of usable) {
      const id = this.#ids.get(name)
      if (id === undefined || this.#neighbours.get(name) === id) continue
      neighbours.update(neighbourKey(name), key32(id))
      this.#neighbours.set(name, id)
    }
  }

  #updateRoutes(): void {
    const { routes } = this.#kernel.maps
    const wanted = new Map<string, string>()
    for (const way of this.#network.ways()) {
      const key: RouteKey = { prefixlen: way.prefix, addr: way.network }
      const nexthop = way.gateway ? this.#ensure(way.ifindex, way.gateway) : 0
      const value: Route = { nexthop, ifindex: way.ifindex }
      wanted.set(
        hex(encode(ROUTE_KEY.size, writeRouteKey, key)),
        hex(encode(ROUTE.size, writeRoute, value)),
      )
    }
    for (const [key, value] of wanted)
      if (this.#routes.get(key) !== value) routes.update(unhex(key), unhex(value))
    for (const key of this.#routes.keys()) if (!wanted.has(key)) routes.delete(unhex(key))
    this.#routes.clear()
    for (const [key, value] of wanted) this.#routes.set(key, value)
  }

  /** The routes as the data plane has them; for listings and tests. */
  routes(): (RouteKey & Route)[] {
    return [...this.#routes].map(([key, value]) => ({
      ...readRouteKey(view(unhex(key)), 0),
      ...readRoute(view(unhex(value)), 0),
    }))
  }
}

function hopName(ifindex: number, address: number): string {
  return `${ifindex} ${address}`
}

function neighbourKey(name: string): Uint8Array {
  const [ifindex = 0, addr = 0] = name.split(' ').map(Number)
  return encode(NEIGHBOUR_KEY.size, writeNeighbourKey, { ifindex, addr })
}

function encode<R>(
  size: number,
  write: (v: DataView, at: number, x: R) => void,
  row: R,
): Uint8Array {
  const bytes = new Uint8Array(size)
  write(view(bytes), 0, row)
  return bytes
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}
