/** Mark rules in lvs.yaml: read, refused with their place, printed and read again. */
import test from 'ava'
import { checkConfiguration } from '../../../control/config/check.ts'
import { parseMarkRule } from '../../../control/config/mark_line.ts'
import { placed } from '../../../control/config/place.ts'
import { printConfiguration } from '../../../control/config/print.ts'
import { ruled } from '../../../control/config/rules.ts'
import { type ErrorCode, XlvsError } from '../../../control/errors.ts'
import { emptyConfiguration } from '../../../control/model/configuration.ts'

const LINES = [
  'tcp to 192.0.2.1 port 80-81 mark 7',
  'to 2001:db8::/32 from 2001:db8:1:: mark 8',
  'to :: in eth0.10 mark 0',
  'ipv4 in "a#b mark 9',
]
const RULES = LINES.map(parseMarkRule)

test('marks in lvs.yaml: printed, then they are read as they were', t => {
  const text = printConfiguration({ ...emptyConfiguration(), marks: RULES })

  const { configuration, faults } = checkConfiguration(text)

  t.deepEqual(faults, [], text)
  t.deepEqual(configuration.marks, RULES)
})

const WRONG: [text: string, line: number, about: string, code: ErrorCode][] = [
  ['marks:\n  - tcp to 192.0.2.1 port 80', 2, 'tcp to 192.0.2.1 port 80', 'BAD_MARK_RULE'],
  ['marks:\n  - to 192.0.2.1 mark 1\n  - to 192.0.2.300 mark 1', 3, '192.0.2.300', 'BAD_ADDRESS'],
  [
    'marks: [to 192.0.2.1 mark 1, to 192.0.2.1/32 mark 2]',
    1,
    'to 192.0.2.1/32 mark 2',
    'DUPLICATE',
  ],
]

for (const [text, line, about, code] of WRONG)
  test(`marks in lvs.yaml: ${about}, it is refused there by ${code}`, t => {
    const [fault, ...more] = checkConfiguration(text).faults

    t.deepEqual(more, [])
    t.is(fault?.error.code, code)
    t.is(fault?.line, line)
    const at = (fault?.column ?? 0) - 1
    t.is(text.split('\n')[line - 1]?.slice(at, at + (fault?.length ?? 0)), about)
  })

test('marks in lvs.yaml: what the daemon refuses, its line is found', t => {
  const about = [{ what: 'mark' as const, name: 'to 192.0.2.1' }]
  const error = new XlvsError('OWNED_BY_OTHER', 'it is owned', 'leave it out', { about })

  const told = placed('lvs.yaml', 'marks:\n  - to 192.0.2.1/32 mark 1\n', error)

  t.like(told, { faults: [{ line: 2, column: 5 }] })
})

test('marks in lvs.yaml: the same packets twice from another program, it is refused', t => {
  const rule = parseMarkRule('to 192.0.2.1 mark 1')

  t.like(
    t.throws(() => ruled({ ...emptyConfiguration(), marks: [rule, { ...rule, mark: 2 }] })),
    {
      code: 'DUPLICATE',
    },
  )
})
