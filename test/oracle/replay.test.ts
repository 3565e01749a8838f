/**
 * Parity with the recorded kernel, guarded without the oracle's guest: every step of every copied
 * case is the same, but for those that differs.json names, and those do differ.
 */
import { readdirSync, readFileSync } from 'node:fs'
import test from 'ava'
import { openReplay, type Outcome, type Step } from '../support/replay.ts'
import { show } from '../support/frames.ts'

const CASES = new URL('./cases/', import.meta.url)
const TABLES = [
  ['Ln.txt', 'ipvsadm -Ln'],
  ['stats.txt', 'ipvsadm -Ln --stats --exact'],
  ['Lnc.txt', 'ipvsadm -Lnc'],
] as const
/** Seconds that an entry's time left may be below or above the kernel's; the oracle's figures. */
const EARLY_S = 1
const LATE_S = 3
/** The director's addresses in the oracle: of its own ICMP errors, id and quoted rest are free. */
const DIRECTOR = /^ipv4 10\.0\.[124]\.1(00)? > \S+ protocol 1 /m

interface Difference {
  case: string
  step: number
  reason: string
}

const known = JSON.parse(
  readFileSync(new URL('./differs.json', import.meta.url), 'utf8'),
) as Difference[]

for (const name of readdirSync(CASES))
  test.serial(
    `replay: ${name} as recorded of the kernel, the same but for what is known`,
    async t => {
      const replay = await openReplay(new URL(name, CASES).pathname)
      t.teardown(() => replay.close())
      const differing: number[] = []

      for (const step of replay.steps) {
        const problem = difference(step, await replay.play(step))
        if (problem) differing.push(step.i)
        if (problem && !isKnown(name, step.i)) t.log(`#${step.i} ${problem}`)
      }

      t.deepEqual(
        differing,
        known.filter(d => d.case === name).map(d => d.step),
      )
      replay.settle()
      for (const [file, command] of TABLES)
        t.is(textDifference(replay.expected(file), (await replay.ipvsadm(command)).text), '', file)
    },
  )

function isKnown(name: string, step: number): boolean {
  return known.some(d => d.case === name && d.step === step)
}

/** What is not the same, in words; '' when nothing. */
function difference(step: Step, actual: Outcome): string {
  if (step.admin !== undefined) {
    if ((step.rc === 0) !== (actual.rc === 0)) return `status ${step.rc}, got ${actual.rc}`
    return step.admin.includes(' -L') ? textDifference(step.text ?? '', actual.text) : ''
  }
  const expected = step.out.map(([side, hex]) => `${side} ${masked(Buffer.from(hex, 'hex'))}`)
  const got = actual.out.map(([side, frame]) => `${side} ${masked(frame)}`)
  return expected.sort().join('\n') === got.sort().join('\n')
    ? ''
    : `expected\n${expected.join('\n')}\ngot\n${got.join('\n')}`
}

function masked(frame: Uint8Array): string {
  const text = show(frame)
  return DIRECTOR.test(text) ? text.replace(/ id \d+/, ' id *') : text
}

function textDifference(expected: string, actual: string): string {
  const [x, y] = [connections(expected), connections(actual)]
  if (!x || !y) return expected === actual ? '' : `expected\n${expected}got\n${actual}`
  const names = [...new Set([...x.keys(), ...y.keys()])]
  return names.flatMap(name => timeDifference(name, x.get(name), y.get(name))).join('\n')
}

function timeDifference(name: string, expected?: number, actual?: number): string[] {
  if (expected === undefined) return [`unexpected ${name}`]
  if (actual === undefined) return [`missing ${name}`]
  const isClose = actual - expected >= -EARLY_S && actual - expected <= LATE_S
  return isClose ? [] : [`time left of ${name}: expected ${expected} s, got ${actual} s`]
}

/** A connection listing as {line without time left: seconds left}; undefined for other texts. */
function connections(text: string): Map<string, number> | undefined {
  const lines = text.split('\n')
  if (!lines[0]?.includes('connection entries')) return undefined
  const rows = lines.slice(2).filter(line => line.trim() !== '')
  return new Map(
    rows.map(line => {
      const [protocol = '', left = '', ...rest] = line.split(/\s+/)
      const [minutes = 0, seconds = 0] = left.split(':').map(Number)
      return [[protocol, ...rest].join(' '), minutes * 60 + seconds]
    }),
  )
}
