/** The tables of dh, sh and mh, bucket by bucket against what the kernel was seen to do. */
import test from 'ava'
import { ipv4 } from '../../../../control/model/address.ts'
import { DH_SLOTS, dhTable } from '../../../../control/plan/schedule/dh.ts'
import { keyed, multiplicative } from '../../../../control/plan/schedule/hash.ts'
import { MH_KEY, MH_SIZES, mhTable, mhTurns } from '../../../../control/plan/schedule/mh.ts'
import { SH_BITS, SH_SLOTS, shTable } from '../../../../control/plan/schedule/sh.ts'
import type { Table, TableDest } from '../../../../control/plan/schedule/table.ts'

/** A dest as `10.2.0.11:80 3`, with a last weight behind it when that is another. */
function dest(text: string): TableDest {
  const [, address = '', port = '', weight = '', last = weight] =
    /^(.*):(\d+) (\d+)(?: (\d+))?$/.exec(text) ?? []
  return { address, port: Number(port), weight: Number(weight), lastWeight: Number(last) }
}

/** Slots as letters, the last dest of the list is A. */
function letters(table: Table, count: number): string {
  return Array.from(table, at => String.fromCharCode(64 + count - at)).join('')
}

function totals(table: Table): number[] {
  const counts: number[] = []
  for (const at of table) counts[at] = (counts[at] ?? 0) + 1
  return counts
}

const B3_A1 = ['10.2.0.12:8080 3', '10.2.0.11:80 1'].map(dest)

test('dh: three dests, they have the slots in turn', t => {
  const table = dhTable(3)

  t.is(table.length, DH_SLOTS)
  t.deepEqual([...table.slice(0, 7)], [0, 1, 2, 0, 1, 2, 0])
  t.is(table[255], 0)
  t.is(dhTable(0).length, 0)
})

test('dh: more dests than slots, the newest have one each', t => {
  t.deepEqual([...dhTable(300)], [...Array(256).keys()])
})

test('sh: weights 3 and 1, three slots and one in turn', t => {
  const table = shTable([3, 1])

  t.is(letters(table, 2), 'BBBA'.repeat(64))
  for (const [source, slot, picked] of [
    ['10.9.0.1', 224, 0],
    ['192.0.2.1', 50, 0],
    ['198.51.100.77', 103, 1],
  ] as const) {
    t.is(multiplicative(ipv4(source), SH_BITS), slot)
    t.is(table[slot], picked)
  }
})

test('sh: a quiesced dest, it has one slot a round', t => {
  t.is(letters(shTable([2, 0, 1]), 3).slice(0, 8), 'CCBACCBA')
})

test('sh: a weight above the slots, the newest has them all', t => {
  t.deepEqual(totals(shTable([1000, 5])), [SH_SLOTS])
})

test('mh: weights 3 and 1, the slots are the kernel table', t => {
  const text = letters(mhTable(B3_A1, 4), 2)

  t.is(text.slice(0, 64), 'ABBBAABBABBBBBBBBBBABBBAABBABABBBBABBBABBBABBBABABABBABBBAABBABB')
  t.is(text.slice(-32), 'BBBABBBBBBBBBABBBAABBBABBBBBBBBB')
  t.deepEqual(totals(mhTable(B3_A1, 4)), [3070, 1023])
})

test('mh: sources, the slots they have are those of the kernel', t => {
  const text = letters(mhTable(B3_A1, 4), 2)
  for (const [source, port, slot, picked] of [
    ['10.9.0.1', 0, 124, 'A'],
    ['10.9.0.2', 0, 1933, 'A'],
    ['10.9.0.3', 0, 3145, 'A'],
    ['192.0.2.1', 0, 2891, 'A'],
    ['198.51.100.77', 0, 1482, 'B'],
    ['192.0.2.1', 40000, 3651, 'B'],
  ] as const) {
    t.is(keyed(ipv4(source) + port, MH_KEY) % 4093, slot)
    t.is(text[slot], picked)
  }
})

test('mh: weights 100 and 3, turns 50 and 1', t => {
  const dests = ['10.2.0.12:8080 3', '10.2.0.11:80 100'].map(dest)

  t.deepEqual(mhTurns([3, 100]), [1, 50])
  t.deepEqual(totals(mhTable(dests, 4)), [81, 4012])
})

test('mh: three dests alike, the slots are the kernel table', t => {
  const dests = ['10.2.0.13:80 1', '10.2.0.12:80 1', '10.2.0.11:80 1'].map(dest)
  const table = mhTable(dests, 4)

  t.is(letters(table, 3).slice(0, 48), 'BBACCACCCAABABACCCCACBABABBCCACBABACBAACCCCABCBA')
  t.deepEqual(totals(table), [1365, 1364, 1364])
})

test('mh: 251 slots, the table is that of a kernel built so', t => {
  const table = mhTable(B3_A1, 4, 251)

  t.is(letters(table, 2).slice(0, 48), 'AABBBABBBBABBBABBBBABBBBBBABBBBABBBBAABBBAABBBAB')
  t.deepEqual(totals(table), [189, 62])
})

test('mh: every size, its slots are all taken', t => {
  for (const slots of MH_SIZES) t.is(mhTable(B3_A1, 4, slots).length, slots)
})

test('mh: turns at every size, weights are cut to its bits', t => {
  const bits = MH_SIZES.map(slots => Math.log2((mhTurns([2 ** 20, 1], slots)[0] ?? 0) * 2))

  t.deepEqual(bits, [4, 4, 5, 5, 6, 6, 7, 7, 8, 8])
})

test('mh: weights with a divisor, turns are without it', t => {
  t.deepEqual(mhTurns([30, 10, 0]), [3, 1, 0])
  t.deepEqual(mhTurns([2 ** 31 - 1, 1]), [63, 1])
  t.deepEqual(mhTurns([0, 0]), [0, 0])
})

test('mh: a dest is quiesced, it keeps its slots', t => {
  const quiesced = ['10.2.0.12:8080 0 3', '10.2.0.11:80 1'].map(dest)

  t.deepEqual(mhTable(quiesced, 4), mhTable(B3_A1, 4))
})

test('mh: a dest that came quiesced, it has no slot', t => {
  const dests = ['10.2.0.12:8080 0', '10.2.0.11:80 1'].map(dest)

  t.deepEqual(totals(mhTable(dests, 4)), [undefined, 4093] as number[])
  t.is(mhTable([dest('10.2.0.12:8080 0')], 4).length, 0)
})

test('mh: IPv6, keys are folded', t => {
  const dests = ['2001:db8::2:80 1', '2001:db8::3:80 1'].map(dest)
  const table = mhTable(dests, 6)
  const slot = keyed((0x20010db8 ^ 3) + 80, MH_KEY) % 4093

  t.is(table[keyed((0x20010db8 ^ 2) + 80, MH_KEY) % 4093], 0)
  t.is(table[slot], 1)
})
