/** The director over a real kernel, its journal and network made up: who waits for whom. */
import { mkdtempSync, rmSync } from 'node:fs'
import test from 'ava'
import { DEST_TRAFFIC, readSettings, writeDestTraffic } from '../../control/abi/maps.gen.ts'
import type { BatchChange, RefusedChange } from '../../control/daemon/contract.ts'
import { Director, type DirectorParts } from '../../control/daemon/director.ts'
import { XlvsError, type ErrorCode } from '../../control/errors.ts'
import { fileOrigin } from '../../control/model/origin.ts'
import { portOfService, serviceName } from '../../control/model/service.ts'
import { Network } from '../../control/plan/network.ts'
import { changed } from '../../control/plan/draft.ts'
import { emptyIntent, noTraffic, type Change, type Intent } from '../../control/plan/intent.ts'
import { director, type DirectorOptions } from '../support/director.ts'

type T = Parameters<typeof director>[0]

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' } as const
const SNAPSHOT_EVERY = 2000
/** More schedule rows, added up, than there are: one more with each dest. */
const MANY_DESTS = 3000

/** A journal that answers when the test says so, and what it was given. */
function journal() {
  const waiting: { refuse(error?: Error): void; accept(): void }[] = []
  const snapshots: Intent[] = []
  const appended: unknown[][] = []
  let isHeld = false
  const append = (...records: unknown[]): Promise<void> => {
    appended.push(records)
    if (!isHeld) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const refuse = (error = new Error('no space left')) => {
      reject(error)
    }
    waiting.push({
      refuse,
      accept: () => {
        resolve(undefined)
      },
    })
    return promise.then(() => undefined)
  }
  return {
    hold: () => (isHeld = true),
    waiting,
    appended,
    snapshots,
    records: new Array(SNAPSHOT_EVERY).fill({ op: 'zero', zero: {} }),
    append,
    snapshot: (state: Intent) => {
      snapshots.push(state)
      return Promise.resolve()
    },
  }
}

async function started(t: T, given: Intent = emptyIntent(), options: DirectorOptions = {}) {
  const { dataplane, tables } = await director(t, '', options)
  const kept = journal()
  /** Grace periods that kept everybody waiting, and those in the worker, the last of which ends. */
  const waits = { main: 0, worker: 0, end: () => undefined as unknown }
  const network = new Network({ links: [], addresses: [], routes: [], neighbours: [] })
  const watch = { network: () => network, link: () => undefined, linkNames: () => [] }
  const log = { info: () => undefined, error: () => undefined, warn: () => undefined }
  const parts: unknown = {
    dataplane,
    watch,
    journal: kept,
    sweeper: {
      figures: { used: 0 },
      gracePeriod: () => {
        waits.worker++
        const { promise, resolve } = Promise.withResolvers<undefined>()
        waits.end = () => {
          resolve(undefined)
        }
        return promise
      },
    },
    log,
    gracePeriod: () => {
      waits.main++
      tables[0].gracePeriod()
    },
    nowMs: () => 0,
  }
  const lvs = new Director(parts as DirectorParts, given)
  await lvs.start()
  return { lvs, kept, dataplane, waits }
}

test('director: a snapshot while a change waits to be refused, it is not in it', async t => {
  const { lvs, kept } = await started(t)
  kept.hold()
  const refused = t.throwsAsync(lvs.addService(SERVICE), { message: 'no space left' })
  const tended = lvs.tend()
  await new Promise(resolve => setImmediate(resolve))

  kept.waiting[0]?.refuse()
  await Promise.all([refused, tended])

  t.deepEqual(
    kept.snapshots.map(({ services }) => services),
    [{}],
  )
})

/** `often` is called after each 40 of them. */
async function addDests(lvs: Director, often: () => unknown): Promise<void> {
  await lvs.addService(SERVICE)
  for (let n = 0; n < MANY_DESTS; n++) {
    const address = `10.0.${n >> 8}.${n & 255}`
    await lvs.addDest(SERVICE, { address, port: 80, fwd: 'nat', weight: 1 })
    if (n % 40 === 0) often()
  }
}

test('director: more edits in a second than schedules have rows, none waits', async t => {
  const { lvs, waits } = await started(t)

  await addDests(lvs, () => waits.end())

  t.is(lvs.services()[0]?.dests.length, MANY_DESTS)
  t.is(waits.main, 0)
  t.true(waits.worker > 1, `${waits.worker} grace periods`)
})

test('director: the same when the worker is late, none is refused', async t => {
  const { lvs, waits } = await started(t)

  await addDests(lvs, () => undefined)

  t.is(lvs.services()[0]?.dests.length, MANY_DESTS)
  t.is(waits.worker, 1)
  t.true(waits.main > 0)
})

test('director: killed before it said that the maps are new, counters begin at 0', async t => {
  const bpffs = mkdtempSync('/sys/fs/bpf/xlvs-test-')
  t.teardown(() => {
    rmSync(bpffs, { recursive: true, force: true })
  })
  await director(t, '', { bpffs })
  const name = serviceName(SERVICE)
  const before: Intent = {
    ...emptyIntent(),
    services: { [name]: { service: SERVICE, dests: [] } },
    counts: { zero: { [name]: { ...noTraffic(), conns: 7 } }, retired: {}, maps: 'others' },
  }

  const { lvs } = await started(t, before, { bpffs })

  t.is(lvs.services()[0]?.traffic.conns, 0)
})

test('director: changes and a zero, then watchers are told', async t => {
  const { lvs } = await started(t)
  const told: string[] = []
  lvs.events.watch(undefined, ({ kind }) => told.push(kind))

  await lvs.addService(SERVICE)
  await lvs.addDest(SERVICE, { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 })
  await lvs.zero()
  await t.throwsAsync(lvs.addService(SERVICE))
  lvs.networkChanged()

  t.deepEqual(told, ['service-added', 'vip-not-local', 'dest-added', 'next-hop', 'counters-zeroed'])
})

test('director: the network changes during an apply, services that wait do so still', async t => {
  const { lvs, dataplane } = await started(t)
  const services = [80, 81, 82].map(port => ({ ...SERVICE, port, dests: [] }))
  const configuration = { settings: {}, interfaces: [], services }
  const seen: number[] = []

  const onProgress = (): void => {
    lvs.networkChanged()
    seen.push(dataplane.tables.serviceNames().length)
  }
  const wish = { configuration, origin: fileOrigin('/lvs.yaml'), takeOver: false }
  await lvs.apply(wish, { dryRun: false, onProgress })

  t.is(seen[0], 0)
  t.is(dataplane.tables.serviceNames().length, services.length)
})

test('director: settings, then they are in force at once and after a restart', async t => {
  const bpffs = mkdtempSync('/sys/fs/bpf/xlvs-test-')
  t.teardown(() => {
    rmSync(bpffs, { recursive: true, force: true })
  })
  const { lvs, dataplane, kept } = await started(t, emptyIntent(), { bpffs })
  const words = () => readSettings(new DataView(dataplane.kernel.maps.settings.mmap()), 0)

  const warnings = await lvs.setSettings({ conn_reuse_mode: -1, pmtu_disc: '0', backup_only: 3 })
  await lvs.setSettings({ run_estimation: 0, sync_threshold: '7' })

  t.like(words(), { conn_reuse_mode: 0xffff_ffff, pmtu_disc: 0 })
  t.false(dataplane.rates.isRunning)
  t.is(lvs.settings().sync_threshold.value, '7 50')
  t.deepEqual(
    warnings.map(({ kind }) => kind),
    ['not-active'],
  )
  const again = await started(t, changed(emptyIntent(), kept.appended.at(-2)?.[0] as Change), {
    bpffs,
  })
  t.like(words(), { conn_reuse_mode: 0xffff_ffff, pmtu_disc: 0 })
  t.true(again.dataplane.rates.isRunning)
  await again.lvs.setSettings({ conn_reuse_mode: null, pmtu_disc: null })
  t.like(words(), { conn_reuse_mode: 1, pmtu_disc: 1 })
})

test('director: settings that cannot be journalled, then all are as they were', async t => {
  const { lvs, dataplane, kept } = await started(t)
  kept.hold()
  const refused = t.throwsAsync(lvs.setSettings({ conn_reuse_mode: 0, run_estimation: 0 }))
  await new Promise(resolve => setImmediate(resolve))

  kept.waiting[0]?.refuse()
  await refused

  t.is(readSettings(new DataView(dataplane.kernel.maps.settings.mmap()), 0).conn_reuse_mode, 1)
  t.true(dataplane.rates.isRunning)
  t.is(lvs.settings().conn_reuse_mode.origin, undefined)
})

test('director: a name that every object has, it is not an attached interface', async t => {
  const { lvs } = await started(t)

  await t.throwsAsync(lvs.detach('constructor'), { code: 'INTERFACE_NOT_ATTACHED' })
})

test('director: 80 packets in a round, they are rates until the zero', async t => {
  const { lvs, dataplane } = await started(t)
  await lvs.addService(SERVICE)
  await lvs.addDest(SERVICE, { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 })
  const id = dataplane.tables.destId(SERVICE, { address: '10.0.0.2', port: 80 }) ?? 0
  const traffic = new DataView(dataplane.kernel.maps.dest_traffic.mmap())
  dataplane.rates.tick(0)

  const counted = { conns: 8n, inpkts: 80n, inbytes: 8000n, outpkts: 80n, outbytes: 8000n }
  writeDestTraffic(traffic, id * DEST_TRAFFIC.size, counted)
  dataplane.rates.tick(2000)

  const rates = { conns: 1, inPackets: 10, outPackets: 10, inBytes: 1000, outBytes: 1000 }
  t.like(lvs.services(), [{ rates, dests: [{ rates }] }])
  t.like(lvs.stats(), { rates, services: [{ rates }] })
  await lvs.zero(SERVICE)
  t.like(lvs.services(), [{ rates: noTraffic(), dests: [{ rates: noTraffic() }] }])
  t.like(lvs.stats(), { rates })
  await lvs.zero()
  t.like(lvs.stats(), { rates: noTraffic() })
})

const DEST = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 } as const

test('director: changes asked for at once, they are one record and each is answered', async t => {
  const { lvs, kept, dataplane } = await started(t)
  kept.appended.length = 0

  const answers = await Promise.allSettled([
    lvs.addService(SERVICE),
    lvs.addDest(SERVICE, DEST),
    lvs.addService(SERVICE),
    lvs.setDest(SERVICE, { ...DEST, weight: 5 }),
  ])

  const statuses = answers.map(({ status }) => status)
  t.deepEqual(statuses, ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
  t.is(kept.appended.length, 1)
  t.like(kept.appended[0], { length: 3 })
  t.like(lvs.services(), [{ dests: [{ weight: 5 }] }])
  t.deepEqual(dataplane.tables.destNames(serviceName(SERVICE)), ['10.0.0.2:80'])
})

test('director: an apply asked for between changes, none overtakes it', async t => {
  const { lvs } = await started(t)
  const order: string[] = []
  const note = (what: string) => () => order.push(what)

  await Promise.all([
    lvs.addService(SERVICE).then(note('add')),
    lvs.detach('eth9').catch(note('none')),
    lvs
      .apply(
        {
          configuration: { settings: {}, interfaces: [], services: [] },
          origin: fileOrigin('/lvs.yaml'),
          takeOver: false,
        },
        { dryRun: false },
      )
      .then(note('apply')),
    lvs.addDest(SERVICE, DEST).then(note('add dest')),
  ])

  t.deepEqual(order, ['none', 'add', 'apply', 'add dest'])
})

test('director: one of a batch finds no room, the others are made', async t => {
  const { lvs, kept, dataplane } = await started(t)
  const ports = [80, 81, 82]
  const { tables } = dataplane
  const publish = tables.publish.bind(tables)
  tables.publish = (service, ...rest) => {
    if (portOfService(service) === 81)
      throw new XlvsError('TABLE_FULL', 'no room', 'remove something')
    return publish(service, ...rest)
  }
  kept.appended.length = 0

  const outcomes = await lvs.batch(
    ports.map(port => ({ op: 'addService', service: { ...SERVICE, port } })),
  )

  t.deepEqual(
    outcomes.map(one => 'error' in one && one.error.code),
    [false, 'TABLE_FULL', false],
  )
  t.deepEqual(lvs.services().map(serviceName), ['tcp:192.0.2.1:80', 'tcp:192.0.2.1:82'])
  t.deepEqual(tables.serviceNames().sort(), lvs.services().map(serviceName))
  t.is(kept.appended.length, 2)
})

test('director: the journal refuses a batch, nothing of it is left', async t => {
  const { lvs, kept, dataplane } = await started(t)
  await lvs.addService(SERVICE)
  await lvs.addDest(SERVICE, DEST)
  kept.hold()
  kept.appended.length = 0

  const asked = lvs.batch([
    { op: 'removeService', id: SERVICE },
    { op: 'addService', service: { ...SERVICE, port: 81 } },
  ])
  await waitFor(() => kept.waiting.length === 1)
  kept.waiting[0]?.refuse(new XlvsError('JOURNAL_WRITE', 'no space left', 'make room'))

  t.like(await asked, [{ error: { code: 'JOURNAL_WRITE' } }, { error: { code: 'JOURNAL_WRITE' } }])
  t.like(lvs.services(), [{ port: 80, dests: [{ port: 80 }] }])
  t.deepEqual(dataplane.tables.serviceNames(), ['tcp:192.0.2.1:80'])
  t.is(kept.appended.length, 1)
})

const REFUSED: [what: string, before: BatchChange[], change: RefusedChange, code: string][] = [
  ['a dest of no service', [], refusedDest('DEST_NOT_UNICAST'), 'SERVICE_MISSING'],
  ['a dest', [adding()], refusedDest('DEST_NOT_UNICAST'), 'DEST_NOT_UNICAST'],
  ['a dest twice', [adding(), addingDest()], refusedDest('DEST_NOT_UNICAST'), 'DEST_EXISTS'],
  ['a family twice', [adding(), addingDest()], refusedDest('BAD_FAMILY'), 'BAD_FAMILY'],
  ['a service', [], { refusal: refusal('BAD_ADDRESS'), change: adding() }, 'BAD_ADDRESS'],
  [
    'a service twice',
    [adding()],
    { refusal: refusal('BAD_ADDRESS'), change: adding() },
    'SERVICE_EXISTS',
  ],
  ['a name', [], { refusal: refusal('BAD_PORT') }, 'BAD_PORT'],
]

for (const [what, before, change, code] of REFUSED)
  test(`director: ${what} with a wrong value, answered by ${code}`, async t => {
    const { lvs } = await started(t)

    const outcomes = await lvs.batch([...before, change])

    t.like(outcomes.at(-1), { error: { code } })
  })

function adding(): BatchChange {
  return { op: 'addService', service: SERVICE }
}

function addingDest(): BatchChange {
  return { op: 'addDest', service: SERVICE, dest: DEST }
}

function refusal(code: ErrorCode): XlvsError {
  return new XlvsError(code, 'a sentence', 'a hint')
}

function refusedDest(code: ErrorCode): RefusedChange {
  return { refusal: refusal(code), change: addingDest() }
}

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setImmediate(resolve))
}
