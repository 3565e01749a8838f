/** The compiled classifier of marks: what it finds is what going through the rules finds. */
import test from 'ava'
import fc from 'fast-check'
import { addressBits, type Family } from '../../../../control/model/address.ts'
import type { MarkRule } from '../../../../control/model/mark.ts'
import { parsePrefix } from '../../../../control/config/mark_line.ts'
import {
  compile,
  layout,
  search,
  valuesIn,
  type Layout,
} from '../../../../control/plan/marks/classifier.ts'
import { boxesOf, pointOf, sidesOf, type Packet } from '../../../../control/plan/marks/rules.ts'

const ROWS_MAX = 100_000
const RUNS = 300
const INDICES: Record<string, number> = { eth0: 2, eth1: 3 }
const PROTOCOL: Record<string, number> = { tcp: 6, udp: 17, sctp: 132, icmp: 1 }
/** Few addresses and many lengths, so that prefixes hold each other. */
const HOSTS: Record<Family, string[]> = {
  4: ['192.0.2.1', '192.0.2.129', '192.1.2.1', '255.255.255.255', '0.0.0.0'],
  6: ['2001:db8::1', '2001:db8::1:0:0:1', '2001:db9::1', '::', 'ffff:ffff:ffff:ffff::ffff'],
}

const ifindexOf = (name: string): number | undefined => INDICES[name]

function prefixes(family: Family): fc.Arbitrary<string> {
  return fc
    .tuple(fc.constantFrom(...HOSTS[family]), fc.integer({ min: 0, max: family === 4 ? 32 : 128 }))
    .map(([host, length]) => parsePrefix(`${host}/${length}`))
}

const port = fc.constantFrom(0, 79, 80, 81, 443, 65535)

function ruleIn(family: Family): fc.Arbitrary<MarkRule> {
  const ports = fc
    .tuple(port, port)
    .map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }))
  return fc
    .record(
      {
        protocol: fc.constantFrom('tcp', 'udp', 'sctp', 'icmp'),
        to: prefixes(family),
        from: prefixes(family),
        ports,
        interface: fc.constantFrom('eth0', 'eth1', 'gone'),
        mark: fc.integer({ min: 0, max: 4 }),
      },
      { requiredKeys: ['mark'] },
    )
    .map(({ ports, ...rule }) => {
      const hasPorts = ports && rule.protocol !== undefined && rule.protocol !== 'icmp'
      return { family, ...rule, ...(hasPorts ? { ports } : {}) }
    })
}

function packetIn(family: Family): fc.Arbitrary<Packet> {
  return fc.record({
    ifindex: fc.constantFrom(1, 2, 3),
    protocol: fc.constantFrom(1, 6, 17, 58, 132),
    to: fc.constantFrom(...HOSTS[family]),
    from: fc.constantFrom(...HOSTS[family]),
    port,
  })
}

/** Rule by rule, as a chain of iptables would. */
function walked(rules: readonly MarkRule[], packet: Packet): number {
  return rules.reduce((mark, rule) => (matches(rule, packet) ? rule.mark : mark), 0)
}

function matches(rule: MarkRule, packet: Packet): boolean {
  const { family, protocol, to, from, ports, interface: name } = rule
  const number = protocol === 'icmp' && family === 6 ? 58 : PROTOCOL[protocol ?? '']
  return (
    (protocol === undefined || number === packet.protocol) &&
    (ports === undefined || (ports.first <= packet.port && packet.port <= ports.last)) &&
    (name === undefined || INDICES[name] === packet.ifindex) &&
    isIn(packet.to, to) &&
    isIn(packet.from, from)
  )
}

function isIn(address: string, prefix: string | undefined): boolean {
  if (prefix === undefined) return true
  const [network = '', length = ''] = prefix.split('/')
  const free = BigInt((network.includes(':') ? 128 : 32) - Number(length))
  return addressBits(address) >> free === addressBits(network) >> free
}

/** As the data plane does it, in the rows that the map would have; 0 where there is no table. */
function found({ rows, roots }: Layout, base: number, point: readonly bigint[]): number {
  let word = roots[0] ?? 0n
  for (const at of point) {
    if (word === 0n) return 0
    const first = Number(word & 0xffffffffn) - base
    const table = rows.slice(first, first + Number(word >> 32n))
    word = table.findLast(({ key }) => key <= at)?.to ?? 0n
  }
  return Number(word & 0xffffffffn)
}

for (const family of [4, 6] as const) {
  test(`classifier: IPv${family} rules and packets at random, the last that matches wins`, t => {
    fc.assert(
      fc.property(
        fc.array(ruleIn(family), { maxLength: 14 }),
        fc.array(packetIn(family), { minLength: 1, maxLength: 30 }),
        (rules, packets) => {
          const table = compile(boxesOf(rules, family, ifindexOf), ROWS_MAX)
          const placed = layout([table], 8)
          for (const packet of packets) {
            const wanted = walked(rules, packet)
            const point = pointOf(packet, family)
            if (search(table, point) !== wanted || found(placed, 8, point) !== wanted) return false
          }
          return true
        },
      ),
      { numRuns: RUNS },
    )
    t.pass()
  })
}

for (const family of [4, 6] as const)
  test(`classifier: IPv${family} packets of a service, their marks are among its own`, t => {
    const services = fc.record({ address: fc.constantFrom(...HOSTS[family]), port })
    fc.assert(
      fc.property(
        fc.array(ruleIn(family), { maxLength: 14 }),
        fc.array(packetIn(family), { minLength: 1, maxLength: 30 }),
        services,
        (rules, packets, { address, port }) => {
          const table = compile(boxesOf(rules, family, ifindexOf), ROWS_MAX)
          const marks = new Set(valuesIn(table, sidesOf({ protocol: 'tcp', address, port })))
          return packets.every(packet => {
            const point = pointOf(packet, family)
            const alone = [
              ...valuesIn(
                table,
                point.map(at => ({ low: at, high: at })),
              ),
            ]
            const of = pointOf({ ...packet, protocol: 6, to: address, port: port || 80 }, family)
            return marks.has(search(table, of)) && alone.join() === `${search(table, point)}`
          })
        },
      ),
      { numRuns: RUNS },
    )
    t.pass()
  })

test('classifier: ten thousand rules of an address each, tables of a few rows a rule', t => {
  const rules = Array.from({ length: 10_000 }, (_, i): MarkRule => {
    const to = `10.${i >> 8}.${i & 255}.0/24`
    return { family: 4, protocol: 'tcp', to, ports: { first: 80, last: 80 }, mark: 1 + (i % 7) }
  })

  const table = compile(boxesOf(rules, 4, ifindexOf), ROWS_MAX)

  const packet = { ifindex: 2, protocol: 6, to: '10.3.4.5', from: '198.51.100.7', port: 80 }
  t.is(search(table, pointOf(packet, 4)), 1 + ((3 * 256 + 4) % 7))
  t.is(search(table, pointOf({ ...packet, port: 81 }, 4)), 0)
  t.true(layout([table], 8).rows.length < 3 * 10_000)
})

test('classifier: rules of equal meaning, their tables are one', t => {
  const rule = { family: 4, protocol: 'udp', mark: 3 } as const
  const rules = ['192.0.2.1/32', '192.0.2.9/32'].map((to): MarkRule => ({ ...rule, to }))

  const { rows } = layout([compile(boxesOf(rules, 4, ifindexOf), ROWS_MAX)], 8)

  // Interfaces 1, addresses 5 (before, one, between, the other, behind), sources 1, ports 3.
  t.is(rows.length, 10)
})

test('classifier: a table that many pieces lead to, its values are asked for once', t => {
  const ports = [80, 90].map(first => ({ first, last: first + 1 }))
  const rules = Array.from({ length: 100 }, (_, i) =>
    ports.map((range, mark): MarkRule => {
      const from = `10.0.${2 * i}.0/24`
      return { family: 4, protocol: 'tcp', from, ports: range, mark: 1 + mark }
    }),
  ).flat()
  const table = compile(boxesOf(rules, 4, ifindexOf), ROWS_MAX)

  const said = [...valuesIn(table, sidesOf({ protocol: 'tcp', address: '192.0.2.1', port: 0 }))]

  // Sources 201: no rule's before, between and behind; of the rules' the five of ports but once.
  t.is(said.length, 201 + 4)
  t.deepEqual(new Set(said), new Set([0, 1, 2]))
})

test('classifier: more combinations than there is room for, it says so', t => {
  const wide = Array.from({ length: 300 }, (_, i): MarkRule => {
    const ports = { first: 2 * i, last: 2 * i }
    return { family: 4, protocol: 'tcp', ports, mark: i + 1 }
  })
  const single = Array.from({ length: 300 }, (_, i): MarkRule => {
    const ports = { first: 1000 + i, last: 1000 + i }
    return { family: 4, protocol: 'tcp', to: `192.0.${i >> 7}.${2 * (i & 127)}/32`, ports, mark: 7 }
  })

  const error = t.throws(() => compile(boxesOf([...wide, ...single], 4, ifindexOf), ROWS_MAX))

  t.like(error, { code: 'TABLE_FULL' })
})
