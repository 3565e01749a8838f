/** What NAT adds to checksums, against sums computed from scratch. */
import test from 'ava'
import fc from 'fast-check'
import { addressBytes, formatIpv6 } from '../../../control/model/address.ts'
import type { DestId } from '../../../control/model/service.ts'
import { natDeltas, tunnelSum } from '../../../control/plan/checksum.ts'

const port = fc.integer({ min: 0, max: 65535 })
const addresses = {
  IPv4: fc.ipV4(),
  IPv6: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => formatIpv6(bytes)),
}
const word = fc.integer({ min: 0, max: 65535 })
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function swapped(x: number): number {
  return LITTLE ? ((x & 255) << 8) | (x >> 8) : x
}

function sumOf(words: number[]): number {
  let sum = words.reduce((a, b) => a + b, 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return sum
}

function words({ address, port }: DestId): number[] {
  const bytes = Buffer.from(addressBytes(address)).subarray(address.includes(':') ? 0 : 12)
  const words = Array.from({ length: bytes.length / 2 }, (_, i) => bytes.readUInt16BE(2 * i))
  return [...words, port]
}

/** bpf/csum.h csum_update: the field after its data's sum has gained delta, as the CPU reads it. */
function update(field: number, delta: number): number {
  return ~sumOf([~swapped(field) & 0xffff, delta]) & 0xffff
}

for (const [family, address] of Object.entries(addresses)) {
  const side = fc.record({ address, port })

  test(`checksum ${family}: any rewriting and other data, the update is the sum anew`, t => {
    fc.assert(
      fc.property(side, side, fc.array(word, { maxLength: 20 }), (from, to, rest) => {
        const before = ~sumOf([...words(from), ...rest]) & 0xffff
        const after = ~sumOf([...words(to), ...rest]) & 0xffff
        const { l4Delta } = natDeltas(from, to)

        const updated = swapped(update(before, l4Delta))

        // 0 and 65535 are the same sum; data of zeros only has no other.
        return updated % 0xffff === after % 0xffff
      }),
    )
    t.pass()
  })

  test(`checksum ${family}: there and back, the reply takes off what the request put on`, t => {
    fc.assert(
      fc.property(side, side, word, (from, to, field) => {
        const { l4Delta } = natDeltas(from, to)
        const back = swapped(update(swapped(update(field, l4Delta)), 0xffff - l4Delta))

        t.is(back % 0xffff, field % 0xffff)
      }),
    )
  })

  test(`checksum ${family}: any rewriting, the sum of 16 bits is never zero`, t => {
    fc.assert(
      fc.property(side, side, (from, to) => {
        const { l4Delta } = natDeltas(from, to)

        return l4Delta > 0 && l4Delta <= 0xffff
      }),
    )
    t.pass()
  })
}

test('checksum: the IPv4 header holds no port, its delta depends on the address only', t => {
  fc.assert(
    fc.property(addresses.IPv4, addresses.IPv4, port, port, (from, to, one, two) => {
      const deltas = [one, two].map(port =>
        natDeltas({ address: from, port }, { address: to, port }),
      )
      const before = ~sumOf(words({ address: from, port: 0 })) & 0xffff
      const after = ~sumOf(words({ address: to, port: 0 })) & 0xffff

      t.is(deltas[0]?.ipDelta, deltas[1]?.ipDelta)
      t.is(swapped(update(before, deltas[0]?.ipDelta ?? 0)) % 0xffff, after % 0xffff)
    }),
  )
})

test('checksum: IPv6 headers have none, nothing is added to it', t => {
  const ends = [
    { address: '2001:db8::1', port: 80 },
    { address: '2001:db8::2', port: 8080 },
  ] as const

  t.is(natDeltas(...ends).ipDelta, 0)
})

test('checksum: nothing is rewritten, the sum gains one whole turn', t => {
  const same = { address: '192.0.2.1', port: 80 }

  t.deepEqual(natDeltas(same, same), { ipDelta: 0xffff, l4Delta: 0xffff })
})

test('checksum: any tunnel and packet, the outer header sums to what was worked out before', t => {
  const packet = fc.record({ length: word, id: word, df: fc.boolean(), ttl: fc.nat(255) })
  fc.assert(
    fc.property(addresses.IPv4, addresses.IPv4, packet, (from, to, { length, id, df, ttl }) => {
      const changing = [length, id, df ? 0x4000 : 0, (ttl << 8) | 4]
      const whole = [0x4500, ...changing, ...ends(from), ...ends(to)]

      const sum = sumOf([swapped(tunnelSum(from, to)), ...changing])

      return sum % 0xffff === sumOf(whole) % 0xffff && tunnelSum(from, to) <= 0xffff
    }),
  )
  t.pass()
})

function ends(address: string): number[] {
  return words({ address, port: 0 }).slice(0, -1)
}
