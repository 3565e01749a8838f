/**
 * What is asked for, looked at with what is there, in the kernel's order: the service first, then
 * the values, and last whether the dest is there, which the fold of ../plan/draft.ts finds.
 * Read next: ../config/nouns.ts (rules that need nothing but the values).
 */
import type { LinkInfo } from '../../addon/index.ts'
import { canonicalDest, checkUnicast, type Surroundings } from '../config/nouns.ts'
import { XlvsError, type About } from '../errors.ts'
import { familyOf, isMulticast } from '../model/address.ts'
import type { Configuration } from '../model/configuration.ts'
import type { Origin } from '../model/origin.ts'
import {
  destName,
  familyOfService,
  serviceName,
  type Dest,
  type Scheduler,
  type Service,
  type DestId,
  type ServiceId,
} from '../model/service.ts'
import {
  isAsWished,
  SYNC_ROLES,
  syncDaemon,
  type SyncDaemons,
  type SyncRole,
  type SyncSettings,
  type SyncWish,
  type SyncWishes,
} from '../model/sync.ts'
import type { Work } from '../model/work.ts'
import type { Draft } from '../plan/draft.ts'
import { MAGLEV_SLOTS } from '../plan/schedule/maglev.ts'
import { MH_SLOTS } from '../plan/schedule/mh.ts'
import { syncRunning, type Change, type Intent } from '../plan/intent.ts'

type Of<Op extends Change['op']> = Extract<Change, { op: Op }>

/** @throws SERVICE_MISSING, BAD_FAMILY, DEST_NOT_UNICAST, and what canonicalDest() throws */
export function addingDest(
  draft: Draft,
  service: ServiceId,
  wanted: Dest,
  here?: Surroundings,
): Of<'addDest'> {
  const dest = fitting(draft, service, wanted)
  if (!draft.mustFind(service).has(destName(dest))) checkUnicast(dest.address, here)
  return { op: 'addDest', service, dest }
}

/** @throws as addingDest(), save that the address is not looked at again */
export function settingDest(draft: Draft, service: ServiceId, wanted: Dest): Of<'setDest'> {
  return { op: 'setDest', service, dest: fitting(draft, service, wanted) }
}

/** Slots of the tables in which each dest must have one. */
const SLOTS: Partial<Record<Scheduler, number>> = { mh: MH_SLOTS, maglev: MAGLEV_SLOTS }

/**
 * Only who becomes mh or maglev is looked at: one that is may get more dests. What is not there is
 * found by the fold.
 * @throws SCHEDULER_FULL
 */
export function settingService(draft: Draft, service: Service): Of<'setService'> {
  const was = draft.find(serviceName(service))
  const slots = SLOTS[service.scheduler] ?? Infinity
  const isNew = was && was.service.scheduler !== service.scheduler
  if (isNew && was.intent.dests.length > slots)
    throw new XlvsError(
      'SCHEDULER_FULL',
      `${serviceName(service)} has ${was.intent.dests.length} dests: expected at most ` +
        `${slots} for ${service.scheduler}, the slots of its table`,
      'use another scheduler, or remove dests',
    )
  return { op: 'setService', service }
}

function fitting(draft: Draft, service: ServiceId, wanted: Dest): Dest {
  draft.mustFind(service)
  if (familyOf(wanted.address) !== familyOfService(service) && running(draft).length > 0)
    throw mixed(service, wanted, 'stop the sync daemons first')
  return canonicalDest(service, wanted)
}

function running({ daemons }: Draft): SyncRole[] {
  return SYNC_ROLES.filter(role => daemons[role])
}

function mixed(service: ServiceId, dest: DestId, hint: string): XlvsError {
  const [name, of] = [destName(dest), serviceName(service)]
  return new XlvsError(
    'BAD_FAMILY',
    `dest ${name} is not of the family of ${of}: expected one family while a sync daemon ` +
      'runs, because its messages have room for one',
    hint,
    { about: [{ what: 'dest', name, service: of }] },
  )
}

/**
 * The dests of a configuration that are not there yet, each looked at as one that is added; with a
 * pause after each service.
 * @throws DEST_NOT_UNICAST
 */
export function* judgingDests(
  { services }: Pick<Intent, 'services'>,
  configuration: Configuration,
  here: Surroundings,
): Work<void> {
  for (const wanted of configuration.services) {
    const service = serviceName(wanted)
    const there = new Set(services[service]?.dests.map(destName))
    for (const dest of wanted.dests) {
      const name = destName(dest)
      if (there.has(name)) continue
      aboutThat({ what: 'dest', name, service }, () => {
        checkUnicast(dest.address, here)
      })
    }
    yield
  }
}

/** What `act` throws says what of a configuration it is about. */
function aboutThat(about: About, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof XlvsError)) throw error
    throw new XlvsError(error.code, error.message, error.hint, { about: [about] })
  }
}

/** What of an interface matters to a sync daemon. */
export type SyncLink = Pick<LinkInfo, 'ifindex' | 'name' | 'mtu' | 'up'>

/**
 * @param linkOf finds the interface @throws INTERFACE_MISSING
 * @throws BAD_SYNC, BAD_FAMILY, INTERFACE_MISSING, SYNC_RUNNING, SYNC_UNREACHABLE
 */
export function startingDaemon(
  draft: Draft,
  role: SyncRole,
  wish: SyncWish,
  linkOf: (name: string) => SyncLink,
  origin: Origin = 'command',
): Of<'startDaemon'> {
  if (wish.group !== undefined) checkGroup(wish.group)
  for (const { service, dests } of Object.values(draft.intent.services))
    for (const dest of dests)
      if (familyOf(dest.address) !== familyOfService(service))
        throw mixed(service, dest, 'remove that dest first')
  const link = linkOf(wish.interface)
  if (draft.daemons[role]) throw syncRunning(role)
  return { op: 'startDaemon', role, daemon: { ...daemonOn(role, wish, link), origin } }
}

/** @throws SYNC_UNREACHABLE */
function daemonOn(role: SyncRole, wish: SyncWish, link: SyncLink): SyncSettings {
  const daemon = syncDaemon(role, wish, link.mtu)
  if (role === 'master') checkReach(link, daemon.group)
  return daemon
}

/**
 * The sync daemons that a configuration comes to: one that runs as it is wished is left so,
 * whatever has become of its interface.
 * @throws BAD_SYNC, INTERFACE_MISSING, SYNC_UNREACHABLE
 */
export function wishedDaemons(
  running: SyncDaemons,
  wishes: SyncWishes,
  linkOf: (name: string) => SyncLink,
): SyncDaemons {
  const daemons: SyncDaemons = {}
  for (const role of SYNC_ROLES) {
    const [was, wish] = [running[role], wishes[role]]
    if (!wish) continue
    aboutThat({ what: 'daemon', name: role }, () => {
      if (wish.group !== undefined) checkGroup(wish.group)
      const isSame = was && isAsWished(was, wish)
      daemons[role] = isSame ? was : daemonOn(role, wish, linkOf(wish.interface))
    })
  }
  return daemons
}

/** @throws BAD_FAMILY when a sync daemon would run beside a dest of the other family. */
export function refuseMixed({ daemons, services }: Pick<Intent, 'daemons' | 'services'>): void {
  if (Object.keys(daemons).length === 0) return
  for (const { service, dests } of Object.values(services))
    for (const dest of dests)
      if (familyOf(dest.address) !== familyOfService(service))
        throw mixed(service, dest, 'leave that dest out, or stop the sync daemons')
}

function checkGroup(group: string): void {
  if (isMulticast(group)) return
  throw new XlvsError(
    'BAD_SYNC',
    `group ${group} is not a multicast address: expected 224.0.0.0 to 239.255.255.255 or ff00::/8`,
    'leave it out for 224.0.0.81',
  )
}

/** The kernel numbers the loopback interface of every namespace so (LOOPBACK_IFINDEX). */
const LOOPBACK = 1

/** A master connects its socket to the group, and IPv6 has no groups on the loopback interface. */
function checkReach({ ifindex, name, up }: SyncLink, group: string): void {
  if (up && (familyOf(group) === 4 || ifindex !== LOOPBACK)) return
  throw new XlvsError(
    'SYNC_UNREACHABLE',
    `the group ${group} cannot be reached by ${name}: expected an interface that is up` +
      (up ? ' and is not loopback' : ''),
    up ? 'name another interface, or an IPv4 group' : `ip link set ${name} up`,
  )
}
