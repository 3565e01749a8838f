/**
 * Part of `make bench`: how long ipvsadm takes to restore a save file of 10 000 services of 10
 * dests, to list it and to save it again, from the start of its process to its end, with a real
 * xlvsd; then to list 10 services. While it runs a client asks a service, and somebody asks xlvsd.
 * Options: --services N, --scheduler NAME; --no-gate exits 0 whatever the gates say. Assumes root.
 * Read next: meanwhile.ts, ../support/lab.ts.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createLab, NAT_PORT } from '../support/lab.ts'
import { judged, slowestAnswer, SLOWEST_MS_MAX } from './meanwhile.ts'

const { values: options } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    scheduler: { type: 'string', default: 'wlc' },
    'no-gate': { type: 'boolean', default: false },
  },
})
const IPVSADM = fileURLToPath(new URL('../../control/bin/ipvsadm.js', import.meta.url))
const DESTS = 10
const PORTS = 50_000
const FEW = 10
const RESTORE_MS_MAX = 10_000
const LIST_MS_MAX = 2000
const FEW_MS_MAX = 100
/** The least of them counts: the first fills the cache of compiled code. */
const ROUNDS = 20
const services = Number(options.services)

const lab = await createLab({ servers: DESTS })
try {
  await lab.startDaemon()
  const folder = dirname(lab.places.socket)
  const [input, output] = [join(folder, 'save'), join(folder, 'out')]
  await lab.xlvs('attach', 'c0', 'r0')
  const few = Array.from({ length: FEW }, (_, i) => save('192.0.2.1', 80 + i))
  await ipvsadm(['-R'], few.join(''), output)
  const listing = await leastOf(ROUNDS, () => ipvsadm(['-Ln'], '', output))
  tell(`ipvsadm -Ln of ${FEW} services`, listing, FEW_MS_MAX)

  const load = lab.send({ kind: 'short', address: '192.0.2.1', port: 80, count: 5e4, parallel: 2 })
  await load.more(100)
  const many = Array.from({ length: services - FEW }, (_, i) =>
    save(`192.0.2.${2 + Math.floor(i / PORTS)}`, 1 + (i % PORTS)),
  )
  await timed(`ipvsadm -R of ${services} services of ${DESTS} dests`, ['-R'], RESTORE_MS_MAX)
  await timed('ipvsadm -Ln of them', ['-Ln'], LIST_MS_MAX)
  await timed('ipvsadm -Sn of them', ['-Sn'], LIST_MS_MAX)
  const saved = readFileSync(output, 'utf8')
  if (linesOf(saved) !== linesOf(few.join('') + many.join('')))
    throw new Error('what was saved is not what was restored')
  const { done, lost, reasons } = await load.stop()
  console.log(`requests meanwhile: ${done}, lost ${lost} ${reasons.join()}`)
  if (lost > 0) process.exitCode = 1
  await timed('ipvsadm -C', ['-C'], Infinity)

  async function timed(what: string, args: string[], msMax: number): Promise<void> {
    const watch = slowestAnswer(lab.places.socket)
    const took = await ipvsadm(args, args[0] === '-R' ? many.join('') : '', output)
    const slowest = await watch.stop()
    tell(what, took, msMax, slowest)
  }

  async function ipvsadm(args: string[], text: string, to: string): Promise<number> {
    writeFileSync(input, text)
    const [stdin, stdout] = [openSync(input, 'r'), openSync(to, 'w')]
    const started = performance.now()
    const child = spawn(process.execPath, [IPVSADM, ...args], {
      env: { ...process.env, XLVS_SOCKET: lab.places.socket },
      stdio: [stdin, stdout, 'inherit'],
    })
    const [status] = (await once(child, 'exit')) as [number | null]
    const took = performance.now() - started
    closeSync(stdin)
    closeSync(stdout)
    if (status !== 0) throw new Error(`ipvsadm ${args.join(' ')} ended with ${String(status)}`)
    return took
  }
} catch (error) {
  console.error(lab.log().slice(-5000))
  throw error
} finally {
  await lab.close()
}

/** As ipvsadm -Sn writes it. */
function save(address: string, port: number): string {
  const service = `-t ${address}:${port}`
  const dests = Array.from(
    { length: DESTS },
    (_, d) => `-a ${service} -r 10.0.0.${d + 2}:${NAT_PORT.http} -m -w 1\n`,
  )
  return `-A ${service} -s ${options.scheduler}\n${dests.join('')}`
}

function linesOf(text: string): string {
  return text.split('\n').sort().join('\n')
}

function tell(what: string, tookMs: number, msMax: number, slowestMs?: number): void {
  const figure = judged(tookMs, msMax)
  const slowest = slowestMs === undefined ? undefined : judged(slowestMs, SLOWEST_MS_MAX)
  console.log(`${what}: ${figure.text}${slowest ? `; slowest answer ${slowest.text}` : ''}`)
  const isPassed = figure.passed && (slowest?.passed ?? true)
  if (!isPassed && !options['no-gate']) process.exitCode = 1
}

async function leastOf(rounds: number, run: () => Promise<number>): Promise<number> {
  let least = Infinity
  for (let i = 0; i < rounds; i++) least = Math.min(least, await run())
  return least
}
