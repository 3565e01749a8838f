/**
 * 802.1Q and 802.1ad tags: the interface a frame counts as arriving on, and the tag it leaves with.
 * Source: IEEE 802.1Q section 9; net/8021q/vlan_core.c vlan_do_receive (v6.12); recorded frames.
 */
import test from 'ava'
import { LIMIT } from '../../control/abi/maps.gen.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { FAMILIES, IPV4, IPV6, paths, service, services, type Family } from '../support/families.ts'
import {
  at,
  fragmentHeader,
  icmpError,
  ipip,
  readdressed,
  sameButId,
  sameFrame,
  samePacket,
  tagged,
  tcp,
  udp,
  type Tag,
} from '../support/frames.ts'
import {
  addVlans,
  forget,
  reachBy,
  SERVICE_VLAN,
  VLAN5,
  VLAN6,
  type Vlan,
} from '../support/vlans.ts'

const MACS = { dmac: VLAN5.mac }
const FIVE: Tag = { vid: 5 }

interface Reached {
  /** The VLAN that the client, or the dest, is reached by; none: untagged. */
  client?: Vlan
  dest?: Vlan
  fwd?: string
  weight?: number
}

/** A director that knows VLANs 5 and 6, its client and dest where the test wants them. */
async function vlanDirector(
  t: Parameters<typeof director>[0],
  f: Family,
  { client, dest, ...o }: Reached = {},
): Promise<PacketDirector> {
  const lvs = await director(t, services(f, o))
  addVlans(lvs, VLAN5, VLAN6, SERVICE_VLAN)
  if (client) reachBy(lvs, f.client, client)
  if (dest) reachBy(lvs, f.dest(2), dest)
  return lvs
}

/** Where the frame leaves: the tag and the MAC address that it has then. */
function leaving(vlan: Vlan | undefined) {
  return vlan ? { tags: [{ vid: vlan.vid, tpid: vlan.tpid }], smac: vlan.mac } : {}
}

const WAYS: [what: string, from: Vlan | undefined, to: Vlan | undefined][] = [
  ['from a VLAN to the same, it keeps its tag', VLAN5, VLAN5],
  ['from a VLAN to another, tags are exchanged', VLAN5, VLAN6],
  ['from a VLAN to none, the tag is removed', VLAN5, undefined],
  ['from none to a VLAN, a tag is added', undefined, VLAN6],
  ['from a VLAN to one of another type, tags are exchanged', VLAN5, SERVICE_VLAN],
  ['from one of another type to none, the tag is removed', SERVICE_VLAN, undefined],
]

for (const f of FAMILIES) {
  const { request, requestOut, reply, replyOut } = paths(f)
  const none = { extensions: [] }

  for (const [what, from, to] of WAYS) {
    const tags = from ? [{ vid: from.vid, tpid: from.tpid }] : []
    const macs = from ? { dmac: from.mac } : {}

    test(`vlan: a request of ${f.name} ${what}`, async t => {
      const lvs = await vlanDirector(t, f, to ? { dest: to } : {})

      for (const flags of ['S', 'A', 'PA']) {
        const out = lvs.run(tcp(request, flags, { tags }), macs)

        t.deepEqual([out.reason, out.verdict], ['nat request', XDP.tx], flags)
        sameFrame(t, out.frame, tcp(requestOut, flags, { ...none, ttl: 63, ...leaving(to) }))
      }
    })

    test(`vlan: a reply of ${f.name} ${what}`, async t => {
      const lvs = await vlanDirector(t, f, to ? { client: to } : {})
      lvs.run(tcp(request, 'S'))

      for (const flags of ['SA', 'A', 'PA']) {
        const out = lvs.run(tcp(reply, flags, { tags }), macs)

        t.deepEqual([out.reason, out.verdict], ['nat reply', XDP.tx], flags)
        sameFrame(t, out.frame, tcp(replyOut, flags, { ttl: 63, ...leaving(to) }))
      }
    })

    test(`vlan: a datagram of ${f.name} without a checksum ${what}`, async t => {
      const lvs = await vlanDirector(t, f, to ? { dest: to } : {})

      const out = lvs.run(udp(request, { tags, noChecksum: true }), macs)

      sameFrame(t, out.frame, udp(requestOut, { ttl: 63, ...leaving(to) }))
    })

    test(`vlan: a tunnel for ${f.name} ${what}`, async t => {
      const lvs = await vlanDirector(t, f, { fwd: 'tun', ...(to ? { dest: to } : {}) })

      const out = lvs.run(tcp(request, 'S', { tags, df: false }), macs)

      t.is(out.reason, 'tunnel')
      const inner = tcp(request, 'S', { ttl: 63, df: false })
      const path = `${f.director} > ${f.dest(2)}`
      sameButId(t, out.frame, ipip(path, inner, { ttl: 63, df: false, ...leaving(to) }))
    })

    test(`vlan: an ICMP error of ${f.name} about a reply ${what}`, async t => {
      const lvs = await vlanDirector(t, f, to ? { dest: to } : {})
      lvs.run(udp(request))
      const [type, code] = f.errors.noPort
      const about = udp(replyOut)

      const out = lvs.run(icmpError(`${f.router} > ${f.vip}`, type, code, about, { tags }), macs)

      t.is(out.reason, 'icmp request')
      const quoted = readdressed(about, reply)
      const o = { ttl: 63, ...leaving(to) }
      sameFrame(t, out.frame, icmpError(`${f.router} > ${f.dest(2)}`, type, code, quoted, o))
    })

    test(`vlan: the director's error to a client of ${f.name} ${what}`, async t => {
      const lvs = await vlanDirector(t, f, { weight: 0, ...(to ? { client: to } : {}) })
      const frame = tcp(request, 'S', { tags })

      const out = lvs.run(frame, macs)

      t.deepEqual([out.reason, out.verdict], ['no dest', XDP.tx])
      const o = { df: false, ...leaving(to) }
      const path = `${f.vip} > ${f.client}`
      sameButId(t, out.frame, icmpError(path, ...f.errors.noPort, frame, o))
    })
  }

  for (const [what, o, error, reason] of [
    ['TTL 1', { ttl: 1 }, 'expired', 'ttl expired'],
    ['a packet too long', { data: Buffer.alloc(1481) }, 'tooBig', 'too big'],
  ] as const)
    test(`vlan: ${what} of ${f.name} on a VLAN, the error goes back with the tag`, async t => {
      const lvs = await vlanDirector(t, f, { client: VLAN5, dest: VLAN6 })
      const frame = tcp(request, 'S', { ...o, tags: [FIVE] })

      const out = lvs.run(frame, MACS)

      t.deepEqual([out.reason, out.verdict], [reason, XDP.tx])
      const quoted = error === 'tooBig' ? tcp(request, 'S', { ...o, ttl: 63 }) : frame
      const told = { df: false, ...leaving(VLAN5), rest: error === 'tooBig' ? 1500 : 0 }
      const path = `${f.vip} > ${f.client}`
      sameButId(t, out.frame, icmpError(path, ...f.errors[error], quoted, told))
    })

  for (const priority of [1, 7, 8, 15])
    test(`vlan: priority bits ${priority} of ${f.name}, they do not go on`, async t => {
      const lvs = await vlanDirector(t, f, { dest: VLAN5 })

      const out = lvs.run(tcp(request, 'S', { tags: [{ vid: 5, priority }] }), MACS)

      sameFrame(t, out.frame, tcp(requestOut, 'S', { ttl: 63, ...leaving(VLAN5) }))
    })

  for (const [what, tags] of [
    ['0x8100', [{ vid: 0 }]],
    ['0x8100 and priority', [{ vid: 0, priority: 6 }]],
    ['0x88a8', [{ vid: 0, tpid: 0x88a8 }]],
    ['both', [{ vid: 0, tpid: 0x88a8 }, { vid: 0 }]],
    [
      'three of them',
      [
        { vid: 0, priority: 1 },
        { vid: 0, priority: 2 },
        { vid: 0, priority: 3 },
      ],
    ],
    ['four of them', [{ vid: 0 }, { vid: 0, tpid: 0x88a8 }, { vid: 0 }, { vid: 0 }]],
  ] as [string, Tag[]][])
    test(`vlan: VID 0 by ${what} over ${f.name}, as if untagged`, async t => {
      const lvs = await vlanDirector(t, f)

      const there = lvs.run(tcp(request, 'S', { tags }))
      const back = lvs.run(tcp(reply, 'SA', { tags }))

      t.deepEqual([there.reason, back.reason], ['nat request', 'nat reply'])
      sameFrame(t, there.frame, tcp(requestOut, 'S', { ttl: 63 }))
      sameFrame(t, back.frame, tcp(replyOut, 'SA', { ttl: 63 }))
    })

  for (const [what, tags] of [
    ['a VID nobody has', [{ vid: 9 }]],
    ['VID 4095', [{ vid: 4095 }]],
    ['a VID of the other type', [{ vid: 6, tpid: 0x88a8 }]],
    ['a VID nobody has and priority', [{ vid: 9, priority: 5 }]],
  ] as [string, Tag[]][])
    test(`vlan: ${what} over ${f.name}, it passes with its tag`, async t => {
      const lvs = await vlanDirector(t, f)
      const frame = tcp(request, 'S', { tags })

      const out = lvs.run(frame)

      t.deepEqual([out.reason, out.verdict], ['other vlan', XDP.pass])
      t.is(hex(out.frame), hex(frame))
    })

  test(`vlan: the wire's MAC address on a VLAN over ${f.name}, not ours`, async t => {
    const lvs = await vlanDirector(t, f)
    const frame = tcp(request, 'S', { tags: [FIVE] })

    const left = [lvs.run(frame), lvs.run(tcp(request, 'S'), MACS)]

    t.deepEqual(
      left.map(out => [out.reason, out.verdict]),
      [
        ['foreign mac', XDP.pass],
        ['foreign mac', XDP.pass],
      ],
    )
    t.is(hex(left[0]?.frame ?? frame), hex(frame))
  })

  /** Frames that are the host's although their VLAN is ours, and why. */
  const passing: [reason: string, frame: Uint8Array][] = [
    ['no service', tcp(`${at(f.client, 1)} > ${at(f.vip, 81)}`, 'S')],
    ['no connection', tcp(request, 'A')],
    ['ftp data', tcp(`${at(f.client, 20)} > ${at(f.vip, 80)}`, 'S')],
    ['other protocol', udp(request, { protocol: 47 })],
    [
      'fragment',
      f === IPV4
        ? udp(request, { df: false, fragment: 0x2000 })
        : udp(request, { extensions: [fragmentHeader(0, true)] }),
    ],
    ['truncated', udp(request, { protocol: 6, data: 'short' })],
    ['malformed', tcp(request, 'S', { data: 'longer than the frame' }).subarray(0, 70)],
    ['not ip', withType(tcp(request, 'S'), 0x0806)],
  ]

  for (const [reason, frame] of passing)
    test(`vlan: ${reason} of ${f.name} on a VLAN, the frame passes byte for byte`, async t => {
      const zeros = [1, 2, 3].map(priority => ({ vid: 0, priority, tpid: 0x88a8 }))
      const five = { vid: 5, priority: 3 }
      for (const tags of [[five], [{ vid: 0, priority: 3 }], zeros, [...zeros, five]]) {
        const lvs = await vlanDirector(t, f)
        const sent = tagged(frame, ...tags)

        const out = lvs.run(sent, tags.includes(five) ? MACS : {})

        t.deepEqual([out.reason, out.verdict], [reason, XDP.pass])
        t.is(hex(out.frame), hex(sent))
      }
    })

  test(`vlan: unknown ICMP of ${f.name} on a VLAN, the frame passes byte for byte`, async t => {
    const lvs = await vlanDirector(t, f)
    const [type, code] = f.errors.noPort
    const o = { tags: [FIVE] }
    const sent = icmpError(`${f.router} > ${f.vip}`, type, code, udp(replyOut), o)

    const out = lvs.run(sent, MACS)

    t.is(out.verdict, XDP.pass)
    t.is(hex(out.frame), hex(sent))
  })

  test(`vlan: a dest of ${f.name} here, its packet passes byte for byte`, async t => {
    const lvs = await director(t, service(f, { fwd: 'dr' }))
    lvs.setNetwork(facts => facts.addresses.push(own(f)))
    addVlans(lvs, VLAN5)
    const sent = tcp(request, 'S', { tags: [{ vid: 5, priority: 2 }] })

    const out = lvs.run(sent, MACS)

    t.deepEqual([out.reason, out.verdict], ['local dest', XDP.pass])
    t.is(hex(out.frame), hex(sent))
  })

  for (const from of [VLAN5, undefined])
    test(`vlan: an unknown neighbour of ${f.name} on a VLAN${
      from ? ', from a VLAN' : ''
    }, the companion is told of the VLAN`, async t => {
      const lvs = await vlanDirector(t, f, { dest: VLAN6 })
      forget(lvs, f.dest(2))
      const o = from ? { tags: [{ vid: from.vid }] } : {}

      const out = lvs.run(tcp(request, 'S', o), from ? MACS : {})

      t.deepEqual([out.reason, out.verdict], ['resolving', XDP.pass])
      const b = Buffer.from(out.frame)
      t.deepEqual([b.readUInt32LE(0), b.readUInt32LE(4)], [LIMIT.COMPANION_MAGIC, VLAN6.ifindex])
      const frame = b.subarray(24)
      t.is(frame.readUInt16BE(12), f === IPV6 ? 0x86dd : 0x0800)
      samePacket(t, frame, tcp(requestOut, 'S', { ttl: 63 }))
    })
}

function own(f: Family) {
  return { ifindex: 1, address: f.dest(2), prefix: f === IPV4 ? 32 : 128 }
}

function withType(frame: Uint8Array, type: number): Uint8Array {
  const copy = Buffer.from(frame)
  copy.writeUInt16BE(type, 12)
  return copy
}

/** All of a frame but its MAC addresses, which the harness sets. */
function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString('hex', 12)
}

for (const f of FAMILIES)
  test(`vlan: tags inside tags of ${f.name}, only the outer one is ours`, async t => {
    const lvs = await vlanDirector(t, f)
    const sent = tcp(paths(f).request, 'S', { tags: [{ vid: 5 }, { vid: 6 }] })

    const out = lvs.run(sent, MACS)

    t.is(out.verdict, XDP.pass)
    t.is(hex(out.frame), hex(sent))
  })

for (const bytes of [14, 15, 16, 17])
  test(`vlan: a frame of ${bytes} bytes that begins with a tag, it passes`, async t => {
    const lvs = await vlanDirector(t, IPV4)
    const sent = tcp(paths(IPV4).request, 'S', { tags: [FIVE] }).subarray(0, bytes)

    const out = lvs.run(sent, MACS)

    t.is(out.verdict, XDP.pass)
    t.is(hex(out.frame), hex(sent))
  })
