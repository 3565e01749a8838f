/**
 * Persistent services: a client's connections go to the dest that its first one went to, for as
 * long as its template lives. What is expected of many packets in a row is recorded of the kernel
 * (test/oracle/cases/14*); here is what shows one thing at a time, and what a kernel does not have.
 */
import test, { type ExecutionContext } from 'ava'
import { CONN4, LIFE, LIMIT, SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { controllerOf, controlsOf, isTemplate } from '../../control/dataplane/control.ts'
import { FAMILIES as NUMBERS, SLOT, type FamilyNumber } from '../../control/dataplane/slots.ts'
import { startControlRecount } from '../../control/dataplane/recount.ts'
import { repair } from '../../control/dataplane/sweep.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, type Family } from '../support/families.ts'
import { at, tcp, udp } from '../support/frames.ts'
import { freshSeed, oneOf, randomFrom } from '../support/random.ts'
import { stashed } from './table.ts'

const PERSISTENT_S = 100
/** What a SYN gives its connection, and what a template goes on for. */
const SYN_S = 60
const AGAIN_S = 60
/** The smallest table. */
const SLOTS = 1024

/** TCP port 80 by NAT to dests 2 and 3, 81 by DR, UDP port 53 by NAT. */
async function persistent(t: ExecutionContext, f: Family, slots = SLOTS): Promise<PacketDirector> {
  const dests = (port: number, fwd: string): string =>
    [2, 3].map(n => `-> ${at(f.dest(n), port)} ${fwd} weight 1\n`).join('')
  const lvs = await director(
    t,
    `tcp ${at(f.vip, 80)} rr\n${dests(8080, 'nat')}` +
      `tcp ${at(f.vip, 81)} rr\n${dests(81, 'dr')}` +
      `udp ${at(f.vip, 53)} rr\n${dests(53, 'nat')}`,
    { slots, slots6: slots },
  )
  for (const { service } of lvs.intents) service.persistentS = PERSISTENT_S
  lvs.publish()
  return lvs
}

/** A client among others of its network. */
function client(f: Family, n: number): string {
  return f.name === 'IPv4' ? `198.51.100.${10 + n}` : `2001:db8:3::${(0x10 + n).toString(16)}`
}

const path = (f: Family, n: number, cport = 1000, vport = 80): string =>
  `${at(client(f, n), cport)} > ${at(f.vip, vport)}`

/** The dest that a client's new connection goes to, by its address. */
function goes(lvs: PacketDirector, f: Family, n: number, cport: number): string {
  lvs.run(tcp(path(f, n, cport), 'S'))
  const found = lvs
    .conns()
    .find(c => c.client.port === cport && c.client.address === client(f, n) && !c.isTemplate)
  return found?.dest.address ?? 'nobody'
}

/** Templates as listed: client, state and whole tens of seconds. */
function templates(lvs: PacketDirector): string[] {
  const found = lvs.conns().filter(conn => conn.isTemplate)
  return found
    .map(c => `${at(c.client.address, c.client.port)} ${c.state} ${Math.round(c.expiresS / 10)}0`)
    .sort()
}

interface Held {
  template: number
  says: number
  has: number
}

/** What every slot of a table says of templates, and what is wrong with it. */
function audit(lvs: PacketDirector): { templates: number; wrong: unknown[] } {
  const wrong: unknown[] = []
  let sum = 0
  const counted = new Map<number, number>()
  for (const family of NUMBERS) {
    const held = auditTable(lvs, family, counted, wrong)
    sum += held.length
    wrong.push(...held.filter(({ says, has }) => says !== has))
  }
  for (const id of lvs.dataplane.tables.allDestIds('')) {
    const { persistent: says } = lvs.dataplane.tables.destConns.get(id)
    if (says !== (counted.get(id) ?? 0)) wrong.push({ id, says, has: counted.get(id) ?? 0 })
  }
  return { templates: sum, wrong }
}

function auditTable(
  lvs: PacketDirector,
  family: FamilyNumber,
  counted: Map<number, number>,
  wrong: unknown[],
): Held[] {
  const table = lvs.tables[family]
  const words = new Uint32Array(table.conns)
  const step = SLOT[family].size / 4
  const has = new Map<number, number>()
  const held: Held[] = []
  for (let slot = 0; slot < words.length / step; slot++) {
    const low = words[slot * step] ?? 0
    const life = low & SLOT_WORD.WORD_LIFE_MASK
    const isValid = life === LIFE.LIFE_VALID
    const control = controllerOf(table, slot)
    if (isValid && isTemplate(low)) {
      held.push({ template: slot, says: controlsOf(table, slot), has: 0 })
      const dest = (words[slot * step + 1] ?? 0) >>> (SLOT_WORD.WORD_DEST_SHIFT - 32)
      counted.set(dest, (counted.get(dest) ?? 0) + 1)
    } else if (isValid && control !== undefined) has.set(control, (has.get(control) ?? 0) + 1)
    else if (control !== undefined && !(life === LIFE.LIFE_ENDED && isTemplate(low)))
      wrong.push({ slot, control, low })
  }
  for (const template of has.keys())
    if (!held.some(one => one.template === template)) wrong.push({ template })
  return held.map(one => ({ ...one, has: has.get(one.template) ?? 0 }))
}

for (const f of FAMILIES) {
  test(`persist: ${f.name} clients, each stays with the dest of its first connection`, async t => {
    const lvs = await persistent(t, f)

    const dests = [0, 1, 0, 1, 1, 0].map((n, i) => goes(lvs, f, n, 1000 + i))

    const [a, b] = [f.dest(3), f.dest(2)]
    t.deepEqual(dests, [a, b, a, b, b, a])
    t.deepEqual(templates(lvs), [0, 1].map(n => `${at(client(f, n), 0)} NONE 100`).sort())
    t.deepEqual(audit(lvs), { templates: 2, wrong: [] })
  })

  test(`persist: ${f.name}, a template is listed, it has the method of its dest`, async t => {
    const lvs = await persistent(t, f)

    for (const vport of [80, 81]) lvs.run(tcp(path(f, 0, 1000, vport), 'S'))

    const found = lvs.conns().filter(conn => conn.isTemplate)
    t.deepEqual(found.map(({ virtual, fwd }) => `${virtual.port} ${fwd}`).sort(), [
      '80 nat',
      '81 dr',
    ])
  })

  test(`persist: ${f.name}, its template has had its time, a client is anybody's`, async t => {
    const lvs = await persistent(t, f)
    goes(lvs, f, 0, 1000)
    lvs.advance(PERSISTENT_S + 1)
    lvs.sweep()

    const dest = goes(lvs, f, 0, 1001)

    t.is(dest, f.dest(2))
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
  })

  test(`persist: ${f.name}, nobody has swept, a template over its time is none`, async t => {
    const lvs = await persistent(t, f)
    lvs.run(tcp(path(f, 0, 1000), 'S'))
    lvs.advance(SYN_S + 1)
    lvs.sweep()
    lvs.advance(PERSISTENT_S - SYN_S)

    const dest = goes(lvs, f, 0, 1001)

    t.is(dest, f.dest(2))
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
  })

  test(`persist: ${f.name}, connections outlive their template, it goes on by minutes`, async t => {
    const lvs = await persistent(t, f)
    lvs.run(tcp(path(f, 0, 1000, 81), 'S'))
    lvs.run(tcp(path(f, 0, 1000, 81), 'A'))
    lvs.advance(PERSISTENT_S + 1)

    lvs.sweep()
    const first = templates(lvs)
    lvs.advance(2.5 * AGAIN_S)
    lvs.sweep()
    const later = templates(lvs)
    lvs.run(tcp(path(f, 0, 1001, 81), 'S'))
    const restarted = templates(lvs)

    const name = at(client(f, 0), 0)
    t.deepEqual(
      [first, later, restarted],
      [[`${name} ASSURED 60`], [`${name} ASSURED 30`], [`${name} ASSURED 60`]],
    )
    lvs.advance(2000)
    lvs.sweep()
    t.deepEqual(templates(lvs), [])
    t.deepEqual(audit(lvs), { templates: 0, wrong: [] })
  })

  test(`persist: ${f.name}, over its time and not swept, a connection takes it on`, async t => {
    const lvs = await persistent(t, f)
    lvs.run(tcp(path(f, 0, 1000, 81), 'S'))
    lvs.run(tcp(path(f, 0, 1000, 81), 'A'))
    lvs.advance(PERSISTENT_S + 1)

    lvs.run(tcp(path(f, 0, 1001, 81), 'S'))

    t.deepEqual(templates(lvs), [`${at(client(f, 0), 0)} ASSURED 60`])
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
  })

  test(`persist: ${f.name} TCP that ends before it is established assures nothing`, async t => {
    const lvs = await persistent(t, f)
    lvs.run(tcp(path(f, 0, 1000, 81), 'S'))
    lvs.run(tcp(path(f, 0, 1000, 81), 'F'))
    lvs.run(tcp(path(f, 1, 1000, 81), 'S'))
    lvs.run(tcp(path(f, 1, 1000, 81), 'A'))
    lvs.run(tcp(path(f, 1, 1000, 81), 'R'))

    const states = lvs.conns().map(c => `${c.client.address} ${c.isTemplate ? '0 ' : ''}${c.state}`)

    t.deepEqual(states.sort(), [
      `${client(f, 0)} 0 NONE`,
      `${client(f, 0)} TIME_WAIT`,
      `${client(f, 1)} 0 ASSURED`,
      `${client(f, 1)} CLOSE`,
    ])
  })

  test(`persist: ${f.name} UDP, the first answer assures a template`, async t => {
    const lvs = await persistent(t, f)
    lvs.run(udp(path(f, 0, 1000, 53)))
    const before = templates(lvs)

    lvs.run(udp(`${at(f.dest(3), 53)} > ${at(client(f, 0), 1000)}`))

    const name = at(client(f, 0), 0)
    t.deepEqual([before, templates(lvs)], [[`${name} NONE 100`], [`${name} ASSURED 100`]])
  })

  test(`persist: ${f.name} one packet, a template and no connection`, async t => {
    const lvs = await persistent(t, f)
    for (const { service } of lvs.intents) service.onePacket = true
    lvs.publish()

    const reasons = [1, 2, 3].map(n => lvs.run(udp(path(f, 0, 1000 + n, 53))).reason)

    t.deepEqual(reasons, Array(3).fill('nat request'))
    t.deepEqual(
      lvs.conns().map(c => c.isTemplate),
      [true],
    )
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
  })

  test(`persist: ${f.name}, no room for the connection, its template has none`, async t => {
    const lvs = await persistent(t, f)
    goes(lvs, f, 0, 1000)
    const words = new Uint32Array(lvs.tables[f.name === 'IPv4' ? 0 : 1].conns)
    const step = words.length / (SLOTS + 4 * LIMIT.SLOTS_PER_BUCKET)
    for (let at = 0; at < words.length; at += step)
      if (((words[at] ?? 0) & SLOT_WORD.WORD_LIFE_MASK) === LIFE.LIFE_EMPTY)
        words[at] = LIFE.LIFE_BUSY

    const { reason } = lvs.run(tcp(path(f, 0, 1001), 'S'))

    t.is(reason, 'table full')
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
  })

  test(`persist: ${f.name}, xlvsd dies between an end and its count, repair does it`, async t => {
    const lvs = await persistent(t, f)
    goes(lvs, f, 0, 1000)
    const table = lvs.tables[f.name === 'IPv4' ? 0 : 1]
    const words = new Uint32Array(table.conns)
    const { size } = SLOT[table.family]
    const request = Array.from({ length: words.length / (size / 4) }, (_, slot) => slot).find(
      slot => controllerOf(table, slot) !== undefined && !isTemplate(words[(slot * size) / 4] ?? 0),
    )
    const at = ((request ?? 0) * size) / 4
    words[at] = ((words[at] ?? 0) & ~SLOT_WORD.WORD_LIFE_MASK) | LIFE.LIFE_DEAD

    t.is(repair(table), 2)
    t.deepEqual(audit(lvs), { templates: 1, wrong: [] })
    t.is(words[at + CONN4.partner / 4] !== undefined, true)
  })

  test(`persist: ${f.name} template that counts too many, three looks put it right`, async t => {
    const lvs = await persistent(t, f)
    for (const n of [0, 1]) goes(lvs, f, n, 1000 + n)
    const table = lvs.tables[f.name === 'IPv4' ? 0 : 1]
    const cold = new Int32Array(table.cold)
    const request = cold.findIndex((control, i) => i % 2 === 0 && control > 0 && control < 2000)
    const counts = ((cold[request] ?? 1) - 1) * 2 + 1
    cold[counts] = 7
    const recount = startControlRecount(lvs.tables)

    const looks = [recount.look(), recount.look(), recount.look()]

    t.deepEqual([looks, recount.corrected], [[false, false, true], 1])
    t.deepEqual(audit(lvs), { templates: 2, wrong: [] })
    t.true(startControlRecount(lvs.tables).look())
  })

  for (const [how, isSwept] of [
    ['swept', true],
    ['not swept', false],
  ] as const)
    test(`persist: ${f.name}, a long random life, ${how}, controls are right`, async t => {
      const seed = freshSeed()
      t.log(`XLVS_SEED=${seed}`)
      const random = randomFrom(seed)
      const lvs = await persistent(t, f)
      lvs.advance(11)

      for (let step = 0; step < 3000; step++) {
        lvs.advance(random(3) / 4)
        const vport = oneOf(random, [80, 81, 53])
        const way = path(f, random(120), 1000 + random(8), vport)
        lvs.run(vport === 53 ? udp(way) : tcp(way, oneOf(random, ['S', 'S', 'A', 'F', 'R'])))
        if (isSwept && random(40) === 0) lvs.sweep()
        if (random(200) === 0) weigh(lvs, oneOf(random, [0, 1]))
        if (step % 300 === 0) t.deepEqual(audit(lvs).wrong, [])
      }

      t.deepEqual(audit(lvs).wrong, [])
      lvs.advance(5000)
      lvs.sweep()
      t.deepEqual(audit(lvs), { templates: 0, wrong: [] })
      t.is(stashed(lvs), 0)
    })
}

/** Quiesces the newest dest of each service, or uses it again. */
function weigh(lvs: PacketDirector, weight: number): void {
  for (const { dests } of lvs.intents) if (dests[0]) dests[0].weight = weight
  lvs.publish()
}
