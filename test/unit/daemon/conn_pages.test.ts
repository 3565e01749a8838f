/** Pages of connections: every one once, only what is asked for, and others get their turn. */
import test from 'ava'
import fc from 'fast-check'
import { connPage, type ConnTables } from '../../../control/daemon/conn_pages.ts'
import type { ConnQuery } from '../../../control/daemon/contract.ts'
import type { ConnView } from '../../../control/model/service.ts'
import { conn } from '../../support/views.ts'

/** Tables with connections in some slots; the client's port tells them apart. */
function tables(...given: Record<number, number>[]): ConnTables & { reads: number } {
  const SLOTS = 20_000
  return {
    reads: 0,
    slots: () => given.map(() => SLOTS),
    read(table, from, to) {
      this.reads++
      return Object.entries(given[table] ?? {})
        .filter(([slot]) => Number(slot) >= from && Number(slot) < to)
        .map(([, port]) => conn({ client: { address: '198.51.100.7', port } }))
    },
  }
}

async function allPages(of: ConnTables, query: ConnQuery): Promise<ConnView[][]> {
  const pages: ConnView[][] = []
  let after: string | undefined
  do {
    const page = await connPage(() => of, { ...query, after })
    pages.push(page.conns)
    after = page.next
  } while (after !== undefined)
  return pages
}

const ports = (pages: ConnView[][]) => pages.flat().map(({ client }) => client.port)

test('conns: any tables and page size, then each connection once and in order', async t => {
  const table = fc.uniqueArray(fc.nat(19_999), { maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(table, table, fc.integer({ min: 1, max: 10 }), async (a, b, limit) => {
      const slots = [a, b].map(some => some.toSorted((x, y) => x - y))
      const [first = [], second = []] = slots
      const all = tables(
        Object.fromEntries(first.map((slot, i) => [slot, i + 1])),
        Object.fromEntries(second.map((slot, i) => [slot, i + 1001])),
      )
      const pages = await allPages(all, { limit })

      t.true(pages.every(page => page.length <= limit))
      t.deepEqual(ports(pages), [...first.map((_, i) => i + 1), ...second.map((_, i) => i + 1001)])
    }),
    { numRuns: 50 },
  )
})

const conns = [
  conn(),
  conn({ state: 'FIN_WAIT', client: { address: '198.51.100.8', port: 40000 } }),
  conn({ protocol: 'udp', state: 'UDP', virtual: { address: '192.0.2.1', port: 53 } }),
  conn({ dest: { address: '10.0.0.3', port: 8080 } }),
  conn({ protocol: 'udp', state: 'UDP', client: { address: '2001:db8:7::7', port: 9 } }),
]
const rows: [query: ConnQuery, found: number[]][] = [
  [{}, [0, 1, 2, 3, 4]],
  [{ service: 'udp:192.0.2.1:053' }, [2]],
  [{ dest: '10.0.0.3' }, [3]],
  [{ dest: '10.0.0.2:8080' }, [0, 1, 2, 4]],
  [{ dest: '10.0.0.2:80' }, []],
  [{ client: '198.51.100.8' }, [1]],
  [{ client: '2001:db8:7::7' }, [4]],
  [{ client: '[2001:db8:7::7]:9' }, [4]],
  [{ client: '198.51.100.7:40000', state: 'established' }, [0, 3]],
  [{ state: 'FIN_WAIT' }, [1]],
  [{ state: 'udp' }, [2, 4]],
  [{ limit: 2 }, [0, 1]],
]
for (const [query, found] of rows)
  test(`conns: ${JSON.stringify(query)}, then those and no others`, async t => {
    const memory = (service?: string): ConnTables => ({
      slots: () => [5],
      read: (_, a, b) =>
        conns
          .slice(a, b)
          .filter(({ virtual }) => !service?.startsWith('udp') || virtual.port === 53),
    })

    const page = await connPage(memory, query)

    t.deepEqual(
      page.conns,
      found.map(i => conns[i] as ConnView),
    )
  })

const refusals: [query: ConnQuery, code: string, says: RegExp, tries: RegExp][] = [
  [{ service: 'web' }, 'BAD_REQUEST', /web is not protocol:address:port/, /write it like/],
  [{ dest: '10.0.0' }, 'BAD_ADDRESS', /10\.0\.0/, /in full/],
  [{ client: '10.0.0.1:70000' }, 'BAD_PORT', /port 70000/, /number/],
  [{ state: 'establishd' }, 'BAD_REQUEST', /establishd is not known/, /mean ESTABLISHED/],
  [{ state: 'x' }, 'BAD_REQUEST', /x is not known: expected NONE, EST.*UDP/, /use one of them/],
  [{ after: '7' }, 'BAD_REQUEST', /after is 7: expected the next/, /leave it out/],
]
for (const [query, code, says, tries] of refusals)
  test(`conns: ${JSON.stringify(query)}, then ${code}`, async t => {
    const error = await t.throwsAsync(
      connPage(() => tables({}), query),
      { code, message: says },
    )

    t.regex((error as unknown as { hint: string }).hint, tries)
  })

test('conns: a place beyond the table, then an empty last page', async t => {
  t.deepEqual(await connPage(() => tables({ 1: 1 }), { after: '0:99999' }), { conns: [] })
  t.deepEqual(await connPage(() => tables({ 1: 1 }), { after: '9:0' }), { conns: [] })
})

test('conns: pieces take their time, then others have a turn after each 5 ms', async t => {
  let now = 0
  let turns = 0
  let isOver = false
  const others = (): void => {
    turns++
    if (!isOver) setImmediate(others)
  }
  setImmediate(others)

  await connPage(
    () => tables({}, {}),
    {},
    () => (now += 2),
  )
  isOver = true

  t.true(turns >= 3, `${turns} turns`)
})
