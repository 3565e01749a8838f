/** Places for schedules: never two in one, and free only after a grace period. */
import test from 'ava'
import fc from 'fast-check'
import { Regions } from '../../../control/dataplane/regions.ts'

const ROWS = 256

test('regions: any takes and returns, no two overlap and each starts at a unit', t => {
  const step = fc.oneof(
    fc.record({ take: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ giveBack: fc.nat(9) }),
    fc.constant({ begin: true as const }),
    fc.constant({ end: true as const }),
    fc.constant({ settle: true as const }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const regions = new Regions(ROWS)
      const held: { first: number; rows: number }[] = []
      const returned: { first: number; rows: number }[] = []
      let begun: { given: number; returned: typeof returned } = { given: 0, returned: [] }
      for (const s of steps) {
        if ('take' in s) {
          const first = regions.take(s.take)
          if (first === undefined) continue
          const end = first + s.take
          t.true(first % 8 === 0 && end <= ROWS)
          t.true([...held, ...returned].every(r => end <= r.first || first >= r.first + r.rows))
          held.push({ first, rows: s.take })
        } else if ('giveBack' in s) {
          for (const r of held.splice(s.giveBack, 1)) {
            regions.giveBack(r.first, r.rows)
            returned.push(r)
          }
        } else if ('begin' in s) begun = { given: regions.given, returned: [...returned] }
        else {
          const settled = 'end' in s ? begun.returned : [...returned]
          regions.settle('end' in s ? begun.given : undefined)
          for (const r of settled) if (returned.includes(r)) returned.splice(returned.indexOf(r), 1)
        }
        t.is(regions.hasReturned, returned.length > 0)
        const units = returned.reduce((sum, { rows }) => sum + Math.ceil(rows / 8), 0)
        t.is(regions.hasReturnedMuch, units > ROWS / 8 / 8)
      }
    }),
  )
})

test('regions: any takes, each is the first that is free and has room', t => {
  const step = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.record({ giveBack: fc.nat(9) }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const regions = new Regions(ROWS)
      const held: { first: number; rows: number }[] = []
      for (const s of steps) {
        if (typeof s === 'number') {
          const free = (at: number): boolean =>
            held.every(r => at + s <= r.first || at >= r.first + Math.ceil(r.rows / 8) * 8)
          const places = Array.from({ length: ROWS / 8 }, (_, unit) => unit * 8)
          const expected = places.find(at => at + s <= ROWS && free(at))
          t.is(regions.take(s), expected)
          if (expected !== undefined) held.push({ first: expected, rows: s })
        } else
          for (const { first, rows } of held.splice(s.giveBack, 1)) {
            regions.giveBack(first, rows)
            regions.settle()
          }
      }
    }),
  )
})

test('regions: all taken, there is no room until a region has settled', t => {
  const regions = new Regions(16)
  const first = regions.take(16)
  regions.giveBack(first ?? -1, 16)

  const before = regions.take(1)
  regions.settle()
  const after = regions.take(16)

  t.deepEqual([first, before, after], [0, undefined, 0])
})

test('regions: one adopted, it is not given to others', t => {
  const regions = new Regions(24)
  regions.adopt(8, 8)

  const places = [regions.take(8), regions.take(8), regions.take(1)]

  t.deepEqual(places, [0, 16, undefined])
})

test('regions: nothing given back, no grace period is owed', t => {
  const regions = new Regions(16)

  regions.giveBack(0, 0)

  t.false(regions.hasReturned)
})
