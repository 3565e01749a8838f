/**
 * twos draws by random numbers of the kernel, which no test can choose: so many datagrams of a
 * one-packet service, whose counts stay as they are, and chi square of where they went.
 */
import test from 'ava'
import { DEST_CONNS } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { udp } from '../support/frames.ts'

interface Loaded {
  weight: number
  active: number
  inactive: number
  overloaded?: number
}

const DRAWS = 2000
/** One run in 1000 is beyond this (p = 0.001), by degrees of freedom; three of three never. */
const CHI_SQUARE = [0, 10.83, 13.82, 16.27]
const TRIES = 3

/** How likely each dest is: the kernel's rule over all pairs of random numbers. */
function shares(dests: Loaded[]): number[] {
  const usable = dests.filter(d => d.weight > 0 && d.overloaded !== 1)
  const total = usable.reduce((sum, d) => sum + d.weight, 0)
  const likely = usable.map((d, i) => (d.weight + (i === 0 ? 1 : 0)) / (total + 1))
  const overhead = ({ active, inactive }: Loaded): number => active * 256 + inactive
  const result = new Map<Loaded, number>(dests.map(d => [d, 0]))
  usable.forEach((first, i) => {
    usable.forEach((second, j) => {
      const isSecond = second.weight * overhead(first) > first.weight * overhead(second)
      const dest = isSecond ? second : first
      result.set(dest, (result.get(dest) ?? 0) + (likely[i] ?? 0) * (likely[j] ?? 0))
    })
  })
  return [...result.values()]
}

/** How far what came is from what was to be expected. */
function chiSquare(seen: number[], expected: number[]): number {
  return seen.reduce((sum, n, i) => {
    const e = (expected[i] ?? 0) * DRAWS
    return e === 0 ? sum + (n === 0 ? 0 : Infinity) : sum + (n - e) ** 2 / e
  }, 0)
}

/** Where datagrams go, by dest as listed: the newest first. */
function draw(lvs: PacketDirector, count: number): number[] {
  const seen = Array.from({ length: count }, () => 0)
  for (let i = 0; i < DRAWS; i++) {
    const { frame } = lvs.run(udp('198.51.100.7:4000 > 192.0.2.1:80'))
    const at = (frame[33] ?? 0) - 1
    seen[at] = (seen[at] ?? 0) + 1
  }
  return seen
}

const CASES: [what: string, dests: Loaded[]][] = [
  ['idle', [1, 2, 5].map(weight => ({ weight, active: 0, inactive: 0 }))],
  [
    'loaded',
    [
      { weight: 4, active: 3, inactive: 0 },
      { weight: 4, active: 1, inactive: 200 },
      { weight: 2, active: 0, inactive: 9 },
    ],
  ],
  [
    'quiesced and overloaded ones among them',
    [
      { weight: 3, active: 0, inactive: 0 },
      { weight: 0, active: 0, inactive: 0 },
      { weight: 9, active: 0, inactive: 0, overloaded: 1 },
      { weight: 5, active: 1, inactive: 0 },
    ],
  ],
]

for (const [what, dests] of CASES)
  test(`twos: dests that are ${what}, each gets its share`, async t => {
    const lines = dests.map(({ weight }, i) => `-> 10.0.0.${i + 1}:80 nat weight ${weight}`)
    const lvs = await director(t, ['udp 192.0.2.1:80 twos', ...lines.toReversed()].join('\n'))
    const [intent] = lvs.intents
    if (intent) intent.service = { ...intent.service, onePacket: true }
    lvs.publish()
    const { tables } = lvs.dataplane
    dests.forEach(({ active, inactive, overloaded = 0 }, i) => {
      const dest = { address: `10.0.0.${i + 1}`, port: 80 }
      const id = intent ? tables.destId(intent.service, dest) : undefined
      const words = Object.entries({ active, inactive, overloaded }) as ['active', number][]
      for (const [field, value] of words)
        tables.destConns.setWord(id ?? 0, DEST_CONNS[field], value)
    })
    const expected = shares(dests)
    const limit = CHI_SQUARE[expected.filter(share => share > 0).length - 1] ?? 0

    const far = Array.from({ length: TRIES }, () => chiSquare(draw(lvs, dests.length), expected))

    t.true(Math.min(...far) < limit, `chi square ${far.join(', ')}, at most ${limit}`)
  })

test('twos: no dest that may be chosen, refused', async t => {
  const lvs = await director(t, 'udp 192.0.2.1:80 twos\n-> 10.0.0.2:80 nat weight 0')

  t.is(lvs.run(udp('198.51.100.7:4000 > 192.0.2.1:80')).reason, 'no dest')
})
