/**
 * Watches the kernel's network by rtnetlink: dumps at the start, then changes, folded into facts.
 * After an overrun everything is dumped again, and after what takes routes with it unannounced.
 * What net.ipv4.conf says about sources is read: rp_filter is announced, accept_local is not.
 * Read next: route_table.ts, ../plan/network.ts. See fib_disable_ip in Linux.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  Netlink,
  type AddressInfo,
  type LinkInfo,
  type NeighbourInfo,
  type NetlinkEvent,
  type RuleInfo,
} from '../../addon/index.ts'
import { formatIpv6, parseIpv6 } from '../model/address.ts'
import { Network, type Facts, type MarkLookup } from '../plan/network.ts'
import { settleMs } from './pace.ts'
import { RouteTable } from './route_table.ts'
import { errorLimits, ipv4Conf, unprivilegedPort } from './sysctl.ts'

/** How often settings that nobody announces are read: the host's, and of how many interfaces. */
const READ_MS = 100
const READ_LINKS = 8

/** include/uapi/linux/fib_rules.h */
const FR_ACT_TO_TBL = 1

/** What an interface asks of sources. */
interface SourceRules {
  rpFilter: number
  acceptLocal: boolean
}

export class Watch {
  readonly #netlink = new Netlink()
  readonly #links = new Map<number, LinkInfo>()
  readonly #addresses = new Map<string, AddressInfo>()
  readonly #routes = new RouteTable()
  readonly #neighbours = new Map<string, NeighbourInfo>()
  #rules = new Map<number, SourceRules>()
  #markLookups: MarkLookup[] = []
  /** Interfaces whose rules are still to be read in this round. */
  #unread: LinkInfo[] = []
  #limits = errorLimits()
  #unprivilegedPort = unprivilegedPort()
  readonly #reading: NodeJS.Timeout
  #timer: NodeJS.Timeout | undefined
  /** Something has gone that may have taken more with it than the kernel says. */
  #isDoubtful = false
  /** How long the last change took to be carried out, and when that was. */
  #tookMs = 0
  #doneAt = 0

  #changed: () => void = () => undefined

  /** Listens first and dumps then, so that no change falls between. */
  constructor() {
    this.#netlink.watch(events => {
      for (const event of events) this.#take(event)
      this.#tellSoon()
    })
    this.#dump()
    this.#reading = setInterval(() => {
      this.#readSome()
    }, READ_MS).unref()
  }

  /** The network as it is known now. */
  network(): Network {
    return new Network(this.#facts())
  }

  link(name: string): LinkInfo | undefined {
    return [...this.#links.values()].find(l => l.name === name)
  }

  /** The same, asked of the kernel: what XDP program it has is not announced. */
  linkNow(name: string): LinkInfo | undefined {
    return this.#netlink.links().find(l => l.name === name)
  }

  linkNames(): string[] {
    return [...this.#links.values()].map(l => l.name)
  }

  /** Calls back, a little later, whenever something has changed. */
  onChange(changed: () => void): void {
    this.#changed = changed
  }

  /** Asks the kernel to resolve a neighbour and to keep it resolved. */
  resolve(neighbour: { ifindex: number; address: string }): void {
    try {
      this.#netlink.setNeighbour({ ...neighbour, managed: true, use: true })
    } catch {
      this.#netlink.setNeighbour({ ...neighbour, use: true })
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    clearInterval(this.#reading)
    this.#netlink.close()
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        const began = performance.now()
        if (this.#isDoubtful) this.#dump()
        this.#changed()
        this.#doneAt = performance.now()
        this.#tookMs = this.#doneAt - began
      },
      settleMs(this.#tookMs, performance.now() - this.#doneAt),
    )
  }

  /** Tells when limits of ICMP errors or ports have changed, which the kernel does not announce. */
  #readLimits(): void {
    const [limits, port] = [errorLimits(), unprivilegedPort()]
    if (isDeepStrictEqual(limits, this.#limits) && port === this.#unprivilegedPort) return
    this.#limits = limits
    this.#unprivilegedPort = port
    this.#tellSoon()
  }

  /** The rules of some interfaces, all of them one after another; tells when one has changed. */
  #readSome(): void {
    this.#readLimits()
    if (this.#unread.length === 0) this.#unread = [...this.#links.values()]
    for (const { ifindex, name } of this.#unread.splice(0, READ_LINKS)) {
      const known = this.#rules.get(ifindex)
      const { rpFilter, acceptLocal } = rulesOf(name)
      if (known?.rpFilter === rpFilter && known.acceptLocal === acceptLocal) continue
      this.#rules.set(ifindex, { rpFilter, acceptLocal })
      this.#tellSoon()
    }
  }

  #dump(): void {
    this.#isDoubtful = false
    this.#links.clear()
    this.#rules.clear()
    this.#addresses.clear()
    this.#routes.clear()
    this.#neighbours.clear()
    for (const link of this.#netlink.links()) this.#take({ kind: 'link', gone: false, link })
    for (const address of this.#netlink.addresses())
      this.#take({ kind: 'address', gone: false, address })
    for (const route of this.#netlink.routes()) this.#routes.add(route)
    this.#markLookups = lookupsOf(this.#netlink.rules())
    for (const neighbour of this.#netlink.neighbours())
      this.#take({ kind: 'neighbour', gone: false, neighbour })
  }

  #take(event: NetlinkEvent): void {
    if (event.kind === 'overrun') {
      this.#dump()
      return
    }
    const { gone, link, address: a, route: r, neighbour: n } = event
    if (link) put(this.#links, link.ifindex, link, gone)
    if (a) put(this.#addresses, `${a.ifindex} ${a.address}`, plain(a), gone)
    if (r && !this.#routes.take(r, gone)) this.#isDoubtful = true
    if (event.setting) this.#rules.clear()
    if (event.rule) this.#markLookups = lookupsOf(this.#netlink.rules())
    if (link) this.#rules.delete(link.ifindex)
    if (n) put(this.#neighbours, `${n.ifindex} ${n.address}`, plain(n), gone)
    if (link && (gone || !link.up)) this.#dropRoutesOf(link.ifindex)
    if (gone && (link ?? a)) this.#isDoubtful = true
  }

  #rulesOf({ ifindex, name }: LinkInfo): SourceRules {
    const known = this.#rules.get(ifindex) ?? rulesOf(name)
    this.#rules.set(ifindex, known)
    return known
  }

  /** The kernel does not announce the routes and neighbours that go with an interface. */
  #dropRoutesOf(ifindex: number): void {
    this.#routes.dropBy(ifindex)
    for (const [key, n] of this.#neighbours) if (n.ifindex === ifindex) this.#neighbours.delete(key)
  }

  #facts(): Facts {
    return {
      links: [...this.#links.values()].map(l => ({ ...l, ...this.#rulesOf(l) })),
      addresses: [...this.#addresses.values()],
      routes: this.#routes.all(),
      neighbours: [...this.#neighbours.values()],
      limits: this.#limits,
      unprivilegedPort: this.#unprivilegedPort,
      markLookups: this.#markLookups,
    }
  }
}

/** Rules that look a table up for nothing but a mark. */
function lookupsOf(rules: readonly RuleInfo[]): MarkLookup[] {
  return rules
    .filter(({ mark, action, narrow }) => mark !== 0 && action === FR_ACT_TO_TBL && !narrow)
    .map(({ family, mark, mask, table }) => ({ family, mark, mask, table }))
}

function rulesOf(name: string): SourceRules {
  return {
    rpFilter: ipv4Conf(name, 'rp_filter'),
    acceptLocal: ipv4Conf(name, 'accept_local') > 0,
  }
}

/** The kernel's library writes ::a.b.c.d for what is ::hhhh:hhhh everywhere else. */
function plain<Fact extends { family: 4 | 6; address: string }>(fact: Fact): Fact {
  if (fact.family === 4 || !fact.address.includes('.')) return fact
  const bytes = parseIpv6(fact.address)
  return bytes ? { ...fact, address: formatIpv6(bytes) } : fact
}

function put<K, V>(into: Map<K, V>, key: K, value: V, gone: boolean): void {
  if (gone) into.delete(key)
  else into.set(key, value)
}
