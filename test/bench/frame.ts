/**
 * The frames of the bench: Ethernet, IPv4 or IPv6, and TCP without data, made with right checksums,
 * and asked afterwards whether what came out is what had to. Pure. Read next: generator.ts.
 */
import { addressBytes, familyOf, IPV4_AT, mac } from '../../control/model/address.ts'

/** Bytes; the shortest Ethernet has, its checksum included. */
const FRAME_BYTES = 64
const IP_AT = 14
const IP4_BYTES = 20
const IP6_BYTES = 40
const TCP_BYTES = 20
const TTL = 64
const PROTOCOL_TCP = 6
const PROTOCOL_IPIP = 4
const TYPE_IPV4 = 0x0800
const TYPE_IPV6 = 0x86dd
const DONT_FRAGMENT = 0x4000

export const SYN = 0x02
export const ACK = 0x10

export interface End {
  address: string
  port: number
}

export interface Segment {
  from: End
  to: End
  flags: number
  dmac: string
  smac: string
  ttl?: number
  /** IPv4: must not be cut, as TCP's segments are sent. */
  whole?: boolean
  /** The addresses of a tunnel's IPv4 header around it. */
  outer?: { from: string; to: string }
}

/** The frame as it is on the wire; a tunnel's is longer by the outer header. */
export function frameOf(segment: Segment): Uint8Array {
  const { outer, from, to, ttl = TTL } = segment
  const isIpv6 = familyOf(from.address) === 6
  const tcp = tcpOf(segment)
  const head = isIpv6
    ? ip6Of(from.address, to.address, ttl)
    : ip4Of({ ...segment, from: from.address, to: to.address, ttl, protocol: PROTOCOL_TCP }, tcp)
  const packet = Buffer.concat([head, tcp])
  const around = outer
    ? ip4Of({ ...segment, ...outer, ttl, protocol: PROTOCOL_IPIP }, packet)
    : new Uint8Array()
  const frame = new Uint8Array(Math.max(FRAME_BYTES, IP_AT + packet.length) + around.length)
  frame.set(mac(segment.dmac), 0)
  frame.set(mac(segment.smac), 6)
  new DataView(frame.buffer).setUint16(12, isIpv6 ? TYPE_IPV6 : TYPE_IPV4)
  frame.set(around, IP_AT)
  frame.set(packet, IP_AT + around.length)
  return frame
}

interface Header {
  from: string
  to: string
  ttl: number
  protocol: number
  whole?: boolean
}

function ip4Of({ from, to, ttl, protocol, whole = false }: Header, inside: Uint8Array): Uint8Array {
  const ip = new Uint8Array(IP4_BYTES)
  const v = new DataView(ip.buffer)
  v.setUint16(0, 0x4500)
  v.setUint16(2, IP4_BYTES + inside.length)
  v.setUint16(6, whole ? DONT_FRAGMENT : 0)
  v.setUint8(8, ttl)
  v.setUint8(9, protocol)
  ip.set(wireBytes(from), 12)
  ip.set(wireBytes(to), 16)
  v.setUint16(10, 0xffff - fold(sumOf(ip)))
  return ip
}

function ip6Of(from: string, to: string, ttl: number): Uint8Array {
  const ip = new Uint8Array(IP6_BYTES)
  const v = new DataView(ip.buffer)
  v.setUint8(0, 0x60)
  v.setUint16(4, TCP_BYTES)
  v.setUint8(6, PROTOCOL_TCP)
  v.setUint8(7, ttl)
  ip.set(wireBytes(from), 8)
  ip.set(wireBytes(to), 24)
  return ip
}

function tcpOf({ from, to, flags }: Segment): Uint8Array {
  const tcp = new Uint8Array(TCP_BYTES)
  const v = new DataView(tcp.buffer)
  v.setUint16(0, from.port)
  v.setUint16(2, to.port)
  v.setUint8(12, 0x50)
  v.setUint8(13, flags)
  const addresses = Buffer.concat([wireBytes(from.address), wireBytes(to.address)])
  v.setUint16(16, 0xffff - fold(sumOf(addresses) + PROTOCOL_TCP + TCP_BYTES + sumOf(tcp)))
  return tcp
}

/** An address as its family's header has it. */
export function wireBytes(address: string): Uint8Array {
  return addressBytes(address).subarray(familyOf(address) === 4 ? IPV4_AT : 0)
}

/** Sum of an IPv4 header's words as the processor reads them, without addresses and checksum. */
export function headerSum(frame: Uint8Array): number {
  const v = new DataView(frame.buffer)
  let sum = 0
  for (let at = IP_AT; at < IP_AT + 10; at += 2) sum += v.getUint16(at, true)
  return fold(sum)
}

/** The transport checksum as the processor reads it. */
export function l4Check(frame: Uint8Array, { from }: Segment): number {
  const tcpAt = IP_AT + (familyOf(from.address) === 6 ? IP6_BYTES : IP4_BYTES)
  return new DataView(frame.buffer).getUint16(tcpAt + 16, true)
}

/** What differs between two frames; '' when nothing does. */
export function difference(got: Uint8Array, want: Uint8Array): string {
  if (Buffer.compare(got, want) === 0) return ''
  return `got  ${describe(got)}\nwant ${describe(want)}`
}

/** MAC addresses, then the rest in words of four bytes. */
function describe(frame: Uint8Array): string {
  const hex = (from: number, to?: number) => Buffer.from(frame.subarray(from, to)).toString('hex')
  const words = hex(IP_AT).match(/.{1,8}/g) ?? []
  return `${hex(0, 6)} ${hex(6, 12)} ${hex(12, IP_AT)} ${words.join(' ')}`
}

function sumOf(bytes: Uint8Array): number {
  const v = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += v.getUint16(at)
  return sum
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}
