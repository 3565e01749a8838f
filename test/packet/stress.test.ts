/**
 * Two CPUs in the connection table at once, with the real sweep freeing under them. Each claim has
 * its negative control: without the grace period readers do see foreign fields, without the lock
 * there are second copies; so these tests can fail. Read next: stress.bpf.c.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS, TCP_STATE } from '../../control/abi/maps.gen.ts'
import { sweep } from '../../control/dataplane/sweep.ts'
import { beside } from '../support/beside.ts'
import { director, type PacketDirector } from '../support/director.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const SOURCE = here('stress.bpf.c')
const WORKER = here('stress_worker.ts')
const DIES_WITH_US = ['--pdeathsig', 'KILL']
const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
  tcp 192.0.2.1:81 rr
    -> 10.0.0.3:81 dr weight 1`
/** enum stress of stress.bpf.c. */
const STRESS = { idle: 0, park: 1, locked: 2, unlocked: 3 }
/** enum sight of stress.bpf.c. */
const SIGHTS = ['looked', 'made', 'refused', 'parked', 'exposed', 'wrong', 'purged', 'copies']
/** Connections live this long, and the clock goes in such steps, in ticks. */
const LIFE_TICKS = 4
const STEP_TICKS = 3
/** No search for evidence takes longer. */
const TIME_MAX_MS = 60_000
/** What must not be seen is looked for until, going by the control, this many should have been. */
const EXPECTED = 20

type Seen = Record<string, number>

interface Stress {
  lvs: PacketDirector
  /** What both CPUs have seen since the last start. */
  seen: () => Seen
  /** Sets them to work, on an empty table, until `enough` or TIME_MAX_MS. */
  work: (what: number, tuples: number, turn: () => void, enough: (seen: Seen) => boolean) => Seen
}

/** The first two CPUs this process may use. */
function twoCpus(): [string, string] {
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  const cpus = (list ?? '').split(',').flatMap(part => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => String(first + i))
  })
  const [one, two] = cpus
  if (one === undefined || two === undefined) throw new Error('this test takes two CPUs')
  return [one, two]
}

async function stress(t: Parameters<typeof director>[0]): Promise<Stress> {
  const lvs = await director(t, SERVICES)
  const object = beside(lvs, SOURCE)
  const knobs = object.map('.data.knobs').mmap()
  const counts = new BigUint64Array(object.map('seen').mmap())
  const id = String(object.program('stress').info.id)
  const settings = lvs.kernel.maps.settings.mmap()
  store32(settings, SETTINGS.tcp_timeout / 4 + TCP_STATE.TCP_NONE, LIFE_TICKS)
  const workers = twoCpus().map(cpu =>
    spawn('setpriv', [...DIES_WITH_US, 'taskset', '-c', cpu, process.execPath, WORKER, id], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  )
  const seen = (): Seen =>
    Object.fromEntries(
      SIGHTS.map((name, i) => [
        name,
        counts.reduce((sum, n, at) => sum + (at % SIGHTS.length === i ? Number(n) : 0), 0),
      ]),
    )
  const idle = (): void => {
    store32(knobs, 0, STRESS.idle)
    lvs.tables[0].gracePeriod()
    counts.fill(0n)
    new Uint8Array(lvs.dataplane.conns[0]).fill(0)
  }
  const work: Stress['work'] = (what, tuples, turn, enough) => {
    idle()
    store32(knobs, 1, tuples)
    store32(knobs, 2, 0x3f)
    store32(knobs, 0, what)
    const end = performance.now() + TIME_MAX_MS
    while (performance.now() < end && !enough(seen())) turn()
    store32(knobs, 0, STRESS.idle)
    lvs.tables[0].gracePeriod()
    return seen()
  }
  t.teardown(() => {
    for (const worker of workers) worker.kill('SIGKILL')
    idle()
  })
  return { lvs, seen, work }
}

test.serial('stress: slots swept under parked readers, they never see another', async t => {
  t.timeout(240_000)
  const { lvs, work } = await stress(t)
  const tables = lvs.tables[0]
  const expire = (gracePeriod: () => void) => () => {
    lvs.advance(STEP_TICKS / lvs.kernel.ticksPerSecond)
    sweep({ ...tables, gracePeriod }, lvs.kernel.clock())
  }

  const without = work(
    STRESS.park,
    4096,
    expire(() => undefined),
    seen => (seen['wrong'] ?? 0) > 0,
  )
  const within = work(
    STRESS.park,
    4096,
    expire(() => {
      tables.gracePeriod()
    }),
    seen => (seen['exposed'] ?? 0) > 11,
  )

  t.log(JSON.stringify({ without, within }))
  t.true((without['wrong'] ?? 0) > 0, 'without a grace period a reader sees another connection')
  t.true((within['exposed'] ?? 0) > 0, 'a slot expires under a reader')
  t.is(within['wrong'], 0)
})

test.serial('stress: two CPUs make the same connections, no second copy with the lock', async t => {
  t.timeout(240_000)
  const { work } = await stress(t)
  const rest = (): void => undefined

  const without = work(STRESS.unlocked, 16, rest, seen => (seen['copies'] ?? 0) > 0)
  const rate = (without['copies'] ?? 0) / (without['made'] ?? 1)
  const expected = (seen: Seen): number => rate * (seen['made'] ?? 0)
  const within = work(STRESS.locked, 16, rest, seen => expected(seen) > EXPECTED)

  t.log(JSON.stringify({ without, within }))
  t.true((without['copies'] ?? 0) > 0, 'without the lock a second copy is made')
  t.true(expected(within) > EXPECTED / 2, 'as many were made as would show it')
  t.is(within['copies'], 0)
})
