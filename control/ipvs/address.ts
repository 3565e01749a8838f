/**
 * Addresses as ipvsadm reads them: inet_aton's and inet_pton's forms, IPv6 in brackets, ports by
 * number or by service name. Pure; the table of names is handed in.
 * Differs from LVS: ipvsadm takes no host names, only addresses in numbers.
 * Source: ipvsadm.c (v1.31), parse_service().
 */
import { formatIpv6, parseIpv6, type Family } from '../model/address.ts'
import type { Protocol } from '../model/service.ts'

/** The port of a service name, undefined when there is none: getservbyname(3). */
export type PortOf = (name: string, protocol: Protocol) => number | undefined

export interface Parsed {
  family: Family
  address: string
  port: number | undefined
}

/** The address and port in `text`; undefined when ipvsadm calls it illegal. */
export function parseEndpoint(
  text: string,
  protocol: Protocol,
  portOf: PortOf,
): Parsed | undefined {
  if (/^[0-9]*$/.test(text)) return undefined
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text)
  if (text.startsWith('[') && !bracketed) return undefined
  const inside = bracketed?.[1] ?? text
  const ipv6 = parseIpv6(inside)
  if (ipv6) {
    const port = bracketed ? parsePort(bracketed[2] ?? '', protocol, portOf) : undefined
    const illegal = bracketed && port === undefined
    return illegal ? undefined : { family: 6, address: formatIpv6(ipv6), port }
  }
  const colon = inside.lastIndexOf(':')
  const address = inetAton(colon < 0 ? inside : inside.slice(0, colon))
  const portText = colon < 0 ? bracketed?.[2] : inside.slice(colon + 1)
  if (address === undefined) return undefined
  if (portText === undefined) return { family: 4, address, port: undefined }
  const port = parsePort(portText, protocol, portOf)
  return port === undefined ? undefined : { family: 4, address, port }
}

/** ipvsadm's string_to_number(): decimal, signed, within bounds; undefined when it is not. */
export function parseNumber(text: string, min: number, max: number): number | undefined {
  if (!/^\s*[+-]?[0-9]+$/.test(text)) return undefined
  const number = Number(text)
  return number >= min && number <= max ? number : undefined
}

function parsePort(text: string, protocol: Protocol, portOf: PortOf): number | undefined {
  return parseNumber(text, 0, 65535) ?? portOf(text, protocol)
}

/** inet_aton(3): one to four parts, decimal, 0 octal or 0x; the last fills what is left. */
function inetAton(text: string): string | undefined {
  const parts = text.split('.')
  const last = parts.pop()
  if (last === undefined || parts.length > 3) return undefined
  const heads = parts.map(part => parseC(part, 255))
  const tail = parseC(last, 256 ** (4 - parts.length) - 1)
  if (tail === undefined || heads.includes(undefined)) return undefined
  const value = heads.reduce<number>((sum, head, i) => sum + (head ?? 0) * 256 ** (3 - i), tail)
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')
}

function parseC(text: string, max: number): number | undefined {
  const octal = /^0[0-7]+$/.test(text)
  if (!octal && !/^(0|[1-9][0-9]*|0[xX][0-9a-fA-F]+)$/.test(text)) return undefined
  const value = octal ? parseInt(text, 8) : Number(text)
  return value <= max ? value : undefined
}
