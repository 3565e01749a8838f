/**
 * What the host would not deliver as TCP or UDP of either family is left to it, untouched.
 * See bpf/parse.h.
 */
import test from 'ava'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, IPV6, paths, services } from '../support/families.ts'
import { checksum, sameFrame, tcp, udp } from '../support/frames.ts'

const PATH = '198.51.100.7:40000 > 192.0.2.1:80'
const PATH6 = '[2001:db8:3::7]:40000 > [2001:db8::1]:80'
const OTHER6 = '[2001:db8:3::7]:1 > [2001:db8::9]:80'
const SERVICE = FAMILIES.map(f => services(f)).join('')
const ETHERNET = 14

/** A SYN with some bytes of its IP header set, and the header's checksum right again. */
function withIp(bytes: Record<number, number>, frame = tcp(PATH, 'S')): Uint8Array {
  const copy = Buffer.from(frame)
  for (const [at, byte] of Object.entries(bytes)) copy[ETHERNET + Number(at)] = byte
  copy.writeUInt16BE(0, ETHERNET + 10)
  copy.writeUInt16BE(checksum(copy.subarray(ETHERNET, ETHERNET + 20), 0), ETHERNET + 10)
  return copy
}

/** A frame with one byte of its packet changed. */
function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(frame)
  copy[ETHERNET + at] = byte
  return copy
}

/** A SYN or datagram whose IP packet ends after `bytes` bytes, and says so. */
function cut(frame: Uint8Array, bytes: number): Uint8Array {
  return withIp({ 2: 0, 3: bytes }, frame.subarray(0, ETHERNET + bytes))
}

function withType(type: number, frame = tcp(PATH, 'S')): Uint8Array {
  const copy = Buffer.from(frame)
  copy.writeUInt16BE(type, 12)
  return copy
}

const SYN = tcp(PATH, 'S')
const DATAGRAM = udp(PATH, { data: 'a question' })
const SYN6 = tcp(PATH6, 'S')
const DATAGRAM6 = udp(PATH6, { data: 'a question' })
const FRAMES: [what: string, frame: Uint8Array, reason: string][] = [
  ['ARP', withType(0x0806), 'not ip'],
  ['IPv4 called IPv6', withType(0x86dd), 'malformed'],
  ['a VLAN tag', withType(0x8100), 'other vlan'],
  ['a tag of another provider', withType(0x88a8), 'other vlan'],
  ['an IEEE 802.3 length', withType(0x0026), 'not ip'],
  ['no IP header', SYN.subarray(0, ETHERNET), 'malformed'],
  ['half an IP header', SYN.subarray(0, ETHERNET + 19), 'malformed'],
  ['version 6', withIp({ 0: 0x65 }), 'malformed'],
  ['a header of 16 bytes', withIp({ 0: 0x44 }), 'malformed'],
  ['a header of 0 bytes', withIp({ 0: 0x40 }), 'malformed'],
  ['length 0', withIp({ 2: 0, 3: 0 }), 'malformed'],
  ['length 19', withIp({ 2: 0, 3: 19 }), 'malformed'],
  ['length beyond the frame', withIp({ 2: 0, 3: 41 }), 'malformed'],
  ['length 65535', withIp({ 2: 255, 3: 255 }), 'malformed'],
  ['four bytes of options', tcp(PATH, 'S', { options: Buffer.alloc(4, 1) }), 'nat request'],
  ['40 bytes of options', tcp(PATH, 'S', { options: Buffer.alloc(40, 1) }), 'nat request'],
  ['options beyond the frame', withIp({ 0: 0x4f }), 'malformed'],
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
  ['IPv6 called IPv4', withType(0x0800, SYN6), 'malformed'],
  ['no IPv6 header', SYN6.subarray(0, ETHERNET), 'malformed'],
  ['half an IPv6 header', SYN6.subarray(0, ETHERNET + 39), 'malformed'],
  ['IPv6 of version 4', changed(SYN6, 0, 0x45), 'malformed'],
  ['IPv6 of version 7', changed(SYN6, 0, 0x70), 'malformed'],
  ['IPv6 longer than the frame', changed(SYN6, 5, 21), 'malformed'],
  ['IPv6 of 65535 bytes', changed(changed(SYN6, 4, 255), 5, 255), 'malformed'],
  ['IPv6 of no bytes', changed(SYN6, 5, 0), 'truncated'],
  ['IPv6 ICMP', changed(SYN6, 6, 58), 'other protocol'],
  ['IPv6 with IPv4 inside', changed(SYN6, 6, 4), 'other protocol'],
  ['IPv6 with IPv6 inside', changed(SYN6, 6, 41), 'other protocol'],
  ['IPv6 GRE', changed(SYN6, 6, 47), 'other protocol'],
  ['IPv6 ESP', changed(SYN6, 6, 50), 'other protocol'],
  ['IPv6 SCTP', changed(SYN6, 6, 132), 'other protocol'],
  ['IPv6 protocol 255', changed(SYN6, 6, 255), 'other protocol'],
  ['TCP of 19 bytes in IPv6', changed(SYN6, 5, 19).subarray(0, -1), 'truncated'],
  ['TCP of 19 bytes in IPv6 before padding', changed(SYN6, 5, 19), 'truncated'],
  ['TCP of 20 bytes in IPv6', SYN6, 'nat request'],
  ['UDP of 7 bytes in IPv6', changed(DATAGRAM6, 5, 7).subarray(0, ETHERNET + 47), 'truncated'],
  ['UDP of 8 bytes in IPv6', changed(DATAGRAM6, 5, 8).subarray(0, ETHERNET + 48), 'nat request'],
  ['IPv6 with hop limit 0 for another', tcp(OTHER6, 'S', { ttl: 0 }), 'no service'],
]

test('parse: frames of every wrong form, each passes to the host for its own reason', async t => {
  const lvs = await director(t, SERVICE)

  const left = FRAMES.map(([what, frame]) => {
    const { reason } = lvs.run(frame)
    // Whatever it made has ended when the next comes.
    lvs.advance(1000)
    return [what, reason]
  })

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
  ['a group of IPv6', '33:33:00:00:00:01'],
  ['another host', '02:00:00:00:00:03'],
  ['another maker', '03:00:00:00:00:01'],
  ['nobody', '00:00:00:00:00:00'],
])
  test(`parse: a frame for ${what ?? ''}, it is not the director's`, async t => {
    const lvs = await director(t, SERVICE)

    for (const frame of [SYN, SYN6]) {
      const out = lvs.run(frame, { dmac: dmac ?? '' })

      t.deepEqual([out.reason, out.verdict], ['foreign mac', XDP.pass])
      t.deepEqual(out.frame.subarray(12), Uint8Array.from(frame.subarray(12)))
    }
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

for (const [what, frame, translated] of [
  ['a SYN', SYN6, tcp(paths(IPV6).requestOut, 'S', { ttl: 63 })],
  [
    'a datagram without checksum',
    udp(PATH6, { data: 'x', noChecksum: true }),
    udp(paths(IPV6).requestOut, { data: 'x', ttl: 63 }),
  ],
] as const)
  test(`parse: ${what} of IPv6 with ten bytes behind it, they count for nothing`, async t => {
    const lvs = await director(t, SERVICE)

    const out = lvs.run(Buffer.concat([frame, Buffer.alloc(10, 0xee)]))

    t.is(out.reason, 'nat request')
    t.is(out.frame.length, frame.length + 10)
    sameFrame(t, out.frame.subarray(0, -10), translated)
  })
