/**
 * What the host does with a frame before IPVS sees the packet in it, and where its parts are.
 * Not modelled, and left out by the generator: VLAN tags, IPv4 options, IPv6 extension headers,
 * AH and ESP. Read next: rules.ts. Source: RFC 791, 768, 8200, 9293; net/ipv4/ip_input.c
 * ip_rcv_core, net/ipv6/ip6_input.c ip6_rcv_core (v6.12).
 */
import { checksum } from '../support/wire.ts'
import type { Quote } from './emit.ts'
import { wireKey } from './entries.ts'
import { ICMP, ICMP6, TCP, UDP } from './rules.ts'

/** Bytes of an Ethernet header. */
export const ETHERNET = 14
const HEADER = { v4: 20, v6: 40 } as const
/** Of the transport header: what must be there, and what an entry is found by. */
const TRANSPORT: Record<number, number> = { [TCP]: 20, [UDP]: 8 }
const PORTS = 4

/** A packet that IPVS sees. Places are in the frame; addresses are their bytes as latin1. */
export interface Packet {
  frame: Buffer
  isV6: boolean
  from: string
  to: string
  protocol: number
  /** Transport header. */
  l4: number
  /** End of the IP packet; there may be bytes behind it. */
  end: number
  sport: number
  dport: number
  /** TCP's; 0 for others, and where the header is cut short. */
  flags: number
  /** The packet ends within its transport header. */
  isShort: boolean
}

/** The packet of a frame, or why it is the host's. */
export function packetIn(frame: Buffer, mac: Buffer): Packet | string {
  const type = frame.readUInt16BE(12)
  if (type !== 0x0800 && type !== 0x86dd) return 'not ip'
  if (frame.compare(mac, 0, 6, 0, 6) !== 0) return 'foreign mac'
  const packet = type === 0x0800 ? ip4(frame) : ip6(frame)
  if (typeof packet === 'string') return packet
  if (packet.protocol === (packet.isV6 ? ICMP6 : ICMP)) return packet
  return transport(packet)
}

function ip4(frame: Buffer): Packet | string {
  const have = frame.length - ETHERNET
  if (have < HEADER.v4) return 'malformed'
  const first = frame.readUInt8(ETHERNET)
  const headerBytes = (first & 15) * 4
  if (first >> 4 !== 4 || headerBytes < HEADER.v4) return 'malformed'
  const length = frame.readUInt16BE(ETHERNET + 2)
  if (length < headerBytes || length > have) return 'malformed'
  const l4 = ETHERNET + headerBytes
  if (checksum(frame.subarray(ETHERNET, l4)) !== 0) return 'bad checksum'
  // More fragments, or an offset.
  if (frame.readUInt16BE(ETHERNET + 6) & 0x3fff) return 'fragment'
  return {
    ...{ frame, isV6: false, l4, end: ETHERNET + length, sport: 0, dport: 0, flags: 0 },
    from: frame.toString('latin1', ETHERNET + 12, ETHERNET + 16),
    to: frame.toString('latin1', ETHERNET + 16, ETHERNET + 20),
    protocol: frame.readUInt8(ETHERNET + 9),
    isShort: false,
  }
}

function ip6(frame: Buffer): Packet | string {
  const have = frame.length - ETHERNET
  if (have < HEADER.v6) return 'malformed'
  const end = ETHERNET + HEADER.v6 + frame.readUInt16BE(ETHERNET + 4)
  if (frame.readUInt8(ETHERNET) >> 4 !== 6 || end > frame.length) return 'malformed'
  return {
    ...{ frame, isV6: true, l4: ETHERNET + HEADER.v6, end, sport: 0, dport: 0, flags: 0 },
    from: frame.toString('latin1', ETHERNET + 8, ETHERNET + 24),
    to: frame.toString('latin1', ETHERNET + 24, ETHERNET + 40),
    protocol: frame.readUInt8(ETHERNET + 6),
    isShort: false,
  }
}

/** Ports and flags. The ports are enough to find an entry. */
function transport(packet: Packet): Packet | string {
  const { frame, protocol, l4, end } = packet
  const whole = TRANSPORT[protocol]
  if (whole === undefined) return 'other protocol'
  if (end - l4 < PORTS) return 'truncated'
  packet.sport = frame.readUInt16BE(l4)
  packet.dport = frame.readUInt16BE(l4 + 2)
  packet.isShort = end - l4 < whole
  if (protocol === TCP && !packet.isShort) packet.flags = frame.readUInt8(l4 + 13)
  return packet
}

export function hopsOf({ frame, isV6 }: Packet): number {
  return frame.readUInt8(ETHERNET + (isV6 ? 7 : 8))
}

export function tosOf({ frame, isV6 }: Packet): number {
  if (isV6) return (frame.readUInt16BE(ETHERNET) >> 4) & 0xff
  return frame.readUInt8(ETHERNET + 1)
}

/** Whether the way may cut it into fragments. */
export function mayBeCut({ frame, isV6 }: Packet): boolean {
  return !isV6 && (frame.readUInt16BE(ETHERNET + 6) & 0x4000) === 0
}

/** Bytes of the IP packet. */
export function lengthOf({ end }: Packet): number {
  return end - ETHERNET
}

/** What an error quotes, and the keys of that packet and of one going the other way. */
export interface Quoted extends Quote {
  key: string
  back: string
}

const ICMP_HEADER = 8

/** The packet that an ICMP error is about, or why it is the host's. */
export function quoteIn(
  { frame, isV6, l4, end }: Packet,
  rules: { isIcmpError(type: number, isV6: boolean): boolean },
): Quoted | string {
  if (end - l4 < ICMP_HEADER) return 'cut short'
  if (!rules.isIcmpError(frame.readUInt8(l4), isV6)) return 'other protocol'
  const ip = l4 + ICMP_HEADER
  const size = isV6 ? HEADER.v6 : HEADER.v4
  if (end - ip < size || frame.readUInt8(ip) >> 4 !== (isV6 ? 6 : 4)) return 'other protocol'
  if (!isV6 && frame.readUInt16BE(ip + 6) & 0x1fff) return 'other protocol'
  const protocol = frame.readUInt8(ip + (isV6 ? 6 : 9))
  const at = ip + (isV6 ? size : (frame.readUInt8(ip) & 15) * 4)
  if (at - ip < size || (protocol !== TCP && protocol !== UDP)) return 'other protocol'
  if (end - at < PORTS) return 'truncated'
  const [from, to] = (isV6 ? [ip + 8, ip + 24] : [ip + 12, ip + 16]).map(where =>
    frame.toString('latin1', where, where + (isV6 ? 16 : 4)),
  ) as [string, string]
  const [sport, dport] = [frame.readUInt16BE(at), frame.readUInt16BE(at + 2)]
  const key = wireKey(protocol, from, sport, to, dport)
  return { ip, l4: at, key, back: wireKey(protocol, to, dport, from, sport) }
}
