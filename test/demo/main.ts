/**
 * `make demo`: a client, a director and three servers in network namespaces; some thousand HTTP
 * requests and UDP datagrams through NAT and DR services; xlvsd killed in the middle and started
 * again. Exit status 0 only if every sentence of the last page was true. --json prints that page
 * for machines. Assumes root, a BPF file system and a build.
 * Read next: report.ts, ../support/lab.ts.
 */
import { release } from 'node:os'

import { destName, type ConnView, serviceName } from '../../control/model/service.ts'
import { balance, createLab, type Lab, METHODS, SERVICES } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import type { Running } from '../support/traffic.ts'
import { excerpt, expectedShares, judge, type Observed, page, type Share } from './report.ts'

/** Requests of each of the four services; a multiple of 6, so that shares are whole. */
const EACH = 1500
/** The load goes by thirds, so that on any machine xlvsd dies in the middle and is back in time. */
const THIRD = EACH / 3
/** Longest the demo may take on a busy machine. */
const DEADLINE_MS = 120_000
/** Requests that show that packets go on without xlvsd. */
const ENOUGH = 500
const LISTING_LINES = 8
const BAR = 40

/** What is configured: the third server takes nothing new of the DR web service. */
const PLAN = METHODS.flatMap(method =>
  (['http', 'udp'] as const).map(kind => ({
    method,
    kind,
    weights: method.fwd === 'dr' && kind === 'http' ? [1, 1, 0] : [1, 1, 1],
  })),
)

const json = process.argv.includes('--json')
/** Tenths of the load already told of, where there is no terminal. */
let tenth = 0
if (process.getuid?.() !== 0) {
  console.error('The demo makes network namespaces and loads BPF programs: run make demo as root.')
  process.exit(1)
}
const started = performance.now()
const lab = await createLab()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void giveUp(signal))
const deadline = setTimeout(() => void giveUp(`${DEADLINE_MS / 1000} s`), DEADLINE_MS)
try {
  process.exitCode = await demo(lab)
} catch (cause) {
  console.error(`\nThe demo could not be finished: ${cause instanceof Error ? cause.message : ''}`)
  console.error(`What xlvsd logged last:\n${lab.log().split('\n').slice(-20).join('\n')}`)
  process.exitCode = 1
} finally {
  clearTimeout(deadline)
  await lab.close()
}

async function giveUp(why: string): Promise<void> {
  console.error(`\nThe demo was ended by ${why}; everything is being removed.`)
  await lab.close()
  process.exit(1)
}

async function demo(lab: Lab): Promise<number> {
  say('A client, a director and three servers are up, each in a network namespace of its own.')
  await lab.startDaemon()
  await lab.xlvs('attach', 'c0', 'r0')
  for (const { method, kind, weights } of PLAN) await balance(lab, method, kind, weights)
  say('xlvsd runs in the director, attached to c0 and r0; four services are configured.')

  const loads = PLAN.map(({ method, kind }) =>
    lab.send({
      kind: kind === 'http' ? 'short' : 'udp',
      address: method.vip,
      port: SERVICES[kind].port,
      count: EACH,
      parallel: 4,
      hold: THIRD,
    }),
  )
  const bar = setInterval(() => {
    draw(loads)
  }, 100)
  const middle = await killAndRestart(lab, loads).finally(() => {
    clearInterval(bar)
  })
  draw(loads)
  if (process.stderr.isTTY) process.stderr.write('\n')
  return conclude(lab, loads, middle)
}

interface Middle {
  doneAt: Observed['doneAt']
  beforeKill: Set<string>
  killedBy: string
}

async function killAndRestart(lab: Lab, loads: Running[]): Promise<Middle> {
  const allow = (each: number) => {
    for (const load of loads) load.allow(each)
    return each * loads.length
  }
  await waitFor('the first third', () => doneOf(loads) >= THIRD * loads.length, DEADLINE_MS)
  const beforeKill = new Set((await lab.conns()).map(connName))
  const second = allow(THIRD * 2)
  await waitFor('the second third', () => doneOf(loads) > second / 2, DEADLINE_MS)
  const kill = doneOf(loads)
  const killedBy = await lab.stopDaemon('SIGKILL')
  const enough = Math.min(kill + ENOUGH, second)
  await waitFor('requests without xlvsd', () => doneOf(loads) >= enough, DEADLINE_MS)
  const restart = doneOf(loads)
  await lab.startDaemon()
  const answering = doneOf(loads)
  allow(EACH)
  await Promise.all(loads.map(load => load.finished))
  return { doneAt: { kill, restart, answering }, beforeKill, killedBy }
}

async function conclude(lab: Lab, loads: Running[], middle: Middle): Promise<number> {
  const conns = await lab.conns()
  const names = new Set(conns.map(connName))
  const observed: Observed = {
    seconds: (performance.now() - started) / 1000,
    kernel: release(),
    attached: await lab.interfaces(),
    shares: await sharesOf(lab, loads),
    sent: loads.reduce((sum, { progress }) => sum + progress.total, 0),
    lost: loads.reduce((sum, { progress }) => sum + progress.lost, 0),
    lostBecause: loads.flatMap(({ progress }) => progress.reasons),
    doneAt: middle.doneAt,
    killedBy: middle.killedBy,
    conns: {
      listed: conns.length,
      beforeKill: middle.beforeKill.size,
      kept: [...middle.beforeKill].filter(name => names.has(name)).length,
    },
  }
  const checks = judge(observed)
  const ok = checks.every(check => check.ok)
  if (json) console.log(JSON.stringify({ ok, checks, ...observed }, null, 2))
  else {
    console.log(`\n$ xlvs show\n${await lab.xlvs('show')}`)
    console.log(`$ xlvs conns\n${excerpt(await lab.xlvs('conns'), LISTING_LINES)}`)
    console.log(page(observed, checks))
  }
  return ok ? 0 : 1
}

async function sharesOf(lab: Lab, loads: Running[]): Promise<Share[]> {
  const services = new Map((await lab.show()).map(service => [serviceName(service), service]))
  return PLAN.flatMap(({ method, kind, weights }, i) => {
    const id = { ...SERVICES[kind], address: method.vip }
    const expected = expectedShares(weights, EACH)
    return lab.servers.map(({ name, address }, n) => {
      const dest = destName({ address, port: method.ports[kind] })
      const view = services.get(serviceName(id))?.dests.find(d => destName(d) === dest)
      return {
        service: serviceName(id),
        fwd: method.fwd,
        dest,
        weight: weights[n] ?? 0,
        expected: expected[n] ?? 0,
        answered: loads[i]?.progress.answers[name] ?? 0,
        counted: view?.traffic.conns ?? 0,
      }
    })
  })
}

function connName({ protocol, client, virtual, dest }: ConnView): string {
  return [protocol, destName(client), destName(virtual), destName(dest)].join(' ')
}

function doneOf(loads: Running[]): number {
  return loads.reduce((sum, { progress }) => sum + progress.done, 0)
}

function say(sentence: string): void {
  if (!json) console.error(sentence)
}

/** A bar on a terminal; elsewhere a line for each tenth. */
function draw(loads: Running[]): void {
  if (json) return
  const total = loads.length * EACH
  const done = doneOf(loads)
  const lost = loads.reduce((sum, { progress }) => sum + progress.lost, 0)
  const figures = `${done} of ${total} requests, ${lost} lost`
  if (process.stderr.isTTY) {
    const full = Math.round((done / total) * BAR)
    process.stderr.write(`\r[${'#'.repeat(full).padEnd(BAR, '.')}] ${figures}\u001b[K`)
  } else if (Math.floor((done / total) * 10) > tenth) {
    tenth = Math.floor((done / total) * 10)
    console.error(figures)
  }
}
