/**
 * What the kernel's IPVS answers to a change that it refuses: an errno. Its checks have an order
 * of their own, which ipvsadm's words and netlink's answers show. Pure.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_genl_set_cmd, ip_vs_add_dest (v6.1), as asked of
 * Debian's kernel.
 */
import type { ErrorCode } from '../errors.ts'
import { familyOf } from '../model/address.ts'
import {
  destName,
  ENGINES,
  familyOfService,
  SCHEDULERS,
  serviceName,
  type Dest,
  type DestId,
  type ServiceId,
} from '../model/service.ts'
import type { Request, SettingsAsked } from './grammar.ts'

export type Errno =
  | ('EPERM' | 'ENOENT' | 'ESRCH' | 'ENOMEM' | 'EEXIST' | 'ENODEV' | 'EINVAL' | 'ERANGE')
  | ('EAFNOSUPPORT' | 'ENOPROTOOPT' | 'EOPNOTSUPP' | 'EMSGSIZE' | 'ENETUNREACH')

/** What an operation finds there. */
export interface Found {
  services: readonly (ServiceId & { dests: readonly DestId[] })[]
}

/**
 * With what the kernel would refuse `request` where `found` is there; undefined: with nothing that
 * can be told from these. What the director alone can see (routes, interfaces, daemons) is not.
 */
export function errnoOf(request: Request, found: Found): Errno | undefined {
  switch (request.command) {
    case 'add-service':
      return find(found, request.service) ? 'EEXIST' : settings(request.service, request.settings)
    case 'edit-service':
      return find(found, request.service) ? settings(request.service, request.settings) : 'ESRCH'
    case 'delete-service':
      return find(found, request.service) ? undefined : 'ESRCH'
    case 'zero':
      return !request.service || find(found, request.service) ? undefined : 'ESRCH'
    case 'add-server':
      return (
        dest(request.service, request.dest, found) ?? (has(request, found) ? 'EEXIST' : undefined)
      )
    case 'edit-server':
      return (
        dest(request.service, request.dest, found) ?? (has(request, found) ? undefined : 'ENOENT')
      )
    case 'delete-server':
      if (!find(found, request.service)) return 'ESRCH'
      return has(request, found) ? undefined : 'ENOENT'
    default:
      return undefined
  }
}

/** The errno for the director's own refusal, where the kernel has one like it. */
export const ERRNO: Partial<Record<ErrorCode, Errno>> = {
  NO_ROOT: 'EPERM',
  SERVICE_EXISTS: 'EEXIST',
  SERVICE_MISSING: 'ESRCH',
  DEST_EXISTS: 'EEXIST',
  DEST_MISSING: 'ENOENT',
  BAD_SCHEDULER: 'ENOENT',
  BAD_ENGINE: 'ENOENT',
  BAD_NETMASK: 'EINVAL',
  BAD_FAMILY: 'EINVAL',
  BAD_WEIGHT: 'ERANGE',
  BAD_THRESHOLD: 'ERANGE',
  BAD_TUNNEL: 'EINVAL',
  BAD_ADDRESS: 'EINVAL',
  DEST_NOT_UNICAST: 'EINVAL',
  TABLE_FULL: 'ENOMEM',
  BAD_SYNC: 'EINVAL',
  INTERFACE_MISSING: 'ENODEV',
  SYNC_RUNNING: 'EEXIST',
  SYNC_NOT_RUNNING: 'ESRCH',
  SYNC_UNREACHABLE: 'ENETUNREACH',
  SCHEDULER_FULL: 'EINVAL',
}

/**
 * Refusals that the kernel makes before any other, so that nothing need be looked up: it finds the
 * service first, and a dest only when its numbers are right, which the director looks at first too.
 */
export const SURE: readonly ErrorCode[] = [
  ...(['SERVICE_EXISTS', 'SERVICE_MISSING', 'DEST_EXISTS', 'DEST_MISSING'] as const),
  ...(['SYNC_RUNNING', 'SYNC_NOT_RUNNING', 'SYNC_UNREACHABLE', 'INTERFACE_MISSING'] as const),
]

function settings(service: ServiceId, asked: SettingsAsked): Errno | undefined {
  const known = (words: readonly string[], word: string): boolean => words.includes(word)
  if (!known(SCHEDULERS, asked.scheduler)) return 'ENOENT'
  if (asked.engine !== undefined && !known(ENGINES, asked.engine)) return 'ENOENT'
  const prefix = Number(asked.netmask ?? 128)
  if (familyOfService(service) === 6 && (prefix < 1 || prefix > 128)) return 'EINVAL'
  return undefined
}

/** What add and edit of a dest have in common. */
function dest(service: ServiceId, asked: Dest, found: Found): Errno | undefined {
  const { fwd, weight, upper = 0, lower = 0, tunnel, address } = asked
  if (!find(found, service)) return 'ESRCH'
  if (familyOf(address) !== familyOfService(service) && fwd !== 'tun') return 'EINVAL'
  if (weight < 0 || lower > upper) return 'ERANGE'
  if (upper > 0x7fffffff) return 'EINVAL'
  return tunnel?.type === 'gue' && !tunnel.port ? 'EINVAL' : undefined
}

function has({ service, dest }: { service: ServiceId; dest: DestId }, found: Found): boolean {
  const name = destName(dest)
  return find(found, service)?.dests.some(there => destName(there) === name) ?? false
}

function find({ services }: Found, id: ServiceId): Found['services'][number] | undefined {
  const name = serviceName(id)
  return services.find(service => serviceName(service) === name)
}
