/** Dests that go and come back, and virtual addresses that are not here. */
import test from 'ava'
import type { ForwardingMethod } from '../../control/model/service.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service } from '../support/families.ts'
import { at, sameFrame, tcp, udp } from '../support/frames.ts'

for (const f of FAMILIES) {
  const { request: REQUEST, requestOut: REQUEST_OUT, reply: REPLY, replyOut: REPLY_OUT } = paths(f)
  const OTHER = `${at(f.client, 40001)} > ${at(f.vip, 80)}`
  const SERVICE = service(f)

  /** A director with one connection, established. */
  async function established(t: Parameters<typeof director>[0]): Promise<PacketDirector> {
    const lvs = await director(t, SERVICE)
    lvs.run(tcp(REQUEST, 'S'))
    lvs.run(tcp(REPLY, 'SA'))
    lvs.run(tcp(REQUEST, 'A'))
    return lvs
  }

  function removeDest(lvs: PacketDirector): void {
    lvs.intents[0]?.dests.pop()
    lvs.publish()
  }

  function addDest(lvs: PacketDirector, fwd: ForwardingMethod): void {
    lvs.intents[0]?.dests.unshift({ address: f.dest(2), port: 8080, weight: 1, fwd })
    lvs.publish()
  }

  test(`dest: ${f.name}, removed, its clients' packets are dropped without a trace`, async t => {
    const lvs = await established(t)
    const [before] = lvs.conns()
    const traffic = lvs.traffic()
    removeDest(lvs)
    // A whole number of ticks.
    lvs.advance(8)

    const out = lvs.run(tcp(REQUEST, 'FA'))

    t.deepEqual([out.reason, out.verdict], ['dest gone', XDP.drop])
    const [after] = lvs.conns()
    t.is(after?.state, 'ESTABLISHED')
    t.is((before?.expiresS ?? 0) - (after?.expiresS ?? 0), 8)
    t.deepEqual(lvs.traffic(), traffic)
  })

  test(`dest: ${f.name}, removed, replies are translated but do not count`, async t => {
    const lvs = await established(t)
    const traffic = lvs.traffic()
    removeDest(lvs)

    const out = lvs.run(tcp(REPLY, 'FA'))

    t.is(out.reason, 'nat reply')
    sameFrame(t, out.frame, tcp(REPLY_OUT, 'FA', { ttl: 63 }))
    t.is(lvs.conns()[0]?.state, 'FIN_WAIT')
    t.deepEqual(lvs.traffic(), traffic)
  })

  test(`dest: ${f.name}, the only one removed, a new client is refused`, async t => {
    const lvs = await established(t)
    removeDest(lvs)

    const out = lvs.run(tcp(OTHER, 'S'))

    t.is(out.reason, 'no dest')
  })

  test(`dest: ${f.name}, removed and added again, its connections live on`, async t => {
    const lvs = await established(t)
    removeDest(lvs)
    addDest(lvs, 'nat')

    const out = lvs.run(tcp(REQUEST, 'A'))

    t.is(out.reason, 'nat request')
    t.deepEqual(lvs.counts(f.dest(2)), { active: 1, inactive: 0 })
    t.is(lvs.traffic().inPackets, 3)
  })

  test(`dest: ${f.name}, added again by another method, its connections keep theirs`, async t => {
    const lvs = await established(t)
    removeDest(lvs)
    addDest(lvs, 'dr')

    const old = lvs.run(tcp(REQUEST, 'A'))
    const young = lvs.run(tcp(OTHER, 'S'))

    t.deepEqual([old.reason, young.reason], ['nat request', 'direct'])
    sameFrame(t, old.frame, tcp(REQUEST_OUT, 'A', { ttl: 63 }))
  })

  test(`dest: ${f.name}, removed, its last connection expires and nothing is counted`, async t => {
    const lvs = await established(t)
    removeDest(lvs)
    lvs.advance(901)

    lvs.sweep()

    const [id] = lvs.dataplane.tables.idleTrash()
    t.is(lvs.conns().length, 0)
    t.is(lvs.dataplane.tables.ownerOf(id ?? 0)?.dest.port, 8080)
  })

  test(`dest: ${f.name}, quiesced, its connections go on and new ones do not come`, async t => {
    const lvs = await established(t)
    const [dest] = lvs.intents[0]?.dests ?? []
    if (dest) dest.weight = 0
    lvs.publish()

    const old = lvs.run(tcp(REQUEST, 'A'))
    const young = lvs.run(tcp(OTHER, 'S'))

    t.deepEqual([old.reason, young.reason], ['nat request', 'no dest'])
  })

  for (const [what, make] of [
    ['SYN', (path: string) => tcp(path, 'S')],
    ['datagram', udp],
  ] as const)
    test(`vip: ${f.name}, the address is elsewhere, a ${what} passes by`, async t => {
      const lvs = await director(t, SERVICE + service(f, { protocol: 'udp', fwd: 'dr' }))
      lvs.setNetwork(facts => (facts.addresses = []))

      const out = lvs.run(make(REQUEST))

      t.deepEqual([out.reason, out.verdict], ['vip not local', XDP.pass])
      t.is(lvs.conns().length, 0)
    })

  test(`vip: ${f.name}, the address has gone, only replies are translated`, async t => {
    const lvs = await established(t)
    lvs.setNetwork(facts => {
      facts.addresses = facts.addresses.filter(a => a.address !== f.vip)
    })

    const left = [lvs.run(tcp(REQUEST, 'A')), lvs.run(tcp(REPLY, 'A'))]

    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      [
        ['vip not local', XDP.pass],
        ['nat reply', XDP.tx],
      ],
    )
  })

  test(`vip: ${f.name}, the address comes back, its connections go on`, async t => {
    const lvs = await established(t)
    const address = { ifindex: 1, address: f.vip, prefix: f.name === 'IPv4' ? 32 : 128 }
    lvs.setNetwork(facts => {
      facts.addresses = facts.addresses.filter(a => a.address !== address.address)
    })
    lvs.setNetwork(facts => facts.addresses.push(address))

    const out = lvs.run(tcp(REQUEST, 'A'))

    t.is(out.reason, 'nat request')
  })

  test(`vip: ${f.name}, dest removed and address gone, requests pass`, async t => {
    const lvs = await established(t)
    removeDest(lvs)
    lvs.setNetwork(facts => {
      facts.addresses = facts.addresses.filter(a => a.address !== f.vip)
    })

    const out = lvs.run(tcp(REQUEST, 'A'))

    t.deepEqual([out.reason, out.verdict], ['vip not local', XDP.pass])
  })
}
