/** How frames leave: by direct routing, by another interface, or through the companion. */
import test from 'ava'
import { LIMIT } from '../../control/abi/maps.gen.ts'
import { formatIpv4 } from '../../control/model/address.ts'
import type { Facts } from '../../control/plan/network.ts'
import { director, OTHER_INTERFACE, XDP, type PacketDirector } from '../support/director.ts'
import { macOf, sameFrame, show, tcp, udp } from '../support/frames.ts'

const CLIENT = '198.51.100.7:40000'
const OTHER_MAC = '02:00:00:00:00:02'
/** sizeof(struct companion_note): magic, ifindex, next hop, pad. */
const NOTE_BYTES = 16

function forgetNeighbour(lvs: PacketDirector, address: string): void {
  lvs.setNetwork(facts => {
    facts.neighbours = facts.neighbours.filter(n => n.address !== address)
  })
}

function neighboursOf(lvs: PacketDirector): Facts['neighbours'] {
  let found: Facts['neighbours'] = []
  lvs.setNetwork(facts => (found = facts.neighbours))
  return found
}

/** The companion's note in front of a frame, and the frame behind it. */
function noted(bytes: Uint8Array) {
  const b = Buffer.from(bytes)
  const note = {
    isNote: b.readUInt32LE(0) === LIMIT.COMPANION_MAGIC,
    ifindex: b.readUInt32LE(4),
    nexthop: formatIpv4(b.readUInt32BE(8)),
    pad: b.readUInt32LE(12),
  }
  return { note, frame: b.subarray(NOTE_BYTES) }
}

/** A frame as text without its first line, the Ethernet header. */
function packet(frame: Uint8Array): string {
  return show(frame).split('\n').slice(1).join('\n')
}

test('dr: a SYN, it reaches the dest with nothing changed but TTL and MACs', async t => {
  const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 dr weight 1`)

  const out = lvs.run(tcp(`${CLIENT} > 192.0.2.1:80`, 'S', { tos: 3 }))

  const dmac = macOf('10.0.0.2')
  t.deepEqual([out.reason, out.verdict], ['direct', XDP.tx])
  sameFrame(t, out.frame, tcp(`${CLIENT} > 192.0.2.1:80`, 'S', { ttl: 63, tos: 3, dmac }))
})

test('dr: a dest on another port, the port stays as it is', async t => {
  const lvs = await director(t, `udp 192.0.2.1:53 rr\n-> 10.0.0.2:5353 dr weight 1`)

  const out = lvs.receive(udp(`${CLIENT} > 192.0.2.1:53`, { noChecksum: true }))

  const expected = { ttl: 63, noChecksum: true, dmac: macOf('10.0.0.2') }
  sameFrame(t, out, udp(`${CLIENT} > 192.0.2.1:53`, expected))
})

test('dr: a whole connection from the client, every segment goes to the one dest', async t => {
  const lvs = await director(
    t,
    `tcp 192.0.2.1:80 rr
       -> 10.0.0.2:80 dr weight 1
       -> 10.0.0.3:80 dr weight 1`,
  )
  const path = `${CLIENT} > 192.0.2.1:80`

  for (const flags of ['S', 'A', 'PA', 'FA', 'A']) {
    const out = lvs.receive(tcp(path, flags))

    sameFrame(t, out, tcp(path, flags, { ttl: 63, dmac: macOf('10.0.0.3') }))
  }
})

test('dr: an answer that passes the director, it is left alone', async t => {
  const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 dr weight 1`)
  lvs.receive(tcp(`${CLIENT} > 192.0.2.1:80`, 'S'))

  const left = ['SA', 'A'].map(flags => lvs.run(tcp(`192.0.2.1:80 > ${CLIENT}`, flags)))

  t.deepEqual(
    left.map(out => [out.reason, out.verdict]),
    [
      ['no service', XDP.pass],
      ['no connection', XDP.pass],
    ],
  )
})

for (const [fwd, path] of [
  ['nat', `${CLIENT} > 10.0.0.2:80`],
  ['dr', `${CLIENT} > 192.0.2.1:80`],
] as const)
  test(`forward: ${fwd} to a dest behind the other interface, redirected there`, async t => {
    const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 ${fwd} weight 1`, {
      behindOther: ['10.0.0.2'],
    })

    const out = lvs.run(tcp(`${CLIENT} > 192.0.2.1:80`, 'S'))

    const macs = { smac: OTHER_MAC, dmac: macOf('10.0.0.2') }
    t.is(out.verdict, XDP.redirect)
    sameFrame(t, out.frame, tcp(path, 'S', { ttl: 63, ...macs }))
  })

test('forward: a client behind the other interface, its answer is redirected there', async t => {
  const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1`, {
    behindOther: ['198.51.100.7'],
  })
  lvs.receive(tcp(`${CLIENT} > 192.0.2.1:80`, 'S'))

  const out = lvs.run(tcp(`10.0.0.2:80 > ${CLIENT}`, 'SA'))

  t.is(out.verdict, XDP.redirect)
  const macs = { smac: OTHER_MAC, dmac: macOf('198.51.100.7') }
  sameFrame(t, out.frame, tcp(`192.0.2.1:80 > ${CLIENT}`, 'SA', { ttl: 63, ...macs }))
})

for (const [fwd, path] of [
  ['nat', `${CLIENT} > 10.0.0.2:8080`],
  ['dr', `${CLIENT} > 192.0.2.1:80`],
] as const)
  test(`forward: ${fwd} to a dest whose MAC is unknown, the companion is told`, async t => {
    const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:8080 ${fwd} weight 1`, {
      behindOther: ['10.0.0.2'],
    })
    forgetNeighbour(lvs, '10.0.0.2')

    const out = lvs.run(tcp(`${CLIENT} > 192.0.2.1:80`, 'S'))

    t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
    const { note, frame } = noted(out.frame)
    t.deepEqual(note, { isNote: true, ifindex: OTHER_INTERFACE, nexthop: '10.0.0.2', pad: 0 })
    t.is(packet(frame), packet(tcp(path, 'S', { ttl: 63 })))
  })

for (const noChecksum of [false, true])
  test(`forward: a reply to a client whose MAC is unknown, the companion is told, checksum ${
    noChecksum ? 'computed' : 'changed'
  }`, async t => {
    const lvs = await director(t, `udp 192.0.2.1:53 rr\n-> 10.0.0.2:5353 nat weight 1`)
    lvs.receive(udp(`203.0.113.9:5000 > 192.0.2.1:53`))
    forgetNeighbour(lvs, '198.51.100.254')

    const out = lvs.run(udp('10.0.0.2:5353 > 203.0.113.9:5000', { noChecksum }))

    t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
    const { note, frame } = noted(out.frame)
    t.deepEqual(note, { isNote: true, ifindex: 1, nexthop: '198.51.100.254', pad: 0 })
    t.is(packet(frame), packet(udp('192.0.2.1:53 > 203.0.113.9:5000', { ttl: 63 })))
  })

test('forward: a reply to a client that is no neighbour yet, the companion is told', async t => {
  const lvs = await director(t, `udp 192.0.2.1:53 rr\n-> 10.0.0.2:5353 nat weight 1`)
  lvs.receive(udp(`198.51.100.77:5000 > 192.0.2.1:53`))

  const out = lvs.run(udp('10.0.0.2:5353 > 198.51.100.77:5000', { noChecksum: true }))

  t.is(out.reason, 'resolving')
  const { note, frame } = noted(out.frame)
  t.is(note.nexthop, '198.51.100.77')
  t.is(packet(frame), packet(udp('192.0.2.1:53 > 198.51.100.77:5000', { ttl: 63 })))
})

test('forward: a neighbour that has become known, the next packet goes straight to it', async t => {
  const lvs = await director(t, `tcp 192.0.2.1:80 rr\n-> 10.0.0.2:80 nat weight 1`)
  const before = neighboursOf(lvs)
  forgetNeighbour(lvs, '10.0.0.2')
  lvs.run(tcp(`${CLIENT} > 192.0.2.1:80`, 'S'))
  lvs.setNetwork(facts => (facts.neighbours = before))

  const out = lvs.run(tcp(`${CLIENT} > 192.0.2.1:80`, 'A'))

  t.deepEqual([out.reason, out.verdict], ['nat request', XDP.tx])
})

test('forward: the router has another MAC address, replies go to the new one', async t => {
  const lvs = await director(t, `udp 192.0.2.1:53 rr\n-> 10.0.0.2:53 nat weight 1`)
  lvs.receive(udp('203.0.113.9:5000 > 192.0.2.1:53'))
  lvs.receive(udp('10.0.0.2:53 > 203.0.113.9:5000'))
  lvs.setNetwork(facts => {
    for (const n of facts.neighbours) if (n.address === '198.51.100.254') n.mac = OTHER_MAC
  })

  const out = lvs.receive(udp('10.0.0.2:53 > 203.0.113.9:5000'))

  const expected = { ttl: 63, dmac: OTHER_MAC }
  sameFrame(t, out, udp('192.0.2.1:53 > 203.0.113.9:5000', expected))
})
