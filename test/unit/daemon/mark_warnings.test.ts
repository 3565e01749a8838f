/** What of marks leads nowhere. */
import test from 'ava'
import { markWarnings } from '../../../control/daemon/mark_warnings.ts'
import type { MarkRule } from '../../../control/model/mark.ts'
import type { ServiceId } from '../../../control/model/service.ts'

const SEVEN: ServiceId = { protocol: 'fwmark', family: 4, mark: 7 }
const WEB: ServiceId = { protocol: 'tcp', address: '192.0.2.1', port: 80 }
const RULE: MarkRule = { family: 4, to: '192.0.2.1/32', mark: 7 }

const ROWS: [what: string, services: ServiceId[], rules: MarkRule[], says: string[]][] = [
  ['none', [], [], []],
  ['a service by address', [WEB], [], []],
  ['a service and a rule to it', [SEVEN], [RULE], []],
  ['a rule of mark 0', [], [{ ...RULE, mark: 0 }], []],
  [
    'a service and no rule',
    [SEVEN],
    [],
    ['no mark rule leads to fwmark:7, so no packet comes to it'],
  ],
  [
    'a rule of the other family',
    [SEVEN],
    [{ family: 6, mark: 7 }],
    [
      'no mark rule leads to fwmark:7, so no packet comes to it',
      'mark rules lead to fwmark6:7, of which there is no service',
    ],
  ],
  [
    'two rules to a mark without a service',
    [],
    [RULE, { ...RULE, protocol: 'tcp' }],
    ['mark rules lead to fwmark:7, of which there is no service'],
  ],
  [
    'a rule of an interface that is not there',
    [SEVEN],
    [
      { ...RULE, interface: 'eth7' },
      { ...RULE, interface: 'eth0' },
    ],
    ['there is no interface eth7: to 192.0.2.1 in eth7 mark 7 matches nothing'],
  ],
]

for (const [what, services, rules, says] of ROWS)
  test(`marks: ${what}, ${says.length} warnings`, t => {
    const warnings = markWarnings(services, rules, name => name === 'eth0')

    t.deepEqual(
      warnings.map(({ message }) => message),
      says,
    )
  })

test('marks: many rules lead nowhere, the first are named and the rest is counted', t => {
  const rules = Array.from({ length: 9 }, (_, i) => ({ ...RULE, mark: i + 1 }))

  const warnings = markWarnings([], rules, () => true)

  t.is(warnings.length, 6)
  t.is(warnings.at(-1)?.message, '4 more are like that')
})
