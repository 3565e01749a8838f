/**
 * What the host refuses before IPVS sees it, by the source: martians, addresses of its own, and
 * what rp_filter says. It is passed to the host, which refuses it. Source of what is expected: the
 * recorded kernel (Linux 6.1), fib_validate_source.
 */
import test from 'ava'
import type { Facts } from '../../control/plan/network.ts'
import {
  director,
  OTHER_INTERFACE,
  XDP,
  type PacketDirector,
  type Received,
} from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, services } from '../support/families.ts'
import { at, icmpError, tcp, udp } from '../support/frames.ts'
import { route } from '../support/topology.ts'
import { addVlans, VLAN5 } from '../support/vlans.ts'

const RTN_LOCAL = 2
const RTN_BROADCAST = 3
const RT_TABLE_LOCAL = 255

const REFUSED = {
  IPv4: [
    '0.0.0.0',
    '127.0.0.1',
    '127.255.255.255',
    '224.0.0.1',
    '239.1.2.3',
    '255.255.255.255',
    IPV4.vip,
    IPV4.director,
  ],
  IPv6: ['::1', 'ff01::5', 'ff02::1', 'ff0e::1'],
}
const TAKEN = {
  IPv4: ['0.1.2.3', '126.0.0.1', '128.0.0.1', '240.0.0.1', '255.255.255.254', '169.254.1.1'],
  IPv6: ['::', 'fe80::10', '::2', IPV6.vip, IPV6.director, 'fec0::1'],
}

function passedAs(t: { deepEqual(a: unknown, b: unknown, m: string): void }, what: string) {
  return (out: Received, reason: string) => {
    t.deepEqual([out.reason, out.verdict], [reason, XDP.pass], what)
  }
}

function set(lvs: PacketDirector, what: { rpFilter?: number; acceptLocal?: boolean }): void {
  lvs.setNetwork(facts => {
    for (const link of facts.links) if (link.ifindex !== OTHER_INTERFACE) Object.assign(link, what)
  })
}

for (const f of FAMILIES) {
  const frames = (source: string) => [
    tcp(`${at(source, 5000)} > ${at(f.vip, 80)}`, 'S'),
    udp(`${at(source, 5000)} > ${at(f.vip, 80)}`),
  ]
  /** An error about a reply of the VIP's, by somebody. */
  const error = (source: string) =>
    icmpError(
      `${source} > ${f.vip}`,
      f.errors.noPort[0],
      f.errors.noPort[1],
      udp(paths(f).replyOut),
    )

  test(`source: ${f.name} that no client has, the host gets it`, async t => {
    const lvs = await director(t, services(f))
    lvs.run(udp(paths(f).request))

    for (const source of REFUSED[f.name]) {
      for (const frame of frames(source)) passedAs(t, source)(lvs.run(frame), 'martian')
      passedAs(t, source)(lvs.run(error(source)), 'martian')
    }
    t.is(lvs.conns().length, 1)
    t.is(lvs.traffic(1).inPackets, 1)
  })

  test(`source: ${f.name} that is odd but taken, it is balanced`, async t => {
    const lvs = await director(t, services(f))
    lvs.run(udp(paths(f).request))

    for (const source of TAKEN[f.name]) {
      for (const frame of frames(source)) t.is(lvs.run(frame).reason, 'nat request', source)
      t.is(lvs.run(error(source)).reason, 'icmp request', source)
    }
  })
}

test('source: an address of this host with accept_local, balanced; loopback not', async t => {
  const lvs = await director(t, services(IPV4))
  set(lvs, { acceptLocal: true })

  t.is(lvs.run(udp(`${IPV4.vip}:5000 > ${IPV4.vip}:80`)).reason, 'nat request')
  t.is(lvs.run(udp(`127.0.0.1:5000 > ${IPV4.vip}:80`)).reason, 'martian')
})

test('source: an address that leaves this host, it is a client again', async t => {
  const lvs = await director(t, services(IPV4))
  const frame = udp(`${IPV4.director}:5000 > ${IPV4.vip}:80`)

  t.is(lvs.run(frame).reason, 'martian')
  lvs.setNetwork(facts => {
    facts.addresses = facts.addresses.filter(a => a.address !== IPV4.director)
  })

  t.is(lvs.run(frame).reason, 'nat request')
})

test('source: an address of this host, no way leads to it', async t => {
  const lvs = await director(t, services(IPV4))

  const routes = lvs.dataplane.ways.routes()

  t.true(routes.some(r => r.prefixlen === 128 && r.kind === 1))
})

test('source: a network that is this host by a local route, none of it is a client', async t => {
  const lvs = await director(t, services(IPV4))
  const local = { ...route('203.0.113.0', 24, 1, ''), table: RT_TABLE_LOCAL, type: RTN_LOCAL }
  const from = (source: string) => lvs.run(udp(`${source}:5 > ${IPV4.vip}:80`)).reason
  const [inside, outside] = ['203.0.113.9', '203.0.114.9']

  const before = [from(inside), from(outside)]
  lvs.setNetwork(facts => facts.routes.push(local))
  lvs.advance(1000)
  const after = [from(inside), from(outside)]

  t.deepEqual(before, ['nat request', 'nat request'])
  t.deepEqual(after, ['martian', 'nat request'])
})

/** Behind the other interface there is 10.0.0.9; there is a broadcast address. */
function filtered(facts: Facts): void {
  facts.routes.push(route('10.0.0.9', 32, OTHER_INTERFACE, ''))
  const broadcast = { ...route('198.51.100.255', 32, 1, ''), table: RT_TABLE_LOCAL }
  facts.routes.push({ ...broadcast, type: RTN_BROADCAST })
}

const [NEAR, FAR, ELSEWHERE, BROADCAST] = [IPV4.client, '203.0.113.9', '10.0.0.9', '198.51.100.255']
const [NONE, STRICT, LOOSE] = [0, 1, 2]
const FILTERS: [mode: number, source: string, isTaken: boolean][] = [
  [NONE, NEAR, true],
  [NONE, ELSEWHERE, true],
  [NONE, BROADCAST, true],
  [STRICT, NEAR, true],
  [STRICT, FAR, true],
  [STRICT, ELSEWHERE, false],
  [STRICT, BROADCAST, false],
  [STRICT, IPV4.vip, false],
  [STRICT, '127.0.0.1', false],
  [LOOSE, NEAR, true],
  [LOOSE, FAR, true],
  [LOOSE, ELSEWHERE, true],
  [LOOSE, BROADCAST, false],
]

for (const [mode, source, isTaken] of FILTERS)
  test(`source: ${source} with rp_filter ${mode}, ${isTaken ? 'taken' : 'refused'}`, async t => {
    const lvs = await director(t, services(IPV4))
    lvs.setNetwork(filtered)
    set(lvs, { rpFilter: mode })

    const out = lvs.run(udp(`${source}:5000 > ${IPV4.vip}:80`))

    t.is(out.reason, isTaken ? 'nat request' : 'martian')
  })

for (const mode of [STRICT, LOOSE])
  test(`source: rp_filter ${mode} and no default route, strangers are refused`, async t => {
    const lvs = await director(t, services(IPV4))
    set(lvs, { rpFilter: mode })
    lvs.setNetwork(facts => (facts.routes = facts.routes.filter(r => r.prefix > 0)))

    t.is(lvs.run(udp(`${FAR}:5000 > ${IPV4.vip}:80`)).reason, 'martian')
    t.is(lvs.run(udp(`${NEAR}:5000 > ${IPV4.vip}:80`)).reason, 'nat request')
  })

test('source: strict rp_filter and a living connection, both ways are checked', async t => {
  const lvs = await director(t, services(IPV4))
  const { request, reply } = paths(IPV4)
  for (const frame of [tcp(request, 'S'), tcp(reply, 'SA'), tcp(request, 'A')]) lvs.run(frame)
  const frames = [tcp(request, 'A'), tcp(reply, 'A')]
  const away = (address: string) => (facts: Facts) => {
    facts.routes.push(route(address, 32, OTHER_INTERFACE, ''))
  }

  set(lvs, { rpFilter: STRICT })
  const right = frames.map(frame => lvs.run(frame).reason)
  lvs.setNetwork(away(IPV4.client))
  lvs.setNetwork(away(IPV4.dest(2)))
  const wrong = frames.map(frame => lvs.run(frame).reason)
  set(lvs, { rpFilter: LOOSE })
  const loose = frames.map(frame => lvs.run(frame).reason)

  t.deepEqual(right, ['nat request', 'nat reply'])
  t.deepEqual(wrong, ['martian', 'martian'])
  // The dest's neighbour is not known where the route now leads.
  t.deepEqual(loose, ['resolving', 'nat reply'])
})

test('source: strict rp_filter of a VLAN, a frame it refuses keeps its tag', async t => {
  const lvs = await director(t, services(IPV4))
  const frame = tcp(paths(IPV4).request, 'S', { tags: [{ vid: 5, priority: 3 }] })
  const run = (strict: boolean) => {
    addVlans(lvs, { ...VLAN5, strict })
    return lvs.run(frame, { dmac: VLAN5.mac })
  }

  const [strict, loose] = [run(true), run(false)]

  t.deepEqual([strict.reason, strict.verdict], ['martian', XDP.pass])
  t.is(Buffer.from(strict.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
  t.is(loose.reason, 'nat request')
})

test('source: strict rp_filter, what is no IPv4 packet is as it was', async t => {
  const lvs = await director(t, services(IPV6))
  set(lvs, { rpFilter: STRICT })

  t.is(lvs.run(tcp(paths(IPV6).request, 'S')).reason, 'nat request')
  t.is(lvs.run(tcp(paths(IPV4).request, 'S').subarray(0, 30)).reason, 'malformed')
  t.is(lvs.run(tcp(paths(IPV4).request, 'S'), { dmac: '02:00:00:00:00:99' }).reason, 'foreign mac')
})

test('source: the MAC address of a frame, each byte of it counts', async t => {
  const lvs = await director(t, services(IPV4))

  for (let i = 0; i < 6; i++) {
    const mac = ['02', '00', '00', '00', '00', '01'].map((byte, n) => (n === i ? '0f' : byte))

    t.is(lvs.run(tcp(paths(IPV4).request, 'S'), { dmac: mac.join(':') }).reason, 'foreign mac')
  }
})
