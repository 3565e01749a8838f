/**
 * `make bench-since COMMIT=...`: the bench of an earlier commit and today's in turns, on this
 * machine; each row as times its own floor, then today's share of the earlier. What a row costs as
 * times its floor differs between kinds of machine by more than a change may cost, so that recorded
 * figures tell nothing. Needs root and git; builds the commit in build/since. Read next: run.ts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const HERE = fileURLToPath(new URL('../../', import.meta.url))
const THERE = `${HERE}build/since/`
const TURNS = 4
const ROUNDS = '8'

/** Least nanoseconds of a row and of its floor, whichever turn each was met in. */
interface Least {
  ns: number
  floorNs: number
}

const [commit = ''] = process.argv.slice(2)
if (commit === '') {
  console.error('bench: which commit? name it: make bench-since COMMIT=v0.1.0')
  process.exit(1)
}
build(commit)
const before: Map<string, Least> = new Map()
const now: Map<string, Least> = new Map()
for (let turn = 1; turn <= TURNS; turn++) {
  console.error(`bench: turn ${turn} of ${TURNS}`)
  measureIn(THERE, before)
  measureIn(HERE, now)
}
console.log(line(['row', 'then', 'now', 'share']))
for (const [row, then] of before) {
  const today = now.get(row)
  if (today === undefined) continue
  const [old, ratio] = [then, today].map(({ ns, floorNs }) => ns / floorNs) as [number, number]
  console.log(line([row, ...[old, ratio, ratio / old].map(n => n.toFixed(2))]))
}

function build(what: string): void {
  const git = (...words: string[]): Buffer => execFileSync('git', ['-C', HERE, ...words])
  if (existsSync(THERE)) git('worktree', 'remove', '--force', THERE)
  git('worktree', 'add', '--detach', THERE, what)
  execFileSync('make', ['-C', THERE, 'build'], { stdio: ['ignore', 2, 2] })
}

/** Each folder's own run.ts, on its own Node. */
function measureIn(folder: string, least: Map<string, Least>): void {
  const words = ['test/bench/run.ts', '--no-gate', '--rounds', ROUNDS]
  execFileSync('node_modules/.bin/node', words, { cwd: folder, stdio: 'ignore' })
  const { rows } = JSON.parse(readFileSync(`${folder}build/bench.json`, 'utf8')) as {
    rows: { name: string; ns: number; floorRatio: number | null }[]
  }
  for (const { name, ns, floorRatio } of rows) {
    if (floorRatio === null) continue
    const was = least.get(name) ?? { ns, floorNs: Infinity }
    const floorNs = Math.min(ns / floorRatio, was.floorNs)
    least.set(name, { ns: Math.min(ns, was.ns), floorNs })
  }
}

function line(cells: string[]): string {
  return cells.map((cell, i) => (i === 0 ? cell.padEnd(20) : cell.padStart(8))).join('')
}
