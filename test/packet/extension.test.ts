/**
 * IPv6 extension headers: those that IPVS skips are skipped and stay, all others end the search.
 * Source: RFC 8200 section 4; net/ipv6/exthdrs_core.c ipv6_find_hdr (v6.12); recorded frames.
 */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { IPV6, paths, service, services } from '../support/families.ts'
import {
  at,
  fragmentHeader,
  header,
  icmpError,
  macOf,
  padding,
  readdressed,
  routing,
  sameButId,
  sameFrame,
  tcp,
  udp,
  type Extension,
} from '../support/frames.ts'

const { request, requestOut, reply, replyOut } = paths(IPV6)
const [HOP, OPTIONS, AH] = [0, 60, 51]
/** Who does not know this option drops the packet. */
const UNKNOWN = header(HOP, '00005e0400000000')

/** Chains that are looked through, in the order RFC 8200 wants and in others. */
const SKIPPED: [what: string, extensions: Extension[]][] = [
  ['hop-by-hop options', [padding(HOP)]],
  ['long hop-by-hop options', [header(HOP, `00051e2c${'00'.repeat(44)}`)]],
  ['eight hop-by-hop options', [header(HOP, `0002${'1e00'.repeat(8)}010400000000`)]],
  ['a router alert', [header(HOP, '0000050200000100')]],
  ['destination options', [padding(OPTIONS)]],
  ['destination options of 256 bytes', [padding(OPTIONS, 31)]],
  ['a routing header', [routing(0)]],
  ['a routing header with segments left', [routing(1)]],
  ['an authentication header', [header(AH, `0004${'00'.repeat(22)}`)]],
  ['an unknown hop-by-hop option that is not the first header', [padding(OPTIONS), UNKNOWN]],
  ['an atomic fragment', [fragmentHeader()]],
  ['two destination options', [padding(OPTIONS), padding(OPTIONS, 1)]],
  [
    'all in order',
    [padding(HOP), padding(OPTIONS), routing(0), fragmentHeader(), padding(OPTIONS)],
  ],
]

for (const [what, extensions] of SKIPPED) {
  const o = { extensions }
  const out = { extensions, ttl: 63 }

  test(`extension: ${what} before TCP, both ways are translated and it stays`, async t => {
    const lvs = await director(t, service(IPV6))

    for (const flags of ['S', 'A', 'PA']) {
      sameFrame(t, lvs.receive(tcp(request, flags, o)), tcp(requestOut, flags, out))
      sameFrame(t, lvs.receive(tcp(reply, flags, o)), tcp(replyOut, flags, out))
    }
    t.is(lvs.conns().length, 1)
    t.is(lvs.conns()[0]?.state, 'ESTABLISHED')
  })

  test(`extension: ${what} before UDP without a checksum, it gets one`, async t => {
    const lvs = await director(t, service(IPV6, { protocol: 'udp' }))
    const bare = { ...o, noChecksum: true }

    sameFrame(t, lvs.receive(udp(request, bare)), udp(requestOut, out))
    sameFrame(t, lvs.receive(udp(reply, bare)), udp(replyOut, out))
  })

  test(`extension: ${what}, by direct routing it stays`, async t => {
    const lvs = await director(t, service(IPV6, { fwd: 'dr' }))
    const dmac = macOf(IPV6.dest(2))

    sameFrame(t, lvs.receive(tcp(request, 'S', o)), tcp(request, 'S', { ...out, dmac }))
    sameFrame(t, lvs.receive(tcp(request, 'A', o)), tcp(request, 'A', { ...out, dmac }))
  })

  test(`extension: ${what} and hop limit 1, the error quotes it`, async t => {
    const lvs = await director(t, service(IPV6))
    const frame = tcp(request, 'S', { ...o, ttl: 1 })

    const left = lvs.run(frame)

    t.deepEqual([left.reason, left.verdict], ['ttl expired', XDP.tx])
    sameButId(t, left.frame, icmpError(`${IPV6.vip} > ${IPV6.client}`, 3, 0, frame))
  })

  test(`extension: ${what} in a packet that an error quotes, it is looked through`, async t => {
    const lvs = await director(t, services(IPV6))
    lvs.run(udp(request))
    const [about, back] = [udp(replyOut, o), udp(requestOut, o)]
    const { router, vip, client } = IPV6

    const there = lvs.receive(icmpError(`${router} > ${vip}`, 1, 4, about))
    const here = lvs.receive(icmpError(`${router} > ${client}`, 1, 4, back))

    const [quoted, other] = [readdressed(about, reply), readdressed(back, request)]
    sameFrame(t, there, icmpError(`${router} > ${IPV6.dest(2)}`, 1, 4, quoted, { ttl: 63 }))
    sameFrame(t, here, icmpError(`${vip} > ${client}`, 1, 4, other, { ttl: 63 }))
  })
}

test('extension: a connection with and without them, it is one', async t => {
  const lvs = await director(t, service(IPV6))

  lvs.run(tcp(request, 'S', { extensions: [padding(HOP)] }))
  const out = lvs.run(tcp(request, 'A'))
  lvs.run(tcp(request, 'A', { extensions: [padding(OPTIONS, 2)] }))

  t.is(out.reason, 'nat request')
  t.is(lvs.conns().length, 1)
  t.is(lvs.traffic().inBytes, 60 + 8 + 60 + 60 + 24)
})

test('extension: a packet with them longer than the way, the limit is told', async t => {
  const lvs = await director(t, service(IPV6), { mtu: 1400 })
  const o = { extensions: [padding(OPTIONS)], data: Buffer.alloc(1400 - 40 - 8 - 20 + 1) }

  const out = lvs.run(tcp(request, 'S', o))

  t.is(out.reason, 'too big')
  const quoted = tcp(request, 'S', { ...o, ttl: 63 })
  sameButId(t, out.frame, icmpError(`${IPV6.vip} > ${IPV6.client}`, 2, 0, quoted, { rest: 1400 }))
})

/** Frames that are the host's, and why. */
const LEFT: [what: string, frame: Uint8Array, reason: string | RegExp][] = [
  ['a mobility header', tcp(request, 'S', { extensions: [padding(135)] }), 'other protocol'],
  ['a HIP header', tcp(request, 'S', { extensions: [padding(139)] }), 'other protocol'],
  ['a shim6 header', tcp(request, 'S', { extensions: [padding(140)] }), 'other protocol'],
  ['no next header', tcp(request, 'S', { protocol: 59 }), 'other protocol'],
  ['ESP', tcp(request, 'S', { protocol: 50 }), 'other protocol'],
  [
    'a mobility header behind others',
    tcp(request, 'S', { extensions: [padding(HOP), padding(135)] }),
    'other protocol',
  ],
  ...(
    [
      ['that must be known', '00005e0400000000'],
      ['that is complained of', '00009e0400000000'],
      ['CALIPSO', '0000070400000000'],
      ['a longer router alert', '0000050400000000'],
      ['padding of eight bytes', '00010106000000000000010400000000'],
      ['padding that is not blank', '0000010400000100'],
      ['padding in eight pieces', '0001000000000000000001e400000000'],
      ['nine options', `0002${'1e00'.repeat(9)}01020000`],
      ['an option that is longer', '00001e0800000000'],
      ['an option without its length', '000001030000001e'],
    ] as const
  ).map(([what, bytes]): [string, Uint8Array, string] => [
    `a hop-by-hop option: ${what}`,
    tcp(request, 'S', { extensions: [header(HOP, bytes)] }),
    'has options',
  ]),
  [
    'a first fragment',
    udp(request, { extensions: [fragmentHeader(0, true)], data: Buffer.alloc(64) }),
    'fragment',
  ],
  ['a later fragment', udp(request, { extensions: [fragmentHeader(8, true)] }), 'fragment'],
  ['the last fragment', udp(request, { extensions: [fragmentHeader(8)] }), 'fragment'],
  [
    'a fragment behind options',
    udp(request, { extensions: [padding(OPTIONS), fragmentHeader(0, true)] }),
    'fragment',
  ],
  [
    'twenty destination options',
    tcp(request, 'S', { extensions: Array.from({ length: 20 }, () => padding(OPTIONS)) }),
    /./,
  ],
  [
    'options longer than the packet',
    tcp(request, 'S', { extensions: [header(OPTIONS, '00ff010400000000')] }),
    /^(truncated|malformed|has options)$/,
  ],
  [
    'options that end with the packet',
    tcp(request, 'S', { extensions: [header(OPTIONS, '0003010400000000')] }).subarray(0, 14 + 68),
    /^(truncated|malformed|has options)$/,
  ],
  [
    'half an option header',
    withLength(tcp(request, 'S', { extensions: [padding(OPTIONS)] }).subarray(0, 14 + 44), 4),
    /^(truncated|malformed|has options)$/,
  ],
  [
    'half a fragment header',
    withLength(tcp(request, 'S', { extensions: [fragmentHeader()] }).subarray(0, 14 + 44), 4),
    /^(truncated|malformed|has options|fragment)$/,
  ],
  [
    'TCP cut short behind options',
    withLength(tcp(request, 'S', { extensions: [padding(OPTIONS)] }).subarray(0, 14 + 67), 27),
    'truncated',
  ],
  [
    'TCP that ends where padding begins',
    withLength(tcp(request, 'S', { extensions: [padding(OPTIONS)] }), 27),
    'truncated',
  ],
]

/** The frame with another payload length in its IPv6 header. */
function withLength(frame: Uint8Array, length: number): Uint8Array {
  const copy = Buffer.from(frame)
  copy.writeUInt16BE(length, 14 + 4)
  return copy
}

for (const [what, frame, reason] of LEFT)
  test(`extension: ${what}, the packet passes untouched`, async t => {
    const lvs = await director(t, services(IPV6))

    const out = lvs.run(frame)

    t.regex(out.reason, typeof reason === 'string' ? new RegExp(`^${reason}$`) : reason)
    t.is(out.verdict, XDP.pass)
    t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
    t.is(lvs.conns().length, 0)
  })

test('extension: a later fragment of a living connection, it passes all the same', async t => {
  const lvs = await director(t, services(IPV6))
  lvs.run(udp(request))

  const out = lvs.run(udp(request, { extensions: [fragmentHeader(8)] }))

  t.deepEqual([out.reason, out.verdict], ['fragment', XDP.pass])
})

test('extension: options whose bytes look like ports, the transport header counts', async t => {
  const lvs = await director(t, service(IPV6))
  const bytes = Buffer.from(padding(OPTIONS).bytes)
  bytes.writeUInt16BE(40000, 4)
  bytes.writeUInt16BE(80, 6)
  const o = { extensions: [{ type: OPTIONS, bytes }] }
  const other = `${at(IPV6.client, 40001)} > ${at(IPV6.vip, 81)}`

  const out = lvs.run(tcp(other, 'S', o))

  t.is(out.reason, 'no service')
})
