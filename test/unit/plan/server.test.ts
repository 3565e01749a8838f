/** What a server is told that it lacks. */
import test from 'ava'
import { serverNeeds, type ServerFacts } from '../../../control/plan/server.ts'

const WELL: ServerFacts = {
  name: 'eth0',
  onLoopback: ['192.0.2.1'],
  arpIgnore: 1,
  arpAnnounce: 2,
  rpFilter: 0,
  isDefaultWay: false,
}

const ROWS: [what: string, facts: Partial<ServerFacts>, kinds: string[]][] = [
  ['that has all', {}, []],
  ['with stricter settings of ARP', { arpIgnore: 2, arpAnnounce: 2 }, []],
  ['without an address on lo', { onLoopback: [] }, ['no-vip']],
  ['that answers ARP for lo', { arpIgnore: 0 }, ['arp-ignore']],
  ['that asks with any address', { arpAnnounce: 1 }, ['arp-announce']],
  ['with strict rp_filter', { rpFilter: 1 }, ['rp-filter']],
  ['with strict rp_filter and the way out there', { rpFilter: 1, isDefaultWay: true }, []],
  ['with loose rp_filter', { rpFilter: 2 }, []],
]

for (const [what, facts, kinds] of ROWS)
  test(`server: one ${what}, it is told what it lacks`, t => {
    const needs = serverNeeds({ ...WELL, ...facts })

    t.deepEqual(
      needs.map(({ kind }) => kind),
      kinds,
    )
  })

test('server: an interface with a dot, the cure spells it as sysctl wants', t => {
  const [need] = serverNeeds({ ...WELL, name: 'eth0.10', rpFilter: 1 })

  t.is(need?.cure, 'sysctl -w net.ipv4.conf.eth0/10.rp_filter=2')
})
