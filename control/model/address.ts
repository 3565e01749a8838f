/** IPv4 and MAC addresses between their text and the numbers the tables hold. Pure. */

/** The 32-bit number of a dotted address (10.0.0.1 is 0x0a000001), undefined when it is none. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined
    value = value * 256 + Number(part)
  }
  return value
}

/** As parseIpv4, for text that has been checked before. @throws RangeError when it has not. */
export function ipv4(text: string): number {
  const value = parseIpv4(text)
  if (value === undefined) throw new RangeError(`not an IPv4 address: ${text}`)
  return value
}

export function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')
}

/** The six bytes of a MAC address; all zero for the empty text. */
export function mac(text: string): Uint8Array {
  const bytes = new Uint8Array(6)
  if (text !== '') text.split(':').forEach((part, i) => (bytes[i] = parseInt(part, 16)))
  return bytes
}

/** The network mask of a prefix length, as a number. */
export function prefixMask(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
}
