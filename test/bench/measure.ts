/**
 * Tries each row before it is timed, then times all of them in turns, so that a busy neighbour of
 * this machine meets every row alike. Read next: report.ts.
 */
import { FAMILY } from '../../control/abi/maps.gen.ts'
import { gracePeriods } from '../../control/dataplane/grace.ts'
import { sweep, type SweepTables } from '../../control/dataplane/sweep.ts'
import { difference } from './frame.ts'
import { PACKETS_MAX, WINDOW, type Generator, type Run } from './generator.ts'
import { MANY, type Row } from './rows.ts'
import { expectReasons, usage, type Tables } from './tables.ts'

/** Windows of a .new row in a round: one to warm up, two that count. */
const NEW_WINDOWS = 3
/** Time of a row in a round; a .1m row first has to fetch its lines again. */
const HOT_MS = 20
const MANY_MS = 50
/** Share of a .1m row's windows that it needs to do so. */
const WARM_UP = 0.2
/**
 * A .hot row has one connection a round, and each round another: by so many. One alone may be slow
 * by where its slot lies, or for what the branch predictor makes of it, a whole run long.
 */
const HOT_STEP = 7919
/** Packets of the trial. */
const TRIAL = 1000
/** Slots a pair of .new rows takes: two for NAT, one for DR. */
const NEW_SLOTS = 3

export interface Result {
  row: Row
  /** Nanoseconds a packet, ascending. */
  samples: number[]
}

export interface SweepResult {
  /** Milliseconds of one core, ascending. */
  samples: number[]
  slots: number
  used: number
}

/** Slots that the .new rows need, so that their table ends at most half full. */
export function freshSlots(rounds: number): number {
  const packets = 2 * TRIAL + (rounds + 1) * NEW_WINDOWS * WINDOW
  return 2 * NEW_SLOTS * packets
}

/** Whether a row does what it says. @throws with what it did instead */
export function tryRow(generator: Generator, row: Row): void {
  const one = row.traffic.clients === 'new' ? row.traffic : { ...row.traffic, clients: 1 }
  generator.startAt(0)
  const { frame } = checked(row, () => generator.run(row.program, one, 1), 1)
  const wrong = difference(frame, row.becomes)
  if (wrong !== '') throw new Error(`${row.name}: the frame is not what it has to be\n${wrong}`)
  checked(row, () => generator.run(row.program, row.traffic, TRIAL), TRIAL)
}

/** A gate that is missed is tried for so many times the rounds, until the minima stand still. */
const PATIENCE = 4

/** Times all rows and the sweep, each `rounds` times; rows above their gate, and floors, longer. */
export function measure(
  generator: Generator,
  rows: Row[],
  swept: Tables,
  rounds: number,
  say: (what: string) => void,
): { results: Result[]; sweeps: SweepResult } {
  const sweeps = sweeper(swept)
  generator.startAt(2 * TRIAL)
  const timed = rows.map(row => ({ row, packets: enough(generator, row), samples: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    say(`round ${round + 1} of ${rounds}`)
    for (let i = 0; i < timed.length; i++) {
      const { row, packets, samples } = timed[(i + round) % timed.length] as (typeof timed)[0]
      if (round >= (row.rounds ?? rounds)) continue
      samples.push(...windowsOf(generator, row, packets, round))
    }
    sweeps.once()
  }
  for (let round = rounds; round < PATIENCE * rounds; round++) {
    const late = aboveGate(timed)
    if (late.length === 0) break
    say(`round ${round + 1} of at most ${PATIENCE * rounds} for ${late[0]?.row.name ?? ''}`)
    for (const { row, packets, samples } of late)
      samples.push(...windowsOf(generator, row, packets, round))
  }
  for (const { samples } of timed) samples.sort((a, b) => a - b)
  return { results: timed, sweeps: sweeps.result() }
}

/** Rows whose minimum is above their gate so far, and their floors. */
function aboveGate<T extends Result>(timed: T[]): T[] {
  const least = ({ samples }: Result): number => samples.reduce((a, b) => Math.min(a, b), Infinity)
  const floorOf = ({ row }: Result) => timed.find(other => other.row.name === row.floor)
  const late = timed.filter(result => {
    const floor = floorOf(result)
    const { ratioMax } = result.row
    return floor && ratioMax !== undefined && least(result) > ratioMax * least(floor)
  })
  return timed.filter(result => late.some(row => row === result || floorOf(row) === result))
}

function windowsOf(generator: Generator, row: Row, packets: number, round: number): number[] {
  const first = row.traffic.clients === 1 ? (round * HOT_STEP) % MANY : 0
  const traffic = { ...row.traffic, first }
  const { windows } = checked(row, () => generator.run(row.program, traffic, packets), packets)
  return row.traffic.clients === MANY ? windows.slice(windows.length * WARM_UP) : windows
}

/** Packets that take a row's time of a round. */
function enough(generator: Generator, row: Row): number {
  if (row.traffic.clients === 'new') return NEW_WINDOWS * WINDOW
  const few = 4 * WINDOW
  const { windows } = checked(row, () => generator.run(row.program, row.traffic, few), few)
  const ms = row.traffic.clients === MANY ? MANY_MS : HOT_MS
  const wanted = Math.ceil((ms * 1e6) / (Math.min(...windows) * WINDOW)) + 2
  return Math.min(wanted * WINDOW, PACKETS_MAX)
}

/** One run, and that every packet of it left as the row says. */
function checked(row: Row, run: () => Run, packets: number): Run {
  const runs: Run[] = []
  row.before?.()
  const act = () => {
    runs.push(run())
    return packets
  }
  try {
    if (row.shipped) expectReasons(row.shipped.tables, row.shipped.reason, act)
    else act()
    const [done] = runs
    if (done?.retval === row.retval) return done
    throw new Error(`XDP action ${done?.retval ?? 'none'}, expected ${row.retval}`)
  } catch (cause) {
    throw new Error(`${row.name}: ${(cause as Error).message}`, { cause })
  }
}

/** Sweeps a table in which nothing is due. */
function sweeper(swept: Tables): { once: () => void; result: () => SweepResult } {
  const { kernel, dataplane } = swept
  const tables: SweepTables = {
    family: FAMILY.FAMILY_IPV4,
    conns: dataplane.conns[FAMILY.FAMILY_IPV4],
    cold: kernel.maps.cold4.mmap(),
    second: kernel.ticksPerSecond,
    destConns: dataplane.tables.destConns.buffer,
    stash: kernel.maps.stash,
    calls: kernel.maps,
    stashFirst: kernel.sizes.slots[FAMILY.FAMILY_IPV4],
    gracePeriod: gracePeriods(),
  }
  const { slots } = usage(swept, 4)
  const samples: number[] = []
  const once = () => {
    const now = kernel.clock()
    const before = process.threadCpuUsage()
    const { expired, used } = sweep(tables, now)
    const { user, system } = process.threadCpuUsage(before)
    if (expired !== 0 || used !== slots)
      throw new Error(`sweep.4m: ${expired} expired, ${used} in use; expected 0 and ${slots}`)
    samples.push((user + system) / 1000)
  }
  once()
  samples.pop()
  const result = () => ({
    samples: samples.sort((a, b) => a - b),
    slots: kernel.sizes.slots[FAMILY.FAMILY_IPV4],
    used: slots,
  })
  return { once, result }
}
