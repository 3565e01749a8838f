/**
 * ICMP errors about packets in a tunnel: the client is told of its own packet, and what the error
 * says of the way's MTU is remembered. Source of what is expected: recorded frames.
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { IPV4, IPV6, paths, services } from '../support/families.ts'
import { icmpError, ipip, sameButId, tcp, udp } from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

const { request, replyOut } = paths(IPV4)
const { client, vip, router, director: own } = IPV4
const TUNNEL = `${own} > ${IPV4.dest(2)}`
const TO_US = `${router} > ${own}`

async function tunnelled(t: Parameters<typeof director>[0]): Promise<PacketDirector> {
  const lvs = await director(t, services(IPV4, { fwd: 'tun' }))
  for (const frame of [tcp(request, 'S'), udp(request)]) lvs.run(frame)
  return lvs
}

/** An error about a packet of the tunnel, which carried this one. */
function about(inner: Uint8Array, type = 3, code = 1, o = {}): Uint8Array {
  return icmpError(TO_US, type, code, ipip(TUNNEL, inner), o)
}

/** The client's packets of so many bytes. */
function sized(bytes: number): Uint8Array {
  return tcp(request, 'A', { data: Buffer.alloc(bytes - 40) })
}

for (const [type, code] of [
  [3, 0],
  [3, 1],
  [3, 13],
  [4, 0],
  [11, 0],
] as const)
  for (const inner of [tcp(request, 'A'), udp(request, { df: false })])
    test(`related tunnel: ${type}/${code} about ${inner.length} bytes, it is told`, async t => {
      const lvs = await tunnelled(t)

      const out = lvs.run(about(inner, type, code, { rest: 77 }))

      t.deepEqual([out.reason, out.verdict], ['icmp reply', XDP.tx])
      sameButId(
        t,
        out.frame,
        icmpError(`${vip} > ${client}`, type, code, inner, { rest: 77, df: false }),
      )
    })

test('related tunnel: an error, it counts as what was quoted and as what is sent', async t => {
  const lvs = await tunnelled(t)
  const inner = tcp(request, 'A')

  lvs.run(about(inner))

  const length = packetOf(inner).length
  const { outPackets, outBytes } = lvs.traffic()
  t.deepEqual([outPackets, outBytes], [2, length + (length + 28)])
})

test('related tunnel: too big, the first error tells the old limit, later the new', async t => {
  const lvs = await tunnelled(t)
  const error = about(sized(1440), 3, 4, { rest: 1400, bytes: 200 })
  const told = (rest: number) =>
    icmpError(`${vip} > ${client}`, 3, 4, sized(1440), { rest, bytes: 180, df: false })

  sameButId(t, lvs.receive(error), told(1480))
  t.is(lvs.run(sized(1381)).reason, 'too big')
  t.is(lvs.run(sized(1380)).reason, 'tunnel')
  sameButId(t, lvs.receive(error), told(1380))
})

test('related tunnel: too big from 1400 to 1350 and back, the smallest counts', async t => {
  const lvs = await tunnelled(t)

  for (const rest of [1400, 1350, 1450]) lvs.run(about(sized(1440), 3, 4, { rest, bytes: 200 }))

  t.is(lvs.run(sized(1331)).reason, 'too big')
  t.is(lvs.run(sized(1330)).reason, 'tunnel')
})

test('related tunnel: too big for 68 bytes, packets of 552 go on', async t => {
  const lvs = await tunnelled(t)

  lvs.run(about(sized(1440), 3, 4, { rest: 68, bytes: 200 }))

  t.is(lvs.run(sized(533)).reason, 'too big')
  t.is(lvs.run(sized(532)).reason, 'tunnel')
})

test('related tunnel: too big without DF, learned and nobody is told', async t => {
  const lvs = await tunnelled(t)

  const out = lvs.run(about(udp(request, { df: false }), 3, 4, { rest: 1400 }))

  t.deepEqual([out.reason, out.verdict], ['icmp reply', XDP.drop])
  t.is(lvs.run(udp(request, { data: Buffer.alloc(1353) })).reason, 'too big')
})

test('related tunnel: ten minutes after an error, the whole MTU is tried again', async t => {
  const lvs = await tunnelled(t)
  lvs.run(about(sized(1440), 3, 4, { rest: 1400, bytes: 200 }))

  lvs.advance(590)
  lvs.run(tcp(request, 'S'))
  t.is(lvs.run(sized(1480)).reason, 'too big')
  lvs.advance(11)

  t.is(lvs.run(sized(1480)).reason, 'tunnel')
})

test('related tunnel: services published anew, what was learned stays', async t => {
  const lvs = await tunnelled(t)
  lvs.run(about(sized(1440), 3, 4, { rest: 1400, bytes: 200 }))

  lvs.publish()

  t.is(lvs.run(sized(1480)).reason, 'too big')
})

/** Errors that are the host's, or nobody's. */
const LEFT: [what: string, frame: Uint8Array, reason: string][] = [
  [
    'to somebody else',
    icmpError(`${router} > ${client}`, 3, 1, ipip(TUNNEL, tcp(request, 'A'))),
    'no connection',
  ],
  [
    'of another dest',
    icmpError(TO_US, 3, 1, ipip(`${own} > 10.0.0.9`, tcp(request, 'A'))),
    'no connection',
  ],
  ['of no connection', about(tcp(`${client}:1 > ${vip}:80`, 'A')), 'no connection'],
  ['backwards', about(tcp(replyOut, 'A')), 'no connection'],
  ['around IPv6', about(tcp(paths(IPV6).request, 'A')), 'other protocol'],
  ['cut short', about(tcp(request, 'A'), 3, 1, { bytes: 43 }), 'no connection'],
  ['of another type', about(tcp(request, 'A'), 12, 0), 'other protocol'],
  ['with a wrong sum', about(tcp(request, 'A'), 3, 1, { checksumError: 1 }), 'bad icmp'],
]

for (const [what, frame, reason] of LEFT)
  test(`related tunnel: an error ${what}, the client hears nothing`, async t => {
    const lvs = await tunnelled(t)

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], [reason, reason === 'bad icmp' ? XDP.drop : XDP.pass])
  })
