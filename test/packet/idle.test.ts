/**
 * A family without a service: IPVS has no hooks then, and packets of connections that are left are
 * the host's. Read next: ../../control/dataplane/dataplane.ts (begin), ../../bpf/parse.h.
 */
import test, { type ExecutionContext } from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, service, type Family } from '../support/families.ts'
import { icmpError, tcp } from '../support/frames.ts'

/** A director whose daemon has begun, with an established connection of each family. */
async function begun(t: ExecutionContext): Promise<PacketDirector> {
  const lvs = await director(t, FAMILIES.map(f => service(f)).join(''))
  lvs.dataplane.begin()
  for (const f of FAMILIES) {
    lvs.run(tcp(paths(f).request, 'S'))
    lvs.run(tcp(paths(f).reply, 'SA'))
    lvs.run(tcp(paths(f).request, 'A'))
  }
  return lvs
}

/** What becomes of a family's requests and replies. */
function reasons(lvs: PacketDirector, f: Family): string[] {
  const { request, reply } = paths(f)
  return [tcp(request, 'A'), tcp(request, 'S'), tcp(reply, 'A')].map(frame => {
    const { reason, verdict } = lvs.run(frame)
    return verdict === XDP.pass ? `passed: ${reason}` : reason
  })
}

const BALANCED = ['nat request', 'nat request', 'nat reply']
const PASSED = Array<string>(3).fill('passed: no service')

for (const f of FAMILIES) {
  const other = f === IPV4 ? IPV6 : IPV4
  const intentOf = (lvs: PacketDirector) =>
    lvs.intents.find(({ service }) => 'address' in service && service.address === f.vip)

  test(`idle: the only service of ${f.name} removed, its packets are the host's`, async t => {
    const lvs = await begun(t)
    const intent = intentOf(lvs)
    if (intent) lvs.dataplane.withdraw(intent.service)

    const left = [reasons(lvs, f), reasons(lvs, other)]

    t.deepEqual(left, [PASSED, BALANCED])
    t.is(lvs.conns().length, 2)
  })

  test(`idle: the only service of ${f.name} is back, its connections go on`, async t => {
    const lvs = await begun(t)
    const intent = intentOf(lvs)
    if (intent) lvs.dataplane.withdraw(intent.service)
    if (intent) lvs.dataplane.publish(intent)

    t.deepEqual(reasons(lvs, f), BALANCED)
    t.is(lvs.conns().length, 2)
  })

  test(`idle: no service of ${f.name}, an ICMP error about a connection is passed`, async t => {
    const lvs = await begun(t)
    const intent = intentOf(lvs)
    const [type, code] = f.errors.noPort
    const about = tcp(paths(f).replyOut, 'A')
    const error = icmpError(`${f.client} > ${f.vip}`, type, code, about)
    const before = lvs.run(error).reason
    if (intent) lvs.dataplane.withdraw(intent.service)

    t.deepEqual([before, lvs.run(error).reason], ['icmp request', 'no service'])
  })

  test(`idle: the network changes meanwhile, packets of ${f.name} stay the host's`, async t => {
    const lvs = await begun(t)
    const intent = intentOf(lvs)
    lvs.intents.splice(0, 2, ...lvs.intents.filter(one => one !== intent))
    if (intent) lvs.dataplane.withdraw(intent.service)

    lvs.setNetwork(facts => {
      for (const link of facts.links) link.mtu = 1400
    })

    t.deepEqual([reasons(lvs, f), reasons(lvs, other)], [PASSED, BALANCED])
  })
}

test('idle: the daemon has yet to begin, nothing is left to the host', async t => {
  const lvs = await director(t, service(IPV4))
  lvs.run(tcp(paths(IPV4).request, 'S'))
  const [intent] = lvs.intents

  if (intent) lvs.dataplane.withdraw(intent.service)

  t.is(lvs.run(tcp(paths(IPV4).request, 'A')).reason, 'dest gone')
})
