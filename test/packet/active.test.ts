/** Services that need what the data plane does not do yet: packets pass, connections go on. */
import test from 'ava'
import type { Service } from '../../control/model/service.ts'
import { director, parseServices, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { at, sameFrame, tcp } from '../support/frames.ts'

/** Has the first service held, as publish does with one that needs what is not there. */
function hold({ intents, dataplane }: PacketDirector): void {
  const [{ service, dests } = { service: undefined, dests: [] }] = intents
  const there = dests.map(dest => ({ ...dest, reach: dataplane.ways.reach(dest.address) }))
  if (!service) return
  dataplane.tables.hold(service, there, true)
  dataplane.tables.withdrawDests(service, dests)
}

for (const f of FAMILIES) {
  const { request: REQUEST, requestOut: REQUEST_OUT } = paths(f)
  const OTHER = `${at(f.client, 40001)} > ${at(f.vip, 80)}`
  const OTHER_OUT = `${at(f.client, 40001)} > ${at(f.dest(2), 8080)}`
  const SERVICE = service(f)

  test(`active: ${f.name}, held from the start, packets pass untouched`, async t => {
    const lvs = await director(t, '')
    const [intent] = parseServices(SERVICE)
    if (intent)
      lvs.intents.push({ ...intent, service: { ...intent.service, protocol: 'sctp' } as Service })
    lvs.publish()
    const frame = tcp(OTHER, 'S')

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['no service', XDP.pass])
    t.deepEqual(Buffer.from(out.frame.subarray(12)), Buffer.from(frame.subarray(12)))
    t.deepEqual(lvs.dataplane.tables.allDestIds(''), [])
  })

  test(`active: ${f.name}, held, new clients pass, others go on`, async t => {
    const lvs = await director(t, SERVICE)
    lvs.run(tcp(REQUEST, 'S'))

    hold(lvs)
    const other = lvs.run(tcp(OTHER, 'S'))
    const old = lvs.run(tcp(REQUEST, 'A'))

    t.deepEqual([other.reason, other.verdict], ['no service', XDP.pass])
    t.is(old.reason, 'nat request')
    sameFrame(t, old.frame, tcp(REQUEST_OUT, 'A', { ttl: 63 }))
    t.deepEqual(lvs.counts(f.dest(2)), { active: 1, inactive: 0 })
  })

  test(`active: ${f.name}, held no more, new clients are balanced again`, async t => {
    const lvs = await director(t, SERVICE)
    lvs.run(tcp(REQUEST, 'S'))
    hold(lvs)

    lvs.publish()
    const out = lvs.run(tcp(OTHER, 'S'))

    t.is(out.reason, 'nat request')
    sameFrame(t, out.frame, tcp(OTHER_OUT, 'S', { ttl: 63 }))
    t.deepEqual(lvs.counts(f.dest(2)), { active: 2, inactive: 0 })
  })

  test(`active: ${f.name}, a dest removed meanwhile, its packets are dropped`, async t => {
    const lvs = await director(t, SERVICE)
    lvs.run(tcp(REQUEST, 'S'))
    lvs.intents[0]?.dests.pop()

    hold(lvs)

    t.is(lvs.run(tcp(REQUEST, 'A')).reason, 'dest gone')
  })

  test(`active: ${f.name}, a dest in a gue tunnel, others are chosen`, async t => {
    const lvs = await director(t, SERVICE)
    const [first] = lvs.intents
    const [dest] = first?.dests ?? []
    if (dest) first?.dests.push({ ...dest, tunnel: { type: 'gue', port: 6080 } })
    first?.dests.shift()
    lvs.publish()

    t.is(lvs.run(tcp(OTHER, 'S')).reason, 'no dest')
  })
}
