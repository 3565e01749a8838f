/** Routes folded from a dump and from changes. */
import test from 'ava'
import type { RouteInfo } from '../../../addon/index.ts'
import { RouteTable } from '../../../control/dataplane/route_table.ts'

const ROUTE: RouteInfo = {
  ...{ family: 4, table: 254, type: 1, protocol: 3, scope: 0, tos: 0, metric: 0, mtu: 0 },
  ...{ destination: '10.0.0.0', prefix: 24, gateway: '192.0.2.1', ifindex: 1 },
  ...{ source: '', nexthops: [] },
}

function tableOf(...routes: Partial<RouteInfo>[]): RouteTable {
  const table = new RouteTable()
  for (const route of routes) table.add({ ...ROUTE, ...route })
  return table
}

const gateways = (table: RouteTable): string[] => table.all().map(r => r.gateway)
const other = { ...ROUTE, gateway: '192.0.2.2' }

test('routes: one comes and goes, nothing needs asking', t => {
  const table = tableOf()

  t.true(table.take(ROUTE, false))
  t.deepEqual(gateways(table), ['192.0.2.1'])
  t.true(table.take(ROUTE, true))
  t.deepEqual(gateways(table), [])
})

for (const field of ['table', 'tos', 'metric', 'prefix'] as const)
  test(`routes: two that differ in ${field}, they are two`, t => {
    const table = tableOf(ROUTE, { ...other, [field]: 20 })

    t.deepEqual(gateways(table), ['192.0.2.1', '192.0.2.2'])
    t.true(table.take(ROUTE, true))
    t.deepEqual(gateways(table), ['192.0.2.2'])
  })

test('routes: replaced or appended, only a dump can tell which', t => {
  const table = tableOf(ROUTE)

  t.false(table.take(other, false))
  t.deepEqual(gateways(table), ['192.0.2.1'])
})

test('routes: told again what is known, nothing needs asking', t => {
  const table = tableOf(ROUTE, other)

  t.true(table.take({ ...other }, false))
  t.deepEqual(gateways(table), ['192.0.2.1', '192.0.2.2'])
})

test('routes: one of two of a name goes, only a dump can tell which', t => {
  t.false(tableOf(ROUTE, other).take(other, true))
})

test('routes: one goes that looks otherwise, only a dump can tell', t => {
  t.false(tableOf(ROUTE).take(other, true))
})

test('routes: one goes that nobody knew, nothing needs asking', t => {
  t.true(tableOf().take(ROUTE, true))
})

test('routes: an interface goes down, the routes by it go', t => {
  const table = tableOf(ROUTE, { ...other, ifindex: 2 }, { destination: '10.1.0.0' })

  table.dropBy(1)

  t.deepEqual(gateways(table), ['192.0.2.2'])
})
