/** The word that publishes a schedule. */
import test from 'ava'
import fc from 'fast-check'
import { readScheduleWord, scheduleWord } from '../../../../control/plan/schedule/word.ts'

const place = fc.record({
  first: fc.nat(2 ** 23 - 1).map(unit => unit * 8),
  rows: fc.nat(2 ** 18 - 1),
  cursor: fc.nat(2 ** 18 - 1),
  scheduler: fc.nat(31),
})

test('schedule word: any place, reading gives what was written', t => {
  fc.assert(
    fc.property(place, place => {
      const word = scheduleWord(place)

      t.deepEqual(readScheduleWord(word), place)
      t.true(word >= 0n && word < 1n << 64n)
    }),
  )
})
