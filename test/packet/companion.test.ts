/**
 * Neighbours that are not known: the frame is made ready, a note for the tc companion is put in
 * front of it, and it passes to the kernel, which resolves and sends. See bpf/tc.bpf.c.
 */
import test from 'ava'
import { LIMIT } from '../../control/abi/maps.gen.ts'
import { director, OTHER_INTERFACE, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, service, type Family } from '../support/families.ts'
import { at, icmpError, ipip, samePacket, tcp, udp } from '../support/frames.ts'
import { addressText } from '../support/wire.ts'
import type { Facts } from '../../control/plan/network.ts'

/** sizeof(struct companion_note): magic, interface, address. */
const NOTE_BYTES = 24

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
    nexthop: unmapped(addressText(b.subarray(8, NOTE_BYTES))),
  }
  return { note, frame: b.subarray(NOTE_BYTES) }
}

/** An IPv4 address that is written as ::ffff:a.b.c.d, in its own form. */
function unmapped(text: string): string {
  const [, high = '', low = ''] = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text) ?? []
  if (high === '') return text
  const [a, b] = [parseInt(high, 16), parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

for (const f of FAMILIES) {
  const { request, requestOut } = paths(f)

  for (const [fwd, path] of [
    ['nat', requestOut],
    ['dr', request],
  ] as const) {
    test(`companion: ${fwd} to a dest of ${f.name} whose MAC is unknown, it is told`, async t => {
      const lvs = await director(t, service(f, { fwd }), { behindOther: [f.dest(2)] })
      forgetNeighbour(lvs, f.dest(2))

      const out = lvs.run(tcp(request, 'S'))

      t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
      const { note, frame } = noted(out.frame)
      t.deepEqual(note, { isNote: true, ifindex: OTHER_INTERFACE, nexthop: f.dest(2) })
      samePacket(t, frame, tcp(path, 'S', { ttl: 63 }))
    })

    test(`companion: ${fwd} of ${f.name}, the MAC becomes known, it is not asked`, async t => {
      const lvs = await director(t, service(f, { fwd }))
      const before = neighboursOf(lvs)
      forgetNeighbour(lvs, f.dest(2))
      t.is(lvs.run(tcp(request, 'S')).reason, 'resolving')
      lvs.setNetwork(facts => (facts.neighbours = before))

      const out = lvs.run(tcp(request, 'A'))

      t.deepEqual([out.reason, out.verdict], [fwd === 'nat' ? 'nat request' : 'direct', XDP.tx])
    })
  }

  for (const [who, client, neighbour] of [
    ['behind a router', f.far, f.router],
    ['that is no neighbour yet', f.stranger, f.stranger],
  ] as const)
    for (const noChecksum of [false, true])
      test(`companion: a reply of ${f.name} to a client ${who}, with its checksum ${
        noChecksum ? 'computed' : 'changed'
      }`, async t => {
        const lvs = await director(t, service(f, { protocol: 'udp' }))
        lvs.receive(udp(`${at(client, 5000)} > ${at(f.vip, 80)}`))
        forgetNeighbour(lvs, f.router)

        const out = lvs.run(udp(`${at(f.dest(2), 8080)} > ${at(client, 5000)}`, { noChecksum }))

        t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
        const { note, frame } = noted(out.frame)
        t.deepEqual(note, { isNote: true, ifindex: 1, nexthop: neighbour })
        samePacket(t, frame, udp(`${at(f.vip, 80)} > ${at(client, 5000)}`, { ttl: 63 }))
        t.is(lvs.traffic().outPackets, 1)
      })

  test(`companion: an error of ${f.name} to a client of unknown MAC, it sends it`, async t => {
    const lvs = await director(t, `tcp ${at(f.vip, 80)} rr`)
    const frame = tcp(`${at(f.stranger, 40000)} > ${at(f.vip, 80)}`, 'S')

    const out = lvs.run(frame)

    t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
    const { note, frame: sent } = noted(out.frame)
    t.deepEqual(note, { isNote: true, ifindex: 1, nexthop: f.stranger })
    const id = f === IPV4 ? Buffer.from(sent).readUInt16BE(18) : 0
    const wanted = { df: false, id }
    samePacket(t, sent, icmpError(`${f.vip} > ${f.stranger}`, ...f.errors.noPort, frame, wanted))
  })
}

/** A family inside, a family outside. */
const MIXES: [inner: Family, outer: Family][] = FAMILIES.flatMap(inner =>
  FAMILIES.map((outer): [Family, Family] => [inner, outer]),
)

for (const [inner, outer] of MIXES)
  test(`companion: ${inner.name} by tunnel to an unknown ${outer.name} host, told`, async t => {
    const { request } = paths(inner)
    const lvs = await director(t, service(inner, { fwd: 'tun', dest: outer.dest(2) }))
    forgetNeighbour(lvs, outer.dest(2))

    const out = lvs.run(tcp(request, 'S'))

    t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
    const { note, frame } = noted(out.frame)
    t.deepEqual(note, { isNote: true, ifindex: 1, nexthop: outer.dest(2) })
    t.is(Buffer.from(frame).readUInt16BE(12), outer === IPV6 ? 0x86dd : 0x0800)
    const df = inner === IPV4
    const sent = tcp(request, 'S', { ttl: 63 })
    const id = df ? 0 : outer === IPV4 ? Buffer.from(frame).readUInt16BE(18) : 0
    const path = `${outer.director} > ${outer.dest(2)}`
    samePacket(t, frame, ipip(path, sent, { ttl: 63, df, id }))
  })
