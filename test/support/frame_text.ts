/**
 * A frame as text, one line a header, checksums judged, so that a failure reads as a packet diff.
 * Read next: frames.ts, which makes them.
 */
import type { ExecutionContext } from 'ava'
import {
  addressesOf,
  addressText,
  checksum,
  EXTENSION,
  headersOf,
  pseudoSum,
  unwrapped,
} from './wire.ts'

export const FLAGS = 'FSRPAU'
/** Bytes of payload that are shown. */
const SHOWN = 64
const ICMP = 1
const IPIP = 4
const IPV6 = 41
const ICMPV6 = 58

/** A frame as text, one line a header, checksums judged. */
export function show(bytes: Uint8Array): string {
  const b = Buffer.from(bytes)
  const { tags, ethertype, packet } = unwrapped(b)
  const type = (at: number) => b.subarray(at, at + 2).toString('hex')
  const lines = [`ethernet ${macText(b, 6)} > ${macText(b, 0)} type ${type(12)}`]
  for (let at = 12; at < 12 + tags.length; at += 4) {
    const tci = b.readUInt16BE(at + 2)
    lines.push(`tag vid ${tci & 0xfff} priority ${tci >> 12} type ${type(at + 4)}`)
  }
  const isIp = ['0800', '86dd'].includes(type(ethertype))
  return [...lines, ...(isIp ? showIp(packet, true) : showData(packet))].join('\n')
}

/** A frame's packet as text, without the Ethernet header's lines. */
export function showPacket(frame: Uint8Array): string {
  return show(frame)
    .split('\n')
    .filter(line => !/^(ethernet|tag) /.test(line))
    .join('\n')
}

function macText(b: Buffer, at: number): string {
  const hex = b.subarray(at, at + 6).toString('hex')
  return hex.replace(/..(?=.)/g, '$&:')
}

/** @param whole false: a quoted packet, which may be cut short */
function showIp(b: Buffer, whole: boolean): string[] {
  const version = (b[0] ?? 0) >> 4
  if (version === 6 && b.length >= 40) return showIpv6(b, whole)
  return version === 4 && b.length >= 20 ? showIpv4(b, whole) : showData(b)
}

function showIpv4(b: Buffer, whole: boolean): string[] {
  const length = ((b[0] ?? 0) & 15) * 4
  const good = checksum(b.subarray(0, length)) === 0 ? 'good' : 'BAD'
  const [from, to] = [addressText(b.subarray(12, 16)), addressText(b.subarray(16, 20))]
  const bits = b.readUInt16BE(6).toString(16)
  const line =
    `ipv4 ${from} > ${to} protocol ${b[9]} ttl ${b[8]} tos ${b[1]} length ${b.readUInt16BE(2)} ` +
    `id ${b.readUInt16BE(4)} fragment ${bits} checksum ${good}`
  const options = length > 20 ? [`options ${b.subarray(20, length).toString('hex')}`] : []
  const l4 = b.subarray(length, whole ? b.readUInt16BE(2) : undefined)
  return [line, ...options, ...showL4(addressesOf(b), l4, b[9] ?? 0, whole)]
}

function showIpv6(b: Buffer, whole: boolean): string[] {
  const first = b.readUInt32BE(0)
  const [from, to] = [addressText(b.subarray(8, 24)), addressText(b.subarray(24, 40))]
  const line =
    `ipv6 ${from} > ${to} next ${b[6]} ttl ${b[7]} tos ${(first >>> 20) & 255} ` +
    `length ${b.readUInt16BE(4)} label ${(first & 0xfffff).toString(16)}`
  const { extensions, protocol, at } = headersOf(b)
  const chain = extensions.map(e => showExtension(e.type, b.subarray(e.at, e.at + e.length)))
  const l4 = b.subarray(at, whole ? 40 + b.readUInt16BE(4) : undefined)
  return [line, ...chain, ...showL4(addressesOf(b), l4, protocol, whole)]
}

function showExtension(type: number, header: Buffer): string {
  const name = Object.entries(EXTENSION).find(([, number]) => number === type)?.[0] ?? type
  return `extension ${name} next ${header[0]} ${header.subarray(1).toString('hex')}`
}

function showL4(addresses: Buffer, l4: Buffer, protocol: number, whole: boolean): string[] {
  const judged = (field: number): string => {
    const sum = checksum(l4, pseudoSum(addresses, protocol, l4.length))
    return !whole ? String(field) : sum === 0 ? 'good' : `BAD by ${sum}`
  }
  if (protocol === 6 && l4.length >= 20) return showTcp(l4, judged)
  if (protocol === 17 && l4.length >= 8) return showUdp(l4, judged)
  if (protocol === ICMP && l4.length >= 8) return showIcmp('icmp', l4, checksum(l4))
  if (protocol === ICMPV6 && l4.length >= 8)
    return showIcmp('icmp6', l4, checksum(l4, pseudoSum(addresses, protocol, l4.length)))
  if ((protocol === IPIP || protocol === IPV6) && whole)
    return showIp(l4, true).map(text => `  inner ${text}`)
  return showData(l4)
}

function showTcp(l4: Buffer, judged: (field: number) => string): string[] {
  const flags = FLAGS.split('')
    .filter((_, i) => ((l4[13] ?? 0) >> i) & 1)
    .join('')
  const [seq, ack] = [l4.readUInt32BE(4), l4.readUInt32BE(8)]
  const numbers = `seq ${seq} ack ${ack} window ${l4.readUInt16BE(14)}`
  const line = `tcp ${portsText(l4)} ${flags} ${numbers} checksum ${judged(l4.readUInt16BE(16))}`
  return [line, ...showData(l4.subarray(20))]
}

function showUdp(l4: Buffer, judged: (field: number) => string): string[] {
  const field = l4.readUInt16BE(6)
  const check = field === 0 ? 'none' : judged(field)
  const line = `udp ${portsText(l4)} length ${l4.readUInt16BE(4)} checksum ${check}`
  return [line, ...showData(l4.subarray(8))]
}

function showIcmp(name: string, l4: Buffer, sum: number): string[] {
  const rest = l4.subarray(4, 8).toString('hex')
  const good = sum === 0 ? 'good' : 'BAD'
  const line = `${name} ${l4[0]}/${l4[1]} rest ${rest} checksum ${good}`
  return [line, ...showIp(l4.subarray(8), false).map(text => `  quoted ${text}`)]
}

function portsText(l4: Buffer): string {
  return `${l4.readUInt16BE(0)} > ${l4.readUInt16BE(2)}`
}

function showData(data: Buffer): string[] {
  if (data.length === 0) return []
  return [`data ${data.length} bytes ${data.subarray(0, SHOWN).toString('hex')}`]
}

/** Compares frames as text. */
export function sameFrame(t: Pick<ExecutionContext, 'is'>, a: Uint8Array, b: Uint8Array): void {
  t.is(show(a), show(b))
}

/** Compares frames as text but for the identification of an IPv4 header that is not quoted. */
export function sameButId(t: Pick<ExecutionContext, 'is'>, a: Uint8Array, b: Uint8Array): void {
  const text = (frame: Uint8Array) => show(frame).replace(/^(ipv4 .*) id \d+/m, '$1 id any')
  t.is(text(a), text(b))
}

/** Compares what frames carry, whatever their MAC addresses and tags. */
export function samePacket(t: Pick<ExecutionContext, 'is'>, a: Uint8Array, b: Uint8Array): void {
  t.is(showPacket(a), showPacket(b))
}
