/**
 * The director: what is wanted (intent), made true in the data plane and kept on disk. Changes go
 * one after the other: checked, written to the maps, journalled, and only then answered; one that
 * cannot be journalled is taken back. Read next: ../plan/intent.ts, ../dataplane/dataplane.ts.
 */
import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { adoptLink, attach, detach, pinnedLinks } from '../dataplane/attach.ts'
import { kernelRelease, type Dataplane } from '../dataplane/dataplane.ts'
import type { Sweeper } from '../dataplane/sweeper.ts'
import type { Watch } from '../dataplane/watch.ts'
import { LIMIT, REASON } from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import {
  destName,
  serviceName,
  type AttachMode,
  type Dest,
  type DestId,
  type DestView,
  type InterfaceView,
  type Service,
  type ServiceId,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import type { ReasonView } from '../model/reason.ts'
import { reasonViews } from '../output/reasons.ts'
import type { Warning } from '../model/warning.ts'
import {
  changed,
  emptyIntent,
  mustHave,
  noTraffic,
  plus,
  replayed,
  type Change,
  type Intent,
  type ServiceIntent,
} from '../plan/intent.ts'
import { connPage } from './conn_pages.ts'
import type { ConnPage, ConnQuery, DirectorApi, StatsView, VersionView } from './contract.ts'
import { Events } from './events.ts'
import { allOrNone, linkNow, refuseAttach } from './attaching.ts'
import type { Doctor } from './doctor.ts'
import type { Journal } from './journal.ts'
import { Observer } from './observer.ts'
import { XLVS_VERSION } from './version.ts'

/** Records after which the journal is folded into a snapshot. */
const SNAPSHOT_EVERY = 2000
/** A removed dest without connections keeps its id this long, as in IPVS' trash. */
const TRASH_MS = 120_000
/** A neighbour that stays unknown is asked for again after this. */
const RESOLVE_AGAIN_MS = 1000

/** Changes that schedulers hear of: what the kernel calls add, del and update dest. */
const TOUCHES: readonly string[] = ['addDest', 'setDest', 'removeDest']

/** Longest that `xlvs show` waits for the firewall to be read. */
const WARNINGS_MS = 50

export interface DirectorParts {
  dataplane: Dataplane
  watch: Watch
  journal: Journal
  sweeper: Sweeper
  /** None: nothing is looked for beforehand (tests). */
  doctor?: Doctor
  log: Logger
  /** One RCU grace period. */
  gracePeriod(): void
  /** Milliseconds of a clock that does not jump. */
  nowMs(): number
  /** SNAPSHOT_EVERY, unless a test wants snapshots more often. */
  snapshotEvery?: number
}

export class Director implements DirectorApi {
  readonly events = new Events()
  readonly #observer: Observer
  readonly #parts: DirectorParts
  #intent: Intent
  #last: Promise<void> = Promise.resolve()
  #records: number
  readonly #asked = new Map<string, number>()
  readonly #idleSince = new Map<number, number>()

  constructor(parts: DirectorParts, intent: Intent) {
    this.#parts = parts
    this.#intent = intent
    this.#records = parts.journal.records.length
    this.#observer = new Observer(this.events, {
      isLocal: service => parts.dataplane.isLocal(service),
      nextHop: dest => parts.dataplane.nextHop(dest),
      interfaces: () => this.interfaces(),
    })
  }

  /** Makes the data plane what the intent says, whatever it was before. */
  async start(): Promise<void> {
    const { dataplane, log } = this.#parts
    await this.#forgetOtherMaps()
    this.#finishRetiring()
    this.#adoptInterfaces()
    this.#refreshWays()
    for (const name of dataplane.tables.serviceNames())
      if (!this.#intent.services[name]) dataplane.tables.withdraw(parseName(name))
    for (const service of Object.values(this.#intent.services)) this.#publish(service)
    log.info({ adopted: dataplane.kernel.adopted, services: this.services().length }, 'started')
  }

  /** Counters of maps that are no more; a daemon killed right after pinning has not said so yet. */
  async #forgetOtherMaps(): Promise<void> {
    const { kernel } = this.#parts.dataplane
    const { maps = '' } = this.#intent.counts
    const these = createHash('sha256').update(kernel.config.key.join()).digest('hex').slice(0, 16)
    if (kernel.adopted && (maps === '' || maps === these)) return
    await this.#change({ op: 'freshCounters', maps: these })
  }

  /**
   * Killed between a retirement's record and its row's end, a daemon would count that traffic
   * twice. The record is the last one then: the row goes before anything else is written.
   */
  #finishRetiring(): void {
    const { journal, dataplane } = this.#parts
    const last = journal.records.at(-1) as Change | undefined
    if (last?.op !== 'retire') return
    const { tables } = dataplane
    const id = tables.idleTrash().find(id => tables.nameOf(id) === `${last.service}>${last.dest}`)
    if (id !== undefined) tables.forget(id)
  }

  /** To be called when the network has changed. */
  networkChanged(): void {
    this.#adoptInterfaces()
    this.#refreshWays()
    for (const service of Object.values(this.#intent.services)) this.#publish(service)
    this.#observer.network(this.#intent)
  }

  /** To be called every second or so: frees what nobody needs, asks again for neighbours. */
  async tend(): Promise<void> {
    this.#settle()
    this.#observer.tableFull(this.#parts.dataplane.packetsBy(REASON.TABLE_FULL))
    for (const service of Object.values(this.#intent.services)) this.#resolve(service)
    await this.#emptyTrash()
    const { snapshotEvery = SNAPSHOT_EVERY } = this.#parts
    if (this.#records >= snapshotEvery) await this.#inTurn(() => this.#snapshot())
  }

  async #snapshot(): Promise<void> {
    this.#records = 0
    await this.#parts.journal.snapshot(this.#intent)
  }

  version(): VersionView {
    const { kernel } = this.#parts.dataplane
    return {
      xlvs: XLVS_VERSION,
      abi: LIMIT.ABI_VERSION,
      kernel: kernelRelease(),
      programTag: kernel.program.info.tag,
    }
  }

  services(): ServiceView[] {
    return Object.values(this.#intent.services).map(({ service, dests }) => ({
      ...service,
      vipLocal: this.#parts.dataplane.isLocal(service),
      traffic: this.#serviceTraffic(serviceName(service)),
      rates: this.#parts.dataplane.ratesOf(service),
      dests: dests.map(dest => this.#destView(service, dest)),
    }))
  }

  async addService(service: Service): Promise<void> {
    const name = serviceName(service)
    await this.#change(() => ({ op: 'addService', service, zero: this.#rawOf(name) }))
  }

  async setService(service: Service): Promise<void> {
    await this.#change({ op: 'setService', service })
  }

  async removeService(id: ServiceId): Promise<void> {
    await this.#change({ op: 'removeService', id })
  }

  async clear(): Promise<void> {
    await this.#change({ op: 'clear' })
  }

  async addDest(service: ServiceId, dest: Dest): Promise<void> {
    await this.#change({ op: 'addDest', service, dest })
  }

  async setDest(service: ServiceId, dest: Dest): Promise<void> {
    await this.#change({ op: 'setDest', service, dest })
  }

  async removeDest(service: ServiceId, dest: DestId): Promise<void> {
    await this.#change({ op: 'removeDest', service, dest })
  }

  async zero(id?: ServiceId): Promise<void> {
    await this.#change(() => {
      if (id) mustHave(this.#intent, id)
      const names = id ? [serviceName(id)] : Object.keys(this.#intent.services)
      const zero: Record<string, Traffic> = {}
      for (const name of names) Object.assign(zero, this.#rawOf(name))
      if (!id) zero['total'] = this.#rawTotal()
      return { op: 'zero', zero }
    })
    this.#parts.dataplane.zeroRates(id)
    this.#observer.zeroed(id)
  }

  conns(query: ConnQuery = {}): Promise<ConnPage> {
    return connPage(this.#parts.dataplane.connTables(), query)
  }

  stats(): StatsView {
    const { dataplane, sweeper } = this.#parts
    const services = Object.values(this.#intent.services).map(({ service }) => ({
      protocol: service.protocol,
      address: service.address,
      port: service.port,
      traffic: this.#serviceTraffic(serviceName(service)),
      rates: dataplane.ratesOf(service),
    }))
    const { slots } = dataplane.kernel.sizes
    return {
      total: plus(this.#rawTotal(), this.#zeroOf('total'), -1),
      rates: dataplane.rates.total(),
      services,
      reasons: dataplane.reasons(),
      connections: { slots, used: sweeper.figures.used, stashed: dataplane.stashed() },
    }
  }

  reasons(): ReasonView[] {
    const { dataplane } = this.#parts
    return reasonViews(reason => dataplane.packetsBy(reason))
  }

  interfaces(): InterfaceView[] {
    const { dataplane, watch } = this.#parts
    const pinned = new Set(pinnedLinks(dataplane.kernel))
    return Object.entries(this.#intent.interfaces).map(([name, mode]) => {
      const link = watch.link(name)
      return { name, ifindex: link?.ifindex ?? 0, mode, present: !!link && pinned.has(name) }
    })
  }

  warnings(patienceMs = WARNINGS_MS): Promise<Warning[]> {
    const services = Object.values(this.#intent.services).map(({ service }) => service)
    const { doctor } = this.#parts
    return doctor?.warnings(this.interfaces(), services, patienceMs) ?? Promise.resolve([])
  }

  async attach(names: readonly string[], mode: AttachMode): Promise<void> {
    refuseAttach(this.#parts, names, mode)
    const before = this.#intent.interfaces
    await allOrNone(
      names,
      name => this.#change({ op: 'attach', name, mode }),
      async name => {
        if (!Object.hasOwn(before, name)) await this.#change({ op: 'detach', name })
      },
    )
  }

  async detach(name: string): Promise<void> {
    if (!Object.hasOwn(this.#intent.interfaces, name))
      throw new XlvsError(
        'INTERFACE_NOT_ATTACHED',
        `${name} does not have the xlvs program`,
        `attached are: ${Object.keys(this.#intent.interfaces).join(', ') || 'none'}`,
      )
    await this.#change({ op: 'detach', name })
  }

  /** Waits for changes under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** After all that was asked before: the intent may hold a change that is yet to be refused. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Makes a change; one that is given as a function is asked for when its turn has come. */
  #change(given: Change | (() => Change)): Promise<void> {
    return this.#inTurn(async () => {
      const change = typeof given === 'function' ? given() : given
      const before = this.#intent
      const after = changed(before, change)
      try {
        this.#intent = after
        this.#write(before, after, change)
        await this.#parts.journal.append(change)
        this.#records++
      } catch (error) {
        this.#intent = before
        this.#takeBack(after, before, change)
        throw error
      }
      this.#tell(observer => {
        observer.changed(before, after)
      })
    })
  }

  /** Writes what a change means for the maps. */
  #write(before: Intent, after: Intent, change: Change): void {
    if (change.op === 'attach') this.#attach(change.name, change.mode)
    else if (change.op === 'detach') this.#detach(change.name)
    const names = new Set([...Object.keys(before.services), ...Object.keys(after.services)])
    for (const name of names) {
      if (before.services[name] === after.services[name]) continue
      const service = after.services[name]
      if (service) this.#publish(service, TOUCHES.includes(change.op))
      else this.#parts.dataplane.tables.withdraw(parseName(name))
    }
  }

  /** What is in force stays so, even if telling of it fails. */
  #tell(tell: (observer: Observer) => void): void {
    try {
      tell(this.#observer)
    } catch (error) {
      this.#parts.log.error({ err: error }, 'telling watchers failed')
    }
  }

  #takeBack(after: Intent, before: Intent, change: Change): void {
    try {
      if (change.op === 'attach' && !Object.hasOwn(before.interfaces, change.name))
        this.#detach(change.name)
      const mode = before.interfaces[change.op === 'detach' ? change.name : '']
      if (change.op === 'detach' && mode) this.#attach(change.name, mode)
      if (change.op !== 'attach' && change.op !== 'detach') this.#write(after, before, change)
    } catch (error) {
      this.#parts.log.error({ err: error, change: change.op }, 'a refused change was not undone')
    }
  }

  #publish(service: ServiceIntent, touched = false): void {
    const { dataplane } = this.#parts
    try {
      dataplane.publish(service, touched)
    } catch (error) {
      if (!dataplane.tables.owesGracePeriod) throw error
      this.#settle() // many edits in one second: what they gave back may make room
      dataplane.publish(service, touched)
    }
    this.#resolve(service)
  }

  /** Frees what was given back. */
  #settle(): void {
    const { tables } = this.#parts.dataplane
    if (!tables.owesGracePeriod) return
    this.#parts.gracePeriod()
    tables.settle()
  }

  /** Asks the kernel for the neighbours that a service's dests wait for. */
  #resolve(service: ServiceIntent): void {
    const now = this.#parts.nowMs()
    for (const dest of service.dests) {
      const { unresolved } = this.#parts.dataplane.reach(dest.address)
      if (!unresolved) continue
      const key = `${unresolved.ifindex} ${unresolved.address}`
      if (now - (this.#asked.get(key) ?? -Infinity) < RESOLVE_AGAIN_MS) continue
      this.#asked.set(key, now)
      try {
        this.#parts.watch.resolve(unresolved)
      } catch (error) {
        this.#parts.log.warn({ err: error, neighbour: unresolved }, 'asking for a neighbour failed')
      }
    }
  }

  #attach(name: string, mode: AttachMode): void {
    attach(this.#parts.dataplane.kernel, linkNow(this.#parts.watch, name), mode)
    this.#refreshWays()
  }

  #detach(name: string): void {
    detach(this.#parts.dataplane.kernel, name)
    this.#refreshWays()
  }

  /** Puts the program (back) on every interface that should have it and is there. */
  #adoptInterfaces(): void {
    const { dataplane, watch, log } = this.#parts
    for (const name of pinnedLinks(dataplane.kernel))
      if (!Object.hasOwn(this.#intent.interfaces, name)) detach(dataplane.kernel, name)
    for (const [name, mode] of Object.entries(this.#intent.interfaces)) {
      try {
        if (adoptLink(dataplane.kernel, name, watch.link(name))) continue
        const link = watch.linkNow(name)
        if (!link) continue
        attach(dataplane.kernel, link, mode)
        log.info({ interface: name, mode }, 'attached')
      } catch (error) {
        log.error({ err: error, interface: name }, 'attaching failed')
      }
    }
  }

  #refreshWays(): void {
    const { dataplane, watch } = this.#parts
    const attached = Object.keys(this.#intent.interfaces)
      .map(name => watch.link(name)?.ifindex)
      .filter(ifindex => ifindex !== undefined)
    dataplane.setNetwork(watch.network(), new Set(attached))
  }

  #destView(service: Service, dest: Dest): DestView {
    const { dataplane } = this.#parts
    const id = dataplane.tables.destId(service, dest)
    const conns = id === undefined ? undefined : dataplane.tables.destConns.get(id)
    const raw = id === undefined ? noTraffic() : dataplane.tables.traffic(id)
    const key = `${serviceName(service)}>${destName(dest)}`
    return {
      ...dest,
      active: conns?.active ?? 0,
      inactive: conns?.inactive ?? 0,
      nextHop: dataplane.nextHop(dest),
      traffic: plus(raw, this.#zeroOf(key), -1),
      rates: dataplane.ratesOf(service, dest),
    }
  }

  #zeroOf(name: string): Traffic {
    return this.#intent.counts.zero[name] ?? noTraffic()
  }

  /** Raw traffic of a service and of each of its dests, as it is zeroed. */
  #rawOf(name: string): Record<string, Traffic> {
    const dests = this.#parts.dataplane.tables.trafficByName(name)
    return { [name]: this.#rawService(name), ...dests }
  }

  #rawService(name: string): Traffic {
    const retired = this.#intent.counts.retired[name] ?? noTraffic()
    return plus(this.#parts.dataplane.rawTraffic(name), retired)
  }

  #rawTotal(): Traffic {
    const retired = Object.values(this.#intent.counts.retired)
    return retired.reduce((a, b) => plus(a, b), this.#parts.dataplane.rawTraffic(''))
  }

  #serviceTraffic(name: string): Traffic {
    return plus(this.#rawService(name), this.#zeroOf(name), -1)
  }

  async #emptyTrash(): Promise<void> {
    const { tables } = this.#parts.dataplane
    const now = this.#parts.nowMs()
    const idle = new Set(tables.idleTrash())
    for (const id of this.#idleSince.keys()) if (!idle.has(id)) this.#idleSince.delete(id)
    for (const id of idle) {
      const since = this.#idleSince.get(id) ?? now
      this.#idleSince.set(id, since)
      if (now - since < TRASH_MS) continue
      const [service = '', dest = ''] = (tables.nameOf(id) ?? '').split('>')
      await this.#change({ op: 'retire', service, dest, traffic: tables.traffic(id) })
      if (!tables.isAvailable(id)) tables.forget(id)
      this.#idleSince.delete(id)
    }
  }
}

/** The intent that a journal's snapshot and records add up to. */
export function restored(journal: Journal): Intent {
  const start = (journal.state as Intent | undefined) ?? emptyIntent()
  return replayed(start, journal.records as Change[])
}

function parseName(name: string): ServiceId {
  const [protocol = 'tcp', address = '', port = ''] = name.split(':')
  return { protocol: protocol === 'udp' ? 'udp' : 'tcp', address, port: Number(port) }
}
