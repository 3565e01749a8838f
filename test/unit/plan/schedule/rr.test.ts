/** Schedules of rr, against the kernel's list walked naively. */
import test from 'ava'
import fc from 'fast-check'
import { LIMIT, type ScheduleRow } from '../../../../control/abi/maps.gen.ts'
import { rr } from '../../../../control/plan/schedule/rr.ts'
import type { Candidate } from '../../../../control/plan/schedule/scheduler.ts'

type Dest = Pick<Candidate, 'id' | 'weight'>

function rowsOf(dests: Dest[]): ScheduleRow[] {
  const candidates: Candidate[] = dests.map(d => ({ ...d, address: '10.0.0.2', port: 80 }))
  return rr.rows({ dests: candidates, settings: {} }, [])
}

function moved(before: ScheduleRow[], cursor: number, now: ScheduleRow[]): number | undefined {
  return rr.cursor?.(before, cursor, now)
}

/** ip_vs_rr.c: a list, newest first, and a pointer to the last used, or to the head. */
class Kernel {
  list: Dest[] = []
  last: Dest | 'head' = 'head'

  add(dest: Dest): void {
    this.list.unshift(dest)
  }

  remove(id: number): void {
    const at = this.list.findIndex(d => d.id === id)
    if (this.last !== 'head' && this.last.id === id) this.last = this.list[at - 1] ?? 'head'
    this.list.splice(at, 1)
  }

  pick(): number {
    const from = this.last === 'head' ? -1 : this.list.indexOf(this.last)
    const turn = [...this.list.slice(from + 1), ...this.list.slice(0, from + 1)]
    const found = turn.find(d => d.weight > 0)
    if (!found) return LIMIT.NONE
    this.last = found
    return found.id
  }
}

/** What the data plane does with the rows, and the daemon with the cursor. */
class Rows {
  rows: ScheduleRow[] = rowsOf([])
  cursor = 0

  publish(dests: Dest[]): void {
    const next = rowsOf(dests)
    this.cursor = moved(this.rows, this.cursor, next) ?? NaN
    this.rows = next
  }

  pick(): number {
    const next = this.rows[this.cursor]?.value ?? LIMIT.NONE
    if (next === LIMIT.NONE) return LIMIT.NONE
    this.cursor = next
    return this.rows[next]?.dest ?? LIMIT.NONE
  }
}

type Step =
  | { op: 'add'; weight: number }
  | { op: 'remove'; at: number }
  | { op: 'weight'; at: number; weight: number }
  | { op: 'pick'; times: number }

const weight = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constant('add' as const), weight }),
  fc.record({ op: fc.constant('remove' as const), at: fc.nat(9) }),
  fc.record({ op: fc.constant('weight' as const), at: fc.nat(9), weight }),
  fc.record({ op: fc.constant('pick' as const), times: fc.integer({ min: 1, max: 5 }) }),
)

/** Does one step in both; the picks of each. */
function both(kernel: Kernel, rows: Rows, step: Step, id: number): [number[], number[]] {
  const picks = (from: { pick(): number }, times: number): number[] =>
    Array.from({ length: times }, () => from.pick())
  if (step.op === 'pick') return [picks(kernel, step.times), picks(rows, step.times)]
  if (step.op === 'add') kernel.add({ id, weight: step.weight })
  else {
    const dest = kernel.list[step.at % Math.max(1, kernel.list.length)]
    if (dest && step.op === 'remove') kernel.remove(dest.id)
    if (dest && step.op === 'weight') dest.weight = step.weight
  }
  rows.publish(kernel.list)
  return [[], []]
}

test('rr: any edits and picks one after another, the picks are the kernel list', t => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const kernel = new Kernel()
      const rows = new Rows()
      steps.forEach((step, i) => {
        const [expected, picked] = both(kernel, rows, step, 100 + i)

        t.deepEqual(picked, expected)
      })
    }),
    { numRuns: 500 },
  )
})

test('rr: any dests, each usable one is picked once a round, newest first', t => {
  fc.assert(
    fc.property(fc.array(weight, { maxLength: 20 }), weights => {
      const rows = new Rows()
      const dests = weights.map((weight, id) => ({ id, weight }))
      rows.publish(dests)
      const usable = dests.filter(d => d.weight > 0).map(d => d.id)

      for (const id of [...usable, ...usable]) t.is(rows.pick(), id)
    }),
  )
})

test('rr: no dest at all, one row from which nothing follows', t => {
  t.deepEqual(rowsOf([]), [{ dest: LIMIT.NONE, value: LIMIT.NONE }])
})

test('cursor: it stood at the head, it stays at the head', t => {
  const at = (...ids: number[]): ScheduleRow[] => rowsOf(ids.map(id => ({ id, weight: 1 })))

  t.is(moved(at(7, 8), 2, at(9, 7, 8)), 3)
  t.is(moved([], 0, at(7)), 1)
})
