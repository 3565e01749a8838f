/** What is between two lists' common ends: found by looking, and known where one grew. */
import test from 'ava'
import fc from 'fast-check'
import { grown, middles, replaced } from '../../../control/plan/middles.ts'

const list = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 8 })

test('middles: any two lists, with their middles changed they are each other', t => {
  fc.assert(
    fc.property(list, list, (a, b) => {
      const [gone, come, start] = middles(a, b)

      t.deepEqual(a.toSpliced(start, gone.length, ...come), b)
      t.deepEqual(a.slice(start, start + gone.length), gone)
      t.true(gone.length === 0 || come.length === 0 || gone[0] !== come[0])
    }),
  )
})

test('middles: a list grown in front, what was added is between and nothing has gone', t => {
  fc.assert(
    fc.property(list, list, list, (added, rest, other) => {
      const whole = grown(added, rest)

      t.deepEqual(whole, [...added, ...rest])
      t.deepEqual(middles(rest, whole), [[], added, 0])
      const [gone] = middles(other, whole)
      t.true(gone.length <= other.length)
      t.deepEqual(middles(rest, whole)[0], [])
    }),
  )
})

test('middles: one of a list replaced, it and what came are between', t => {
  fc.assert(
    fc.property(list, fc.integer(), list, list, (head, one, tail, come) => {
      const before = [...head, one, ...tail]
      const whole = replaced(before, head.length, come)

      t.deepEqual(whole, [...head, ...come, ...tail])
      t.deepEqual(middles(before, whole), [[one], come, head.length])
    }),
  )
})
