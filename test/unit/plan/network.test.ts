/** Routes and addresses, against a plain search over all routes. */
import test from 'ava'
import fc from 'fast-check'
import { formatIpv4, prefixMask } from '../../../control/model/address.ts'
import {
  isUsable,
  Network,
  type Facts,
  type Link,
  type RouteFact,
} from '../../../control/plan/network.ts'

const LINKS: Link[] = [
  { ifindex: 1, name: 'one', mac: '02:00:00:00:00:01', mtu: 1500, up: true },
  { ifindex: 2, name: 'two', mac: '02:00:00:00:00:02', mtu: 9000, up: true },
  { ifindex: 3, name: 'down', mac: '02:00:00:00:00:03', mtu: 1500, up: false },
]

function facts(routes: Partial<RouteFact>[], rest: Partial<Facts> = {}): Facts {
  const plain = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [], gateway: '', ifindex: 1 }
  const whole = routes.map(r => ({ ...plain, destination: '0.0.0.0', prefix: 0, ...r }))
  return { links: LINKS, addresses: [], neighbours: [], routes: whole, ...rest }
}

const address = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const route = fc.record({ address, prefix: fc.nat(32) }).map(({ address, prefix }) => ({
  network: (address & prefixMask(prefix)) >>> 0,
  prefix,
}))

test('network: any routes, the longest that matches is the way', t => {
  fc.assert(
    fc.property(fc.array(route, { maxLength: 12 }), address, fc.nat(32), (routes, any, bits) => {
      const near = routes[0] ? (routes[0].network ^ (any >>> bits)) >>> 0 : any
      const network = new Network(
        facts(routes.map(r => ({ destination: formatIpv4(r.network), prefix: r.prefix }))),
      )
      const fits = routes.filter(r => (near & prefixMask(r.prefix)) >>> 0 === r.network)
      const longest = Math.max(-1, ...fits.map(r => r.prefix))

      t.is(network.way(near)?.prefix ?? -1, longest)
    }),
  )
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

    t.is(network.way(0x0a000001)?.ifindex, ifindex)
  })

for (const [what, mtu, ifindex, expected] of [
  ['none', 0, 1, 1500],
  ['a smaller one', 1400, 1, 1400],
  ['one larger than the link', 9000, 1, 1500],
] as const)
  test(`network: a route with ${what} as MTU, ${expected}`, t => {
    const network = new Network(facts([{ ...TO, mtu, ifindex }]))

    t.is(network.way(0x0a000001)?.mtu, expected)
  })

test('network: addresses, each is local and an interface speaks by its first', t => {
  const network = new Network(
    facts([], {
      addresses: [
        { ifindex: 1, address: '192.0.2.1', prefix: 32 },
        { ifindex: 1, address: '192.0.2.2', prefix: 24 },
      ],
    }),
  )

  t.deepEqual(
    [0xc0000201, 0xc0000202, 0xc0000203].map(a => network.isLocal(a)),
    [true, true, false],
  )
  t.deepEqual([network.addressOf(1), network.addressOf(2)], [0xc0000201, 0])
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
  })
