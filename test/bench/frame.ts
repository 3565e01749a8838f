/**
 * The frames of the bench: Ethernet, IPv4 and TCP of 64 bytes, made with right checksums, and asked
 * afterwards whether what came out is what had to. Pure. Read next: generator.ts.
 */
import { formatIpv4, mac } from '../../control/model/address.ts'

/** Bytes; the shortest Ethernet has, its checksum included. */
const FRAME_BYTES = 64
/** IP total length: headers of IPv4 and TCP, no data. */
const IP_BYTES = 40
const IP_AT = 14
const TCP_AT = 34
const TTL = 64
const PROTOCOL_TCP = 6

export const SYN = 0x02
export const ACK = 0x10

export interface End {
  address: number
  port: number
}

export interface Segment {
  from: End
  to: End
  flags: number
  dmac: string
  smac: string
  ttl?: number
}

/** The frame as it is on the wire. */
export function frameOf(segment: Segment): Uint8Array {
  const frame = new Uint8Array(FRAME_BYTES)
  const v = new DataView(frame.buffer)
  frame.set(mac(segment.dmac), 0)
  frame.set(mac(segment.smac), 6)
  v.setUint16(12, 0x0800)
  v.setUint16(IP_AT, 0x4500)
  v.setUint16(IP_AT + 2, IP_BYTES)
  v.setUint8(IP_AT + 8, segment.ttl ?? TTL)
  v.setUint8(IP_AT + 9, PROTOCOL_TCP)
  v.setUint32(IP_AT + 12, segment.from.address)
  v.setUint32(IP_AT + 16, segment.to.address)
  v.setUint16(TCP_AT, segment.from.port)
  v.setUint16(TCP_AT + 2, segment.to.port)
  v.setUint8(TCP_AT + 12, 0x50)
  v.setUint8(TCP_AT + 13, segment.flags)
  v.setUint16(IP_AT + 10, 0xffff - fold(sumOf(v, IP_AT, TCP_AT)))
  const pseudo = sumOf(v, IP_AT + 12, TCP_AT) + PROTOCOL_TCP + (IP_BYTES - 20)
  v.setUint16(TCP_AT + 16, 0xffff - fold(pseudo + sumOf(v, TCP_AT, IP_AT + IP_BYTES)))
  return frame
}

/** Sum of the header's words as the processor reads them, without addresses and checksum. */
export function headerSum(frame: Uint8Array): number {
  const v = new DataView(frame.buffer)
  let sum = 0
  for (let at = IP_AT; at < IP_AT + 10; at += 2) sum += v.getUint16(at, true)
  return fold(sum)
}

/** The transport checksum as the processor reads it. */
export function l4Check(frame: Uint8Array): number {
  return new DataView(frame.buffer).getUint16(TCP_AT + 16, true)
}

export function daddrOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset).getUint32(IP_AT + 16)
}

/** What differs between two frames, a word for people; '' when nothing does. */
export function difference(got: Uint8Array, want: Uint8Array): string {
  if (Buffer.compare(got, want) === 0) return ''
  return `got  ${describe(got)}\nwant ${describe(want)}`
}

function describe(frame: Uint8Array): string {
  const v = new DataView(frame.buffer, frame.byteOffset)
  const hex = (from: number, to: number) => Buffer.from(frame.subarray(from, to)).toString('hex')
  const end = (at: number, port: number) => `${formatIpv4(v.getUint32(at))}:${v.getUint16(port)}`
  return (
    `${hex(6, 12)} > ${hex(0, 6)} ${end(IP_AT + 12, TCP_AT)} > ${end(IP_AT + 16, TCP_AT + 2)} ` +
    `ttl ${v.getUint8(IP_AT + 8)} header ${hex(IP_AT, TCP_AT)} tcp ${hex(TCP_AT, TCP_AT + 20)}`
  )
}

function sumOf(v: DataView, from: number, to: number): number {
  let sum = 0
  for (let at = from; at < to; at += 2) sum += v.getUint16(at)
  return sum
}

function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}
