/**
 * A dest and its service as rows of the tables. Pure. Read next: tables.ts (who writes them).
 */
import {
  DEST_FLAGS,
  FAMILY,
  FWD,
  GONE,
  SERVICE_FLAGS,
  SERVICE_KEY,
  writeServiceKey,
  type Dest as DestRow,
  type DestAddrs,
  type Service as ServiceRow,
  type Tunnel,
} from '../abi/maps.gen.ts'
import {
  addressBytes,
  familyOf,
  formatAddress,
  formatIpv4,
  formatIpv6,
  ipv4,
  isMapped,
  withPort,
} from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  isMark,
  portOfService,
  serviceName,
  type Service,
  type Dest,
  type DestGone,
  type DestId,
  type ForwardingMethod,
  type ServiceId,
} from '../model/service.ts'
import { natDeltas, tunnelSum } from '../plan/checksum.ts'
import { view } from './bytes.ts'
import { FTP_PORT } from './fallbacks.ts'

const FWD_NUMBER: Record<ForwardingMethod, number> = {
  nat: FWD.FWD_NAT,
  dr: FWD.FWD_DR,
  tun: FWD.FWD_TUN,
}

/** How a dest is reached just now. */
export interface Reach {
  /** Next hop id, 0 without a route, and for what is this host. */
  nexthop: number
  /** The address is one of this host. */
  local: boolean
  /** The address that this host sends from on the way, '' when it has none. */
  source: string
}

export interface DestWithReach extends Dest {
  reach: Reach
}

/** What alone has become of a service since it was published. */
export interface SomeDests {
  /** Dests that it had then; from `start` on `come` are in the place of `gone`. */
  of: number
  start: number
  gone: readonly DestId[]
  come: readonly DestWithReach[]
  vipLocal: boolean
}

const NETMASK_WHOLE = 0xffff_ffff
const PREFIX_WHOLE = 128

/** NAT never mixes families, so nobody adds these. */
const NO_DELTAS = { ipDelta: 0, l4Delta: 0 }

/** What stands for a service in keys and rows: a mark in place of an address, of protocol 0. */
interface Virtual {
  bytes: Uint8Array
  port: number
  protocol: number
  isIpv6: boolean
}

/** The mark is where IPVS has it: an IPv4 address, or the first four bytes of an IPv6 one. */
function virtualOf(service: ServiceId): Virtual {
  const port = portOfService(service)
  if (!isMark(service)) {
    const protocol = PROTOCOL_NUMBER[service.protocol]
    const isIpv6 = familyOf(service.address) === 6
    return { bytes: addressBytes(service.address), port, protocol, isIpv6 }
  }
  const isIpv6 = service.family === 6
  if (!isIpv6) return { bytes: addressBytes(formatIpv4(service.mark)), port, protocol: 0, isIpv6 }
  const bytes = new Uint8Array(16)
  view(bytes).setUint32(0, service.mark)
  return { bytes, port, protocol: 0, isIpv6 }
}

/**
 * A nat dest of port 0 gets packets at the port that they came to. Source: ip_vs_schedule(). Once a
 * row was that of a nat dest whose virtual side only its connections know, it says so for good.
 */
export function destRow(
  service: ServiceId & Pick<Service, 'persistentS' | 'destGone'>,
  serviceId: number,
  dest: DestWithReach,
  vipLocal: boolean,
  before = 0,
): DestRow {
  const { bytes, port, protocol, isIpv6 } = virtualOf(service)
  const vaddr = isIpv6 ? formatIpv6(bytes) : formatAddress(bytes)
  const dport = dest.port || port
  const isMixed = (familyOf(dest.address) === 6) !== isIpv6
  const isPartner = dest.fwd === 'nat' && (port === 0 || isFtp(service))
  // A tunnel needs an address of this host to come from.
  const isLost = dest.fwd === 'tun' && dest.reach.source === ''
  const { ipDelta, l4Delta } = isMixed
    ? NO_DELTAS
    : natDeltas({ address: vaddr, port }, { ...dest, port: dport })
  return {
    daddr: ipv4Of(dest.address),
    vaddr: ipv4Of(vaddr),
    dport,
    vport: port,
    nexthop: isLost ? 0 : dest.reach.nexthop,
    fwd: FWD_NUMBER[dest.fwd],
    flags:
      DEST_FLAGS.DEST_KNOWN |
      DEST_FLAGS.DEST_AVAILABLE |
      (isIpv6 ? DEST_FLAGS.DEST_IPV6 : 0) |
      (dest.weight === 0 ? DEST_FLAGS.DEST_QUIESCED : 0) |
      (dest.port === 0 ? DEST_FLAGS.DEST_NO_PORT : 0) |
      (isPartner ? DEST_FLAGS.DEST_PARTNER_VIP : before & DEST_FLAGS.DEST_PARTNER_VIP) |
      localFlags(dest.reach.local, vipLocal),
    ip_delta: ipDelta,
    l4_delta: l4Delta,
    service: serviceId,
    protocol,
    ...goneFields(service.destGone),
  }
}

const GONE_NUMBER = { keep: GONE.GONE_KEEP, drop: GONE.GONE_DROP, reset: GONE.GONE_RESET } as const

/** What becomes of its connections once it is removed. */
function goneFields(gone: DestGone = 'keep'): Pick<DestRow, 'gone' | 'drain_s'> {
  if (gone === 'keep' || gone === 'drop' || gone === 'reset')
    return { gone: GONE_NUMBER[gone], drain_s: 0 }
  return { gone: GONE.GONE_DRAIN, drain_s: Number(gone.slice('drain:'.length)) }
}

/** Row 0: connections without a dest have it (cache_bypass); hot walks leave them to others. */
export function noOne(): DestRow {
  return {
    ...{ daddr: 0, vaddr: 0, dport: 0, vport: 0, nexthop: 0, service: 0, protocol: 0 },
    ...{ fwd: FWD.FWD_DR, flags: DEST_FLAGS.DEST_VIP_LOCAL, ip_delta: 0, l4_delta: 0 },
    ...goneFields(),
  }
}

/** An address as the rows of IPv4 have it; 0 for IPv6. */
function ipv4Of(address: string): number {
  return familyOf(address) === 4 ? ipv4(address) : 0
}

/** Whether a service takes packets to other ports than its own, which they keep. */
function isFtp(service: ServiceId & { persistentS?: number }): boolean {
  const { protocol, persistentS } = service
  return protocol === 'tcp' && persistentS !== undefined && service.port === FTP_PORT
}

/** Which of a dest's two addresses are this host's. */
export function localFlags(dest: boolean, vip: boolean): number {
  return (dest ? DEST_FLAGS.DEST_LOCAL : 0) | (vip ? DEST_FLAGS.DEST_VIP_LOCAL : 0)
}

export function addrsRow(service: ServiceId, dest: Dest): DestAddrs {
  return { daddr: addressBytes(dest.address), vaddr: virtualOf(service).bytes }
}

/** The outer header towards a dest; without a source address while there is no way. */
export function tunnelRow({ address, reach: { source } }: DestWithReach): Tunnel {
  const isIpv4 = familyOf(address) === 4
  return {
    mtu_until: 0,
    mtu: 0,
    saddr: source === '' ? new Uint8Array(16) : addressBytes(source),
    daddr: addressBytes(address),
    sum: isIpv4 && source !== '' ? tunnelSum(source, address) : 0,
    family: isIpv4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6,
  }
}

/** Its words that the data plane changes are 0. @param slowBegan tick of its last slow start */
export function serviceRow(
  service: Service,
  vipLocal: boolean,
  ticksPerSecond: number,
  slowBegan = 0,
): ServiceRow {
  const { schedFlags = [], onePacket, persistentS = 0, netmask, engine } = service
  const { slowStartS = 0 } = service
  const { port, isIpv6 } = virtualOf(service)
  const flags = [
    vipLocal ? SERVICE_FLAGS.SERVICE_VIP_LOCAL : 0,
    onePacket ? SERVICE_FLAGS.SERVICE_ONE_PACKET : 0,
    schedFlags.includes('flag-1') ? SERVICE_FLAGS.SERVICE_FLAG_1 : 0,
    schedFlags.includes('flag-2') ? SERVICE_FLAGS.SERVICE_FLAG_2 : 0,
    isMark(service) ? SERVICE_FLAGS.SERVICE_MARK : 0,
    engine === 'sip' ? SERVICE_FLAGS.SERVICE_SIP : 0,
  ]
  return {
    ...{
      schedule: 0n,
      turn: 0n,
      slow_turn: 0,
      port,
      flags: flags.reduce((all, flag) => all | flag),
    },
    persistent: Math.round(persistentS * ticksPerSecond),
    netmask: !isIpv6 && netmask !== undefined ? ipv4(netmask) : NETMASK_WHOLE,
    prefix: isIpv6 && netmask !== undefined ? Number(netmask) : PREFIX_WHOLE,
    slow_start: Math.round(slowStartS * ticksPerSecond),
    slow_began: slowBegan,
  }
}

export function serviceKey(service: ServiceId): Uint8Array {
  const { bytes, port, protocol, isIpv6 } = virtualOf(service)
  const family = isIpv6 ? FAMILY.FAMILY_IPV6 : FAMILY.FAMILY_IPV4
  const key = new Uint8Array(SERVICE_KEY.size)
  writeServiceKey(view(key), 0, { vaddr: bytes, vport: port, protocol, family })
  return key
}

/** The name of a service from the fields of its key. */
export function textOf(protocol: number, vaddr: Uint8Array, port: number): string {
  if (protocol === 0) {
    const isIpv6 = !isMapped(vaddr)
    const mark = view(vaddr).getUint32(isIpv6 ? 0 : 12)
    return serviceName({ protocol: 'fwmark', family: isIpv6 ? 6 : 4, mark })
  }
  const found = Object.entries(PROTOCOL_NUMBER).find(([, number]) => number === protocol)
  return `${found?.[0] ?? protocol}:${withPort(formatAddress(vaddr), port)}`
}

/** The virtual address of a service, '' for a mark, which has none. */
export function vaddrOf(service: ServiceId): string {
  return isMark(service) ? '' : service.address
}
