/** Checksums under NAT: changed with what is rewritten, never verified; UDP without one gets it. */
import test from 'ava'
import { director, type PacketDirector } from '../support/director.ts'
import { sameFrame, show, tcp, udp, type FrameOptions } from '../support/frames.ts'

const CLIENT = '198.51.100.7:40000'
const REQUEST = `${CLIENT} > 192.0.2.1:80`
const REQUEST_OUT = `${CLIENT} > 10.0.0.2:8080`
const REPLY = `10.0.0.2:8080 > ${CLIENT}`
const REPLY_OUT = `192.0.2.1:80 > ${CLIENT}`
const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1
  udp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1`
const UDP_MAX = 1472
/** Bytes of data in the largest frame that lies in one page of BPF_PROG_TEST_RUN. */
const LINEAR_MAX = 3400

type Make = (path: string, o?: FrameOptions) => Uint8Array
const makeTcp: Make = (path, o) => tcp(path, 'SA', o)
const PROTOCOLS: [name: string, make: Make][] = [
  ['tcp', makeTcp],
  ['udp', udp],
]
const DIRECTIONS = [
  ['request', REQUEST, REQUEST_OUT],
  ['reply', REPLY, REPLY_OUT],
] as const

/** A director that has one connection of each protocol. */
async function connected(t: Parameters<typeof director>[0]): Promise<PacketDirector> {
  const lvs = await director(t, SERVICES)
  for (const [, make] of PROTOCOLS) lvs.receive(make(REQUEST))
  return lvs
}

/** By how much the transport checksum of a shown frame is wrong, or good, or none. */
function judged(frame: Uint8Array): string {
  const lines = show(frame).split('\n')
  return /checksum (.*)$/.exec(lines[2] ?? '')?.[1] ?? ''
}

/** Two bytes of data with which the frame's transport checksum comes out as zero. */
function zeroing(make: Make, path: string): Uint8Array {
  const frame = Buffer.from(make(path, { data: Buffer.alloc(2) }))
  const field = frame.readUInt16BE(make === udp ? 40 : 50)
  return Buffer.from([field >> 8, field & 255])
}

for (const [protocol, make] of PROTOCOLS)
  for (const [direction, path, translated] of DIRECTIONS) {
    test(`checksum: a ${protocol} ${direction} of any size, it stays right`, async t => {
      const lvs = await connected(t)

      for (const bytes of [0, 1, 2, 3, 63, 64, 65, 511, 512, 513, 1459, 1460]) {
        const data = Buffer.alloc(bytes, 0xa7)
        const out = lvs.receive(make(path, { data }))

        sameFrame(t, out, make(translated, { data, ttl: 63 }))
      }
    })

    test(`checksum: a wrong ${protocol} ${direction}, it stays wrong by the same`, async t => {
      const lvs = await connected(t)

      for (const checksumError of [1, 2, 255, 256, 0x1234, 0x7fff]) {
        const frame = make(path, { checksumError })
        const out = lvs.receive(frame)

        t.regex(judged(frame), /^BAD by/)
        t.is(judged(out), judged(frame))
      }
    })

    test(`checksum: a ${protocol} ${direction} whose sum comes out as 0, as written`, async t => {
      const lvs = await connected(t)
      const data = zeroing(make, translated)

      const out = Buffer.from(lvs.receive(make(path, { data })))

      sameFrame(t, out, make(translated, { data, ttl: 63 }))
      t.is(out.readUInt16BE(protocol === 'udp' ? 40 : 50), protocol === 'udp' ? 0xffff : 0)
    })
  }

for (const [direction, path, translated] of DIRECTIONS) {
  test(`checksum: a ${direction} without one, of 0 to ${UDP_MAX} bytes, gets it`, async t => {
    const lvs = await connected(t)
    const bytes = Uint8Array.from({ length: UDP_MAX }, (_, i) => (i * 167 + 13) & 255)

    for (let length = 0; length <= UDP_MAX; length++) {
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
      const lvs = await connected(t)
      const data = zeroing(udp, summed)

      const out = lvs.run(udp(path, { data, noChecksum: true }))

      t.is(Buffer.from(out.frame).readUInt16BE(40) === 0xffff, summed === translated)
      sameFrame(t, out.frame, udp(translated, { data, ttl: 63 }))
    })

  test(`checksum: a ${direction} as long as test_run allows, gets it`, async t => {
    const lvs = await director(t, SERVICES, { mtu: 9000 })
    lvs.receive(udp(REQUEST))
    const data = Buffer.alloc(LINEAR_MAX, 0x5a)

    const out = lvs.run(udp(path, { data, noChecksum: true }))

    sameFrame(t, out.frame, udp(translated, { data, ttl: 63 }))
  })
}

test('checksum: the first datagram of a client without one, is translated with it', async t => {
  const lvs = await director(t, SERVICES)

  const out = lvs.run(udp(REQUEST, { noChecksum: true }))

  t.is(out.reason, 'nat request')
  sameFrame(t, out.frame, udp(REQUEST_OUT, { ttl: 63 }))
  t.is(lvs.dataplane.rawTraffic('udp:192.0.2.1:80').inPackets, 1)
})

test('checksum: the first reply without one, is counted once', async t => {
  const lvs = await director(t, SERVICES)
  lvs.receive(udp(REQUEST))

  const out = lvs.run(udp(REPLY, { noChecksum: true }))

  t.is(out.reason, 'nat reply')
  sameFrame(t, out.frame, udp(REPLY_OUT, { ttl: 63 }))
  t.is(lvs.dataplane.rawTraffic('udp:192.0.2.1:80').outPackets, 1)
})

/** Addresses and ports whose sums carry, borrow, or do not change. */
const EXTREMES = [
  ['192.0.2.1:1', '10.0.0.2:65535'],
  ['192.0.2.1:65535', '10.0.0.2:1'],
  ['192.0.2.1:80', '10.0.255.255:80'],
  ['255.255.255.1:80', '10.0.0.0:80'],
  ['1.0.0.0:80', '10.0.0.3:80'],
  ['10.0.0.2:80', '10.0.0.80:2'],
] as const

for (const [virtual, dest] of EXTREMES)
  test(`checksum: ${virtual} turned into ${dest}, both ways are right`, async t => {
    const lvs = await director(t, `tcp ${virtual} rr\n-> ${dest} nat weight 1`)
    lvs.setNetwork(facts => {
      const first = facts.neighbours[0]
      if (first) facts.neighbours.push({ ...first, address: dest.split(':')[0] ?? '' })
    })

    const there = lvs.receive(tcp(`${CLIENT} > ${virtual}`, 'S'))
    const back = lvs.receive(tcp(`${dest} > ${CLIENT}`, 'SA'))

    t.is(judged(there), 'good')
    t.is(judged(back), 'good')
    t.regex(show(there), /ipv4 .* checksum good/)
    t.regex(show(back), /ipv4 .* checksum good/)
  })
