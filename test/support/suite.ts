/**
 * Runs ava over all tests, or over the files named, and ends with one plain line:
 * `N passed, N failed, N skipped`. Exit status 1 when anything failed or was skipped: a test that
 * could not run has shown nothing. Reads ava's TAP, not its prose. Read next: lab.ts.
 *
 * A room's files run one after another; where there are two processors, two rooms do at once. What
 * lasts longest begins first.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'

/** The longest first; a room that is not named comes last, with others. */
const ROOMS = ['lab', 'packet', 'ipvsadm', 'cli', 'oracle', 'sim', 'unit'].map(
  room => `test/${room}/**/*.test.ts`,
)
const OTHERS = ['test/**/*.test.ts', ...ROOMS.map(room => `!${room}`)]
const AT_ONCE = 2

const counts = { passed: 0, failed: 0, skipped: 0 }
const unhappy: string[] = []
const terminal = process.stdout.isTTY

const named = process.argv.slice(2)
const turns = named.length > 0 ? [named] : [...ROOMS.map(room => [room]), OTHERS]
const workers = Math.min(AT_ONCE, availableParallelism(), turns.length)
const statuses = await Promise.all(Array.from({ length: workers }, work))
finish(Math.max(...statuses))

/** Takes one turn after the other. @returns the worst exit status */
async function work(): Promise<number> {
  let worst = 0
  for (let turn = turns.shift(); turn; turn = turns.shift())
    worst = Math.max(worst, await run(turn))
  return worst
}

/** Ava's exit status; its tests are counted and told. */
async function run(patterns: string[]): Promise<number> {
  const ava = spawn('ava', ['--tap', ...patterns], { stdio: ['inherit', 'pipe', 'inherit'] })
  ava.on('error', cause => {
    console.error(`ava could not be started: ${cause.message}; run it by make test`)
    process.exitCode = 1
  })
  const read = reader()
  for await (const line of createInterface({ input: ava.stdout })) read(line)
  return exitOf(ava)
}

/** Reads lines of TAP: a test's outcome, or a diagnostic that belongs to the one before. */
function reader(): (line: string) => void {
  let showing = true
  return line => {
    showing = read(line, showing)
  }
}

/** @returns whether what follows is of a test that is to be shown */
function read(line: string, showing: boolean): boolean {
  const outcome = /^(not )?ok \d+ - (.*)$/.exec(line)
  if (!outcome) {
    if (showing && !/^(TAP version|\d+\.\.\d+|# (tests|pass|skip|fail) |$)/.test(line)) print(line)
    return showing
  }
  const title = outcome[2] ?? ''
  if (/ # (SKIP|TODO)\b/.test(title)) {
    counts.skipped++
    unhappy.push(`skipped: ${title.replace(/ # (SKIP|TODO)$/, '')}`)
  } else if (outcome[1]) {
    counts.failed++
    unhappy.push(`failed:  ${title}`)
  } else counts.passed++
  const isUnhappy = Boolean(outcome[1])
  if (!terminal || isUnhappy) print(line)
  else process.stdout.write(`\r${String(counts.passed)} passed, ${title}`.slice(0, 99) + '\x1b[K')
  return isUnhappy
}

function print(line: string): void {
  process.stdout.write(terminal ? `\r${line}\x1b[K\n` : `${line}\n`)
}

async function exitOf(ava: ChildProcess): Promise<number> {
  if (ava.exitCode !== null) return ava.exitCode
  if (ava.signalCode !== null) return 1
  return new Promise(resolve =>
    ava.once('exit', code => {
      resolve(code ?? 1)
    }),
  )
}

function finish(avaStatus: number): void {
  if (avaStatus !== 0 && counts.failed === 0) {
    counts.failed++
    unhappy.push(`failed:  ava itself, with exit status ${String(avaStatus)}`)
  }
  if (counts.passed + counts.failed + counts.skipped === 0) {
    counts.failed++
    unhappy.push('failed:  no test was found')
  }
  if (terminal) process.stdout.write('\r\x1b[K')
  if (unhappy.length > 0) console.log(['', ...unhappy].join('\n'))
  console.log(
    `\n${String(counts.passed)} passed, ${String(counts.failed)} failed, ` +
      `${String(counts.skipped)} skipped`,
  )
  process.exitCode = counts.failed + counts.skipped > 0 ? 1 : 0
}
