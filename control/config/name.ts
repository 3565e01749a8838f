/**
 * Text to service and dest: `tcp:192.0.2.1:80` and `10.0.0.2:8080`, the spellings of the command
 * line and of the API's paths, and the rules on single values. The way back is serviceName() and
 * destName() in the model. Pure. Read next: refusal.ts.
 */
import { XlvsError } from '../errors.ts'
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
export const IPV4_PATTERN = `^(?:${OCTET}\\.){3}${OCTET}$`
/** What the kernel takes for an interface, less what confuses shells and paths. */
export const INTERFACE_PATTERN = `^(?!\\.{1,2}$)[^\\s/:]{1,${INTERFACE_NAME_MAX}}$`
/** Names of services: a word in any shell, that no number or address is taken for. */
export const LABEL_PATTERN = `^[A-Za-z][A-Za-z0-9_.-]{0,${SERVICE_NAME_MAX - 1}}$`

const LABEL = new RegExp(LABEL_PATTERN)
const IPV4 = new RegExp(IPV4_PATTERN)
const INTERFACE = new RegExp(INTERFACE_PATTERN)

/**
 * The service that `tcp:192.0.2.1:80` names.
 * @throws BAD_REQUEST, BAD_PROTOCOL, BAD_ADDRESS, BAD_PORT when it names none.
 */
export function parseServiceName(text: string): ServiceId {
  const [protocol, address, port, ...rest] = text.split(':')
  if (protocol === undefined || address === undefined || port === undefined || rest.length > 0)
    throw new XlvsError(
      'BAD_REQUEST',
      `service ${shown(text)} is not protocol:address:port`,
      'write it like tcp:192.0.2.1:80',
    )
  return {
    protocol: parseProtocol(protocol),
    address: parseAddress(address),
    port: parsePort(port),
  }
}

/**
 * The dest that `10.0.0.2:8080` names; without a port, the one given as default.
 * @throws BAD_REQUEST, BAD_ADDRESS, BAD_PORT when it names none.
 */
export function parseDestName(text: string, portDefault?: number): DestId {
  const [address, port, ...rest] = text.split(':')
  if (address === undefined || rest.length > 0 || (port ?? portDefault) === undefined)
    throw new XlvsError(
      'BAD_REQUEST',
      `dest ${shown(text)} is not address:port`,
      'write it like 10.0.0.2:8080',
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

/** @throws BAD_ADDRESS when it is not IPv4 in full. */
export function parseAddress(text: string): string {
  if (!IPV4.test(text)) throw badAddress(text)
  return text
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
 * nat and dr keep the packet's family; only a tunnel carries the one in the other.
 * @throws BAD_FAMILY when the dest would need another.
 */
export function checkFamilies(service: ServiceId, dest: Dest): void {
  const families = [service.address, dest.address].map(a => (a.includes(':') ? 'IPv6' : 'IPv4'))
  const [of, wanted] = families
  const carries: string = dest.fwd
  if (of === wanted || carries === 'tun') return
  throw new XlvsError(
    'BAD_FAMILY',
    `dest ${destName(dest)} is ${wanted} and ${serviceName(service)} is ${of}: expected one ` +
      `family, because ${dest.fwd} does not change it`,
    'give the dest an address of the family of its service',
  )
}

/**
 * The rule on a dest inside its service that no single value shows.
 * Differs from LVS: a dr dest has the port of its service; the kernel takes any and ignores it.
 * @throws BAD_PORT when dr would have to rewrite the port.
 */
export function checkForwarding(service: ServiceId, dest: Dest): void {
  if (dest.fwd === 'dr' && dest.port !== service.port)
    throw new XlvsError(
      'BAD_PORT',
      `dest ${destName(dest)} cannot have a port of its own with dr: expected ${service.port}, ` +
        `the port of ${serviceName(service)}, because dr does not rewrite packets`,
      `use port ${service.port}, or nat`,
    )
}

/**
 * The kernel's rule (0.0.0.0, multicast, broadcast), and one more.
 * Differs from LVS: a dest in 127.0.0.0/8 is refused, because no interface leads to it.
 * @throws DEST_NOT_UNICAST.
 */
export function checkUnicast(address: string): void {
  const first = Number(address.split('.')[0])
  const kind =
    address === '0.0.0.0'
      ? 'no address'
      : first === 127
        ? 'a loopback address, which no interface leads to'
        : first >= 224 && first <= 239
          ? 'a multicast address'
          : address === '255.255.255.255'
            ? 'the broadcast address'
            : undefined
  if (kind === undefined) return
  throw new XlvsError(
    'DEST_NOT_UNICAST',
    `dest address ${address} is ${kind}: expected the address of one server`,
    'use the address that the server has on the network behind the director',
  )
}
