/**
 * A service loses its scheduler and gets it back, by all the ways there are: its packets are
 * refused, then are balanced again, and connections go on.
 */
import test from 'ava'
import { Director, type DirectorParts } from '../../control/daemon/director.ts'
import { fileOrigin } from '../../control/model/origin.ts'
import {
  serviceName,
  type AddressService,
  type Dest,
  type ServiceSettings,
} from '../../control/model/service.ts'
import { emptyIntent, type Intent } from '../../control/plan/intent.ts'
import { Network } from '../../control/plan/network.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, paths, service, type Family } from '../support/families.ts'
import { at, macOf, sameFrame, tcp, udp } from '../support/frames.ts'

/** NUD_PERMANENT of rtnetlink. */
const PERMANENT = 0x80

interface Started {
  packets: PacketDirector
  lvs: Director
  /** The service as it was given. */
  was: AddressService
  dests: Dest[]
  /** How often connections without a dest were ended. */
  ends: () => number
}

/** A director over a real data plane with one service, its journal made up. */
async function started(
  t: Parameters<typeof director>[0],
  text: string,
  settings: Intent['settings'] = {},
): Promise<Started> {
  const packets = await director(t, text)
  let ends = 0
  const network = new Network({ links: [], addresses: [], routes: [], neighbours: [] })
  const log = { info: () => undefined, error: () => undefined, warn: () => undefined }
  const parts: unknown = {
    dataplane: packets.dataplane,
    watch: { network: () => network, link: () => undefined, linkNames: () => ['one'] },
    journal: { records: [], append: () => Promise.resolve(), snapshot: () => Promise.resolve() },
    sweeper: {
      figures: { used: 0 },
      endOrphans: () => Promise.resolve(ends++),
      gracePeriod: () => Promise.resolve(),
    },
    log,
    gracePeriod: () => {
      packets.tables[0].gracePeriod()
    },
    nowMs: () => 0,
  }
  const services = packets.intents.map(one => [serviceName(one.service), one] as const)
  const intent = { ...emptyIntent(), services: Object.fromEntries(services), settings }
  const lvs = new Director(parts as DirectorParts, intent)
  await lvs.start()
  packets.setNetwork(() => undefined) // in which frames come in by the first interface
  const [first] = packets.intents
  return {
    packets,
    lvs,
    was: first?.service as AddressService,
    dests: first?.dests ?? [],
    ends: () => ends,
  }
}

type Way = (started: Started, settings: Partial<ServiceSettings>) => Promise<unknown>

const setService: Way = ({ lvs, was }, settings) => lvs.setService({ ...was, ...settings })
const setInBatch: Way = async ({ lvs, was }, settings) => {
  const change = { op: 'setService', service: { ...was, ...settings } } as const
  return lvs.batch([change, change])
}
/** It is the file's from the first time on. */
const applyFile: Way = ({ lvs, was, dests }, settings) => {
  const services = [{ ...was, ...settings, dests }]
  const configuration = { settings: {}, interfaces: [], services }
  const wish = { configuration, origin: fileOrigin('/lvs.yaml'), takeOver: true }
  return lvs.apply(wish, { dryRun: false })
}

const WAYS: Record<string, Way> = { setService, setInBatch, applyFile }

/** By which a service gets no new clients: it schedules nothing. */
const HELD = { scheduler: 'none' } as const

/** The first packet of a client's, by its port. */
function first(f: Family, protocol: 'tcp' | 'udp', port: number) {
  const path = `${at(f.client, port)} > ${at(f.vip, 80)}`
  return protocol === 'tcp' ? tcp(path, 'S') : udp(path)
}

for (const value of [0, 1])
  test(`start: expire_nodest_conn is ${value}, what a crash left is ended then only`, async t => {
    const on = { expire_nodest_conn: { value, origin: 'command' } } as const

    const { ends } = await started(t, service(IPV4), on)

    t.is(ends(), value)
  })

for (const f of FAMILIES)
  for (const [name, change] of Object.entries(WAYS))
    for (const protocol of ['tcp', 'udp'] as const)
      test(`withdraw: ${f.name} ${protocol}, ${name} no scheduler, there and back`, async t => {
        const given = await started(t, service(f, { protocol }))
        const { packets, lvs } = given
        const { reply } = paths(f)
        packets.run(first(f, protocol, 40000))

        await change(given, HELD)

        t.is(packets.run(first(f, protocol, 40001)).reason, 'no dest')
        t.is(packets.run(first(f, protocol, 40000)).reason, 'nat request')
        const back = protocol === 'tcp' ? tcp(reply, 'SA') : udp(reply)
        t.is(packets.run(back).reason, 'nat reply')
        t.deepEqual(
          packets.conns().map(({ client }) => client.port),
          [40000],
        )

        await change(given, {})

        t.is(packets.run(first(f, protocol, 40001)).reason, 'nat request')
        t.is(packets.run(first(f, protocol, 40000)).reason, 'nat request')
        const { active, inactive } = lvs.services()[0]?.dests[0] ?? {}
        t.is((active ?? 0) + (inactive ?? 0), 2)
      })

for (const f of FAMILIES) {
  test(`withdraw: ${f.name}, dests change meanwhile, those there are then are used`, async t => {
    const given = await started(t, service(f))
    const { packets, lvs, was } = given
    packets.run(first(f, 'tcp', 40000))
    const other: Dest = { address: f.dest(3), port: 8080, fwd: 'nat', weight: 1 }
    packets.setNetwork(({ neighbours }) => {
      const { address } = other
      neighbours.push({ ifindex: 1, address, mac: macOf(address), state: PERMANENT })
    })

    await setService(given, HELD)
    await lvs.addDest(was, other)
    await lvs.setDest(was, { ...(given.dests[0] as Dest), weight: 0 })
    await setService(given, {})
    const out = packets.receive(first(f, 'tcp', 40001))

    const to = `${at(f.client, 40001)} > ${at(f.dest(3), 8080)}`
    sameFrame(t, out, tcp(to, 'S', { ttl: 63 }))
    t.is(packets.run(tcp(paths(f).request, 'A')).reason, 'nat request')
  })

  test(`withdraw: ${f.name}, connections end with their dests, not with the service`, async t => {
    const on = { expire_nodest_conn: { value: 1, origin: 'command' } } as const
    const given = await started(t, service(f), on)
    const { packets } = given
    packets.run(first(f, 'tcp', 40000))

    await setService(given, HELD)

    t.is(packets.run(tcp(paths(f).request, 'A')).reason, 'nat request')
    t.is(packets.conns().length, 1)
  })

  test(`withdraw: ${f.name}, removed and added beside one that is held, it is active`, async t => {
    const given = await started(t, service(f))
    const { packets, lvs, was, dests } = given
    packets.run(first(f, 'tcp', 40000))
    await setService(given, HELD)

    await lvs.removeService(was)
    const gone = packets.run(first(f, 'tcp', 40001)).reason
    await lvs.addService({ ...was, protocol: 'sctp' })
    await lvs.addService(was)
    for (const dest of dests) await lvs.addDest(was, dest)

    t.is(gone, 'no service')
    t.is(packets.run(first(f, 'tcp', 40001)).reason, 'nat request')
    t.is(packets.run(tcp(paths(f).request, 'A')).reason, 'nat request')
    t.deepEqual(
      lvs.services().map(({ notActive }) => notActive),
      [['sctp'], []],
    )
  })
}
