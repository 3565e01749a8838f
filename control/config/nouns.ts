/**
 * The rules on a service and on a dest that no single value shows, the same for the API, for
 * lvs.yaml and for ipvsadm, in the order in which the kernel looks. Pure. Read next: refusal.ts.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_add_dest(), ip_vs_edit_dest() (v6.12).
 */
import { XlvsError } from '../errors.ts'
import { familyOf, isLinkLocal, isMulticast, parseIpv4, type Family } from '../model/address.ts'
import {
  destName,
  familyOfService,
  isMark,
  serviceName,
  type AddressServiceId,
  type Dest,
  type Service,
  type ServiceId,
  type TunnelOptions,
} from '../model/service.ts'
import { parseAddress, parseVirtual } from './name.ts'
import { badNetmask, badThreshold, badTunnel } from './refusal.ts'

/**
 * A service as it is kept: address in its canonical form, flags sorted, and no netmask where it is
 * the whole address.
 * @throws BAD_ADDRESS; BAD_SERVICE when its settings exclude each other; BAD_NETMASK.
 */
export function canonicalService<S extends Service>(given: S): S {
  const service = canonicalId({ ...given })
  if (service.schedFlags) service.schedFlags = service.schedFlags.toSorted()
  checkService(service)
  if (isWhole(service)) delete service.netmask
  return service
}

/** An id, or what begins with one, its address in canonical form. @throws BAD_ADDRESS */
export function canonicalId<I extends ServiceId>(id: I): I {
  const { address } = id as Partial<AddressServiceId>
  return address === undefined ? id : { ...id, address: parseVirtual(address) }
}

/** @throws BAD_SERVICE, BAD_NETMASK */
function checkService(service: Service): void {
  const { persistentS, onePacket, netmask } = service
  if (!isMark(service) && service.port === 0 && persistentS === undefined)
    throw new XlvsError(
      'BAD_SERVICE',
      `${serviceName(service)} has port 0, which stands for any: expected persistence with it, ` +
        'so that all ports of a client lead to one dest',
      'make it persistent, or give it a port 1 to 65535',
    )
  if (onePacket && !isMark(service) && service.protocol !== 'udp')
    throw new XlvsError(
      'BAD_SERVICE',
      `${serviceName(service)} cannot schedule each packet alone: expected udp or a firewall ` +
        `mark, because ${service.protocol} has connections`,
      'leave one-packet scheduling out',
    )
  if (netmask === undefined) return
  const family = familyOfService(service)
  if (!isNetmask(netmask, family)) throw badNetmask(netmask, family)
}

/** Whether a text is a mask of IPv4, or the length of a prefix of IPv6. */
export function isNetmask(text: string, family: Family): boolean {
  return family === 6 ? PREFIX.test(text) : parseIpv4(text) !== undefined
}

/** 1 to 128. */
const PREFIX = /^([1-9][0-9]?|1[01][0-9]|12[0-8])$/

function isWhole(service: Service): boolean {
  return service.netmask === (familyOfService(service) === 6 ? '128' : '255.255.255.255')
}

/**
 * A dest of a service as it is kept: its address in canonical form.
 * @throws BAD_ADDRESS, BAD_THRESHOLD, BAD_TUNNEL, BAD_PORT, BAD_FAMILY
 */
export function canonicalDest(service: ServiceId, given: Dest): Dest {
  const dest = { ...given, address: parseAddress(given.address) }
  checkFamilies(service, dest)
  checkThresholds(dest)
  checkTunnel(dest)
  checkPort(service, dest)
  if (dest.tunnel) dest.tunnel = inOrder(dest.tunnel)
  return dest
}

/** Its fields in one order, so that what is the same looks the same. */
function inOrder({ type, port, checksum }: TunnelOptions): TunnelOptions {
  return {
    type,
    ...(port === undefined ? {} : { port }),
    ...(checksum === undefined ? {} : { checksum }),
  }
}

/** @throws BAD_THRESHOLD */
function checkThresholds({ upper = 0, lower = 0 }: Dest): void {
  if (lower <= upper) return
  throw badThreshold(
    upper === 0 ? `lower ${lower} has no upper one` : `lower ${lower} is above upper ${upper}`,
  )
}

/** @throws BAD_TUNNEL */
function checkTunnel({ fwd, tunnel }: Dest): void {
  if (!tunnel) return
  const { type, port, checksum } = tunnel
  if (type === 'gue' && port === undefined)
    throw badTunnel('gue lacks its port: expected the UDP port of the server', 'give it its port')
  if (type === 'gre' && port !== undefined)
    throw badTunnel(`gre has no port: expected none, not ${port}`, 'leave the port out, or use gue')
  if (type === 'gre' && checksum === 'remcsum')
    throw badTunnel('gre has no remote checksum offload: expected csum or none', 'use csum')
  if (fwd !== 'tun')
    throw badTunnel(`a tunnel of type ${type} needs tun: expected tun, not ${fwd}`, 'use tun')
}

/**
 * Differs from LVS: a dr or tun dest has the port of its service; the kernel takes any and ignores
 * it.
 * @throws BAD_PORT when dr or tun would have to rewrite the port.
 */
function checkPort(service: ServiceId, dest: Dest): void {
  const { fwd } = dest
  if (isMark(service)) return
  if (fwd !== 'nat' && dest.port !== service.port)
    throw new XlvsError(
      'BAD_PORT',
      `dest ${destName(dest)} cannot have a port of its own with ${fwd}: expected ` +
        `${service.port}, the port of ${serviceName(service)}, because ${fwd} does not rewrite ` +
        'packets',
      `use port ${service.port}, or nat`,
    )
}

/** @throws BAD_FAMILY when nat or dr would have to turn one family into the other. */
function checkFamilies(service: ServiceId, dest: Dest): void {
  const family = familyOfService(service)
  if (dest.fwd === 'tun' || familyOf(dest.address) === family) return
  throw new XlvsError(
    'BAD_FAMILY',
    `dest ${destName(dest)} cannot serve ${serviceName(service)} by ${dest.fwd}: expected an ` +
      `IPv${family} address, because only tun leads to the other family`,
    'use an address of the family of the service, or tun',
  )
}

/** What of the host an address is looked at with. */
export interface Surroundings {
  isLocal(address: string): boolean
  isBroadcast(address: string): boolean
}

const NO_HOST: Surroundings = { isLocal: () => false, isBroadcast: () => false }
/** A file may be for another host: what that one could have is left to its director. */
export const ANY_HOST: Surroundings = { isLocal: () => true, isBroadcast: () => false }

/**
 * Whether one server can have the address. This host can be one itself, loopback included.
 * @throws DEST_NOT_UNICAST.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c __ip_vs_new_dest() (v6.1); inet_addr_type(),
 * ipv6_addr_type().
 */
export function checkUnicast(address: string, here: Surroundings = NO_HOST): void {
  const kind = kindOf(address, here)
  if (kind === undefined) return
  throw new XlvsError(
    'DEST_NOT_UNICAST',
    `dest address ${address} is ${kind}: expected the address of one server`,
    'use the address that the server has on the network behind the director',
  )
}

/** What else than one server's it is. */
function kindOf(address: string, here: Surroundings): string | undefined {
  if (address === '0.0.0.0' || address === '::') return 'no address'
  if (isMulticast(address)) return 'a multicast address'
  if (address === '255.255.255.255' || here.isBroadcast(address)) return 'a broadcast address'
  return isLinkLocal(address) && !here.isLocal(address)
    ? 'a link-local address, which is another on every link'
    : undefined
}
