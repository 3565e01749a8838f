/** Dests that go and come back, and virtual addresses that are not here. */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { sameFrame, tcp, udp } from '../support/frames.ts'

const CLIENT = '198.51.100.7:40000'
const REQUEST = `${CLIENT} > 192.0.2.1:80`
const REPLY = `10.0.0.2:8080 > ${CLIENT}`
const SERVICE = 'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:8080 nat weight 1'
const NAME = 'tcp:192.0.2.1:80'

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

function addDest(lvs: PacketDirector, fwd: 'nat' | 'dr'): void {
  lvs.intents[0]?.dests.unshift({ address: '10.0.0.2', port: 8080, weight: 1, fwd })
  lvs.publish()
}

test('dest: removed, requests of its connections are dropped without a trace', async t => {
  const lvs = await established(t)
  const [before] = lvs.conns()
  const traffic = lvs.dataplane.rawTraffic(NAME)
  removeDest(lvs)
  lvs.advance(10)

  const out = lvs.run(tcp(REQUEST, 'FA'))

  t.deepEqual([out.reason, out.verdict], ['dest gone', XDP.drop])
  const [after] = lvs.conns()
  t.is(after?.state, 'ESTABLISHED')
  t.is((before?.expiresS ?? 0) - (after?.expiresS ?? 0), 10)
  t.deepEqual(lvs.dataplane.rawTraffic(NAME), traffic)
})

test('dest: removed, its replies are translated and move the state but do not count', async t => {
  const lvs = await established(t)
  const traffic = lvs.dataplane.rawTraffic(NAME)
  removeDest(lvs)

  const out = lvs.run(tcp(REPLY, 'FA'))

  t.is(out.reason, 'nat reply')
  sameFrame(t, out.frame, tcp(`192.0.2.1:80 > ${CLIENT}`, 'FA', { ttl: 63 }))
  t.is(lvs.conns()[0]?.state, 'FIN_WAIT')
  t.deepEqual(lvs.dataplane.rawTraffic(NAME), traffic)
})

test('dest: the only one removed, a new client is refused', async t => {
  const lvs = await established(t)
  removeDest(lvs)

  const out = lvs.run(tcp('198.51.100.7:40001 > 192.0.2.1:80', 'S'))

  t.is(out.reason, 'no dest')
})

test('dest: removed and added again, its connections live on with their counts', async t => {
  const lvs = await established(t)
  removeDest(lvs)
  addDest(lvs, 'nat')

  const out = lvs.run(tcp(REQUEST, 'A'))

  t.is(out.reason, 'nat request')
  t.deepEqual(lvs.counts('10.0.0.2'), { active: 1, inactive: 0 })
  t.is(lvs.dataplane.rawTraffic(NAME).inPackets, 3)
})

test('dest: added again by another method, its connections keep theirs', async t => {
  const lvs = await established(t)
  removeDest(lvs)
  addDest(lvs, 'dr')

  const old = lvs.run(tcp(REQUEST, 'A'))
  const young = lvs.run(tcp('198.51.100.7:40001 > 192.0.2.1:80', 'S'))

  t.deepEqual([old.reason, young.reason], ['nat request', 'direct'])
  sameFrame(t, old.frame, tcp(`${CLIENT} > 10.0.0.2:8080`, 'A', { ttl: 63 }))
})

test('dest: removed, its last connection expires and nothing is counted', async t => {
  const lvs = await established(t)
  removeDest(lvs)
  lvs.advance(901)

  lvs.sweep()

  const [id] = lvs.dataplane.tables.idleTrash()
  t.is(lvs.conns().length, 0)
  t.is(lvs.dataplane.tables.nameOf(id ?? 0), `${NAME}>10.0.0.2:8080`)
})

test('dest: quiesced, its connections go on and new ones do not come', async t => {
  const lvs = await established(t)
  const [dest] = lvs.intents[0]?.dests ?? []
  if (dest) dest.weight = 0
  lvs.publish()

  const old = lvs.run(tcp(REQUEST, 'A'))
  const young = lvs.run(tcp('198.51.100.7:40001 > 192.0.2.1:80', 'S'))

  t.deepEqual([old.reason, young.reason], ['nat request', 'no dest'])
})

for (const [what, make] of [
  ['SYN', (path: string) => tcp(path, 'S')],
  ['datagram', udp],
] as const)
  test(`vip: the address is not local, a ${what} passes and starts nothing`, async t => {
    const lvs = await director(t, `${SERVICE}\nudp 192.0.2.1:80 rr\n-> 10.0.0.2:80 dr weight 1`)
    lvs.setNetwork(facts => (facts.addresses = []))

    const out = lvs.run(make(REQUEST))

    t.deepEqual([out.reason, out.verdict], ['vip not local', XDP.pass])
    t.is(lvs.conns().length, 0)
  })

test('vip: the address has gone, requests pass and replies are translated', async t => {
  const lvs = await established(t)
  lvs.setNetwork(facts => {
    facts.addresses = facts.addresses.filter(a => a.address !== '192.0.2.1')
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

test('vip: the address comes back, its connections go on', async t => {
  const lvs = await established(t)
  const address = { ifindex: 1, address: '192.0.2.1', prefix: 32 }
  lvs.setNetwork(facts => {
    facts.addresses = facts.addresses.filter(a => a.address !== address.address)
  })
  lvs.setNetwork(facts => facts.addresses.push(address))

  const out = lvs.run(tcp(REQUEST, 'A'))

  t.is(out.reason, 'nat request')
})

test('vip: dest removed and address gone, requests pass to whoever has it now', async t => {
  const lvs = await established(t)
  removeDest(lvs)
  lvs.setNetwork(facts => {
    facts.addresses = facts.addresses.filter(a => a.address !== '192.0.2.1')
  })

  const out = lvs.run(tcp(REQUEST, 'A'))

  t.deepEqual([out.reason, out.verdict], ['vip not local', XDP.pass])
})
