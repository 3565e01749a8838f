/** Many entries by one call: whole maps of every size, and batches that fail half way. */
import { possibleCpus } from '../../addon/index.ts'
import {
  makeMap,
  MAP_ARRAY,
  MAP_HASH,
  MAP_LPM_TRIE,
  MAP_LRU_HASH,
  MAP_PERCPU_HASH,
  MAP_RINGBUF,
  privileged,
  refused,
} from './tiny.ts'

/** Keys 1 to `count`, and values ten times as large. */
function entries(count: number): [keys: Uint8Array, values: Uint8Array] {
  const keys = Uint32Array.from({ length: count }, (_, i) => i + 1)
  const values = BigUint64Array.from({ length: count }, (_, i) => BigInt(i + 1) * 10n)
  return [new Uint8Array(keys.buffer), new Uint8Array(values.buffer)]
}

/** What a batch read, as a table. */
function table(read: { keys: Uint8Array; values: Uint8Array }): Map<number, bigint> {
  const keys = new Uint32Array(read.keys.buffer)
  const values = new BigUint64Array(read.values.buffer)
  return new Map(Array.from(keys, (key, i) => [key, values[i] ?? -1n]))
}

for (const count of [0, 1, 8, 4096, 4097, 100_000])
  for (const [name, type] of [
    ['hash', MAP_HASH],
    ['LRU hash', MAP_LRU_HASH],
  ] as const)
    privileged(`batch: a ${name} of ${String(count)} entries, all are read back`, t => {
      const map = makeMap(t, { type, maxEntries: Math.max(count * 2, 1) })

      map.updateBatch(...entries(count), count)
      const read = map.lookupBatch()

      t.is(read.count, count)
      t.is(read.keys.length, 4 * count)
      t.is(read.values.length, 8 * count)
      const found = table(read)
      t.is(found.size, count)
      for (let i = 1; i <= count; i++) if (found.get(i) !== BigInt(i) * 10n) t.fail(String(i))
    })

privileged('batch: a bucket of more than was asked for, it is read and cut', t => {
  // Two entries in two buckets: in one of so many maps, seeded at random, they share one.
  for (let i = 0; i < 50; i++) {
    const map = makeMap(t, { maxEntries: 2 })
    map.updateBatch(...entries(2), 2)

    t.is(map.lookupBatch(1).count, 1)
    t.is(table(map.lookupBatch(2)).size, 2)
  }
})

privileged('batch: at most as many as asked, the first of the whole walk come', t => {
  const map = makeMap(t, { type: MAP_ARRAY, maxEntries: 10_000 })

  const read = map.lookupBatch(5000)

  t.is(read.count, 5000)
  t.deepEqual(new Uint32Array(read.keys.buffer).slice(4997), Uint32Array.of(4997, 4998, 4999))
  t.is(map.lookupBatch(0).count, 0)
})

privileged('batch: a per-CPU hash, a value has every CPU', t => {
  const map = makeMap(t, { type: MAP_PERCPU_HASH, valueSize: 4, maxEntries: 100 })
  const size = 8 * possibleCpus()
  const [keys] = entries(50)

  map.updateBatch(keys, new Uint8Array(size * 50).fill(1), 50)
  const read = map.lookupBatch()

  t.is(read.count, 50)
  t.is(read.values.length, size * 50)
})

privileged('batch: a trie, its long keys are read back', t => {
  // The longest a trie takes: the kernel keeps its place in as many bytes.
  const size = 260
  const map = makeMap(t, { type: MAP_LPM_TRIE, keySize: size, flags: 1, maxEntries: 300 })
  const keys = new Uint8Array(size * 256)
  for (let i = 0; i < 256; i++) keys.set([128, 0, 0, 0, 0x20, 1, 0, 0, 0, i], size * i)

  map.updateBatch(keys, new Uint8Array(8 * 256), 256)

  const read = map.lookupBatch()
  t.is(read.count, 256)
  t.deepEqual(
    Array.from({ length: 256 }, (_, i) => read.keys[size * i + 9] ?? -1).toSorted((a, b) => a - b),
    Array.from({ length: 256 }, (_, i) => i),
  )
})

privileged('batch: a map without entries to list, the kernel says it cannot', t => {
  const map = makeMap(t, { type: MAP_RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096 })

  refused(t, 'ENOTSUPP', () => map.lookupBatch())
})

privileged('batch: deleted, keys not there are passed over and not counted', t => {
  const map = makeMap(t, { maxEntries: 100 })
  map.updateBatch(...entries(50), 50)
  for (let i = 1; i <= 50; i += 7) map.delete(new Uint8Array(Uint32Array.of(i).buffer))

  const deleted = map.deleteBatch(entries(60)[0], 60)

  t.is(deleted, 42)
  t.is(map.lookupBatch().count, 0)
  t.is(map.deleteBatch(entries(3)[0], 3), 0)
  t.is(map.deleteBatch(new Uint8Array(0), 0), 0)
})

privileged('batch: more than fits, the error says how many were written', t => {
  const map = makeMap(t, { maxEntries: 10 })

  const error = refused(t, 'E2BIG', () => {
    map.updateBatch(...entries(20), 20)
  })

  t.regex(error.message, /10 of 20 entries written/)
  t.is(map.lookupBatch().count, 10)
})

privileged('batch: arrays shorter than count, EINVAL before the kernel reads beyond', t => {
  const map = makeMap(t)
  const [keys, values] = entries(3)

  for (const wrong of [
    () => {
      map.updateBatch(keys, values, 4)
    },
    () => {
      map.updateBatch(keys, values.subarray(1), 3)
    },
    () => map.deleteBatch(keys, 4),
    () => map.deleteBatch(keys, 2 ** 32 - 1),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, /are \d+ bytes, \d+ entries of map '' take \d+/)
  refused(t, 'EINVAL', () => map.deleteBatch(keys, -1))
})
