/** The list of mark rules: its order, and what changes make of it. */
import test from 'ava'
import { parseMarkMatch, parseMarkRule } from '../../../../control/config/mark_line.ts'
import { markRuleText, type MarkRule } from '../../../../control/model/mark.ts'
import type { Origin } from '../../../../control/model/origin.ts'
import { withFileRules, withoutRules, withRules } from '../../../../control/plan/marks/list.ts'

const rule = (text: string, origin: Origin = 'command'): MarkRule => ({
  ...parseMarkRule(text),
  origin,
})
const texts = (rules: readonly MarkRule[]): string[] => rules.map(markRuleText)
const [ONE, TWO, THREE] = ['to 192.0.2.1 mark 1', 'to 192.0.2.2 mark 2', 'to 192.0.2.3 mark 3']

test('mark list: rules added, they are at the end', t => {
  const list = withRules([rule(ONE)], [rule(TWO), rule(THREE)])

  t.deepEqual(texts(list), [ONE, TWO, THREE])
})

test('mark list: a rule for the same packets, it is refused whatever its mark', t => {
  const error = t.throws(() => withRules([rule(ONE)], [rule('to 192.0.2.1/32 mark 9')]))

  t.like(error, { code: 'MARK_RULE_EXISTS' })
})

test('mark list: rules removed, the others stay in their order', t => {
  const list = withoutRules(
    [ONE, TWO, THREE].map(text => rule(text)),
    [parseMarkMatch('to 192.0.2.2')],
  )

  t.deepEqual(texts(list), [ONE, THREE])
})

test('mark list: a rule that is not there, removing it is refused', t => {
  const error = t.throws(() => withoutRules([rule(ONE)], [parseMarkMatch('to 192.0.2.2')]))

  t.like(error, { code: 'MARK_RULE_MISSING' })
})

test('mark list: a file anew, its rules stand before those of commands, where they stood', t => {
  const [a, b]: Origin[] = ['file /a.yaml', 'file /b.yaml']
  const list = [rule(ONE, a), rule('to 192.0.2.9 mark 9', b), rule(TWO)]

  const after = withFileRules(list, one => one.origin === a, [rule(THREE, a), rule(ONE, a)])

  t.deepEqual(texts(after), [THREE, ONE, 'to 192.0.2.9 mark 9', TWO])
})

test('mark list: a file for the first time, its rules stand behind those of other files', t => {
  const list = [rule(ONE, 'file /b.yaml'), rule(TWO)]

  const after = withFileRules(list, () => false, [rule(THREE, 'file /a.yaml')])

  t.deepEqual(texts(after), [ONE, THREE, TWO])
})
