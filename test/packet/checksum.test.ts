/** Checksums under NAT: changed with what is rewritten, never verified; UDP without one gets it. */
import test from 'ava'
import { director, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, services, type Family } from '../support/families.ts'
import { at, sameFrame, samePacket, show, tcp, udp, type FrameOptions } from '../support/frames.ts'
import { headersOf, packetOf } from '../support/wire.ts'

const MTU = 1500
/** Bytes of data in the largest frame that lies in one page of BPF_PROG_TEST_RUN. */
const LINEAR_MAX = 3400

type Make = (path: string, o?: FrameOptions) => Uint8Array
const makeTcp: Make = (path, o) => tcp(path, 'SA', o)
const PROTOCOLS: [name: string, make: Make][] = [
  ['tcp', makeTcp],
  ['udp', udp],
]

function directions(f: Family) {
  const { request, requestOut, reply, replyOut } = paths(f)
  return [
    [`${f.name} request`, request, requestOut],
    [`${f.name} reply`, reply, replyOut],
  ] as const
}

/** A director that has one connection of each protocol. */
async function connected(
  t: Parameters<typeof director>[0],
  f: Family,
  options = {},
): Promise<PacketDirector> {
  const lvs = await director(t, services(f), options)
  for (const [, make] of PROTOCOLS) lvs.receive(make(paths(f).request))
  return lvs
}

/** By how much the transport checksum of a frame is wrong, or good, or none. */
function judged(frame: Uint8Array): string {
  const line = /^(?:tcp|udp) .* checksum (.*)$/m.exec(show(frame))
  return line?.[1] ?? 'no transport header'
}

/** The transport checksum field. */
function fieldOf(frame: Uint8Array, protocol: string): number {
  const packet = packetOf(frame)
  return packet.readUInt16BE(headersOf(packet).at + (protocol === 'udp' ? 6 : 16))
}

/** Two bytes of data with which the frame's transport checksum comes out as zero. */
function zeroing(make: Make, path: string): Uint8Array {
  const field = fieldOf(make(path, { data: Buffer.alloc(2) }), make === udp ? 'udp' : 'tcp')
  return Buffer.from([field >> 8, field & 255])
}

for (const f of FAMILIES)
  for (const [protocol, make] of PROTOCOLS)
    for (const [direction, path, translated] of directions(f)) {
      test(`checksum: a ${protocol} ${direction} of any size, it stays right`, async t => {
        const lvs = await connected(t, f)

        for (const bytes of [0, 1, 2, 3, 63, 64, 65, 511, 512, 513, 1439, 1440]) {
          const data = Buffer.alloc(bytes, 0xa7)
          const out = lvs.receive(make(path, { data }))

          sameFrame(t, out, make(translated, { data, ttl: 63 }))
        }
      })

      test(`checksum: a wrong ${protocol} ${direction}, it stays wrong by the same`, async t => {
        const lvs = await connected(t, f)

        for (const checksumError of [1, 2, 255, 256, 0x1234, 0x7fff]) {
          const frame = make(path, { checksumError })
          const out = lvs.receive(frame)

          t.regex(judged(frame), /^BAD by/)
          t.is(judged(out), judged(frame))
        }
      })

      test(`checksum: a ${protocol} ${direction} whose sum comes out as 0, as written`, async t => {
        const lvs = await connected(t, f)
        const data = zeroing(make, translated)

        const out = lvs.receive(make(path, { data }))

        sameFrame(t, out, make(translated, { data, ttl: 63 }))
        t.is(fieldOf(out, protocol), protocol === 'udp' ? 0xffff : 0)
      })
    }

for (const f of FAMILIES)
  for (const [direction, path, translated] of directions(f)) {
    test(`checksum: a ${direction} without one, of any length, gets it`, async t => {
      const lvs = await connected(t, f)
      const most = MTU - f.header - 8
      const bytes = Uint8Array.from({ length: most }, (_, i) => (i * 167 + 13) & 255)

      for (let length = 0; length <= most; length++) {
        const data = bytes.subarray(0, length)
        const out = lvs.receive(udp(path, { data, noChecksum: true }))
        const want = udp(translated, { data, ttl: 63 })

        if (Buffer.compare(out, want) !== 0) sameFrame(t, out, want)
      }
      t.pass()
    })

    for (const [when, summed] of [
      ['on arrival', path],
      ['when translated', translated],
    ] as const)
      test(`checksum: a ${direction} without one whose sum is 0 ${when}, gets it`, async t => {
        const lvs = await connected(t, f)
        const data = zeroing(udp, summed)

        const out = lvs.run(udp(path, { data, noChecksum: true }))

        t.is(fieldOf(out.frame, 'udp') === 0xffff, summed === translated)
        sameFrame(t, out.frame, udp(translated, { data, ttl: 63 }))
      })

    test(`checksum: a ${direction} as long as test_run allows, gets it`, async t => {
      const lvs = await connected(t, f, { mtu: 9000 })
      const data = Buffer.alloc(LINEAR_MAX, 0x5a)

      const out = lvs.run(udp(path, { data, noChecksum: true }))

      sameFrame(t, out.frame, udp(translated, { data, ttl: 63 }))
    })

    test(`checksum: a ${direction} without one and with padding, gets its own`, async t => {
      const lvs = await connected(t, f)
      const padded = Buffer.concat([udp(path, { noChecksum: true }), Buffer.alloc(7, 0xee)])

      const out = lvs.receive(padded)

      t.is(out.length, padded.length)
      sameFrame(t, out.subarray(0, -7), udp(translated, { ttl: 63 }))
    })
  }

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)

  test(`checksum: the first ${f.name} datagram without one, is counted once`, async t => {
    const lvs = await director(t, services(f))

    const out = lvs.run(udp(request, { noChecksum: true }))

    t.is(out.reason, 'nat request')
    sameFrame(t, out.frame, udp(requestOut, { ttl: 63 }))
    t.is(lvs.traffic(1).inPackets, 1)
  })

  test(`checksum: the first reply by ${f.name} without one, is counted once`, async t => {
    const lvs = await director(t, services(f))
    lvs.receive(udp(request))

    const out = lvs.run(udp(reply, { noChecksum: true }))

    t.is(out.reason, 'nat reply')
    sameFrame(t, out.frame, udp(replyOut, { ttl: 63 }))
    t.is(lvs.traffic(1).outPackets, 1)
  })
}

/** Addresses and ports whose sums carry, borrow, or do not change. */
const EXTREMES: [f: Family, virtual: string, dest: string][] = [
  [IPV4, '192.0.2.1:1', '10.0.0.2:65535'],
  [IPV4, '192.0.2.1:65535', '10.0.0.2:1'],
  [IPV4, '192.0.2.1:80', '10.0.255.255:80'],
  [IPV4, '255.255.255.1:80', '10.0.0.0:80'],
  [IPV4, '1.0.0.0:80', '10.0.0.3:80'],
  [IPV4, '10.0.0.2:80', '10.0.0.80:2'],
  [IPV6, '[2001:db8::1]:1', '[2001:db8:2::2]:65535'],
  [IPV6, '[2001:db8::1]:65535', '[2001:db8:2::2]:1'],
  [IPV6, '[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:80', '[2001:db8:2::]:80'],
  [IPV6, '[2001:db8::]:80', '[2001:db8:2::ffff:ffff:ffff:ffff]:80'],
  [IPV6, '[2001:db8:2::1:0]:80', '[2001:db8:2::1]:80'],
  [IPV6, '[2001:db8:2::1:0]:80', '[2001:db8:2:0:1::]:80'],
]

for (const [f, virtual, dest] of EXTREMES)
  test(`checksum: ${virtual} turned into ${dest}, both ways are right`, async t => {
    const lvs = await director(t, `tcp ${virtual} rr\n-> ${dest} nat weight 1`)
    const client = at(f.client, 40000)

    const there = lvs.receive(tcp(`${client} > ${virtual}`, 'S'))
    const back = lvs.receive(tcp(`${dest} > ${client}`, 'SA'))

    samePacket(t, there, tcp(`${client} > ${dest}`, 'S', { ttl: 63 }))
    samePacket(t, back, tcp(`${virtual} > ${client}`, 'SA', { ttl: 63 }))
  })
