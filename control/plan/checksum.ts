/**
 * What NAT to a dest adds to the sums behind the Internet checksums (RFC 1624 eqn. 3), worked out
 * once so that no packet has to. Pure. Read next: bpf/csum.h.
 */

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

function words(address: number): number[] {
  return [address >>> 16, address & 0xffff]
}

/** ipDelta and l4Delta of struct dest: request direction; a reply's are their complements. */
export function natDeltas(
  from: { address: number; port: number },
  to: { address: number; port: number },
): { ipDelta: number; l4Delta: number } {
  const old = words(from.address)
  const now = words(to.address)
  return {
    ipDelta: asRead(gain(old, now)),
    l4Delta: asRead(gain([...old, from.port], [...now, to.port])),
  }
}
