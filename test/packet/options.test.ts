/**
 * IPv4 options: processed as the host does before IPVS and as it forwards, for all methods, both
 * ways; what the host answers or refuses is left to it. Source of what is expected: RFC 791; the
 * recorded kernel (Linux 6.1).
 */
import test from 'ava'
import { dayMs } from '../../control/dataplane/ticks.ts'
import { director, XDP } from '../support/director.ts'
import { FAMILIES, IPV4, paths, service, services } from '../support/families.ts'
import { icmpError, ipip, macOf, sameButId, sameFrame, tcp, udp } from '../support/frames.ts'
import { packetOf } from '../support/wire.ts'

const { request, requestOut, reply, replyOut } = paths(IPV4)
const { vip, director: own } = IPV4
/** What is in front of a frame for the companion. */
const NOTE_BYTES = 24

/** An address as the hexadecimal digits of its bytes. */
function hex(address: string): string {
  return Buffer.from(address.split('.').map(Number)).toString('hex')
}

function bytes(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

/** Options as they come, and what they have become in a request and in a reply. */
const PROCESSED: [what: string, given: string, after: (own: string) => string][] = [
  ['no operation', '01010101', () => '01010101'],
  ['an end', '01000000', () => '01000000'],
  ['bytes behind the end', '000755aa', () => '00000000'],
  ['a router alert', '94040000', () => '94040000'],
  ['a router alert of another value', '94040001', () => '94040001'],
  ['an empty record', '070704 00000000 00', a => `070708 ${a} 00`],
  ['a record with room', '070b04 00000000 00000000 00', a => `070b08 ${a} 00000000 00`],
  ['a record half full', '070b08 01020304 00000000 00', a => `070b0c 01020304 ${a} 00`],
  ['a full record', '070708 01020304 00', () => '070708 01020304 00'],
  ['a record of no room', '07030400', () => '07030400'],
  ['a record behind others', '01 070704 00000000', a => `01 070708 ${a}`],
  ['a timestamp', '44080500 00000000', () => '44080900 00000000'],
  ['a full timestamp', '44080900 01020304', () => '44080910 01020304'],
  ['a timestamp with address', '440c0501 00000000 00000000', a => `440c0d01 ${a} 00000000`],
  ['a timestamp of its own kind', '440c0502 00000000 00000000', () => '440c0502 0000000000000000'],
  [
    'a timestamp asked of us',
    `440c0503 ${hex(vip)} 00000000`,
    () => `440c0d03 ${hex(vip)} 00000000`,
  ],
  [
    'a timestamp asked of another',
    '440c0503 01020304 00000000',
    () => '440c0503 01020304 00000000',
  ],
  ['a full list of hosts asked', '44080903 01020304', () => '44080903 01020304'],
  ['both', '070704 00000000 44080500 00000000 00', a => `070708 ${a} 44080900 00000000 00`],
  ['security', '820b0000000000000000 00 00', () => '820b0000000000000000 00 00'],
  ['one of no meaning', '9e040000', () => '9e040000'],
  ['forty bytes of them', `072704${'00'.repeat(36)}00`, a => `072708 ${a} ${'00'.repeat(32)} 00`],
]

for (const [what, given, after] of PROCESSED) {
  const o = { options: bytes(given) }
  const sent = { options: bytes(after(hex(vip))), ttl: 63 }

  test(`options: ${what}, by NAT both ways`, async t => {
    const lvs = await director(t, services(IPV4))

    sameFrame(t, lvs.receive(tcp(request, 'S', o)), tcp(requestOut, 'S', sent))
    sameFrame(t, lvs.receive(tcp(reply, 'SA', o)), tcp(replyOut, 'SA', sent))
    sameFrame(t, lvs.receive(tcp(request, 'A', o)), tcp(requestOut, 'A', sent))
    sameFrame(t, lvs.receive(udp(request, o)), udp(requestOut, sent))
    sameFrame(t, lvs.receive(udp(reply, { ...o, noChecksum: true })), udp(replyOut, sent))
    t.is(lvs.conns().length, 2)
  })

  test(`options: ${what}, by direct routing and tunnel`, async t => {
    const dr = await director(t, service(IPV4, { fwd: 'dr' }))
    const tun = await director(t, service(IPV4, { fwd: 'tun' }))
    const dmac = macOf(IPV4.dest(2))

    sameFrame(t, dr.receive(tcp(request, 'S', o)), tcp(request, 'S', { ...sent, dmac }))
    const outer = ipip(`${own} > ${IPV4.dest(2)}`, tcp(request, 'S', sent), { ttl: 63 })
    sameButId(t, tun.receive(tcp(request, 'S', o)), outer)
  })

  test(`options: ${what}, for nobody here the packet stays as it came`, async t => {
    const lvs = await director(t, services(IPV4))

    for (const path of [`${IPV4.client}:5 > ${vip}:81`, `${IPV4.dest(2)}:9 > ${IPV4.client}:9`]) {
      const frame = tcp(path, 'S', o)
      const out = lvs.run(frame)

      t.is(out.verdict, XDP.pass)
      t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
    }
  })
}

/** Options that the host answers with ICMP 12/0, or refuses. */
const LEFT: [what: string, given: string][] = [
  ['a record of two bytes', '07020400'],
  ['a record whose pointer is too small', '070703 00000000 00'],
  ['a record with room for half an address', '070705 00000000 00'],
  ['a record longer than the header', '070b0400'],
  ['two records', '070704 00000000 070704 00000000 0000'],
  ['a router alert of three bytes', '94030000'],
  ['a timestamp of three bytes', '44030500'],
  ['a timestamp whose pointer is too small', '44080400 00000000'],
  ['a timestamp with room for half', '44080501 00000000'],
  ['a timestamp that overflowed 15 times', '440809f0 00000000'],
  ['two timestamps', '44080500 00000000 44080500 00000000'],
  ['a loose source route', '830704 0a000009 00'],
  ['a strict source route', '890704 0a000009 00'],
  ['a source route at its end', '830708 0a000009 00'],
  ['a security label', '860600000001 0000'],
  ['an option of no length', '9e000000'],
  ['an option of length 1', '9e010000'],
  ['an option longer than the header', '9e050000'],
  ['an option that is only a type', '0101019e'],
]

for (const [what, given] of LEFT)
  test(`options: ${what}, the host gets it as it came`, async t => {
    const lvs = await director(t, services(IPV4))
    lvs.run(udp(request))
    const o = { options: bytes(given) }

    for (const frame of [tcp(request, 'S', o), udp(request, o), udp(reply, o)]) {
      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['has options', XDP.pass])
      t.is(Buffer.from(out.frame).toString('hex', 12), Buffer.from(frame).toString('hex', 12))
    }
    t.is(lvs.conns().length, 1)
  })

const RECORD = { options: bytes('070b04 00000000 00000000 00') }
const RECORDED = { options: bytes(`070b08 ${hex(vip)} 00000000 00`) }

test('options: a wrong header checksum, the packet passes', async t => {
  const lvs = await director(t, services(IPV4))
  const frame = Buffer.from(tcp(request, 'S', RECORD))
  frame.writeUInt16BE(frame.readUInt16BE(24) ^ 1, 24)

  t.is(lvs.run(frame).reason, 'bad checksum')
})

test('options: a fragment, the packet passes', async t => {
  const lvs = await director(t, services(IPV4))

  t.is(lvs.run(tcp(request, 'S', { ...RECORD, df: false, fragment: 0x2000 })).reason, 'fragment')
})

test('options: no connection and no beginning of one, the packet passes', async t => {
  const lvs = await director(t, services(IPV4))

  t.is(lvs.run(tcp(request, 'A', RECORD)).reason, 'no connection')
  t.is(lvs.run(tcp('127.0.0.1:5 > 192.0.2.1:80', 'S', RECORD)).reason, 'martian')
  t.is(lvs.run(udp(request, { ...RECORD, protocol: 47 })).reason, 'other protocol')
})

test('options: a packet that ends within its header, found by its ports', async t => {
  const lvs = await director(t, service(IPV4))
  lvs.run(tcp(request, 'S'))

  t.is(lvs.run(udp(request, { ...RECORD, protocol: 6, data: '' })).reason, 'cut short')
})

test('options: hops used up, the error quotes what the host made of them', async t => {
  const lvs = await director(t, services(IPV4))
  const frame = tcp(request, 'S', { ...RECORD, ttl: 1 })
  const check = packetOf(frame).readUInt16BE(10)

  const out = lvs.run(frame)

  t.is(out.reason, 'ttl expired')
  const quoted = Buffer.from(tcp(request, 'S', { ...RECORDED, ttl: 1 }))
  // The kernel writes the new checksum only when it sends the packet on.
  quoted.writeUInt16BE(check, 24)
  sameButId(t, out.frame, icmpError(`${vip} > ${IPV4.client}`, 11, 0, quoted, { df: false }))
})

test('options: a reply whose next hop is not known, the virtual address is in them', async t => {
  const lvs = await director(t, services(IPV4))
  lvs.run(tcp(request, 'S'))
  lvs.setNetwork(facts => {
    facts.neighbours = facts.neighbours.filter(n => n.address !== IPV4.client)
  })

  const out = lvs.run(tcp(reply, 'SA', RECORD))

  t.is(out.reason, 'resolving')
  const packet = packetOf(out.frame.subarray(NOTE_BYTES))
  t.is(packet.toString('hex', 20, 32), RECORDED.options.toString('hex'))
})

test('options: in a frame with a tag, processed too', async t => {
  const lvs = await director(t, services(IPV4))

  const out = lvs.run(tcp(request, 'S', { ...RECORD, tags: [{ vid: 0, priority: 5 }] }))

  sameFrame(t, out.frame, tcp(requestOut, 'S', { ...RECORDED, ttl: 63 }))
})

test('options: a packet without them after one with, it is not taken for the other', async t => {
  const lvs = await director(t, services(IPV4))
  lvs.run(tcp(request, 'S', RECORD))

  for (const frame of [tcp(reply, 'SA'), udp(reply), tcp(request, 'A')]) lvs.run(frame)
  const next = lvs.run(tcp(request, 'A', RECORD))

  sameFrame(t, next.frame, tcp(requestOut, 'A', { ...RECORDED, ttl: 63 }))
})

test('options: IPv6 has none of these, its packets are as they were', async t => {
  for (const f of FAMILIES.slice(1)) {
    const lvs = await director(t, services(f))

    t.is(lvs.run(tcp(paths(f).request, 'S')).reason, 'nat request')
  }
})

test('options: the time of day, by the monotonic clock and what it began at', t => {
  const noon = Date.UTC(2026, 10, 25, 12)

  t.is(dayMs(noon, 3_600_000_000_000n), 11 * 3_600_000)
  t.is(dayMs(noon, 13n * 3_600_000_000_000n), 23 * 3_600_000)
})
