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

test('sizes: any number of slots, a power of two that holds them within the limits', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 2 ** 30 }), slots => {
      const sizes = sizesFor(slots, 4)

      t.true(Number.isInteger(Math.log2(sizes.slots)))
      t.true(sizes.slots >= Math.min(slots, 2 ** 28) && sizes.slots >= 1024)
      t.true(sizes.slots < 2 * Math.max(slots, 1024))
      t.is(buckets(sizes) * 8, sizes.slots)
    }),
  )
})

test('sizes: any number of slots, the stash is a power of two of buckets', t => {
  for (let bits = 0; bits <= 28; bits++) {
    const count = stashBuckets(sizesFor(2 ** bits, 4))

    t.true(count >= 4 && Number.isInteger(Math.log2(count)))
  }
})

test('sizes: a million slots on eight CPUs, what they cost', t => {
  const sizes = sizesFor(1_000_000, 8)

  t.is(sizes.slots, 2 ** 20)
  t.is(sizes.cpus, 8)
  t.true(memoryBytes(sizes) > 2 ** 25 && memoryBytes(sizes) < 2 ** 26)
})

test('sizes: every dest in a service of its own, all have rows twice over', t => {
  const sizes = sizesFor(1024, 1)
  const unit = (rows: number): number => 8 * Math.ceil(rows / 8)

  const needed = 2 * sizes.services * unit(1 + sizes.dests / sizes.services)

  t.true(scheduleRows(sizes) >= needed)
})
