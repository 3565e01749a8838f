/** Every reason a packet may leave with: one frame, or the shortest story, that produces it. */
import test from 'ava'
import { ICMP_CREDIT, REASON, WALK } from '../../control/abi/maps.gen.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { writeDefence } from '../../control/dataplane/settings.ts'
import { defence } from '../../control/plan/defence.ts'
import { director, XDP, type PacketDirector, type Received } from '../support/director.ts'
import { icmpError, tcp, udp } from '../support/frames.ts'
import { hashOf, KEY, stripeOf, tuple } from './table.ts'

const CLIENT = '198.51.100.7:40000'
const PATH = `${CLIENT} > 192.0.2.1:80`
const REPLY = `10.0.0.2:8080 > ${CLIENT}`
const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:8080 nat weight 1
  tcp 192.0.2.1:81 rr
    -> 10.0.0.2:81 dr weight 1
  tcp 192.0.2.1:82 rr
    -> 10.0.0.3:82 tun weight 1
  udp 192.0.2.1:53 rr
    -> 10.0.0.3:53 nat weight 0`
const { drop, pass, tx } = XDP

/** A frame with one byte changed. */
function changed(frame: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = Uint8Array.from(frame)
  copy[at] = byte
  return copy
}

function withoutNeighbour(lvs: PacketDirector): void {
  lvs.setNetwork(facts => (facts.neighbours = []))
}

/** Fills the table, whose slots and stash are as few as they can be. */
function fill(lvs: PacketDirector): void {
  const full = new Array<number>(lvs.dataplane.conns[0].byteLength / 4).fill(0x01010101)
  new Uint32Array(lvs.dataplane.conns[0]).set(full)
}

/** Another host's port unreachable about a segment, sent to an address. */
function errorAbout(path: string, to: string, checksumError = 0): Uint8Array {
  return icmpError(`198.51.100.254 > ${to}`, 3, 3, tcp(path, 'A'), { checksumError })
}

/** As many were sent in this second as may be. */
function noMoreResets(lvs: PacketDirector): void {
  const credits = new DataView(lvs.kernel.maps.icmp_credits.mmap())
  credits.setUint32(ICMP_CREDIT.size + ICMP_CREDIT.filled, lvs.kernel.clock() * 8, true)
}

type Row = [verdict: number, story: (lvs: PacketDirector) => Received]

const ROWS: Record<string, Row> = {
  'not ip': [pass, lvs => lvs.run(changed(tcp(PATH, 'S'), 12, 0x86))],
  'foreign mac': [pass, lvs => lvs.run(tcp(PATH, 'S'), { dmac: '02:00:00:00:00:99' })],
  malformed: [pass, lvs => lvs.run(changed(tcp(PATH, 'S'), 14, 0x44))],
  'bad checksum': [pass, lvs => lvs.run(changed(tcp(PATH, 'S'), 24, 0x55))],
  'has options': [
    pass,
    lvs => lvs.run(tcp(PATH, 'S', { options: Buffer.from('83030400', 'hex') })),
  ],
  fragment: [pass, lvs => lvs.run(tcp(PATH, 'S', { df: false, fragment: 0x2000 }))],
  'other protocol': [pass, lvs => lvs.run(udp(PATH, { protocol: 47 }))],
  truncated: [pass, lvs => lvs.run(udp(PATH, { protocol: 6, data: 'short' }))],
  'no service': [pass, lvs => lvs.run(tcp(`${CLIENT} > 192.0.2.1:443`, 'S'))],
  'no connection': [pass, lvs => lvs.run(tcp(PATH, 'A'))],
  'ftp data': [pass, lvs => lvs.run(tcp('198.51.100.7:20 > 192.0.2.1:80', 'S'))],
  'vip not local': [
    pass,
    lvs => {
      lvs.setNetwork(facts => (facts.addresses = []))
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'other vlan': [pass, lvs => lvs.run(tcp(PATH, 'S', { tags: [{ vid: 9 }] }))],
  martian: [pass, lvs => lvs.run(tcp('127.0.0.1:40000 > 192.0.2.1:80', 'S'))],
  'local dest': [
    pass,
    lvs => {
      const own = { ifindex: 1, address: '10.0.0.2', prefix: 32 }
      lvs.setNetwork(facts => facts.addresses.push(own))
      return lvs.run(tcp(`${CLIENT} > 192.0.2.1:81`, 'S'))
    },
  ],
  'direct reply': [
    pass,
    lvs => {
      const about = tcp(`${CLIENT} > 192.0.2.1:81`, 'S')
      lvs.run(about)
      return lvs.run(icmpError('10.0.0.254 > 198.51.100.7', 3, 1, about))
    },
  ],
  'nat request': [tx, lvs => lvs.run(tcp(PATH, 'S'))],
  'nat reply': [
    tx,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      return lvs.run(tcp(REPLY, 'SA'))
    },
  ],
  direct: [tx, lvs => lvs.run(tcp(`${CLIENT} > 192.0.2.1:81`, 'S'))],
  tunnel: [tx, lvs => lvs.run(tcp(`${CLIENT} > 192.0.2.1:82`, 'S'))],
  'icmp request': [
    tx,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      return lvs.run(errorAbout(`192.0.2.1:80 > ${CLIENT}`, '192.0.2.1'))
    },
  ],
  'icmp reply': [
    tx,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      return lvs.run(errorAbout(`${CLIENT} > 10.0.0.2:8080`, '198.51.100.7'))
    },
  ],
  resolving: [
    pass,
    lvs => {
      withoutNeighbour(lvs)
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'ttl expired': [tx, lvs => lvs.run(tcp(PATH, 'S', { ttl: 1 }))],
  'too big': [tx, lvs => lvs.run(tcp(PATH, 'S', { data: Buffer.alloc(1461) }))],
  'no dest': [tx, lvs => lvs.run(udp(`${CLIENT} > 192.0.2.1:53`))],
  stray: [
    tx,
    lvs => {
      lvs.dataplane.set({ nat_icmp_send: 1 })
      return lvs.run(tcp(REPLY, 'A'))
    },
  ],
  unreachable: [
    tx,
    lvs => {
      lvs.setNetwork(f => (f.routes = f.routes.filter(r => r.destination === '198.51.100.0')))
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  reset: [
    tx,
    lvs => {
      for (const { service } of lvs.intents) service.destGone = 'reset'
      lvs.publish()
      lvs.run(tcp(PATH, 'S'))
      lvs.intents[0]?.dests.pop()
      lvs.publish()
      return lvs.run(tcp(PATH, 'A'))
    },
  ],
  'dest gone': [
    drop,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      lvs.intents[0]?.dests.pop()
      lvs.publish()
      return lvs.run(tcp(PATH, 'A'))
    },
  ],
  'table full': [
    drop,
    lvs => {
      fill(lvs)
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'stripe busy': [
    drop,
    lvs => {
      const locked = new Uint8Array(new BigUint64Array([1n]).buffer)
      lvs.kernel.maps.stripes.update(key32(stripeOf(hashOf(tuple(PATH, 6)))), locked)
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'no route': [
    drop,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      lvs.setNetwork(f => (f.routes = f.routes.filter(r => r.destination === '10.0.0.0')))
      return lvs.run(tcp(REPLY, 'SA'))
    },
  ],
  'needs fragmenting': [
    drop,
    lvs => lvs.run(tcp(PATH, 'S', { data: Buffer.alloc(1461), df: false })),
  ],
  'bad icmp': [
    drop,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      return lvs.run(errorAbout(`192.0.2.1:80 > ${CLIENT}`, '192.0.2.1', 1))
    },
  ],
  'cut short': [
    drop,
    lvs => {
      lvs.run(tcp(PATH, 'S'))
      return lvs.run(udp(PATH, { protocol: 6, data: 'short' }))
    },
  ],
  overload: [
    drop,
    lvs => {
      const set = { drop_packet: 3, am_droprate: 1 }
      writeDefence(lvs.kernel, defence(set, Infinity))
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'loopback dest': [
    drop,
    lvs => {
      lvs.intents[0]?.dests.push({ address: '127.0.0.1', port: 8080, fwd: 'nat', weight: 1 })
      lvs.intents[0]?.dests.shift()
      lvs.setNetwork(facts => facts.addresses.push({ ifindex: 1, address: '127.0.0.1', prefix: 8 }))
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  'reset limited': [
    drop,
    lvs => {
      for (const { service } of lvs.intents) service.destGone = 'reset'
      lvs.publish()
      lvs.run(tcp(PATH, 'S'))
      lvs.intents[0]?.dests.pop()
      lvs.publish()
      noMoreResets(lvs)
      return lvs.run(tcp(PATH, 'A'))
    },
  ],
  'no call id': [
    drop,
    lvs => {
      const [intent] = lvs.intents
      Object.assign(intent?.service ?? {}, { persistentS: 60, engine: 'sip' })
      lvs.publish()
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
  // A walk that is missing.
  internal: [
    drop,
    lvs => {
      lvs.kernel.maps.walks.delete(key32(WALK.WALK_NEW))
      return lvs.run(tcp(PATH, 'S'))
    },
  ],
}

for (const [reason, [verdict, story]] of Object.entries(ROWS))
  test(`reasons: ${reason}, a frame leaves with it`, async t => {
    const lvs = await director(t, SERVICES, { key: KEY })

    const left = story(lvs)

    t.deepEqual({ reason: left.reason, verdict: left.verdict }, { reason, verdict })
  })

test('reasons: the enum, each has its row above', t => {
  const sizes = new Set(['GO_ON', 'REASONS', 'REASONS_MAX'])
  const names = Object.keys(REASON).filter(name => !sizes.has(name))

  const rows = Object.keys(ROWS)

  t.deepEqual(
    rows,
    names.map(name => name.toLowerCase().replaceAll('_', ' ')),
  )
  t.is(rows.length + 1, REASON.REASONS)
})
