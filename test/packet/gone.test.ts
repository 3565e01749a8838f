/**
 * What becomes of connections whose dest is removed, by the setting of the service. Read next:
 * ../../bpf/renew.h, ../../bpf/reset.bpf.c. Source of resets: RFC 9293 section 3.10.7.1.
 */
import test, { type ExecutionContext } from 'ava'
import { ICMP_CREDIT } from '../../control/abi/maps.gen.ts'
import { Views } from '../../control/daemon/views.ts'
import type { DestGone, DrainView, ForwardingMethod } from '../../control/model/service.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service, type Family } from '../support/families.ts'
import { at, sameButId, tcp, udp } from '../support/frames.ts'
import { OTHER_MAC } from '../support/topology.ts'

type Protocol = 'tcp' | 'udp'

/** A connection to dest 2, which is removed then; dest 3 stays. */
async function stranded(
  t: ExecutionContext,
  f: Family,
  destGone: DestGone,
  o: { protocol?: Protocol; fwd?: ForwardingMethod; behindOther?: string[] } = {},
): Promise<PacketDirector> {
  const { protocol = 'tcp', fwd = 'nat', behindOther = [] } = o
  const dport = fwd === 'nat' ? 8080 : 80
  const other = `-> ${at(f.dest(3), dport)} ${fwd} weight 1\n`
  const lvs = await director(t, service(f, { protocol, fwd, dport }) + other, { behindOther })
  for (const { service } of lvs.intents) service.destGone = destGone
  lvs.publish()
  const { request, reply } = paths(f, dport)
  lvs.run(protocol === 'udp' ? udp(`${at(f.client, 40001)} > ${at(f.vip, 80)}`) : first(f))
  if (protocol === 'udp') lvs.run(udp(request))
  else {
    lvs.run(tcp(request, 'S'))
    if (fwd === 'nat') lvs.run(tcp(reply, 'SA'))
    lvs.run(tcp(request, 'A'))
  }
  const [intent] = lvs.intents
  if (intent) {
    intent.dests = intent.dests.filter(({ address }) => address !== f.dest(2))
    lvs.publish()
  }
  return lvs
}

const first = (f: Family): Uint8Array => tcp(`${at(f.client, 40001)} > ${at(f.vip, 80)}`, 'S')

const destOf = (lvs: PacketDirector): string | undefined =>
  lvs.conns().find(({ client }) => client.port === 40000)?.dest.address

/** What xlvs show has of them. */
function drainsOf({ dataplane, intents: [intent] }: PacketDirector): DrainView[] | undefined {
  return intent && new Views(dataplane, () => ({ zero: {}, retired: {} })).service(intent).drains
}

for (const f of FAMILIES) {
  const { request, replyOut } = paths(f)

  test(`gone: ${f.name} keep, its packets are dropped and the connection stays`, async t => {
    const lvs = await stranded(t, f, 'keep')

    const reasons = ['A', 'PA', 'S', 'R'].map(flags => lvs.run(tcp(request, flags)).reason)

    t.deepEqual(reasons, ['dest gone', 'dest gone', 'dest gone', 'dest gone'])
    t.is(destOf(lvs), f.dest(2))
  })

  test(`gone: ${f.name} drop, the first packet is dropped and ends the connection`, async t => {
    const lvs = await stranded(t, f, 'drop')

    const reasons = ['A', 'A', 'S'].map(flags => lvs.run(tcp(request, flags)).reason)

    t.deepEqual(reasons, ['dest gone', 'no connection', 'nat request'])
    t.is(destOf(lvs), f.dest(3))
  })

  for (const what of ['drop', 'reset'] as const) {
    test(`gone: ${f.name} ${what}, a SYN goes to another dest at once`, async t => {
      const lvs = await stranded(t, f, what)

      t.is(lvs.run(tcp(request, 'S')).reason, 'nat request')
      t.is(destOf(lvs), f.dest(3))
    })

    test(`gone: ${f.name} ${what}, a datagram goes to another dest at once`, async t => {
      const lvs = await stranded(t, f, what, { protocol: 'udp' })

      t.is(lvs.run(udp(request)).reason, 'nat request')
      t.is(destOf(lvs), f.dest(3))
    })
  }

  for (const fwd of ['nat', 'dr', 'tun'] as const)
    test(`gone: ${f.name} reset, a segment to a ${fwd} dest with ACK, the first form`, async t => {
      const lvs = await stranded(t, f, 'reset', { fwd })

      const out = lvs.run(tcp(request, 'PA', { seq: 5000, ack: 7000, data: 'hello' }))

      t.deepEqual([out.reason, out.verdict], ['reset', XDP.tx])
      const reset = tcp(replyOut, 'R', { seq: 7000, ack: 0, window: 0, ttl: 64, label: 0 })
      sameButId(t, out.frame, reset)
      t.is(destOf(lvs), undefined)
    })

  test(`gone: ${f.name} reset, a segment without ACK, the second form`, async t => {
    const lvs = await stranded(t, f, 'reset')

    const out = lvs.run(tcp(request, 'F', { seq: 5000, data: 'hello' }))

    const reset = tcp(replyOut, 'RA', { seq: 0, ack: 5006, window: 0, ttl: 64, label: 0 })
    sameButId(t, out.frame, reset)
  })

  test(`gone: ${f.name} reset, a reset, nothing answers it and the connection ends`, async t => {
    const lvs = await stranded(t, f, 'reset')

    const out = lvs.run(tcp(request, 'R'))

    t.deepEqual([out.reason, out.verdict], ['dest gone', XDP.drop])
    t.is(destOf(lvs), undefined)
  })

  test(`gone: ${f.name} reset, it is counted no more and the next is the host's`, async t => {
    const lvs = await stranded(t, f, 'reset')
    const id = lvs.dataplane.tables.allDestIds('').find(id => !lvs.dataplane.tables.isAvailable(id))

    const reasons = ['A', 'A'].map(flags => lvs.run(tcp(request, flags)).reason)

    t.deepEqual(reasons, ['reset', 'no connection'])
    const { active, inactive } = lvs.dataplane.tables.destConns.get(id ?? 0)
    t.deepEqual([active, inactive], [0, 0])
  })

  test(`gone: ${f.name} reset, the client is elsewhere, it goes there`, async t => {
    const lvs = await stranded(t, f, 'reset', { behindOther: [f.client] })

    const out = lvs.run(tcp(request, 'A'))

    t.deepEqual([out.reason, out.verdict], ['reset', XDP.redirect])
    t.is(Buffer.from(out.frame.subarray(6, 12)).toString('hex'), OTHER_MAC.replaceAll(':', ''))
  })

  test(`gone: ${f.name} drain, it goes on for so long, then as reset`, async t => {
    const lvs = await stranded(t, f, 'drain:30')
    const reason = (flags: string): string => lvs.run(tcp(request, flags)).reason

    const went = [reason('A'), reason('PA')]
    lvs.advance(29)
    const last = reason('A')
    lvs.advance(2)

    t.deepEqual(
      [...went, last, reason('A')],
      [...['nat request', 'nat request', 'nat request'], 'reset'],
    )
  })

  test(`gone: ${f.name} drain, it is shown while it has connections and time`, async t => {
    const lvs = await stranded(t, f, 'drain:30')
    const drain = { address: f.dest(2), port: 8080, fwd: 'nat', active: 1, inactive: 0 } as const

    t.deepEqual(drainsOf(lvs), [{ ...drain, leftS: 30 }])
    lvs.advance(10)
    t.deepEqual(drainsOf(lvs), [{ ...drain, leftS: 20 }])
    lvs.advance(21)
    t.is(drainsOf(lvs), undefined)
  })

  test(`gone: ${f.name} keep, no drain is shown`, async t => {
    t.is(drainsOf(await stranded(t, f, 'keep')), undefined)
  })

  test(`gone: ${f.name} drain, an ended connection's SYN is scheduled anew`, async t => {
    const lvs = await stranded(t, f, 'drain:30')
    lvs.run(tcp(request, 'R'))

    t.is(lvs.run(tcp(request, 'S')).reason, 'nat request')
    t.is(destOf(lvs), f.dest(3))
  })

  test(`gone: ${f.name} reset, the dest comes back, its connections go on`, async t => {
    const lvs = await stranded(t, f, 'reset')
    const [intent] = lvs.intents
    intent?.dests.push({ address: f.dest(2), port: 8080, fwd: 'nat', weight: 1 })
    lvs.publish()

    t.is(lvs.run(tcp(request, 'A')).reason, 'nat request')
    t.is(destOf(lvs), f.dest(2))
  })
}

test('gone: the service is removed, its connections are reset, the host gets others', async t => {
  const lvs = await director(
    t,
    'tcp 192.0.2.1:80 rr\n-> 10.0.0.2:8080 nat weight 1\ntcp 192.0.2.1:81 rr',
  )
  const [intent] = lvs.intents
  if (!intent) return
  intent.service.destGone = 'reset'
  lvs.publish()
  const path = '198.51.100.7:40000 > 192.0.2.1:80'
  lvs.run(tcp(path, 'S'))

  lvs.dataplane.withdraw(intent.service)

  const reasons = ['A', 'S'].map(flags => lvs.run(tcp(path, flags)).reason)
  t.deepEqual(reasons, ['reset', 'no service'])
})

test('gone: more than may be reset in a second, the rest is answered later', async t => {
  const [f] = FAMILIES
  if (!f) return
  const lvs = await stranded(t, f, 'reset')
  const credits = new DataView(lvs.kernel.maps.icmp_credits.mmap())
  const { request } = paths(f)
  lvs.run(first(f))
  credits.setInt32(ICMP_CREDIT.size + ICMP_CREDIT.credit, 0, true)
  credits.setUint32(ICMP_CREDIT.size + ICMP_CREDIT.filled, lvs.kernel.clock() * 8, true)

  const reasons = [lvs.run(tcp(request, 'A')).reason]
  lvs.advance(1)
  reasons.push(lvs.run(tcp(request, 'A')).reason)

  t.deepEqual(reasons, ['reset limited', 'reset'])
})
