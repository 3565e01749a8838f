/**
 * `make demo`: a client, a director and three servers in network namespaces; HTTP requests and UDP
 * datagrams through NAT, DR and tunnel services in both families, while a server dies and comes
 * back, neighbours are forgotten, xlvsd is killed and the program upgraded. Exit status 0 only if
 * every sentence of the last page was true. --json prints that page for machines. Assumes root, a
 * BPF file system and a build. Read next: story.ts, report.ts, ../support/lab.ts.
 */
import { createLab, type Lab } from '../support/lab.ts'
import { createRequests, type Requests, sum } from './requests.ts'
import { excerpt, judge, page } from './report.ts'
import { MOST, play } from './story.ts'

/** Longest the demo may take on a busy machine. */
const DEADLINE_MS = 150_000
const BAR_MS = 200
/** Below the seconds in front of a sentence. */
const MARGIN = ' '.repeat(9)
const SHOW_LINES = 10
const CONNS_LINES = 6

const json = process.argv.includes('--json')
/** The bar is on the terminal's last line now. */
let drawn = false
if (process.getuid?.() !== 0) {
  console.error('The demo makes network namespaces and loads BPF programs: run make demo as root.')
  process.exit(1)
}
let lab: Lab | undefined
let givenUp: string | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp(signal))
const deadline = setTimeout(() => void giveUp(`${DEADLINE_MS / 1000} s`), DEADLINE_MS)
try {
  lab = await createLab()
  process.exitCode = await demo(lab)
} catch (cause) {
  process.exitCode = 1
  if (givenUp === undefined) tellOf(cause)
} finally {
  clearTimeout(deadline)
  await lab?.close()
}

async function giveUp(why: string): Promise<void> {
  if (givenUp !== undefined) return
  givenUp = why
  console.error(`\nThe demo was ended by ${why}; everything is being removed.`)
  await lab?.close()
  process.exit(1)
}

function tellOf(cause: unknown): void {
  console.error(`\nThe demo could not be finished: ${cause instanceof Error ? cause.message : ''}`)
  const logged = lab?.log().split('\n').slice(-20).join('\n')
  console.error(`What xlvsd logged last:\n${logged ?? 'nothing'}`)
}

async function demo(lab: Lab): Promise<number> {
  const started = performance.now()
  const requests = createRequests(MOST)
  const say = (sentence: string) => {
    if (json || givenUp !== undefined) return
    clear()
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.error(`${seconds.padStart(5)} s  ${sentence.replaceAll('\n', `\n${MARGIN}`)}`)
  }
  say('A client, a director and three servers are up, each in a network namespace of its own.')
  const bar = setInterval(() => {
    draw(requests)
  }, BAR_MS)
  const observed = await play({ lab, requests, say }).finally(() => {
    clearInterval(bar)
    clear()
  })
  const checks = judge(observed)
  const ok = checks.every(check => check.ok)
  if (json) console.log(JSON.stringify({ ok, checks, ...observed }, null, 2))
  else {
    console.log(`\n$ xlvs show\n${excerpt(await lab.xlvs('show'), SHOW_LINES)}`)
    console.log(`$ xlvs conns\n${excerpt(await lab.xlvs('conns'), CONNS_LINES)}`)
    console.log(page(observed, checks))
  }
  return ok ? 0 : 1
}

/** On a terminal, what has been done so far; sentences push it down. */
function draw({ loads, done }: Requests): void {
  if (json || !process.stderr.isTTY) return
  const lost = sum(loads.map(({ progress }) => progress.lost))
  process.stderr.write(`\r${MARGIN}${done()} requests, ${lost} lost\u001b[K`)
  drawn = true
}

function clear(): void {
  if (drawn) process.stderr.write('\r\u001b[K')
  drawn = false
}
