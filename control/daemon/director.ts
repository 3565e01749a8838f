/**
 * The director: what is wanted (intent), made true in the data plane and kept on disk. Changes go
 * one after the other: checked, written to the maps, journalled, and only then answered; one that
 * cannot be journalled is taken back. Read next: ../plan/intent.ts, writer.ts.
 */
import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import { pinnedLinks } from '../dataplane/attach.ts'
import { kernelRelease, type Dataplane } from '../dataplane/dataplane.ts'
import type { Sweeper } from '../dataplane/sweeper.ts'
import type { Watch } from '../dataplane/watch.ts'
import { LIMIT, REASON } from '../abi/maps.gen.ts'
import { parseServiceName } from '../config/name.ts'
import { parseSettings } from '../config/setting.ts'
import { XlvsError } from '../errors.ts'
import type { Applied, Progress } from '../model/difference.ts'
import type { Origin } from '../model/origin.ts'
import {
  serviceName,
  type AttachMode,
  type Dest,
  type DestId,
  type InterfaceView,
  type Service,
  type ServiceId,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import type { ReasonView } from '../model/reason.ts'
import type { SettingChanges, SettingValue } from '../model/settings.ts'
import { reasonViews } from '../output/reasons.ts'
import type { Warning } from '../model/warning.ts'
import type { Wish } from '../plan/desired.ts'
import { published } from '../plan/active.ts'
import {
  changed,
  emptyIntent,
  mustHave,
  replayed,
  type BulkChange,
  type Change,
  type Intent,
} from '../plan/intent.ts'
import { carryOut, planned } from './apply.ts'
import { connPage } from './conn_pages.ts'
import type {
  ConnPage,
  ConnQuery,
  DirectorApi,
  SettingsView,
  StatsView,
  VersionView,
} from './contract.ts'
import { Events } from './events.ts'
import { adoptInterfaces, allOrNone, refuseAttach } from './attaching.ts'
import type { Doctor } from './doctor.ts'
import type { Journal } from './journal.ts'
import { Observer } from './observer.ts'
import { destIn, interfaceOrigin, warningsOf } from './ownership.ts'
import { settingsView, settingWarnings, valuesOf } from './settings.ts'
import { Trash } from './trash.ts'
import { XLVS_VERSION } from './version.ts'
import { Views } from './views.ts'
import { Writer } from './writer.ts'

/** Records after which the journal is folded into a snapshot. */
const SNAPSHOT_EVERY = 2000

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
  readonly #writer: Writer
  readonly #trash: Trash
  readonly #views: Views

  constructor(parts: DirectorParts, intent: Intent) {
    this.#parts = parts
    this.#intent = intent
    this.#records = parts.journal.records.length
    this.#observer = new Observer(this.events, {
      isLocal: service => parts.dataplane.isLocal(service),
      nextHop: dest => parts.dataplane.nextHop(dest),
      interfaces: () => this.interfaces(),
    })
    this.#writer = new Writer(parts, () => this.#intent.interfaces)
    this.#trash = new Trash(parts)
    this.#views = new Views(parts.dataplane, () => this.#intent.counts)
  }

  /** Makes the data plane what the intent says, whatever it was before. */
  async start(): Promise<void> {
    const { dataplane, log } = this.#parts
    await this.#forgetOtherMaps()
    this.#trash.finish(this.#parts.journal.records.at(-1) as Change | undefined)
    adoptInterfaces(this.#parts, this.#intent.interfaces)
    this.#writer.refreshWays()
    this.#writer.set(this.#intent.settings)
    for (const name of dataplane.tables.serviceNames())
      if (!this.#intent.services[name]) dataplane.withdraw(parseServiceName(name))
    const services = Object.values(this.#intent.services)
    for (const service of services) this.#writer.publish(service)
    this.#observer.network(services)
    log.info({ adopted: dataplane.kernel.adopted, services: services.length }, 'started')
  }

  /** Counters of maps that are no more; a daemon killed right after pinning has not said so yet. */
  async #forgetOtherMaps(): Promise<void> {
    const { kernel } = this.#parts.dataplane
    const { maps = '' } = this.#intent.counts
    const these = createHash('sha256').update(kernel.config.key.join()).digest('hex').slice(0, 16)
    if (kernel.adopted && (maps === '' || maps === these)) return
    await this.#change({ op: 'freshCounters', maps: these })
  }

  /** To be called when the network has changed. */
  networkChanged(): void {
    adoptInterfaces(this.#parts, this.#intent.interfaces)
    this.#writer.refreshWays()
    const moved = Object.values(this.#intent.services).filter(this.#parts.dataplane.takeMoved())
    for (const service of moved) this.#writer.publish(service)
    this.#observer.network(moved)
  }

  /** To be called every second or so: frees what nobody needs, asks again for neighbours. */
  async tend(): Promise<void> {
    this.#writer.settle()
    this.#observer.tableFull(this.#parts.dataplane.packetsBy(REASON.TABLE_FULL))
    for (const service of Object.values(this.#intent.services)) this.#writer.resolve(service)
    await this.#trash.empty(change => this.#change(change))
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
    return Object.values(this.#intent.services).map(service => this.#views.service(service))
  }

  async addService(service: Service): Promise<void> {
    const name = serviceName(service)
    await this.#change(() => ({ op: 'addService', service, zero: this.#views.rawOf(name) }))
  }

  async setService(service: Service): Promise<Warning[]> {
    const before = await this.#change({ op: 'setService', service })
    return warningsOf(before.services[serviceName(service)]?.service)
  }

  async removeService(id: ServiceId): Promise<Warning[]> {
    const before = await this.#change({ op: 'removeService', id })
    return warningsOf(before.services[serviceName(id)]?.service)
  }

  async clear(): Promise<void> {
    await this.#change({ op: 'clear' })
  }

  async addDest(service: ServiceId, dest: Dest): Promise<void> {
    await this.#change({ op: 'addDest', service, dest })
  }

  async setDest(service: ServiceId, dest: Dest): Promise<Warning[]> {
    const before = await this.#change({ op: 'setDest', service, dest })
    return warningsOf(destIn(before, service, dest))
  }

  async removeDest(service: ServiceId, dest: DestId): Promise<Warning[]> {
    const before = await this.#change({ op: 'removeDest', service, dest })
    return warningsOf(destIn(before, service, dest))
  }

  async zero(id?: ServiceId): Promise<void> {
    await this.#change(() => {
      if (id) mustHave(this.#intent, id)
      const names = id ? [serviceName(id)] : Object.keys(this.#intent.services)
      const zero: Record<string, Traffic> = {}
      for (const name of names) Object.assign(zero, this.#views.rawOf(name))
      if (!id) zero['total'] = this.#views.rawTotal()
      return { op: 'zero', zero }
    })
    this.#parts.dataplane.zeroRates(id)
    this.#observer.zeroed(id)
  }

  conns(query: ConnQuery = {}): Promise<ConnPage> {
    return connPage(this.#parts.dataplane.connTables(), query)
  }

  stats(): StatsView {
    const services = Object.values(this.#intent.services).map(({ service }) => service)
    return this.#views.stats(services, this.#parts.sweeper.figures.used)
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
      const origin = interfaceOrigin(this.#intent, name)
      const present = !!link && pinned.has(name)
      const running = link?.running ?? false
      return { name, ifindex: link?.ifindex ?? 0, mode, present, running, origin }
    })
  }

  warnings(patienceMs = WARNINGS_MS): Promise<Warning[]> {
    const services = Object.values(this.#intent.services).flatMap(
      ({ service }) => published(service) ?? [],
    )
    const { doctor } = this.#parts
    return doctor?.warnings(this.interfaces(), services, patienceMs) ?? Promise.resolve([])
  }

  async attach(
    names: readonly string[],
    mode: AttachMode,
    origin: Origin = 'command',
  ): Promise<Warning[]> {
    refuseAttach(this.#parts, names, mode)
    const before = this.#intent.interfaces
    await allOrNone(
      names,
      async name => {
        await this.#change({ op: 'attach', name, mode, origin })
      },
      async name => {
        if (!Object.hasOwn(before, name)) await this.#change({ op: 'detach', name })
      },
    )
    return names.flatMap(name => this.#parts.doctor?.remarks(name, mode) ?? [])
  }

  async detach(name: string): Promise<Warning[]> {
    if (!Object.hasOwn(this.#intent.interfaces, name))
      throw new XlvsError(
        'INTERFACE_NOT_ATTACHED',
        `${name} does not have the xlvs program`,
        `attached are: ${Object.keys(this.#intent.interfaces).join(', ') || 'none'}`,
      )
    const before = await this.#change({ op: 'detach', name })
    return warningsOf({ origin: interfaceOrigin(before, name) })
  }

  settings(): SettingsView {
    return settingsView(this.#intent)
  }

  async setSettings(
    given: Record<string, SettingValue | null>,
    origin: Origin = 'command',
  ): Promise<Warning[]> {
    let settings: SettingChanges = {}
    const before = await this.#change(() => {
      settings = parseSettings(given, valuesOf(this.#intent.settings))
      return { op: 'set', settings, origin }
    })
    return settingWarnings(before, settings)
  }

  apply(
    wish: Wish,
    options: { dryRun: boolean; onProgress?: (progress: Progress) => void },
  ): Promise<Applied> {
    return this.#inTurn(async () => {
      const { dryRun, onProgress = () => undefined } = options
      const before = this.#intent
      const { applied, change } = planned(before, wish, this.#parts.dataplane.kernel.sizes, dryRun)
      if (!change) return applied
      for (const { name, mode } of change.attaches)
        if (before.interfaces[name] === undefined) refuseAttach(this.#parts, [name], mode)
      if (dryRun) return applied
      for (const { service } of change.puts) this.#zeroNew(before, serviceName(service), change)
      const after = changed(before, change)
      await this.#make(before, after, change, () =>
        carryOut(this.#writer, before, change, onProgress),
      )
      return applied
    })
  }

  /** A new service counts from 0, whatever dests of one before it are still in the trash. */
  #zeroNew(before: Intent, name: string, change: BulkChange): void {
    if (before.services[name]) return
    for (const [row, traffic] of Object.entries(this.#views.rawOf(name)))
      if (Object.values(traffic).some(count => count > 0)) change.zero[row] = traffic
  }

  /** Waits for changes under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** After all that was asked before: the intent may hold a change that is yet to be refused. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act)
    this.#last = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  /**
   * Makes a change; one that is given as a function is asked for when its turn has come. Resolves
   * with the intent before it.
   */
  #change(given: Change | (() => Change)): Promise<Intent> {
    return this.#inTurn(async () => {
      const change = typeof given === 'function' ? given() : given
      const before = this.#intent
      const after = changed(before, change)
      await this.#make(before, after, change, () => {
        this.#writer.write(before, after, change)
      })
      return before
    })
  }

  /** Written, journalled, in force; or taken back. */
  async #make(
    before: Intent,
    after: Intent,
    change: Change,
    write: () => void | Promise<void>,
  ): Promise<void> {
    try {
      this.#intent = after
      await write()
      await this.#parts.journal.append(change)
      this.#records++
    } catch (error) {
      this.#intent = before
      await this.#writer.takeBack(after, before, change)
      throw error
    }
    this.#tell(observer => {
      observer.changed(before, after)
    })
  }

  /** What is in force stays so, even if telling of it fails. */
  #tell(tell: (observer: Observer) => void): void {
    try {
      tell(this.#observer)
    } catch (error) {
      this.#parts.log.error({ err: error }, 'telling watchers failed')
    }
  }
}

/** The intent that a journal's snapshot and records add up to. */
export function restored(journal: Journal): Intent {
  const start = (journal.state as Intent | undefined) ?? emptyIntent()
  return replayed({ ...emptyIntent(), ...start }, journal.records as Change[])
}
