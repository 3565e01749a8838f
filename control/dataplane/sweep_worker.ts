/**
 * The worker that sweeps, so that the daemon's main thread answers meanwhile. It also writes the
 * heartbeat by which the data plane knows that somebody frees slots. Started by sweeper.ts.
 */
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { BpfMap, BpfProgram, store32 } from '../../addon/index.ts'
import { LIMIT, SETTINGS } from '../abi/maps.gen.ts'
import { gracePeriods } from './grace.ts'
import { clockOf } from './pins.ts'
import { startRecount } from './recount.ts'
import { repair, sweep, type SweepTables } from './sweep.ts'

/** Deadlines are kept to about this; IPVS' own wheel is coarser. */
const PERIOD_MS = 500
/** A sweep takes at most this share of a core. */
const SHARE_MAX = 0.05

const { bpffs, buckets } = workerData as { bpffs: string; buckets: number }
const pin = (name: string): BpfMap => BpfMap.fromPin(join(bpffs, name))
const clock = clockOf(BpfProgram.fromPin(join(bpffs, 'clock')))
const settings = pin('settings').mmap()
const gracePeriod = gracePeriods()
const tables: SweepTables = {
  conns: pin('conns4').mmap(),
  destConns: pin('dest_conns').mmap(),
  stash: pin('stash4'),
  stashFirst: buckets * LIMIT.SLOTS_PER_BUCKET,
  gracePeriod,
}

const recount = startRecount(tables.conns, tables.destConns)
let isRecounting = true

function turn(): void {
  const started = performance.now()
  const now = clock()
  store32(settings, SETTINGS.heartbeat / 4, now)
  const result = sweep(tables, now)
  if (isRecounting) isRecounting = !recount.look()
  const took = performance.now() - started
  parentPort?.postMessage({ ...result, tookMs: took })
  setTimeout(turn, Math.max(PERIOD_MS, took / SHARE_MAX))
}

parentPort?.postMessage({ repaired: repair(tables) })
turn()
