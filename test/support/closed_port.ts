/**
 * What Linux answers where nobody listens, for replays of dests that are the director: a RST, or
 * port unreachable; nothing when the checksum is wrong. Read next: replay.ts.
 * Source: RFC 9293 section 3.10.7.1; net/ipv4/tcp_ipv4.c tcp_v4_send_reset, net/ipv4/icmp.c (v6.1).
 */
import { icmpError, tcp } from './frames.ts'
import { addressesOf, addressText, at, checksum, headersOf, packetOf, pseudoSum } from './wire.ts'

const [TCP, UDP] = [6, 17]
const [FIN, SYN, RST, ACK] = [1, 2, 4, 16]
const RESET = { ttl: 64, id: 0, label: 0, window: 0 }

/** The frame that answers one to a closed port of this host; undefined when there is none. */
export function closedPort(frame: Uint8Array): Uint8Array | undefined {
  const packet = packetOf(frame)
  const { at: l4, protocol, isIpv4 } = headersOf(packet)
  if (protocol !== TCP && protocol !== UDP) return undefined
  const transport = packet.subarray(l4)
  const addresses = addressesOf(packet)
  const isSummed = protocol === TCP || transport.readUInt16BE(6) !== 0
  const sum = pseudoSum(addresses, protocol, transport.length)
  if (isSummed ? checksum(transport, sum) !== 0 : !isIpv4) return undefined
  const half = addresses.length / 2
  const [from, to] = [addresses.subarray(0, half), addresses.subarray(half)].map(addressText)
  const macs = { smac: macAt(frame, 0), dmac: macAt(frame, 6) }
  const [client = '', here = ''] = [from, to]
  if (protocol === UDP) {
    const [type, code] = isIpv4 ? [3, 3] : [1, 4]
    return icmpError(`${here} > ${client}`, type, code, frame, { df: false, ...macs })
  }
  const path = `${at(here, transport.readUInt16BE(2))} > ${at(client, transport.readUInt16BE(0))}`
  return reset(path, transport, macs)
}

function reset(path: string, segment: Buffer, macs: object): Uint8Array | undefined {
  const flags = segment[13] ?? 0
  if (flags & RST) return undefined
  if (flags & ACK)
    return tcp(path, 'R', { ...RESET, ...macs, seq: segment.readUInt32BE(8), ack: 0 })
  const data = segment.length - ((segment[12] ?? 0) >> 4) * 4
  const ack = segment.readUInt32BE(4) + data + (flags & SYN ? 1 : 0) + (flags & FIN ? 1 : 0)
  return tcp(path, 'RA', { ...RESET, ...macs, seq: 0, ack: ack >>> 0 })
}

function macAt(frame: Uint8Array, from: number): string {
  return [...frame.subarray(from, from + 6)].map(b => b.toString(16).padStart(2, '0')).join(':')
}
