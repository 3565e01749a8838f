/**
 * Tunnels (IP in IP), either family inside either: the outer header, the limits, what stays as it
 * is. Source of what is expected: ip_vs_xmit.c ip_vs_tunnel_xmit (v6.12), recorded frames.
 */
import test from 'ava'
import { store32 } from '../../addon/index.ts'
import { SETTINGS } from '../../control/abi/maps.gen.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, service, services, type Family } from '../support/families.ts'
import {
  at,
  icmpError,
  ipip,
  macOf,
  padding,
  sameButId,
  sameFrame,
  tcp,
  udp,
  type FrameOptions,
} from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

const MTU = 1400
/** Least an outer packet may carry, and bytes that its header takes (RFC 791, 8200). */
const LIMIT_MIN = { IPv4: 68, IPv6: 1280 }
/** A family inside, a family outside. */
const MIXES: [inner: Family, outer: Family][] = FAMILIES.flatMap(inner =>
  FAMILIES.map((outer): [Family, Family] => [inner, outer]),
)

type T = Parameters<typeof director>[0]

function tunnelled(t: T, inner: Family, outer: Family, options = {}): Promise<PacketDirector> {
  return director(t, services(inner, { fwd: 'tun', dest: outer.dest(2) }), options)
}

function setPmtuDisc(lvs: PacketDirector, value: number): void {
  store32(lvs.kernel.maps.settings.mmap(), SETTINGS.pmtu_disc / 4, value)
}

/** The frame that carries `inner` to the dest. */
function outside(outer: Family, inner: Uint8Array, o: FrameOptions = {}): Uint8Array {
  return ipip(`${outer.director} > ${outer.dest(2)}`, inner, { ttl: 63, ...o })
}

/** Data with which a packet of TCP has this many bytes. */
function filling(f: Family, bytes: number): Uint8Array {
  return Buffer.alloc(bytes - f.header - 20, 'x')
}

for (const [inner, outer] of MIXES) {
  const name = `${inner.name} in ${outer.name}`
  const { request } = paths(inner)
  /** IPv4 alone says whether it may be cut, and the outer header says the same, with id 0. */
  const cut = inner === IPV4 ? { df: true, id: 0 } : { df: false }
  const limit = MTU - outer.header

  test(`tunnel: ${name}, a SYN reaches the dest inside one more header`, async t => {
    const lvs = await tunnelled(t, inner, outer)

    const out = lvs.run(tcp(request, 'S'))

    t.deepEqual([out.reason, out.verdict], ['tunnel', XDP.tx])
    sameButId(t, out.frame, outside(outer, tcp(request, 'S', { ttl: 63 }), cut))
  })

  test(`tunnel: ${name}, every packet of a connection and of UDP goes the same way`, async t => {
    const lvs = await tunnelled(t, inner, outer)

    for (const flags of ['S', 'A', 'PA', 'FA', 'A']) {
      const out = lvs.receive(tcp(request, flags, { data: 'some' }))
      const wanted = tcp(request, flags, { data: 'some', ttl: 63 })
      sameButId(t, out, outside(outer, wanted, cut))
    }
    for (const noChecksum of [false, true]) {
      const out = lvs.receive(udp(request, { noChecksum }))
      sameButId(t, out, outside(outer, udp(request, { noChecksum, ttl: 63 }), cut))
    }
    t.is(lvs.conns().length, 2)
  })

  for (const ttl of [2, 3, 128, 255])
    test(`tunnel: ${name} and TTL ${ttl}, both have what is left`, async t => {
      const lvs = await tunnelled(t, inner, outer)

      const out = lvs.receive(tcp(request, 'S', { ttl }))

      const left = { ttl: ttl - 1 }
      sameButId(t, out, outside(outer, tcp(request, 'S', left), { ...cut, ...left }))
    })

  for (const ttl of [0, 1])
    test(`tunnel: ${name} and TTL ${ttl}, time exceeded as it came`, async t => {
      const lvs = await tunnelled(t, inner, outer)
      const frame = tcp(request, 'S', { ttl })

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx])
      const path = `${inner.vip} > ${inner.client}`
      sameButId(t, out.frame, icmpError(path, ...inner.errors.expired, frame, { df: false }))
    })

  test(`tunnel: ${name}, DSCP and ECN are copied but for CE, which becomes ECT(0)`, async t => {
    const lvs = await tunnelled(t, inner, outer)

    for (const [tos, seen] of [
      [0x00, 0x00],
      [0x01, 0x01],
      [0x02, 0x02],
      [0x03, 0x02],
      [0xb8, 0xb8],
      [0xbb, 0xba],
      [0xfd, 0xfd],
      [0xff, 0xfe],
    ] as const) {
      const out = lvs.receive(tcp(request, 'S', { tos }))

      const wanted = tcp(request, 'S', { tos, ttl: 63 })
      sameButId(t, out, outside(outer, wanted, { ...cut, tos: seen }))
    }
  })

  test(`tunnel: ${name}, a wrong checksum inside stays what it was`, async t => {
    const lvs = await tunnelled(t, inner, outer)
    const wrong = { checksumError: 7, ttl: 63 }

    const out = lvs.receive(udp(request, { checksumError: 7 }))

    sameButId(t, out, outside(outer, udp(request, wrong), cut))
  })

  test(`tunnel: ${name}, padding behind the packet does not go with it`, async t => {
    const lvs = await tunnelled(t, inner, outer)

    const out = lvs.receive(Buffer.concat([tcp(request, 'S'), Buffer.alloc(6, 0xee)]))

    const wanted = outside(outer, tcp(request, 'S', { ttl: 63 }), cut)
    sameButId(t, out.subarray(0, wanted.length), wanted)
  })

  test(`tunnel: ${name}, packets are counted with the length they came with`, async t => {
    const lvs = await tunnelled(t, inner, outer)

    for (const flags of ['S', 'A', 'A']) lvs.run(tcp(request, flags))

    const bytes = 3 * (inner.header + 20)
    const { conns, inPackets, inBytes } = lvs.traffic()
    t.deepEqual({ conns, inPackets, inBytes }, { conns: 1, inPackets: 3, inBytes: bytes })
    t.deepEqual(lvs.counts(outer.dest(2)), { active: 1, inactive: 0 })
    t.is(lvs.conns()[0]?.fwd, 'tun')
  })

  test(`tunnel: ${name} as long as the way allows, it goes`, async t => {
    const lvs = await tunnelled(t, inner, outer, { mtu: MTU })
    const data = filling(inner, limit)

    const out = lvs.run(tcp(request, 'S', { data }))

    t.is(out.reason, 'tunnel')
    t.is(packetOf(out.frame).length, MTU)
    sameButId(t, out.frame, outside(outer, tcp(request, 'S', { data, ttl: 63 }), cut))
  })

  test(`tunnel: ${name} longer than the way allows, the limit is told`, async t => {
    const lvs = await tunnelled(t, inner, outer, { mtu: MTU })
    const data = filling(inner, limit + 1)

    const out = lvs.run(tcp(request, 'S', { data }))

    t.deepEqual([out.reason, out.verdict], ['too big', XDP.tx])
    const quoted = tcp(request, 'S', { data, ttl: 63 })
    const told = { rest: limit, df: false }
    const path = `${inner.vip} > ${inner.client}`
    sameButId(t, out.frame, icmpError(path, ...inner.errors.tooBig, quoted, told))
  })

  test(`tunnel: ${name} on a way too narrow for any tunnel, dropped without an answer`, async t => {
    const mtu = LIMIT_MIN[outer.name] + outer.header
    for (const [bytes, passes] of [
      [mtu, true],
      [mtu - 1, false],
    ] as const) {
      const lvs = await tunnelled(t, inner, outer, { mtu: bytes })

      const out = lvs.run(udp(request, { data: '' }))

      t.is(out.verdict, passes ? XDP.tx : XDP.drop, `MTU ${bytes}`)
      t.is(out.reason === 'tunnel', passes, `MTU ${bytes}`)
    }
  })

  test(`tunnel: ${name}, its first packet cannot be sent and is counted all the same`, async t => {
    const lvs = await tunnelled(t, inner, outer, { mtu: MTU })

    lvs.run(tcp(request, 'S', { data: filling(inner, limit + 1) }))

    t.is(lvs.traffic().inPackets, 1)
    t.is(lvs.conns()[0]?.state, 'SYN_RECV')
  })

  test(`tunnel: ${name} without a route to the dest, unreachable from the VIP`, async t => {
    const lvs = await tunnelled(t, inner, outer)
    lvs.setNetwork(facts => {
      facts.routes = facts.routes.filter(r => /^(198|2001:db8:3)/.test(r.destination))
    })
    const frame = tcp(request, 'S')

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['unreachable', XDP.tx])
    const path = `${inner.vip} > ${inner.client}`
    sameButId(t, out.frame, icmpError(path, ...inner.errors.unreachable, frame, { df: false }))
  })

  test(`tunnel: ${name} to a dest by the other interface, redirected from its address`, async t => {
    const lvs = await tunnelled(t, inner, outer, { behindOther: [outer.dest(2)] })
    const own = outer === IPV4 ? '10.0.1.1' : '2001:db8:2:1::1'
    lvs.setNetwork(facts => {
      for (const link of facts.links) link.mtu = 1500
      facts.addresses.push({ ifindex: 2, address: own, prefix: outer === IPV4 ? 24 : 64 })
    })

    const out = lvs.run(tcp(request, 'S'))

    t.is(out.verdict, XDP.redirect)
    const macs = { smac: '02:00:00:00:00:02', dmac: macOf(outer.dest(2)) }
    const wanted = tcp(request, 'S', { ttl: 63 })
    const path = `${own} > ${outer.dest(2)}`
    sameButId(t, out.frame, ipip(path, wanted, { ttl: 63, ...cut, ...macs }))
  })

  test(`tunnel: ${name}, the dest's next hop is a router`, async t => {
    const far = outer === IPV4 ? '203.0.113.66' : '2001:db8:ffff::66'
    const lvs = await director(t, service(inner, { fwd: 'tun', dest: far }))

    const out = lvs.receive(tcp(request, 'S'))

    const wanted = tcp(request, 'S', { ttl: 63 })
    const path = `${outer.director} > ${far}`
    sameButId(t, out, ipip(path, wanted, { ttl: 63, ...cut, dmac: macOf(outer.router) }))
  })
}

for (const outer of FAMILIES) {
  const { request } = paths(IPV4)
  const limit = MTU - outer.header

  for (const [pmtuDisc, df, outerDf] of [
    [1, true, true],
    [1, false, false],
    [0, true, false],
    [0, false, false],
  ] as const)
    test(`tunnel: IPv4 in ${outer.name}, DF ${df ? 'set' : 'clear'}, pmtu_disc ${pmtuDisc}: ${
      outerDf ? 'set' : 'clear'
    } outside`, async t => {
      const lvs = await tunnelled(t, IPV4, outer)
      setPmtuDisc(lvs, pmtuDisc)

      const out = lvs.receive(tcp(request, 'S', { df }))

      const wanted = tcp(request, 'S', { df, ttl: 63 })
      sameButId(t, out, outside(outer, wanted, { df: outerDf, id: 0 }))
      if (outer === IPV4 && outerDf) t.is(Buffer.from(out).readUInt16BE(18), 0)
    })

  test(`tunnel: IPv4 in ${outer.name} that may be cut and is too long, it is not sent`, async t => {
    const lvs = await tunnelled(t, IPV4, outer, { mtu: MTU })
    const data = filling(IPV4, limit + 1)

    const out = lvs.run(tcp(request, 'S', { data, df: false }))

    t.deepEqual([out.reason, out.verdict], ['needs fragmenting', XDP.drop])
  })

  test(`tunnel: IPv4 in ${outer.name}, too long and pmtu_disc 0, nobody is told`, async t => {
    const lvs = await tunnelled(t, IPV4, outer, { mtu: MTU })
    setPmtuDisc(lvs, 0)
    const data = filling(IPV4, limit + 1)

    const out = lvs.run(tcp(request, 'S', { data }))

    t.deepEqual([out.reason, out.verdict], ['needs fragmenting', XDP.drop])
  })

  test(`tunnel: IPv6 in ${outer.name}, too long and pmtu_disc 0, the limit is told`, async t => {
    const lvs = await tunnelled(t, IPV6, outer, { mtu: MTU })
    setPmtuDisc(lvs, 0)

    const out = lvs.run(tcp(paths(IPV6).request, 'S', { data: filling(IPV6, limit + 1) }))

    t.is(out.reason, 'too big')
    t.is(packetOf(out.frame).readUInt32BE(44), limit)
  })

  test(`tunnel: IPv6 with extension headers in ${outer.name}, they are inside`, async t => {
    const lvs = await tunnelled(t, IPV6, outer)
    const o = { extensions: [padding(0), padding(60, 1)] }

    const out = lvs.receive(tcp(paths(IPV6).request, 'S', o))

    const wanted = tcp(paths(IPV6).request, 'S', { ...o, ttl: 63 })
    sameButId(t, out, outside(outer, wanted, { df: false }))
  })
}

test('tunnel: packets that may be cut, their outer ids are not all one', async t => {
  const lvs = await tunnelled(t, IPV4, IPV4)
  const frame = tcp(paths(IPV4).request, 'S', { df: false })

  const ids = Array.from({ length: 32 }, () => Buffer.from(lvs.receive(frame)).readUInt16BE(18))

  t.true(new Set(ids).size > 16)
})

test('tunnel: dests of both families behind one service, each has its own header', async t => {
  const lvs = await director(
    t,
    `tcp ${at(IPV4.vip, 80)} rr
       -> ${at(IPV4.dest(2), 80)} tun weight 1
       -> ${at(IPV6.dest(2), 80)} tun weight 1`,
  )

  for (const [port, outer] of [
    [5001, IPV6],
    [5002, IPV4],
  ] as const) {
    const path = `${at(IPV4.client, port)} > ${at(IPV4.vip, 80)}`
    const out = lvs.receive(tcp(path, 'S'))

    sameFrame(t, out, outside(outer, tcp(path, 'S', { ttl: 63 }), { df: true, id: 0 }))
  }
})

test('tunnel: an answer that passes the director, it passes on', async t => {
  for (const f of FAMILIES) {
    const lvs = await tunnelled(t, f, f)
    lvs.run(tcp(paths(f).request, 'S'))

    const out = lvs.run(tcp(paths(f).replyOut, 'A'))

    const reason = f === IPV6 ? 'direct reply' : 'no connection'
    t.deepEqual([out.reason, out.verdict], [reason, XDP.pass])
  }
})
