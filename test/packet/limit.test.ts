/**
 * The host's limits on ICMP errors of its own, which ours keep too. Source of what is expected:
 * net/ipv4/icmp.c, net/ipv6/icmp.c (v6.1), recorded frames.
 */
import test from 'ava'
import type { ErrorLimits } from '../../control/plan/network.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, service, type Family } from '../support/families.ts'
import { at, icmpError, tcp, udp } from '../support/frames.ts'
import { route } from '../support/topology.ts'

/** Linux's defaults, but for the errors of all. */
const LIMITS: ErrorLimits = {
  intervalMs: [1000, 1000],
  types: [6168, 0b1011],
  perSecond: 1_000_000,
  burst: 1_000_000,
}

async function limited(
  t: Parameters<typeof director>[0],
  f: Family,
  limits: Partial<ErrorLimits> = {},
  o: Parameters<typeof service>[1] = {},
): Promise<PacketDirector> {
  const lvs = await director(t, service(f, o))
  lvs.setNetwork(facts => (facts.limits = { ...LIMITS, ...limits }))
  return lvs
}

/** How many of ten of these are answered. */
function answered(lvs: PacketDirector, frame: Uint8Array): number {
  return Array.from({ length: 10 }, () => lvs.run(frame).verdict).filter(v => v === XDP.tx).length
}

/** Refused for its TTL, or because there is no dest. */
function expired(f: Family, client = f.client): Uint8Array {
  return tcp(`${at(client, 40000)} > ${at(f.vip, 80)}`, 'S', { ttl: 1 })
}

test('limit: IPv4 errors to one client, six at once and then one a second', async t => {
  const lvs = await limited(t, IPV4)

  const burst = answered(lvs, expired(IPV4))
  lvs.advance(1.1)
  const later = answered(lvs, expired(IPV4))
  lvs.advance(30)
  const rested = answered(lvs, expired(IPV4))

  t.deepEqual([burst, later, rested], [6, 1, 6])
  t.is(lvs.run(expired(IPV4)).reason, 'ttl expired')
})

test('limit: IPv4 errors to two clients, each has its own', async t => {
  const lvs = await limited(t, IPV4)

  const both = [answered(lvs, expired(IPV4)), answered(lvs, expired(IPV4, IPV4.far))]

  t.deepEqual(both, [6, 6])
})

const WITHOUT: [what: string, limits: Partial<ErrorLimits>][] = [
  ['of no interval', { intervalMs: [0, 0] }],
  ['of other types', { types: [8, 8] }],
]
for (const [what, limits] of WITHOUT)
  test(`limit: IPv4 limits ${what}, all errors are sent`, async t => {
    const lvs = await limited(t, IPV4, limits)

    t.is(answered(lvs, expired(IPV4)), 10)
  })

test('limit: IPv4 fragmentation needed, it is always sent', async t => {
  const lvs = await limited(t, IPV4)
  lvs.run(tcp(paths(IPV4).request, 'S'))

  t.is(answered(lvs, tcp(paths(IPV4).request, 'A', { data: Buffer.alloc(1461) })), 10)
})

test('limit: IPv6 no dest, a network of 64 bits may have four times as much', async t => {
  const lvs = await limited(t, IPV6, {}, { protocol: 'udp', weight: 0 })
  const frame = udp(paths(IPV6).request)

  const burst = answered(lvs, frame)
  lvs.advance(0.6)
  const later = answered(lvs, frame)

  t.deepEqual([burst, later], [6, 2])
})

test('limit: IPv6 hop limit of a request, it is always sent as by Linux', async t => {
  const lvs = await limited(t, IPV6)

  t.is(answered(lvs, expired(IPV6)), 10)
})

for (const f of FAMILIES)
  test(`limit: ${f.name} no errors a second at all, none is sent`, async t => {
    const lvs = await limited(t, f, { perSecond: 0, burst: 0 }, { weight: 0 })

    t.is(answered(lvs, tcp(paths(f).request, 'S')), 0)
    t.is(lvs.run(tcp(paths(f).request, 'S')).reason, 'no dest')
  })

test('limit: changed by the host, it counts at once', async t => {
  const lvs = await limited(t, IPV4)
  answered(lvs, expired(IPV4))

  lvs.setNetwork(facts => (facts.limits = { ...LIMITS, intervalMs: [0, 0] }))

  t.is(answered(lvs, expired(IPV4)), 10)
})

test('limit: a packet from the broadcast address of a subnet, nobody is told', async t => {
  const everybody = '198.51.100.255'
  const lvs = await director(t, service(IPV4))
  lvs.setNetwork(facts =>
    facts.routes.push({ ...route(everybody, 32, 1, ''), table: 255, type: 3 }),
  )

  t.is(lvs.run(expired(IPV4, everybody)).verdict, XDP.drop)
})

test("limit: an ICMP error with IPv4 options, it is the host's", async t => {
  const lvs = await director(t, service(IPV4))
  lvs.run(tcp(paths(IPV4).request, 'S'))
  const about = tcp(paths(IPV4).replyOut, 'A')
  const o = { options: Buffer.from('01010101', 'hex') }

  const out = lvs.run(icmpError(`${IPV4.router} > ${IPV4.vip}`, 3, 1, about, o))

  t.deepEqual([out.reason, out.verdict], ['other protocol', XDP.pass])
})
