/**
 * How connections of either family lie in their table: keys that differ in one place only spread
 * over all buckets, and what finds no room there is found behind the table. Knows nothing of the
 * hash but that it is one. Read next: conn_table.test.ts, which knows it.
 */
import test from 'ava'
import { LIFE, LIMIT } from '../../control/abi/maps.gen.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV6, type Family } from '../support/families.ts'
import { at, sameFrame, tcp } from '../support/frames.ts'
import { connTable, lockedStripes, requestSlot, slotAt, slots, stashed } from './table.ts'

/** The smallest table: 128 buckets, four more for the stash. */
const BUCKETS = 128
const SLOTS = BUCKETS * LIMIT.SLOTS_PER_BUCKET
const STASH_SLOTS = 4 * LIMIT.SLOTS_PER_BUCKET
/** Keys of a set: as many as buckets. */
const KEYS = BUCKETS
/** 127.0.0.0/8: nobody comes from there. */
const LOOPBACK_NET = 127
/**
 * Buckets that 128 keys thrown at random leave in use: 81 on average, with a deviation of 4; and
 * the most in one bucket, 5 on average, 8 or more once in five thousand. Six deviations away.
 */
const USED_MIN = 56
const CROWD_MAX = 8

/** First byte of the i-th network. */
const network = (i: number): number => (11 + i < LOOPBACK_NET ? 11 : 12) + i
const hexOf = (n: number): string => n.toString(16)

/** Sets of clients that differ in one place of the key. */
const SETS: [what: string, f: Family, client: (i: number) => string][] = [
  ...FAMILIES.flatMap((f): [string, Family, (i: number) => string][] => [
    [`${f.name} ports one after the other`, f, i => at(f.client, 1024 + i)],
    [`${f.name} ports 256 apart`, f, i => at(f.client, 1024 + 256 * i)],
  ]),
  ['IPv4 hosts of a network', FAMILIES[0] ?? IPV6, i => `198.51.101.${1 + i}:40000`],
  ['IPv4 networks', FAMILIES[0] ?? IPV6, i => `${network(i)}.51.100.7:40000`],
  ...Array.from({ length: 8 }, (_, group): [string, Family, (i: number) => string] => [
    `IPv6 group ${group} of the address`,
    IPV6,
    i => {
      const groups = ['2001', 'db8', '1', '2', '3', '4', '5', '6']
      groups[group] = hexOf(0x2001 + i)
      return `[${groups.join(':')}]:40000`
    },
  ]),
  ...Array.from({ length: 8 }, (_, group): [string, Family, (i: number) => string] => [
    `IPv6 high byte of group ${group}`,
    IPV6,
    i => {
      const groups = ['2001', 'db8', '1', '2', '3', '4', '5', '6']
      groups[group] = hexOf(0x2000 + 0x20 * i)
      return `[${groups.join(':')}]:40000`
    },
  ]),
  ['IPv6 two groups that change together', IPV6, i => `[2001:db8:${hexOf(i)}::${hexOf(i)}]:40000`],
  [
    'IPv6 two groups that change against each other',
    IPV6,
    i => `[2001:db8:${hexOf(i)}::${hexOf(0xffff - i)}]:40000`,
  ],
]

for (const [what, f, client] of SETS)
  test(`spread: ${what}, the keys lie everywhere`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 81)} rr\n-> ${at(f.dest(3), 81)} dr weight 1`)

    for (let i = 0; i < KEYS; i++) lvs.run(tcp(`${client(i)} > ${at(f.vip, 81)}`, 'S'))

    const found = slots(lvs, f)
    const crowds = new Map<number, number>()
    for (const { index } of found) {
      const bucket = Math.floor(index / LIMIT.SLOTS_PER_BUCKET)
      crowds.set(bucket, (crowds.get(bucket) ?? 0) + 1)
    }
    t.is(found.length, KEYS)
    t.true(crowds.size >= USED_MIN, `${crowds.size} buckets in use`)
    t.true(Math.max(...crowds.values()) <= CROWD_MAX)
    const tags = new Set(found.map(s => (s.word >> 16n) & 0xffffffn))
    t.true(tags.size >= KEYS - 1, `${tags.size} tags`)
    for (let i = 0; i < KEYS; i++)
      t.is(lvs.run(tcp(`${client(i)} > ${at(f.vip, 81)}`, 'A')).reason, 'direct')
  })

test('spread: another secret, connections lie elsewhere', async t => {
  const places: string[] = []
  for (const first of [1, 2]) {
    const key = Array.from({ length: 16 }, (_, i) => ((first * 0x9e3779b1 * (2 * i + 1)) >>> 0) | 1)
    const lvs = await director(t, `tcp ${at(IPV6.vip, 80)} rr\n-> ${at(IPV6.dest(2), 80)} dr`, {
      key,
    })
    for (let i = 0; i < 32; i++)
      lvs.run(tcp(`${at(IPV6.client, 2000 + i)} > ${at(IPV6.vip, 80)}`, 'S'))
    places.push(Array.from({ length: 32 }, (_, i) => requestSlot(lvs, 2000 + i, IPV6).index).join())
  }

  t.not(places[0], places[1])
})

/** Makes every slot busy but those given, as if other CPUs were filling them. */
function fillBut(lvs: PacketDirector, f: Family, isFree: (slot: number) => boolean): void {
  const words = new Uint32Array(connTable(lvs, f))
  const step = words.length / (SLOTS + STASH_SLOTS)
  for (let slot = 0; slot < SLOTS + STASH_SLOTS; slot++)
    if (!isFree(slot)) words[slot * step] = LIFE.LIFE_BUSY
}

function empty(lvs: PacketDirector, f: Family): void {
  new Uint8Array(connTable(lvs, f)).fill(0)
}

for (const f of FAMILIES) {
  const [client, virtual, dest] = [at(f.client, 4000), at(f.vip, 80), at(f.dest(2), 80)]
  const [request, reply] = [`${client} > ${virtual}`, `${dest} > ${client}`]
  const text = `tcp ${virtual} rr\n-> ${dest} nat weight 1`

  test(`stash: both slots of a ${f.name} connection in it, found both ways and freed`, async t => {
    const lvs = await director(t, text)
    fillBut(lvs, f, slot => slot >= SLOTS)

    const left = [tcp(request, 'S'), tcp(reply, 'SA'), tcp(request, 'A')].map(
      frame => lvs.run(frame).reason,
    )

    t.deepEqual(left, ['nat request', 'nat reply', 'nat request'])
    t.is(stashed(lvs), 2)
    sameFrame(t, lvs.receive(tcp(reply, 'A')), tcp(`${virtual} > ${client}`, 'A', { ttl: 63 }))
    const { index, partner } = requestSlot(lvs, 4000, f)
    t.true(index >= SLOTS && partner >= SLOTS)
    lvs.advance(1000)
    lvs.sweep()
    t.is(stashed(lvs), 0)
    t.deepEqual(
      [index, partner].map(at => slotAt(lvs, at, f).life),
      [LIFE.LIFE_EMPTY, LIFE.LIFE_EMPTY],
    )
  })

  test(`stash: connections of ${f.name} crowd the table, every one is found`, async t => {
    const lvs = await director(t, text)
    const ports = Array.from({ length: 480 }, (_, i) => 3000 + i)
    const path = (port: number) => `${at(f.client, port)} > ${virtual}`

    const opened = ports.filter(port => lvs.run(tcp(path(port), 'S')).reason === 'nat request')

    t.true(opened.length > 440, `${opened.length} opened`)
    t.is(lvs.conns().length, opened.length)
    for (const port of opened) t.is(lvs.run(tcp(path(port), 'A')).reason, 'nat request')
    for (const port of opened)
      t.is(lvs.run(tcp(`${dest} > ${at(f.client, port)}`, 'A')).reason, 'nat reply')
    lvs.advance(2000)
    t.is(lvs.sweep().expired, opened.length)
    t.deepEqual([slots(lvs, f).length, stashed(lvs), lockedStripes(lvs)], [0, 0, 0])
    t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 0 })
  })

  test(`full: no slot for ${f.name} anywhere, dropped and nothing is left behind`, async t => {
    const lvs = await director(t, text)
    fillBut(lvs, f, () => false)

    const left = [1, 2].map(() => lvs.run(tcp(request, 'S')))

    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      [
        ['table full', XDP.drop],
        ['table full', XDP.drop],
      ],
    )
    empty(lvs, f)
    t.deepEqual([stashed(lvs), lockedStripes(lvs), lvs.traffic().conns], [0, 0, 0])
    t.deepEqual(lvs.counts(f.dest(2)), { active: 0, inactive: 0 })
    t.is(lvs.run(tcp(request, 'S')).reason, 'nat request')
  })

  test(`full: the table of the other family is, ${f.name} goes on`, async t => {
    const lvs = await director(t, text)
    for (const other of FAMILIES) if (other !== f) fillBut(lvs, other, () => false)

    t.is(lvs.run(tcp(request, 'S')).reason, 'nat request')
  })
}
