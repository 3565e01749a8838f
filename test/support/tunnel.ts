/**
 * IP headers around anything, of either family, for tests of tunnels: built from fields, right
 * unless a field says otherwise. Read next: ../packet/decap.test.ts. Source: RFC 791, 8200.
 */
import { mac } from '../../control/model/address.ts'
import { checksum } from './frames.ts'

export const PROTOCOL = { ipip: 4, tcp: 6, udp: 17, ipv6: 41 } as const

export interface HeaderFields {
  from: string
  to: string
  protocol: number
  /** Two bits; 0 not capable, 1 ECT(1), 2 ECT(0), 3 congestion experienced. */
  ecn?: number
  /** The upper six bits of TOS or traffic class. */
  dscp?: number
  /** Said length of the packet (IPv4) or of what follows the header (IPv6), where it is a lie. */
  length?: number
  /** IPv4: flags and offset as they lie in the header. */
  fragment?: number
  /** IPv4: a multiple of four bytes. */
  options?: Uint8Array
  /** IPv4: added to the right checksum. */
  checksumError?: number
}

/** A packet of the family that the addresses are of. */
export function packet(fields: HeaderFields, payload: Uint8Array): Buffer {
  return fields.to.includes(':') ? packet6(fields, payload) : packet4(fields, payload)
}

function packet4(f: HeaderFields, payload: Uint8Array): Buffer {
  const options = f.options ?? new Uint8Array(0)
  const header = Buffer.alloc(20 + options.length)
  header[0] = 0x40 | (header.length / 4)
  header[1] = ((f.dscp ?? 0) << 2) | (f.ecn ?? 0)
  header.writeUInt16BE(f.length ?? header.length + payload.length, 2)
  header.writeUInt16BE(f.fragment ?? 0x4000, 6)
  header[8] = 64
  header[9] = f.protocol
  header.set(f.from.split('.').map(Number), 12)
  header.set(f.to.split('.').map(Number), 16)
  header.set(options, 20)
  header.writeUInt16BE((checksum(header, 0) + (f.checksumError ?? 0)) & 0xffff, 10)
  return Buffer.concat([header, payload])
}

function packet6(f: HeaderFields, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(40)
  const trafficClass = ((f.dscp ?? 0) << 2) | (f.ecn ?? 0)
  header.writeUInt32BE(((6 << 28) | (trafficClass << 20) | 0x12345) >>> 0, 0)
  header.writeUInt16BE(f.length ?? payload.length, 4)
  header[6] = f.protocol
  header[7] = 64
  header.set(ipv6Bytes(f.from), 8)
  header.set(ipv6Bytes(f.to), 24)
  return Buffer.concat([header, payload])
}

/** The 16 bytes of an address in text, which has `::` somewhere. */
export function ipv6Bytes(text: string): Buffer {
  const bytes = Buffer.alloc(16)
  const [head = '', tail = ''] = text.split('::')
  const words = (part: string) => part.split(':').filter(word => word !== '')
  words(head).forEach((word, i) => bytes.writeUInt16BE(parseInt(word, 16), 2 * i))
  words(tail)
    .toReversed()
    .forEach((word, i) => bytes.writeUInt16BE(parseInt(word, 16), 14 - 2 * i))
  return bytes
}

/** An Ethernet frame around a packet, its type by the packet's first byte unless given. */
export function ethernet(dmac: string, smac: string, ip: Uint8Array, type?: number): Buffer {
  const header = Buffer.alloc(14)
  header.set(mac(dmac), 0)
  header.set(mac(smac), 6)
  header.writeUInt16BE(type ?? ((ip[0] ?? 0) >> 4 === 6 ? 0x86dd : 0x0800), 12)
  return Buffer.concat([header, ip])
}
