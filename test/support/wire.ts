/**
 * Addresses, checksums and header chains of both families, as frames.ts and frame_text.ts need
 * them; written apart from control/, whose mistakes they are to find.
 * Source: RFC 791, 1071, 4291, 5952, 8200.
 */

/** Extension headers that are skipped to find the transport header (RFC 8200 section 4). */
export const EXTENSION = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  options: 60,
} as const
const SKIPPED = new Set<number>(Object.values(EXTENSION))
const FRAGMENT_BYTES = 8
const TAGS = new Set([0x8100, 0x88a8])

/** An address and a port; four or sixteen bytes say which family. */
export interface Side {
  bytes: Buffer
  port: number
}

/** The bytes of an address of either family. */
export function addressBytes(text: string): Buffer {
  if (!text.includes(':')) return Buffer.from(text.split('.').map(Number))
  const [head = '', tail = ''] = text.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':').map(g => parseInt(g, 16)))
  const [first, last] = [groups(head), groups(tail)]
  const zeros = new Array<number>(8 - first.length - last.length).fill(0)
  return Buffer.from([...first, ...zeros, ...last].flatMap(group => [group >> 8, group & 255]))
}

/** An address in its shortest form. */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const text = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16)).join(':')
  const runs = (text.match(/\b0(:0)+\b/g) ?? []).sort((a, b) => b.length - a.length)
  if (runs[0] === undefined) return text
  const short = text.replace(new RegExp(`\\b${runs[0]}\\b`), '')
  return short === '' ? '::' : short.replace(/^:(?!:)/, '::').replace(/(?<!:):$/, '::')
}

/** An address with a port: 192.0.2.1:80, [2001:db8::1]:80. */
export function at(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** `192.0.2.1:80 > 192.0.2.2:80`, IPv6 addresses in brackets; a port may be missing. */
export function parsePath(path: string): { from: Side; to: Side } {
  const [from = '', to = ''] = path.split(' > ')
  const side = (text: string): Side => {
    const [, v6, v6port] = /^\[(.*)\](?::(\d+))?$/.exec(text) ?? []
    if (v6 !== undefined) return { bytes: addressBytes(v6), port: Number(v6port ?? 0) }
    const isBare = text.split(':').length > 2
    const [address = '', port = '0'] = isBare ? [text] : text.split(':')
    return { bytes: addressBytes(address), port: Number(port) }
  }
  return { from: side(from), to: side(to) }
}

/** The Internet checksum of bytes, on top of a sum. */
export function checksum(bytes: Uint8Array, sum = 0): number {
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Sum of the pseudo header of a transport checksum, both addresses one after the other. */
export function pseudoSum(addresses: Uint8Array, protocol: number, length: number): number {
  return (~checksum(addresses) & 0xffff) + protocol + length
}

/** Tags of a frame, and its packet: the frame's own bytes, no copies. */
export function unwrapped(frame: Uint8Array) {
  const b = Buffer.from(frame.buffer, frame.byteOffset, frame.length)
  let ethertype = 12
  while (ethertype + 6 <= b.length && TAGS.has(b.readUInt16BE(ethertype))) ethertype += 4
  return { tags: b.subarray(12, ethertype), ethertype, packet: b.subarray(ethertype + 2) }
}

/** The packet of a frame: all behind the Ethernet header and its tags. */
export function packetOf(frame: Uint8Array): Buffer {
  return unwrapped(frame).packet
}

/** Bytes of an extension header by its type and second byte. */
function extensionLength(type: number, units: number): number {
  if (type === EXTENSION.fragment) return FRAGMENT_BYTES
  return type === EXTENSION.authentication ? 4 * (units + 2) : 8 * (units + 1)
}

/** Where a packet's headers are. @returns at: of the transport header, or of what is not skipped */
export function headersOf(packet: Buffer) {
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4
  const found: { type: number; at: number; length: number }[] = []
  let type = packet[isIpv4 ? 9 : 6] ?? 0
  let at = isIpv4 ? ((packet[0] ?? 0) & 15) * 4 : 40
  while (!isIpv4 && SKIPPED.has(type) && at + 8 <= packet.length) {
    const length = extensionLength(type, packet[at + 1] ?? 0)
    const isLater = type === EXTENSION.fragment && (packet.readUInt16BE(at + 2) & 0xfff8) !== 0
    found.push({ type, at, length })
    type = packet[at] ?? 0
    at += length
    if (isLater) break
  }
  return { isIpv4, extensions: found, protocol: type, at }
}

/** Source and destination as they lie in a packet. */
export function addressesOf(packet: Buffer): Buffer {
  return (packet[0] ?? 0) >> 4 === 4 ? packet.subarray(12, 20) : packet.subarray(8, 40)
}
