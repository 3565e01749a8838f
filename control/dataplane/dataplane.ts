/**
 * The data plane as the daemon sees it: tables, ways out, connections, counters. The only door to
 * the kernel for services; attaching is in attach.ts. Read next: tables.ts, ways.ts.
 */
import { readFileSync } from 'node:fs'
import { DEST_FLAGS, REASON } from '../abi/maps.gen.ts'
import type { Family } from '../model/address.ts'
import {
  destName,
  familyOfService,
  isMark,
  serviceName,
  type ConnView,
  type Dest,
  type DestId,
  type DestView,
  type Rates as RatesView,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import { withDefaults, type Settings } from '../model/settings.ts'
import { published } from '../plan/active.ts'
import type { Network } from '../plan/network.ts'
import type { ServiceIntent } from '../plan/intent.ts'
import { noTraffic, plus } from '../plan/intent.ts'
import { middles } from '../plan/middles.ts'
import type { Weights } from '../plan/schedule/weights.ts'
import type { MarkRule } from '../model/mark.ts'
import { readConns } from './conns.ts'
import { assureTemplates, hasTemplates, type ControlTable } from './control.ts'
import { alignDeadlines } from './deadlines.ts'
import { Marks } from './marks.ts'
import { NatDests, natKeys } from './nat_dests.ts'
import { Rates } from './rates.ts'
import type { Kernel } from './kernel.ts'
import {
  heedAllReplies,
  heedAnswers,
  heedAsks,
  isEstimating,
  writeLimits,
  writeUnprivilegedPort,
  writeSettings,
} from './settings.ts'
import { SLOT, both, usedFrom, type Both } from './slots.ts'
import { Tables } from './tables.ts'
import { Telling, tellingOf } from './telling.ts'
import { Ways, type ReachView } from './ways.ts'

/** Whether one of those that have gone has not come back. */
function hasLeft(gone: readonly DestId[], come: readonly DestId[]): boolean {
  const kept = new Set(come.map(destName))
  return gone.some(dest => !kept.has(destName(dest)))
}

/** Reasons by number; the enum's last entries are its sizes. */
const REASON_NAMES = Object.entries(REASON)
  .filter(([name]) => name !== 'REASONS' && name !== 'REASONS_MAX')
  .map(([name, number]) => ({ name: name.toLowerCase().replaceAll('_', ' '), number }))

export class Dataplane {
  readonly kernel: Kernel
  readonly tables: Tables
  readonly ways: Ways
  readonly conns: Both<ArrayBuffer>
  readonly #cold: Both<ArrayBuffer>
  readonly rates: Rates
  readonly marks: Marks
  readonly #reasons: BigUint64Array
  readonly #natDests: NatDests
  readonly #telling: Telling
  #network: Network
  /** Whether the virtual address was here when a service was last published, by its name. */
  readonly #vipLocal = new Map<string, boolean>()
  /** What is in the tables of a service, while the ways to its dests are what they were then. */
  readonly #published = new Map<string, ServiceIntent>()
  /** Whether connections end with their dests, and whether dests have left since takeOrphaned. */
  #endsOrphans = false
  /** Families of the services, by name, and how many each has. */
  readonly #families = new Map<string, Family>()
  readonly #ofFamily = { 4: 0, 6: 0 }
  #isWhole = false
  #expirations = { lblc: Infinity, lblcr: Infinity }
  #tellsStrays = false
  #hasOrphans = false

  constructor(kernel: Kernel, network: Network) {
    this.kernel = kernel
    this.tables = new Tables(kernel)
    this.ways = new Ways(kernel, network)
    this.conns = [kernel.maps.conns4.mmap(), kernel.maps.conns6.mmap()]
    this.#cold = [kernel.maps.cold4.mmap(), kernel.maps.cold6.mmap()]
    this.#reasons = new BigUint64Array(kernel.maps.reasons.mmap())
    this.#network = network
    this.marks = new Marks(kernel)
    this.#natDests = new NatDests(kernel.maps.nat_dests)
    this.#telling = new Telling(kernel)
    this.rates = new Rates({
      traffic: kernel.maps.dest_traffic.mmap(),
      dests: this.tables.dests.buffer,
      cpus: kernel.sizes.cpus,
      destsMax: kernel.sizes.dests,
      servicesMax: kernel.sizes.services,
    })
  }

  /** Takes a changed network; the services must be published anew for it to matter to them. */
  setNetwork(network: Network, attached: ReadonlySet<number>): void {
    this.#network = network
    this.ways.update(network, attached)
    if (this.ways.hasMoved) this.#published.clear()
    writeLimits(this.kernel, network.facts.limits)
    writeUnprivilegedPort(this.kernel, network.facts.unprivilegedPort)
    if (network.facts.links.some(link => link.acceptLocal === true)) heedAllReplies(this.kernel)
    this.tables.refreshTrash(
      address => this.ways.reach(address),
      vaddr => network.isLocal(vaddr),
    )
  }

  /** The host's addresses, for who looks at others with them. */
  get here(): Pick<Network, 'isLocal' | 'isBroadcast'> {
    return this.#network
  }

  /** Whether the virtual address is one of this host; a mark has none, so nothing is missing. */
  isLocal(service: ServiceId): boolean {
    return isMark(service) || this.#network.isLocal(service.address)
  }

  /**
   * Which services the network's changes since this was last asked mean something to. Not those
   * that an apply under way has yet to publish: it will find the network as it is then.
   */
  takeMoved(): (intent: ServiceIntent) => boolean {
    const moved = this.ways.takeMoved()
    return ({ service, dests }) => {
      const vipLocal = this.#vipLocal.get(serviceName(service))
      if (vipLocal === undefined) return false
      if (vipLocal !== this.isLocal(service)) return true
      return moved.size > 0 && dests.some(({ address }) => moved.has(address))
    }
  }

  /** Puts settings in force, those that are not given at their defaults. */
  set(settings: Settings): void {
    if (writeSettings(this.kernel, settings)) this.#eachTable(alignDeadlines)
    this.rates.isRunning = isEstimating(settings)
    const { expire_nodest_conn: nodest, nat_icmp_send: strays } = withDefaults(settings)
    this.#endsOrphans = nodest !== 0
    const { lblc_expiration: lblc, lblcr_expiration: lblcr } = withDefaults(settings)
    this.#expirations = { lblc: Number(lblc), lblcr: Number(lblcr) }
    if (this.#tellsStrays === (strays !== 0)) return
    this.#tellsStrays = strays !== 0
    for (const name of this.tables.knownNames()) this.#noteNatDests(name)
  }

  /** What schedulers remember of addresses is forgotten when its time is over. */
  tend(): void {
    this.tables.caches.tend(this.#expirations)
  }

  /** Whether dests have left their services since this was last asked, and connections must end. */
  takeOrphaned(): boolean {
    const had = this.#hasOrphans
    this.#hasOrphans = false
    return had
  }

  /** All services are published: packets of a family that has none are the host's from now on. */
  begin(): void {
    this.#isWhole = true
    this.#telling.begin()
    this.#noteFamily('', undefined)
  }

  /** As IPVS has hooks of a family while there is a service of it. */
  #noteFamily(name: string, family: Family | undefined): void {
    const was = this.#families.get(name)
    if (was !== undefined && was === family) return
    if (was) this.#ofFamily[was]--
    if (family) this.#ofFamily[family]++
    if (family) this.#families.set(name, family)
    else this.#families.delete(name)
    const families = ([4, 6] as const).filter(one => this.#ofFamily[one] === 0)
    if (this.#isWhole || this.#families.size > 0) heedAsks(this.kernel, this.#families.size > 0)
    if (this.#isWhole) this.ways.setIdle(families)
  }

  /** Puts mark rules in force, after a grace period where one is owed. @throws TABLE_FULL */
  setMarks(rules: readonly MarkRule[]): void {
    this.marks.publish(rules, this.#network)
  }

  /** The mark rules when the network has made them mean something else than what is in force. */
  movedMarks(): readonly MarkRule[] | undefined {
    return this.marks.isMoved(this.#network) ? this.marks.rules : undefined
  }

  /** Takes a service out; its dests go to the trash and keep their connections. */
  withdraw(service: ServiceId): void {
    this.#published.delete(serviceName(service))
    this.#noteOrphans(service, [])
    this.tables.withdraw(service)
    this.#noteNatDests(serviceName(service))
    this.#telling.set(serviceName(service), new Map())
    this.#noteFamily(serviceName(service), undefined)
    this.#vipLocal.delete(serviceName(service))
  }

  /**
   * Writes a service as intended; dests that are not in it any more go to the trash. One that needs
   * what there is not yet is not found by packets, and its connections go on. `isNews`: somebody
   * asks for it, so that dests that it gets may start slowly. The dests that were written.
   */
  publish(intent: ServiceIntent, touches: readonly Weights[] = [], isNews = true): readonly Dest[] {
    const name = serviceName(intent.service)
    const was = this.#published.get(name)
    this.#published.delete(name)
    const some = was && this.#trySome(was, intent, touches)
    if (!some) this.#publishAll(intent, touches, isNews)
    this.#published.set(name, { ...intent })
    return some ?? intent.dests
  }

  /** What finds no room is asked for again after a grace period, if one is owed. */
  #trySome(
    was: ServiceIntent,
    intent: ServiceIntent,
    touches: readonly Weights[],
  ): readonly Dest[] | undefined {
    try {
      return this.#publishSome(was, intent, touches)
    } catch (error) {
      if (this.tables.regions.hasReturned) this.#published.set(serviceName(was.service), was)
      throw error
    }
  }

  /**
   * The dests that are others than when a service was published, if nothing else has become of it:
   * then these alone are written, and time does not go by the rest.
   */
  #publishSome(
    was: ServiceIntent,
    { service, dests }: ServiceIntent,
    touches: readonly Weights[],
  ): readonly Dest[] | undefined {
    const { slowStartS = 0, engine } = service
    if (was.service !== service || this.#tellsStrays || engine || slowStartS > 0) return undefined
    const [gone, come, start] = middles(was.dests, dests)
    const vipLocal = this.isLocal(service)
    if (this.#vipLocal.get(serviceName(service)) !== vipLocal) return undefined
    const fresh = come.map(d => ({ ...d, reach: this.ways.reach(d.address) }))
    const some = { of: was.dests.length, start, gone, come: fresh, vipLocal }
    if (!this.tables.publishSome(service, some, touches)) return undefined
    this.#hasOrphans ||= this.#endsOrphans && hasLeft(gone, come)
    return come
  }

  #publishAll(
    { service: wanted, dests }: ServiceIntent,
    touches: readonly Weights[],
    isNews: boolean,
  ): void {
    const service = published(wanted)
    this.#vipLocal.set(serviceName(wanted), this.isLocal(wanted))
    this.#noteFamily(serviceName(wanted), familyOfService(wanted))
    this.#noteOrphans(wanted, dests)
    const withReach = dests.map(d => ({ ...d, reach: this.ways.reach(d.address) }))
    const vipLocal = this.isLocal(wanted)
    if (service) this.tables.publish(service, withReach, vipLocal, touches, isNews && this.#isWhole)
    else this.tables.hold(wanted, withReach, vipLocal)
    this.tables.withdrawDests(wanted, dests)
    this.#noteNatDests(serviceName(wanted))
    this.#telling.set(serviceName(wanted), service ? tellingOf(this.tables, service) : new Map())
  }

  #noteNatDests(service: string): void {
    this.#natDests.set(service, this.#tellsStrays ? natKeys(this.tables, service) : [])
  }

  #noteOrphans(service: ServiceId, dests: readonly DestId[]): void {
    if (!this.#endsOrphans) return
    const kept = new Set(dests.map(destName))
    this.#hasOrphans ||= this.tables.destNames(serviceName(service)).some(name => !kept.has(name))
  }

  /** Has what the host sends looked at only while a dest is the host, one in the trash included. */
  settleAnswers(): void {
    const isHere = (id: number): boolean =>
      (this.tables.dests.get(id).flags & DEST_FLAGS.DEST_LOCAL) !== 0
    heedAnswers(this.kernel, this.tables.allDestIds('').some(isHere))
  }

  reach(address: string): ReachView {
    return this.ways.reach(address)
  }

  /** Whether the next hop towards a dest is known. */
  nextHop({ address }: DestId): DestView['nextHop'] {
    const { local, nexthop, resolved, unresolved } = this.reach(address)
    if (local) return 'local'
    if (nexthop === 0) return unresolved ? 'unreachable' : 'no route'
    return resolved ? 'resolved' : 'resolving'
  }

  /** Raw traffic of all dests of a service, those in the trash included. */
  rawTraffic(service: string): Traffic {
    return this.tables
      .allDestIds(service)
      .reduce((sum, id) => plus(sum, this.tables.traffic(id)), noTraffic())
  }

  /** The same of all dests by CPU. */
  trafficByCpu(): Traffic[] {
    const ids = this.tables.allDestIds('')
    return Array.from({ length: this.kernel.sizes.cpus }, (_, cpu) => {
      const sum = noTraffic()
      for (const id of ids) this.tables.addTraffic(sum, id, cpu)
      return sum
    })
  }

  /** Rates of a service, or of a dest of it; those of row 0, which nobody has, are 0. */
  ratesOf(service: ServiceId, dest?: DestId): RatesView {
    if (dest) return this.rates.dest(this.tables.destId(service, dest) ?? 0)
    return this.rates.service(this.tables.serviceId(service) ?? 0)
  }

  /** Rates begin at 0 again: a service's and its dests', or all. */
  zeroRates(service?: ServiceId): void {
    if (!service) this.rates.zeroAll()
    else
      this.rates.zero(
        this.tables.serviceId(service) ?? 0,
        this.tables.allDestIds(serviceName(service)),
      )
  }

  listConns(): ConnView[] {
    const tables = this.connTables()
    return tables.slots().flatMap((count, table) => tables.read(table, 0, count))
  }

  /** The connection tables, to be read in pieces; of one service where it is named. */
  connTables(service?: string): {
    slots(): number[]
    read(table: number, from: number, to: number): ConnView[]
  } {
    const tables = this.#eachTable(table => table)
    const dests = service === undefined ? undefined : new Set(this.tables.allDestIds(service))
    const isOf = dests && { isOf: (id: number): boolean => dests.has(id) }
    const ids = {
      destOf: (id: number): DestId => this.tables.destOf(id),
      methodOf: (id: number): number => this.tables.dests.get(id).fwd,
    }
    return {
      slots: () => tables.map(({ family, conns }) => conns.byteLength / SLOT[family].size),
      read: (at, from, to) => {
        const table = tables[at]
        if (!table) return []
        if (from === 0 && hasTemplates(this.tables.destConns.buffer)) assureTemplates(table)
        return readConns(this.kernel, table, ids, { from, to, ...isOf })
      },
    }
  }

  /** Connection slots in use behind each table. */
  stashed(): Both<number> {
    return this.#eachTable(table => usedFrom(table, this.kernel.sizes.slots[table.family]))
  }

  #eachTable<T>(look: (table: ControlTable) => T): Both<T> {
    return both(family => look({ family, conns: this.conns[family], cold: this.#cold[family] }))
  }

  /** Packets by reason, those above zero. */
  reasons(): { reason: string; packets: number }[] {
    return REASON_NAMES.map(({ name, number }) => ({
      reason: name,
      packets: this.packetsBy(number),
    })).filter(r => r.packets > 0)
  }

  /** Packets that left with a reason, on all CPUs. */
  packetsBy(reason: number): number {
    let packets = 0n
    for (let cpu = 0; cpu < this.kernel.sizes.cpus; cpu++)
      packets += this.#reasons[cpu * REASON.REASONS_MAX + reason] ?? 0n
    return Number(packets)
  }
}

export function kernelRelease(): string {
  return readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()
}
