/**
 * Mark rules as boxes: interface, destination, source, then protocol and port. An IPv6 address is
 * two dimensions of 64 bits. Pure. Read next: classifier.ts (how they are compiled).
 */
import { addressBits, familyOf, type Family } from '../../model/address.ts'
import type { MarkProtocol, MarkRule, PortRange } from '../../model/mark.ts'
import { PORT_MAX, type AddressServiceId } from '../../model/service.ts'
import { everything, type Box, type Range } from './classifier.ts'

/** IP protocol numbers by family: ICMPv6 is not ICMP. */
const NUMBERS: Record<MarkProtocol, Record<Family, number>> = {
  tcp: { 4: 6, 6: 6 },
  udp: { 4: 17, 6: 17 },
  sctp: { 4: 132, 6: 132 },
  icmp: { 4: 1, 6: 58 },
}
/** Bits of a port, below the protocol. */
const PORT_BITS = 16n
const HALF_BITS = 64n
const HALF = (1n << HALF_BITS) - 1n
/** IPv4's 32 bits as they are; addressBits() has the 96 of its mapped form in front. */
const IPV4 = (1n << 32n) - 1n

/** A packet as a point among boxes. */
export interface Packet {
  ifindex: number
  protocol: number
  /** Addresses, canonical. */
  to: string
  from: string
  /** 0 where the protocol has none. */
  port: number
}

/**
 * The boxes of a family's rules, in their order. Rules of interfaces that are not there match
 * nothing just now.
 * @param ifindexOf index of an interface by name
 */
export function boxesOf(
  rules: readonly MarkRule[],
  family: Family,
  ifindexOf: (name: string) => number | undefined,
): Box[] {
  return rules.flatMap(rule => {
    if (rule.family !== family) return []
    const ifindex = rule.interface === undefined ? undefined : ifindexOf(rule.interface)
    if (rule.interface !== undefined && ifindex === undefined) return []
    const sides = [
      ifindex === undefined ? everything() : one(BigInt(ifindex)),
      ...prefixSides(rule.to, family),
      ...prefixSides(rule.from, family),
      portSide(family, rule.protocol, rule.ports),
    ]
    return [{ sides, value: rule.mark }]
  })
}

/** All packets of a service, by what interface and from whom they come. */
export function sidesOf({ protocol, address, port }: AddressServiceId): Range[] {
  const family = familyOf(address)
  const ports = port === 0 ? { first: 1, last: PORT_MAX } : { first: port, last: port }
  return [
    everything(),
    ...halves(address, family).map(one),
    ...(family === 4 ? [{ low: 0n, high: IPV4 }] : [everything(), everything()]),
    portSide(family, protocol, ports),
  ]
}

/** Boxes of addresses that are local for a mark: by the mark, then the address. */
export function localBoxes(
  locals: readonly { mark: Range; prefix: string }[],
  family: Family,
): Box[] {
  return locals
    .filter(({ prefix }) => prefix.includes(':') === (family === 6))
    .map(({ mark, prefix }) => ({ sides: [mark, ...prefixSides(prefix, family)], value: 1 }))
}

/** The point that a packet is among a family's boxes. */
export function pointOf(packet: Packet, family: Family): bigint[] {
  const { ifindex, protocol, to, from, port } = packet
  const last = (BigInt(protocol) << PORT_BITS) | BigInt(port)
  return [BigInt(ifindex), ...halves(to, family), ...halves(from, family), last]
}

function halves(address: string, family: Family): bigint[] {
  const bits = addressBits(address)
  return family === 4 ? [bits & IPV4] : [bits >> HALF_BITS, bits & HALF]
}

function prefixSides(prefix: string | undefined, family: Family): Range[] {
  if (prefix === undefined) return family === 4 ? [everything()] : [everything(), everything()]
  const [address = '', length = ''] = prefix.split('/')
  const parts = halves(address, family)
  const width = family === 4 ? 32 : Number(HALF_BITS)
  return parts.map((bits, i) => {
    const kept = Math.min(Math.max(Number(length) - i * width, 0), width)
    return kept === 0 ? everything() : prefixRange(bits, BigInt(width - kept))
  })
}

function prefixRange(bits: bigint, free: bigint): Range {
  const low = (bits >> free) << free
  return { low, high: low | ((1n << free) - 1n) }
}

function portSide(family: Family, protocol?: MarkProtocol, ports?: PortRange): Range {
  if (protocol === undefined) return everything()
  const { first, last } = ports ?? { first: 0, last: PORT_MAX }
  const from = BigInt(NUMBERS[protocol][family]) << PORT_BITS
  return { low: from | BigInt(first), high: from | BigInt(last) }
}

function one(value: bigint): Range {
  return { low: value, high: value }
}
