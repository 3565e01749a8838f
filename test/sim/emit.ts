/**
 * The frames that IPVS emits, built from the one that came: translated, one hop less, in a tunnel,
 * or an ICMP error about it. Checksums are computed by their definition wherever they are whole.
 * Read next: ipvs.ts. Source: RFC 1624, 2003, 2473, 4443, 792; ip_vs_xmit.c, net/ipv4/icmp.c,
 * net/ipv6/icmp.c (v6.12).
 */
import { checksum, pseudoSum } from '../support/wire.ts'
import { ETHERNET, hopsOf, lengthOf, mayBeCut, tosOf, type Packet } from './host.ts'
import { ICMP, ICMP6, TCP, UDP, type Rules, type Settings } from './rules.ts'

/** How something is reached. */
export interface Way {
  ifindex: number
  /** The neighbour, as latin1. */
  address: string
  smac: Buffer
  /** Unknown: the kernel has to resolve it. */
  dmac: Buffer | undefined
  mtu: number
  /** The address that this host sends from, as latin1. */
  source: string
}

const HEADER4 = 20
const HEADER6 = 40
const ICMP_HEADER = 8

/** Writes the checksum of an IPv4 header of this many bytes, or of a quoted one. */
function sumHeader(frame: Buffer, at = ETHERNET, bytes = HEADER4): void {
  frame.writeUInt16BE(0, at + 10)
  frame.writeUInt16BE(checksum(frame.subarray(at, at + bytes)), at + 10)
}

/** Where the first of the two addresses is; the second follows it. */
function addressAt(isV6: boolean, side: 'from' | 'to'): number {
  if (isV6) return side === 'from' ? 8 : 24
  return side === 'from' ? 12 : 16
}

/** A checksum whose words have changed (RFC 1624 equation 3); a wrong one stays as wrong. */
function adjusted(check: number, was: Buffer, is: Buffer): number {
  let sum = ~check & 0xffff
  for (let i = 0; i < was.length; i += 2)
    sum += (~was.readUInt16BE(i) & 0xffff) + is.readUInt16BE(i)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** The packet with one hop less. */
export function hopTaken({ frame, isV6, l4 }: Packet): Buffer {
  const out = Buffer.from(frame)
  const at = ETHERNET + (isV6 ? 7 : 8)
  out.writeUInt8(out.readUInt8(at) - 1, at)
  if (!isV6) sumHeader(out, ETHERNET, l4 - ETHERNET)
  return out
}

/** NAT: another address and port on one side, and one hop less, or so many (5.2). */
export function translated(
  packet: Packet,
  side: 'from' | 'to',
  { address, port }: { address: string; port: number },
  rules: Rules,
  taken = 1,
): Buffer {
  const { frame, isV6, l4, protocol } = packet
  const out = Buffer.from(frame)
  const at = ETHERNET + addressAt(isV6, side)
  const portAt = l4 + (side === 'from' ? 0 : 2)
  const checkAt = l4 + (protocol === TCP ? 16 : 6)
  out.write(address, at, 'latin1')
  out.writeUInt16BE(port, portAt)
  const hops = ETHERNET + (isV6 ? 7 : 8)
  out.writeUInt8(out.readUInt8(hops) - taken, hops)
  const check = frame.readUInt16BE(checkAt)
  if (protocol === UDP && check === 0) {
    out.writeUInt16BE(wholeSum(out, packet) || rules.udpZero, checkAt)
  } else {
    const words = (b: Buffer) =>
      Buffer.concat([b.subarray(at, at + address.length), b.subarray(portAt, portAt + 2)])
    const sum = adjusted(check, words(frame), words(out))
    out.writeUInt16BE(sum === 0 && protocol === UDP ? rules.udpZero : sum, checkAt)
  }
  if (!isV6) sumHeader(out, ETHERNET, l4 - ETHERNET)
  return out
}

/** The checksum of everything from the transport header on, its field being zero. */
function wholeSum(out: Buffer, { isV6, l4, end, protocol }: Packet): number {
  const at = ETHERNET + addressAt(isV6, 'from')
  const addresses = out.subarray(at, at + (isV6 ? 32 : 8))
  const isPlain = protocol === ICMP
  const sum = isPlain ? 0 : pseudoSum(addresses, protocol, end - l4)
  return checksum(out.subarray(l4, end), sum)
}

/** Whether an ICMP message has the checksum it should have. */
export function isIcmpRight(packet: Packet): boolean {
  return wholeSum(packet.frame, packet) === 0
}

/** What an ICMP error quotes: where its headers are in the frame. */
export interface Quote {
  ip: number
  l4: number
}

/** NAT of an error: its outer address, the quoted address and port, both checksums (6.2, 6.3). */
export function errorTranslated(
  packet: Packet,
  quote: Quote,
  sides: { outer: 'from' | 'to'; quoted: 'from' | 'to' },
  { address, port }: { address: string; port: number },
): Buffer {
  const { frame, isV6, l4 } = packet
  const out = Buffer.from(frame)
  out.write(address, ETHERNET + addressAt(isV6, sides.outer), 'latin1')
  out.write(address, quote.ip + addressAt(isV6, sides.quoted), 'latin1')
  out.writeUInt16BE(port, quote.l4 + (sides.quoted === 'from' ? 0 : 2))
  const hops = ETHERNET + (isV6 ? 7 : 8)
  out.writeUInt8(out.readUInt8(hops) - 1, hops)
  if (!isV6) {
    sumHeader(out, ETHERNET, l4 - ETHERNET)
    sumHeader(out, quote.ip, quote.l4 - quote.ip)
  }
  out.writeUInt16BE(0, l4 + 2)
  out.writeUInt16BE(wholeSum(out, packet), l4 + 2)
  return out
}

/** A packet behind an outer header (5.4). `inner` is the frame with one hop less. */
export function tunnelled(
  packet: Packet,
  inner: Buffer,
  { source, to }: { source: string; to: string },
  { rules, set }: { rules: Rules; set: Settings },
): { frame: Buffer; idAt: number } {
  const isOuter6 = to.length === 16
  const size = isOuter6 ? HEADER6 : HEADER4
  const out = Buffer.alloc(inner.length + size)
  inner.copy(out, 0, 0, ETHERNET)
  inner.copy(out, ETHERNET + size, ETHERNET)
  out.writeUInt16BE(isOuter6 ? 0x86dd : 0x0800, 12)
  const ip = out.subarray(ETHERNET)
  const tos = rules.outerTos(tosOf(packet))
  const hops = hopsOf(packet) - 1
  const protocol = packet.isV6 ? 41 : 4
  const length = lengthOf(packet)
  if (isOuter6) {
    ip.writeUInt32BE(0x60000000 + tos * 0x100000, 0)
    ip.writeUInt16BE(length, 4)
    ip.writeUInt8(protocol, 6)
    ip.writeUInt8(hops, 7)
    ip.write(source + to, 8, 'latin1')
    return { frame: out, idAt: 0 }
  }
  const isWhole = !packet.isV6 && !mayBeCut(packet) && set.pmtu_disc !== 0
  ip.writeUInt16BE(0x4500 | tos, 0)
  ip.writeUInt16BE(length + size, 2)
  ip.writeUInt16BE(isWhole ? 0x4000 : 0, 6)
  ip.writeUInt8(hops, 8)
  ip.writeUInt8(protocol, 9)
  ip.write(source + to, 12, 'latin1')
  sumHeader(out)
  return { frame: out, idAt: isWhole ? 0 : ETHERNET + 4 }
}

/** The director's own error about a packet, quoting it as `quoted` has it (4.3, 5.1). */
export function errorAbout(
  packet: Packet,
  quoted: Buffer,
  { reason, rest, source }: { reason: string; rest: number; source: string },
  rules: Rules,
): { frame: Buffer; idAt: number } {
  const { isV6, from } = packet
  const max = isV6 ? rules.quoteMax.v6 : rules.quoteMax.v4
  const quote = quoted.subarray(ETHERNET, ETHERNET + Math.min(lengthOf(packet), max))
  const size = isV6 ? HEADER6 : HEADER4
  const end = ETHERNET + size + ICMP_HEADER + quote.length
  const out = Buffer.alloc(end)
  const ip = out.subarray(ETHERNET)
  const [type, code] = rules.errors[reason]?.[isV6 ? 'v6' : 'v4'] ?? [0, 0]
  out.writeUInt16BE(isV6 ? 0x86dd : 0x0800, 12)
  ip.writeUInt8(type, size)
  ip.writeUInt8(code, size + 1)
  ip.writeUInt32BE(rest, size + 4)
  quote.copy(ip, size + ICMP_HEADER)
  if (isV6) {
    ip.writeUInt8(0x60, 0)
    ip.writeUInt16BE(ICMP_HEADER + quote.length, 4)
    ip.writeUInt8(ICMP6, 6)
    ip.writeUInt8(rules.errorTtl, 7)
    ip.write(source + from, 8, 'latin1')
  } else {
    ip.writeUInt16BE(0x4500 | rules.errorTos(tosOf(packet)), 0)
    ip.writeUInt16BE(end - ETHERNET, 2)
    ip.writeUInt8(rules.errorTtl, 8)
    ip.writeUInt8(ICMP, 9)
    ip.write(source + from, 12, 'latin1')
    sumHeader(out)
  }
  const l4 = ETHERNET + size
  const made = { ...packet, frame: out, l4, end, protocol: isV6 ? ICMP6 : ICMP }
  out.writeUInt16BE(wholeSum(out, made), l4 + 2)
  return { frame: out, idAt: isV6 ? 0 : ETHERNET + 4 }
}

/** A frame on its way: MAC addresses of the hop. */
export function sentBy(frame: Buffer, way: Way): Buffer {
  way.dmac?.copy(frame, 0)
  way.smac.copy(frame, 6)
  return frame
}

/** The frame with another IPv4 identification, where the host chooses it. */
export function withId(frame: Buffer, idAt: number, id: number): Buffer {
  frame.writeUInt16BE(id, idAt)
  sumHeader(frame)
  return frame
}
