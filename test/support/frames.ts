/**
 * Frames for packet tests: built from one line of text, and shown as one line a header, so that a
 * failure reads as a packet diff. IPv4, TCP, UDP, ICMP. Source: RFC 791, 792, 768, 9293.
 */
import type { ExecutionContext } from 'ava'
import { formatIpv4, ipv4, mac } from '../../control/model/address.ts'

/** The director's MAC address in packet tests. */
export const DIRECTOR_MAC = '02:00:00:00:00:01'

export interface FrameOptions {
  ttl?: number
  tos?: number
  id?: number
  df?: boolean
  fragment?: number
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
  /** IP options, a multiple of four bytes. */
  options?: Uint8Array
}

const FLAGS = 'FSRPAU'

/** The MAC address that a host with this IPv4 address has in packet tests. */
export function macOf(address: string): string {
  const n = ipv4(address)
  const bytes = [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]
  return `02:01:${bytes.map(b => b.toString(16).padStart(2, '0')).join(':')}`
}

/** A TCP frame, `tcp('198.51.100.7:40000 > 192.0.2.1:80', 'S')`. Flags are letters of FSRPAU. */
export function tcp(path: string, flags: string, o: FrameOptions = {}): Uint8Array {
  const { from, to } = parsePath(path)
  const data = bytesOf(o.data)
  const header = Buffer.alloc(20)
  header.writeUInt16BE(from.port, 0)
  header.writeUInt16BE(to.port, 2)
  header.writeUInt32BE(o.seq ?? 1000, 4)
  header.writeUInt32BE(o.ack ?? (flags.includes('A') ? 2000 : 0), 8)
  header[12] = 5 << 4
  header[13] = [...flags].reduce((bits, f) => bits | (1 << FLAGS.indexOf(f)), 0)
  header.writeUInt16BE(o.window ?? 64240, 14)
  return frame(path, 6, Buffer.concat([header, data]), 16, o)
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

/** An ICMP error about `quoted`, a frame; its IP packet is quoted, `bytes` of it at most. */
export function icmpError(
  path: string,
  type: number,
  code: number,
  quoted: Uint8Array,
  o: FrameOptions & { rest?: number; bytes?: number } = {},
): Uint8Array {
  const header = Buffer.alloc(8)
  header[0] = type
  header[1] = code
  header.writeUInt32BE(o.rest ?? 0, 4)
  const quote = quoted.subarray(14, 14 + (o.bytes ?? 548))
  const body = Buffer.concat([header, quote])
  body.writeUInt16BE(checksum(body, 0), 2)
  return frame(path, 1, body, -1, { tos: 0xc0, ...o })
}

function frame(path: string, protocol: number, l4: Buffer, check: number, o: FrameOptions): Buffer {
  const { from, to } = parsePath(path)
  const options = o.options ?? new Uint8Array(0)
  const ip = Buffer.alloc(20 + options.length)
  ip[0] = 0x40 | (ip.length / 4)
  ip[1] = o.tos ?? 0
  ip.writeUInt16BE(ip.length + l4.length, 2)
  ip.writeUInt16BE(o.id ?? 0x1234, 4)
  ip.writeUInt16BE((o.df === false ? 0 : 0x4000) | (o.fragment ?? 0), 6)
  ip[8] = o.ttl ?? 64
  ip[9] = o.protocol ?? protocol
  ip.writeUInt32BE(from.address, 12)
  ip.writeUInt32BE(to.address, 16)
  ip.set(options, 20)
  ip.writeUInt16BE(checksum(ip, 0), 10)
  if (check >= 0) {
    const sum = checksum(l4, pseudo(ip, protocol, l4.length)) || (protocol === 17 ? 0xffff : 0)
    l4.writeUInt16BE((sum + (o.checksumError ?? 0)) & 0xffff, check)
  }
  const ethernet = Buffer.alloc(14)
  ethernet.set(mac(o.dmac ?? macOf(formatIpv4(to.address))), 0)
  ethernet.set(mac(o.smac ?? DIRECTOR_MAC), 6)
  ethernet.writeUInt16BE(0x0800, 12)
  return Buffer.concat([ethernet, ip, l4])
}

function parsePath(path: string) {
  const [from = '', to = ''] = path.split(' > ')
  const side = (text: string) => {
    const [address = '', port = '0'] = text.split(':')
    return { address: ipv4(address), port: Number(port) }
  }
  return { from: side(from), to: side(to) }
}

function bytesOf(data: string | Uint8Array | undefined): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : (data ?? new Uint8Array(0))
}

/** The Internet checksum of bytes, on top of a sum. */
export function checksum(bytes: Uint8Array, sum: number): number {
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function pseudo(ip: Buffer, protocol: number, length: number): number {
  let sum = protocol + length
  for (let at = 12; at < 20; at += 2) sum += ip.readUInt16BE(at)
  return sum
}

/** A frame as text, one line a header, checksums judged. */
export function show(bytes: Uint8Array): string {
  const b = Buffer.from(bytes)
  const text = (at: number) =>
    b
      .subarray(at, at + 6)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:')
  const ethernet = `ethernet ${text(6)} > ${text(0)} type ${b.subarray(12, 14).toString('hex')}`
  return [ethernet, ...showIp(b.subarray(14), true)].join('\n')
}

function showIp(b: Buffer, whole: boolean): string[] {
  if (b.length < 20) return [`bytes ${b.toString('hex')}`]
  const length = ((b[0] ?? 0) & 15) * 4
  const good = checksum(b.subarray(0, length), 0) === 0 ? 'good' : 'BAD'
  const from = formatIpv4(b.readUInt32BE(12))
  const to = formatIpv4(b.readUInt32BE(16))
  const bits = b.readUInt16BE(6).toString(16)
  const line =
    `ipv4 ${from} > ${to} protocol ${b[9]} ttl ${b[8]} tos ${b[1]} length ${b.readUInt16BE(2)} ` +
    `id ${b.readUInt16BE(4)} fragment ${bits} checksum ${good}`
  const l4 = b.subarray(length, whole ? b.readUInt16BE(2) : undefined)
  return [line, ...showL4(b, l4, b[9] ?? 0, whole)]
}

function showL4(ip: Buffer, l4: Buffer, protocol: number, whole: boolean): string[] {
  const ports = l4.length >= 4 ? `${l4.readUInt16BE(0)} > ${l4.readUInt16BE(2)}` : ''
  const sum = checksum(l4, pseudo(ip, protocol, l4.length))
  if (protocol === 6 && l4.length >= 20) {
    const flags = FLAGS.split('')
      .filter((_, i) => ((l4[13] ?? 0) >> i) & 1)
      .join('')
    const [seq, ack] = [l4.readUInt32BE(4), l4.readUInt32BE(8)]
    const numbers = `seq ${seq} ack ${ack} window ${l4.readUInt16BE(14)}`
    const check = whole ? (sum === 0 ? 'good' : `BAD by ${sum}`) : l4.readUInt16BE(16)
    return [`tcp ${ports} ${flags} ${numbers} checksum ${check}`, ...showData(l4.subarray(20))]
  }
  if (protocol === 17 && l4.length >= 8) {
    const field = l4.readUInt16BE(6)
    const check = field === 0 ? 'none' : whole ? (sum === 0 ? 'good' : `BAD by ${sum}`) : field
    return [
      `udp ${ports} length ${l4.readUInt16BE(4)} checksum ${check}`,
      ...showData(l4.subarray(8)),
    ]
  }
  if (protocol === 1 && l4.length >= 8) {
    const good = checksum(l4, 0) === 0 ? 'good' : 'BAD'
    const line = `icmp ${l4[0]}/${l4[1]} rest ${l4.subarray(4, 8).toString('hex')} checksum ${good}`
    return [line, ...showIp(l4.subarray(8), false).map(text => `  quoted ${text}`)]
  }
  return showData(l4)
}

function showData(data: Buffer): string[] {
  return data.length === 0
    ? []
    : [`data ${data.length} bytes ${data.subarray(0, 64).toString('hex')}`]
}

/** Compares frames as text. */
export function sameFrame(t: ExecutionContext, actual: Uint8Array, expected: Uint8Array): void {
  t.is(show(actual), show(expected))
}
