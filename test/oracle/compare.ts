/**
 * Plays a case and says which steps are not as the kernel's IPVS did them. The rules are those of
 * the oracle's own comparison, but stricter: what an ICMP error quotes is compared whole. Read
 * next: replay.test.ts, play.ts.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { show } from '../support/frames.ts'
import { openReplay, type Outcome, type Replay, type Step } from '../support/replay.ts'

const CASES = new URL('./cases/', import.meta.url)
const DIFFERS = new URL('./differs.json', import.meta.url)
/** What the oracle lists after a case's last step. */
const TABLES = [
  ['Ln.txt', 'ipvsadm -Ln'],
  ['stats.txt', 'ipvsadm -Ln --stats --exact'],
  ['Lnc.txt', 'ipvsadm -Lnc'],
] as const
/** Seconds that an entry's time left may be below or above the kernel's; the oracle's figures. */
const EARLY_S = 1
const LATE_S = 3
/** What the director itself makes in the oracle: its id or flow label is free. */
const OWN =
  /^ipv4 10\.0\.[124]\.1(0[0-2])? > \S+ protocol (1|4|6|41) |^ipv6 fd0[124]::1(0[0-2])? > /m

/** A step that is known to differ; a listing after the last step goes by its file's name. */
export interface Difference {
  case: string
  step: number | string
  reason: string
}

export interface Played {
  /** Steps that differ, in words. */
  problems: Map<number | string, string>
  /** Steps and listings compared. */
  total: number
}

export function caseNames(): string[] {
  return readdirSync(CASES)
}

export function knownDifferences(): Difference[] {
  return JSON.parse(readFileSync(DIFFERS, 'utf8')) as Difference[]
}

/** Writes them one a line, in order. */
export function writeDifferences(differences: Difference[]): void {
  const lines = differences.map(
    d =>
      `  {"case": ${JSON.stringify(d.case)}, "step": ${JSON.stringify(d.step)}, ` +
      `"reason": ${JSON.stringify(d.reason)}}`,
  )
  writeFileSync(DIFFERS, `[\n${lines.join(',\n')}\n]\n`)
}

/** Plays a case of cases/ from its first step to its last listing. */
export async function playCase(name: string): Promise<Played> {
  const replay = await openReplay(new URL(name, CASES).pathname)
  try {
    return await compareAll(replay)
  } finally {
    await replay.close()
  }
}

async function compareAll(replay: Replay): Promise<Played> {
  const problems = new Map<number | string, string>()
  const note = (step: number | string, problem: string) => {
    if (problem !== '') problems.set(step, problem)
  }
  for (const step of replay.steps) note(step.i, difference(step, await replay.play(step)))
  replay.settle()
  for (const [file, command] of TABLES)
    note(file, textDifference(replay.expected(file), (await replay.ipvsadm(command)).text))
  return { problems, total: replay.steps.length + TABLES.length }
}

/** What is not the same, in words; '' when nothing. */
function difference(step: Step, actual: Outcome): string {
  if (step.admin !== undefined) {
    if (!step.admin.startsWith('ipvsadm')) return ''
    if ((step.rc === 0) !== (actual.rc === 0)) return `status ${step.rc}, got ${actual.rc}`
    return step.admin.includes(' -L') ? textDifference(step.text ?? '', actual.text) : ''
  }
  const expected = step.out.map(([side, hex]) => `${side} ${masked(Buffer.from(hex, 'hex'))}`)
  const got = actual.out.map(([side, frame]) => `${side} ${masked(frame)}`)
  return expected.sort().join('\n') === got.sort().join('\n')
    ? ''
    : `${step.note ?? ''}\nexpected\n${expected.join('\n')}\ngot\n${got.join('\n')}`
}

function masked(frame: Uint8Array): string {
  const text = show(frame)
  return OWN.test(text) ? text.replace(/ id \d+/, ' id *').replace(/ label \S+/, '') : text
}

function textDifference(expected: string, actual: string): string {
  const [x, y] = [connections(expected), connections(actual)]
  if (!x || !y) return expected === actual ? '' : `expected\n${expected}got\n${actual}`
  const names = [...new Set([...x.keys(), ...y.keys()])]
  return names.flatMap(name => timeDifference(name, x.get(name), y.get(name))).join('\n')
}

function timeDifference(name: string, expected: number[] = [], actual: number[] = []): string[] {
  const pairs = expected.slice(0, actual.length).map((left, i) => [left, actual[i] ?? NaN] as const)
  const far = pairs.filter(([left, got]) => !(got - left >= -EARLY_S && got - left <= LATE_S))
  return [
    ...expected.slice(actual.length).map(() => `missing ${name}`),
    ...actual.slice(expected.length).map(() => `unexpected ${name}`),
    ...far.map(([left, got]) => `time left of ${name}: expected ${left} s, got ${got} s`),
  ]
}

/**
 * A connection listing as {line without time left: seconds left of all such lines, ascending};
 * undefined for other texts.
 */
function connections(text: string): Map<string, number[]> | undefined {
  const lines = text.split('\n')
  if (!lines[0]?.includes('connection entries')) return undefined
  const found = new Map<string, number[]>()
  for (const line of lines.slice(2).filter(line => line.trim() !== '')) {
    const [protocol = '', left = '', ...rest] = line.split(/\s+/)
    const [minutes = 0, seconds = 0] = left.split(':').map(Number)
    const name = [protocol, ...rest].join(' ')
    found.set(
      name,
      [...(found.get(name) ?? []), minutes * 60 + seconds].sort((a, b) => a - b),
    )
  }
  return found
}
