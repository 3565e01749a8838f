/** Counts put right from the table, over made-up buffers. */
import test from 'ava'
import { DEST_CONNS, LIFE, SLOT_WORD } from '../../../control/abi/maps.gen.ts'
import { startRecount } from '../../../control/dataplane/recount.ts'
import { both, FAMILIES, SLOT } from '../../../control/dataplane/slots.ts'

const DESTS = 4
const WORDS = DEST_CONNS.size / 4
/** The first dest's active connections, among all words. */
const ACTIVE = WORDS

/**
 * Tables whose slots, of either family in turn, belong to these dests; `inactive` ones by a minus:
 * [1, -1].
 */
function world(slots: number[], counts: [active: number, inactive: number][]) {
  const conns = both(family => ({ family, conns: new ArrayBuffer(8 * SLOT[family].size) }))
  const words = conns.map(table => new BigUint64Array(table.conns))
  slots.forEach((dest, slot) => {
    const flags = dest < 0 ? SLOT_WORD.CONN_INACTIVE << SLOT_WORD.WORD_FLAGS_SHIFT : 0
    const id = BigInt(Math.abs(dest)) << BigInt(SLOT_WORD.WORD_DEST_SHIFT)
    const family = FAMILIES[slot % FAMILIES.length] ?? FAMILIES[0]
    const table = words[family]
    if (table) table[(slot * SLOT[family].size) / 8] = BigInt(LIFE.LIFE_VALID | flags) | id
  })
  const destConns = new ArrayBuffer(DESTS * DEST_CONNS.size)
  const counted = new Int32Array(destConns)
  counts.forEach((pair, dest) => {
    counted.set(pair, (dest * DEST_CONNS.size) / 4)
  })
  const shown = (): number[] =>
    [0, 1, 2].flatMap(dest => [...counted.subarray(dest * WORDS, dest * WORDS + 2)])
  return { conns, destConns, counted, shown }
}

test('recount: counts that agree with the table, nothing is touched', t => {
  const { conns, destConns, shown } = world(
    [1, -1, 2],
    [
      [0, 0],
      [1, 1],
      [1, 0],
    ],
  )

  const done = startRecount(conns, destConns).look()

  t.true(done)
  t.deepEqual(shown(), [0, 0, 1, 1, 1, 0])
})

test('recount: a dest counted too high and one too low, three looks put them right', t => {
  const { conns, destConns, shown } = world(
    [1, -1, 2],
    [
      [0, 0],
      [3, 1],
      [0, 7],
    ],
  )
  const recount = startRecount(conns, destConns)

  const looks = [recount.look(), recount.look(), recount.look()]

  t.deepEqual(looks, [false, false, true])
  t.deepEqual(shown(), [0, 0, 1, 1, 1, 0])
  t.is(recount.corrected, 3)
})

test('recount: a count that moves between looks, it is left alone', t => {
  const { conns, destConns, counted } = world(
    [1],
    [
      [0, 0],
      [2, 0],
    ],
  )
  const recount = startRecount(conns, destConns)

  recount.look()
  counted[ACTIVE] = 3
  recount.look()
  recount.look()

  t.is(counted[ACTIVE], 3)
})

test('recount: a difference that goes by itself, nothing is touched', t => {
  const { conns, destConns, counted } = world(
    [1],
    [
      [0, 0],
      [2, 0],
    ],
  )
  const recount = startRecount(conns, destConns)

  recount.look()
  counted[ACTIVE] = 1
  const done = recount.look()

  t.true(done)
  t.is(counted[ACTIVE], 1)
})

test('recount: connections come while it looks, what it missed is not taken off', t => {
  const { conns, destConns, counted } = world(
    [1],
    [
      [0, 0],
      [1, 0],
    ],
  )
  let comes = true
  const recount = startRecount(conns, destConns, (_, length) => {
    const there = new Int32Array(length)
    there[ACTIVE] = counted[ACTIVE] ?? 0
    if (comes) counted[ACTIVE] = (counted[ACTIVE] ?? 0) + 1
    return there
  })

  const looks = [recount.look(), recount.look(), recount.look(), recount.look()]
  comes = false

  t.deepEqual(looks, [false, false, false, false])
  t.true(recount.look())
  t.is(counted[ACTIVE], 5)
})

test('recount: a dest that is never at rest, it is left alone in the end', t => {
  const { conns, destConns, counted } = world(
    [1],
    [
      [0, 0],
      [3, 0],
    ],
  )
  const recount = startRecount(conns, destConns, (_, length) => {
    counted[ACTIVE] = (counted[ACTIVE] ?? 0) + 1
    return new Int32Array(length)
  })

  let looks = 1
  while (!recount.look()) looks++

  t.is(looks, 20)
  t.is(counted[ACTIVE], 23)
})

test('recount: thresholds beside the counts, they stay; what was overloaded may be free', t => {
  const { conns, destConns, counted } = world(
    [1],
    [
      [0, 0],
      [4, 0],
    ],
  )
  const limits = [1, 0, 4, 3, 7] // overloaded, persistent, upper, lower, weight
  counted.set(limits, ACTIVE + 2)
  const recount = startRecount(conns, destConns)

  while (!recount.look());

  t.deepEqual([...counted.subarray(ACTIVE, ACTIVE + 7)], [1, 0, 0, 0, 4, 3, 7])
})
