/** The director over a real kernel, its journal and network made up: who waits for whom. */
import { mkdtempSync, rmSync } from 'node:fs'
import test from 'ava'
import { DEST_TRAFFIC, readSettings, writeDestTraffic } from '../../control/abi/maps.gen.ts'
import { Director, type DirectorParts } from '../../control/daemon/director.ts'
import { fileOrigin } from '../../control/model/origin.ts'
import { serviceName } from '../../control/model/service.ts'
import { Network } from '../../control/plan/network.ts'
import {
  changed,
  emptyIntent,
  noTraffic,
  type Change,
  type Intent,
} from '../../control/plan/intent.ts'
import { director, type DirectorOptions } from '../support/director.ts'

type T = Parameters<typeof director>[0]

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' } as const
const SNAPSHOT_EVERY = 2000
/** More schedule rows, added up, than there are: one more with each dest. */
const MANY_DESTS = 900

/** A journal that answers when the test says so, and what it was given. */
function journal() {
  const waiting: { refuse(): void; accept(): void }[] = []
  const snapshots: Intent[] = []
  const appended: unknown[] = []
  let isHeld = false
  const append = (record: unknown): Promise<void> => {
    appended.push(record)
    if (!isHeld) return Promise.resolve()
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const refuse = () => {
      reject(new Error('no space left'))
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
    snapshots,
    appended,
    records: new Array(SNAPSHOT_EVERY).fill(undefined),
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
  const network = new Network({ links: [], addresses: [], routes: [], neighbours: [] })
  const watch = { network: () => network, link: () => undefined, linkNames: () => [] }
  const log = { info: () => undefined, error: () => undefined, warn: () => undefined }
  const parts: unknown = {
    dataplane,
    watch,
    journal: kept,
    sweeper: { figures: { used: 0 } },
    log,
    gracePeriod: () => {
      tables[0].gracePeriod()
    },
    nowMs: () => 0,
  }
  const lvs = new Director(parts as DirectorParts, given)
  await lvs.start()
  return { lvs, kept, dataplane }
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

test('director: more edits in a second than schedules have rows, none is refused', async t => {
  const { lvs } = await started(t)
  await lvs.addService(SERVICE)

  for (let n = 0; n < MANY_DESTS; n++)
    await lvs.addDest(SERVICE, {
      address: `10.0.${n >> 8}.${n & 255}`,
      port: 80,
      fwd: 'nat',
      weight: 1,
    })

  t.is(lvs.services()[0]?.dests.length, MANY_DESTS)
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

  const warnings = await lvs.setSettings({ conn_reuse_mode: -1, pmtu_disc: '0', secure_tcp: 3 })
  await lvs.setSettings({ run_estimation: 0, sync_threshold: '7' })

  t.like(words(), { conn_reuse_mode: 0xffff_ffff, pmtu_disc: 0 })
  t.false(dataplane.rates.isRunning)
  t.is(lvs.settings().sync_threshold.value, '7 50')
  t.deepEqual(
    warnings.map(({ kind }) => kind),
    ['not-active'],
  )
  const again = await started(t, changed(emptyIntent(), kept.appended.at(-2) as Change), { bpffs })
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
