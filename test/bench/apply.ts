/**
 * Part of `make bench`: how long `xlvs apply` takes for 10 000 services of 10 dests, from the start
 * of its process to its end, with a real xlvsd; then nothing changed, then removing them all. While
 * it runs a client asks a service, and somebody asks xlvsd. Options: --services N; --no-gate exits
 * 0 whatever the gate says. Assumes root. Read next: ../support/lab.ts.
 */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { createLab, NAT_PORT } from '../support/lab.ts'
import { judged, slowestAnswer, SLOWEST_MS_MAX } from './meanwhile.ts'

const { values: options } = parseArgs({
  options: {
    services: { type: 'string', default: '10000' },
    'no-gate': { type: 'boolean', default: false },
  },
})
const DESTS = 10
const MS_MAX = 5000
const PORTS = 50_000
const services = Number(options.services)

const lab = await createLab({ servers: DESTS })
try {
  await lab.startDaemon()
  const file = join(dirname(lab.places.socket), 'lvs.yaml')
  const asked = service('192.0.2.1', 80)
  const few = `interfaces: [c0, r0]\nservices:\n${asked}`
  const many = Array.from({ length: services - 1 }, (_, i) =>
    service(`192.0.2.${2 + Math.floor(i / PORTS)}`, 1 + (i % PORTS)),
  )
  await apply(file, few)
  const load = lab.send({ kind: 'short', address: '192.0.2.1', port: 80, count: 5e4, parallel: 2 })
  await load.more(100)
  await timed(`apply ${services} services of ${DESTS} dests`, file, few + many.join(''), MS_MAX)
  await timed('the same again', file, few + many.join(''), MS_MAX)
  await timed('remove them', file, few, Infinity)
  const { done, lost, reasons } = await load.stop()
  console.log(`requests meanwhile: ${done}, lost ${lost} ${reasons.join()}`)
  if (lost > 0) process.exitCode = 1
} catch (error) {
  console.error(lab.log())
  throw error
} finally {
  await lab.close()
}

function service(address: string, port: number): string {
  const dests = Array.from(
    { length: DESTS },
    (_, d) => `      - nat 10.0.0.${d + 2}:${NAT_PORT.http}\n`,
  )
  return `  tcp ${address}:${port}:\n    scheduler: rr\n    dests:\n${dests.join('')}`
}

async function apply(file: string, text: string): Promise<void> {
  writeFileSync(file, text)
  const { status, stderr } = await lab.attempt('apply', file)
  if (status !== 0) throw new Error(`xlvs apply ended with ${String(status)}: ${stderr}`)
}

async function timed(what: string, file: string, text: string, msMax: number): Promise<void> {
  const watch = slowestAnswer(lab.places.socket)
  const started = performance.now()
  await apply(file, text)
  const took = judged(performance.now() - started, msMax)
  const slowest = judged(await watch.stop(), SLOWEST_MS_MAX)
  console.log(`${what}: ${took.text}; slowest answer ${slowest.text}`)
  const passed = took.passed && slowest.passed
  if (!passed && !options['no-gate']) process.exitCode = 1
}
