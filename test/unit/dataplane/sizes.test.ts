/** How large the tables become. */
import test from 'ava'
import fc from 'fast-check'
import {
  buckets,
  memoryBytes,
  scheduleRows,
  sizesFor,
  stashBuckets,
} from '../../../control/dataplane/sizes.ts'
import { FAMILIES } from '../../../control/dataplane/slots.ts'

test('sizes: any number of slots, a power of two that holds them within the limits', t => {
  const slots = fc.integer({ min: 1, max: 2 ** 30 })
  fc.assert(
    fc.property(slots, slots, (ipv4, ipv6) => {
      const sizes = sizesFor([ipv4, ipv6], 4)
      const wanted = [ipv4, ipv6]

      for (const family of FAMILIES) {
        const now = sizes.slots[family]
        const asked = wanted[family] ?? 0
        t.true(Number.isInteger(Math.log2(now)))
        t.true(now >= Math.min(asked, 2 ** 28) && now >= 1024)
        t.true(now < 2 * Math.max(asked, 1024))
        t.is(buckets(sizes, family) * 8, now)
      }
    }),
  )
})

test('sizes: any number of slots, the stash is a power of two of buckets', t => {
  for (let bits = 0; bits <= 28; bits++)
    for (const family of FAMILIES) {
      const count = stashBuckets(sizesFor([2 ** bits, 2 ** bits], 4), family)

      t.true(count >= 4 && Number.isInteger(Math.log2(count)))
    }
})

test('sizes: slots more or less, each family costs its own', t => {
  const bytes = (ipv4: number, ipv6: number): number => memoryBytes(sizesFor([ipv4, ipv6], 8))

  const [ipv4, ipv6] = [bytes(2 ** 21, 2 ** 20), bytes(2 ** 20, 2 ** 21)]

  // The stash is one slot in 64 more; a slot's cold row is 8 bytes.
  const more = 2 ** 20 * (1 + 1 / 64)
  t.is(ipv4 - bytes(2 ** 20, 2 ** 20), 40 * more)
  t.is(ipv6 - bytes(2 ** 20, 2 ** 20), 72 * more)
})

test('sizes: a million slots on eight CPUs, what they cost', t => {
  const sizes = sizesFor([1_000_000, 250_000], 8)

  t.deepEqual(sizes.slots, [2 ** 20, 2 ** 18])
  t.is(sizes.cpus, 8)
  t.true(memoryBytes(sizes) > 2 ** 26 && memoryBytes(sizes) < 1.25 * 2 ** 27)
})

test('sizes: every dest in a service of its own, all have rows twice over', t => {
  const sizes = sizesFor([1024, 1024], 1)
  const unit = (rows: number): number => 8 * Math.ceil(rows / 8)

  const needed = 2 * sizes.services * unit(1 + sizes.dests / sizes.services)

  t.true(scheduleRows(sizes) >= needed)
})
