/** Mark rules in words. */
import test from 'ava'
import {
  canonicalMarkMatch,
  MarkLineError,
  parseMarkMatch,
  parseMarkRule,
} from '../../../control/config/mark_line.ts'
import type { ErrorCode } from '../../../control/errors.ts'
import { markMatchText, markRuleText } from '../../../control/model/mark.ts'

const LINES: [line: string, canonical: string][] = [
  ['tcp to 192.0.2.1 port 80 mark 7', 'tcp to 192.0.2.1 port 80 mark 7'],
  ['mark 0x10 to 192.0.2.77/24', 'to 192.0.2.0/24 mark 16'],
  [
    'udp port 5000-5999 in eth0 from 2001:DB8::/32 mark 0',
    'udp port 5000-5999 from 2001:db8::/32 in eth0 mark 0',
  ],
  ['ipv4 tcp to 192.0.2.1/32 mark 1', 'tcp to 192.0.2.1 mark 1'],
  ['in eth0 mark 3', 'ipv4 in eth0 mark 3'],
  ['ipv6 icmp mark 3', 'ipv6 icmp mark 3'],
  ['to ::/0 mark 9', 'to ::/0 mark 9'],
]

for (const [line, canonical] of LINES)
  test(`mark line: ${line}, it is read and written as ${canonical}`, t => {
    const rule = parseMarkRule(line)

    t.is(markRuleText(rule), canonical)
    t.deepEqual(parseMarkRule(canonical), rule)
    t.is(markMatchText(parseMarkMatch(markMatchText(rule))), markMatchText(rule))
  })

const WRONG: [line: string, code: ErrorCode, about: string][] = [
  ['', 'BAD_MARK_RULE', ''],
  ['tcp to 192.0.2.1', 'BAD_MARK_RULE', 'tcp to 192.0.2.1'],
  ['tcp to', 'BAD_MARK_RULE', 'to'],
  ['tpc to 192.0.2.1 mark 1', 'UNKNOWN_KEY', 'tpc'],
  ['to 192.0.2.1 to 192.0.2.2 mark 1', 'DUPLICATE', 'to'],
  ['to 192.0.2.300 mark 1', 'BAD_ADDRESS', '192.0.2.300'],
  ['to 192.0.2.0/33 mark 1', 'BAD_ADDRESS', '192.0.2.0/33'],
  ['tcp port 90-80 mark 1', 'BAD_PORT', '90-80'],
  ['icmp port 8 mark 1', 'BAD_PORT', '8'],
  ['to 192.0.2.1 port 80 mark 1', 'BAD_PORT', '80'],
  ['ipv6 to 192.0.2.1 mark 1', 'BAD_FAMILY', 'ipv6 to 192.0.2.1 mark 1'],
  ['to 192.0.2.1 from ::1 mark 1', 'BAD_FAMILY', 'to 192.0.2.1 from ::1 mark 1'],
  ['to 192.0.2.1 mark 4294967296', 'BAD_MARK', '4294967296'],
  ['in a/b mark 1', 'BAD_INTERFACE', 'a/b'],
]

for (const [line, code, about] of WRONG)
  test(`mark line: '${line}', it is refused by ${code}`, t => {
    const error = t.throws(() => parseMarkRule(line), { instanceOf: MarkLineError })

    t.is(error.code, code)
    t.is(line.slice(error.words.at, error.words.at + error.words.length), about)
  })

test('mark line: a mark where a rule is named, it is too much', t => {
  t.like(
    t.throws(() => parseMarkMatch('to 192.0.2.1 mark 1')),
    { code: 'BAD_MARK_RULE' },
  )
})

test('mark line: words within a value of another program, they are refused', t => {
  const smuggled = { family: 4, to: '192.0.2.0/24 from 198.51.100.0/24' } as const

  t.like(
    t.throws(() => canonicalMarkMatch(smuggled)),
    { code: 'BAD_MARK_RULE' },
  )
})
