/**
 * What programs ask of the kernel's IPVS, asked of the director: by netlink and by socket options
 * alike, with the kernel's checks in its order. Read next: genl.ts, sockopt.ts.
 */
import type { BatchChange, DirectorApi, RefusedChange } from '../daemon/contract.ts'
import { canonicalService } from '../config/nouns.ts'
import { XlvsError } from '../errors.ts'
import type { Service, ServiceId, ServiceView } from '../model/service.ts'
import { SETTINGS } from '../model/settings.ts'
import type { DaemonWords, DestWords, ServiceWords, TimeoutWords } from './abi.ts'
import {
  destFrom,
  destIdFrom,
  roleFrom,
  serviceFlags,
  serviceFrom,
  serviceIdFrom,
  wishFrom,
} from './kernel_nouns.ts'
import { KernelError, refusedWith } from './refused.ts'

/** Whose the things are that a program makes. */
const ORIGIN = 'ipvsadm'

export interface Wanted {
  service: Partial<ServiceWords> | undefined
  dest: Partial<DestWords> | undefined
}

export function find(director: DirectorApi, id: ServiceId | undefined): ServiceView | undefined {
  return id && director.find(id)
}

/**
 * Makes one change of services or dests: in force, and written. The library asks once, when its
 * program ends, that all of them be on disk. @throws KernelError, XlvsError */
export async function changeIpvs(
  director: DirectorApi,
  op: BatchChange['op'],
  wanted: Wanted,
): Promise<void> {
  const id = serviceIdFrom(wanted.service)
  if (!id) throw refusedWith(op === 'addService' ? 'EINVAL' : 'ESRCH')
  const wish = wishOf(director, op, id, wanted)
  const [outcome] = await director.batch([wish], { isOnDisk: false })
  if (outcome && 'error' in outcome) throw outcome.error
}

/** The change, or why it cannot be one; what is there is looked at first, as the kernel does. */
function wishOf(
  director: DirectorApi,
  op: BatchChange['op'],
  id: ServiceId,
  { service, dest }: Wanted,
): BatchChange | RefusedChange {
  switch (op) {
    case 'addService':
    case 'setService': {
      const parsed = parseService(director, id, service)
      if ('refusal' in parsed)
        return { ...parsed, change: { op, service: { ...id, scheduler: 'wlc' } } }
      return { op, service: op === 'addService' ? { ...parsed, origin: ORIGIN } : parsed }
    }
    case 'removeService':
      return { op, id }
    case 'removeDest':
      return afterService(id, () => ({ op, service: id, dest: destIdFrom(id, dest) }))
    case 'addDest':
    case 'setDest':
      return afterService(id, () => {
        const wanted = destFrom(id, destIdFrom(id, dest), dest ?? {})
        return { op, service: id, dest: op === 'addDest' ? { ...wanted, origin: ORIGIN } : wanted }
      })
  }
}

/** A missing part is seen before the service is looked for, what is wrong with one after. */
function parseService(
  director: DirectorApi,
  id: ServiceId,
  words: Partial<ServiceWords> | undefined,
): Service | { refusal: XlvsError } {
  const old = (): number => {
    const there = director.find(id)
    return there ? serviceFlags(there) : 0
  }
  try {
    return canonicalService(serviceFrom(id, words ?? {}, old))
  } catch (error) {
    if (error instanceof XlvsError) return { refusal: error }
    throw error
  }
}

/** A dest is read when its service has been found. */
function afterService(id: ServiceId, read: () => BatchChange): BatchChange | RefusedChange {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof KernelError)) throw cause
    const refusal = new XlvsError('BAD_REQUEST', `a dest is refused: ${cause.errno}`, '', { cause })
    return { refusal, change: { op: 'removeService', id } }
  }
}

/** Timeouts in seconds. */
export function timeoutsOf(director: DirectorApi): TimeoutWords {
  const { tcp_timeout_s: tcp, tcp_fin_timeout_s: tcpFin, udp_timeout_s: udp } = director.settings()
  return { tcp: Number(tcp.value), tcpFin: Number(tcpFin.value), udp: Number(udp.value) }
}

/**
 * Those that are given, not 0 and not so already: programs give all of them to change one, and put
 * back what they found; what they leave as it is does not become theirs. @throws EINVAL
 */
export async function setTimeouts(
  director: DirectorApi,
  { tcp = 0, tcpFin = 0, udp = 0 }: Partial<TimeoutWords>,
): Promise<void> {
  const given = { tcp_timeout_s: tcp, tcp_fin_timeout_s: tcpFin, udp_timeout_s: udp }
  const most = SETTINGS.tcp_timeout_s.max
  if (Object.values(given).some(seconds => seconds > most)) throw refusedWith('EINVAL')
  const now = director.settings()
  const isNews = (name: keyof typeof given): boolean =>
    given[name] > 0 && Number(now[name].value) !== given[name]
  const names = Object.keys(given) as (keyof typeof given)[]
  const set = names.filter(isNews).map(name => [name, given[name]] as const)
  if (set.length > 0) await director.setSettings(Object.fromEntries(set), ORIGIN)
}

/** Starts a sync daemon. @throws EINVAL when a part is missing, and what the director throws */
export async function startSync(
  director: DirectorApi,
  words: Partial<DaemonWords> | undefined,
): Promise<void> {
  const { state, interface: name, syncId } = words ?? {}
  if (state === undefined || name === undefined || syncId === undefined) throw refusedWith('EINVAL')
  await director.startDaemon(roleFrom(state), wishFrom(words ?? {}), ORIGIN)
}

/** @throws EINVAL, and what the director throws */
export async function stopSync(
  director: DirectorApi,
  words: Partial<DaemonWords> | undefined,
): Promise<void> {
  await director.stopDaemon(roleFrom(words?.state))
}
