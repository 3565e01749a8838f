/**
 * Slow start: a dest that comes to a living service comes to its weight in so many seconds. Shares
 * are worked out here for each pick, from the definition of each scheduler and a share in
 * thousandths. Read next: ../../bpf/sched_slow.h.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import test from 'ava'
import { DEST_CONNS, SERVICE } from '../../control/abi/maps.gen.ts'
import type { Dest, Scheduler, ServiceSettings } from '../../control/model/service.ts'
import { destWeights } from '../../control/plan/schedule/weights.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, type Family } from '../support/families.ts'
import { at, tcp } from '../support/frames.ts'
import { oneOf, randomFrom, type Random } from '../support/random.ts'

type T = Parameters<typeof director>[0]

const SLOW_S = 100
const SCHEDULERS = ['wrr', 'wlc', 'lc', 'sed', 'nq'] as const

interface Options {
  weights?: number[]
  slowStartS?: number
  bpffs?: string
}

/** A living service of dests 2, 3, ..., each with its weight; the last one may come later. */
async function living(
  t: T,
  f: Family,
  scheduler: Scheduler,
  { weights = [1, 1, 1], slowStartS = SLOW_S, bpffs }: Options = {},
): Promise<PacketDirector> {
  const dests = weights.map((weight, i) => `-> ${at(f.dest(i + 2), 80)} nat weight ${weight}`)
  const text = [`tcp ${at(f.vip, 80)} ${scheduler} slow_start ${slowStartS}`, ...dests].join('\n')
  const lvs = await director(t, text, { slots: 4096, slots6: 4096, ...(bpffs ? { bpffs } : {}) })
  lvs.dataplane.begin()
  return lvs
}

/** Another service is another object: what is the same one has not changed. */
function set(lvs: PacketDirector, settings: Partial<ServiceSettings>): void {
  for (const intent of lvs.intents) intent.service = { ...intent.service, ...settings }
}

/** As one who makes a change does. */
function publish(lvs: PacketDirector): void {
  for (const intent of lvs.intents) lvs.dataplane.publish(intent, [destWeights(intent.dests)])
}

function without(lvs: PacketDirector, address: string): Dest {
  const [intent] = lvs.intents
  const found = intent?.dests.find(dest => dest.address === address)
  if (!intent || !found) throw new Error(`no dest ${address}`)
  intent.dests = intent.dests.filter(dest => dest !== found)
  publish(lvs)
  return found
}

function comes(lvs: PacketDirector, dest: Dest): void {
  lvs.intents[0]?.dests.unshift(dest)
  publish(lvs)
}

/** Takes dest 4 out and adds it again: it starts slowly from now on. */
function renewed(lvs: PacketDirector, f: Family): void {
  comes(lvs, without(lvs, f.dest(4)))
}

let port = 1024

/** The dest of each of so many new connections, as the last number of its address. */
function picks(lvs: PacketDirector, f: Family, count: number): number[] {
  return Array.from({ length: count }, () => {
    const path = `${at(f.client, port++)} > ${at(f.vip, 80)}`
    const { reason, frame } = lvs.run(tcp(path, 'S'))
    if (reason !== 'nat request') throw new Error(`left with ${reason}`)
    return frame[f.name === 'IPv4' ? 33 : 53] ?? 0
  })
}

/** A dest as the definitions see it, in the order of the list: newest first. */
interface Model {
  name: number
  weight: number
  /** In thousandths. */
  share: number
  active: number
  inactive?: number
}

/** What each scheduler would pick for so many connections that stay active; `turn`: wrr's. */
function expected(scheduler: Scheduler, dests: Model[], count: number, turn = 0): number[] {
  return Array.from({ length: count }, () => {
    turn++
    const found = scheduler === 'wrr' ? drawn(dests, turn) : least(scheduler, dests)
    found.active++
    return found.name
  })
}

function drawn(dests: Model[], turn: number): Model {
  const total = dests.reduce((sum, { weight, share }) => sum + BigInt(weight * share), 0n)
  let point = (total * ((BigInt(turn) * 0x9e3779b9n) & 0xffffffffn)) >> 32n
  for (const dest of dests) {
    const size = BigInt(dest.weight * dest.share)
    if (point < size) return dest
    point -= size
  }
  throw new Error('beyond the line')
}

function least(scheduler: Scheduler, dests: Model[]): Model {
  const most = Math.max(...dests.map(({ share }) => share))
  const load = ({ active, inactive = 0, share }: Model): bigint => {
    if (scheduler === 'sed' || scheduler === 'nq') return BigInt(active + 1)
    return BigInt(256 * (active + (share < most ? 1 : 0)) + inactive)
  }
  const size = ({ weight, share }: Model): bigint =>
    BigInt(scheduler === 'lc' ? 1 : weight) * BigInt(share)
  const idle = dests.find(({ active, share }) => active === 0 && share === most)
  if (scheduler === 'nq' && idle) return idle
  return dests.reduce((a, b) => (load(b) * size(a) < load(a) * size(b) ? b : a))
}

/** Dests 4, 3, 2 of weight 1 but for the first, which has a share. */
const three = (share: number, weights = [1, 1, 1]): Model[] =>
  weights.map((weight, i) => ({
    ...{ name: 4 - i, weight, share: i === 0 ? share : 1000, active: 0 },
  }))

const countOf = (names: readonly number[], name: number): number =>
  names.filter(n => n === name).length

/** What comes to a share in a hundred picks, each with dests that have nothing to do before. */
const STAGES: [percent: number, share: number, least: number, most: number][] = [
  [0, 10, 0, 1],
  [10, 100, 3, 5],
  [50, 500, 19, 21],
  [99, 990, 32, 34],
]

for (const f of FAMILIES)
  for (const scheduler of SCHEDULERS)
    for (const [percent, share, atLeast, atMost] of STAGES)
      test(`slow start: ${f.name} ${scheduler}, ${percent} % of it, share ${share}`, async t => {
        const lvs = await living(t, f, scheduler)
        renewed(lvs, f)
        lvs.advance((SLOW_S * percent) / 100)

        const out = picks(lvs, f, 100)

        t.deepEqual(out, expected(scheduler, three(share), 100))
        const got = countOf(out, 4)
        t.true(got >= atLeast && got <= atMost, `${got} of 100`)
      })

/** The picks of a service without a slow start to which the same happens. */
async function plain(t: T, scheduler: Scheduler, o: Options, change: Change): Promise<number[]> {
  const lvs = await living(t, IPV4, scheduler, { ...o, slowStartS: 0 })
  change(lvs)
  return picks(lvs, IPV4, 40)
}

type Change = (lvs: PacketDirector) => void

const ALIKE: [what: string, change: Change, slowStartS?: number][] = [
  [
    'its time is over, and nobody has touched anything',
    lvs => {
      renewed(lvs, IPV4)
      lvs.advance(SLOW_S)
    },
  ],
  [
    'all dests begin at once',
    lvs => {
      for (const n of [2, 3, 4]) without(lvs, IPV4.dest(n))
      for (const n of [2, 3, 4])
        comes(lvs, { address: IPV4.dest(n), port: 80, fwd: 'nat', weight: n })
      lvs.advance(SLOW_S / 2)
    },
  ],
  [
    'it is turned off under way',
    lvs => {
      renewed(lvs, IPV4)
      lvs.advance(SLOW_S / 2)
      set(lvs, { slowStartS: 0 })
      publish(lvs)
    },
  ],
  [
    'it is turned on with dests there, one of which was back before',
    lvs => {
      set(lvs, { destGone: 'drain:30' })
      renewed(lvs, IPV4)
      set(lvs, { slowStartS: SLOW_S })
      publish(lvs)
      lvs.advance(31)
    },
    0,
  ],
  [
    'it becomes longer after one was over',
    lvs => {
      renewed(lvs, IPV4)
      lvs.advance(SLOW_S)
      set(lvs, { slowStartS: 10 * SLOW_S })
      publish(lvs)
    },
  ],
  [
    'a weight is changed that was not 0',
    lvs => {
      for (const dest of lvs.intents[0]?.dests ?? []) dest.weight += 1
      publish(lvs)
    },
  ],
]

for (const scheduler of SCHEDULERS)
  for (const [what, change, slowStartS = SLOW_S] of ALIKE)
    test(`slow start: ${scheduler}, ${what}, every pick is IPVS'`, async t => {
      const weights = [2, 5, 3]
      const lvs = await living(t, IPV4, scheduler, { weights, slowStartS })
      change(lvs)

      const out = picks(lvs, IPV4, 40)

      t.deepEqual(out, await plain(t, scheduler, { weights }, change))
    })

const WEIGHT_MAX = 2147483647

for (const scheduler of SCHEDULERS)
  test(`slow start: ${scheduler}, weights up to 2^31 - 1, no product wraps`, async t => {
    const weights = [WEIGHT_MAX - 1, 3, WEIGHT_MAX]
    const lvs = await living(t, IPV4, scheduler, { weights })
    renewed(lvs, IPV4)
    lvs.advance(SLOW_S / 2)

    const out = picks(lvs, IPV4, 90)

    t.deepEqual(out, expected(scheduler, three(500, weights.toReversed()), 90))
  })

const SEEDS = 20
const STATES = 20

/** Gives all dests any weight, counts and time since they came; those that may be chosen. */
function shaken(lvs: PacketDirector, random: Random): Model[] {
  const { tables } = lvs.dataplane
  const [intent] = lvs.intents
  if (!intent) throw new Error('no service')
  const slowStart = Math.round(SLOW_S * lvs.kernel.ticksPerSecond)
  const weights = [0, 1, 1, 3, 100, 1 + random(WEIGHT_MAX), WEIGHT_MAX]
  for (const dest of intent.dests) dest.weight = oneOf(random, weights)
  lvs.dataplane.publish(intent, [], false)
  const ages = intent.dests.map(() => random(1.3 * slowStart))
  const models = intent.dests.flatMap((dest, i): Model[] => {
    const id = tables.destId(intent.service, dest) ?? 0
    const [active, inactive] = [random(3) && random(40), random(3) && random(2000)]
    const [age = 0, isFull] = [ages[i], random(5) === 0]
    const words = { active, inactive, overloaded: Number(isFull), tick: lvs.kernel.clock() - age }
    for (const [word, value] of Object.entries(words))
      tables.destConns.setWord(id, DEST_CONNS[word as keyof typeof words], value)
    if (dest.weight === 0 || isFull) return []
    const share = age < slowStart ? Math.max(10, Math.floor((age * 1000) / slowStart)) : 1000
    const name = Number(dest.address.split('.').at(-1))
    return [{ name, weight: dest.weight, share, active, inactive }]
  })
  const began = serviceAt(lvs) + SERVICE.slow_began
  serviceRows(lvs).setUint32(began, lvs.kernel.clock() - Math.min(...ages), true)
  return models
}

const serviceRows = (lvs: PacketDirector): DataView => new DataView(lvs.kernel.maps.services.mmap())

const serviceAt = ({ dataplane, intents: [intent] }: PacketDirector): number =>
  intent ? (dataplane.tables.serviceId(intent.service) ?? 0) * SERVICE.size : 0

for (const scheduler of SCHEDULERS)
  test(`slow start: ${scheduler}, any weights, counts and times, each pick is right`, async t => {
    const lvs = await living(t, IPV4, scheduler, { weights: [1, 1, 1, 1, 1] })
    lvs.advance(10 * SLOW_S)
    let compared = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = randomFrom(seed)
      for (let state = 1; state <= STATES; state++) {
        const dests = shaken(lvs, random)
        if (new Set(dests.map(({ share }) => share)).size < 2) continue
        const turn = serviceRows(lvs).getUint32(serviceAt(lvs) + SERVICE.slow_turn, true)

        const out = picks(lvs, IPV4, 1)

        t.deepEqual(out, expected(scheduler, dests, 1, turn), `seed ${seed}, state ${state}`)
        compared++
      }
    }
    t.true(compared > 200, `${compared}`)
  })

for (const scheduler of SCHEDULERS)
  test(`slow start: ${scheduler}, the last tick of it, then not one more`, async t => {
    const lvs = await living(t, IPV4, scheduler)
    renewed(lvs, IPV4)
    const slowStart = Math.round(SLOW_S * lvs.kernel.ticksPerSecond)
    const tick = 1 / lvs.kernel.ticksPerSecond
    const share = Math.floor(((slowStart - 1) * 1000) / slowStart)

    lvs.advance((slowStart - 1) * tick)
    const last = picks(lvs, IPV4, 30)
    const left = lvs.dataplane.tables.slowLeftS(idOf(lvs))
    lvs.advance(tick)

    t.deepEqual(last, expected(scheduler, three(share), 30))
    t.deepEqual([left, lvs.dataplane.tables.slowLeftS(idOf(lvs))], [1, 0])
  })

const idOf = (lvs: PacketDirector): number => {
  const [intent] = lvs.intents
  if (!intent) throw new Error('no service')
  return lvs.dataplane.tables.destId(intent.service, { address: IPV4.dest(4), port: 80 }) ?? 0
}

const leftOf = (lvs: PacketDirector): number => lvs.dataplane.tables.slowLeftS(idOf(lvs))

for (const scheduler of SCHEDULERS)
  test(`slow start: ${scheduler}, nobody else may be chosen, it gets all`, async t => {
    const lvs = await living(t, IPV4, scheduler)
    renewed(lvs, IPV4)

    for (const dest of lvs.intents[0]?.dests ?? [])
      if (dest.address !== IPV4.dest(4)) dest.weight = 0
    publish(lvs)

    t.deepEqual(picks(lvs, IPV4, 5), [4, 4, 4, 4, 4])
  })

test('slow start: weight 0, then more, it begins with the weight', async t => {
  const lvs = await living(t, IPV4, 'wrr')
  const [dest] = lvs.intents[0]?.dests ?? []
  if (!dest) return
  const lefts: number[] = []
  for (const weight of [0, 7, 9]) {
    dest.weight = weight
    publish(lvs)
    lefts.push(leftOf(lvs))
    lvs.advance(10)
  }

  t.deepEqual(lefts, [0, SLOW_S, SLOW_S - 10])
})

test('slow start: the dests that a service comes with, they have their weights', async t => {
  const lvs = await living(t, IPV4, 'wrr')
  const [intent] = lvs.intents
  if (!intent) return

  lvs.dataplane.withdraw(intent.service)
  publish(lvs)

  t.is(leftOf(lvs), 0)
})

test('slow start: a change is taken back, the dest has its weight', async t => {
  const lvs = await living(t, IPV4, 'wrr')
  const dest = without(lvs, IPV4.dest(4))
  const [intent] = lvs.intents
  if (!intent) return

  intent.dests.unshift(dest)
  lvs.dataplane.publish(intent, [], false)

  t.is(leftOf(lvs), 0)
})

test('slow start: it becomes shorter under way, what is under way does too', async t => {
  const lvs = await living(t, IPV4, 'wrr')
  renewed(lvs, IPV4)
  lvs.advance(20)

  for (const { service } of lvs.intents) service.slowStartS = 32
  publish(lvs)

  t.is(leftOf(lvs), 12)
})

for (const scheduler of ['rr', 'fo', 'sh', 'maglev'] as const)
  test(`slow start: ${scheduler} does not heed it, every pick is as without`, async t => {
    const change: Change = lvs => {
      renewed(lvs, IPV4)
    }
    const lvs = await living(t, IPV4, scheduler)
    change(lvs)
    const first = port

    const out = picks(lvs, IPV4, 40)

    port = first
    t.deepEqual(out, await plain(t, scheduler, {}, change))
  })

for (const scheduler of SCHEDULERS) {
  test(`slow start: ${scheduler}, another daemon adopts it under way, it goes on`, async t => {
    const bpffs = folder(t)
    const first = await living(t, IPV4, scheduler, { bpffs })
    renewed(first, IPV4)
    first.advance(SLOW_S / 2)

    const second = await living(t, IPV4, scheduler, { bpffs })
    const left = leftOf(second)
    const out = picks(second, IPV4, 30)
    second.advance(SLOW_S / 2)

    t.true(second.kernel.adopted)
    t.deepEqual([left, leftOf(second)], [SLOW_S / 2, 0])
    t.deepEqual(out, expected(scheduler, three(500), 30))
  })
}

test('slow start: a dest came while no daemon ran, the next one has it at its weight', async t => {
  const bpffs = folder(t)
  await living(t, IPV4, 'wrr', { bpffs, weights: [1, 1] })

  const second = await living(t, IPV4, 'wrr', { bpffs })

  t.is(leftOf(second), 0)
})

/** A folder in the bpffs that goes with the test. */
function folder(t: T): string {
  const path = mkdtempSync('/sys/fs/bpf/xlvs-test-')
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}
