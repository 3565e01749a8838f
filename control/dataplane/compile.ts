/**
 * A dest and its service as rows of the tables. Pure. Read next: tables.ts (who writes them).
 */
import {
  DEST_FLAGS,
  FAMILY,
  FWD,
  SERVICE_KEY,
  writeServiceKey,
  type Dest as DestRow,
  type DestAddrs,
  type Tunnel,
} from '../abi/maps.gen.ts'
import { addressBytes, familyOf, ipv4, withPort } from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  type AddressServiceId,
  type Dest,
  type ForwardingMethod,
} from '../model/service.ts'
import { natDeltas, tunnelSum } from '../plan/checksum.ts'
import { view } from './bytes.ts'

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

/** NAT never mixes families, so nobody adds these. */
const NO_DELTAS = { ipDelta: 0, l4Delta: 0 }

/** A nat dest of port 0 gets packets at the port that they came to. Source: ip_vs_schedule(). */
export function destRow(
  service: AddressServiceId,
  serviceId: number,
  dest: DestWithReach,
  vipLocal: boolean,
): DestRow {
  const dport = dest.port || service.port
  const isIpv6 = familyOf(service.address) === 6
  const isMixed = familyOf(dest.address) !== familyOf(service.address)
  // A tunnel needs an address of this host to come from.
  const isLost = dest.fwd === 'tun' && dest.reach.source === ''
  const { ipDelta, l4Delta } = isMixed ? NO_DELTAS : natDeltas(service, { ...dest, port: dport })
  return {
    daddr: ipv4Of(dest.address),
    vaddr: ipv4Of(service.address),
    dport,
    vport: service.port,
    nexthop: isLost ? 0 : dest.reach.nexthop,
    fwd: FWD_NUMBER[dest.fwd],
    flags:
      DEST_FLAGS.DEST_KNOWN |
      DEST_FLAGS.DEST_AVAILABLE |
      (isIpv6 ? DEST_FLAGS.DEST_IPV6 : 0) |
      (dest.weight === 0 ? DEST_FLAGS.DEST_QUIESCED : 0) |
      (dest.port === 0 ? DEST_FLAGS.DEST_NO_PORT : 0) |
      localFlags(dest.reach.local, vipLocal),
    ip_delta: ipDelta,
    l4_delta: l4Delta,
    service: serviceId,
    protocol: PROTOCOL_NUMBER[service.protocol],
  }
}

/** An address as the rows of IPv4 have it; 0 for IPv6. */
function ipv4Of(address: string): number {
  return familyOf(address) === 4 ? ipv4(address) : 0
}

/** Which of a dest's two addresses are this host's. */
export function localFlags(dest: boolean, vip: boolean): number {
  return (dest ? DEST_FLAGS.DEST_LOCAL : 0) | (vip ? DEST_FLAGS.DEST_VIP_LOCAL : 0)
}

export function addrsRow(service: AddressServiceId, dest: Dest): DestAddrs {
  return { daddr: addressBytes(dest.address), vaddr: addressBytes(service.address) }
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

export function serviceKey(service: AddressServiceId): Uint8Array {
  const bytes = new Uint8Array(SERVICE_KEY.size)
  writeServiceKey(view(bytes), 0, {
    vaddr: addressBytes(service.address),
    vport: service.port,
    protocol: PROTOCOL_NUMBER[service.protocol],
    family: familyOf(service.address) === 4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6,
  })
  return bytes
}

/** The name of a service from the fields of its key. */
export function textOf(protocol: number, address: string, port: number): string {
  const found = Object.entries(PROTOCOL_NUMBER).find(([, number]) => number === protocol)
  return `${found?.[0] ?? protocol}:${withPort(address, port)}`
}
