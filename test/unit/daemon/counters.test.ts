/** Counters of services that come and go: what is shown is never less than 0. */
import test from 'ava'
import { noTraffic } from '../../../control/plan/intent.ts'
import { begin, count } from '../../support/crash_life.ts'
import { Disk } from '../../support/disk.ts'
import { MemoryMaps } from '../../support/memory_maps.ts'

const ID = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const SERVICE = { ...ID, scheduler: 'rr' } as const
const DEST = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 } as const
/** Longer than a dest stays in the trash. */
const LONG_MS = 1_000_000

/** A service that has counted, of a dest whose row is freed. */
async function retired() {
  const machine = { disk: new Disk(), maps: new MemoryMaps([1, 2]) }
  let nowMs = 0
  const life = await begin(machine, () => nowMs)
  const { lvs } = life
  await lvs.addService(SERVICE)
  await lvs.addDest(ID, DEST)
  for (let i = 0; i < 3; i++) count(machine, life, () => 0)
  await lvs.removeDest(ID, DEST)
  await lvs.tend()
  nowMs += LONG_MS
  await lvs.tend()
  return lvs
}

test('counters: services with and without a name, then stats has it', async t => {
  const machine = { disk: new Disk(), maps: new MemoryMaps([1, 2]) }
  const { lvs } = await begin(machine, () => 0)
  await lvs.addService({ ...SERVICE, name: 'web' })
  await lvs.addService({ ...SERVICE, port: 443 })

  const names = lvs.stats().services.map(service => [service.name, Object.hasOwn(service, 'name')])

  t.deepEqual(names, [
    ['web', true],
    [undefined, false],
  ])
})

const AGAIN = [
  { op: 'removeService', id: ID },
  { op: 'addService', service: SERVICE },
] as const

test('counters: removed and added again at once, dests retired before, then 0', async t => {
  const lvs = await retired()
  const [before] = lvs.services()

  await lvs.batch(AGAIN)

  t.is(before?.traffic.inPackets, 3)
  t.deepEqual(lvs.services()[0]?.traffic, noTraffic())
  t.is(lvs.stats().total.inPackets, 3)
})

test('counters: removed, added again and zeroed at once, dests retired before, then 0', async t => {
  const lvs = await retired()

  await Promise.all([lvs.batch(AGAIN), lvs.zero(ID)])

  t.deepEqual(lvs.services()[0]?.traffic, noTraffic())
  t.deepEqual(lvs.stats().services[0]?.traffic, noTraffic())
})
