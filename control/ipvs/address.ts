/**
 * Addresses as ipvsadm reads and writes them: the forms of inet_aton and inet_pton, host names,
 * IPv6 in brackets, ports by number or by name. Pure; names are looked up by what is handed in.
 * Source: ipvsadm.c (v1.31), parse_service(); glibc inet_aton(3), inet_ntop(3).
 */
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6, type Family } from '../model/address.ts'
import type { Protocol } from '../model/service.ts'

/** Where names are looked up. */
export interface Lookups {
  /** The IPv4 address of a host, undefined when it has none. May throw HostWanted. */
  addressOf(host: string): string | undefined
  /** The port of a service name, undefined when there is none: getservbyname(3). */
  portOf(name: string, protocol: Protocol): number | undefined
}

/** Thrown where the address of a host is not known yet: look it up, then parse again. */
export class HostWanted extends Error {
  readonly host: string

  constructor(host: string) {
    super(`the address of ${host} is not known yet`)
    this.host = host
  }
}

export interface Parsed {
  family: Family
  address: string
  port: number | undefined
}

/** The address and port in `text`; undefined when ipvsadm calls it illegal. */
export function parseEndpoint(
  text: string,
  protocol: Protocol | undefined,
  lookups: Lookups,
): Parsed | undefined {
  if (/^[0-9]*$/.test(text)) return undefined
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(text)
  if (text.startsWith('[') && !bracketed) return undefined
  const inside = bracketed?.[1] ?? text
  const ipv6 = parseIpv6(inside)
  if (ipv6) return withPort({ family: 6, address: formatIpv6(ipv6) }, bracketed?.[2])
  // Of [10.0.0.1]:80 ipvsadm loses the port, and of [10.0.0.1:80]:90 it takes the first.
  const colon = inside.lastIndexOf(':')
  const address = parseHost(colon < 0 ? inside : inside.slice(0, colon), lookups)
  if (address === undefined) return undefined
  return withPort({ family: 4, address }, colon < 0 ? undefined : inside.slice(colon + 1))

  function withPort(host: Omit<Parsed, 'port'>, port: string | undefined): Parsed | undefined {
    if (port === undefined) return { ...host, port }
    const number = parseNumber(port, 0, 65535) ?? (protocol && lookups.portOf(port, protocol))
    return number === undefined ? undefined : { ...host, port: number }
  }
}

/** The IPv4 address of `text`, in any form of inet_aton or as a host's name. */
export function parseHost(text: string, lookups: Lookups): string | undefined {
  return inetAton(text) ?? (text === '' ? undefined : lookups.addressOf(text))
}

/** ipvsadm's string_to_number(): decimal, signed, within bounds; undefined when it is not. */
export function parseNumber(text: string, min: number, max: number): number | undefined {
  if (!/^\s*[+-]?[0-9]+$/.test(text)) return undefined
  const number = Number(text)
  return number >= min && number <= max ? number + 0 : undefined
}

/** An IPv6 address as inet_ntop writes it: the last 32 bits dotted where they are IPv4's. */
export function inetNtop(address: string): string {
  const bytes = parseIpv6(address)
  if (!bytes?.subarray(0, 10).every(byte => byte === 0)) return address
  const middle = ((bytes[10] ?? 0) << 8) | (bytes[11] ?? 0)
  const compatible = middle === 0 && (bytes[12] !== 0 || bytes[13] !== 0)
  if (middle !== 0xffff && !compatible) return address
  return `::${middle === 0 ? '' : 'ffff:'}${bytes.subarray(12).join('.')}`
}

/** inet_aton(3): one to four parts, decimal, 0 octal or 0x; the last fills what is left. */
function inetAton(text: string): string | undefined {
  // Nearly all are dotted in full. A leading zero, which means octal, is not read by this one.
  if (parseIpv4(text) !== undefined) return text
  // What follows a blank is not looked at.
  const parts = text.split(/[\t-\r ]/, 1)[0]?.split('.') ?? []
  const last = parts.pop()
  if (last === undefined || parts.length > 3) return undefined
  const heads = parts.map(part => parseC(part, 255))
  const tail = parseC(last, 256 ** (4 - parts.length) - 1)
  if (tail === undefined || heads.includes(undefined)) return undefined
  const value = heads.reduce<number>((sum, head, i) => sum + (head ?? 0) * 256 ** (3 - i), tail)
  return formatIpv4(value)
}

function parseC(text: string, max: number): number | undefined {
  const octal = /^0[0-7]+$/.test(text)
  if (!octal && !/^(0|[1-9][0-9]*|0[xX][0-9a-fA-F]+)$/.test(text)) return undefined
  const value = octal ? parseInt(text, 8) : Number(text)
  return value <= max ? value : undefined
}
