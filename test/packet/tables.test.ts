/**
 * The schedulers with a table: what the program picks for thousands of clients, beside the pure
 * tables; and what an edit does to a table that is published.
 */
import test from 'ava'
import { load64 } from '../../addon/index.ts'
import { SERVICE } from '../../control/abi/maps.gen.ts'
import { addressBytes } from '../../control/model/address.ts'
import { familyOfService, type SchedFlag, type Service } from '../../control/model/service.ts'
import { scheduleRows } from '../../control/dataplane/sizes.ts'
import { dhTable } from '../../control/plan/schedule/dh.ts'
import { keyed, multiplicative } from '../../control/plan/schedule/hash.ts'
import { MAGLEV_SLOTS, maglevSlot, maglevTable } from '../../control/plan/schedule/maglev.ts'
import { MH_KEY, MH_SLOTS, mhTable } from '../../control/plan/schedule/mh.ts'
import { shTable } from '../../control/plan/schedule/sh.ts'
import { folded, type Table } from '../../control/plan/schedule/table.ts'
import { readScheduleWord } from '../../control/plan/schedule/word.ts'
import type { ServiceIntent } from '../../control/plan/intent.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { udp } from '../support/frames.ts'
import { randomFrom } from '../support/random.ts'

const CLIENTS = 2000
type Scheduler = 'dh' | 'sh' | 'mh' | 'maglev'
const VIP = { 4: '192.0.2.1', 6: '2001:db8:1::1' }

function service(scheduler: Scheduler, family: 4 | 6, weights: number[]): string {
  const at = (address: string): string => (family === 6 ? `[${address}]` : address)
  const dest = (i: number): string =>
    family === 6 ? `2001:db8:2::${(i + 2).toString(16)}` : `10.0.0.${i + 2}`
  return [
    `udp ${at(VIP[family])}:53 ${scheduler}`,
    ...weights.map((weight, i) => `-> ${at(dest(i))}:53 nat weight ${weight}`),
  ].join('\n')
}

/** Datagrams that leave no connection, so that each is scheduled. */
async function onePacket(
  t: Parameters<typeof director>[0],
  text: string,
  flags: SchedFlag[] = [],
): Promise<PacketDirector> {
  const lvs = await director(t, text)
  for (const { service } of lvs.intents) {
    service.onePacket = true
    service.schedFlags = flags
  }
  lvs.publish()
  return lvs
}

function tableOf({ service, dests }: ServiceIntent): Table {
  if (service.scheduler === 'dh') return dhTable(dests.length)
  if (service.scheduler === 'sh') return shTable(dests.map(({ weight }) => weight))
  if (service.scheduler === 'mh') return mhTable(dests, familyOfService(service))
  return maglevTable(dests)
}

/** The slots that are looked at for a client, in their order; the first is its own. */
function* slotsOf({ scheduler, schedFlags = [] }: Service, client: string, port: number) {
  const counts = schedFlags.includes('flag-2') ? port : 0
  const family = client.includes(':') ? 6 : 4
  const key = folded(client, family) + counts
  const fallback = schedFlags.includes('flag-1')
  if (scheduler === 'dh') yield multiplicative(folded(VIP[family], family), 8)
  else if (scheduler === 'sh') {
    const hash = multiplicative(key, 8)
    yield hash
    for (let k = 0; k < 256 && fallback; k++) yield (hash + ((k + hash) % 256)) % 256
  } else if (scheduler === 'mh') {
    const slot = keyed(key, MH_KEY) % MH_SLOTS
    yield slot
    for (let k = 0; k < MH_SLOTS && fallback; k++)
      yield keyed(key + ((k + slot) % MH_SLOTS), MH_KEY) % MH_SLOTS
  } else {
    const slot = maglevSlot(client, counts)
    for (let k = 0; k < 1024; k++) yield (slot + k) % MAGLEV_SLOTS
  }
}

/** The dest that a client should get, as the last byte of its address. */
function expected(intent: ServiceIntent, table: Table, client: string, port: number): number {
  for (const slot of slotsOf(intent.service, client, port)) {
    const dest = intent.dests[table[slot] ?? intent.dests.length]
    if (dest && dest.weight > 0) return addressBytes(dest.address)[15] ?? 0
  }
  return 0
}

/** And the one that it gets; 0: none. */
function picked(lvs: PacketDirector, family: 4 | 6, client: string, port: number): number {
  const path =
    family === 4 ? `${client}:${port} > ${VIP[4]}:53` : `[${client}]:${port} > [${VIP[6]}]:53`
  const { reason, frame } = lvs.run(udp(path))
  if (reason === 'no dest') return 0
  return reason === 'nat request' ? (frame[family === 4 ? 33 : 53] ?? 0) : -1
}

/** Clients that get another dest than they should, in words. */
function wrong(lvs: PacketDirector, count: number): string[] {
  const [intent] = lvs.intents
  if (!intent) return ['no service']
  const family = familyOfService(intent.service)
  const table = tableOf(intent)
  return Array.from({ length: count }, (_, i) => {
    const [client, port] = [clientOf(i, family), 1024 + ((i * 7919) % 60000)]
    const [should, does] = [
      expected(intent, table, client, port),
      picked(lvs, family, client, port),
    ]
    return should === does ? '' : `${client}:${port} ${should}, got ${does}`
  }).filter(line => line !== '')
}

/** The published table of the first service, as places in its list of dests; and where it is. */
function published(lvs: PacketDirector): { first: number; places: number[] } {
  const { tables } = lvs.dataplane
  const [intent] = lvs.intents
  const id = intent && tables.serviceId(intent.service)
  if (intent === undefined || id === undefined) return { first: -1, places: [] }
  const services = lvs.kernel.maps.services.mmap()
  const word = load64(services, (id * SERVICE.size + SERVICE.schedule) / 8)
  const { first, rows } = readScheduleWord(word)
  const ids = new Uint32Array(lvs.kernel.maps.schedules.mmap(), first * 8, rows * 2)
  const byId = intent.dests.map(dest => tables.destId(intent.service, dest))
  return { first, places: Array.from(ids, id => byId.indexOf(id)) }
}

const FLAGS: SchedFlag[][] = [[], ['flag-1'], ['flag-2'], ['flag-1', 'flag-2']]

for (const family of [4, 6] as const)
  for (const scheduler of ['dh', 'sh', 'mh', 'maglev'] as const)
    for (const flags of FLAGS)
      test(`${scheduler}: IPv${family}, flags ${flags.join()}, picks are the table's`, async t => {
        const lvs = await onePacket(t, service(scheduler, family, [3, 1, 0, 7]), flags)

        t.deepEqual(wrong(lvs, CLIENTS), [])
      })

for (const scheduler of ['dh', 'sh', 'mh', 'maglev'] as const)
  test(`${scheduler}: all dests quiesced, nobody gets one`, async t => {
    const lvs = await onePacket(t, service(scheduler, 4, [0, 0]), ['flag-1'])

    t.is(picked(lvs, 4, clientOf(1, 4), 1024), 0)
  })

for (const scheduler of ['dh', 'sh', 'mh', 'maglev'] as const)
  test(`${scheduler}: no dest at all, then one, then none, picks follow`, async t => {
    const lvs = await onePacket(t, service(scheduler, 4, [1]))
    const [intent] = lvs.intents
    const dests = intent?.dests ?? []
    const client = clientOf(1, 4)
    const with_ = (list: typeof dests): number => {
      if (intent) intent.dests = list
      lvs.publish()
      return picked(lvs, 4, client, 1024)
    }

    t.deepEqual([with_([]), with_(dests), with_([])], [0, 2, 0])
  })

for (const scheduler of ['dh', 'sh', 'mh', 'maglev'] as const)
  test(`${scheduler}: dests are edited at random, the published table is the pure one`, async t => {
    const random = randomFrom(7)
    const lvs = await onePacket(
      t,
      service(
        scheduler,
        4,
        Array.from({ length: 12 }, () => 1),
      ),
    )
    const [intent] = lvs.intents
    if (!intent) return
    const all = intent.dests
    const places = new Set<number>()
    for (let turn = 0; turn < 12; turn++) {
      intent.dests = all.filter(() => random(4) > 0)
      for (const dest of intent.dests) dest.weight = 1 + random(5)
      lvs.publish()
      const { first, places: slots } = published(lvs)
      places.add(first)
      const table = Array.from(tableOf(intent))

      t.deepEqual(slots.slice(0, table.length), table)
    }
    t.is(places.size, 1)
    t.deepEqual(wrong(lvs, 200), [])
  })

test('sh: a service changes to mh and back, picks are those of each', async t => {
  const lvs = await onePacket(t, service('sh', 4, [1, 2, 3]))
  for (const scheduler of ['mh', 'rr', 'maglev', 'dh', 'sh'] as const) {
    for (const { service } of lvs.intents) service.scheduler = scheduler
    lvs.publish()

    if (scheduler !== 'rr') t.deepEqual(wrong(lvs, 200), [], scheduler)
  }
})

test('maglev: more services than there is room for tables, the last is refused', async t => {
  const lvs = await director(
    t,
    Array.from({ length: 100 }, (_, i) => `tcp 192.0.2.1:${1000 + i} maglev`).join('\n'),
  )
  const dest = { address: '10.0.0.2', port: 80, weight: 1, fwd: 'nat' as const }
  const refused = lvs.intents.filter(({ service }) => {
    try {
      lvs.dataplane.publish({ service, dests: [dest] })
      return false
    } catch (error) {
      return (error as { code?: string }).code === 'TABLE_FULL'
    }
  })

  t.is(refused.length, 100 - Math.floor(scheduleRows(lvs.kernel.sizes) / 32776))
})

function clientOf(i: number, family: 4 | 6): string {
  const x = Math.imul(i + 1, 2654435761) >>> 0
  if (family === 4) return `172.${16 + (x >>> 28)}.${(x >>> 8) & 255}.${1 + ((x >>> 16) % 250)}`
  const hex = (n: number): string => n.toString(16)
  return `2001:db8:${hex(x >>> 16)}:${hex(i + 1)}::${hex((x & 0xfff) + 1)}`
}
