/**
 * ICMP errors of others about connections: translated towards the dest and towards the client, and
 * what is not theirs left alone. Source of what is expected: ip_vs_core.c ip_vs_in_icmp,
 * ip_vs_out_icmp, ip_vs_nat_icmp (v6.12). Read next: error.test.ts, the director's own errors.
 */
import test from 'ava'
import { director, XDP, type PacketDirector, type Received } from '../support/director.ts'
import { FAMILIES, paths, services, type Family } from '../support/families.ts'
import {
  at,
  icmpError,
  macOf,
  readdressed,
  sameFrame,
  tcp,
  udp,
  type FrameOptions,
} from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

type Make = (path: string, o?: FrameOptions) => Uint8Array
const PROTOCOLS: [name: string, make: Make][] = [
  ['tcp', (path, o) => tcp(path, 'A', o)],
  ['udp', udp],
]
/** Errors that are translated, and messages that are the host's. */
const TYPES: Record<Family['name'], { errors: [number, number][]; others: [number, number][] }> = {
  IPv4: {
    errors: [
      ...Array.from({ length: 16 }, (_, code): [number, number] => [3, code]),
      ...([
        [4, 0],
        [11, 0],
        [11, 1],
      ] as [number, number][]),
    ],
    others: ([0, 5, 8, 9, 10, 12, 13, 17, 40] as const).map(type => [type, 0]),
  },
  IPv6: {
    errors: [
      ...Array.from({ length: 7 }, (_, code): [number, number] => [1, code]),
      ...([
        [2, 0],
        [3, 0],
        [3, 1],
        [4, 0],
        [4, 1],
        [4, 2],
      ] as [number, number][]),
    ],
    others: ([128, 129, 133, 134, 135, 136, 137, 143] as const).map(type => [type, 0]),
  },
}

/** A router on the way, which is neither client nor dest; and paths of errors it sends. */
function routes(f: Family) {
  return { toVip: `${f.router} > ${f.vip}`, toClient: `${f.router} > ${f.client}` }
}

/** A director with an established connection of each protocol. */
async function connected(
  t: Parameters<typeof director>[0],
  f: Family,
  o: Parameters<typeof services>[1] = {},
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, o))
  const { request, reply } = paths(f)
  for (const frame of [tcp(request, 'S'), udp(request)]) lvs.run(frame)
  if (o.fwd === undefined) for (const frame of [tcp(reply, 'SA'), udp(reply)]) lvs.run(frame)
  lvs.run(tcp(request, 'A'))
  return lvs
}

/** Deadlines, states and counts, which no error may change. */
function lives(lvs: PacketDirector): unknown {
  return lvs.conns()
}

function untouched(
  t: { is(a: unknown, b: unknown, m?: string): unknown },
  out: Received,
  sent: Uint8Array,
  what = '',
): void {
  t.is(out.verdict, XDP.pass, what)
  t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(sent).toString('hex', 12), what)
}

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)
  const { toVip, toClient } = routes(f)
  const [type, code] = f.errors.noPort

  for (const [protocol, make] of PROTOCOLS) {
    test(`related: ${f.name} about a ${protocol} reply, as about the dest's`, async t => {
      const lvs = await connected(t, f)
      const about = make(replyOut, { ttl: 7 })

      const out = lvs.run(icmpError(toVip, type, code, about, { ttl: 50 }))

      t.deepEqual([out.reason, out.verdict], ['icmp request', XDP.tx])
      const quoted = readdressed(about, reply)
      const path = `${f.router} > ${f.dest(2)}`
      sameFrame(t, out.frame, icmpError(path, type, code, quoted, { ttl: 49 }))
    })

    test(`related: ${f.name} about a ${protocol} reply to the director, too`, async t => {
      const lvs = await connected(t, f)
      const about = make(replyOut, { ttl: 7 })

      const out = lvs.run(icmpError(`${f.router} > ${f.director}`, type, code, about, { ttl: 50 }))

      const path = `${f.router} > ${f.dest(2)}`
      sameFrame(t, out.frame, icmpError(path, type, code, readdressed(about, reply), { ttl: 49 }))
    })

    test(`related: ${f.name} about a ${protocol} request, it comes from the VIP`, async t => {
      const lvs = await connected(t, f)
      const about = make(requestOut, { ttl: 7 })

      const out = lvs.run(icmpError(toClient, type, code, about, { ttl: 50 }))

      t.deepEqual([out.reason, out.verdict], ['icmp reply', XDP.tx])
      const quoted = readdressed(about, request)
      const path = `${f.vip} > ${f.client}`
      sameFrame(t, out.frame, icmpError(path, type, code, quoted, { ttl: 49 }))
    })

    test(`related: ${f.name} by the dest about a ${protocol} request, the same`, async t => {
      const lvs = await connected(t, f)
      const about = make(requestOut)

      const out = lvs.run(icmpError(`${f.dest(2)} > ${f.client}`, type, code, about))

      const quoted = readdressed(about, request)
      const path = `${f.vip} > ${f.client}`
      t.is(out.reason, 'icmp reply')
      sameFrame(t, out.frame, icmpError(path, type, code, quoted, { ttl: 63 }))
    })

    test(`related: ${f.name} about ${protocol} packets, timers and states stay`, async t => {
      const lvs = await connected(t, f)
      lvs.advance(10)
      const before = lives(lvs)

      const left = [
        lvs.run(icmpError(toVip, type, code, make(replyOut))),
        lvs.run(icmpError(toClient, type, code, make(requestOut))),
      ]

      t.deepEqual(
        left.map(out => out.reason),
        ['icmp request', 'icmp reply'],
      )
      t.deepEqual(lives(lvs), before)
    })

    test(`related: ${f.name} about ${protocol} packets, each is counted as it came`, async t => {
      const lvs = await connected(t, f)
      const number = protocol === 'tcp' ? 0 : 1
      const before = lvs.traffic(number)
      const errors = [
        icmpError(toVip, type, code, make(replyOut)),
        icmpError(toClient, type, code, make(requestOut)),
      ]

      for (const error of errors) lvs.run(error)

      const [inBytes = 0, outBytes = 0] = errors.map(error => packetOf(error).length)
      t.deepEqual(lvs.traffic(number), {
        conns: 1,
        inPackets: before.inPackets + 1,
        outPackets: before.outPackets + 1,
        inBytes: before.inBytes + inBytes,
        outBytes: before.outBytes + outBytes,
      })
    })
  }

  test(`related: ${f.name} errors of every type and code, both ways`, async t => {
    const lvs = await connected(t, f)

    for (const [type, code] of TYPES[f.name].errors) {
      const rest = 0x0000_04d2
      const there = icmpError(toVip, type, code, udp(replyOut), { rest })
      const back = icmpError(toClient, type, code, udp(requestOut), { rest })
      const o = { rest, ttl: 63 }
      const seen = icmpError(`${f.router} > ${f.dest(2)}`, type, code, udp(reply), o)
      // Quoted transport checksums are not adjusted.
      const kept = readdressed(udp(replyOut), reply)

      sameFrame(t, lvs.receive(there), icmpError(`${f.router} > ${f.dest(2)}`, type, code, kept, o))
      t.is(lvs.receive(there).length, seen.length)
      const about = readdressed(udp(requestOut), request)
      sameFrame(t, lvs.receive(back), icmpError(`${f.vip} > ${f.client}`, type, code, about, o))
    }
  })

  test(`related: ${f.name} messages that are no errors or not handled, they pass`, async t => {
    const lvs = await connected(t, f)

    for (const [type, code] of TYPES[f.name].others)
      for (const frame of [
        icmpError(toVip, type, code, udp(replyOut)),
        icmpError(toClient, type, code, udp(requestOut)),
      ])
        untouched(t, lvs.run(frame), frame, `type ${type}`)
  })

  for (const bytes of [0, 1, 7, f.header - 1, f.header, f.header + 3])
    test(`related: ${f.name} quoting only ${bytes} bytes, it passes`, async t => {
      const lvs = await connected(t, f)

      for (const frame of [
        icmpError(toVip, type, code, udp(replyOut), { bytes }),
        icmpError(toClient, type, code, udp(requestOut), { bytes }),
      ])
        untouched(t, lvs.run(frame), frame)
    })

  for (const bytes of [f.header + 8, f.header + 9, f.header + 27])
    test(`related: ${f.name} quoting ${bytes} bytes, they are enough`, async t => {
      const lvs = await connected(t, f)
      const o = { bytes, ttl: 63 }
      const [about, back] = [tcp(replyOut, 'A', { data: 'long' }), tcp(requestOut, 'A')]

      const there = lvs.receive(icmpError(toVip, type, code, about, { bytes }))
      const here = lvs.receive(icmpError(toClient, type, code, back, { bytes }))

      const [quoted, other] = [readdressed(about, reply), readdressed(back, request)]
      sameFrame(t, there, icmpError(`${f.router} > ${f.dest(2)}`, type, code, quoted, o))
      sameFrame(t, here, icmpError(`${f.vip} > ${f.client}`, type, code, other, o))
    })

  for (const length of [f.quoteMax, f.quoteMax + 1, 1400])
    test(`related: ${f.name} about a packet of ${length} bytes, its sum is right`, async t => {
      const lvs = await connected(t, f)
      const data = Uint8Array.from({ length: length - f.header - 8 }, (_, i) => (i * 89 + 7) & 255)
      const about = udp(replyOut, { data })

      const out = lvs.receive(icmpError(toVip, type, code, about))

      const quoted = readdressed(about, reply)
      const path = `${f.router} > ${f.dest(2)}`
      sameFrame(t, out, icmpError(path, type, code, quoted, { ttl: 63 }))
    })

  for (const checksumError of [1, 0x100, 0x7fff])
    test(`related: ${f.name} with a checksum wrong by ${checksumError}, it is dropped`, async t => {
      const lvs = await connected(t, f)
      const before = lvs.traffic(1)
      const wrong = { checksumError }

      const left = [
        lvs.run(icmpError(toVip, type, code, udp(replyOut), wrong)),
        lvs.run(icmpError(toClient, type, code, udp(requestOut), wrong)),
      ]

      t.deepEqual(
        left.map(out => [out.reason, out.verdict]),
        [
          ['bad icmp', XDP.drop],
          ['bad icmp', XDP.drop],
        ],
      )
      t.deepEqual(lvs.traffic(1), before)
    })

  test(`related: ${f.name} about no connection of ours, it passes`, async t => {
    const lvs = await connected(t, f)
    const stranger = at(f.client, 41000)

    for (const frame of [
      icmpError(toVip, type, code, udp(`${at(f.vip, 80)} > ${stranger}`)),
      icmpError(toClient, type, code, udp(`${stranger} > ${at(f.dest(2), 8080)}`)),
      icmpError(toVip, type, code, udp(`${at(f.vip, 81)} > ${at(f.client, 40000)}`)),
      // Quoted the wrong way round: as if the client had sent it to the virtual service.
      icmpError(toVip, type, code, udp(request)),
      icmpError(toClient, type, code, udp(reply)),
    ])
      untouched(t, lvs.run(frame), frame)
  })

  test(`related: ${f.name} about another protocol, it passes`, async t => {
    const lvs = await connected(t, f)

    for (const protocol of [1, 47, 50, 132]) {
      const frame = icmpError(toVip, type, code, udp(replyOut, { protocol }))
      untouched(t, lvs.run(frame), frame, `protocol ${protocol}`)
    }
  })

  for (const ttl of [0, 1])
    test(`related: ${f.name} with TTL ${ttl}, dropped and nobody is told`, async t => {
      const lvs = await connected(t, f)

      const left = [
        lvs.run(icmpError(toVip, type, code, udp(replyOut), { ttl })),
        lvs.run(icmpError(toClient, type, code, udp(requestOut), { ttl })),
      ]

      t.deepEqual(
        left.map(out => out.verdict),
        [XDP.drop, XDP.drop],
      )
    })

  test(`related: ${f.name} about a removed dest's packet, translated, not counted`, async t => {
    const lvs = await connected(t, f)
    for (const intent of lvs.intents) intent.dests = []
    lvs.publish()
    const before = lvs.traffic(1)

    const left = [
      lvs.run(icmpError(toVip, type, code, udp(replyOut))),
      lvs.run(icmpError(toClient, type, code, udp(requestOut))),
    ]

    t.deepEqual(
      left.map(out => out.reason),
      ['icmp request', 'icmp reply'],
    )
    t.deepEqual(lvs.traffic(1), before)
  })

  test(`related: ${f.name} to a client behind the router, it goes through it`, async t => {
    const lvs = await director(t, services(f))
    const client = at(f.far, 40000)
    lvs.run(udp(`${client} > ${at(f.vip, 80)}`))
    const about = udp(`${client} > ${at(f.dest(2), 8080)}`)

    const out = lvs.receive(icmpError(`${f.dest(2)} > ${f.far}`, type, code, about))

    const quoted = readdressed(about, `${client} > ${at(f.vip, 80)}`)
    const o = { ttl: 63, dmac: macOf(f.router) }
    sameFrame(t, out, icmpError(`${f.vip} > ${f.far}`, type, code, quoted, o))
  })

  test(`related: ${f.name} to another MAC address, it is not for us`, async t => {
    const lvs = await connected(t, f)
    const frame = icmpError(`${f.router} > ${f.vip}`, type, code, udp(replyOut))

    const out = lvs.run(frame, { dmac: '02:00:00:00:00:99' })

    t.is(out.reason, 'foreign mac')
    untouched(t, out, frame)
  })
}
