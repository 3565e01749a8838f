/** rr as IPVS does it (ip_vs_rr.c): newest first, a cursor that survives every edit. */
import test from 'ava'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'

const THREE = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
    -> 10.0.0.3:80 nat weight 1
    -> 10.0.0.4:80 nat weight 1`

let nextPort = 1024

/** The last byte of the dest that each of `count` new clients gets, or why it gets none. */
function picks(lvs: PacketDirector, count: number): string {
  const one = (): string => {
    const { reason, frame } = lvs.run(tcp(`198.51.100.7:${nextPort++} > 192.0.2.1:80`, 'S'))
    return reason === 'nat request' ? String(frame[33]) : reason
  }
  return Array.from({ length: count }, one).join(' ')
}

type Edit = (lvs: PacketDirector) => void

function weight(last: number, weight: number): Edit {
  return lvs => {
    for (const dest of lvs.intents[0]?.dests ?? [])
      if (dest.address === `10.0.0.${last}`) dest.weight = weight
  }
}

function add(last: number, weight = 1): Edit {
  const dest = { address: `10.0.0.${last}`, port: 80, weight, fwd: 'nat' as const }
  return lvs => {
    lvs.intents[0]?.dests.unshift(dest)
    lvs.setNetwork(facts => {
      const [like] = facts.neighbours
      if (like) facts.neighbours.push({ ...like, address: dest.address })
    })
  }
}

function remove(last: number): Edit {
  return lvs => {
    const [intent] = lvs.intents
    if (intent) intent.dests = intent.dests.filter(d => d.address !== `10.0.0.${last}`)
  }
}

/** Edits between rounds of new clients; the dests are 4, 3, 2: newest first. */
const ROWS: [what: string, rounds: [Edit[], string][]][] = [
  ['three of equal weight', [[[], '4 3 2 4 3 2']]],
  ['weights that differ', [[[weight(4, 9), weight(3, 5)], '4 3 2 4 3 2']]],
  ['0 in the middle', [[[weight(3, 0)], '4 2 4 2']]],
  ['0 at the head', [[[weight(4, 0)], '3 2 3 2']]],
  ['0 at the end', [[[weight(2, 0)], '4 3 4 3']]],
  ['one left', [[[weight(4, 0), weight(2, 0)], '3 3 3']]],
  ['none left', [[[weight(4, 0), weight(3, 0), weight(2, 0)], 'no dest no dest']]],
  [
    'the last used quiesced, then not',
    [
      [[], '4 3'],
      [[weight(3, 0)], '2 4'],
      [[weight(3, 1)], '3 2 4'],
    ],
  ],
  [
    'the only one not quiesced after none was left',
    [
      [[], '4'],
      [[weight(4, 0), weight(3, 0), weight(2, 0)], 'no dest'],
      [[weight(2, 1)], '2 2'],
    ],
  ],
  [
    'cursor kept while none was left',
    [
      [[], '4 3'],
      [[weight(4, 0), weight(3, 0), weight(2, 0)], 'no dest'],
      [[weight(4, 1), weight(3, 1), weight(2, 1)], '2 4 3'],
    ],
  ],
  [
    'one added in mid-round',
    [
      [[], '4 3'],
      [[add(5)], '2 5 4 3 2 5'],
    ],
  ],
  ['one added before the first client', [[[add(5)], '5 4 3 2']]],
  [
    'one added at weight 0, then raised',
    [
      [[add(5, 0)], '4 3 2 4'],
      [[weight(5, 1)], '3 2 5 4'],
    ],
  ],
  [
    'the last used removed',
    [
      [[], '4 3'],
      [[remove(3)], '2 4 2'],
    ],
  ],
  [
    'the last used removed, being the head',
    [
      [[], '4'],
      [[remove(4)], '3 2 3'],
    ],
  ],
  [
    'the last used removed, being the last',
    [
      [[], '4 3 2'],
      [[remove(2)], '4 3 4'],
    ],
  ],
  [
    'one before the last used removed',
    [
      [[], '4 3'],
      [[remove(4)], '2 3 2'],
    ],
  ],
  [
    'one after the last used removed',
    [
      [[], '4'],
      [[remove(3)], '2 4 2'],
    ],
  ],
  [
    'the last used and the one before it removed',
    [
      [[], '4 3 2'],
      [[remove(2)], ''],
      [[remove(3)], '4 4'],
    ],
  ],
  [
    'the last used removed and added again',
    [
      [[], '4 3'],
      [[remove(3)], ''],
      [[add(3)], '2 3 4 2'],
    ],
  ],
  [
    'all removed, others added',
    [
      [[], '4 3'],
      [[remove(4)], ''],
      [[remove(3)], ''],
      [[remove(2)], 'no dest'],
      [[add(7)], '7'],
      [[add(8)], '8 7 8'],
    ],
  ],
]

for (const [what, rounds] of ROWS)
  test(`rr: ${what}, the kernel's order`, async t => {
    const lvs = await director(t, THREE)

    const left = rounds.map(([edits, wanted]) => {
      for (const edit of edits) edit(lvs)
      lvs.publish()
      return picks(lvs, wanted === '' ? 0 : wanted.replaceAll('no dest', 'x').split(' ').length)
    })

    t.deepEqual(
      left,
      rounds.map(([, wanted]) => wanted),
    )
  })

test('rr: an edit that changes nothing, the cursor stays and nothing is written', async t => {
  const lvs = await director(t, THREE)
  picks(lvs, 2)

  lvs.publish()

  t.false(lvs.dataplane.tables.regions.hasReturned)
  t.is(picks(lvs, 3), '2 4 3')
})

test('rr: two services, each has its own cursor', async t => {
  const lvs = await director(t, `${THREE}\n${THREE.replaceAll(':80', ':81')}`)
  picks(lvs, 1)

  const out = lvs.receive(tcp('198.51.100.7:999 > 192.0.2.1:81', 'S'))

  t.is(out[33], 4)
  t.is(picks(lvs, 2), '3 2')
})

test('rr: a known connection, it does not move the cursor', async t => {
  const lvs = await director(t, THREE)
  const path = '198.51.100.7:500 > 192.0.2.1:80'
  lvs.receive(tcp(path, 'S'))

  for (const flags of ['S', 'A', 'PA', 'FA']) lvs.receive(tcp(path, flags))

  t.is(picks(lvs, 2), '3 2')
})
