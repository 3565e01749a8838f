/** The weighted schedulers, pick by pick. Expected orders: the recorded kernel and the spec's. */
import test from 'ava'
import { destWeights } from '../../control/plan/schedule/weights.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp, udp } from '../support/frames.ts'

let port = 1024

/** The dests of so many new connections, as the last number of their addresses. */
function picks(lvs: PacketDirector, count: number): string {
  return Array.from({ length: count }, () => {
    const { frame } = lvs.run(tcp(`198.51.100.7:${port++} > 192.0.2.1:80`, 'S'))
    return String(frame[33])
  }).join(' ')
}

const service = (scheduler: string, weights: number[]): string =>
  [
    `tcp 192.0.2.1:80 ${scheduler}`,
    ...weights.map((weight, i) => `-> 10.0.0.${i + 1}:80 nat weight ${weight}`),
  ].join('\n')

/** Dests 1, 2, ... in the order they were added; the newest is looked at first. */
const ROWS: [scheduler: string, weights: number[], expected: string][] = [
  ['wrr', [5, 3, 1, 0], '1 1 2 1 2 1 3 2 1 1 1 2'],
  ['wrr', [2, 2], '2 1 2 1'],
  ['wrr', [4, 2], '1 2 1 1 2 1'],
  ['wrr', [7], '1 1 1'],
  ['wrr', [0, 0], '7 7'],
  ['wlc', [1, 3], '2 1 2 2 2 1 2 2 2 1 2 2'],
  ['wlc', [1, 1, 1], '3 2 1 3 2 1'],
  ['wlc', [1, 0, 2], '3 1 3 3 1 3'],
  ['wlc', [0], '7'],
  ['lc', [1, 3], '2 1 2 1'],
  ['lc', [1, 0, 2], '3 1 3 1'],
  ['lc', [0], '7'],
  ['sed', [1, 3], '2 2 2 1 2 2 2 1'],
  ['sed', [2, 0, 2], '3 1 3 1'],
  ['sed', [0], '7'],
  ['nq', [1, 3], '2 1 2 2 2 2 2 1 2 2 2 1'],
  ['nq', [3, 0, 1], '3 1 1 1 1 1 3'],
  ['nq', [0], '7'],
  ['fo', [1, 3, 3, 2], '3 3 3 3'],
  ['fo', [0], '7'],
  ['ovf', [1, 3], '2 2 2 2 1 1 7'],
  ['ovf', [0, 1], '2 2 7'],
  ['lblc', [1, 3], '2 2 2 2 1'],
  ['lblc', [0], '7'],
  ['lblcr', [1, 3], '2 2 2 2 1 1 2 2 1 2 2 2'],
  ['lblcr', [0], '7'],
]

for (const [scheduler, weights, expected] of ROWS)
  test(`${scheduler}: weights ${weights.join(' ')} as added, ${expected}`, async t => {
    const lvs = await director(t, service(scheduler, weights))

    t.is(picks(lvs, expected.split(' ').length), expected)
  })

/** Datagrams make no connection active. */
const UDP_ROWS: [scheduler: string, weights: number[], expected: string][] = [
  ['lc', [1, 3], '2 1 2 1'],
  ['wlc', [1, 3], '2 1 2 2 2 1'],
  ['sed', [1, 3], '2 2 2 2 2 2'],
  ['nq', [1, 3], '2 2 2 2 2 2'],
  ['nq', [3, 1], '2 2 2 2 2 2'],
  ['fo', [1, 3], '2 2 2 2 2 2'],
  ['ovf', [1, 3], '2 2 2 2 2 2'],
  ['lblc', [1, 3], '2 2 2 2 2 2'],
  ['lblcr', [1, 3], '2 2 2 2 2 2'],
]

for (const [scheduler, weights, expected] of UDP_ROWS)
  test(`${scheduler}: weights ${weights.join(' ')}, datagrams, ${expected}`, async t => {
    const lvs = await director(t, service(scheduler, weights).replace('tcp', 'udp'))

    const out = expected
      .split(' ')
      .map(() => lvs.run(udp(`198.51.100.7:${port++} > 192.0.2.1:80`)).frame[33])

    t.is(out.join(' '), expected)
  })

test('wrr: a weight is edited in flight, it starts at the head, threshold kept', async t => {
  const lvs = await director(t, service('wrr', [5, 3, 1]))
  picks(lvs, 4)

  const intent = lvs.intents[0]
  for (const dest of intent?.dests ?? []) if (dest.address === '10.0.0.1') dest.weight = 2
  if (intent) lvs.dataplane.publish(intent, [destWeights(intent.dests)])

  t.is(picks(lvs, 6), '2 2 1 3 2 1')
})

test('wrr: nothing was touched, publishing again does not move its turn', async t => {
  const lvs = await director(t, service('wrr', [5, 3, 1]))
  const before = picks(lvs, 2)

  lvs.publish()

  t.is(`${before} ${picks(lvs, 7)}`, '1 1 2 1 2 1 3 2 1')
})

test('wlc: an ended connection counts a 256th of a living one', async t => {
  const lvs = await director(t, service('wlc', [1, 1]))
  const first = tcp('198.51.100.7:999 > 192.0.2.1:80', 'S')
  lvs.run(first)
  lvs.run(tcp('10.0.0.2:80 > 198.51.100.7:999', 'SA'))
  lvs.run(tcp('198.51.100.7:999 > 192.0.2.1:80', 'A'))
  lvs.run(tcp('198.51.100.7:999 > 192.0.2.1:80', 'R'))

  t.is(picks(lvs, 3), '1 2 1')
})

test('scheduler: it is changed under traffic, rr then starts at the newest', async t => {
  const lvs = await director(t, service('wrr', [5, 3, 1]))
  picks(lvs, 3)

  const intent = lvs.intents[0]
  if (intent) intent.service = { ...intent.service, scheduler: 'rr' }
  lvs.publish()

  t.is(picks(lvs, 4), '3 2 1 3')
})
