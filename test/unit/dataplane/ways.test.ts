/** The network as rows: next hops, neighbours, routes, interfaces and tags. */
import test from 'ava'
import {
  INTERFACE,
  LIMIT,
  NEXTHOP,
  NEXTHOP_FLAGS,
  readInterface,
  type Nexthop,
} from '../../../control/abi/maps.gen.ts'
import type { Kernel } from '../../../control/dataplane/kernel.ts'
import { Ways } from '../../../control/dataplane/ways.ts'
import { formatAddress, formatIpv4 } from '../../../control/model/address.ts'
import { Network, type Facts, type Link, type RouteFact } from '../../../control/plan/network.ts'
import { memoryMap } from '../../support/memory_map.ts'

const NUD_INCOMPLETE = 0x01
const NUD_FAILED = 0x20
const NUD_PERMANENT = 0x80
const HOPS = 64

function world(facts: Facts, attached = [1]) {
  const maps = {
    nexthops: memoryMap(HOPS * NEXTHOP.size),
    interfaces: memoryMap(LIMIT.IFINDEX_MAX * INTERFACE.size),
    ...{ neighbours: memoryMap(), routes: memoryMap(), vlans: memoryMap() },
    own: memoryMap(LIMIT.OWN_BITS / 8),
  }
  const kernel = (adopted: boolean): Kernel => {
    const named = Object.entries(maps).map(([name, { map }]) => [name, map])
    return { adopted, maps: Object.fromEntries(named) as unknown } as Kernel
  }
  const ways = new Ways(kernel(false), new Network(facts))
  const update = (): void => {
    ways.update(new Network(facts), new Set(attached))
  }
  update()
  const adopted = (): Ways => {
    const again = new Ways(kernel(true), new Network(facts))
    again.update(new Network(facts), new Set(attached))
    return again
  }
  return { maps, ways, update, adopted }
}

const LINK: Link = { ifindex: 1, name: 'one', mac: '02:00:00:00:00:01', mtu: 1500, up: true }
const route = (destination: string, prefix: number, more: Partial<RouteFact> = {}): RouteFact => ({
  ...{ table: 254, type: 1, metric: 0, mtu: 0, nexthops: [], gateway: '', ifindex: 1 },
  ...{ destination, prefix },
  ...more,
})
const neighbour = (address: string, last: number, ifindex = 1) => ({
  ...{ ifindex, address, mac: `02:01:00:00:00:0${last}`, state: NUD_PERMANENT },
})

/** Hosts of both families on one link, a gateway for each. */
function plain(): Facts {
  return {
    links: [LINK],
    addresses: [
      { ifindex: 1, address: '10.0.0.1', prefix: 24 },
      { ifindex: 1, address: 'fe80::1', prefix: 64 },
      { ifindex: 1, address: '2001:db8::1', prefix: 64 },
    ],
    routes: [
      route('10.0.0.0', 24),
      route('0.0.0.0', 0, { gateway: '10.0.0.254' }),
      route('2001:db8::', 64),
      route('::', 0, { gateway: 'fe80::9' }),
    ],
    neighbours: [
      ...[neighbour('10.0.0.2', 2), neighbour('10.0.0.254', 4)],
      ...[neighbour('2001:db8::2', 6), neighbour('fe80::9', 9)],
    ],
  }
}

const macText = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex', 5)

function hop(ways: Ways, address: string): Nexthop {
  return ways.nexthops.get(ways.reach(address).nexthop)
}

for (const [to, via, dmac] of [
  ['10.0.0.2', '10.0.0.2', '02'],
  ['203.0.113.1', '10.0.0.254', '04'],
  ['2001:db8::2', '2001:db8::2', '06'],
  ['2001:db8:ffff::1', 'fe80::9', '09'],
] as const)
  test(`ways: to ${to}, the neighbour ${via} is the next hop`, t => {
    const { ways } = world(plain())

    const row = hop(ways, to)

    t.is(formatAddress(row.addr), via)
    t.is(macText(row.dmac), dmac)
    t.like(row, { ifindex: 1, logical: 1, mtu: 1500, flags: NEXTHOP_FLAGS.NEXTHOP_VALID })
    t.true(ways.reach(to).resolved)
    const known = ways.neighbours().find(n => n.address === via)
    t.is(known?.nexthop, ways.reach(to).nexthop)
  })

test('ways: an address of this host, it is local and has no next hop', t => {
  const { ways } = world(plain())

  for (const address of ['10.0.0.1', '2001:db8::1'])
    t.like(ways.reach(address), { nexthop: 0, local: true, resolved: true })
})

test('ways: a neighbour that is not known, it is to be asked for', t => {
  const { ways } = world(plain())

  t.deepEqual(ways.reach('2001:db8::7').unresolved, { ifindex: 1, address: '2001:db8::7' })
  t.is(ways.reach('2001:db8::7').source, '2001:db8::1')
})

test('ways: routes of two MTUs through one gateway, each has its next hop', t => {
  const facts = plain()
  const narrow = { gateway: '10.0.0.254', mtu: 1400 }
  facts.routes.push(route('198.51.100.0', 24, narrow))
  const { ways } = world(facts)

  const [wide, small] = ['203.0.113.1', '198.51.100.1'].map(address => ways.reach(address))

  t.not(wide?.nexthop, small?.nexthop)
  t.deepEqual(
    [wide, small].map(reach => ways.nexthops.get(reach?.nexthop ?? 0).mtu),
    [1500, 1400],
  )
  t.true(small?.resolved)
})

test('ways: a network whose route has an MTU, its neighbours have it too', t => {
  const facts = plain()
  facts.routes[0] = route('10.0.0.0', 24, { mtu: 1300 })
  const { ways } = world(facts)

  const known = ways.neighbours().find(n => n.address === '10.0.0.2')

  t.is(ways.nexthops.get(known?.nexthop ?? 0).mtu, 1300)
  t.is(known?.nexthop, ways.reach('10.0.0.2').nexthop)
})

test('ways: a neighbour goes and comes back as another, the row stays its own', t => {
  const facts = plain()
  const { ways, update } = world(facts)
  const { nexthop } = ways.reach('10.0.0.2')
  const [gone] = facts.neighbours.splice(0, 1)
  update()
  t.false(ways.reach('10.0.0.2').resolved)
  t.is(ways.neighbours().length, 3)

  facts.neighbours.push({ ...(gone ?? neighbour('', 0)), mac: '02:01:00:00:00:77' })
  update()

  t.is(ways.reach('10.0.0.2').nexthop, nexthop)
  t.is(macText(ways.nexthops.get(nexthop).dmac), '77')
})

/** 1 with VLAN 5 on it, dests behind the VLAN. */
function tagged(): Facts {
  const vlan = { kind: 'vlan', parent: 1, vlanId: 100, vlanProtocol: 0x8100 }
  const address = '10.5.0.1'
  return {
    links: [LINK, { ...LINK, ifindex: 5, name: 'v', mac: '02:00:00:00:00:05', mtu: 1496, ...vlan }],
    addresses: [{ ifindex: 5, address, prefix: 24 }],
    routes: [route('10.5.0.0', 24, { ifindex: 5 })],
    neighbours: [neighbour('10.5.0.2', 2, 5)],
  }
}

test('ways: a neighbour in a VLAN, frames leave by its parent with a tag', t => {
  const { ways, maps } = world(tagged())
  const { NEXTHOP_VALID, NEXTHOP_TAGGED } = NEXTHOP_FLAGS

  const row = hop(ways, '10.5.0.2')

  t.like(row, { ifindex: 1, logical: 5, mtu: 1496, tpid: 0x8100, tci: 100 })
  t.is(row.flags, NEXTHOP_VALID | NEXTHOP_TAGGED)
  t.is(macText(row.smac), '05')
  t.like(ways.neighbours()[0], { ifindex: 5, address: '10.5.0.2' })
  t.deepEqual([...maps.vlans.held], [['0100000081000064', '05000000']])
})

test('ways: an attached interface and its VLAN, each has its row', t => {
  const { maps, update } = world(tagged())
  const v = new DataView(maps.interfaces.map.mmap())
  const row = (ifindex: number) => readInterface(v, ifindex * INTERFACE.size)

  t.is(macText(row(1).mac), '01')
  t.is(macText(row(5).mac), '05')
  t.is(formatIpv4(row(5).addr), '10.5.0.1')
  t.is(row(1).flags & row(5).flags, 1)
  update()
  t.is(row(9).flags, 0)
})

test('ways: both families have addresses, an interface speaks by both', t => {
  const { maps } = world(plain())
  const row = readInterface(new DataView(maps.interfaces.map.mmap()), INTERFACE.size)

  t.is(formatIpv4(row.addr), '10.0.0.1')
  t.is(formatAddress(row.addr6), '2001:db8::1')
})

for (const [what, facts] of [
  ['both families', plain],
  ['a VLAN', tagged],
] as const)
  test(`ways: ${what} adopted, nothing is written and ids are the same`, t => {
    const { ways, maps, adopted } = world(facts())
    const before = Buffer.from(maps.nexthops.map.mmap().slice(0))
    const logs = [maps.neighbours, maps.routes, maps.vlans].map(m => m.log)
    for (const log of logs) log.length = 0

    const again = adopted()

    t.deepEqual(Buffer.from(maps.nexthops.map.mmap()), before)
    t.deepEqual(logs, [[], [], []])
    t.deepEqual(again.neighbours(), ways.neighbours())
    t.deepEqual(again.routes(), ways.routes())
  })

test('ways: adopted with a route MTU, a new neighbour takes an id that nobody has', t => {
  const facts = plain()
  facts.routes[0] = route('10.0.0.0', 24, { mtu: 1300 })
  const { ways, adopted } = world(facts)
  const taken = new Set(ways.neighbours().map(n => n.nexthop))

  const again = adopted()

  t.is(again.reach('10.0.0.2').nexthop, ways.reach('10.0.0.2').nexthop)
  t.false(taken.has(again.reach('10.0.0.77').nexthop))
})

test('ways: a neighbour that does not answer, clients are told until it does', t => {
  const facts = plain()
  const { ways, update } = world(facts)
  const neighbours = facts.neighbours
  const told: [state: number, mac: string, isTold: boolean][] = [
    [NUD_INCOMPLETE, '', false],
    [NUD_FAILED, '', true],
    [NUD_INCOMPLETE, '', true],
    [NUD_PERMANENT, '02:01:00:00:00:07', false],
    [NUD_INCOMPLETE, '', false],
  ]

  const seen = told.map(([state, mac]) => {
    facts.neighbours = [...neighbours, { ifindex: 1, address: '10.0.0.7', mac, state }]
    update()
    return ways.reach('10.0.0.7')
  })

  t.deepEqual(
    seen.map(reach => reach.nexthop === 0),
    told.map(([, , isTold]) => isTold),
  )
  t.deepEqual(
    seen.map(reach => reach.unresolved?.address),
    told.map(([, mac]) => (mac === '' ? '10.0.0.7' : undefined)),
  )
})

test('ways: a silent neighbour and then no route at all, that is another way', t => {
  const facts = { ...plain(), addresses: [] }
  facts.neighbours.push({ ...neighbour('10.0.0.7', 7), state: NUD_FAILED })
  const { ways, update } = world(facts)
  ways.reach('10.0.0.7')
  ways.takeMoved()

  facts.routes = []
  update()

  t.deepEqual([...ways.takeMoved()], ['10.0.0.7'])
})
