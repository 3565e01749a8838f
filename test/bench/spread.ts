/**
 * How evenly sh, mh and maglev share clients among dests, and whom it disturbs when one of 100
 * dests goes: build/spread.txt, .svg and .json. Counted on the tables, so that every run says the
 * same.
 * Read next: ../../control/plan/schedule/maglev.ts.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mhTable } from '../../control/plan/schedule/mh.ts'
import { maglevTable } from '../../control/plan/schedule/maglev.ts'
import { shTable } from '../../control/plan/schedule/sh.ts'
import type { Table, TableDest } from '../../control/plan/schedule/table.ts'

const BUILD = fileURLToPath(new URL('../../build/', import.meta.url))
const BUILDERS: Record<string, (dests: TableDest[]) => Table> = {
  sh: dests => shTable(dests.map(({ weight }) => weight)),
  mh: dests => mhTable(dests, 4),
  maglev: maglevTable,
}
const COUNTS = [10, 100, 1000]
/** Dests of which one goes, each in turn. */
const GROUP = 100

interface Spread {
  scheduler: string
  dests: number
  /** Slots of the dest with the fewest, of that with the most, in per cent of an even share. */
  least: number
  most: number
  /** The same of each dest, in order. */
  shares: number[]
}

interface Disruption {
  scheduler: string
  what: string
  /** Clients whose dest it was, per cent: they must go elsewhere. */
  own: number
  /** Of these, clients that are refused. */
  refused: number
  /** Clients of other dests that move all the same, per cent; on average and at worst. */
  others: number
  worst: number
}

const spreads = COUNTS.flatMap(count =>
  Object.keys(BUILDERS).map(scheduler => spreadOf(scheduler, count)),
)
const disruptions = Object.keys(BUILDERS).flatMap(scheduler => [
  disruption(scheduler, 'removed', (dests, at) => dests.filter((_, i) => i !== at)),
  disruption(scheduler, 'quiesced', (dests, at) =>
    dests.map((d, i) => (i === at ? { ...d, weight: 0 } : d)),
  ),
])
const text = textOf()
writeFileSync(`${BUILD}spread.json`, `${JSON.stringify({ spreads, disruptions }, null, 2)}\n`)
writeFileSync(`${BUILD}spread.txt`, text)
writeFileSync(`${BUILD}spread.svg`, plot())
console.log(text)

function group(count: number): TableDest[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ address: `10.0.${i >> 8}.${i & 255}`, port: 80, weight: 1, lastWeight: 1 },
  }))
}

function build(scheduler: string, dests: TableDest[]): Table {
  return BUILDERS[scheduler]?.(dests) ?? new Uint32Array()
}

function spreadOf(scheduler: string, count: number): Spread {
  const table = build(scheduler, group(count))
  const slots = new Array<number>(count).fill(0)
  for (const at of table) slots[at] = (slots[at] ?? 0) + 1
  const shares = slots.map(n => (100 * n * count) / table.length)
  return { scheduler, dests: count, least: Math.min(...shares), most: Math.max(...shares), shares }
}

/** What it does to the clients of a group when one dest of it changes, over each of them. */
function disruption(
  scheduler: string,
  what: string,
  change: (dests: TableDest[], at: number) => TableDest[],
): Disruption {
  const before = group(GROUP)
  const was = build(scheduler, before)
  const rounds = before.map((_, at) => {
    const after = change(before, at)
    const now = build(scheduler, after)
    let [own, refused, others] = [0, 0, 0]
    for (const [slot, old] of was.entries()) {
      const dest = after[now[slot] ?? 0]
      if (old === at) own++
      if (dest?.weight === 0) refused++
      if (old !== at && dest?.address !== before[old]?.address) others++
    }
    return { own, refused, others }
  })
  const percent = (n: number): number => (100 * n) / was.length
  const mean = (of: (round: (typeof rounds)[number]) => number): number =>
    percent(rounds.reduce((sum, round) => sum + of(round), 0) / rounds.length)
  return {
    ...{ scheduler, what, own: mean(r => r.own), refused: mean(r => r.refused) },
    ...{ others: mean(r => r.others), worst: percent(Math.max(...rounds.map(r => r.others))) },
  }
}

function textOf(): string {
  const cells = (...row: (string | number)[]): string =>
    row
      .map(cell => (typeof cell === 'number' ? cell.toFixed(2) : cell))
      .map((cell, i) => (i < 2 ? cell.padEnd(10) : cell.padStart(14)))
      .join('')
  return [
    'slots of a dest, in per cent of an even share; dests of one weight',
    cells('', 'dests', 'fewest', 'most'),
    ...spreads.map(s => cells(s.scheduler, String(s.dests), s.least, s.most)),
    '',
    `clients, per cent of all, when one of ${GROUP} dests goes`,
    cells('', '', 'were its', 'are refused', 'others moved', 'at worst'),
    ...disruptions.map(d => cells(d.scheduler, d.what, d.own, d.refused, d.others, d.worst)),
    '',
  ].join('\n')
}

/** Shares of 100 dests in order of their size, and what moves when one goes. */
function plot(): string {
  const colours: Record<string, string> = { sh: '#888888', mh: '#b3541e', maglev: '#1e6ab3' }
  const x = (i: number): number => 50 + 4 * i
  const y = (share: number): number => 240 - (share - 80) * 5
  const lines = spreads
    .filter(({ dests }) => dests === GROUP)
    .map(({ scheduler, shares }) => {
      const points = [...shares].sort((a, b) => a - b).map((share, i) => `${x(i)},${y(share)}`)
      const path = `fill="none" stroke="${colours[scheduler]}" stroke-width="2"`
      return `<polyline points="${points.join(' ')}" ${path}/>`
    })
  const bars = disruptions
    .filter(({ what }) => what === 'removed')
    .map(({ scheduler, others }, i) => {
      const [left, height] = [500 + 80 * i, Math.min(180, others * 40)]
      const label = `${scheduler} ${others.toFixed(2)} %`
      return (
        `<rect x="${left}" y="${240 - height}" width="50" height="${height}" ` +
        `fill="${colours[scheduler]}"/>${words(left, 260, label)}`
      )
    })
  const grid = [80, 90, 100, 110, 120].map(
    share =>
      `<path d="M50 ${y(share)}H450" stroke="#ddd"/>${words(10, y(share) + 4, `${share} %`)}`,
  )
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" width="740" height="280" font-family="sans-serif">',
    '<rect width="740" height="280" fill="white"/>',
    ...grid,
    ...lines,
    ...bars,
    words(50, 20, `slots of each of ${GROUP} dests, of an even share`),
    words(500, 20, 'clients of the others that move'),
    words(500, 38, `when one of ${GROUP} is removed`),
    '</svg>',
    '',
  ].join('\n')
}

function words(x: number, y: number, text: string): string {
  return `<text x="${x}" y="${y}" font-size="12">${text}</text>`
}
