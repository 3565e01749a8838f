/** What the host would not deliver as IPv4 TCP or UDP is left to it, untouched. See bpf/parse.h. */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { checksum, sameFrame, tcp, udp } from '../support/frames.ts'

const PATH = '198.51.100.7:40000 > 192.0.2.1:80'
const SERVICE = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1
  udp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1`
const ETHERNET = 14

/** A SYN with some bytes of its IP header set, and the header's checksum right again. */
function withIp(bytes: Record<number, number>, frame = tcp(PATH, 'S')): Uint8Array {
  const copy = Buffer.from(frame)
  for (const [at, byte] of Object.entries(bytes)) copy[ETHERNET + Number(at)] = byte
  copy.writeUInt16BE(0, ETHERNET + 10)
  copy.writeUInt16BE(checksum(copy.subarray(ETHERNET, ETHERNET + 20), 0), ETHERNET + 10)
  return copy
}

/** A SYN or datagram whose IP packet ends after `bytes` bytes, and says so. */
function cut(frame: Uint8Array, bytes: number): Uint8Array {
  return withIp({ 2: 0, 3: bytes }, frame.subarray(0, ETHERNET + bytes))
}

function withType(type: number): Uint8Array {
  const copy = Buffer.from(tcp(PATH, 'S'))
  copy.writeUInt16BE(type, 12)
  return copy
}

const SYN = tcp(PATH, 'S')
const DATAGRAM = udp(PATH, { data: 'a question' })
const FRAMES: [what: string, frame: Uint8Array, reason: string][] = [
  ['ARP', withType(0x0806), 'not ipv4'],
  ['IPv6', withType(0x86dd), 'not ipv4'],
  ['a VLAN tag', withType(0x8100), 'not ipv4'],
  ['two VLAN tags', withType(0x88a8), 'not ipv4'],
  ['an IEEE 802.3 length', withType(0x0026), 'not ipv4'],
  ['no IP header', SYN.subarray(0, ETHERNET), 'malformed'],
  ['half an IP header', SYN.subarray(0, ETHERNET + 19), 'malformed'],
  ['version 6', withIp({ 0: 0x65 }), 'malformed'],
  ['a header of 16 bytes', withIp({ 0: 0x44 }), 'malformed'],
  ['a header of 0 bytes', withIp({ 0: 0x40 }), 'malformed'],
  ['length 0', withIp({ 2: 0, 3: 0 }), 'malformed'],
  ['length 19', withIp({ 2: 0, 3: 19 }), 'malformed'],
  ['length beyond the frame', withIp({ 2: 0, 3: 41 }), 'malformed'],
  ['length 65535', withIp({ 2: 255, 3: 255 }), 'malformed'],
  ['four bytes of options', tcp(PATH, 'S', { options: Buffer.alloc(4, 1) }), 'has options'],
  ['40 bytes of options', tcp(PATH, 'S', { options: Buffer.alloc(40, 1) }), 'has options'],
  ['options beyond the frame', withIp({ 0: 0x4f }), 'has options'],
  ['more fragments', tcp(PATH, 'S', { df: false, fragment: 0x2000 }), 'fragment'],
  ['offset 1', tcp(PATH, 'S', { df: false, fragment: 1 }), 'fragment'],
  ['offset 8191', tcp(PATH, 'S', { df: false, fragment: 0x1fff }), 'fragment'],
  ['a fragment that must not be cut', tcp(PATH, 'S', { fragment: 0x2000 }), 'fragment'],
  ['the reserved bit', tcp(PATH, 'S', { fragment: 0x8000 }), 'nat request'],
  ['ICMP', withIp({ 9: 1 }), 'other protocol'],
  ['IPIP', withIp({ 9: 4 }), 'other protocol'],
  ['GRE', withIp({ 9: 47 }), 'other protocol'],
  ['ESP', withIp({ 9: 50 }), 'other protocol'],
  ['SCTP', withIp({ 9: 132 }), 'other protocol'],
  ['protocol 255', withIp({ 9: 255 }), 'other protocol'],
  ['TCP of 0 bytes', cut(SYN, 20), 'truncated'],
  ['TCP of 4 bytes', cut(SYN, 24), 'truncated'],
  ['TCP of 19 bytes', cut(SYN, 39), 'truncated'],
  ['TCP of 19 bytes before padding', withIp({ 2: 0, 3: 39 }), 'truncated'],
  ['TCP of 20 bytes', cut(SYN, 40), 'nat request'],
  ['UDP of 0 bytes', cut(DATAGRAM, 20), 'truncated'],
  ['UDP of 7 bytes', cut(DATAGRAM, 27), 'truncated'],
  ['UDP of 7 bytes before padding', withIp({ 2: 0, 3: 27 }, DATAGRAM), 'truncated'],
  ['UDP of 8 bytes', cut(DATAGRAM, 28), 'nat request'],
  [
    'TTL 0 for another address',
    tcp('198.51.100.7:1 > 192.0.2.9:80', 'S', { ttl: 0 }),
    'no service',
  ],
]

test('parse: frames of every wrong form, each passes to the host for its own reason', async t => {
  const lvs = await director(t, SERVICE)

  const left = FRAMES.map(([what, frame]) => [what, lvs.run(frame).reason])

  t.deepEqual(
    left,
    FRAMES.map(([what, , reason]) => [what, reason]),
  )
})

test('parse: frames of every wrong form, none is changed', async t => {
  const lvs = await director(t, SERVICE)
  const wrong = FRAMES.filter(([, , reason]) => reason !== 'nat request')

  for (const [what, frame] of wrong) {
    const out = lvs.run(frame)

    t.is(out.verdict, XDP.pass, what)
    t.deepEqual(out.frame.subarray(12), Uint8Array.from(frame.subarray(12)), what)
  }
})

test('parse: every bit of the IP header wrong in turn, its checksum tells', async t => {
  const lvs = await director(t, SERVICE)
  const flips = Array.from({ length: 16 * 8 }, (_, i) => i + 4 * 8)

  for (const bit of flips) {
    const frame = Uint8Array.from(SYN)
    const at = ETHERNET + (bit >> 3)
    frame[at] = (frame[at] ?? 0) ^ (1 << (bit & 7))

    t.is(lvs.run(frame).reason, 'bad checksum', `bit ${bit}`)
  }
})

for (const [what, dmac] of [
  ['everybody', 'ff:ff:ff:ff:ff:ff'],
  ['a group', '01:00:5e:00:02:01'],
  ['another host', '02:00:00:00:00:03'],
  ['another maker', '03:00:00:00:00:01'],
  ['nobody', '00:00:00:00:00:00'],
])
  test(`parse: a frame for ${what ?? ''}, it is not the director's`, async t => {
    const lvs = await director(t, SERVICE)

    const out = lvs.run(SYN, { dmac: dmac ?? '' })

    t.deepEqual([out.reason, out.verdict], ['foreign mac', XDP.pass])
  })

for (const [what, frame, translated] of [
  ['a SYN', SYN, tcp('198.51.100.7:40000 > 10.0.0.2:8080', 'S', { ttl: 63 })],
  [
    'a datagram of one byte',
    udp(PATH, { data: 'x' }),
    udp('198.51.100.7:40000 > 10.0.0.2:8080', { data: 'x', ttl: 63 }),
  ],
  [
    'a datagram without checksum',
    udp(PATH, { data: 'x', noChecksum: true }),
    udp('198.51.100.7:40000 > 10.0.0.2:8080', { data: 'x', ttl: 63 }),
  ],
] as const)
  test(`parse: ${what} padded to 60 bytes, the padding counts for nothing`, async t => {
    const lvs = await director(t, SERVICE)

    const out = lvs.run(Buffer.concat([frame, Buffer.alloc(60 - frame.length, 0xee)]))

    t.is(out.reason, 'nat request')
    t.is(out.frame.length, 60)
    sameFrame(t, out.frame, translated)
  })
