/** What a file makes of the mark rules, and how that is told. */
import test from 'ava'
import { parseMarkRule } from '../../../../control/config/mark_line.ts'
import { emptyConfiguration } from '../../../../control/model/configuration.ts'
import { markRuleText, type MarkRule } from '../../../../control/model/mark.ts'
import type { Origin } from '../../../../control/model/origin.ts'
import { desired } from '../../../../control/plan/desired.ts'
import { bulkChange, difference } from '../../../../control/plan/diff.ts'
import { changed } from '../../../../control/plan/draft.ts'
import { emptyIntent, type Intent } from '../../../../control/plan/intent.ts'

const MINE: Origin = 'file /lvs.yaml'
const [ONE, TWO, THREE] = ['to 192.0.2.1 mark 1', 'to 192.0.2.2 mark 2', 'to 192.0.2.3 mark 3']

function intentOf(...rules: [string, Origin][]): Intent {
  return {
    ...emptyIntent(),
    marks: rules.map(([text, origin]) => ({ ...parseMarkRule(text), origin })),
  }
}

function apply(before: Intent, lines: string[], takeOver = false) {
  const marks = lines.map(parseMarkRule)
  const wish = { configuration: { ...emptyConfiguration(), marks }, origin: MINE, takeOver }
  const { after, othersCount } = desired(before, wish)
  const items = difference(before, after).items.map(({ sign, name, details }) =>
    [sign, name, details].join(' '),
  )
  const change = bulkChange(before, after)
  if (change) changed(before, change)
  return { after, othersCount, items, change }
}

const texts = (marks: readonly MarkRule[]): string[] => marks.map(markRuleText)

test('marks desired: new, changed and removed rules, each is told', t => {
  const before = intentOf([ONE, MINE], [TWO, MINE], ['to 192.0.2.9 mark 9', 'command'])

  const { after, othersCount, items } = apply(before, ['to 192.0.2.2 mark 7', THREE])

  t.deepEqual(texts(after.marks), ['to 192.0.2.2 mark 7', THREE, 'to 192.0.2.9 mark 9'])
  t.deepEqual(items, [
    'removed to 192.0.2.1 mark 1',
    'changed to 192.0.2.2 mark 2 to 7',
    'added to 192.0.2.3 mark 3',
  ])
  t.is(othersCount, 1)
})

test('marks desired: the same again, nothing changes', t => {
  const before = intentOf([ONE, MINE], [TWO, MINE], [THREE, 'command'])

  const { after, change } = apply(before, [ONE, TWO])

  t.is(after.marks, before.marks)
  t.is(change, undefined)
})

test('marks desired: another order alone, it is told as one change', t => {
  const { after, items } = apply(intentOf([ONE, MINE], [TWO, MINE]), [TWO, ONE])

  t.deepEqual(texts(after.marks), [TWO, ONE])
  t.deepEqual(items, ['changed rules in another order'])
})

test('marks desired: as others have it, it is left alone; otherwise it is refused or taken', t => {
  const before = intentOf([ONE, 'command'])

  t.is(apply(before, [ONE]).after.marks, before.marks)
  t.like(
    t.throws(() => apply(before, ['to 192.0.2.1 mark 5'])),
    { code: 'OWNED_BY_OTHER' },
  )
  const taken = apply(before, ['to 192.0.2.1 mark 5'], true)
  t.like(taken.after.marks, [{ mark: 5, origin: MINE }])
  t.deepEqual(taken.items, ['changed to 192.0.2.1 mark 1 to 5, taken over from command'])
})
