/** Routes and addresses, against a plain search over all routes. */
import test from 'ava'
import fc from 'fast-check'
import {
  addressBytes,
  bitsOf,
  bytesOf,
  formatAddress,
  formatIpv4,
  formatIpv6,
  maskBits,
} from '../../../control/model/address.ts'
import {
  isUsable,
  Network,
  type Facts,
  type Link,
  type RouteFact,
} from '../../../control/plan/network.ts'

const LINK: Link = { ifindex: 1, name: 'one', mac: '02:00:00:00:00:01', mtu: 1500, up: true }
const LINKS: Link[] = [
  LINK,
  { ifindex: 2, name: 'two', mac: '02:00:00:00:00:02', mtu: 9000, up: true },
  { ifindex: 3, name: 'down', mac: '02:00:00:00:00:03', mtu: 1500, up: false },
]

function facts(routes: Partial<RouteFact>[], rest: Partial<Facts> = {}): Facts {
  const plain = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [], gateway: '', ifindex: 1 }
  const whole = routes.map(r => ({ ...plain, destination: '0.0.0.0', prefix: 0, ...r }))
  return { links: LINKS, addresses: [], neighbours: [], routes: whole, ...rest }
}

const FAMILIES = {
  IPv4: { bits: 32, at: 96, bytes: fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(formatIpv4) },
  IPv6: {
    ...{ bits: 128, at: 0 },
    bytes: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(b => formatIpv6(b)),
  },
}

/** The address in which the last `bits` are as in another. */
function mixed(address: string, other: string, bits: number): string {
  const [one, two] = [address, other].map(text => bitsOf(addressBytes(text)))
  const low = (1n << BigInt(bits)) - 1n
  return formatAddress(bytesOf(((one ?? 0n) & ~low) | ((two ?? 0n) & low)))
}

for (const [name, { bits, at, bytes }] of Object.entries(FAMILIES)) {
  const route = fc.record({ address: bytes, prefix: fc.nat(bits) }).map(({ address, prefix }) => ({
    destination: formatAddress(bytesOf(maskBits(bitsOf(addressBytes(address)), prefix + at))),
    prefix,
  }))

  test(`network: any routes of ${name}, the longest that matches is the way`, t => {
    fc.assert(
      fc.property(fc.array(route, { maxLength: 12 }), bytes, fc.nat(bits), (routes, any, low) => {
        const near = routes[0] ? mixed(routes[0].destination, any, low) : any
        const network = new Network(facts(routes))
        const own = bitsOf(addressBytes(near))
        const fits = routes.filter(
          r => maskBits(own, r.prefix + at) === bitsOf(addressBytes(r.destination)),
        )
        const longest = Math.max(-1, ...fits.map(r => r.prefix + at))

        t.is(network.way(near)?.prefix ?? -1, longest)
      }),
    )
  })
}

test('network: a default route of IPv6 only, it is not the way of IPv4', t => {
  const network = new Network(facts([{ destination: '::' }]))

  t.is(network.way('2001:db8::1')?.ifindex, 1)
  t.is(network.way('192.0.2.1'), undefined)
  const nowhere = network.ways().find(way => way.prefix === 96)
  t.like(nowhere, { network: 0xffff_0000_0000n, ifindex: 0 })
})

test('network: routes of IPv6 into the place of IPv4, they are not its way', t => {
  const network = new Network(facts([{ destination: '::ffff:10.0.0.0', prefix: 104 }]))

  t.is(network.way('10.0.0.1'), undefined)
})

const TO = { destination: '10.0.0.0', prefix: 8 }
const ROWS: [what: string, routes: Partial<RouteFact>[], ifindex: number | undefined][] = [
  ['by the main table', [{ ...TO, table: 254 }], 1],
  ['by the default table', [{ ...TO, table: 253 }], 1],
  ['by the local table', [{ ...TO, table: 255 }], undefined],
  ['by a table of a rule', [{ ...TO, table: 100 }], undefined],
  ['to nowhere (blackhole)', [{ ...TO, type: 6 }], undefined],
  ['by an interface that is down', [{ ...TO, ifindex: 3 }], undefined],
  ['by an interface that is gone', [{ ...TO, ifindex: 9 }], undefined],
  [
    'of two metrics',
    [
      { ...TO, metric: 200, ifindex: 1 },
      { ...TO, metric: 100, ifindex: 2 },
    ],
    2,
  ],
  [
    'whose better one is down',
    [
      { ...TO, metric: 1, ifindex: 3 },
      { ...TO, metric: 2 },
    ],
    1,
  ],
  ['of several hops', [{ ...TO, ifindex: 0, nexthops: [{ gateway: '', ifindex: 2 }] }], 2],
  [
    'of several hops, the first down',
    [
      {
        ...TO,
        ifindex: 0,
        nexthops: [
          { gateway: '', ifindex: 3 },
          { gateway: '', ifindex: 2 },
        ],
      },
    ],
    2,
  ],
  ['for one type of service', [{ ...TO, tos: 0x10 }], undefined],
  ['to nowhere, and a shorter one', [{ ...TO, type: 7 }, {}], undefined],
  [
    'to nowhere of the worse metric',
    [
      { ...TO, type: 6, metric: 2 },
      { ...TO, metric: 1 },
    ],
    1,
  ],
]

for (const [what, routes, ifindex] of ROWS)
  test(`network: a route ${what}, ${ifindex ? `interface ${ifindex}` : 'no way'}`, t => {
    const network = new Network(facts(routes))

    t.is(network.way('10.0.0.1')?.ifindex, ifindex)
  })

for (const [what, mtu, ifindex, expected] of [
  ['none', 0, 1, 1500],
  ['a smaller one', 1400, 1, 1400],
  ['one larger than the link', 9000, 1, 1500],
] as const)
  test(`network: a route with ${what} as MTU, ${expected}`, t => {
    const network = new Network(facts([{ ...TO, mtu, ifindex }]))

    t.is(network.way('10.0.0.1')?.mtu, expected)
  })

test('network: routes of two MTUs through one gateway, both are told apart', t => {
  const via = { gateway: '10.9.9.9', prefix: 8 }
  const network = new Network(
    facts([
      { ...via, destination: '10.0.0.0', mtu: 1400 },
      { ...via, destination: '11.0.0.0', mtu: 0 },
    ]),
  )

  t.deepEqual(
    ['10.0.0.1', '11.0.0.1'].map(address => network.way(address)?.routeMtu),
    [1400, 0],
  )
})

test('network: addresses, each is local and an interface speaks by its first', t => {
  const network = new Network(
    facts([], {
      addresses: [
        { ifindex: 1, address: '192.0.2.1', prefix: 32 },
        { ifindex: 1, address: '192.0.2.2', prefix: 24 },
        { ifindex: 1, address: 'fe80::1', prefix: 64 },
        { ifindex: 1, address: '2001:db8::1', prefix: 64 },
        { ifindex: 2, address: 'fe80::2', prefix: 64 },
      ],
    }),
  )

  t.deepEqual(
    ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', 'fe80::2', '2001:db8::2'].filter(a =>
      network.isLocal(a),
    ),
    ['192.0.2.1', '192.0.2.2', '2001:db8::1', 'fe80::2'],
  )
  t.deepEqual([network.addressOf(1, 4), network.addressOf(2, 4)], ['192.0.2.1', ''])
  t.deepEqual([network.addressOf(1, 6), network.addressOf(2, 6)], ['2001:db8::1', '2001:db8::1'])
})

test('network: link-local addresses only, an interface speaks by its own', t => {
  const addresses = [
    { ifindex: 1, address: 'fe80::1', prefix: 64 },
    { ifindex: 2, address: 'fe80::2', prefix: 64 },
  ]

  t.is(new Network(facts([], { addresses })).addressOf(2, 6), 'fe80::2')
})

for (const [what, route, local] of [
  ['of type local', { type: 2, table: 255 }, true],
  ['of type local in the main table', { type: 2, table: 254 }, true],
  ['of type local in a table of a rule', { type: 2, table: 100 }, false],
  ['of type broadcast', { type: 3, table: 255 }, false],
  ['of type unicast', { type: 1, table: 255 }, false],
] as const)
  test(`network: a route ${what}, its addresses are ${local ? '' : 'not '}local`, t => {
    const network = new Network(
      facts([
        { ...route, destination: '203.0.113.0', prefix: 24 },
        { ...route, destination: '2001:db8:f::', prefix: 48 },
      ]),
    )

    t.is(network.isLocal('203.0.113.200'), local)
    t.is(network.isLocal('2001:db8:f:1::1'), local)
    t.is(network.isBroadcast('203.0.113.200'), what === 'of type broadcast')
    t.false(network.isLocal('203.0.114.1'))
  })

const OWN = [
  { ifindex: 1, address: '10.1.0.1', prefix: 16 },
  { ifindex: 1, address: '10.0.0.1', prefix: 24 },
  { ifindex: 2, address: '10.2.0.1', prefix: 24 },
  { ifindex: 1, address: 'fe80::1', prefix: 64 },
  { ifindex: 1, address: '2001:db8:1::1', prefix: 64 },
  { ifindex: 1, address: '2001:db8:2::1', prefix: 64 },
]
const SOURCES: [what: string, routes: Partial<RouteFact>[], to: string, source: string][] = [
  ['the route says', [{ ...TO, source: '10.9.9.9' }], '10.0.0.2', '10.9.9.9'],
  ['it is in the subnet of the second', [TO], '10.0.0.2', '10.0.0.1'],
  ['its gateway is', [{ gateway: '10.0.0.254' }], '203.0.113.1', '10.0.0.1'],
  ['it is in no subnet', [{}], '203.0.113.1', '10.1.0.1'],
  ['the interface has none', [{ ifindex: 4 }], '203.0.113.1', '10.1.0.1'],
  ['there is no way', [], '203.0.113.1', ''],
  ['IPv6: it is near the second', [{ destination: '::' }], '2001:db8:2::2', '2001:db8:2::1'],
  [
    'IPv6: it is behind a link-local gateway',
    [{ destination: '::', gateway: 'fe80::9' }],
    '2001:db8:1:9::2',
    '2001:db8:1::1',
  ],
  [
    'IPv6: the interface has none',
    [{ destination: '::', ifindex: 2 }],
    '2001:db8:2::2',
    '2001:db8:2::1',
  ],
]
for (const [what, routes, to, source] of SOURCES)
  test(`network: a packet of this host to ${to}, ${what}, from ${source || 'nowhere'}`, t => {
    const links = [...LINKS, { ...LINK, ifindex: 4, name: 'bare' }]

    t.is(new Network({ ...facts(routes, { addresses: OWN }), links }).sourceTo(to), source)
  })

test('network: a gateway of IPv6 under a route of IPv4, the source is of IPv4', t => {
  const routes = [{ gateway: 'fe80::9' }]

  t.is(new Network(facts(routes, { addresses: OWN })).sourceTo('203.0.113.1'), '10.1.0.1')
})

for (const [state, usable] of [
  [0x01, false],
  [0x02, true],
  [0x04, true],
  [0x08, true],
  [0x10, true],
  [0x20, false],
  [0x40, true],
  [0x80, true],
  [0x00, false],
] as const)
  test(`network: a neighbour in state ${state}, ${usable ? 'usable' : 'of no use'}`, t => {
    t.is(isUsable({ state, mac: '02:00:00:00:00:09' }), usable)
    t.false(isUsable({ state, mac: '' }))
    t.false(isUsable({ state, mac: '33:33:00:00:00:01', address: 'ff02::1' }))
  })

test('network: tables looked up for marks, their local routes count for those', t => {
  const to = (destination: string, prefix: number, table: number, type = 2) => ({
    ...{
      table,
      type,
      destination,
      prefix,
      gateway: '',
      ifindex: 1,
      metric: 0,
      mtu: 0,
      nexthops: [],
    },
  })
  const all = 0xffffffff
  const network = new Network({
    ...{ links: [], addresses: [], neighbours: [] },
    routes: [
      to('0.0.0.0', 0, 100),
      to('10.0.0.0', 8, 100, 1),
      to('::', 0, 100),
      to('10.9.0.0', 16, 9),
    ],
    markLookups: [
      { family: 4, mark: 7, mask: all, table: 100 },
      { family: 4, mark: 0x100, mask: 0xffffff00, table: 9 },
      { family: 4, mark: 1, mask: 1, table: 100 },
      { family: 6, mark: 8, mask: all, table: 100 },
    ],
  })

  t.deepEqual(network.markLocals, [
    { mark: { low: 7n, high: 7n }, prefix: '0.0.0.0/0' },
    { mark: { low: 256n, high: 511n }, prefix: '10.9.0.0/16' },
    { mark: { low: 8n, high: 8n }, prefix: '::/0' },
  ])
})
