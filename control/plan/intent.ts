/**
 * What the operator wants, and how one change turns it into the next: a pure fold over the
 * journal's records. Conflicts (a service that exists, a dest that does not) are found here, before
 * anything is written. Read next: ../daemon/director.ts.
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
import type { SettingChanges, SettingName, SettingValue } from '../model/settings.ts'

export interface ServiceIntent {
  service: Service
  /** Newest first, as schedulers see them. */
  dests: Dest[]
}

/** What is subtracted from, and added to, the raw counters of the maps when they are shown. */
export interface Counts {
  /** Raw traffic at the last zero, by service name, `service>dest`, or 'total'. */
  zero: Record<string, Traffic>
  /** Raw traffic of dests whose rows have been freed, by service name. */
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
  zero: Record<string, Traffic>
}

export type Change =
  | { op: 'addService'; service: Service; zero: Record<string, Traffic> }
  | { op: 'setService'; service: Service }
  | { op: 'removeService'; id: ServiceId }
  | { op: 'clear' }
  | { op: 'addDest'; service: ServiceId; dest: Dest }
  | { op: 'setDest'; service: ServiceId; dest: Dest }
  | { op: 'removeDest'; service: ServiceId; dest: DestId }
  | { op: 'zero'; zero: Record<string, Traffic> }
  | { op: 'retire'; service: string; dest: string; traffic: Traffic }
  | { op: 'freshCounters'; maps?: string }
  | { op: 'attach'; name: string; mode: AttachMode; origin?: Origin }
  | { op: 'detach'; name: string }
  | { op: 'set'; settings: SettingChanges; origin: Origin }
  | BulkChange

export function emptyIntent(): Intent {
  return {
    services: {},
    interfaces: {},
    interfaceOrigins: {},
    settings: {},
    counts: { zero: {}, retired: {} },
  }
}

/**
 * The intent after a change; the one given stays as it is.
 * @throws SERVICE_EXISTS, SERVICE_MISSING, DEST_EXISTS, DEST_MISSING.
 */
export function changed(intent: Intent, change: Change): Intent {
  switch (change.op) {
    case 'addService':
      return addService(intent, change.service, change.zero)
    case 'setService':
      return setService(intent, change.service)
    case 'removeService':
      return removeService(intent, change.id)
    case 'clear':
      return { ...intent, services: {} }
    case 'addDest':
      return withService(intent, change.service, s => addDest(s, change.dest))
    case 'setDest':
      return withService(intent, change.service, s => setDest(s, change.dest))
    case 'removeDest':
      return withService(intent, change.service, s => removeDest(s, change.dest))
    case 'attach':
      return attach(intent, change.name, change.mode, change.origin)
    case 'detach':
      return detach(intent, change.name)
    case 'set':
      return { ...intent, settings: changedSettings(intent.settings, change) }
    case 'apply':
      return applyBulk(intent, change)
    case 'retire':
      return isInService(intent, change) ? intent : withCounts(intent, change)
    default:
      return withCounts(intent, change)
  }
}

/** Added again before its row was freed: the row goes on counting, and nothing is retired. */
function isInService(
  intent: Intent,
  { service, dest }: { service: string; dest: string },
): boolean {
  return intent.services[service]?.dests.some(d => destName(d) === dest) ?? false
}

function withCounts(
  intent: Intent,
  change: Extract<Change, { op: 'zero' | 'retire' | 'freshCounters' }>,
): Intent {
  return { ...intent, counts: changedCounts(intent.counts, change) }
}

/** What the changes make of an intent, one after the other, in time proportional to them. */
export function replayed(start: Intent, changes: readonly Change[]): Intent {
  const services = new Map(Object.entries(start.services))
  let rest: Omit<Intent, 'services'> = { ...start, counts: structuredClone(start.counts) }
  for (const change of changes) {
    const name = serviceOf(change)
    if (change.op === 'clear') services.clear()
    if (change.op === 'clear') continue
    if (change.op === 'apply') {
      for (const id of change.removes) services.delete(serviceName(id))
      for (const put of change.puts) services.set(serviceName(put.service), put)
      Object.assign(rest.counts.zero, change.zero)
      rest = { ...applyBulk({ ...rest, services: {} }, { ...change, puts: [], zero: {} }) }
      continue
    }
    const known = name === undefined ? undefined : services.get(name)
    const small: Intent = {
      services: name !== undefined && known ? { [name]: known } : {},
      interfaces: rest.interfaces,
      interfaceOrigins: rest.interfaceOrigins,
      settings: rest.settings,
      counts: change.op === 'addService' ? { zero: {}, retired: {} } : rest.counts,
    }
    const { services: after, ...others } = changed(small, change)
    if (change.op === 'addService') Object.assign(rest.counts.zero, others.counts.zero)
    else rest = others
    if (name === undefined) continue
    const now = after[name]
    if (now) services.set(name, now)
    else services.delete(name)
  }
  return { ...rest, services: Object.fromEntries(services) }
}

/** The name of the one service that a change is about. */
function serviceOf(change: Change): string | undefined {
  switch (change.op) {
    case 'addService':
    case 'setService':
    case 'addDest':
    case 'setDest':
    case 'removeDest':
      return serviceName(change.service)
    case 'removeService':
      return serviceName(change.id)
    case 'retire':
      return change.service
    default:
      return undefined
  }
}

function changedCounts(
  counts: Counts,
  change: Extract<Change, { op: 'zero' | 'retire' | 'freshCounters' }>,
): Counts {
  if (change.op === 'freshCounters')
    return { zero: {}, retired: {}, ...(change.maps === undefined ? {} : { maps: change.maps }) }
  if (change.op === 'zero') return { ...counts, zero: { ...counts.zero, ...change.zero } }
  const before = counts.retired[change.service] ?? noTraffic()
  return {
    ...counts,
    zero: without(counts.zero, `${change.service}>${change.dest}`),
    retired: { ...counts.retired, [change.service]: plus(before, change.traffic) },
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

function addService(intent: Intent, service: Service, zero: Record<string, Traffic>): Intent {
  const name = serviceName(service)
  if (intent.services[name])
    throw new XlvsError(
      'SERVICE_EXISTS',
      `the service ${name} exists already`,
      `to change it: xlvs service set ${name} --scheduler ${service.scheduler}`,
    )
  if (service.name !== undefined) checkNameFree(intent, service)
  return {
    ...intent,
    services: { ...intent.services, [name]: { service, dests: [] } },
    counts: { ...intent.counts, zero: { ...intent.counts.zero, ...zero } },
  }
}

/** Whoever changes it, it stays its owner's; a name that is not given stays too. */
function setService(intent: Intent, service: Service): Intent {
  return withService(intent, service, ({ service: was, dests }) => {
    if (service.name !== undefined) checkNameFree(intent, service)
    const name = service.name ?? was.name
    const kept = { ...(name === undefined ? {} : { name }), ...ownedAs(was) }
    return { service: { ...withoutOrigin(service), ...kept }, dests }
  })
}

function ownedAs({ origin }: { origin?: Origin }): { origin?: Origin } {
  return origin === undefined ? {} : { origin }
}

function withoutOrigin<T extends { origin?: Origin }>(object: T): T {
  const copy = { ...object }
  delete copy.origin
  return copy
}

/** @throws NAME_TAKEN when another service has that name. */
export function checkNameFree(intent: Intent, service: Service): void {
  const other = Object.values(intent.services).find(
    ({ service: known }) =>
      known.name === service.name && serviceName(known) !== serviceName(service),
  )
  if (other && service.name !== undefined) throw nameTaken(service.name, other.service, service)
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

function attach(intent: Intent, name: string, mode: AttachMode, origin?: Origin): Intent {
  return {
    ...intent,
    interfaces: { ...intent.interfaces, [name]: mode },
    interfaceOrigins: { ...without(intent.interfaceOrigins, name), ...named(name, origin) },
  }
}

function named(name: string, origin: Origin | undefined): Record<string, Origin> {
  return origin === undefined ? {} : { [name]: origin }
}

function detach(intent: Intent, name: string): Intent {
  return {
    ...intent,
    interfaces: without(intent.interfaces, name),
    interfaceOrigins: without(intent.interfaceOrigins, name),
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

function applyBulk(intent: Intent, change: BulkChange): Intent {
  let { settings } = intent
  if (change.settings) settings = change.settings
  const services = new Map(Object.entries(intent.services))
  for (const id of change.removes) services.delete(serviceName(id))
  for (const put of change.puts) services.set(serviceName(put.service), put)
  const counts = { ...intent.counts, zero: { ...intent.counts.zero, ...change.zero } }
  let after: Intent = { ...intent, services: Object.fromEntries(services), settings, counts }
  for (const name of change.detaches) after = detach(after, name)
  for (const { name, mode, origin } of change.attaches) after = attach(after, name, mode, origin)
  return after
}

function removeService(intent: Intent, id: ServiceId): Intent {
  mustHave(intent, id)
  return { ...intent, services: without(intent.services, serviceName(id)) }
}

/** The service of that name. @throws SERVICE_MISSING */
export function mustHave(intent: Intent, id: ServiceId): ServiceIntent {
  const found = intent.services[serviceName(id)]
  if (found) return found
  throw new XlvsError(
    'SERVICE_MISSING',
    `there is no service ${serviceName(id)}`,
    'xlvs show lists the services; xlvs service add makes one',
  )
}

function withService(
  intent: Intent,
  id: ServiceId,
  change: (service: ServiceIntent) => ServiceIntent,
): Intent {
  const service = change(mustHave(intent, id))
  return { ...intent, services: { ...intent.services, [serviceName(id)]: service } }
}

function addDest(service: ServiceIntent, dest: Dest): ServiceIntent {
  const name = destName(dest)
  if (service.dests.some(d => destName(d) === name))
    throw new XlvsError(
      'DEST_EXISTS',
      `the service ${serviceName(service.service)} has the dest ${name} already`,
      `to change it: xlvs dest set ${serviceName(service.service)} ${name} --weight ${dest.weight}`,
    )
  return { ...service, dests: [dest, ...service.dests] }
}

function mustHaveDest(service: ServiceIntent, dest: DestId): string {
  const name = destName(dest)
  if (service.dests.some(d => destName(d) === name)) return name
  throw new XlvsError(
    'DEST_MISSING',
    `the service ${serviceName(service.service)} has no dest ${name}`,
    'xlvs show lists its dests; xlvs dest add makes one',
  )
}

function setDest(service: ServiceIntent, dest: Dest): ServiceIntent {
  const name = mustHaveDest(service, dest)
  const set = (was: Dest): Dest => ({ ...withoutOrigin(dest), ...ownedAs(was) })
  return { ...service, dests: service.dests.map(d => (destName(d) === name ? set(d) : d)) }
}

function removeDest(service: ServiceIntent, dest: DestId): ServiceIntent {
  const name = mustHaveDest(service, dest)
  return { ...service, dests: service.dests.filter(d => destName(d) !== name) }
}

function without<V>(record: Record<string, V>, key: string): Record<string, V> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}
