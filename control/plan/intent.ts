/**
 * What the operator wants, and how one change turns it into the next: a pure fold over the
 * journal's records. Conflicts (a service that exists, a dest that does not) are found here, before
 * anything is written. Read next: ../daemon/director.ts.
 */
import { XlvsError } from '../errors.ts'
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

export interface Intent {
  services: Record<string, ServiceIntent>
  interfaces: Record<string, AttachMode>
  counts: Counts
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
  | { op: 'attach'; name: string; mode: AttachMode }
  | { op: 'detach'; name: string }

export function emptyIntent(): Intent {
  return { services: {}, interfaces: {}, counts: { zero: {}, retired: {} } }
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
      return withService(intent, change.service, s => ({ ...s, service: change.service }))
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
      return { ...intent, interfaces: { ...intent.interfaces, [change.name]: change.mode } }
    case 'detach':
      return { ...intent, interfaces: without(intent.interfaces, change.name) }
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
    const known = name === undefined ? undefined : services.get(name)
    const small: Intent = {
      services: name !== undefined && known ? { [name]: known } : {},
      interfaces: rest.interfaces,
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
  return {
    ...intent,
    services: { ...intent.services, [name]: { service, dests: [] } },
    counts: { ...intent.counts, zero: { ...intent.counts.zero, ...zero } },
  }
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
  return { ...service, dests: service.dests.map(d => (destName(d) === name ? dest : d)) }
}

function removeDest(service: ServiceIntent, dest: DestId): ServiceIntent {
  const name = mustHaveDest(service, dest)
  return { ...service, dests: service.dests.filter(d => destName(d) !== name) }
}

function without<V>(record: Record<string, V>, key: string): Record<string, V> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}
