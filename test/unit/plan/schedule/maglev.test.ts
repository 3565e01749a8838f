/** maglev: what makes it worth having beside mh. */
import test from 'ava'
import fc from 'fast-check'
import { MAGLEV_SLOTS, maglevSlot, maglevTable } from '../../../../control/plan/schedule/maglev.ts'
import type { TableDest } from '../../../../control/plan/schedule/table.ts'

const dest = (i: number, weight = 1, port = 80): TableDest => ({
  address: `10.0.${i >> 8}.${i & 255}`,
  port,
  weight,
  lastWeight: weight,
})

const dests = fc.uniqueArray(
  fc.record({ i: fc.nat(500), port: fc.constantFrom(0, 80, 8080), weight: fc.nat(5) }),
  { maxLength: 30, selector: ({ i, port }) => `${i}:${port}` },
)

/** Who has each slot, by name. */
function owners(list: readonly TableDest[]): string[] {
  return Array.from(maglevTable(list), at => {
    const { address = '', port = 0 } = list[at] ?? {}
    return `${address}:${port}`
  })
}

test('maglev: any dests in any order, the table is the same', t => {
  fc.assert(
    fc.property(dests, fc.infiniteStream(fc.nat(1000)), (list, stream) => {
      const ordered = list.map(({ i, weight, port }) => dest(i, weight, port))
      const keys = ordered.map(() => Number(stream.next().value))
      const other = ordered
        .map((d, i) => ({ d, key: keys[i] ?? 0 }))
        .sort((a, b) => a.key - b.key)
        .map(({ d }) => d)

      t.true(owners(other).join() === owners(ordered).join())
    }),
    { numRuns: 40 },
  )
})

test('maglev: any dests, all slots are shared by weight to a few', t => {
  fc.assert(
    fc.property(dests, list => {
      const all = list.map(({ i, weight, port }) => dest(i, weight, port))
      const table = maglevTable(all)
      const counts = new Array<number>(all.length).fill(0)
      for (const at of table) counts[at] = (counts[at] ?? 0) + 1
      const sum = all.reduce((total, { weight }) => total + weight, 0)

      t.is(table.length, sum === 0 ? 0 : MAGLEV_SLOTS)
      // Each has its first slot in the first round, so heavy ones give what light ones have early.
      const heaviest = Math.max(1, ...all.map(({ weight }) => weight))
      const early = all.filter(({ weight }) => weight > 0).length / (sum / heaviest || 1)
      for (const [at, { weight }] of all.entries()) {
        const more = (counts[at] ?? 0) - (sum && (MAGLEV_SLOTS * weight) / sum)
        const turn = weight / heaviest
        t.true(more < turn + 1.001 && more > -turn * (1 + early) - 0.001, `${String(more)} more`)
      }
    }),
    { numRuns: 40 },
  )
})

test('maglev: one of a hundred dests goes, few slots of the others change', t => {
  const before = Array.from({ length: 100 }, (_, i) => dest(i))
  const was = owners(before)
  const now = owners(before.filter((_, i) => i !== 41))
  const moved = was.filter((name, slot) => name !== '10.0.0.41:80' && name !== now[slot]).length

  t.true(moved / MAGLEV_SLOTS < 0.02, `${moved}`)
})

test('maglev: a dest is quiesced, the table is that without it', t => {
  const list = [dest(1), dest(2, 0), dest(3)]

  t.deepEqual(owners(list), owners(list.filter(({ weight }) => weight > 0)))
})

test('maglev: one weight is a billion times the others, each still has a slot', t => {
  const list = [dest(0, 2 ** 31 - 1), ...Array.from({ length: 300 }, (_, i) => dest(i + 1))]
  const found = new Set(maglevTable(list))

  t.is(found.size, 301)
})

test('maglev: three thousand dests, each has a slot', t => {
  const list = Array.from({ length: 3000 }, (_, i) => dest(i))

  t.is(new Set(maglevTable(list)).size, 3000)
})

test('maglev: two dests and some clients, slots as they were when this was written', t => {
  const ends = owners([dest(2), dest(3)]).map(name => name.at(-4))
  const clients = ['198.51.100.7', '198.51.100.8', '2001:db8::7']

  t.is(ends.slice(0, 24).join(''), '332223233232323223232322')
  t.deepEqual(
    clients.map(client => maglevSlot(client)),
    [55037, 51399, 13810],
  )
  t.is(maglevSlot('198.51.100.7', 40000), 948)
})
