/** A daemon that starts again finds everything in the pinned maps. See dataplane/pins.ts. */
import { mkdtempSync, rmSync } from 'node:fs'
import test from 'ava'
import { formatAddress } from '../../control/model/address.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { sameFrame, tcp, udp } from '../support/frames.ts'

const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
    -> 10.0.0.3:80 nat weight 2
    -> 10.0.0.4:80 dr weight 1
  udp 192.0.2.2:53 rr
    -> 10.0.0.2:5353 nat weight 1`
const BPFFS = '/sys/fs/bpf'

type T = Parameters<typeof director>[0]

/** A folder in the bpffs that goes with the test. */
function folder(t: T): string {
  const path = mkdtempSync(`${BPFFS}/xlvs-test-`)
  t.teardown(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

/** All that is in the maps that the control plane writes, as text. */
function tables(lvs: PacketDirector): Record<string, string> {
  const { maps } = lvs.kernel
  const names = [
    'dests',
    'dest_addrs',
    'services',
    'schedules',
    'nexthops',
    'interfaces',
    'dest_conns',
  ] as const
  const mapped = names.map(name => [name, new Uint8Array(maps[name].mmap())] as const)
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
  const { keys, values } = maps.service_ids.lookupBatch()
  const neighbours = maps.neighbours.lookupBatch()
  return {
    ...Object.fromEntries(mapped.map(([name, bytes]) => [name, hex(bytes)])),
    service_ids: hex(keys) + hex(values),
    neighbours: hex(neighbours.keys) + hex(neighbours.values),
  }
}

/** The last byte of the address of the dest that a new client gets, by the frame's MAC. */
function pick(lvs: PacketDirector, port: number): number {
  const { frame } = lvs.run(tcp(`198.51.100.7:${port} > 192.0.2.1:80`, 'S'))
  return frame[5] ?? 0
}

test('adopt: a second data plane over the pins, it writes nothing new', async t => {
  const bpffs = folder(t)
  const first = await director(t, SERVICES, { bpffs })
  const before = tables(first)

  const second = await director(t, SERVICES, { bpffs })

  t.true(second.kernel.adopted)
  t.deepEqual(tables(second), before)
})

test('adopt: connections and rr in mid-round, both go on', async t => {
  const bpffs = folder(t)
  const first = await director(t, SERVICES, { bpffs })
  const before = [pick(first, 5001), pick(first, 5002)]
  first.run(udp('198.51.100.7:5001 > 192.0.2.2:53'))

  const second = await director(t, SERVICES, { bpffs })
  const after = [pick(second, 5003), pick(second, 5004)]

  t.deepEqual(
    [before, after],
    [
      [4, 3],
      [2, 4],
    ],
  )
  const out = second.receive(udp('10.0.0.2:5353 > 198.51.100.7:5001'))
  sameFrame(t, out, udp('192.0.2.2:53 > 198.51.100.7:5001', { ttl: 63 }))
  t.is(second.conns().length, 5)
  t.deepEqual(second.counts('10.0.0.3'), { active: 1, inactive: 0 })
})

test('adopt: one address by port 0 and by that of its service, each stays itself', async t => {
  const bpffs = folder(t)
  const services = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
    -> 10.0.0.2:0 nat weight 1`
  const first = await director(t, services, { bpffs })
  const before = tables(first)

  const second = await director(t, services, { bpffs })

  t.deepEqual(tables(second), before)
})

test('adopt: dests have been removed meanwhile, they keep their ids in the trash', async t => {
  const bpffs = folder(t)
  const first = await director(t, SERVICES, { bpffs })
  const names = ['10.0.0.2', '10.0.0.3', '10.0.0.4']
  const service = first.intents[0]?.service
  if (!service) throw new Error('no service')
  const ids = (lvs: PacketDirector) =>
    names.map(address => lvs.dataplane.tables.destId(service, { address, port: 80 }))
  const before = ids(first)
  pick(first, 5001)
  const without = SERVICES.replace('-> 10.0.0.4:80 dr weight 1', '')

  const second = await director(t, without, { bpffs })

  t.deepEqual(ids(second), before)
  const left = second.dataplane.tables.destNames('tcp:192.0.2.1:80')
  t.deepEqual(left.sort(), ['10.0.0.2:80', '10.0.0.3:80'])
  t.is(second.run(tcp('198.51.100.7:5001 > 192.0.2.1:80', 'A')).reason, 'dest gone')
})

test('adopt: a new dest after it, it takes an id and rows that nobody has', async t => {
  const bpffs = folder(t)
  await director(t, SERVICES, { bpffs })
  const more = SERVICES.replace(
    '10.0.0.4:80 dr weight 1',
    '10.0.0.4:80 dr weight 1\n-> 10.0.0.5:80 nat weight 1',
  )

  const second = await director(t, more, { bpffs })

  const picks = [1, 2, 3, 4].map(i => pick(second, 5000 + i))
  t.deepEqual(picks, [5, 4, 3, 2])
  const ids = second.dataplane.tables.allDestIds('')
  t.is(new Set(ids).size, 5)
  t.is(second.run(udp('198.51.100.7:5001 > 192.0.2.2:53')).frame[5], 2)
})

test('adopt: the clock and the hash are the first ones, a slot is found by both', async t => {
  const bpffs = folder(t)
  const first = await director(t, SERVICES, { bpffs })
  first.advance(1000)
  const key = first.kernel.config.key

  const second = await director(t, SERVICES, { bpffs, key: [1, 2, 3, 4, 5, 6, 7, 8] })

  t.deepEqual(second.kernel.config.key, key)
  t.is(second.kernel.clock(), first.kernel.clock())
  pick(second, 5001)
  t.is(first.run(tcp('198.51.100.7:5001 > 192.0.2.1:80', 'A')).reason, 'direct')
})

test('adopt: another service edited after it, the first keeps its schedule', async t => {
  const bpffs = folder(t)
  await director(t, SERVICES, { bpffs })
  const more = `${SERVICES}\n-> 10.0.0.3:5353 nat weight 1`

  const second = await director(t, more, { bpffs })

  t.deepEqual([pick(second, 5001), pick(second, 5002), pick(second, 5003)], [4, 3, 2])
})

test('adopt: a neighbour has gone meanwhile, next hops keep their rows', async t => {
  const bpffs = folder(t)
  const hops = (lvs: PacketDirector): string[] =>
    [1, 2, 3, 4, 5].map(id => formatAddress(lvs.dataplane.ways.nexthops.get(id).addr))
  const before = hops(await director(t, SERVICES, { bpffs }))
  const without = SERVICES.replace('-> 10.0.0.4:80 dr weight 1', '')

  const second = await director(t, without, { bpffs })

  t.is(new Set(before).size, 5)
  t.deepEqual(hops(second), before)
})

test('adopt: killed between key and schedule, nobody else gets the rows', async t => {
  const bpffs = folder(t)
  const first = await director(t, SERVICES, { bpffs })
  const { service_ids: ids } = first.kernel.maps
  const { keys, count } = ids.lookupBatch()
  ids.deleteBatch(keys, count)
  const more = `${SERVICES}
    tcp 192.0.2.3:80 rr
      -> 10.0.0.9:80 nat weight 1
      -> 10.0.0.10:80 nat weight 1
      -> 10.0.0.11:80 nat weight 1`

  const second = await director(t, more, { bpffs })

  t.deepEqual([pick(second, 5001), pick(second, 5002), pick(second, 5003)], [4, 3, 2])
})

test('forget: killed in the middle, a row stays until its counters are gone', async t => {
  const lvs = await director(t, SERVICES)
  const { tables } = lvs.dataplane
  pick(lvs, 5001)
  const id = lvs.dataplane.tables.destId(
    { protocol: 'tcp', address: '192.0.2.1', port: 80 },
    { address: '10.0.0.4', port: 80 },
  )
  if (id === undefined) throw new Error('no dest')
  t.is(tables.traffic(id).conns, 1)
  Object.assign(tables.dests, { clear: () => killed() })

  t.throws(
    () => {
      tables.forget(id)
    },
    { message: 'killed' },
  )

  t.is(tables.traffic(id).conns, 0)
})

function killed(): never {
  throw new Error('killed')
}
