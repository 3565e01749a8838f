/**
 * The worker that sweeps, so that the daemon's main thread answers meanwhile. It also writes the
 * heartbeat by which the data plane knows that somebody frees slots; asked, it ends connections of
 * removed dests. Started by sweeper.ts.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { BpfMap, BpfProgram, store32 } from '../../addon/index.ts'
import { SETTINGS } from '../abi/maps.gen.ts'
import { gracePeriods } from './grace.ts'
import { sweepPauseMs } from './pace.ts'
import { clockOf } from './pins.ts'
import { startControlRecount, startRecount } from './recount.ts'
import { dayMs } from './ticks.ts'
import { both, type Both } from './slots.ts'
import { dropEntries, endOrphans } from './ending.ts'
import { repair, sweep, type SweepTables } from './sweep.ts'
import type { SweepQuestion } from './sweeper.ts'

export interface SweepWorkerData {
  bpffs: string
  /** First slot behind the hashed buckets of each table. */
  stashFirst: Both<number>
  /** Ticks. */
  second: number
}

/** The data plane takes silence ten times as long for death: ../../bpf/takeover.h. */
const HEARTBEAT_MS = 1000

const { bpffs, stashFirst, second } = workerData as SweepWorkerData
const pin = (name: string): BpfMap => BpfMap.fromPin(join(bpffs, name))
const clock = clockOf(BpfProgram.fromPin(join(bpffs, 'clock')))
const settings = pin('settings').mmap()
const waitForReaders = gracePeriods()
/** Waited for readers in this turn. */
let waitedMs = 0
const gracePeriod = (): void => {
  const began = performance.now()
  waitForReaders()
  waitedMs += performance.now() - began
}
const destConns = pin('dest_conns').mmap()
const stash = pin('stash')
const calls = { calls: pin('calls'), call_ids: pin('call_ids') }
const conns = [pin('conns4').mmap(), pin('conns6').mmap()] as const
const cold = [pin('cold4').mmap(), pin('cold6').mmap()] as const
const tables = both<SweepTables>(family => ({
  ...{ family, conns: conns[family], cold: cold[family], stashFirst: stashFirst[family] },
  ...{ destConns, stash, calls, second, gracePeriod },
}))

const dests = pin('dests').mmap()

const ANSWERS: Record<SweepQuestion['ask'], () => void> = {
  endOrphans: () => {
    for (const table of tables) endOrphans(table, dests, clock())
  },
  dropEntries: () => {
    for (const table of tables) dropEntries(table, clock(), Math.random)
  },
  gracePeriod: waitForReaders,
}

parentPort?.on('message', ({ ask, id }: SweepQuestion) => {
  ANSWERS[ask]()
  parentPort?.postMessage({ id })
})

let isFirst = true
let recounts = [startRecount(tables, destConns), startControlRecount(tables)]

function beat(): void {
  store32(settings, SETTINGS.heartbeat / 4, clock())
  store32(settings, SETTINGS.day_ms / 4, dayMs(Date.now(), process.hrtime.bigint()))
}

function turn(): void {
  const started = performance.now()
  waitedMs = 0
  const now = clock()
  beat()
  const results = tables.map(table => sweep(table, now, beat))
  recounts = recounts.filter(recount => !recount.look())
  const took = performance.now() - started
  parentPort?.postMessage({
    expired: results.reduce((sum, { expired }) => sum + expired, 0),
    used: results.map(({ used }) => used),
    tookMs: took,
  })
  setTimeout(turn, sweepPauseMs(took - waitedMs, isFirst))
  isFirst = false
}

// Sweeps of large tables are far apart. Nobody else frees slots from the first beat on, once the
// packets that did not see it are through.
beat()
setInterval(beat, HEARTBEAT_MS)
gracePeriod()
parentPort?.postMessage({ repaired: tables.reduce((sum, table) => sum + repair(table), 0) })
turn()
