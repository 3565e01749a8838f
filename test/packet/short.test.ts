/**
 * Packets that end within their TCP or UDP header, and lengths in those headers that lie. The ports
 * are enough to find a connection. Source of what is expected: the recorded kernel (Linux 6.1).
 */
import test from 'ava'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, paths, service, services, type Family } from '../support/families.ts'
import { icmpError, macOf, packetOf, samePacket, sameButId, tcp, udp } from '../support/frames.ts'

const ETHERNET = 14

/** The frame with only so many bytes of its transport header, as its IP header says too. */
function cut(f: Family, frame: Uint8Array, bytes: number): Buffer {
  const b = Buffer.from(frame.subarray(0, ETHERNET + f.header + bytes))
  if (f.name === 'IPv6') b.writeUInt16BE(bytes, ETHERNET + 4)
  else setLength4(b, f.header + bytes)
  return b
}

function setLength4(frame: Buffer, length: number): void {
  const sum = frame.readUInt16BE(ETHERNET + 10)
  const was = frame.readUInt16BE(ETHERNET + 2)
  frame.writeUInt16BE(length, ETHERNET + 2)
  let next = (~sum & 0xffff) + (~was & 0xffff) + length
  while (next > 0xffff) next = (next & 0xffff) + (next >> 16)
  frame.writeUInt16BE(~next & 0xffff, ETHERNET + 10)
}

/** The frame with 16 bits of its transport header changed, the checksum left as it was. */
function patched(f: Family, frame: Uint8Array, at: number, value: number): Buffer {
  const b = Buffer.from(frame)
  b.writeUInt16BE(value, ETHERNET + f.header + at)
  return b
}

function expires(lvs: PacketDirector): number | undefined {
  return lvs.conns()[0]?.expiresS
}

for (const f of FAMILIES) {
  const { request, reply } = paths(f)
  const PROTOCOLS = [
    { protocol: 'tcp', make: (path: string) => tcp(path, 'RA'), lengths: [4, 8, 13, 14, 19] },
    { protocol: 'udp', make: (path: string) => udp(path), lengths: [4, 7] },
  ] as const

  for (const { protocol, make, lengths } of PROTOCOLS) {
    const open = (lvs: PacketDirector) => {
      if (protocol === 'udp') lvs.run(udp(request))
      else for (const flags of ['S', 'A']) lvs.run(tcp(request, flags))
    }
    const left = protocol === 'udp' ? 300 : 900

    test(`short: ${f.name} ${protocol} without a connection, the host gets it`, async t => {
      const lvs = await director(t, service(f, { protocol }))

      for (const bytes of [0, 3, ...lengths]) {
        const out = lvs.run(cut(f, make(request), bytes))

        t.deepEqual([out.reason, out.verdict], ['truncated', XDP.pass])
      }
      t.deepEqual(lvs.conns(), [])
    })

    test(`short: ${f.name} ${protocol} of NAT both ways, dropped with a new timer`, async t => {
      for (const path of [request, reply])
        for (const bytes of lengths) {
          const lvs = await director(t, service(f, { protocol }))
          open(lvs)
          const before = lvs.conns()[0]
          lvs.advance(10)

          const out = lvs.run(cut(f, make(path), bytes))

          t.deepEqual([out.reason, out.verdict], ['cut short', XDP.drop], `${path} ${bytes}`)
          t.is(lvs.conns()[0]?.state, before?.state)
          t.is(expires(lvs), left)
        }
    })

    test(`short: ${f.name} ${protocol} of NAT, the client's is counted`, async t => {
      const lvs = await director(t, service(f, { protocol }))
      open(lvs)
      const before = lvs.traffic()

      lvs.run(cut(f, make(request), 4))
      lvs.run(cut(f, make(reply), 4))

      t.deepEqual(lvs.traffic(), {
        ...before,
        inPackets: before.inPackets + 1,
        inBytes: before.inBytes + f.header + 4,
      })
    })

    for (const fwd of ['dr', 'tun'])
      test(`short: ${f.name} ${protocol} by ${fwd}, sent as it is`, async t => {
        const lvs = await director(t, service(f, { protocol, fwd }))
        open(lvs)
        const before = lvs.conns()[0]
        lvs.advance(10)

        for (const bytes of lengths) {
          const sent = cut(f, make(request), bytes)
          const out = lvs.run(sent)

          t.is(out.reason, fwd === 'dr' ? 'direct' : 'tunnel')
          const inner = packetOf(out.frame).subarray(fwd === 'dr' ? 0 : f.header)
          t.deepEqual(inner.subarray(-bytes), packetOf(sent).subarray(-bytes))
          t.is(inner.length, f.header + bytes)
        }
        t.is(lvs.conns()[0]?.state, before?.state)
        t.is(expires(lvs), left)
      })

    test(`short: ${f.name} ${protocol} without ports, no connection is found`, async t => {
      const lvs = await director(t, service(f, { protocol, fwd: 'dr' }))
      open(lvs)

      const out = lvs.run(cut(f, make(request), 3))

      t.deepEqual([out.reason, out.verdict], ['truncated', XDP.pass])
    })
  }

  test(`short: ${f.name}, padding behind the packet is not looked at`, async t => {
    const lvs = await director(t, service(f))
    lvs.run(tcp(request, 'S'))
    const short = cut(f, tcp(request, 'A'), 8)

    const out = lvs.run(Buffer.concat([short, Buffer.alloc(30)]))

    t.is(out.reason, 'cut short')
  })

  test(`short: ${f.name} with hops used up, the error quotes what there is`, async t => {
    const lvs = await director(t, service(f))
    lvs.run(tcp(request, 'S'))
    const [type, code] = f.errors.expired
    const sent = cut(f, tcp(request, 'A', { ttl: 1 }), 8)
    const back = cut(f, tcp(reply, 'A', { ttl: 1 }), 8)

    const there = lvs.run(sent)
    const here = lvs.run(back)

    t.deepEqual([there.reason, here.reason], ['ttl expired', 'ttl expired'])
    const error = icmpError(`${f.vip} > ${f.client}`, type, code, sent, { df: false })
    sameButId(t, there.frame, error)
  })

  test(`short: ${f.name}, a removed dest swallows it`, async t => {
    const lvs = await director(t, service(f))
    lvs.run(tcp(request, 'S'))
    lvs.intents[0]?.dests.splice(0)
    lvs.publish()

    t.is(lvs.run(cut(f, tcp(request, 'A'), 8)).reason, 'dest gone')
  })

  test(`short: ${f.name}, a removed dest takes its connection along`, async t => {
    const lvs = await director(t, service(f))
    lvs.run(tcp(request, 'S'))
    for (const intent of lvs.intents) intent.dests = []
    lvs.publish()
    lvs.dataplane.set({ expire_nodest_conn: 1 })

    const out = lvs.run(cut(f, tcp(request, 'A'), 8))

    t.deepEqual([out.reason, out.verdict, lvs.conns().length], ['truncated', XDP.pass, 0])
  })

  test(`short: ${f.name}, a data offset that lies is not looked at`, async t => {
    const lvs = await director(t, services(f))
    lvs.run(tcp(request, 'S'))

    for (const offset of [0, 1, 15]) {
      const frame = patched(f, tcp(request, 'A'), 12, (offset << 12) | 0x10)

      t.is(lvs.run(frame).reason, 'nat request')
    }
    t.is(lvs.conns()[0]?.state, 'ESTABLISHED')
  })

  test(`short: ${f.name}, a UDP length that lies is not looked at`, async t => {
    const lvs = await director(t, services(f, { fwd: 'dr' }))
    const dmac = macOf(f.dest(2))

    for (const length of [0, 1, 7, 200, 65535]) {
      const frame = patched(f, udp(request), 4, length)
      const sent = patched(f, udp(request, { ttl: 63, dmac }), 4, length)

      samePacket(t, packetOf(lvs.receive(frame)), packetOf(sent))
    }
  })
}
