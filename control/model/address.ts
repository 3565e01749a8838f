/**
 * Addresses between their text and the bytes the tables hold. Text is canonical: dotted for IPv4,
 * RFC 5952 for IPv6. Tables of both families hold 16 bytes, IPv4's as ::ffff:a.b.c.d. Pure.
 */

export type Family = 4 | 6

/** IPv4's last four of sixteen bytes begin here. */
export const IPV4_AT = 12
/** Bits before an IPv4 address in its 16 bytes; a prefix there is this much longer. */
export const IPV4_PREFIX = 96

/** The family of an address that has been checked before. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

/** The 32-bit number of a dotted address (10.0.0.1 is 0x0a000001), undefined when it is none. */
export function parseIpv4(text: string): number | undefined {
  let [value, octet, digits, dots] = [0, 0, 0, 0]
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char === DOT) {
      if (digits === 0 || dots === 3) return undefined
      value = value * 256 + octet
      octet = digits = 0
      dots++
      continue
    }
    const digit = char - ZERO
    if (digit < 0 || digit > 9 || (digits > 0 && octet === 0)) return undefined
    octet = octet * 10 + digit
    digits++
    if (octet > 255) return undefined
  }
  return dots === 3 && digits > 0 ? value * 256 + octet : undefined
}

const DOT = 46
const ZERO = 48

/** As parseIpv4, for text that has been checked before. @throws RangeError when it has not. */
export function ipv4(text: string): number {
  const value = parseIpv4(text)
  if (value === undefined) throw new RangeError(`not an IPv4 address: ${text}`)
  return value
}

export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')
}

/** The 16 bytes of IPv6 text in any of its forms (RFC 4291 section 2.2), undefined when none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  const [head = '', tail, ...more] = text.split('::')
  if (more.length > 0) return undefined
  const front = groupsOf(head, tail === undefined)
  const back = tail === undefined ? [] : groupsOf(tail, true)
  if (!front || !back) return undefined
  const missing = 8 - front.length - back.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const bytes = new Uint8Array(16)
  const groups = [...front, ...new Array<number>(missing).fill(0), ...back]
  groups.forEach((group, i) => {
    bytes[2 * i] = group >> 8
    bytes[2 * i + 1] = group & 255
  })
  return bytes
}

/** 16-bit groups; the last two may be written as IPv4 where the text ends. */
function groupsOf(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const parts = text.split(':')
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(parseInt(part, 16))
      continue
    }
    const dotted = mayEndDotted && i === parts.length - 1 ? parseIpv4(part) : undefined
    if (dotted === undefined) return undefined
    groups.push(dotted >>> 16, dotted & 0xffff)
  }
  return groups
}

/** RFC 5952: lower case, no leading zeros, the first longest run of zero groups as `::`. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => wordAt(bytes, 2 * i))
  let [at, longest] = [0, 1]
  for (let i = 0; i < 8; i++) {
    let end = i
    while (end < 8 && groups[end] === 0) end++
    if (end - i > longest) [at, longest] = [i, end - i]
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map(group => group.toString(16))
      .join(':')
  return longest < 2 ? text(0, 8) : `${text(0, at)}::${text(at + longest, 8)}`
}

function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

/** Whether 16 bytes are an IPv4 address. */
export function isMapped(bytes: Uint8Array): boolean {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return false
  return bytes[10] === 255 && bytes[11] === 255
}

/** The 16 bytes of an address of either family, undefined when it is none. */
export function parseAddressBytes(text: string): Uint8Array | undefined {
  if (text.includes(':')) return parseIpv6(text)
  const value = parseIpv4(text)
  return value === undefined ? undefined : mapped(value)
}

/** As parseAddressBytes, for text that has been checked before. @throws RangeError. */
export function addressBytes(text: string): Uint8Array {
  const bytes = parseAddressBytes(text)
  if (bytes === undefined) throw new RangeError(`not an IP address: ${text}`)
  return bytes
}

function mapped(value: number): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes.fill(255, 10, IPV4_AT)
  for (let i = 0; i < 4; i++) bytes[IPV4_AT + i] = value >>> (24 - 8 * i)
  return bytes
}

/** The text of 16 bytes, of whichever family they are. */
export function formatAddress(bytes: Uint8Array): string {
  return isMapped(bytes) ? bytes.subarray(IPV4_AT).join('.') : formatIpv6(bytes)
}

/** 16 bytes as one number, for masks and for keys of a Map. */
export function bitsOf(bytes: Uint8Array): bigint {
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return (v.getBigUint64(0) << 64n) | v.getBigUint64(8)
}

/** ::ffff:0.0.0.0, where all of IPv4 is. */
const IPV4_BITS = 0xffff_0000_0000n

/** The 16 bytes of an address's text as one number; IPv4's without making them, many a time. */
export function addressBits(text: string): bigint {
  const value = parseIpv4(text)
  return value === undefined ? bitsOf(addressBytes(text)) : IPV4_BITS | BigInt(value)
}

/** The 16 bytes of such a number. */
export function bytesOf(bits: bigint): Uint8Array {
  const bytes = new Uint8Array(16)
  const v = new DataView(bytes.buffer)
  v.setBigUint64(0, bits >> 64n)
  v.setBigUint64(8, bits & 0xffff_ffff_ffff_ffffn)
  return bytes
}

/** The network part: the first `prefix` of 128 bits, the rest zero. */
export function maskBits(bits: bigint, prefix: number): bigint {
  const rest = BigInt(128 - prefix)
  return (bits >> rest) << rest
}

/** Whether an address is link-local IPv6, which means something on one link only. */
export function isLinkLocal(address: string): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address)
}

export function isMulticast(address: string): boolean {
  if (familyOf(address) === 6) return /^ff[0-9a-f]{2}:/.test(address)
  const first = parseInt(address, 10)
  return first >= 224 && first <= 239
}

/** `address:port`, the address in brackets where it has colons itself. */
export function withPort(address: string, port: number | string): string {
  return familyOf(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}

/** The six bytes of a MAC address; all zero for the empty text. */
export function mac(text: string): Uint8Array {
  const bytes = new Uint8Array(6)
  if (text !== '') text.split(':').forEach((part, i) => (bytes[i] = parseInt(part, 16)))
  return bytes
}

/** The network mask of an IPv4 prefix length, as a number. */
export function prefixMask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
}
