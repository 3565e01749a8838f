/** The director's own ICMP errors in both families: when, about what, from whom, to whom. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, services, type Family } from '../support/families.ts'
import {
  at,
  DIRECTOR_MAC,
  icmpError,
  macOf,
  sameButId,
  show,
  tcp,
  udp,
  type FrameOptions,
} from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

/** The director's error to a host on its network, about a packet it got from there. */
function errorFrom(
  path: string,
  [type, code]: readonly [number, number],
  about: Uint8Array,
  o: FrameOptions & { rest?: number } = {},
): Uint8Array {
  return icmpError(path, type, code, about, { df: false, smac: DIRECTOR_MAC, ...o })
}

/** The frame without what is behind its packet. */
function unpadded(frame: Uint8Array): Uint8Array {
  const packet = packetOf(frame)
  const isIpv4 = (packet[0] ?? 0) >> 4 === 4
  const length = isIpv4 ? packet.readUInt16BE(2) : 40 + packet.readUInt16BE(4)
  return frame.subarray(0, 14 + length)
}

/** Data with which a packet of TCP has this many bytes. */
function filling(f: Family, bytes: number): Uint8Array {
  return Buffer.alloc(bytes - f.header - 20, 'x')
}

for (const f of FAMILIES) {
  const { request, reply } = paths(f)
  const { expired, noPort, tooBig, unreachable } = f.errors
  const toClient = `${f.vip} > ${f.client}`
  const toDest = `${f.director} > ${f.dest(2)}`

  for (const ttl of [0, 1])
    for (const [protocol, frame] of [
      ['tcp', tcp(request, 'S', { ttl })],
      ['udp', udp(request, { ttl })],
    ] as const)
      test(`error: a ${f.name} ${protocol} request of TTL ${ttl}, time exceeded`, async t => {
        const lvs = await director(t, services(f))

        const out = lvs.run(frame)

        t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx])
        sameButId(t, out.frame, errorFrom(toClient, expired, frame))
        t.is(lvs.conns().length, 1)
      })

  test(`error: a ${f.name} request with TTL 2, it passes with TTL 1`, async t => {
    const lvs = await director(t, services(f))

    const out = lvs.run(tcp(request, 'S', { ttl: 2 }))

    t.is(out.reason, 'nat request')
    t.regex(show(out.frame), / ttl 1 /)
  })

  test(`error: a ${f.name} reply with TTL 1, time exceeded from the director`, async t => {
    const lvs = await director(t, services(f))
    lvs.receive(tcp(request, 'S'))
    const frame = tcp(reply, 'SA', { ttl: 1 })

    for (const when of ['first', 'later']) {
      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx], when)
      sameButId(t, out.frame, errorFrom(toDest, expired, frame))
    }
  })

  test(`error: a ${f.name} reply with TTL 1, IPVS never sees it`, async t => {
    const lvs = await director(t, services(f))
    lvs.receive(tcp(request, 'S'))

    lvs.run(tcp(reply, 'R', { ttl: 1 }))

    t.is(lvs.conns()[0]?.state, 'SYN_RECV')
    t.is(lvs.traffic().outPackets, 0)
  })

  for (const fwd of ['nat', 'dr'])
    test(`error: a ${f.name} request longer than the way by ${fwd}, its MTU is told`, async t => {
      const lvs = await director(t, services(f, { fwd }), { mtu: 1400 })
      const data = filling(f, 1401)

      const out = lvs.run(tcp(request, 'S', { data }))

      const quoted = tcp(request, 'S', { data, ttl: 63 })
      t.deepEqual([out.reason, out.verdict], ['too big', XDP.tx])
      sameButId(t, out.frame, errorFrom(toClient, tooBig, quoted, { rest: 1400 }))
    })

  test(`error: a ${f.name} reply longer than the way, its MTU is told as it came`, async t => {
    const lvs = await director(t, services(f), { mtu: 1400 })
    lvs.receive(tcp(request, 'S'))
    const frame = tcp(reply, 'PA', { data: filling(f, 1401) })

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['too big', XDP.tx])
    sameButId(t, out.frame, errorFrom(toDest, tooBig, frame, { rest: 1400 }))
  })

  test(`error: a ${f.name} request as long as the way, it passes`, async t => {
    const lvs = await director(t, services(f), { mtu: 1400 })

    const out = lvs.run(tcp(request, 'S', { data: filling(f, 1400) }))

    t.is(out.reason, 'nat request')
  })

  const most = f.quoteMax - f.header - 8
  for (const [what, frame] of [
    ['a SYN', tcp(request, 'S')],
    ['a datagram', udp(request, { data: 'odd' })],
    ['an empty datagram', udp(request, { data: '' })],
    ['a long datagram', udp(request, { data: Buffer.alloc(1400, 'y') })],
    ['a datagram just not cut', udp(request, { data: Buffer.alloc(most, 'y') })],
    ['a datagram cut by a byte', udp(request, { data: Buffer.alloc(most + 1, 'y') })],
    ['a SYN with padding', Buffer.concat([tcp(request, 'S'), Buffer.alloc(6, 0xee)])],
  ] as const)
    test(`error: all dests quiesced, ${what} by ${f.name} gets port unreachable`, async t => {
      const lvs = await director(t, services(f, { weight: 0 }))

      const out = lvs.run(frame)

      const about = unpadded(frame)
      t.deepEqual([out.reason, out.verdict], ['no dest', XDP.tx])
      sameButId(t, out.frame, errorFrom(toClient, noPort, about))
      t.is(out.frame.length, 14 + f.header + 8 + Math.min(about.length - 14, f.quoteMax))
      t.is(lvs.conns().length, 0)
    })

  test(`error: a service of ${f.name} without dests, port unreachable`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 80)} rr`)

    const out = lvs.run(tcp(request, 'S'))

    t.is(out.reason, 'no dest')
  })

  test(`error: no route to the dest of ${f.name}, unreachable from the VIP as it came`, async t => {
    const lvs = await director(t, services(f))
    lvs.setNetwork(facts => {
      facts.routes = facts.routes.filter(r => /^(198|2001:db8:3)/.test(r.destination))
    })
    const frame = tcp(request, 'S')

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['unreachable', XDP.tx])
    sameButId(t, out.frame, errorFrom(toClient, unreachable, frame))
    t.is(lvs.conns()[0]?.state, 'SYN_RECV')
  })

  test(`error: a client of ${f.name} behind the router, the error goes through it`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 80)} rr`)
    const frame = tcp(`${at(f.far, 40000)} > ${at(f.vip, 80)}`, 'S')

    const out = lvs.receive(frame)

    const dmac = macOf(f.router)
    sameButId(t, out, errorFrom(`${f.vip} > ${f.far}`, noPort, frame, { dmac }))
  })

  test(`error: a client of ${f.name} nobody has a route to, it is dropped`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 80)} rr`)
    lvs.setNetwork(facts => (facts.routes = []))

    const out = lvs.run(tcp(`${at(f.far, 40000)} > ${at(f.vip, 80)}`, 'S'))

    t.deepEqual([out.reason, out.verdict], ['no route', XDP.drop])
  })

  test(`error: a ${f.name} reply of TTL 1 to an unknown MAC, time exceeded too`, async t => {
    const lvs = await director(t, services(f))
    const client = at(f.stranger, 40000)
    lvs.receive(tcp(`${client} > ${at(f.vip, 80)}`, 'S'))
    const frame = tcp(`${at(f.dest(2), 8080)} > ${client}`, 'SA', { ttl: 1 })

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx])
    sameButId(t, out.frame, errorFrom(toDest, expired, frame))
  })
}

test('error: long packets of IPv4 that may be cut, none is sent and they are dropped', async t => {
  const { request, reply } = paths(IPV4)
  const lvs = await director(t, services(IPV4), { mtu: 1400 })
  const data = Buffer.alloc(1361)
  const long = [tcp(request, 'S', { data, df: false }), tcp(reply, 'A', { data, df: false })]

  const left = long.map(frame => lvs.run(frame))

  t.deepEqual(
    left.map(out => [out.reason, out.verdict]),
    [
      ['needs fragmenting', XDP.drop],
      ['needs fragmenting', XDP.drop],
    ],
  )
})

for (const [f, tos, expected] of [
  [IPV4, 0x00, 0xc0],
  [IPV4, 0x03, 0xc2],
  [IPV4, 0xbb, 0xda],
  [IPV4, 0xff, 0xde],
  [IPV6, 0x00, 0x00],
  [IPV6, 0xbb, 0x00],
] as const)
  test(`error: a packet of ${f.name} and TOS ${tos}, the error's is ${expected}`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 80)} rr`)
    const frame = tcp(paths(f).request, 'S', { tos })

    const out = lvs.receive(frame)

    const error = errorFrom(`${f.vip} > ${f.client}`, f.errors.noPort, frame, { tos: expected })
    sameButId(t, out, error)
  })

// Of the sources that nobody can be told at, this is the one that the host lets in.
test('error: a packet from ::, it is dropped for its reason, nobody is told', async t => {
  const lvs = await director(t, `udp ${at(IPV6.vip, 80)} rr`)

  const out = lvs.run(udp(`${at('::', 40000)} > ${at(IPV6.vip, 80)}`))

  t.deepEqual([out.reason, out.verdict], ['no dest', XDP.drop])
})

test('error: a virtual address that ends in zeros, it speaks for itself', async t => {
  const vip = '2001:db8::1:0:0'
  const lvs = await director(t, `tcp [${vip}]:80 rr`)
  const frame = tcp(`[${IPV6.client}]:40000 > [${vip}]:80`, 'S')

  const out = lvs.run(frame)

  t.is(out.reason, 'no dest')
  sameButId(t, out.frame, errorFrom(`${vip} > ${IPV6.client}`, IPV6.errors.noPort, frame))
})
