/**
 * A packet makes a connection from a template at the instant at which the daemon ends it: neither
 * is the connection left with a template that is gone, nor is anything counted twice.
 */
import test from 'ava'
import type { BpfMap } from '../../../addon/index.ts'
import { CONN4, DEST_CONNS, LIFE, LIMIT, SLOT_WORD } from '../../../control/abi/maps.gen.ts'
import { minuteAfter } from '../../../control/dataplane/control.ts'
import { dropEntries } from '../../../control/dataplane/ending.ts'
import type { CallMaps } from '../../../control/dataplane/calls.ts'
import { repair, sweep, type SweepTables } from '../../../control/dataplane/sweep.ts'

const SLOTS = LIMIT.SLOTS_PER_BUCKET
const DEST = 1
const CONTROLS = 1

/** A table whose slot 0 is a template of a dest, over its time. */
function world(life: number, controls: number) {
  const tables: SweepTables = {
    family: 0,
    conns: new ArrayBuffer(SLOTS * CONN4.size),
    cold: new ArrayBuffer(SLOTS * 8),
    second: 1,
    destConns: new ArrayBuffer(2 * DEST_CONNS.size),
    stash: { lookup: () => undefined, delete: () => false } as unknown as BpfMap,
    calls: {} as unknown as CallMaps,
    stashFirst: SLOTS,
    gracePeriod: () => undefined,
  }
  const words = new Uint32Array(tables.conns)
  const cold = new Int32Array(tables.cold)
  const counts = new Int32Array(tables.destConns)
  words[0] = life | (SLOT_WORD.CONN_TEMPLATE << SLOT_WORD.WORD_FLAGS_SHIFT)
  words[1] = DEST << (SLOT_WORD.WORD_DEST_SHIFT - 32)
  words[CONN4.deadline / 4] = 1000
  words[CONN4.partner / 4] = LIMIT.NONE
  cold.set([100, controls])
  const persistent = (DEST * DEST_CONNS.size + DEST_CONNS.persistent) / 4
  counts[persistent] = 1
  return {
    ...{ tables, words, cold, counts, persistent },
    life: () => (words[0] ?? 0) & SLOT_WORD.WORD_LIFE_MASK,
  }
}

test('templates: drop_entry ends one as a packet takes it, it is there again', t => {
  const { tables, words, cold, counts, persistent, life } = world(LIFE.LIFE_VALID, 0)
  let looks = 0
  const racing = {
    ...tables,
    get cold() {
      if (++looks === 2) cold[CONTROLS] = 1
      return tables.cold
    },
  }

  dropEntries(racing, 900, () => 0)

  t.is(looks, 2)
  t.is(life(), LIFE.LIFE_VALID)
  t.is(counts[persistent], 1)
  t.is(cold[0], 100)
  t.is(words[CONN4.deadline / 4], 1000)
})

test('templates: drop_entry ends one that nobody takes', t => {
  const { tables, counts, persistent, life } = world(LIFE.LIFE_VALID, 0)

  t.is(
    dropEntries(tables, 900, () => 0),
    1,
  )
  t.is(life(), LIFE.LIFE_ENDED)
  t.is(counts[persistent], 0)
})

test('templates: a packet ends one over its time under the sweep, it is counted once', t => {
  const { tables, words, cold, counts, persistent, life } = world(LIFE.LIFE_VALID, 0)

  sweep(tables, 2000, () => {
    words[0] = ((words[0] ?? 0) & ~SLOT_WORD.WORD_LIFE_MASK) | LIFE.LIFE_ENDED
    counts[persistent] = 0
    cold[CONTROLS] = 1
  })

  t.is(life(), LIFE.LIFE_EMPTY)
  t.is(counts[persistent], 0)
})

test('templates: xlvsd dies as it was to give one back to its connection, repair does it', t => {
  const { tables, cold, life } = world(LIFE.LIFE_DEAD, 1)

  repair(tables)

  t.is(life(), LIFE.LIFE_VALID)
  t.deepEqual([...cold.subarray(0, 2)], [100, 1])
})

test('templates: xlvsd dies as one goes, repair frees it', t => {
  const { tables, cold, life } = world(LIFE.LIFE_DEAD, 0)

  t.is(repair(tables), 1)
  t.is(life(), LIFE.LIFE_EMPTY)
  t.is(cold[0], 0)
})

test('templates: minutes in a row are of 61.44 s, the first begins within 2.5 s', t => {
  for (const second of [31.25, 100]) {
    const first = minuteAfter(1000, second)
    const deadlines = [first]
    for (let n = 0; n < 5; n++) deadlines.push(minuteAfter(deadlines[n] ?? 0, second))

    const late = (first - 1000) / second - 60
    t.true(late >= 0.5 && late <= 2.6, `${String(late)} s late`)
    const minutes = deadlines.slice(1).map((at, n) => (at - (deadlines[n] ?? 0)) / second)
    for (const minute of minutes) t.true(Math.abs(minute - 61.44) < 0.04, `${String(minute)} s`)
  }
})
