/** The estimator against what the kernel's own showed, and against the sequence IPVS documents. */
import test from 'ava'
import fc from 'fast-check'
import { Estimator, WIDTH } from '../../../control/plan/estimator.ts'

/** Two seconds at so much a second, in each field. */
function at(perSecond: number): Float64Array {
  return new Float64Array(WIDTH).fill(2 * perSecond)
}

test('estimator: 100 a second from the start, then 25, 44, 58, 68 and at last 100', t => {
  const estimator = new Estimator(1)
  const seen = Array.from({ length: 60 }, () => {
    estimator.sample(0, at(100))
    return estimator.rates(0)
  })

  for (const field of ['conns', 'inPackets', 'outPackets', 'inBytes', 'outBytes'] as const) {
    t.deepEqual(
      seen.slice(0, 4).map(rates => rates[field]),
      [25, 44, 58, 68],
    )
    t.is(seen.at(-1)?.[field], 100)
  }
})

/**
 * Rates of services and dests that were left alone, as a kernel 6.12 showed them when asked five
 * times; between the second and third, and the fourth and fifth, its estimator ran twice.
 */
const RECORDED = {
  bytes: [
    [176, 132, 74, 56, 31],
    [158, 119, 67, 50, 28],
    [59, 44, 25, 19, 10],
    [53, 40, 22, 17, 9],
    [46, 34, 19, 14, 8],
    [43, 32, 18, 13, 8],
    [39, 29, 16, 12, 7],
    [37, 27, 15, 12, 6],
    [13, 10, 5, 4, 2],
    [12, 9, 5, 4, 2],
  ],
  packets: [
    [2, 1, 1, 1, 0],
    [2, 1, 1, 0, 0],
    [1, 0, 0, 0, 0],
  ],
}
const SAMPLES_BETWEEN = [0, 1, 2, 1, 2]

/** What an object shows over time that is left alone after one sample of `first`. */
function decay(first: number, field: 'inBytes' | 'inPackets'): number[] {
  const estimator = new Estimator(1)
  const counted = new Float64Array(WIDTH)
  counted.fill(first)
  estimator.sample(0, counted)
  return SAMPLES_BETWEEN.map(samples => {
    for (let i = 0; i < samples; i++) estimator.sample(0, at(0))
    return estimator.rates(0)[field]
  })
}

for (const [field, rows] of [
  ['inBytes', RECORDED.bytes],
  ['inPackets', RECORDED.packets],
] as const)
  for (const recorded of rows)
    test(`estimator: ${field} of ${recorded.join(', ')}, some beginning shows just that`, t => {
      const most = 8 * ((recorded[0] ?? 0) + 2)

      // Only a sample in eighths shows the kernel's fractions.
      const firsts = Array.from({ length: 8 * most }, (_, i) => i / 8)
      t.true(firsts.some(first => decay(first, field).join() === recorded.join()))
    })

test('estimator: any counts, it shows no more than the fastest and no less than the slowest', t => {
  fc.assert(
    fc.property(fc.array(fc.nat(2 ** 40), { minLength: 1 }), counts => {
      const estimator = new Estimator(2)
      for (const count of counts) estimator.sample(1, at(count))
      const { inBytes } = estimator.rates(1)
      return inBytes >= 0 && inBytes <= Math.max(...counts) && estimator.rates(0).inBytes === 0
    }),
  )
  t.pass()
})

test('estimator: forgotten, then it starts from 0 and its neighbours do not', t => {
  const estimator = new Estimator(3)
  for (const object of [0, 1, 2]) estimator.sample(object, at(400))

  estimator.forget(1)

  t.deepEqual(
    [0, 1, 2].map(object => estimator.rates(object).outPackets),
    [100, 0, 100],
  )
})
