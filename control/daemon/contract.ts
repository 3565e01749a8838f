/**
 * What the API may ask of the director: the seam between the HTTP surface (api.ts) and the daemon's
 * core (director.ts). Every mutation resolves only after the change is on disk and in the maps; it
 * rejects with an XlvsError and then nothing has changed.
 */
import type { Family } from '../model/address.ts'
import type { Applied, Progress } from '../model/difference.ts'
import type { Origin } from '../model/origin.ts'
import type {
  AttachMode,
  ConnView,
  Dest,
  DestId,
  InterfaceView,
  Rates,
  Service,
  ServiceId,
  ServiceView,
  Traffic,
} from '../model/service.ts'
import type { ReasonView } from '../model/reason.ts'
import type { XlvsError } from '../errors.ts'
import type { Events } from './events.ts'
import type { SettingName, SettingValue } from '../model/settings.ts'
import type { MarkMatch, MarkRule, MarkRuleView } from '../model/mark.ts'
import type { SyncDaemonView, SyncRole, SyncWish } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import type { Wish } from '../plan/desired.ts'
import type { ServiceChange } from '../plan/intent.ts'

export interface VersionView {
  xlvs: string
  abi: number
  kernel: string
  /** Tag of the XDP program in force, as bpftool prints it. */
  programTag: string
}

export interface TableUse {
  family: Family
  slots: number
  /** Slots in use at the last sweep. */
  used: number
  /** Part of them behind the table. */
  stashed: number
}

export interface StatsView {
  total: Traffic
  rates: Rates
  /** What each CPU has counted since the start; a zero does not change it. */
  cpus: Traffic[]
  services: (ServiceId & { name?: string; traffic: Traffic; rates: Rates })[]
  /** Packets by reason, those above zero, in the order of enum reason. */
  reasons: { reason: string; packets: number }[]
  /** Of each family's table. */
  connections: TableUse[]
}

/** Which connections; what is left out is any. Texts are as on the command line. */
export interface ConnQuery {
  service?: string | undefined
  /** Address, or address and port. */
  dest?: string | undefined
  client?: string | undefined
  /** In any case of letters. */
  state?: string | undefined
  /** Connections in the page. */
  limit?: number | undefined
  /** `next` of the page before. */
  after?: string | undefined
}

export interface ConnPage {
  conns: ConnView[]
  /** Missing on the last page. */
  next?: string
}

export interface SettingView {
  /** In force. */
  value: SettingValue
  /** Of a defence by memory (1, 2) the mode that it is in just now, when it is the other one. */
  mode?: number
  default: SettingValue
  /** Missing where nobody has set it. */
  origin?: Origin
  /** Whether the data plane heeds it; MANUAL says why not. */
  active: boolean
}

export type SettingsView = Record<SettingName, SettingView>

/** One of many changes that are asked for at once: the same as the call of that name. */
export type BatchChange =
  { op: 'addService'; service: Service } | Exclude<ServiceChange, { op: 'addService' }>

/** One whose values are wrong; without `change` its names are, and nothing can be looked for. */
export interface RefusedChange {
  refusal: XlvsError
  change?: BatchChange
}

/** How one of them ended. */
export type BatchOutcome = { warnings: Warning[] } | { error: XlvsError }

/** Changes of what a file owns, or to what is not active yet, are done, and warned of. */
export interface DirectorApi {
  /** What happens, for watchers. */
  readonly events: Events
  version(): VersionView
  services(): ServiceView[]
  /** The same one by one, as it was when it was asked for; counters as they are by then. */
  eachService(): Iterable<ServiceView>
  /** What there is, the oldest first. */
  serviceIds(): ServiceId[]
  /** One of them. */
  find(id: ServiceId): ServiceView | undefined
  addService(service: Service): Promise<Warning[]>
  /** Replaces what is not the id. */
  setService(service: Service): Promise<Warning[]>
  removeService(id: ServiceId): Promise<Warning[]>
  clear(): Promise<void>
  addDest(service: ServiceId, dest: Dest): Promise<Warning[]>
  setDest(service: ServiceId, dest: Dest): Promise<Warning[]>
  removeDest(service: ServiceId, dest: DestId): Promise<Warning[]>
  /** Each as if it came alone, in this order; one that is refused does not keep others away. */
  batch(
    changes: readonly (BatchChange | RefusedChange)[],
    /** False: answered as soon as they are written; `settled` tells when they are on disk. */
    options?: { isOnDisk: boolean },
  ): Promise<BatchOutcome[]>
  /** Whether everything that was answered is on disk, */
  isSettled(): boolean
  /** and when it is. */
  settled(): Promise<void>
  /** Sets counters to zero: one service's, or all. */
  zero(id?: ServiceId): Promise<void>
  /** Some connections, and where to go on. */
  conns(query?: ConnQuery): Promise<ConnPage>
  stats(): StatsView
  /** All reasons in the order of the enum, those without packets too. */
  reasons(): ReasonView[]
  interfaces(): InterfaceView[]
  /** What is wrong around the data plane, now. */
  warnings(): Promise<Warning[]>
  /** All of them, or none; resolves with what could not be seen, and is no warning later on. */
  attach(names: readonly string[], mode: AttachMode, origin?: Origin): Promise<Warning[]>
  detach(name: string): Promise<Warning[]>
  settings(): SettingsView
  /**
   * All of them, or none: a value, or its text, for each name; null for the default. What is not
   * named stays as it is.
   */
  setSettings(given: Record<string, SettingValue | null>, origin?: Origin): Promise<Warning[]>
  /** In their order: the last that matches a packet gives its mark. */
  marks(): MarkRuleView[]
  /** All of them, at the end, or none. */
  addMarks(rules: readonly MarkRule[], origin?: Origin): Promise<Warning[]>
  removeMarks(rules: readonly MarkMatch[]): Promise<Warning[]>
  /** Sync daemons that run, the master first. */
  daemons(): SyncDaemonView[]
  startDaemon(role: SyncRole, wish: SyncWish, origin?: Origin): Promise<Warning[]>
  stopDaemon(role: SyncRole): Promise<Warning[]>
  /** All or nothing, as one change. */
  apply(
    wish: Wish,
    options: { dryRun: boolean; onProgress?: (progress: Progress) => void },
  ): Promise<Applied>
}
