/** What NAT adds to checksums, against sums computed from scratch. */
import test from 'ava'
import fc from 'fast-check'
import { natDeltas } from '../../../control/plan/checksum.ts'

const side = fc.record({
  address: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  port: fc.integer({ min: 0, max: 65535 }),
})
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

function words({ address, port }: { address: number; port: number }): number[] {
  return [address >>> 16, address & 0xffff, port]
}

/** bpf/csum.h csum_update: the field after its data's sum has gained delta, as the CPU reads it. */
function update(field: number, delta: number): number {
  return ~sumOf([~swapped(field) & 0xffff, delta]) & 0xffff
}

test('checksum: any rewriting and other data, the update is the recomputation', t => {
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

test('checksum: there and back again, the reply takes off what the request put on', t => {
  fc.assert(
    fc.property(side, side, word, (from, to, field) => {
      const { ipDelta, l4Delta } = natDeltas(from, to)
      for (const delta of [ipDelta, l4Delta]) {
        const back = swapped(update(swapped(update(field, delta)), 0xffff - delta))

        t.is(back % 0xffff, field % 0xffff)
      }
    }),
  )
})

test('checksum: the header holds no port, its delta depends on the address only', t => {
  fc.assert(
    fc.property(side, side, word, word, (from, to, one, two) => {
      const other = natDeltas({ ...from, port: one }, { ...to, port: two })

      t.is(other.ipDelta, natDeltas(from, to).ipDelta)
    }),
  )
})

test('checksum: nothing is rewritten, the sum gains one whole turn', t => {
  const same = { address: 0xc0000201, port: 80 }

  t.deepEqual(natDeltas(same, same), { ipDelta: 0xffff, l4Delta: 0xffff })
})

test('checksum: any rewriting, the deltas are sums of 16 bits and never zero', t => {
  fc.assert(
    fc.property(side, side, (from, to) => {
      const { ipDelta, l4Delta } = natDeltas(from, to)

      return [ipDelta, l4Delta].every(delta => delta > 0 && delta <= 0xffff)
    }),
  )
  t.pass()
})
