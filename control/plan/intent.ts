/**
 * What the operator wants, and what may change of it: the journal's records. Pure.
 * Read next: draft.ts (how changes fold into it).
 */
import { XlvsError } from '../errors.ts'
import { type Origin } from '../model/origin.ts'
import {
  destName,
  serviceName,
  type AttachMode,
  type Dest,
  type DestId,
  type Service,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import type { MarkMatch, MarkRule } from '../model/mark.ts'
import type { SettingChanges, SettingName, SettingValue } from '../model/settings.ts'
import type { SyncDaemon, SyncDaemons, SyncRole } from '../model/sync.ts'
import { withoutRules, withRules } from './marks/list.ts'

export interface ServiceIntent {
  service: Service
  /** Newest first, as schedulers see them. */
  dests: Dest[]
}

/** What is subtracted from, and added to, the raw counters of the maps when they are shown. */
export interface Counts {
  /** Raw traffic at the last zero, by service name, `service>dest`, or 'total'. */
  zero: Record<string, Traffic>
  /** Raw traffic of dests whose rows have been freed, by service name; '': of services gone. */
  retired: Record<string, Traffic>
  /** Which maps that traffic was in. */
  maps?: string
}

export interface Setting {
  value: SettingValue
  origin: Origin
}

export interface Intent {
  services: Record<string, ServiceIntent>
  interfaces: Record<string, AttachMode>
  /** Who attached each interface; those of before origins were kept are not in it. */
  interfaceOrigins: Record<string, Origin>
  /** Only those that somebody set. */
  settings: Partial<Record<SettingName, Setting>>
  /** Those that run. */
  daemons: SyncDaemons
  /** In their order: the last that matches a packet gives its mark. */
  marks: readonly MarkRule[]
  counts: Counts
}

/** Many changes that are one: services as they are to be, and everything else that differs. */
export interface BulkChange {
  op: 'apply'
  /** Services that are new or different, whole. */
  puts: ServiceIntent[]
  removes: ServiceId[]
  attaches: { name: string; mode: AttachMode; origin: Origin }[]
  detaches: string[]
  /** All settings as they are to be; undefined: they stay as they are. */
  settings?: Intent['settings']
  /** The same of sync daemons. */
  daemons?: SyncDaemons
  /** And of mark rules. */
  marks?: readonly MarkRule[]
  zero: Record<string, Traffic>
}

/** A change of one service, or of one of its dests. */
export type ServiceChange =
  | { op: 'addService'; service: Service; zero: Record<string, Traffic> }
  | { op: 'setService'; service: Service }
  | { op: 'removeService'; id: ServiceId }
  | { op: 'addDest'; service: ServiceId; dest: Dest }
  | { op: 'setDest'; service: ServiceId; dest: Dest }
  | { op: 'removeDest'; service: ServiceId; dest: DestId }

export type Change =
  | ServiceChange
  | { op: 'clear' }
  | { op: 'zero'; zero: Record<string, Traffic> }
  | { op: 'retire'; service: string; dest: string; traffic: Traffic }
  | { op: 'freshCounters'; maps?: string }
  | { op: 'attach'; name: string; mode: AttachMode; origin?: Origin }
  | { op: 'detach'; name: string }
  | { op: 'set'; settings: SettingChanges; origin: Origin }
  | { op: 'startDaemon'; role: SyncRole; daemon: SyncDaemon }
  | { op: 'stopDaemon'; role: SyncRole }
  | { op: 'addMarks'; rules: readonly MarkRule[] }
  | { op: 'removeMarks'; rules: readonly MarkMatch[] }
  | BulkChange

/** The same whenever there are none, so that nothing is different. */
const NO_MARKS: Intent['marks'] = []

export function emptyIntent(): Intent {
  return {
    services: {},
    interfaces: {},
    interfaceOrigins: {},
    settings: {},
    daemons: {},
    marks: NO_MARKS,
    counts: { zero: {}, retired: {} },
  }
}

/** The parts of an intent that have no services in them: interfaces, settings, daemons, marks. */
type Rest = Omit<Intent, 'services' | 'counts'>

/**
 * What a change makes of them.
 * @throws SYNC_RUNNING, SYNC_NOT_RUNNING, MARK_RULE_EXISTS, MARK_RULE_MISSING, TABLE_FULL
 */
export function changedRest(rest: Rest, change: Change): Rest {
  switch (change.op) {
    case 'attach':
      return attach(rest, change.name, change.mode, change.origin)
    case 'detach':
      return detach(rest, change.name)
    case 'set':
      return { ...rest, settings: changedSettings(rest.settings, change) }
    case 'startDaemon':
      return startDaemon(rest, change.role, change.daemon)
    case 'stopDaemon':
      return stopDaemon(rest, change.role)
    case 'addMarks':
      return { ...rest, marks: withRules(rest.marks, change.rules) }
    case 'removeMarks':
      return { ...rest, marks: withoutRules(rest.marks, change.rules) }
    case 'apply': {
      let after = change.settings ? { ...rest, settings: change.settings } : rest
      if (change.daemons) after = { ...after, daemons: change.daemons }
      if (change.marks) after = { ...after, marks: change.marks }
      for (const name of change.detaches) after = detach(after, name)
      for (const { name, mode, origin } of change.attaches)
        after = attach(after, name, mode, origin)
      return after
    }
    default:
      return rest
  }
}

export function noTraffic(): Traffic {
  return { conns: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 }
}

export function plus(a: Traffic, b: Traffic, sign: 1 | -1 = 1): Traffic {
  return {
    conns: a.conns + sign * b.conns,
    inPackets: a.inPackets + sign * b.inPackets,
    outPackets: a.outPackets + sign * b.outPackets,
    inBytes: a.inBytes + sign * b.inBytes,
    outBytes: a.outBytes + sign * b.outBytes,
  }
}

export function nameTaken(name: string, by: ServiceId, of: ServiceId): XlvsError {
  const about = [of, by].map(id => ({ what: 'service' as const, name: serviceName(id) }))
  return new XlvsError(
    'NAME_TAKEN',
    `the name ${name} belongs to the service ${serviceName(by)}: expected a name of its own`,
    'choose another name',
    { about },
  )
}

function attach(rest: Rest, name: string, mode: AttachMode, origin?: Origin): Rest {
  return {
    ...rest,
    interfaces: { ...rest.interfaces, [name]: mode },
    interfaceOrigins: {
      ...without(rest.interfaceOrigins, name),
      ...(origin === undefined ? {} : { [name]: origin }),
    },
  }
}

function detach(rest: Rest, name: string): Rest {
  return {
    ...rest,
    interfaces: without(rest.interfaces, name),
    interfaceOrigins: without(rest.interfaceOrigins, name),
  }
}

/** Whoever changes a setting, it stays its owner's; without a value it is nobody's. */
function changedSettings(
  was: Intent['settings'],
  { settings, origin }: Extract<Change, { op: 'set' }>,
): Intent['settings'] {
  const after = new Map(Object.entries(was))
  for (const [name, value] of Object.entries(settings))
    if (value === null) after.delete(name)
    else after.set(name, { value, origin: after.get(name)?.origin ?? origin })
  return Object.fromEntries(after)
}

function startDaemon(rest: Rest, role: SyncRole, daemon: SyncDaemon): Rest {
  if (rest.daemons[role]) throw syncRunning(role)
  return { ...rest, daemons: { ...rest.daemons, [role]: daemon } }
}

export function syncRunning(role: SyncRole): XlvsError {
  return new XlvsError(
    'SYNC_RUNNING',
    `a ${role} sync daemon runs already`,
    `stop it first: xlvs sync stop ${role}`,
  )
}

function stopDaemon(rest: Rest, role: SyncRole): Rest {
  if (!rest.daemons[role])
    throw new XlvsError(
      'SYNC_NOT_RUNNING',
      `no ${role} sync daemon runs`,
      `start one: xlvs sync start ${role} IFACE`,
    )
  return { ...rest, daemons: without(rest.daemons, role) }
}

function without<V>(record: Record<string, V>, key: string): Record<string, V> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}

export function serviceExists(service: Service): XlvsError {
  const name = serviceName(service)
  return new XlvsError(
    'SERVICE_EXISTS',
    `the service ${name} exists already`,
    `to change it: xlvs service set ${name} --scheduler ${service.scheduler}`,
  )
}

export function serviceMissing(id: ServiceId): XlvsError {
  return new XlvsError(
    'SERVICE_MISSING',
    `there is no service ${serviceName(id)}`,
    'xlvs show lists the services; xlvs service add makes one',
  )
}

export function destExists(service: string, dest: Dest): XlvsError {
  const name = destName(dest)
  return new XlvsError(
    'DEST_EXISTS',
    `the service ${service} has the dest ${name} already`,
    `to change it: xlvs dest set ${service} ${name} --weight ${dest.weight}`,
  )
}

export function destMissing(service: string, dest: string): XlvsError {
  return new XlvsError(
    'DEST_MISSING',
    `the service ${service} has no dest ${dest}`,
    'xlvs show lists its dests; xlvs dest add makes one',
  )
}
