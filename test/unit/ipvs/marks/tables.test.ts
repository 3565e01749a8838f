/** Marks in tables and chains that are not read: each is named, and nothing is made of it. */
import test from 'ava'
import { importMarks } from '../../../../control/ipvs/marks/import.ts'
import { markRuleText } from '../../../../control/model/mark.ts'

function told(text: string): { rules: string[]; left: string[] } {
  const { rules, left } = importMarks(text)
  return {
    rules: rules.map(markRuleText),
    left: left.map(({ place, reason }) => `${place}: ${reason}`),
  }
}

test('mark import: marks in raw, nat and filter, each is left out by its line', t => {
  const text = `*raw
-A PREROUTING -p tcp -j MARK --set-xmark 0x3/0xffffffff
COMMIT
*mangle
-A PREROUTING -p udp -j MARK --set-xmark 0x7/0xffffffff
COMMIT
*filter
-A INPUT -p tcp -j ACCEPT
-A INPUT -j MARK --set-xmark 0x4/0xffffffff
COMMIT
*nat
-A PREROUTING -j CONNMARK --restore-mark
-A PREROUTING -p tcp -j REDIRECT --to-ports 80
COMMIT
`

  t.deepEqual(told(text), {
    rules: ['ipv4 udp mark 7'],
    left: [
      'line 2: it marks in the table raw, and only mangle is understood',
      'line 9: it marks in the table filter, and only mangle is understood',
      'line 12: it marks in the table nat, and only mangle is understood',
    ],
  })
})

const MARK = (value: unknown) => ({ mangle: { key: { meta: { key: 'mark' } }, value } })
const NAT_ONLY = 'a chain of type nat sees only the first packet that connection tracking knows'

function nft(...items: object[]): string {
  const named = items.map(item =>
    Object.fromEntries(
      Object.entries(item).map(([kind, one]) => [kind, { family: 'ip', table: 't', ...one }]),
    ),
  )
  return JSON.stringify({ nftables: named })
}

test('mark import: nft, marks in a chain of type nat and behind it, left out by handle', t => {
  const hooked = { hook: 'prerouting', prio: -150 }
  const text = nft(
    { chain: { name: 'dst', type: 'nat', ...hooked, prio: -100 } },
    { chain: { name: 'pre', type: 'filter', ...hooked } },
    { chain: { name: 'more' } },
    { rule: { chain: 'dst', handle: 4, expr: [MARK(5)] } },
    { rule: { chain: 'dst', handle: 5, expr: [{ jump: { target: 'more' } }] } },
    { rule: { chain: 'pre', handle: 6, expr: [MARK(7)] } },
    { rule: { chain: 'more', handle: 7, expr: [MARK(8)] } },
  )

  t.deepEqual(told(text), {
    rules: ['ipv4 mark 7'],
    left: [`handle 4: ${NAT_ONLY}`, `handle 7: ${NAT_ONLY}`],
  })
})

for (const word of ['|', '&', '^'])
  test(`mark import: nft, a mark changed by ${word}, it is left out and says so`, t => {
    const text = nft(
      { chain: { name: 'pre', type: 'filter', hook: 'prerouting', prio: 0 } },
      {
        rule: { chain: 'pre', handle: 2, expr: [MARK({ [word]: [{ meta: { key: 'mark' } }, 1] })] },
      },
    )

    t.deepEqual(told(text), { rules: [], left: ['handle 2: it changes some bits of a mark'] })
  })
