/** Rows of a mapped array: what is there already is not written again. */
import test from 'ava'
import fc from 'fast-check'
import type { BpfMap } from '../../../addon/index.ts'
import { Rows } from '../../../control/dataplane/rows.ts'

interface Pair {
  low: number
  high: number
}

/** An array map that is plain memory. */
function rows(length: number): Rows<Pair> {
  const info = { maxEntries: length, valueSize: 8 }
  const map = { mmap: () => new ArrayBuffer(8 * length), info }
  return new Rows(map as unknown as BpfMap, {
    size: 8,
    read: (v, at) => ({ low: v.getUint32(at, true), high: v.getUint32(at + 4, true) }),
    write: (v, at, row: Pair) => {
      v.setUint32(at, row.low, true)
      v.setUint32(at + 4, row.high, true)
    },
  })
}

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })

test('rows: any rows written, each reads as it was and writing again writes nothing', t => {
  fc.assert(
    fc.property(fc.array(fc.record({ low: word, high: word }), { maxLength: 16 }), pairs => {
      const table = rows(16)
      pairs.forEach((pair, i) => table.set(i, pair))

      pairs.forEach((pair, i) => {
        t.deepEqual(table.get(i), pair)
        t.false(table.set(i, pair))
      })
    }),
  )
})

test('rows: one word differs, only that word is written', t => {
  const table = rows(4)
  table.set(2, { low: 1, high: 2 })
  const words = new Uint32Array(table.buffer)
  const before = [...words]

  const written = table.set(2, { low: 1, high: 3 })

  before[5] = 3
  t.true(written)
  t.deepEqual([...words], before)
})

test('rows: one cleared, its neighbours stay', t => {
  const table = rows(3)
  for (const row of [0, 1, 2]) table.set(row, { low: 7, high: 8 })

  table.clear(1)

  t.deepEqual(
    [0, 1, 2].map(row => table.get(row).low),
    [7, 0, 7],
  )
})

test('rows: words over several rows, only those that differ are written', t => {
  const table = rows(4)
  const given = Uint32Array.of(1, 2, 3)

  t.true(table.overwrite(1, given))
  t.false(table.overwrite(1, given))
  t.deepEqual([...new Uint32Array(table.buffer)], [0, 0, 1, 2, 3, 0, 0, 0])
})
