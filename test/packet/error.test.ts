/** ICMP errors: when, about what, from whom, to whom. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import {
  checksum,
  DIRECTOR_MAC,
  icmpError,
  macOf,
  show,
  tcp,
  udp,
  type FrameOptions,
} from '../support/frames.ts'

const CLIENT = '198.51.100.7:40000'
const REQUEST = `${CLIENT} > 192.0.2.1:80`
const REPLY = `10.0.0.2:8080 > ${CLIENT}`
const SERVICE = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1
  udp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1`
const DIRECTOR = '198.51.100.1'
/** Bytes of a packet that an error quotes at most: 576 less two headers (RFC 1812 4.3.2.3). */
const QUOTE_MAX = 548

/** Compares whole frames as text; an error's IP id is random. */
function sameError(
  t: { is(a: string, b: string): unknown },
  actual: Uint8Array,
  expected: Uint8Array,
): void {
  const text = (frame: Uint8Array): string => show(frame).replace(/id \d+/, 'id any')
  t.is(text(actual), text(expected))
}

/** The director's error to a host on its network, about a packet it got from there. */
function errorFrom(
  path: string,
  type: number,
  code: number,
  about: Uint8Array,
  o: FrameOptions & { rest?: number } = {},
): Uint8Array {
  return icmpError(path, type, code, about, { df: false, smac: DIRECTOR_MAC, ...o })
}

for (const ttl of [0, 1])
  for (const [protocol, frame] of [
    ['tcp', tcp(REQUEST, 'S', { ttl })],
    ['udp', udp(REQUEST, { ttl })],
  ] as const)
    test(`error: a ${protocol} request with TTL ${ttl}, time exceeded from the VIP`, async t => {
      const lvs = await director(t, SERVICE)

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx])
      sameError(t, out.frame, errorFrom('192.0.2.1 > 198.51.100.7', 11, 0, frame))
      t.is(lvs.conns().length, 1)
    })

test('error: a request with TTL 2, it passes with TTL 1', async t => {
  const lvs = await director(t, SERVICE)

  const out = lvs.run(tcp(REQUEST, 'S', { ttl: 2 }))

  t.is(out.reason, 'nat request')
  t.regex(show(out.frame), / ttl 1 /)
})

test('error: a reply with TTL 1, time exceeded from the director to the dest', async t => {
  const lvs = await director(t, SERVICE)
  lvs.receive(tcp(REQUEST, 'S'))
  const reply = tcp(REPLY, 'SA', { ttl: 1 })

  for (const when of ['first', 'later']) {
    const out = lvs.run(reply)

    t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx], when)
    sameError(t, out.frame, errorFrom(`${DIRECTOR} > 10.0.0.2`, 11, 0, reply))
  }
})

test('error: a reply with TTL 1, IPVS never sees it', async t => {
  const lvs = await director(t, SERVICE)
  lvs.receive(tcp(REQUEST, 'S'))

  lvs.run(tcp(REPLY, 'R', { ttl: 1 }))

  t.is(lvs.conns()[0]?.state, 'SYN_RECV')
  t.is(lvs.dataplane.rawTraffic('tcp:192.0.2.1:80').outPackets, 0)
})

test('error: a request longer than the way, needs fragmentation with its MTU', async t => {
  const lvs = await director(t, SERVICE, { mtu: 1400 })
  const data = Buffer.alloc(1361, 'x')

  const out = lvs.run(tcp(REQUEST, 'S', { data }))

  const quoted = tcp(REQUEST, 'S', { data, ttl: 63 })
  t.deepEqual([out.reason, out.verdict], ['too big', XDP.tx])
  sameError(t, out.frame, errorFrom('192.0.2.1 > 198.51.100.7', 3, 4, quoted, { rest: 1400 }))
})

test('error: a reply longer than the way, needs fragmentation as it came', async t => {
  const lvs = await director(t, SERVICE, { mtu: 1400 })
  lvs.receive(tcp(REQUEST, 'S'))
  const reply = tcp(REPLY, 'PA', { data: Buffer.alloc(1361, 'x') })

  const out = lvs.run(reply)

  t.deepEqual([out.reason, out.verdict], ['too big', XDP.tx])
  sameError(t, out.frame, errorFrom(`${DIRECTOR} > 10.0.0.2`, 3, 4, reply, { rest: 1400 }))
})

test('error: a request as long as the way, it passes', async t => {
  const lvs = await director(t, SERVICE, { mtu: 1400 })

  const out = lvs.run(tcp(REQUEST, 'S', { data: Buffer.alloc(1360) }))

  t.is(out.reason, 'nat request')
})

test('error: long packets that may be cut, none is sent and they are dropped', async t => {
  const lvs = await director(t, SERVICE, { mtu: 1400 })
  const data = Buffer.alloc(1361)
  const long = [tcp(REQUEST, 'S', { data, df: false }), tcp(REPLY, 'A', { data, df: false })]

  const left = long.map(frame => lvs.run(frame))

  t.deepEqual(
    left.map(out => [out.reason, out.verdict]),
    [
      ['needs fragmenting', XDP.drop],
      ['needs fragmenting', XDP.drop],
    ],
  )
})

for (const [what, frame] of [
  ['a SYN', tcp(REQUEST, 'S')],
  ['a datagram', udp(REQUEST, { data: 'odd' })],
  ['an empty datagram', udp(REQUEST, { data: '' })],
  ['a long datagram', udp(REQUEST, { data: Buffer.alloc(1200, 'y') })],
  ['a datagram just not cut', udp(REQUEST, { data: Buffer.alloc(QUOTE_MAX - 28, 'y') })],
  ['a datagram cut by a byte', udp(REQUEST, { data: Buffer.alloc(QUOTE_MAX - 27, 'y') })],
  ['a SYN with padding', Buffer.concat([tcp(REQUEST, 'S'), Buffer.alloc(6, 0xee)])],
] as const)
  test(`error: all dests quiesced, ${what} is answered with port unreachable`, async t => {
    const lvs = await director(t, SERVICE.replaceAll('weight 1', 'weight 0'))

    const out = lvs.run(frame)

    const about = frame.subarray(0, 14 + Buffer.from(frame).readUInt16BE(16))
    t.deepEqual([out.reason, out.verdict], ['no dest', XDP.tx])
    sameError(t, out.frame, errorFrom('192.0.2.1 > 198.51.100.7', 3, 3, about))
    t.is(out.frame.length, 14 + 28 + Math.min(about.length - 14, QUOTE_MAX))
    t.is(lvs.conns().length, 0)
  })

test('error: a service without dests, port unreachable', async t => {
  const lvs = await director(t, 'tcp 192.0.2.1:80 rr')

  const out = lvs.run(tcp(REQUEST, 'S'))

  t.is(out.reason, 'no dest')
})

for (const [tos, expected] of [
  [0x00, 0xc0],
  [0x03, 0xc2],
  [0xbb, 0xda],
  [0xff, 0xde],
] as const)
  test(`error: a packet of TOS ${tos}, the error's is ${expected}`, async t => {
    const lvs = await director(t, 'tcp 192.0.2.1:80 rr')
    const frame = tcp(REQUEST, 'S', { tos })

    const out = lvs.receive(frame)

    sameError(t, out, errorFrom('192.0.2.1 > 198.51.100.7', 3, 3, frame, { tos: expected }))
  })

test('error: no route to the dest, host unreachable from the VIP as it came', async t => {
  const lvs = await director(t, SERVICE)
  lvs.setNetwork(facts => {
    facts.routes = facts.routes.filter(r => r.destination === '198.51.100.0')
  })
  const frame = tcp(REQUEST, 'S')

  const out = lvs.run(frame)

  t.deepEqual([out.reason, out.verdict], ['unreachable', XDP.tx])
  sameError(t, out.frame, errorFrom('192.0.2.1 > 198.51.100.7', 3, 1, frame))
  t.is(lvs.conns()[0]?.state, 'SYN_RECV')
})

test('error: a client behind the router, the error goes through the router', async t => {
  const lvs = await director(t, 'tcp 192.0.2.1:80 rr')
  const frame = tcp('203.0.113.9:40000 > 192.0.2.1:80', 'S')

  const out = lvs.receive(frame)

  const dmac = macOf('198.51.100.254')
  sameError(t, out, errorFrom('192.0.2.1 > 203.0.113.9', 3, 3, frame, { dmac }))
})

test('error: a client nobody has a route to, it is dropped', async t => {
  const lvs = await director(t, 'tcp 192.0.2.1:80 rr')
  lvs.setNetwork(facts => (facts.routes = []))

  const out = lvs.run(tcp('203.0.113.9:40000 > 192.0.2.1:80', 'S'))

  t.deepEqual([out.reason, out.verdict], ['no route', XDP.drop])
})

test('error: a client whose MAC is unknown, the companion sends the error', async t => {
  const lvs = await director(t, 'tcp 192.0.2.1:80 rr')
  const frame = tcp('198.51.100.77:40000 > 192.0.2.1:80', 'S')

  const out = lvs.run(frame)

  const sent = out.frame.subarray(16)
  const expected = errorFrom('192.0.2.1 > 198.51.100.77', 3, 3, frame)
  t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
  const packet = (f: Uint8Array) =>
    show(f)
      .replace(/id \d+/, '')
      .split('\n')
      .slice(1)
  t.deepEqual(packet(sent), packet(expected))
  t.is(checksum(sent.subarray(14, 34), 0), 0)
})

for (const from of ['0.0.0.0', '224.0.0.5', '239.255.255.255'])
  test(`error: a packet from ${from}, nobody can be told`, async t => {
    const lvs = await director(t, 'udp 192.0.2.1:80 rr')

    const out = lvs.run(udp(`${from}:40000 > 192.0.2.1:80`))

    t.deepEqual([out.reason, out.verdict], ['internal', XDP.drop])
  })

test('error: a reply with TTL 1 to a client whose MAC is unknown, time exceeded too', async t => {
  const lvs = await director(t, SERVICE)
  lvs.receive(tcp('198.51.100.77:40000 > 192.0.2.1:80', 'S'))
  const reply = tcp('10.0.0.2:8080 > 198.51.100.77:40000', 'SA', { ttl: 1 })

  const out = lvs.run(reply)

  t.deepEqual([out.reason, out.verdict], ['ttl expired', XDP.tx])
  sameError(t, out.frame, errorFrom(`${DIRECTOR} > 10.0.0.2`, 11, 0, reply))
})
