/**
 * Runs ava over all tests, or over the files named, and ends with one plain line:
 * `N passed, N failed, N skipped`. Exit status 1 when anything failed or was skipped: a test that
 * could not run has shown nothing. Reads ava's TAP, not its prose. Read next: lab.ts.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const counts = { passed: 0, failed: 0, skipped: 0 }
const unhappy: string[] = []
const terminal = process.stdout.isTTY
let showing = true

const ava = spawn('ava', ['--tap', ...process.argv.slice(2)], {
  stdio: ['inherit', 'pipe', 'inherit'],
})
ava.on('error', cause => {
  console.error(`ava could not be started: ${cause.message}; run it by make test`)
  process.exitCode = 1
})
for await (const line of createInterface({ input: ava.stdout })) read(line)
const status = await exitOf()
finish(status)

/** One line of TAP: a test's outcome, or a diagnostic that belongs to the one before. */
function read(line: string): void {
  const outcome = /^(not )?ok \d+ - (.*)$/.exec(line)
  if (!outcome) {
    if (showing && !/^(TAP version|\d+\.\.\d+|# (tests|pass|skip|fail) |$)/.test(line)) print(line)
    return
  }
  const title = outcome[2] ?? ''
  if (/ # (SKIP|TODO)\b/.test(title)) {
    counts.skipped++
    unhappy.push(`skipped: ${title.replace(/ # (SKIP|TODO)$/, '')}`)
  } else if (outcome[1]) {
    counts.failed++
    unhappy.push(`failed:  ${title}`)
  } else counts.passed++
  showing = Boolean(outcome[1])
  if (!terminal || showing) print(line)
  else process.stdout.write(`\r${String(counts.passed)} passed, ${title}`.slice(0, 99) + '\x1b[K')
}

function print(line: string): void {
  process.stdout.write(terminal ? `\r${line}\x1b[K\n` : `${line}\n`)
}

async function exitOf(): Promise<number> {
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
