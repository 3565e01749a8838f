/**
 * The director: what is wanted (intent), made true in the data plane and kept on disk.
 * Read next: changes.ts (how a change is made), contract.ts (what may be asked).
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
import { markMatchText, type MarkMatch, type MarkRule, type MarkRuleView } from '../model/mark.ts'
import { originOf, type Origin } from '../model/origin.ts'
import {
  isMark,
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
import type { SyncDaemonView, SyncRole, SyncWish } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import type { Work } from '../model/work.ts'
import type { Wish } from '../plan/desired.ts'
import { published } from '../plan/active.ts'
import { replayed } from '../plan/draft.ts'
import { ruleOf } from '../plan/marks/list.ts'
import { emptyIntent, type Change, type Intent } from '../plan/intent.ts'
import { carryOut, planning } from './apply.ts'
import { Changes, type Given } from './changes.ts'
import { connPage } from './conn_pages.ts'
import type {
  BatchChange,
  BatchOutcome,
  ConnPage,
  ConnQuery,
  DirectorApi,
  RefusedChange,
  SettingsView,
  StatsView,
  VersionView,
} from './contract.ts'
import { Events } from './events.ts'
import {
  addingDest,
  judgingDests,
  settingDest,
  settingService,
  startingDaemon,
  type SyncLink,
  wishedDaemons,
} from './accept.ts'
import { adoptInterfaces, allOrNone, linkNow, refuseAttach } from './attaching.ts'
import type { Doctor } from './doctor.ts'
import type { Journal } from './journal.ts'
import { markWarnings } from './mark_warnings.ts'
import { bulkInactive, logInactive } from './not_active.ts'
import { Observer } from './observer.ts'
import { interfaceOrigin, warningsOf } from './ownership.ts'
import { settingsView, settingWarnings, valuesOf } from './settings.ts'
import { refusing } from './refusing.ts'
import { inSlices } from './slices.ts'
import { Trash } from './trash.ts'
import { XLVS_VERSION } from './version.ts'
import { syncViews, Views } from './views.ts'
import { Writer } from './writer.ts'

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
  /** Memory that is left, in pages; none: there is always enough (tests). */
  availablePages?(): number
  /** Records between snapshots, when a test wants them more often. */
  snapshotEvery?: number
  /** Bytes between them, when a test wants fewer. */
  snapshotBytes?: number
}

export class Director implements DirectorApi {
  readonly events = new Events()
  readonly #observer: Observer
  readonly #parts: DirectorParts
  readonly #writer: Writer
  readonly #changes: Changes
  readonly #trash: Trash
  readonly #views: Views

  constructor(parts: DirectorParts, intent: Intent) {
    this.#parts = parts
    this.#observer = new Observer(this.events, {
      isLocal: service => parts.dataplane.isLocal(service),
      nextHop: dest => parts.dataplane.nextHop(dest),
      interfaces: () => this.interfaces(),
    })
    this.#writer = new Writer(parts, () => this.#intent.interfaces)
    this.#changes = new Changes(parts, this.#writer, intent, (before, after, names) =>
      this.#slowly(this.#observer.changing(before, after, names)),
    )
    this.#trash = new Trash(parts)
    this.#views = new Views(parts.dataplane, () => this.#intent.counts)
  }

  get #intent(): Intent {
    return this.#changes.intent
  }

  /** Makes the data plane what the intent says, whatever it was before. */
  async start(): Promise<void> {
    const { dataplane, log } = this.#parts
    await this.#forgetOtherMaps()
    this.#trash.finish(this.#parts.journal.records as Change[])
    adoptInterfaces(this.#parts, this.#intent.interfaces)
    this.#writer.refreshWays()
    this.#writer.set(this.#intent.settings)
    for (const name of dataplane.tables.knownNames())
      if (!this.#intent.services[name]) dataplane.withdraw(parseServiceName(name))
    const services = Object.values(this.#intent.services)
    for (const service of services) this.#writer.publish(service)
    this.#writer.mark(this.#intent.marks)
    dataplane.begin()
    await this.#endLeftOrphans()
    this.#observer.network(services)
    log.info({ adopted: dataplane.kernel.adopted, services: services.length }, 'started')
  }

  /** One killed between a removal and its end has left connections; nothing tells which. */
  async #endLeftOrphans(): Promise<void> {
    const { expire_nodest_conn: ends = 0 } = valuesOf(this.#intent.settings)
    if (ends !== 0) await this.#parts.sweeper.endOrphans()
  }

  /** Counters of maps that are no more; a daemon killed right after pinning has not said so yet. */
  async #forgetOtherMaps(): Promise<void> {
    const { kernel } = this.#parts.dataplane
    const { maps = '' } = this.#intent.counts
    const these = createHash('sha256').update(kernel.config.key.join()).digest('hex').slice(0, 16)
    if (kernel.adopted && (maps === '' || maps === these)) return
    await this.#changes.makeCounts([{ op: 'freshCounters', maps: these }])
  }

  /** To be called when the network has changed. */
  networkChanged(): void {
    const { log, dataplane } = this.#parts
    const before = dataplane.ways.routesLost
    adoptInterfaces(this.#parts, this.#intent.interfaces)
    this.#writer.refreshWays()
    const { routesLost } = dataplane.ways
    if (routesLost !== before) log.warn({ routesLost }, 'routes without room in the table')
    const moved = Object.values(this.#intent.services).filter(this.#parts.dataplane.takeMoved())
    for (const service of moved) this.#writer.publish(service)
    this.#observer.network(moved)
  }

  /** To be called every second: defences against overload go by the memory that is left. */
  defend(): void {
    if (this.#writer.defend(this.#intent.settings).dropsEntries) this.#parts.sweeper.dropEntries()
  }

  /** To be called every second or so: frees what nobody needs, asks again for neighbours. */
  async tend(): Promise<void> {
    this.#writer.settle()
    this.#observer.tableFull(this.#parts.dataplane.packetsBy(REASON.TABLE_FULL))
    await this.#slowly(this.#writer.resolving(Object.values(this.#intent.services)))
    this.#parts.dataplane.tend()
    await this.#trash.empty(changes => this.#changes.makeCounts(changes))
    await this.#changes.tend()
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
    return [...this.eachService()]
  }

  *eachService(): Generator<ServiceView> {
    for (const service of Object.values(this.#intent.services)) yield this.#views.service(service)
  }

  serviceIds(): ServiceId[] {
    return Object.values(this.#intent.services).map(({ service }) => service)
  }

  find(id: ServiceId): ServiceView | undefined {
    const found = this.#intent.services[serviceName(id)]
    return found && this.#views.service(found)
  }

  addService(service: Service): Promise<Warning[]> {
    return this.#ask(this.#asked({ op: 'addService', service }))
  }

  setService(service: Service): Promise<Warning[]> {
    return this.#ask(draft => settingService(draft, service))
  }

  removeService(id: ServiceId): Promise<Warning[]> {
    return this.#ask({ op: 'removeService', id })
  }

  async clear(): Promise<void> {
    await this.#changes.ask({ op: 'clear' })
  }

  addDest(service: ServiceId, dest: Dest): Promise<Warning[]> {
    const { here } = this.#parts.dataplane
    return this.#ask(draft => addingDest(draft, service, dest, here))
  }

  setDest(service: ServiceId, dest: Dest): Promise<Warning[]> {
    return this.#ask(draft => settingDest(draft, service, dest))
  }

  removeDest(service: ServiceId, dest: DestId): Promise<Warning[]> {
    return this.#ask({ op: 'removeDest', service, dest })
  }

  async batch(
    changes: readonly (BatchChange | RefusedChange)[],
    { isOnDisk = true } = {},
  ): Promise<BatchOutcome[]> {
    const outcomes = await this.#changes.askAll(
      changes.map(change => ('refusal' in change ? refusing(change) : this.#asked(change))),
      isOnDisk,
    )
    const warnings = outcomes.flatMap(outcome => ('warnings' in outcome ? outcome.warnings : []))
    logInactive(this.#parts.log, warnings)
    return outcomes.map(outcome => ('error' in outcome ? { error: known(outcome.error) } : outcome))
  }

  isSettled(): boolean {
    return this.#parts.journal.isSettled
  }

  settled(): Promise<void> {
    return this.#changes.settled()
  }

  async #ask(given: Given): Promise<Warning[]> {
    const warnings = await this.#changes.ask(given)
    logInactive(this.#parts.log, warnings)
    return warnings
  }

  /** A new service counts from 0, whatever dests of one before it are still in the trash. */
  #asked(change: BatchChange): Given {
    const { here } = this.#parts.dataplane
    if (change.op === 'addDest')
      return draft => addingDest(draft, change.service, change.dest, here)
    if (change.op === 'setService') return draft => settingService(draft, change.service)
    if (change.op === 'setDest') return draft => settingDest(draft, change.service, change.dest)
    if (change.op !== 'addService') return change
    const { service } = change
    const name = serviceName(service)
    return draft => ({ op: 'addService', service, zero: this.#views.zeroFor(name, draft.counts) })
  }

  async zero(id?: ServiceId): Promise<void> {
    await this.#changes.ask(draft => {
      if (id) draft.mustFind(id)
      const names = id ? [serviceName(id)] : draft.names()
      const zero: Record<string, Traffic> = {}
      for (const name of names) Object.assign(zero, this.#views.rawOf(name, draft.counts))
      if (!id) zero['total'] = this.#views.rawTotal()
      return { op: 'zero', zero }
    })
    this.#parts.dataplane.zeroRates(id)
    this.#observer.zeroed(id)
  }

  conns(query: ConnQuery = {}): Promise<ConnPage> {
    return connPage(service => this.#parts.dataplane.connTables(service), query)
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

  async warnings(patienceMs = WARNINGS_MS): Promise<Warning[]> {
    const active = Object.values(this.#intent.services).map(({ service }) => published(service))
    const services = active.filter(service => service !== undefined && !isMark(service))
    const { doctor, dataplane } = this.#parts
    const found = await doctor?.warnings(this.interfaces(), services, patienceMs)
    const journal = journalWarnings(this.#parts.journal.failure)
    const marks = markWarnings(
      this.serviceIds(),
      this.#intent.marks,
      name => this.#parts.watch.link(name) !== undefined,
      service => dataplane.marks.marksOf(service),
    )
    const lost = routeWarnings(dataplane.ways.routesLost)
    return [...journal, ...lost, ...marks, ...(found ?? [])]
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
        await this.#changes.makeAlone({ op: 'attach', name, mode, origin })
      },
      async name => {
        if (!Object.hasOwn(before, name)) await this.#changes.makeAlone({ op: 'detach', name })
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
    const before = await this.#changes.makeAlone({ op: 'detach', name })
    return warningsOf({ origin: interfaceOrigin(before, name) })
  }

  marks(): MarkRuleView[] {
    return this.#intent.marks.map(rule => ({ ...rule, origin: originOf(rule) }))
  }

  async addMarks(rules: readonly MarkRule[], origin: Origin = 'command'): Promise<Warning[]> {
    await this.#changes.makeAlone({
      op: 'addMarks',
      rules: rules.map(rule => ({ ...ruleOf(rule), origin })),
    })
    return []
  }

  async removeMarks(rules: readonly MarkMatch[]): Promise<Warning[]> {
    const names = new Set(rules.map(markMatchText))
    const { marks } = await this.#changes.makeAlone({ op: 'removeMarks', rules })
    return marks.filter(rule => names.has(markMatchText(rule))).flatMap(warningsOf)
  }

  daemons(): SyncDaemonView[] {
    return syncViews(this.#intent.daemons)
  }

  startDaemon(role: SyncRole, wish: SyncWish, origin?: Origin): Promise<Warning[]> {
    return this.#ask(draft => startingDaemon(draft, role, wish, this.#linkOf, origin))
  }

  stopDaemon(role: SyncRole): Promise<Warning[]> {
    return this.#ask({ op: 'stopDaemon', role })
  }

  readonly #linkOf = (name: string): SyncLink => linkNow(this.#parts.watch, name)

  settings(): SettingsView {
    return settingsView(this.#intent, this.#writer.modes)
  }

  async setSettings(
    given: Record<string, SettingValue | null>,
    origin: Origin = 'command',
  ): Promise<Warning[]> {
    let settings: SettingChanges = {}
    const before = await this.#changes.makeAlone(() => {
      settings = parseSettings(given, valuesOf(this.#intent.settings))
      return { op: 'set', settings, origin }
    })
    const warnings = settingWarnings(before, settings)
    logInactive(this.#parts.log, warnings)
    return warnings
  }

  apply(
    wish: Wish,
    options: { dryRun: boolean; onProgress?: (progress: Progress) => void },
  ): Promise<Applied> {
    return this.#changes.inTurn(async () => {
      const { dryRun, onProgress = () => undefined } = options
      const before = this.#intent
      const { sizes } = this.#parts.dataplane.kernel
      await this.#slowly(judgingDests(before, wish.configuration, this.#parts.dataplane.here))
      const daemons = wishedDaemons(before.daemons, wish.configuration.sync ?? {}, this.#linkOf)
      const whole = { ...wish, daemons }
      const { applied, change } = await this.#slowly(planning(before, whole, sizes, dryRun))
      if (!change) return applied
      const warnings = await this.#slowly(bulkInactive(before, change))
      const told = warnings.length > 0 ? { ...applied, warnings } : applied
      for (const { name, mode } of change.attaches)
        if (before.interfaces[name] === undefined) refuseAttach(this.#parts, [name], mode)
      if (dryRun) return told
      for (const { service } of change.puts) {
        const name = serviceName(service)
        if (!before.services[name])
          Object.assign(change.zero, this.#views.zeroFor(name, before.counts))
      }
      await this.#changes.makeBulk(change, () => carryOut(this.#writer, before, change, onProgress))
      logInactive(this.#parts.log, warnings)
      return told
    })
  }

  /** Waits for changes under way. */
  async idle(): Promise<void> {
    await this.#changes.idle()
  }

  /** With pauses, in which others get their answers. */
  #slowly<T>(work: Work<T>): Promise<T> {
    return inSlices(work, () => this.#parts.nowMs())
  }
}

/** The intent that a journal's snapshot and records add up to. */
export function restored(journal: Journal): Intent {
  const start = (journal.state as Intent | undefined) ?? emptyIntent()
  return replayed({ ...emptyIntent(), ...start }, journal.records as Change[])
}

function known(error: unknown): XlvsError {
  if (error instanceof XlvsError) return error
  return new XlvsError('INTERNAL', `the daemon failed: ${String(error)}`, 'see its log')
}

function journalWarnings(failure: XlvsError | undefined): Warning[] {
  return failure ? [{ kind: 'journal-failing', message: failure.message, cure: failure.hint }] : []
}

function routeWarnings(lost: number): Warning[] {
  if (lost === 0) return []
  const message = `${lost} routes of this host found no room in the table of routes`
  const cure = 'have fewer of them, say a default route in the place of many'
  return [{ kind: 'routes-lost', message, cure }]
}
