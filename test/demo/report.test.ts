/** The demo's verdict: each of its sentences can be false. */
import test from 'ava'

import { excerpt, expectedShares, judge, type Observed, page, type Share } from './report.ts'

const SHARE: Share = {
  service: 'tcp:192.0.2.1:80',
  fwd: 'nat',
  dest: '10.0.0.2:8080',
  weight: 1,
  expected: 9,
  answered: 9,
  counted: 9,
}
const TRUE: Observed = {
  seconds: 1,
  kernel: '6.1',
  attached: ['c0', 'r0'].map(name => ({ name, mode: 'native', present: true })),
  shares: [SHARE],
  sent: 9,
  lost: 0,
  lostBecause: [],
  doneAt: { kill: 3, restart: 5, answering: 6 },
  killedBy: 'SIGKILL',
  conns: { listed: 9, beforeKill: 3, kept: 3 },
}

test('demo: everything went well, every sentence is true', t => {
  const checks = judge(TRUE)

  t.true(checks.every(({ ok }) => ok))
  t.regex(page(TRUE, checks), /All of it was true/)
})

const FALSE: [what: string, change: Partial<Observed>][] = [
  ['generic mode', { attached: [{ name: 'c0', mode: 'generic', present: true }] }],
  ['a lost request', { lost: 1 }],
  ['an unfair share', { shares: [{ ...SHARE, answered: 8, counted: 8 }] }],
  ['a wrong count', { shares: [{ ...SHARE, counted: 8 }] }],
  ['an unlisted connection', { conns: { ...TRUE.conns, listed: 8 } }],
  ['an xlvsd that ended by itself', { killedBy: '1' }],
  ['nothing answered without xlvsd', { doneAt: { kill: 3, restart: 3, answering: 6 } }],
  ['a forgotten connection', { conns: { ...TRUE.conns, kept: 2 } }],
  ['nothing answered afterwards', { doneAt: { kill: 3, restart: 5, answering: 9 } }],
]
for (const [what, change] of FALSE)
  test(`demo: ${what}, one sentence is false and the page says so`, t => {
    const observed = { ...TRUE, ...change }

    const checks = judge(observed)

    t.is(checks.filter(({ ok }) => !ok).length, 1)
    t.regex(page(observed, checks), /FALSE .*\n[^]*Not all of it was true/)
  })

test('demo: a dest of weight 0, the others share its part', t => {
  t.deepEqual(expectedShares([1, 1, 0], 6), [3, 3, 0])
})

test('demo: a long listing, it is cut and says so', t => {
  t.is(excerpt('a\nb\nc\n', 2), 'a\nb\n... and 1 lines more\n')
})
