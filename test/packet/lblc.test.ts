/** What lblc and lblcr remember of addresses, for how long, and whose it is. */
import test from 'ava'
import { readLblcEntry, readLblcrSet } from '../../control/abi/maps.gen.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { tcp, udp } from '../support/frames.ts'

let port = 1024

const dests = (weights: number[]): string[] =>
  weights.map((weight, i) => `-> 10.0.0.${i + 1}:80 nat weight ${weight}`)
const service = (scheduler: string, weights: number[], vip = '192.0.2.1'): string =>
  [`udp ${vip}:80 ${scheduler}`, ...dests(weights)].join('\n')

/** The dests of so many datagrams of new clients, as the last number of their addresses. */
function picks(lvs: PacketDirector, count: number, vip = '192.0.2.1'): string {
  return Array.from({ length: count }, () => {
    const { frame } = lvs.run(udp(`198.51.100.7:${port++} > ${vip}:80`))
    return String(frame[33])
  }).join(' ')
}

/** Changes the service, and publishes it. */
function edit(lvs: PacketDirector, change: (of: PacketDirector['intents'][number]) => void): void {
  const [intent] = lvs.intents
  if (intent) change(intent)
  lvs.publish()
}

const remembered = (lvs: PacketDirector): number[] =>
  (['lblc', 'lblcr'] as const).map(name => lvs.kernel.maps[name].lookupBatch().count)

/** Dests that the only entry names. */
function members(lvs: PacketDirector): number[] {
  const [lblc, lblcr] = (['lblc', 'lblcr'] as const).map(name => {
    const { count, values } = lvs.kernel.maps[name].lookupBatch()
    return { count, value: new DataView(values.buffer, values.byteOffset) }
  })
  if (lblc?.count) return [readLblcEntry(lblc.value, 0).dest]
  if (!lblcr?.count) return []
  const { dests, count } = readLblcrSet(lblcr.value, 0)
  return dests.slice(0, count)
}

/** A minute, and the daemon looks. */
function minute(lvs: PacketDirector): void {
  lvs.advance(60)
  lvs.dataplane.tend()
}

for (const scheduler of ['lblc', 'lblcr']) {
  test(`${scheduler}: others have less to do, an address keeps its dest`, async t => {
    const lvs = await director(t, service(scheduler, [5, 5]))

    t.is(picks(lvs, 4), '2 2 2 2')
  })

  test(`${scheduler}: its dest is quiesced, removed, back, wlc chooses`, async t => {
    const lvs = await director(t, service(scheduler, [5, 5, 5]))
    const before = picks(lvs, 2)

    edit(lvs, ({ dests: [newest] }) => {
      if (newest) newest.weight = 0
    })
    const quiesced = picks(lvs, 2)
    edit(lvs, intent => {
      intent.dests = intent.dests.filter(d => d.address !== '10.0.0.2')
    })
    const removed = picks(lvs, 2)

    t.is(`${before}, ${quiesced}, ${removed}`, '3 3, 2 2, 1 1')
  })

  test(`${scheduler}: the scheduler is another for a while, it has forgotten`, async t => {
    const lvs = await director(t, service(scheduler, [5, 5]))
    picks(lvs, 3)

    edit(lvs, intent => (intent.service = { ...intent.service, scheduler: 'rr' }))
    edit(lvs, ({ service }) => (service.scheduler = scheduler === 'lblc' ? 'lblc' : 'lblcr'))

    t.is(picks(lvs, 2), '1 1')
  })

  test(`${scheduler}: the scheduler is another, or the service gone, the room is free`, async t => {
    const lvs = await director(
      t,
      `${service(scheduler, [5])}\n${service(scheduler, [5], '192.0.2.2')}`,
    )
    picks(lvs, 1)
    picks(lvs, 1, '192.0.2.2')
    const sum = (): number => remembered(lvs).reduce((a, b) => a + b)
    const kept = [sum()]

    edit(lvs, intent => (intent.service = { ...intent.service, scheduler: 'rr' }))
    kept.push(sum())
    const [, second] = lvs.intents
    if (second) lvs.dataplane.withdraw(second.service)
    kept.push(sum())

    t.deepEqual(kept, [2, 1, 0])
  })

  test(`${scheduler}: a service at another address, it remembers for itself`, async t => {
    const lvs = await director(
      t,
      `${service(scheduler, [5, 5])}\n${service(scheduler, [5], '192.0.2.2')}`,
    )

    const seen = `${picks(lvs, 2)} ${picks(lvs, 2, '192.0.2.2')} ${picks(lvs, 1)}`

    t.is(seen, '2 2 1 1 2')
  })

  test(`${scheduler}: nobody asks for an address, it is forgotten at the half hour`, async t => {
    const lvs = await director(t, service(scheduler, [5, 5]))
    lvs.dataplane.set({ lblc_expiration: 100, lblcr_expiration: 100 })
    picks(lvs, 3)
    const kept = []

    for (let run = 1; run <= 30; run++) {
      minute(lvs)
      if (run >= 29) kept.push(remembered(lvs).reduce((a, b) => a + b))
    }

    t.deepEqual(kept, [1, 0])
  })

  test(`${scheduler}: nothing remembered yet, the half hour has begun all the same`, async t => {
    const lvs = await director(t, service(scheduler, [5, 5]))
    lvs.dataplane.set({ lblc_expiration: 100, lblcr_expiration: 100 })
    const kept = []

    for (let run = 1; run <= 30; run++) {
      if (run === 20) picks(lvs, 1)
      minute(lvs)
      if (run >= 29) kept.push(remembered(lvs).reduce((a, b) => a + b))
    }

    t.deepEqual(kept, [1, 0])
  })

  test(`${scheduler}: the id of its dest is free again, it is not remembered`, async t => {
    const lvs = await director(t, service(scheduler, [5]))
    picks(lvs, 1)
    edit(lvs, intent => (intent.dests = []))
    lvs.advance(400)
    lvs.sweep()
    const [id = 0] = lvs.dataplane.tables.idleTrash()

    const before = members(lvs)
    lvs.dataplane.tables.forget(id)

    t.deepEqual([before, members(lvs)], [[id], []])
  })
}

test('lblcr: a set is as it was for lblcr_expiration, its busiest dest leaves', async t => {
  const lvs = await director(t, service('lblcr', [1, 3]).replace('udp', 'tcp'))
  lvs.dataplane.set({ lblcr_expiration: 100 })
  const some = (count: number): void => {
    for (let i = 0; i < count; i++) lvs.run(tcp(`198.51.100.7:${port++} > 192.0.2.1:80`, 'S'))
  }
  some(6)
  const both = members(lvs).length

  lvs.advance(101)
  some(1)

  t.deepEqual([both, members(lvs).length], [2, 1])
})
