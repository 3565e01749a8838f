/**
 * Text to service and dest: `tcp:192.0.2.1:80` and `[2001:db8::2]:8080`, the spellings of the
 * command line and of the API's paths, and the rules on single values. The way back is
 * serviceName() and destName() in the model. Pure. Read next: refusal.ts.
 */
import { XlvsError } from '../errors.ts'
import {
  familyOf,
  formatAddress,
  formatIpv6,
  isLinkLocal,
  isMapped,
  isMulticast,
  parseIpv6,
} from '../model/address.ts'
import {
  destName,
  PORT_MAX,
  PROTOCOLS,
  SCHEDULERS,
  SERVICE_NAME_MAX,
  serviceName,
  WEIGHT_MAX,
  type Dest,
  type DestId,
  type Protocol,
  type Scheduler,
  type ServiceId,
} from '../model/service.ts'
import { SETTINGS, type SettingName } from '../model/settings.ts'
import {
  badAddress,
  badInterface,
  badLabel,
  badPort,
  badProtocol,
  badScheduler,
  badSetting,
  badWeight,
  INTERFACE_NAME_MAX,
  shown,
} from './refusal.ts'

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
/** IPv4 in full: no shorthands of inet_aton, no leading zeros (they mean octal to some). */
const IPV4_PATTERN = `^(?:${OCTET}\\.){3}${OCTET}$`
/** What may be an address of either family; parseAddress() looks closer. */
export const ADDRESS_PATTERN = `${IPV4_PATTERN}|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$`
/** What the kernel takes for an interface, less what confuses shells, paths and terminals. */
const INTERFACE_LETTER = '[^\\s/:\\u0000-\\u001f\\u007f-\\u009f]'
export const INTERFACE_PATTERN = `^(?!\\.{1,2}$)${INTERFACE_LETTER}{1,${INTERFACE_NAME_MAX}}$`
/** Names of services: a word in any shell, that no number or address is taken for. */
export const LABEL_PATTERN = `^[A-Za-z][A-Za-z0-9_.-]{0,${SERVICE_NAME_MAX - 1}}$`

const LABEL = new RegExp(LABEL_PATTERN)
const IPV4 = new RegExp(IPV4_PATTERN)
const INTERFACE = new RegExp(INTERFACE_PATTERN)

/** `address:port`, IPv6 in brackets; either may be missing or wrong. */
const ADDRESS_AND_PORT = /^(?:\[([^\][]*:[^\][]*)\]|([^:\][]*))(?::([^:\][]*))?$/

/**
 * The service that `tcp:192.0.2.1:80` or `tcp:[2001:db8::1]:80` names.
 * @throws BAD_REQUEST, BAD_PROTOCOL, BAD_ADDRESS, BAD_PORT when it names none.
 */
export function parseServiceName(text: string): ServiceId {
  const colon = text.indexOf(':')
  const [, inside, plain, port] = ADDRESS_AND_PORT.exec(text.slice(colon + 1)) ?? []
  const address = inside ?? plain
  if (colon < 0 || address === undefined || port === undefined)
    throw new XlvsError(
      'BAD_REQUEST',
      `service ${shown(text)} is not protocol:address:port`,
      'write it like tcp:192.0.2.1:80 or tcp:[2001:db8::1]:80',
    )
  const protocol = parseProtocol(text.slice(0, colon))
  return { protocol, address: parseAddress(address), port: parsePort(port) }
}

/**
 * The dest that `10.0.0.2:8080` or `[2001:db8::2]:8080` names; without a port, the one given as
 * default.
 * @throws BAD_REQUEST, BAD_ADDRESS, BAD_PORT when it names none.
 */
export function parseDestName(text: string, portDefault?: number): DestId {
  const [, inside, plain, port] = ADDRESS_AND_PORT.exec(text) ?? []
  const address = inside ?? plain
  if (address === undefined || (port ?? portDefault) === undefined)
    throw new XlvsError(
      'BAD_REQUEST',
      `dest ${shown(text)} is not address:port`,
      'write it like 10.0.0.2:8080 or [2001:db8::2]:8080',
    )
  return {
    address: parseAddress(address),
    port: port === undefined ? (portDefault ?? 0) : parsePort(port),
  }
}

/** @throws BAD_PROTOCOL when there is no such protocol. */
export function parseProtocol(text: string): Protocol {
  const found = PROTOCOLS.find(protocol => protocol === text)
  if (!found) throw badProtocol(text)
  return found
}

/** @throws BAD_SCHEDULER when there is no such scheduler. */
export function parseScheduler(text: string): Scheduler {
  const found = SCHEDULERS.find(scheduler => scheduler === text)
  if (!found) throw badScheduler(text)
  return found
}

/**
 * The address in canonical form.
 * @throws BAD_ADDRESS when it is neither IPv4 in full nor IPv6, or IPv4 in IPv6's clothes.
 */
export function parseAddress(text: string): string {
  if (IPV4.test(text)) return text
  const bytes = parseIpv6(text)
  if (!bytes) throw badAddress(text)
  if (!isMapped(bytes)) return formatIpv6(bytes)
  throw new XlvsError(
    'BAD_ADDRESS',
    `address ${shown(text)} is an IPv4 address written as IPv6`,
    `write it as ${formatAddress(bytes)}`,
  )
}

/** @throws BAD_PORT when it is not a number 1 to 65535. */
export function parsePort(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || +text < 1 || +text > PORT_MAX) throw badPort(text)
  return +text
}

/** @throws BAD_WEIGHT when it is not a number 0 to 65535. */
export function parseWeight(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || +text > WEIGHT_MAX) throw badWeight(text)
  return +text
}

/** @throws BAD_INTERFACE when Linux would not take it as an interface's name. */
export function parseInterface(text: string): string {
  if (!INTERFACE.test(text)) throw badInterface(text)
  return text
}

/** @throws BAD_NAME when it is not letters, digits and `.-_`, beginning with a letter. */
export function parseLabel(text: string): string {
  if (!LABEL.test(text)) throw badLabel(text)
  return text
}

/** @throws BAD_SETTING when the value is not a whole number within the setting's bounds. */
export function parseSetting(name: SettingName, text: string): number {
  const { min, max } = SETTINGS[name]
  if (!/^[0-9]{1,10}$/.test(text) || +text < min || +text > max) throw badSetting(name, text)
  return +text
}

/**
 * The rules on a dest inside its service that no single value shows.
 * Differs from LVS: a dr or tun dest has the port of its service; the kernel takes any and ignores
 * it.
 * @throws BAD_PORT when dr or tun would have to rewrite the port, BAD_FAMILY when nat or dr
 * would have to turn one family into the other.
 */
export function checkForwarding(service: ServiceId, dest: Dest): void {
  const { fwd } = dest
  if (fwd !== 'nat' && dest.port !== service.port)
    throw new XlvsError(
      'BAD_PORT',
      `dest ${destName(dest)} cannot have a port of its own with ${fwd}: expected ` +
        `${service.port}, the port of ${serviceName(service)}, because ${fwd} does not rewrite ` +
        'packets',
      `use port ${service.port}, or nat`,
    )
  if (fwd !== 'tun' && familyOf(dest.address) !== familyOf(service.address))
    throw new XlvsError(
      'BAD_FAMILY',
      `dest ${destName(dest)} cannot serve ${serviceName(service)} by ${fwd}: expected an ` +
        `IPv${familyOf(service.address)} address, because only tun leads to the other family`,
      'use an address of the family of the service, or tun',
    )
}

/**
 * Differs from LVS: the kernel takes any virtual address.
 * @throws BAD_ADDRESS when no client can have a connection to it.
 */
export function checkVirtual(address: string): void {
  const kind = isUnspecified(address)
    ? 'no address'
    : isMulticast(address)
      ? 'a multicast address'
      : isLinkLocal(address)
        ? 'a link-local address, which is another on every link'
        : undefined
  if (kind === undefined) return
  throw new XlvsError(
    'BAD_ADDRESS',
    `virtual address ${address} is ${kind}: expected an address that clients connect to`,
    'use an address of this host, for example 192.0.2.1 or 2001:db8::1',
  )
}

/**
 * The kernel's rule (unspecified, multicast, broadcast, IPv6 link-local), and one more.
 * Differs from LVS: a dest in 127.0.0.0/8 or ::1 is refused, because no interface leads to it.
 * @throws DEST_NOT_UNICAST.
 */
export function checkUnicast(address: string): void {
  const kind = isUnspecified(address)
    ? 'no address'
    : address === '::1' || address.startsWith('127.')
      ? 'a loopback address, which no interface leads to'
      : isMulticast(address)
        ? 'a multicast address'
        : address === '255.255.255.255'
          ? 'the broadcast address'
          : isLinkLocal(address)
            ? 'a link-local address, which is another on every link'
            : undefined
  if (kind === undefined) return
  throw new XlvsError(
    'DEST_NOT_UNICAST',
    `dest address ${address} is ${kind}: expected the address of one server`,
    'use the address that the server has on the network behind the director',
  )
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
