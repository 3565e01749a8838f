/**
 * What NAT and tunnels add to the sums behind Internet checksums (RFC 1624 eqn. 3), worked out
 * once so that no packet has to. Pure. Read next: bpf/csum.h.
 */
import { addressBytes, familyOf, parseIpv4 } from '../model/address.ts'
import type { DestId } from '../model/service.ts'

const HOST_IS_LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/** A one's-complement sum folded to 16 bits. */
function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

/** In the byte order in which the data plane reads the packet: sums commute with swapping. */
function asRead(sum: number): number {
  return HOST_IS_LITTLE ? ((sum & 0xff) << 8) | (sum >> 8) : sum
}

/** The gain of a sum when `from` turns into `to`; lists of 16-bit words. */
function gain(from: number[], to: number[]): number {
  const sum = from.reduce((all, word) => all + (0xffff - word), 0)
  return fold(to.reduce((all, word) => all + word, sum))
}

/** The 16-bit words of an address: two of an IPv4, eight of an IPv6 one. */
function words(address: string): number[] {
  const value = parseIpv4(address)
  if (value !== undefined) return [value >>> 16, value & 0xffff]
  const bytes = addressBytes(address)
  const words: number[] = []
  for (let at = 0; at < bytes.length; at += 2)
    words.push(((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0))
  return words
}

/**
 * ipDelta and l4Delta of struct dest: request direction; a reply's are their complements. Both
 * addresses are of one family. IPv6 headers have no checksum: ipDelta is 0.
 */
export function natDeltas(from: DestId, to: DestId): { ipDelta: number; l4Delta: number } {
  const old = words(from.address)
  const now = words(to.address)
  return {
    ipDelta: familyOf(from.address) === 6 ? 0 : asRead(gain(old, now)),
    l4Delta: asRead(gain([...old, from.port], [...now, to.port])),
  }
}

/** Version 4, a header of five words, type of service 0. */
const FIRST_WORD = 0x4500

/**
 * sum of struct tunnel: the words of a tunnel's outer IPv4 header that are the same in every
 * packet: the first and the addresses. Length, id, fragment, TTL and protocol are added per packet.
 */
export function tunnelSum(source: string, dest: string): number {
  const all = [FIRST_WORD, ...words(source), ...words(dest)]
  return asRead(fold(all.reduce((sum, word) => sum + word, 0)))
}
