/**
 * Frames for the simulation, made fast from numbers, and then broken: bits turned over, cut short,
 * made longer. What the model leaves out is not made. Read next: generator.ts.
 */
import { mac } from '../../control/model/address.ts'
import { DIRECTOR_MAC } from '../support/frames.ts'
import { oneOf, type Random } from '../support/random.ts'
import { checksum, pseudoSum } from '../support/wire.ts'
import { ETHERNET } from './host.ts'
import { ICMP, ICMP6, TCP, UDP } from './rules.ts'

/** One end: an address as latin1, and a port. */
export interface End {
  address: string
  port: number
}

export interface Craft {
  protocol: number
  from: End
  to: End
  flags?: number
  ttl?: number
  tos?: number
  isWhole?: boolean
  /** Bytes behind the transport header. */
  payload?: number
  check?: 'right' | 'none' | 'wrong'
}

const SMAC = Buffer.from(mac('02:01:00:00:00:99'))
const DMAC = Buffer.from(mac(DIRECTOR_MAC))
const HEADER: Record<number, number> = { [TCP]: 20, [UDP]: 8 }
const CHECK_AT: Record<number, number> = { [TCP]: 16, [UDP]: 6, [ICMP]: 2, [ICMP6]: 2 }
/** Ethernet types and protocols that the model does not follow. */
const LEFT_OUT = {
  types: [0x8100, 0x88a8],
  next4: [50, 51],
  next: [0, 43, 44, 50, 51, 60, 135, 139, 140],
}
/** Errors about what is in these are about tunnels. */
const TUNNELS = [4, 41, 47]
const ICMP_HEADER = 8

export function craft(c: Craft): Buffer {
  const size = HEADER[c.protocol] ?? 0
  const l4 = Buffer.alloc(size + (c.payload ?? 4), 0x78)
  l4.fill(0, 4, size)
  l4.writeUInt16BE(c.from.port, 0)
  l4.writeUInt16BE(c.to.port, 2)
  if (c.protocol === TCP) {
    l4.writeUInt8(0x50, 12)
    l4.writeUInt8(c.flags ?? 0, 13)
    l4.writeUInt16BE(0xfaf0, 14)
  } else l4.writeUInt16BE(l4.length, 4)
  return packetFrame(c, l4)
}

/** An ICMP error about the packet of a frame, `bytes` of it at most. */
export function craftError(
  c: Craft,
  [type, code]: [number, number],
  quoted: Buffer,
  bytes: number,
): Buffer {
  const quote = quoted.subarray(ETHERNET, ETHERNET + bytes)
  const l4 = Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), quote])
  return packetFrame(c, l4)
}

function packetFrame(c: Craft, l4: Buffer): Buffer {
  const isV6 = c.to.address.length === 16
  const size = isV6 ? 40 : 20
  const frame = Buffer.alloc(ETHERNET + size + l4.length)
  DMAC.copy(frame, 0)
  SMAC.copy(frame, 6)
  frame.writeUInt16BE(isV6 ? 0x86dd : 0x0800, 12)
  const ip = frame.subarray(ETHERNET)
  if (isV6) {
    ip.writeUInt32BE(0x60000000 + (c.tos ?? 0) * 0x100000 + 0x5a5a5, 0)
    ip.writeUInt16BE(l4.length, 4)
    ip.writeUInt8(c.protocol, 6)
    ip.writeUInt8(c.ttl ?? 64, 7)
  } else {
    ip.writeUInt16BE(0x4500 | (c.tos ?? 0), 0)
    ip.writeUInt16BE(size + l4.length, 2)
    ip.writeUInt16BE(0x1234, 4)
    ip.writeUInt16BE(c.isWhole === false ? 0 : 0x4000, 6)
    ip.writeUInt8(c.ttl ?? 64, 8)
    ip.writeUInt8(c.protocol, 9)
  }
  ip.write(c.from.address + c.to.address, isV6 ? 8 : 12, 'latin1')
  l4.copy(ip, size)
  sumTransport(frame, c, size)
  if (!isV6) sumIp4(frame)
  return frame
}

function sumTransport(frame: Buffer, { protocol, check = 'right' }: Craft, size: number): void {
  const l4 = frame.subarray(ETHERNET + size)
  const at = CHECK_AT[protocol] ?? 0
  if (check === 'none' && protocol === UDP) return
  const addresses = frame.subarray(ETHERNET + (size === 40 ? 8 : 12), ETHERNET + size)
  const sum = checksum(l4, protocol === ICMP ? 0 : pseudoSum(addresses, protocol, l4.length))
  const right = sum === 0 && protocol === UDP ? 0xffff : sum
  l4.writeUInt16BE(check === 'wrong' ? (right + 0x1111) & 0xffff : right, at)
}

/** Writes the checksum that an IPv4 header should have, where there is a whole one. */
function sumIp4(frame: Buffer): void {
  if (frame.length < ETHERNET + 20) return
  const size = (frame.readUInt8(ETHERNET) & 15) * 4
  if (size < 20 || frame.length < ETHERNET + size) return
  frame.writeUInt16BE(0, ETHERNET + 10)
  frame.writeUInt16BE(checksum(frame.subarray(ETHERNET, ETHERNET + size)), ETHERNET + 10)
}

/** A frame with something wrong, or odd, about it. */
export function mutated(random: Random, frame: Buffer): Buffer {
  for (;;) {
    const out = broken(random, frame)
    if (isModelled(out)) return out
  }
}

function broken(random: Random, frame: Buffer): Buffer {
  const dice = random(8)
  let out = Buffer.from(frame)
  if (dice === 0) out = out.subarray(0, ETHERNET + random(out.length - ETHERNET + 1))
  else if (dice === 1) out = Buffer.concat([out, Buffer.alloc(1 + random(40), 0x5a)])
  else if (dice === 2) return shortened(random, out)
  else if (dice === 3) return withByte(random, out)
  else turnBits(random, out)
  if (random(2) === 0 && out.readUInt16BE(12) === 0x0800) sumIp4(out)
  return out
}

/** Some bits of the headers the other way round. */
function turnBits(random: Random, out: Buffer): void {
  const span = Math.min(out.length, ETHERNET + (random(2) === 0 ? 44 : 64))
  for (let i = random(3); i >= 0; i--) {
    const at = random(span)
    out.writeUInt8(out.readUInt8(at) ^ (1 << random(8)), at)
  }
}

/** A packet that ends early and says so; the frame may go on behind it. */
function shortened(random: Random, frame: Buffer): Buffer {
  const isV6 = frame.readUInt16BE(12) === 0x86dd
  const size = isV6 ? 40 : 20
  const have = frame.length - ETHERNET - size
  const left = random(Math.min(have, 24) + 1)
  const out = Buffer.from(random(4) === 0 ? frame : frame.subarray(0, ETHERNET + size + left))
  out.writeUInt16BE(isV6 ? left : size + left, ETHERNET + (isV6 ? 4 : 2))
  if (!isV6) sumIp4(out)
  return out
}

/** A byte of the IP header that means something else. */
function withByte(random: Random, out: Buffer): Buffer {
  const isV6 = out.readUInt16BE(12) === 0x86dd
  const places = isV6 ? [0, 1, 4, 5, 6, 7] : [0, 1, 2, 3, 6, 7, 8, 9]
  out.writeUInt8(random(256), ETHERNET + oneOf(random, places))
  if (!isV6 && random(8) > 0) sumIp4(out)
  return out
}

/** Whether the model follows what such a frame leads to. */
export function isModelled(frame: Buffer): boolean {
  if (frame.length < ETHERNET) return false
  const type = frame.readUInt16BE(12)
  if (LEFT_OUT.types.includes(type)) return false
  if (type !== 0x0800 && type !== 0x86dd) return true
  return hasModelledProtocol(frame.subarray(ETHERNET), type === 0x86dd)
}

/** The protocol of a packet, and of one that it quotes. */
function hasModelledProtocol(ip: Buffer, isV6: boolean): boolean {
  const size = isV6 ? 40 : 20
  if (ip.length < size) return true
  if (!isV6 && ip.readUInt8(0) >> 4 === 4 && (ip.readUInt8(0) & 15) > 5) return false
  const protocol = ip.readUInt8(isV6 ? 6 : 9)
  if ((isV6 ? LEFT_OUT.next : LEFT_OUT.next4).includes(protocol)) return false
  if (protocol !== (isV6 ? ICMP6 : ICMP) || ip.length < size + ICMP_HEADER) return true
  const quote = ip.subarray(size + ICMP_HEADER)
  if (quote.length < size) return true
  const quoted = quote.readUInt8(isV6 ? 6 : 9)
  return ![...LEFT_OUT.next, ...TUNNELS].includes(quoted)
}
