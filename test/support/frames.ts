/**
 * Frames for packet tests, built from one line of text: Ethernet with tags, IPv4 and IPv6 with
 * extension headers, TCP, UDP, ICMP of both families, tunnels. Read next: frame_text.ts.
 * Source: RFC 791, 792, 768, 2003, 2473, 4443, 8200, 9293; IEEE 802.1Q.
 */
import { mac } from '../../control/model/address.ts'
import { FLAGS } from './frame_text.ts'
import {
  addressBytes,
  addressesOf,
  checksum,
  EXTENSION,
  headersOf,
  packetOf,
  parsePath,
  pseudoSum,
  unwrapped,
} from './wire.ts'

export { sameButId, sameFrame, samePacket, show, showPacket } from './frame_text.ts'
export { at, checksum, packetOf } from './wire.ts'

/** The director's MAC address in packet tests. */
export const DIRECTOR_MAC = '02:00:00:00:00:01'
/** Flow label of IPv6 packets, so that it is seen to stay. */
const LABEL = 0x5a5a5
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const
/** Bytes of a packet that an error of the kernel's quotes at most, by family. */
export const QUOTE_MAX = { IPv4: 576 - 28, IPv6: 1280 - 48 } as const

/** An 802.1Q tag; priority is three bits and DEI. */
export interface Tag {
  vid: number
  tpid?: number
  priority?: number
}

/** An IPv6 extension header, its next header field still unset. */
export interface Extension {
  type: number
  bytes: Buffer
}

export interface FrameOptions {
  /** TTL or hop limit. */
  ttl?: number
  /** TOS or traffic class. */
  tos?: number
  id?: number
  df?: boolean
  fragment?: number
  /** IPv6: flow label. */
  label?: number
  /** IPv6: between its header and the transport's. */
  extensions?: Extension[]
  /** Outermost first. */
  tags?: Tag[]
  seq?: number
  ack?: number
  window?: number
  data?: string | Uint8Array
  /** UDP: send without a checksum. */
  noChecksum?: boolean
  /** Added to a right transport checksum, to make it wrong. */
  checksumError?: number
  smac?: string
  dmac?: string
  protocol?: number
  /** IPv4 options, a multiple of four bytes. */
  options?: Uint8Array
}

/** The MAC address that a host with this address has in packet tests. */
export function macOf(address: string): string {
  return macOfBytes(addressBytes(address))
}

function macOfBytes(address: Uint8Array): string {
  const folded = [0, 0, 0, 0]
  address.forEach((byte, i) => (folded[i & 3] = (folded[i & 3] ?? 0) ^ byte))
  const family = address.length === 4 ? '02:01' : '02:06'
  return `${family}:${folded.map(b => b.toString(16).padStart(2, '0')).join(':')}`
}

/** The MAC address of the host whose packet this frame carries; of nobody when it has none. */
export function senderMac(frame: Uint8Array): string {
  const packet = packetOf(frame)
  const [at, end] = (packet[0] ?? 0) >> 4 === 6 ? [8, 24] : [12, 16]
  return macOfBytes(Buffer.concat([packet.subarray(at, end), Buffer.alloc(16)], end - at))
}

/** A TCP frame, `tcp('198.51.100.7:40000 > 192.0.2.1:80', 'S')`. Flags are letters of FSRPAU. */
export function tcp(path: string, flags: string, o: FrameOptions = {}): Uint8Array {
  const { from, to } = parsePath(path)
  const header = Buffer.alloc(20)
  header.writeUInt16BE(from.port, 0)
  header.writeUInt16BE(to.port, 2)
  header.writeUInt32BE(o.seq ?? 1000, 4)
  header.writeUInt32BE(o.ack ?? (flags.includes('A') ? 2000 : 0), 8)
  header[12] = 5 << 4
  header[13] = [...flags].reduce((bits, f) => bits | (1 << FLAGS.indexOf(f)), 0)
  header.writeUInt16BE(o.window ?? 64240, 14)
  return frame(path, 6, Buffer.concat([header, bytesOf(o.data)]), 16, o)
}

/** A UDP frame, `udp('198.51.100.7:5000 > 192.0.2.1:53', {data: 'question'})`. */
export function udp(path: string, o: FrameOptions = {}): Uint8Array {
  const { from, to } = parsePath(path)
  const data = bytesOf(o.data ?? 'question')
  const header = Buffer.alloc(8)
  header.writeUInt16BE(from.port, 0)
  header.writeUInt16BE(to.port, 2)
  header.writeUInt16BE(8 + data.length, 4)
  return frame(path, 17, Buffer.concat([header, data]), o.noChecksum ? -1 : 6, o)
}

/** An ICMP or, between IPv6 addresses, ICMPv6 message; `rest` is its second word. */
export function icmp(
  path: string,
  type: number,
  code: number,
  body: Uint8Array,
  o: FrameOptions & { rest?: number } = {},
): Uint8Array {
  const header = Buffer.alloc(8)
  header[0] = type
  header[1] = code
  header.writeUInt32BE(o.rest ?? 0, 4)
  return frame(path, isIpv6(path) ? 58 : 1, Buffer.concat([header, body]), 2, o)
}

/** An ICMP error about `quoted`, a frame; its packet is quoted, `bytes` of it at most. */
export function icmpError(
  path: string,
  type: number,
  code: number,
  quoted: Uint8Array,
  o: FrameOptions & { rest?: number; bytes?: number } = {},
): Uint8Array {
  const most = isIpv6(path) ? QUOTE_MAX.IPv6 : QUOTE_MAX.IPv4
  const quote = packetOf(quoted).subarray(0, o.bytes ?? most)
  const defaults = isIpv6(path) ? { label: 0 } : { tos: 0xc0 }
  return icmp(path, type, code, quote, { ...defaults, ...o })
}

/** A packet in a tunnel: the packet of `inner` behind an outer header of either family. */
export function ipip(path: string, inner: Uint8Array, o: FrameOptions = {}): Uint8Array {
  const packet = packetOf(inner)
  const protocol = (packet[0] ?? 0) >> 4 === 4 ? 4 : 41
  return frame(path, protocol, packet, -1, { label: 0, ...o })
}

/** The frame with other addresses and ports in its packet, transport checksum left as it was. */
export function readdressed(frame: Uint8Array, path: string): Uint8Array {
  const b = Buffer.from(frame)
  const packet = packetOf(b)
  const { from, to } = parsePath(path)
  addressesOf(packet).set(Buffer.concat([from.bytes, to.bytes]))
  const { at, isIpv4 } = headersOf(packet)
  packet.writeUInt16BE(from.port, at)
  packet.writeUInt16BE(to.port, at + 2)
  if (isIpv4) {
    packet.writeUInt16BE(0, 10)
    packet.writeUInt16BE(checksum(packet.subarray(0, at)), 10)
  }
  return b
}

/** The frame with these tags instead of those it has. */
export function tagged(frame: Uint8Array, ...tags: Tag[]): Uint8Array {
  const b = Buffer.from(frame)
  const { ethertype } = unwrapped(b)
  return Buffer.concat([b.subarray(0, 12), tagBytes(tags), b.subarray(ethertype)])
}

/** An extension header of eight bytes, or as many more eights as are asked for: padding options. */
export function padding(type: number, eights = 0): Extension {
  const bytes = Buffer.alloc(8 + 8 * eights)
  bytes[1] = eights
  bytes[2] = 1
  bytes[3] = bytes.length - 4
  // PadN of at most 255 bytes: RFC 8200 section 4.2.
  if (bytes.length - 4 > 255) throw new Error(`${eights} eights: expected at most 31`)
  return { type, bytes }
}

/** A routing header of one address; `left` segments of it are still to be visited. */
export function routing(left: number, type = 0): Extension {
  const bytes = Buffer.alloc(24)
  bytes[1] = 2
  bytes[2] = type
  bytes[3] = left
  bytes.set(addressBytes('2001:db8:9::9'), 8)
  return { type: EXTENSION.routing, bytes }
}

/** A fragment header; offset 0 and no more is an atomic fragment (RFC 6946). */
export function fragmentHeader(offset = 0, more = false): Extension {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt16BE((offset << 3) | (more ? 1 : 0), 2)
  bytes.writeUInt32BE(0xdecade, 4)
  return { type: EXTENSION.fragment, bytes }
}

/** Any header that names the next one in its first byte. */
export function header(type: number, hex: string): Extension {
  return { type, bytes: Buffer.from(hex, 'hex') }
}

function isIpv6(path: string): boolean {
  return parsePath(path).from.bytes.length === 16
}

function frame(path: string, protocol: number, l4: Buffer, check: number, o: FrameOptions): Buffer {
  const { from, to } = parsePath(path)
  const addresses = Buffer.concat([from.bytes, to.bytes])
  if (check >= 0) {
    const pseudo = protocol === 1 ? 0 : pseudoSum(addresses, protocol, l4.length)
    const sum = checksum(l4, pseudo) || (protocol === 17 ? 0xffff : 0)
    l4.writeUInt16BE((sum + (o.checksumError ?? 0)) & 0xffff, check)
  }
  const isV6 = to.bytes.length === 16
  const packet = isV6 ? ipv6(addresses, protocol, l4, o) : ipv4(addresses, protocol, l4, o)
  const type = Buffer.alloc(2)
  type.writeUInt16BE(isV6 ? ETHERTYPE.ipv6 : ETHERTYPE.ipv4)
  const dmac = mac(o.dmac ?? macOfBytes(to.bytes))
  return Buffer.concat([dmac, mac(o.smac ?? DIRECTOR_MAC), tagBytes(o.tags ?? []), type, packet])
}

function ipv4(addresses: Buffer, protocol: number, l4: Buffer, o: FrameOptions): Buffer {
  const options = o.options ?? new Uint8Array(0)
  const ip = Buffer.alloc(20 + options.length)
  ip[0] = 0x40 | (ip.length / 4)
  ip[1] = o.tos ?? 0
  ip.writeUInt16BE(ip.length + l4.length, 2)
  ip.writeUInt16BE(o.id ?? 0x1234, 4)
  ip.writeUInt16BE((o.df === false ? 0 : 0x4000) | (o.fragment ?? 0), 6)
  ip[8] = o.ttl ?? 64
  ip[9] = o.protocol ?? protocol
  ip.set(addresses, 12)
  ip.set(options, 20)
  ip.writeUInt16BE(checksum(ip), 10)
  return Buffer.concat([ip, l4])
}

function ipv6(addresses: Buffer, protocol: number, l4: Buffer, o: FrameOptions): Buffer {
  const chain = (o.extensions ?? []).map(e => ({ type: e.type, bytes: Buffer.from(e.bytes) }))
  chain.forEach((e, i) => (e.bytes[0] = chain[i + 1]?.type ?? o.protocol ?? protocol))
  const behind = Buffer.concat([...chain.map(e => e.bytes), l4])
  const ip = Buffer.alloc(40)
  ip.writeUInt32BE(((6 << 28) | ((o.tos ?? 0) << 20) | (o.label ?? LABEL)) >>> 0, 0)
  ip.writeUInt16BE(behind.length, 4)
  ip[6] = chain[0]?.type ?? o.protocol ?? protocol
  ip[7] = o.ttl ?? 64
  ip.set(addresses, 8)
  return Buffer.concat([ip, behind])
}

function tagBytes(tags: Tag[]): Buffer {
  const bytes = Buffer.alloc(4 * tags.length)
  tags.forEach(({ vid, tpid = 0x8100, priority = 0 }, i) => {
    bytes.writeUInt16BE(tpid, 4 * i)
    bytes.writeUInt16BE((priority << 12) | vid, 4 * i + 2)
  })
  return bytes
}

function bytesOf(data: string | Uint8Array | undefined): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : (data ?? new Uint8Array(0))
}
