/** What of marks leads nowhere, and what they hide. */
import test from 'ava'
import { markWarnings } from '../../../control/daemon/mark_warnings.ts'
import type { MarkRule } from '../../../control/model/mark.ts'
import type { ServiceId } from '../../../control/model/service.ts'
import { compile, valuesIn } from '../../../control/plan/marks/classifier.ts'
import { boxesOf, sidesOf } from '../../../control/plan/marks/rules.ts'

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

const HIDDEN =
  'mark rules give all packets of tcp:192.0.2.1:80 a mark, and fwmark:7 comes first: the service ' +
  'gets no new connections'
const TCP: MarkRule = { ...RULE, protocol: 'tcp' }
const ANY_PORT: ServiceId = { ...WEB, port: 0 }
const HALVES: MarkRule[] = [
  { ...TCP, ports: { first: 1, last: 80 } },
  { ...TCP, ports: { first: 81, last: 65535 } },
]

const HIDING: [what: string, service: ServiceId, rules: MarkRule[], says: string | undefined][] = [
  ['the rule of its address', WEB, [RULE], HIDDEN],
  ['that of its port', WEB, [{ ...TCP, ports: { first: 80, last: 80 } }], HIDDEN],
  ['that of another port', WEB, [{ ...TCP, ports: { first: 81, last: 90 } }], undefined],
  ['that of another protocol', WEB, [{ ...RULE, protocol: 'udp' }], undefined],
  ['a rule of some clients', WEB, [{ ...RULE, from: '10.0.0.0/8' }], undefined],
  ['a rule of one interface', WEB, [{ ...RULE, interface: 'eth0' }], undefined],
  [
    'rules of all clients, in two',
    WEB,
    [
      { ...RULE, from: '0.0.0.0/1' },
      { ...RULE, from: '128.0.0.0/1' },
    ],
    HIDDEN,
  ],
  [
    'one that some are taken back from',
    WEB,
    [RULE, { ...TCP, from: '10.0.0.0/8', mark: 0 }],
    undefined,
  ],
  ['rules of all ports, of any port', ANY_PORT, HALVES, HIDDEN.replace(':80', ':0')],
  ['a rule of some ports, of any port', ANY_PORT, HALVES.slice(1), undefined],
]

for (const [what, service, rules, says] of HIDING)
  test(`marks: ${what} and a service, it is ${says === undefined ? 'not ' : ''}hidden`, t => {
    const table = compile(
      boxesOf(rules, 4, () => 2),
      1000,
    )

    const warnings = markWarnings(
      [SEVEN, service],
      rules,
      () => true,
      one => valuesIn(table, sidesOf(one)),
    )

    t.deepEqual(
      warnings.map(({ message }) => message),
      says === undefined ? [] : [says],
    )
  })

test('marks: all packets get a mark that has no service, then nothing is hidden', t => {
  const warnings = markWarnings(
    [WEB],
    [RULE],
    () => true,
    () => [7],
  )

  t.deepEqual(
    warnings.map(({ kind }) => kind),
    ['mark-without-service'],
  )
})

test('marks: rules of many clients hide many services, then it ends after so many steps', t => {
  const services = Array.from({ length: 50 }, (_, i): ServiceId => ({ ...WEB, port: i + 1 }))
  const rules = Array.from({ length: 5000 }, (_, i): MarkRule => {
    return { family: 4, from: `10.${i >> 8}.${i & 255}.0/24`, mark: 7 + (i & 1) }
  })
  const table = compile(
    boxesOf([RULE, ...rules], 4, () => 2),
    100_000,
  )
  let steps = 0

  const warnings = markWarnings(
    [SEVEN, { ...SEVEN, mark: 8 }, ...services],
    [RULE, ...rules],
    () => true,
    function* (one) {
      for (const mark of valuesIn(table, sidesOf(one))) {
        steps++
        yield mark
      }
    },
  )

  t.true(steps <= 20_001)
  t.deepEqual([...new Set(warnings.map(({ kind }) => kind))], ['hidden-by-mark'])
  t.is(
    warnings.at(-1)?.message,
    'the mark rules are too many to see of each service whether they hide it',
  )
})

for (const [what, services, rules, says] of ROWS)
  test(`marks: ${what}, ${says.length} warnings`, t => {
    const warnings = markWarnings(
      services,
      rules,
      name => name === 'eth0',
      () => [0],
    )

    t.deepEqual(
      warnings.map(({ message }) => message),
      says,
    )
  })

test('marks: many rules lead nowhere, the first are named and the rest is counted', t => {
  const rules = Array.from({ length: 9 }, (_, i) => ({ ...RULE, mark: i + 1 }))

  const warnings = markWarnings(
    [],
    rules,
    () => true,
    () => [0],
  )

  t.is(warnings.length, 6)
  t.is(warnings.at(-1)?.message, '4 more are like that')
})
