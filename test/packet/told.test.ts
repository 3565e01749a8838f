/**
 * Connections of one request key, which dests of the sip engine begin: of those that live one
 * answers, whatever becomes of the others, and whoever finds no room changes nothing.
 */
import test, { type ExecutionContext } from 'ava'
import { store32 } from '../../addon/index.ts'
import { LIFE, SETTINGS, SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { sweep } from '../../control/dataplane/sweep.ts'
import type { Index } from '../../control/dataplane/unindex.ts'
import { director, type DirectorOptions, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, udp } from '../support/frames.ts'
import { freshSeed, randomFrom } from '../support/random.ts'
import { fillTable, KEY, slots, stashKeyOf, stashKeys, type Slot } from './table.ts'

const UDP_S = 300
/** Slots of a table, and more connections than there is room for. */
const SLOTS = 1024
const CROWD = 3000
const STEPS = 4000
const { CONN_SHADOWED } = SLOT_WORD

async function telling(
  t: ExecutionContext,
  f: Family,
  { dests = 2, ...options }: DirectorOptions & { dests?: number } = {},
): Promise<PacketDirector> {
  const lines = Array.from(
    { length: dests },
    (_, i) => `-> ${at(f.dest(2 + i), 5062)} nat weight 1`,
  )
  const text = `udp ${at(f.vip, 5060)} rr\n${lines.join('\n')}`
  const lvs = await director(t, text, { slots: SLOTS, slots6: SLOTS, ...options })
  for (const { service } of lvs.intents) Object.assign(service, { engine: 'sip' })
  lvs.publish()
  return lvs
}

const ask = (f: Family, cport: number): Uint8Array =>
  udp(`${at(f.client, cport)} > ${at(f.vip, 5060)}`)

const tell = (f: Family, n: number, cport: number): Uint8Array =>
  udp(`${at(f.dest(n), 5062)} > ${at(f.client, cport)}`)

const isAnswering = ({ life, flags }: Slot): boolean =>
  life === LIFE.LIFE_VALID && !(flags & CONN_SHADOWED)

/** Keys that nobody answers for though one lives, or two; and who would not be found. */
function wrong(lvs: PacketDirector, f: Family): string[] {
  const inUse = slots(lvs, f).filter(({ life }) => life === LIFE.LIFE_VALID)
  const stash = stashKeys(lvs, f)
  const first = lvs.kernel.sizes.slots[f.name === 'IPv4' ? 0 : 1]
  const byKey = Map.groupBy(inUse, ({ index }) => stashKeyOf(lvs, index, f))
  const faults: string[] = []
  for (const [key, all] of byKey) {
    const answering = all.filter(isAnswering)
    if (answering.length !== 1) faults.push(`${all[0]?.cport}: ${answering.length} answer`)
    for (const { index, cport } of answering)
      if (index >= first && stash.get(key) !== index) faults.push(`${cport}: lost`)
  }
  return faults
}

for (const f of FAMILIES) {
  test(`told: ${f.name}, no room for what a dest begins, who was there answers`, async t => {
    const lvs = await telling(t, f, { key: KEY })
    t.is(lvs.run(ask(f, 1000)).reason, 'nat request')
    for (let i = 0; i < CROWD; i++) lvs.run(ask(f, 2000 + i))

    const told = [2, 3].map(n => lvs.run(tell(f, n, 1000)).reason).sort()

    t.deepEqual(told, ['nat reply', 'table full'])
    t.is(lvs.run(ask(f, 1000)).reason, 'nat request')
    t.deepEqual(wrong(lvs, f), [])
  })

  test(`told: ${f.name}, the newest is over its time, who comes then answers alone`, async t => {
    const lvs = await telling(t, f)
    lvs.run(tell(f, 2, 1000))
    lvs.advance(10)
    lvs.run(tell(f, 3, 1000))
    lvs.advance(UDP_S - 15)
    lvs.run(tell(f, 2, 1000))
    lvs.advance(20)

    lvs.run(ask(f, 1000))
    lvs.sweep()

    t.is(lvs.conns().length, 2)
    t.deepEqual(wrong(lvs, f), [])
    lvs.advance(UDP_S - 30)
    lvs.run(tell(f, 2, 1000))
    lvs.advance(40)
    lvs.sweep()
    t.is(lvs.conns().length, 1)
    t.deepEqual(wrong(lvs, f), [])
  })

  test(`told: ${f.name}, behind the table as one in it is found again, one answers`, async t => {
    const lvs = await telling(t, f, { dests: 4 })
    lvs.run(tell(f, 2, 1000))
    fillTable(lvs, f)
    lvs.run(tell(f, 3, 1000))
    lvs.advance(UDP_S - 5)
    lvs.run(tell(f, 2, 1000))
    lvs.advance(10)
    const tables = lvs.tables[f.name === 'IPv4' ? 0 : 1]
    const seen: string[] = []
    const lookup = (key: Uint8Array): Uint8Array | undefined => {
      if (seen.length === 0) seen.push(lvs.run(tell(f, 4, 1000)).reason)
      return tables.stash.lookup(key)
    }
    const { stash } = tables
    const update: Index['update'] = stash.update.bind(stash)

    sweep(
      { ...tables, stash: { lookup, update, take: key => stash.take(key) } },
      lvs.kernel.clock(),
    )

    t.deepEqual([seen, lvs.conns().length], [['nat reply'], 2])
    t.deepEqual(wrong(lvs, f), [])
  })

  test(`told: ${f.name}, a table that is nearly full, of each key one answers`, async t => {
    const seed = freshSeed()
    const random = randomFrom(seed)
    const key = Array.from({ length: 16 }, () => (random(2 ** 31) * 2 + 1) >>> 0)
    const lvs = await telling(t, f, { dests: 4, key })
    const faults: string[] = []

    for (let step = 0; step < STEPS && faults.length === 0; step++) {
      const cport = 1000 + random(400)
      lvs.run(random(3) === 0 ? ask(f, cport) : tell(f, 2 + random(4), cport))
      if (random(8) === 0) lvs.advance(1 + random(4))
      store32(lvs.kernel.maps.settings.mmap(), SETTINGS.heartbeat / 4, lvs.kernel.clock())
      if (random(20) !== 0) continue
      lvs.sweep()
      faults.push(...wrong(lvs, f).map(fault => `step ${step}: ${fault}`))
    }

    t.deepEqual(faults, [], `XLVS_SEED=${seed}`)
  })
}
