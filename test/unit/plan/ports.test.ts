/** Wires, tags and slaves: by what frames come and go. */
import test from 'ava'
import { Network, type Link } from '../../../control/plan/network.ts'
import { portsOf, tagsOf, wireOf } from '../../../control/plan/ports.ts'

const macOf = (n: number): string => `02:00:00:00:00:0${n}`
const link = (ifindex: number, more: Partial<Link> = {}): Link => ({
  ...{ ifindex, name: `if${ifindex}`, mac: macOf(ifindex), mtu: 1500, up: true },
  ...more,
})
const vlan = (ifindex: number, parent: number, vlanId: number, vlanProtocol = 0x8100): Link =>
  link(ifindex, { kind: 'vlan', parent, vlanId, vlanProtocol })

/** 1 with VLANs 4 and 5 on it; bond 2 of 6 and 7, with VLAN 8 on it; 9 is a tag inside 4's. */
const network = new Network({
  links: [
    link(1, { kind: 'veth', parent: 3 }),
    link(2, { kind: 'bond' }),
    link(3),
    vlan(4, 1, 100),
    vlan(5, 1, 100, 0x88a8),
    link(6, { master: 2 }),
    link(7, { master: 2 }),
    vlan(8, 2, 200),
    vlan(9, 4, 300),
  ],
  ...{ addresses: [], routes: [], neighbours: [] },
})

for (const [what, attached, expected] of [
  ['nothing', [], []],
  [
    'an interface of two VLANs',
    [1],
    [
      [1, 1, 1],
      [4, 4, 4],
      [5, 5, 5],
    ],
  ],
  [
    'a bond',
    [2],
    [
      [2, 2, 2],
      [6, 2, 2],
      [7, 2, 2],
      [8, 8, 8],
    ],
  ],
  ['a slave by itself', [6], [[6, 6, 6]]],
  ['a VLAN by itself', [4], [[4, 4, 4]]],
] as const)
  test(`ports: ${what} attached, who answers on which by which MAC`, t => {
    const ports = portsOf(network, new Set<number>(attached))

    t.deepEqual(
      ports,
      expected.map(([ifindex, mac, speaker]) => ({ ifindex, mac: macOf(mac), speaker })),
    )
  })

for (const [what, attached, expected] of [
  ['nothing', [], []],
  ['an interface of two VLANs', [1], ['1 33024 100 4', '1 34984 100 5']],
  ['a bond', [2], ['2 33024 200 8', '6 33024 200 8', '7 33024 200 8']],
  ['an interface without', [3], []],
] as const)
  test(`tags: ${what} attached, each wire knows its VLANs`, t => {
    const tags = tagsOf(network, new Set<number>(attached))

    t.deepEqual(
      tags.map(tag => `${tag.ifindex} ${tag.protocol} ${tag.id} ${tag.vlan}`),
      expected,
    )
  })

test('tags: a VLAN that is down, its tag is not known', t => {
  const links = [link(1), { ...vlan(4, 1, 100), up: false }]
  const down = new Network({ links, addresses: [], routes: [], neighbours: [] })

  t.deepEqual(tagsOf(down, new Set([1])), [])
})

test('ports: an interface whose index has no row, it is left out', t => {
  const links = [link(1), vlan(70000, 1, 100)]
  const large = new Network({ links, addresses: [], routes: [], neighbours: [] })

  t.deepEqual(
    portsOf(large, new Set([1])).map(port => port.ifindex),
    [1],
  )
  t.deepEqual(tagsOf(large, new Set([1])), [])
})

for (const [what, ifindex, wire] of [
  ['a plain interface', 3, { ifindex: 3 }],
  ['a bond', 2, { ifindex: 2 }],
  ['a VLAN', 4, { ifindex: 1, tag: { protocol: 0x8100, id: 100 } }],
  ['a VLAN on a bond', 8, { ifindex: 2, tag: { protocol: 0x8100, id: 200 } }],
  ['a VLAN inside another', 9, undefined],
] as const)
  test(`wire: ${what}, how a frame leaves by it`, t => {
    t.deepEqual(wireOf(network, ifindex), wire)
  })
