/** What is between two lists' common ends: found by looking, and known where one grew. */
import test from 'ava'
import fc from 'fast-check'
import { grown, middles } from '../../../control/plan/middles.ts'

const list = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 })

test('middles: any two lists, with their middles changed they are each other', t => {
  fc.assert(
    fc.property(list, list, (a, b) => {
      const [gone, come] = middles(a, b)

      const starts = Array.from({ length: a.length - gone.length + 1 }, (_, start) => start)
      const made = starts.map(start => a.toSpliced(start, gone.length, ...come))
      t.true(made.some(one => one.length === b.length && one.every((item, i) => item === b[i])))
    }),
  )
})

test('middles: a list grown in front, what was added is between and nothing has gone', t => {
  fc.assert(
    fc.property(list, list, list, (added, rest, other) => {
      const whole = grown(added, rest)

      t.deepEqual(whole, [...added, ...rest])
      t.deepEqual(middles(rest, whole), [[], added])
      const [gone] = middles(other, whole)
      t.true(gone.length <= other.length)
      t.deepEqual(middles(rest, whole)[0], [])
    }),
  )
})
