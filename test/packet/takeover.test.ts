/**
 * While xlvsd is gone nobody frees slots: a new connection that finds none takes one that is long
 * overdue, and both slots' accounting with it. The clock is moved by hand, xlvsd's heartbeat too.
 * Read next: ../../bpf/takeover.h.
 */
import test, { type ExecutionContext } from 'ava'
import { store32 } from '../../addon/index.ts'
import { LIFE, LIMIT, SETTINGS, SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, tcp } from '../support/frames.ts'
import { freshSeed, oneOf, randomFrom } from '../support/random.ts'
import { slotAt, slots, stashed, stashKeyOf, stashKeys, type Slot } from './table.ts'

/** The smallest table; the stash is behind it. */
const SLOTS = 1024
/** More clients than there are slots for. */
const CROWD = 2400
const FIRST_PORT = 2000
/** What a client's SYN gives its connection (SYN_RECV). */
const SYN_S = 60
/** A heartbeat older than this is nobody's; a slot overdue for longer than this is anybody's. */
const GONE_S = 10
const OVERDUE_S = 2
/** Life of the random test: more than one connection after the other in every slot. */
const STEPS = 6000
const STEP_S = 0.08

/** NAT by port 80, DR by port 81. */
const servicesOf = (f: Family): string =>
  `tcp ${at(f.vip, 80)} rr\n-> ${at(f.dest(2), 8080)} nat weight 1\n` +
  `tcp ${at(f.vip, 81)} rr\n-> ${at(f.dest(3), 81)} dr weight 1\n`

const syn = (f: Family, cport: number, vport: number): Uint8Array =>
  tcp(`${at(f.client, cport)} > ${at(f.vip, vport)}`, 'S')

/** xlvsd says that it is alive. */
function beat(lvs: PacketDirector): void {
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.heartbeat / 4, lvs.kernel.clock())
}

/** A director that is full of connections of one age, and a client that found no room. */
async function crowded(t: ExecutionContext, f: Family, vport: number) {
  const lvs = await director(t, servicesOf(f), { slots: SLOTS, slots6: SLOTS })
  const ports = Array.from({ length: CROWD }, (_, i) => FIRST_PORT + i)
  const refused = ports.filter(port => lvs.run(syn(f, port, vport)).reason === 'table full')
  const port = refused.at(-1) ?? 0
  t.true(refused.length > 100 && lvs.run(syn(f, port, vport)).reason === 'table full')
  return { lvs, again: syn(f, port, vport) }
}

/** Keys lead to slots that have them, and every slot that is not overdue is found by its own. */
function auditStash(t: ExecutionContext, lvs: PacketDirector, f: Family): void {
  const keys = stashKeys(lvs, f)
  const now = lvs.kernel.clock()
  const behind = slots(lvs, f).filter(({ index }) => index >= SLOTS)
  const astray = [...keys].filter(([key, slot]) => stashKeyOf(lvs, slot, f) !== key)
  const alive = behind.filter(({ deadline }) => ((deadline - now) | 0) >= 0)
  const lost = alive.filter(({ index }) => keys.get(stashKeyOf(lvs, index, f)) !== index)
  t.deepEqual([astray, lost], [[], []])
  t.true(keys.size <= behind.length)
}

/** Slots behind the table of connections that were taken over: they wait for the sweep. */
function waiting(lvs: PacketDirector, f: Family): Slot[] {
  return slots(lvs, f).filter(({ index, life }) => index >= SLOTS && life === LIFE.LIFE_ENDED)
}

/** Slots, their partners, the stash and the dests' counts agree. */
function audit(t: ExecutionContext, lvs: PacketDirector, f: Family): void {
  const all = slots(lvs, f).filter(({ life }) => life !== LIFE.LIFE_ENDED)
  const requests = all.filter(slot => !(slot.flags & SLOT_WORD.CONN_REPLY))
  const paired = requests.filter(slot => slot.partner !== LIMIT.NONE)
  const strays = paired.filter(({ partner, index, cport }) => {
    const other = slotAt(lvs, partner, f)
    return other.partner !== index || other.cport !== cport
  })
  t.deepEqual(strays, [])
  t.is(all.length, requests.length + paired.length)
  auditStash(t, lvs, f)
  const [nat, dr] = [f.dest(2), f.dest(3)].map(address => lvs.counts(address))
  t.is((nat?.active ?? 0) + (nat?.inactive ?? 0), paired.length)
  t.is((dr?.active ?? 0) + (dr?.inactive ?? 0), requests.length - paired.length)
}

for (const f of FAMILIES) {
  for (const [given, lateS, isAlive, reason] of [
    ['xlvsd is alive', OVERDUE_S + 60, true, 'table full'],
    ['nothing is overdue', -1, false, 'table full'],
    ['overdue for a moment', OVERDUE_S - 1, false, 'table full'],
    ['long overdue', OVERDUE_S + 1, false, 'nat request'],
  ] as const)
    test(`takeover: a full table of ${f.name}, ${given}, then ${reason}`, async t => {
      const { lvs, again } = await crowded(t, f, 80)
      lvs.advance(SYN_S + lateS)
      if (isAlive) beat(lvs)

      const out = lvs.run(again)

      t.is(out.reason, reason)
      audit(t, lvs, f)
    })

  test(`takeover: xlvsd silent for a moment or longer, ${f.name} is taken then only`, async t => {
    const { lvs, again } = await crowded(t, f, 80)
    lvs.advance(SYN_S)
    beat(lvs)
    lvs.advance(GONE_S - 1)
    const before = lvs.run(again).reason
    lvs.advance(2)

    const after = lvs.run(again).reason

    t.deepEqual([before, after], ['table full', 'nat request'])
  })

  test(`takeover: one slot of ${f.name} is taken, one end is counted with it`, async t => {
    const { lvs, again } = await crowded(t, f, 81)
    const before = { used: slots(lvs, f).length, counts: lvs.counts(f.dest(3)) }
    lvs.advance(SYN_S + OVERDUE_S + 1)

    const { reason } = lvs.run(again)

    t.is(reason, 'direct')
    t.deepEqual({ used: slots(lvs, f).length, counts: lvs.counts(f.dest(3)) }, before)
    t.is(lvs.conns().length, 1)
  })

  test(`takeover: a stashed ${f.name} client is back, its old slot goes, it is found`, async t => {
    const lvs = await director(t, servicesOf(f), { slots: SLOTS, slots6: SLOTS })
    const ports = Array.from({ length: CROWD }, (_, i) => FIRST_PORT + i)
    const crowd = ports.slice(
      0,
      ports.findIndex(port => {
        lvs.run(syn(f, port, 80))
        return stashed(lvs) > 12
      }),
    )
    const old = slots(lvs, f).filter(slot => slot.index >= SLOTS)
    lvs.advance(SYN_S + OVERDUE_S - 1)
    for (const slot of old) lvs.run(syn(f, slot.cport, 80))
    const renewed = old.filter(
      slot => stashKeys(lvs, f).get(stashKeyOf(lvs, slot.index, f)) !== slot.index,
    )
    t.true(renewed.length > 3, String(renewed.length))
    lvs.advance(2)

    for (const port of crowd) lvs.run(syn(f, port + CROWD, 80))

    audit(t, lvs, f)
  })

  test(`takeover: a long random life of ${f.name} without xlvsd, counts stay right`, async t => {
    const seed = freshSeed()
    t.log(`XLVS_SEED=${seed}`)
    const random = randomFrom(seed)
    const lvs = await director(t, servicesOf(f), { slots: SLOTS, slots6: SLOTS })
    lvs.advance(GONE_S + 1)
    const reasons = new Map<string, number>()

    for (let step = 0; step < STEPS; step++) {
      lvs.advance(STEP_S)
      const vport = oneOf(random, [80, 80, 81])
      const { reason } = lvs.run(syn(f, FIRST_PORT + random(STEPS), vport))
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      if (step % 200 === 0) audit(t, lvs, f)
    }

    const made = (reasons.get('nat request') ?? 0) + (reasons.get('direct') ?? 0)
    t.true(made > 2 * SLOTS, JSON.stringify([...reasons]))
    const keys = stashKeys(lvs, f)
    const kept = waiting(lvs, f).filter(({ index }) => keys.has(stashKeyOf(lvs, index, f)))
    t.true(kept.length > 0 && kept.length === waiting(lvs, f).length)
    lvs.advance(SYN_S + 1)
    lvs.sweep()
    t.is(slots(lvs, f).length, 0)
    t.is(stashed(lvs), 0)
    audit(t, lvs, f)
  })
}
