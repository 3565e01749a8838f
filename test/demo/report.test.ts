/** The demo's verdict: each of its sentences can be false. */
import test from 'ava'

import { excerpt, judge, type Observed, page, type Way } from './report.ts'

const WAY: Way = {
  service: 'tcp:192.0.2.1:80',
  fwd: 'nat',
  families: 'IPv4',
  answered: [3, 3],
  kept: 2,
  lost: 0,
  counted: [5, 3],
}
const HALVES = { sent: 4, lost: 0, answers: [{ server1: 2, server2: 2 }] }
const TRUE: Observed = {
  seconds: 1,
  kernel: '6.1',
  attached: ['c0', 'r0'].map(name => ({ name, mode: 'native', present: true })),
  servers: ['server1', 'server2'],
  sent: 9,
  lost: 0,
  lostBecause: [],
  ways: [WAY],
  first: HALVES,
  server: {
    name: 'server2',
    quiesced: HALVES,
    established: 0,
    dead: { sent: 2, lost: 0, answers: [{ server1: 2 }] },
    back: HALVES,
  },
  forgotten: { stretch: HALVES, neighbours: 4, known: 4, packets: 3 },
  upgrade: {
    stretch: HALVES,
    killedBy: 'SIGKILL',
    at: { kill: 3, restart: 5, answering: 6, end: 9 },
    tags: { before: ['a', 'a'], after: ['b', 'b'] },
    conns: { before: 3, kept: 3 },
  },
  kept: { conns: 2, requests: 9, mixed: 0 },
}
const LOST = { ...HALVES, lost: 1 }

test('demo: everything went well, every sentence is true', t => {
  const checks = judge(TRUE)

  t.true(checks.every(({ ok }) => ok))
  t.regex(page(TRUE, checks), /All of it was true/)
})

const { server, forgotten, upgrade, kept } = TRUE
const FALSE: [what: string, change: Partial<Observed>][] = [
  ['generic mode', { attached: [{ name: 'c0', mode: 'generic', present: true }] }],
  ['a lost request', { lost: 1 }],
  ['an unfair share', { first: { ...HALVES, answers: [{ server1: 3, server2: 1 }] } }],
  ['a wrong count', { ways: [{ ...WAY, counted: [4, 3] }] }],
  ['a count of the wrong server', { ways: [{ ...WAY, counted: [6, 2] }] }],
  ['a server that still had a connection', { server: { ...server, established: 1 } }],
  ['requests lost by the quiesce', { server: { ...server, quiesced: LOST } }],
  ['a dead server that answers', { server: { ...server, dead: HALVES } }],
  ['requests lost by the death', { server: { ...server, dead: { ...server.dead, lost: 1 } } }],
  ['a server that stays away', { server: { ...server, back: server.dead } }],
  ['requests lost by the return', { server: { ...server, back: LOST } }],
  ['a neighbour not known again', { forgotten: { ...forgotten, known: 3 } }],
  ['requests lost by forgetting', { forgotten: { ...forgotten, stretch: LOST } }],
  ['an xlvsd that ended by itself', { upgrade: { ...upgrade, killedBy: '1' } }],
  ['no answers without xlvsd', { upgrade: { ...upgrade, at: { ...upgrade.at, restart: 3 } } }],
  ['the old program', { upgrade: { ...upgrade, tags: { before: ['a', 'a'], after: ['a', 'a'] } } }],
  ['two programs', { upgrade: { ...upgrade, tags: { before: ['a', 'a'], after: ['b', 'c'] } } }],
  ['requests lost by the upgrade', { upgrade: { ...upgrade, stretch: LOST } }],
  ['a forgotten connection', { upgrade: { ...upgrade, conns: { before: 3, kept: 2 } } }],
  ['a connection that changed servers', { kept: { ...kept, mixed: 1 } }],
  ['no answers afterwards', { upgrade: { ...upgrade, at: { ...upgrade.at, end: 6 } } }],
]
for (const [what, change] of FALSE)
  test(`demo: ${what}, one sentence is false and the page says so`, t => {
    const observed = { ...TRUE, ...change }

    const checks = judge(observed)

    t.is(checks.filter(({ ok }) => !ok).length, 1)
    t.regex(page(observed, checks), /FALSE .*\n[^]*Not all of it was true/)
  })

test('demo: a long listing, it is cut and says so', t => {
  t.is(excerpt('a\nb\nc\n', 2), 'a\nb\n... and 1 lines more\n')
})
