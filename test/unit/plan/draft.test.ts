/** What the maps are told of many changes: it comes to what one by one comes to. */
import test from 'ava'
import fc from 'fast-check'
import { serviceName, type Dest, type Service } from '../../../control/model/service.ts'
import { changed, Draft } from '../../../control/plan/draft.ts'
import { emptyIntent, type Change, type Intent } from '../../../control/plan/intent.ts'
import { destWeights } from '../../../control/plan/schedule/weights.ts'
import { planOf } from '../../../control/plan/schedule/index.ts'

type Scheduler = Service['scheduler']

const service = (last: number, scheduler: Scheduler = 'rr'): Service => ({
  protocol: 'tcp',
  address: `192.0.2.${last}`,
  port: 80,
  scheduler,
})
const dest = (last: number, weight = 1): Dest => ({
  address: `10.0.0.${last}`,
  port: 80,
  fwd: 'nat',
  weight,
})
const add = (last: number, scheduler?: Scheduler): Change => ({
  op: 'addService',
  service: service(last, scheduler),
  zero: {},
})
const remove = (last: number): Change => ({ op: 'removeService', id: service(last) })
const set = (last: number, scheduler: Scheduler): Change => ({
  op: 'setService',
  service: service(last, scheduler),
})
const addDest = (s: number, d: number, weight?: number): Change => ({
  op: 'addDest',
  service: service(s),
  dest: dest(d, weight),
})
const removeDest = (s: number, d: number): Change => ({
  op: 'removeDest',
  service: service(s),
  dest: dest(d),
})

function fold(...changes: Change[]): Intent {
  return changes.reduce(changed, emptyIntent())
}

/** The steps in short: what becomes of which service, and with which dests. */
function steps(start: Intent, ...changes: Change[]): string[] {
  const draft = new Draft(start)
  for (const change of changes) draft.take(change)
  return draft.steps().map(({ name, service: told }) => {
    const last = name.split('.')[3]?.split(':')[0] ?? ''
    const dests = told?.dests.map(d => d.address.split('.')[3]).join(' ')
    return told ? `${last} ${told.service.scheduler}: ${dests ?? ''}` : `${last} gone`
  })
}

test('draft: a service and its dests added, it is told of once', t => {
  t.deepEqual(steps(emptyIntent(), add(1), addDest(1, 2), add(2), addDest(1, 3)), [
    '1 rr: 3 2',
    '2 rr: ',
  ])
})

test('draft: a service removed and added again, it is taken out between', t => {
  const start = fold(add(1), addDest(1, 2))

  t.deepEqual(steps(start, removeDest(1, 2), remove(1), add(1, 'wlc')), ['1 gone', '1 wlc: '])
  t.deepEqual(steps(start, { op: 'clear' }, add(1), remove(1)), ['1 gone'])
})

test('draft: a service added and removed, nobody is told', t => {
  t.deepEqual(steps(emptyIntent(), add(1), addDest(1, 2), remove(1)), [])
})

test('draft: a dest removed and added again, its place in the schedule goes between', t => {
  const start = fold(add(1), addDest(1, 2), addDest(1, 3))

  t.deepEqual(steps(start, removeDest(1, 2), addDest(1, 4), addDest(1, 2), addDest(1, 5)), [
    '1 rr: 4 3',
    '1 rr: 5 2 4 3',
  ])
})

test('draft: the scheduler switched, what was there before is told before', t => {
  const start = fold(add(1), addDest(1, 2))

  t.deepEqual(steps(start, addDest(1, 3), set(1, 'wrr'), addDest(1, 4), set(1, 'rr')), [
    '1 rr: 3 2',
    '1 wrr: 4 3 2',
    '1 rr: 4 3 2',
  ])
})

test('draft: a service set to what it is and a dest looked for, its dests are one array', t => {
  const start = fold(add(1), addDest(1, 2))

  const after = changed(start, set(1, 'wlc'))
  t.throws(() => changed(after, addDest(1, 2)))

  t.is(after.services[serviceName(service(1))]?.dests, start.services['tcp:192.0.2.1:80']?.dests)
})

test('draft: a service removed and added again, it comes last as it would one by one', t => {
  const start = fold(add(1), add(2))
  const draft = new Draft(start)
  for (const change of [remove(1), add(3), add(1)]) draft.take(change)

  t.deepEqual(draft.names(), ['tcp:192.0.2.2:80', 'tcp:192.0.2.3:80', 'tcp:192.0.2.1:80'])
  t.deepEqual(Object.keys(draft.intent.services), draft.names())
})

test('draft: a dest is quiesced, it remembers its last weight until it has one again', t => {
  const weigh = (weight: number): Change => ({
    ...{ op: 'setDest', service: service(1), dest: dest(2, weight) },
  })
  const last = (...changes: Change[]): number | undefined =>
    fold(add(1), ...changes).services['tcp:192.0.2.1:80']?.dests[0]?.lastWeight

  t.is(last(addDest(1, 2, 3)), undefined)
  t.is(last(addDest(1, 2, 3), weigh(0)), 3)
  t.is(last(addDest(1, 2, 3), weigh(5), weigh(0), weigh(0)), 5)
  t.is(last(addDest(1, 2, 3), weigh(0), weigh(4)), undefined)
  t.is(last(addDest(1, 2, 0), weigh(0)), undefined)
  t.is(last(addDest(1, 2, 3), weigh(0), removeDest(1, 2), addDest(1, 2, 0)), undefined)
})

const someChange = fc.oneof(
  fc.constantFrom(...[2, 3, 4, 5].map(d => removeDest(1, d))),
  fc.constantFrom<Change>(set(1, 'wrr'), set(1, 'rr'), remove(1), add(1, 'wrr')),
  fc.tuple(fc.integer({ min: 2, max: 5 }), fc.nat(12)).map(([d, weight]) => addDest(1, d, weight)),
  fc.tuple(fc.integer({ min: 2, max: 5 }), fc.nat(12)).map<Change>(([d, weight]) => ({
    op: 'setDest',
    service: service(1),
    dest: dest(d, weight),
  })),
)

/** wrr's turn as the maps have it, and the scheduler that it was left by. */
interface Turn {
  scheduler: Scheduler | undefined
  word: bigint
}

test("draft: any changes, wrr's turn is what it is after one by one", t => {
  fc.assert(
    fc.property(fc.array(someChange, { maxLength: 30 }), changes => {
      const draft = new Draft(emptyIntent())
      let one: Turn = { scheduler: undefined, word: 0n }
      for (const change of changes) {
        const before = draft.find('tcp:192.0.2.1:80')?.intent
        try {
          draft.take(change)
        } catch {
          continue
        }
        const now = draft.find('tcp:192.0.2.1:80')?.intent
        one = told(one, now, now && before?.dests !== now.dests ? [destWeights(now.dests)] : [])
      }

      const many = draft
        .steps()
        .reduce<Turn>((turn, step) => told(turn, step.service, step.touches), {
          scheduler: undefined,
          word: 0n,
        })

      t.deepEqual(many, one)
    }),
  )
})

/** What publishing makes of the turn: see publishSchedule() in tables.ts. */
function told(
  { scheduler, word }: Turn,
  now: Intent['services'][string] | undefined,
  touches: readonly ReturnType<typeof destWeights>[],
): Turn {
  if (!now) return { scheduler: undefined, word: 0n }
  const isNew = scheduler !== now.service.scheduler
  if (now.service.scheduler !== 'wrr') return { scheduler: now.service.scheduler, word: 0n }
  const heard = isNew && touches.length === 0 ? [destWeights(now.dests)] : touches
  if (heard.length === 0) return { scheduler: 'wrr', word }
  return { scheduler: 'wrr', word: planOf('wrr').turn?.(isNew ? undefined : word, heard) ?? word }
}

test('draft: any changes in place, it is what a copy is; undone, it is what it was', t => {
  const two = (change: Change): Change[] => [change, withService(change, 2)]
  const starts = [fold(), fold(add(1)), fold(add(1), addDest(1, 2), add(2), addDest(2, 3), add(3))]
  fc.assert(
    fc.property(
      fc.nat(2),
      fc.array(someChange.chain(c => fc.constantFrom(...two(c)))),
      (at, given) => {
        const start = structuredClone(starts[at]) as Intent
        const before = structuredClone(start)
        const draft = new Draft(start)
        for (const change of given) attempt(draft, change)
        const copy = structuredClone(draft.intent)

        const made = draft.inPlace()

        t.is(textOf(made.after), textOf(copy))
        for (const { name } of draft.steps())
          t.deepEqual(made.before.services[name], before.services[name])
        t.is(textOf(made.undo()), textOf(before))
      },
    ),
    { numRuns: 500 },
  )
})

test('draft: services of a file, then a clear, they go and come back where added', t => {
  const put = (last: number) => ({ service: service(last, 'sed'), dests: [dest(2)] })
  const rest = { removes: [], attaches: [], detaches: [], zero: {} }
  const file: Change = { op: 'apply', puts: [put(1), put(2)], ...rest }
  const draft = new Draft(emptyIntent())

  for (const change of [add(3), file, { op: 'clear' } as const, add(2), file]) draft.take(change)

  const names = [service(2), service(1)].map(serviceName)
  t.deepEqual(Object.keys(draft.intent.services), names)
  t.deepEqual(draft.names(), names)
})

/** With the order of its parts. */
function textOf(intent: Intent): string {
  return JSON.stringify(intent)
}

function withService(change: Change, s: number): Change {
  const address = `192.0.2.${s}`
  if ('service' in change && typeof change.service === 'object')
    return { ...change, service: { ...change.service, address } } as Change
  return change.op === 'removeService' ? remove(s) : change
}

/** What is refused changes nothing. */
function attempt(draft: Draft, change: Change): void {
  try {
    draft.take(change)
  } catch {
    // told elsewhere
  }
}
