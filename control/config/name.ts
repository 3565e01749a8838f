/**
 * Text to service and dest: `tcp:192.0.2.1:80` and `[2001:db8::2]:8080`, the spellings of the
 * command line and of the API's paths, and the rules on single values. The way back is
 * serviceName() and destName() in the model. Pure. Read next: refusal.ts, nouns.ts.
 */
import { XlvsError } from '../errors.ts'
import { formatAddress, formatIpv6, isMapped, parseIpv6, type Family } from '../model/address.ts'
import {
  MARK_MAX,
  PORT_MAX,
  PROTOCOLS,
  SCHEDULERS,
  SERVICE_NAME_MAX,
  WEIGHT_MAX,
  type DestId,
  type Protocol,
  type Scheduler,
  type ServiceId,
} from '../model/service.ts'
import {
  badAddress,
  badInterface,
  badLabel,
  badMark,
  badPort,
  badProtocol,
  badScheduler,
  badWeight,
  INTERFACE_NAME_MAX,
  shown,
} from './refusal.ts'

const OCTET = '(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
/** IPv4 in full: no shorthands of inet_aton, no leading zeros (they mean octal to some). */
const IPV4_PATTERN = `^(?:${OCTET}\\.){3}${OCTET}$`
/** What may be an address of either family; parseAddress() looks closer. */
export const ADDRESS_PATTERN = `${IPV4_PATTERN}|^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*$`
/** A mask of IPv4 or a prefix length of IPv6; nouns.ts knows which of them is meant. */
export const NETMASK_PATTERN = `${IPV4_PATTERN}|^[0-9]{1,3}$`
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

/** Marks, as the text of an id begins: the family is part of the word. */
const MARK_WORDS: Record<string, Family> = { fwmark: 4, fwmark6: 6 }

/**
 * The service that `tcp:192.0.2.1:80`, `tcp:[2001:db8::1]:80`, `fwmark:77` or `fwmark6:78` names.
 * @throws BAD_REQUEST, BAD_PROTOCOL, BAD_ADDRESS, BAD_PORT, BAD_MARK when it names none.
 */
export function parseServiceName(text: string): ServiceId {
  const colon = text.indexOf(':')
  const family = MARK_WORDS[text.slice(0, Math.max(0, colon))]
  if (family !== undefined)
    return { protocol: 'fwmark', family, mark: parseMark(text.slice(colon + 1)) }
  const [, inside, plain, port] = ADDRESS_AND_PORT.exec(text.slice(colon + 1)) ?? []
  const address = inside ?? plain
  if (colon < 0 || address === undefined || port === undefined)
    throw new XlvsError(
      'BAD_REQUEST',
      `service ${shown(text)} is not protocol:address:port`,
      'write it like tcp:192.0.2.1:80 or tcp:[2001:db8::1]:80',
    )
  const protocol = parseProtocol(text.slice(0, colon))
  return { protocol, address: parseVirtual(address), port: parseNumber(port, 0, PORT_MAX, badPort) }
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
    port: port === undefined ? (portDefault ?? 0) : parseNumber(port, 0, PORT_MAX, badPort),
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
  const bytes = bytesOf(text)
  if (!isMapped(bytes)) return formatIpv6(bytes)
  throw new XlvsError(
    'BAD_ADDRESS',
    `address ${shown(text)} is an IPv4 address written as IPv6`,
    `write it as ${formatAddress(bytes)}`,
  )
}

/**
 * The same of a virtual address, where the kernel takes IPv4 in IPv6's clothes; no packet has it.
 * @throws BAD_ADDRESS
 */
export function parseVirtual(text: string): string {
  return IPV4.test(text) ? text : formatIpv6(bytesOf(text))
}

function bytesOf(text: string): Uint8Array {
  const bytes = parseIpv6(text)
  if (!bytes) throw badAddress(text)
  return bytes
}

/** A whole number within bounds. @throws what `bad` makes of anything else */
function parseNumber(
  text: string,
  min: number,
  max: number,
  bad: (value: unknown) => XlvsError,
): number {
  if (!/^[0-9]{1,10}$/.test(text) || +text < min || +text > max) throw bad(text)
  return +text
}

/** @throws BAD_WEIGHT when it is not a number 0 to WEIGHT_MAX. */
export function parseWeight(text: string): number {
  return parseNumber(text, 0, WEIGHT_MAX, badWeight)
}

/** @throws BAD_MARK when it is not a number 1 to MARK_MAX. */
function parseMark(text: string): number {
  return parseNumber(text, 1, MARK_MAX, badMark)
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
