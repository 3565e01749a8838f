/** What refuses an attachment, what is only warned of, and the command that cures it. */
import test from 'ava'
import type { AttachMode } from '../../../control/model/service.ts'
import { findings, remarks, type InterfaceFacts } from '../../../control/plan/attachable.ts'

const WELL: InterfaceFacts = {
  name: 'eth0',
  kind: '',
  mac: '02:00:00:00:00:01',
  running: true,
  master: undefined,
  parent: undefined,
  vlans: [],
  receivers: [{ name: 'eth0', kind: '', features: { 'rx-lro': false, 'rx-vlan-hw-parse': false } }],
  xdpFeatures: 7,
  peerReceives: undefined,
  peerOffloads: undefined,
  before: [],
}
const LRO = [{ name: 'eth0', kind: '', features: { 'rx-lro': true } }]
const STRIPS = [{ name: 'eth0', kind: '', features: { 'rx-vlan-hw-parse': true } }]
const SLAVES = [...STRIPS, { name: 'eth1', kind: '', features: { 'rx-lro': true } }]
const VETH = { kind: 'veth', xdpFeatures: 3, parent: { name: 'other', kind: 'veth' } }
const OLD = { kind: 'veth', xdpFeatures: undefined }

const ROWS: [
  what: string,
  facts: Partial<InterfaceFacts>,
  found: [kind: string, refuses: string, cure: string][],
  mode?: AttachMode,
][] = [
  ['plain', {}, []],
  ['one without Ethernet', { mac: '' }, [['no-ethernet', 'INTERFACE_UNFIT', 'ip -br link']]],
  [
    'a VLAN interface',
    { name: 'eth0.7', kind: 'vlan', parent: { name: 'eth0', kind: '' } },
    [['vlan', 'INTERFACE_UNFIT', 'xlvs attach eth0']],
  ],
  [
    'a slave of a bond',
    { master: { name: 'bond0', kind: 'bond' } },
    [['bond-slave', 'INTERFACE_UNFIT', 'xlvs attach bond0']],
  ],
  ['a member of a VRF', { master: { name: 'red', kind: 'vrf' } }, []],
  [
    'a port of a bridge',
    { master: { name: 'br0', kind: 'bridge' } },
    [['bridge-port', '', 'xlvs attach br0 --generic']],
  ],
  ['LRO', { receivers: LRO }, [['lro', 'OFFLOAD_ON', 'ethtool -K eth0 lro off']]],
  ['LRO, generic', { receivers: LRO }, [], 'generic'],
  ['tags stripped', { receivers: STRIPS }, [['tag-stripping', '', 'ethtool -K eth0 rxvlan off']]],
  [
    'tags stripped under VLAN interfaces, generic',
    { receivers: STRIPS, vlans: ['eth0.7'] },
    [['tag-stripping', 'OFFLOAD_ON', 'ethtool -K eth0 rxvlan off']],
    'generic',
  ],
  [
    'tags "stripped" from a veth in a bond',
    { name: 'bond0', kind: 'bond', receivers: STRIPS.map(one => ({ ...one, kind: 'veth' })) },
    [],
  ],
  [
    'a bond whose slaves have it, what refuses first',
    { name: 'bond0', kind: 'bond', receivers: SLAVES },
    [
      ['lro', 'OFFLOAD_ON', 'ethtool -K eth1 lro off'],
      ['tag-stripping', '', 'ethtool -K eth0 rxvlan off'],
    ],
  ],
  [
    'a veth whose other end drops',
    VETH,
    [['veth-peer', 'NO_XDP_TRANSMIT', 'ethtool -K other gro on']],
  ],
  ['a veth whose other end drops, generic', VETH, [], 'generic'],
  ['a veth whose other end is down', { ...VETH, running: false }, []],
  ['a veth whose other end takes', { ...VETH, xdpFeatures: 7 }, []],
  [
    'a veth on an old kernel, the other end seen',
    { ...OLD, peerReceives: false, parent: { name: 'other', kind: 'veth' } },
    [['veth-peer', 'NO_XDP_TRANSMIT', 'ethtool -K other gro on']],
  ],
  ['a veth on an old kernel, the other end good', { ...OLD, peerReceives: true }, []],
  [
    'a veth on an old kernel, the other end elsewhere',
    OLD,
    [
      [
        'veth-peer',
        '',
        'ethtool -K NAME gro on there (ip link show eth0 tells its number and namespace)',
      ],
    ],
  ],
  [
    'a veth whose other end leaves checksums half done',
    { ...VETH, xdpFeatures: 7, peerOffloads: true },
    [['veth-checksum', '', 'ethtool -K other tx off']],
  ],
  [
    'a veth whose other end does so, generic',
    { ...VETH, xdpFeatures: 7, peerOffloads: true },
    [],
    'generic',
  ],
  [
    'a veth whose other end is told otherwise',
    { ...VETH, xdpFeatures: 7, peerOffloads: false },
    [],
  ],
  [
    'filters before the companion',
    { before: [{ what: 'a bpf filter', cure: 'tc filter del' }] },
    [['tc-before', '', 'tc filter del']],
  ],
]

for (const [what, facts, found, mode = 'native'] of ROWS)
  test(`attachable: ${what}, then what there is to say and to do`, t => {
    const said = findings({ ...WELL, ...facts }, mode)

    t.deepEqual(
      said.map(({ kind, refuses = '', cure }) => [kind, refuses, cure]),
      found,
    )
    for (const { message } of said) t.regex(message, /^[A-Za-z0-9].{20,}[^.]$/)
  })

const REMARKS: [what: string, facts: Partial<InterfaceFacts>, mode: AttachMode, said: number][] = [
  ['a card', {}, 'native', 0],
  ['a veth whose other end is elsewhere', { ...VETH, parent: undefined }, 'native', 1],
  ['a veth whose other end is elsewhere, generic', { ...VETH, parent: undefined }, 'generic', 0],
  ['a veth whose other end is seen', { ...VETH, peerOffloads: true }, 'native', 0],
]
for (const [what, facts, mode, said] of REMARKS)
  test(`attachable: ${what}, then ${said} remarks on its checksums`, t => {
    const told = remarks({ ...WELL, ...facts }, mode)

    t.is(told.length, said)
    const cure = 'ethtool -K NAME tx off there (ip link show eth0 tells its number and namespace)'
    for (const one of told) t.like(one, { kind: 'veth-checksum', cure })
  })

test('attachable: a slave of a bond, the sentence names the bond', t => {
  const [slave] = findings({ ...WELL, master: { name: 'bond0', kind: 'bond' } }, 'native')

  t.is(slave?.message, 'eth0 is a slave of bond0: attach to the bond bond0 instead')
})
