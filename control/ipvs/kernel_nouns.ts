/**
 * Services, dests and sync daemons between the kernel's words (abi.ts) and the model's. Pure.
 * Read next: genl.ts, sockopt.ts.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_genl_parse_service(), _dest(), _daemon() (v6.12).
 */
import { XlvsError } from '../errors.ts'
import {
  addressBytes,
  familyOf,
  formatIpv4,
  formatIpv6,
  ipv4,
  IPV4_AT,
  type Family,
} from '../model/address.ts'
import {
  ENGINES,
  familyOfService,
  isMark,
  PERSISTENT_S_MAX,
  PROTOCOL_NUMBER,
  PROTOCOLS,
  SCHED_FLAGS,
  SCHEDULERS,
  type Dest,
  type DestId,
  type DestView,
  type ForwardingMethod,
  type Rates,
  type Service,
  type ServiceId,
  type ServiceView,
  type Traffic,
  type TunnelOptions,
} from '../model/service.ts'
import type { SyncDaemonView, SyncRole, SyncWish } from '../model/sync.ts'
import {
  AF_INET,
  AF_INET6,
  FWD,
  FWD_MASK,
  SERVICE_FLAG,
  SYNC_STATE,
  TUNNEL,
  TUNNEL_CHECKSUM,
  type DaemonWords,
  type DestWords,
  type ServiceWords,
  type StatsWords,
} from './abi.ts'
import { refusedWith } from './refused.ts'

/** @throws EAFNOSUPPORT */
export function familyFrom(number: number): Family {
  if (number === AF_INET) return 4
  if (number === AF_INET6) return 6
  throw refusedWith('EAFNOSUPPORT')
}

/**
 * What names a service; undefined: nothing that xlvs could have, such as another protocol.
 * Differs from LVS: services of protocols other than TCP, UDP and SCTP are refused to programs too.
 * @throws EINVAL when a part is missing, EAFNOSUPPORT
 */
export function serviceIdFrom(words: Partial<ServiceWords> | undefined): ServiceId | undefined {
  const { family, protocol, address, port, mark } = words ?? {}
  if (family === undefined) throw refusedWith('EINVAL')
  if (mark === undefined && (protocol === undefined || !address || port === undefined))
    throw refusedWith('EINVAL')
  const of = familyFrom(family)
  if (mark !== undefined) return mark > 0 ? { protocol: 'fwmark', family: of, mark } : undefined
  const known = PROTOCOLS.find(name => PROTOCOL_NUMBER[name] === protocol)
  if (!known || !address || port === undefined) return undefined
  return { protocol: known, address: addressFrom(of, address), port }
}

/** Of 16 bytes, IPv4 in the first four. */
function addressFrom(family: Family, bytes: Uint8Array): string {
  return family === 6 ? formatIpv6(bytes) : dotted(bytes)
}

function dotted(bytes: Uint8Array): string {
  return formatIpv4(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0))
}

/** The same 16 bytes. */
function addressWords(address: string): Uint8Array {
  const bytes = addressBytes(address)
  if (familyOf(address) === 6) return bytes
  const first = new Uint8Array(16)
  first.set(bytes.subarray(IPV4_AT))
  return first
}

/**
 * A whole service.
 * @param old the flags that it has, if it is there: what the mask leaves out stays
 * @throws EINVAL when a part is missing; BAD_SCHEDULER, BAD_ENGINE, BAD_SERVICE
 */
export function serviceFrom(
  id: ServiceId,
  words: Partial<ServiceWords>,
  old: () => number,
): Service {
  const { scheduler, flags: given, timeout, netmask, engine } = words
  if (scheduler === undefined || !given || timeout === undefined || !netmask)
    throw refusedWith('EINVAL')
  const kept = given.mask === 0xffffffff ? 0 : old() & ~given.mask
  const flags = kept | (given.flags & given.mask)
  const has = (name: keyof typeof SERVICE_FLAG): boolean => (flags & SERVICE_FLAG[name]) !== 0
  const schedFlags = SCHED_FLAGS.filter(has)
  const by = engineFrom(engine)
  return {
    ...id,
    scheduler: schedulerFrom(scheduler),
    ...(schedFlags.length > 0 && { schedFlags }),
    ...(has('persistent') && { persistentS: persistenceFrom(timeout) }),
    netmask: netmaskFrom(familyOfService(id), netmask),
    ...(has('onePacket') && { onePacket: true as const }),
    ...(by && { engine: by }),
  }
}

function schedulerFrom(name: string): Service['scheduler'] {
  const known = SCHEDULERS.find(known => known === name)
  if (known) return known
  throw new XlvsError('BAD_SCHEDULER', `no scheduler ${name}`, 'see MANUAL')
}

function engineFrom(name = ''): Service['engine'] {
  if (name === '') return undefined
  const known = ENGINES.find(known => known === name)
  if (known) return known
  throw new XlvsError('BAD_ENGINE', `no persistence engine ${name}`, 'see MANUAL')
}

/** Differs from LVS: a program may not ask for persistence above ipvsadm's own bound, or of 0. */
function persistenceFrom(timeout: number): number {
  if (timeout >= 1 && timeout <= PERSISTENT_S_MAX) return timeout
  throw new XlvsError('BAD_SERVICE', `persistence of ${timeout} s`, 'see MANUAL')
}

function netmaskFrom(family: Family, bytes: Uint8Array): string {
  if (family === 4) return dotted(bytes)
  return String(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true))
}

function netmaskWords(family: Family, netmask: string | undefined): Uint8Array {
  const view = new DataView(new ArrayBuffer(4))
  if (family === 4) view.setUint32(0, ipv4(netmask ?? '255.255.255.255'))
  else view.setUint32(0, Number(netmask ?? 128), true)
  return new Uint8Array(view.buffer)
}

/** What names a service in the kernel's words. */
function idWords(id: ServiceId): Partial<ServiceWords> {
  const family = familyOfService(id) === 6 ? AF_INET6 : AF_INET
  if (isMark(id)) return { family, mark: id.mark }
  const protocol = PROTOCOL_NUMBER[id.protocol]
  return { family, protocol, address: addressWords(id.address), port: id.port }
}

export function serviceFlags(service: Service): number {
  const { persistentS, onePacket, schedFlags = [] } = service
  return schedFlags.reduce(
    (flags, flag) => flags | SERVICE_FLAG[flag],
    SERVICE_FLAG.hashed |
      (persistentS === undefined ? 0 : SERVICE_FLAG.persistent) |
      (onePacket ? SERVICE_FLAG.onePacket : 0),
  )
}

export function serviceWords(service: ServiceView): Partial<ServiceWords> {
  const stats = statsWords(service)
  return {
    ...idWords(service),
    scheduler: service.scheduler,
    ...(service.engine && { engine: service.engine }),
    flags: { flags: serviceFlags(service), mask: 0xffffffff },
    timeout: service.persistentS ?? 0,
    netmask: netmaskWords(familyOfService(service), service.netmask),
    dests: service.dests.length,
    stats,
    stats64: stats,
  }
}

function statsWords({ traffic, rates }: { traffic: Traffic; rates: Rates }): StatsWords {
  return {
    ...traffic,
    connsRate: rates.conns,
    inPacketsRate: rates.inPackets,
    outPacketsRate: rates.outPackets,
    inBytesRate: rates.inBytes,
    outBytesRate: rates.outBytes,
  }
}

/** @throws EINVAL when a part is missing, EAFNOSUPPORT */
export function destIdFrom(service: ServiceId, words: Partial<DestWords> | undefined): DestId {
  const { address, port, family = 0 } = words ?? {}
  if (!address || port === undefined) throw refusedWith('EINVAL')
  const of = family === 0 ? familyOfService(service) : familyFrom(family)
  return { address: addressFrom(of, address), port }
}

/**
 * A whole dest. What a method or a kind of tunnel has no use for is left out, as nobody sees it.
 * Differs from LVS: a program may not ask for the methods local and bypass: only nat, tun and dr.
 * @throws EINVAL when a part is missing, ERANGE
 */
export function destFrom(service: ServiceId, id: DestId, words: Partial<DestWords>): Dest {
  const { fwd: method, weight, upper, lower } = words
  if (method === undefined || weight === undefined || upper === undefined || lower === undefined)
    throw refusedWith('EINVAL')
  const fwd = fwdFrom(method)
  if (familyOf(id.address) !== familyOfService(service) && fwd !== 'tun')
    throw refusedWith('EINVAL')
  if (weight < 0 || lower > upper) throw refusedWith('ERANGE')
  if (upper > 0x7fffffff) throw refusedWith('EINVAL')
  const tunnel = tunnelFrom(words)
  return {
    ...id,
    ...{ fwd, weight },
    ...(upper > 0 && { upper }),
    ...(lower > 0 && { lower }),
    ...(fwd === 'tun' && tunnel && { tunnel }),
  }
}

function fwdFrom(number: number): ForwardingMethod {
  const bits = number & FWD_MASK
  const found = (Object.keys(FWD) as ForwardingMethod[]).find(name => FWD[name] === bits)
  if (found) return found
  throw refusedWith('EINVAL')
}

/** @throws EINVAL for gue without a port, whatever the method is, as the kernel does */
function tunnelFrom(words: Partial<DestWords>): TunnelOptions | undefined {
  const { tunnelType = 0, tunnelPort: port = 0, tunnelFlags: flags = 0 } = words
  const sum = (flags & TUNNEL_CHECKSUM.remcsum) !== 0 ? 'remcsum' : 'csum'
  const checksum = flags === 0 ? {} : ({ checksum: sum } as const)
  if (tunnelType === TUNNEL.gue) {
    if (port === 0) throw refusedWith('EINVAL')
    return { type: 'gue', port, ...checksum }
  }
  if (tunnelType !== TUNNEL.gre) return undefined
  return { type: 'gre', ...(sum === 'csum' && checksum) }
}

/** A dest, with the family that those have who may be of another than their service. */
export function destWords(dest: DestView): Partial<DestWords> {
  const { tunnel } = dest
  const stats = statsWords(dest)
  return {
    address: addressWords(dest.address),
    port: dest.port,
    fwd: FWD[dest.fwd],
    weight: dest.weight,
    tunnelType: tunnel ? TUNNEL[tunnel.type] : 0,
    tunnelPort: tunnel?.port ?? 0,
    tunnelFlags: tunnel?.checksum ? TUNNEL_CHECKSUM[tunnel.checksum] : 0,
    upper: dest.upper ?? 0,
    lower: dest.lower ?? 0,
    active: dest.active,
    inactive: dest.inactive,
    persistent: dest.persistent,
    family: familyOf(dest.address) === 6 ? AF_INET6 : AF_INET,
    stats,
    stats64: stats,
  }
}

/** @throws EINVAL */
export function roleFrom(state: number | undefined): SyncRole {
  if (state === SYNC_STATE.master) return 'master'
  if (state === SYNC_STATE.backup) return 'backup'
  throw refusedWith('EINVAL')
}

/** Optional fields that are 0 have their defaults. @throws EINVAL when a part is missing */
export function wishFrom(words: Partial<DaemonWords>): SyncWish {
  const { interface: name, syncId, maxLen = 0, group, group6, port = 0, ttl = 0 } = words
  if (name === undefined || name === '' || syncId === undefined) throw refusedWith('EINVAL')
  const to = group ? dotted(group) : group6 ? formatIpv6(group6) : undefined
  return {
    interface: name,
    syncId: syncId & 0xff,
    ...(maxLen > 0 && { maxLen }),
    ...(to !== undefined && to !== '0.0.0.0' && to !== '::' && { group: to }),
    ...(port > 0 && { port }),
    ...(ttl > 0 && { ttl }),
  }
}

export function daemonWords(daemon: SyncDaemonView): Partial<DaemonWords> {
  const { role, interface: name, syncId, maxLen, group, port, ttl } = daemon
  const bytes = addressWords(group)
  return {
    ...{ state: SYNC_STATE[role], interface: name, syncId, maxLen, port, ttl },
    ...(familyOf(group) === 6 ? { group6: bytes } : { group: bytes.subarray(0, 4) }),
  }
}
