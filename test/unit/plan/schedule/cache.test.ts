/** When lblc and lblcr forget. */
import test from 'ava'
import { addressBytes } from '../../../../control/model/address.ts'
import {
  bucketOf,
  cacheRun,
  NEW_TIMER,
  type CacheEntry,
} from '../../../../control/plan/schedule/cache.ts'

const entry = (address: string, idleS: number): CacheEntry => ({
  vaddr: addressBytes(address),
  idleS,
})
const many = (count: number, idleS: number): CacheEntry[] =>
  Array.from({ length: count }, (_, i) =>
    entry(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, idleS),
  )

/** The specification's vectors. */
const BUCKETS: [address: string, bucket: number][] = [
  ['10.9.0.1', 897],
  ['192.0.2.1', 203],
  ['198.51.100.77', 415],
  ['255.255.255.255', 632],
  ['2001:db8:1::2', 106],
]

for (const [address, bucket] of BUCKETS)
  test(`cache: ${address}, it is in bucket ${bucket}`, t => {
    t.is(bucketOf(addressBytes(address)), bucket)
  })

test('cache: every thirtieth run, all that is idle for long enough goes', t => {
  const entries = [entry('10.0.0.1', 99), entry('10.0.0.2', 100), entry('10.0.0.3', 101)]

  const { gone, timer } = cacheRun(entries, { counter: 30, rover: 7 }, 100)

  t.deepEqual(gone, entries.slice(1))
  t.deepEqual(timer, { counter: 1, rover: 7 })
})

test('cache: another run, few entries, they stay', t => {
  const { gone, timer } = cacheRun([entry('10.0.0.1', 1e9)], NEW_TIMER, 100)

  t.deepEqual(gone, [])
  t.deepEqual(timer, { counter: 2, rover: 0 })
})

test('cache: too many, four thirds of the excess go, bucket by bucket, on from the last', t => {
  const entries = many(16384 + 300, 360)

  const first = cacheRun(entries, NEW_TIMER, 1e9)
  const left = entries.filter(e => !first.gone.includes(e))
  const second = cacheRun([...left, ...many(300, 400)], first.timer, 1e9)

  t.true(first.gone.length >= 400 && first.gone.length < 400 + 40, String(first.gone.length))
  t.is(first.timer.counter, 1)
  t.true(first.gone.every(e => bucketOf(e.vaddr) > 0))
  t.true(second.timer.rover > first.timer.rover)
})

test('cache: too many, none idle for six minutes, they stay', t => {
  t.deepEqual(cacheRun(many(20000, 359), NEW_TIMER, 1e9).gone, [])
})
