/**
 * What is asked for, looked at with what is there, in the kernel's order: the service first, then
 * the values, and last whether the dest is there, which the fold of ../plan/draft.ts finds.
 * Read next: ../config/nouns.ts (rules that need nothing but the values).
 */
import type { LinkInfo } from '../../addon/index.ts'
import { canonicalDest, checkUnicast, type Surroundings } from '../config/nouns.ts'
import { XlvsError } from '../errors.ts'
import { familyOf, isMulticast } from '../model/address.ts'
import {
  destName,
  familyOfService,
  serviceName,
  type Dest,
  type ServiceId,
} from '../model/service.ts'
import { SYNC_ROLES, syncDaemon, type SyncRole, type SyncWish } from '../model/sync.ts'
import type { Draft } from '../plan/draft.ts'
import { syncRunning, type Change } from '../plan/intent.ts'

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

function fitting(draft: Draft, service: ServiceId, wanted: Dest): Dest {
  draft.mustFind(service)
  if (familyOf(wanted.address) !== familyOfService(service) && running(draft).length > 0)
    throw mixed(serviceName(service), destName(wanted), 'stop the sync daemons first')
  return canonicalDest(service, wanted)
}

function running({ daemons }: Draft): SyncRole[] {
  return SYNC_ROLES.filter(role => daemons[role])
}

function mixed(service: string, dest: string, hint: string): XlvsError {
  return new XlvsError(
    'BAD_FAMILY',
    `dest ${dest} is not of the family of ${service}: expected one family while a sync daemon ` +
      'runs, because its messages have room for one',
    hint,
  )
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
): Of<'startDaemon'> {
  if (wish.group !== undefined) checkGroup(wish.group)
  for (const { service, dests } of Object.values(draft.intent.services))
    for (const dest of dests)
      if (familyOf(dest.address) !== familyOfService(service))
        throw mixed(serviceName(service), destName(dest), 'remove that dest first')
  const link = linkOf(wish.interface)
  if (draft.daemons[role]) throw syncRunning(role)
  const daemon = syncDaemon(role, wish, link.mtu)
  if (role === 'master') checkReach(link, daemon.group)
  return { op: 'startDaemon', role, daemon }
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
