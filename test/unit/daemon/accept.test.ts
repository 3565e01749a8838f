/** What the director refuses with what is there, in the kernel's order: asked of Linux 6.1. */
import test from 'ava'
import {
  addingDest,
  judgingDests,
  settingService,
  startingDaemon,
  type SyncLink,
} from '../../../control/daemon/accept.ts'
import { XlvsError } from '../../../control/errors.ts'
import { emptyConfiguration } from '../../../control/model/configuration.ts'
import type { Dest, Service } from '../../../control/model/service.ts'
import type { SyncWish } from '../../../control/model/sync.ts'
import { wholly } from '../../../control/model/work.ts'
import { Draft, replayed } from '../../../control/plan/draft.ts'
import { emptyIntent, type Change, type Intent } from '../../../control/plan/intent.ts'

const WEB: Service = { protocol: 'tcp', address: '10.0.0.1', port: 80, scheduler: 'rr' }
const MIXED: Dest = { address: 'fd01::2', port: 80, fwd: 'tun', weight: 1 }
const LINKS: SyncLink[] = [
  { name: 'lo', ifindex: 1, mtu: 65536, up: true },
  { name: 'eth0', ifindex: 2, mtu: 1500, up: true },
  { name: 'down', ifindex: 3, mtu: 1500, up: false },
]
const ADD: Change = { op: 'addService', service: WEB, zero: {} }
const ADD_MIXED: Change = { op: 'addDest', service: WEB, dest: MIXED }
const START = startingDaemon(new Draft(emptyIntent()), 'master', { interface: 'lo' }, linkOf)
const IPV6 = 'ff05::81'

for (const [what, before, role, wish, code] of [
  ['nothing wrong', [ADD], 'master', { interface: 'lo' }, undefined],
  ['a mixed dest and no interface', [ADD, ADD_MIXED], 'master', { interface: 'x' }, 'BAD_FAMILY'],
  ['no interface and one that runs', [START], 'master', { interface: 'x' }, 'INTERFACE_MISSING'],
  ['one that runs', [START], 'master', { interface: 'down' }, 'SYNC_RUNNING'],
  ['the other role', [START], 'backup', { interface: 'down' }, undefined],
  ['down', [], 'master', { interface: 'down' }, 'SYNC_UNREACHABLE'],
  ['an IPv6 group by lo', [], 'master', { interface: 'lo', group: IPV6 }, 'SYNC_UNREACHABLE'],
  ['an IPv6 group by eth0', [], 'master', { interface: 'eth0', group: IPV6 }, undefined],
  ['a backup of an IPv6 group by lo', [], 'backup', { interface: 'lo', group: IPV6 }, undefined],
  ['a group that is none', [], 'master', { interface: 'x', group: '10.0.0.1' }, 'BAD_SYNC'],
] as const satisfies [string, Change[], 'master' | 'backup', SyncWish, string | undefined][])
  test(`accept: start a sync daemon, ${what}, then ${code ?? 'it runs'}`, t => {
    const draft = new Draft(replayed(emptyIntent(), before))

    t.is(
      codeOf(() => startingDaemon(draft, role, wish, linkOf)),
      code,
    )
  })

for (const [what, before, dest, code] of [
  ['another family, none runs', [ADD], MIXED, undefined],
  ['another family while one runs, thresholds wrong too', [ADD, START], MIXED, 'BAD_FAMILY'],
  ['no service, thresholds wrong too', [], MIXED, 'SERVICE_MISSING'],
] as const satisfies [string, Change[], Dest, string | undefined][])
  test(`accept: add a dest, ${what}, then ${code ?? 'it is added'}`, t => {
    const draft = new Draft(replayed(emptyIntent(), before))
    const wrong = code === undefined ? {} : { upper: 5, lower: 6 }

    t.is(
      codeOf(() => addingDest(draft, WEB, { ...dest, ...wrong })),
      code,
    )
  })

for (const [dests, from, to, code] of [
  [4093, 'rr', 'mh', undefined],
  [4094, 'rr', 'mh', 'SCHEDULER_FULL'],
  [4094, 'mh', 'mh', undefined],
  [4094, 'rr', 'sh', undefined],
] as const)
  test(`accept: ${from} of ${dests} dests becomes ${to}, then ${code ?? 'it does'}`, t => {
    const web: Service = { ...WEB, scheduler: from }
    const added = Array.from({ length: dests }, (_, i): Change => {
      const dest = { address: '10.0.0.2', port: i + 1, fwd: 'nat', weight: 1 } as const
      return { op: 'addDest', service: web, dest }
    })
    const before: Change[] = [{ op: 'addService', service: web, zero: {} }, ...added]
    const draft = new Draft(replayed(emptyIntent(), before))

    t.is(
      codeOf(() => settingService(draft, { ...web, scheduler: to })),
      code,
    )
  })

const HERE = {
  isLocal: (address: string) => address === 'fe80::1',
  isBroadcast: (address: string) => address === '10.0.0.255',
}

for (const [address, code] of [
  ['10.0.0.255', 'DEST_NOT_UNICAST'],
  ['10.0.1.255', undefined],
  ['127.0.0.1', undefined],
] as const)
  test(`accept: add ${address} where 10.0.0.255 is a broadcast address, then ${code}`, t => {
    const draft = new Draft(replayed(emptyIntent(), [ADD]))
    const dest: Dest = { address, port: 80, fwd: 'nat', weight: 1 }

    t.is(
      codeOf(() => addingDest(draft, WEB, dest, HERE)),
      code,
    )
  })

for (const [address, code] of [
  ['fe80::1', undefined],
  ['fe80::2', 'DEST_NOT_UNICAST'],
] as const)
  test(`accept: add ${address} where fe80::1 is this host's, then ${code ?? 'it is added'}`, t => {
    const web: Service = { ...WEB, address: 'fd01::1' }
    const draft = new Draft(replayed(emptyIntent(), [{ op: 'addService', service: web, zero: {} }]))
    const dest: Dest = { address, port: 80, fwd: 'nat', weight: 1 }

    t.is(
      codeOf(() => addingDest(draft, web, dest, HERE)),
      code,
    )
  })

function linkOf(name: string): SyncLink {
  const found = LINKS.find(link => link.name === name)
  if (!found) throw new XlvsError('INTERFACE_MISSING', `no interface ${name}`, 'name another')
  return found
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act()
    return undefined
  } catch (error) {
    return (error as XlvsError).code
  }
}

test('accept: dests of a file, those that are new are looked at with what is here', t => {
  const dest = (address: string): Dest => ({ address, port: 80, fwd: 'nat', weight: 1 })
  const judge = (intent: Intent, ...addresses: string[]): unknown => {
    const services = [{ ...WEB, dests: addresses.map(dest) }]
    const work = judgingDests(intent, { ...emptyConfiguration(), services }, HERE)
    try {
      wholly(work)
      return undefined
    } catch (error) {
      return error
    }
  }
  const there = replayed(emptyIntent(), [
    ADD,
    { op: 'addDest', service: WEB, dest: dest('10.0.0.255') },
  ])

  t.is(judge(emptyIntent(), '10.0.0.2', 'fe80::1'), undefined)
  t.is(judge(there, '10.0.0.2', '10.0.0.255'), undefined)
  t.like(judge(emptyIntent(), '10.0.0.2', '10.0.0.255'), {
    code: 'DEST_NOT_UNICAST',
    about: [{ what: 'dest', name: '10.0.0.255:80', service: 'tcp:10.0.0.1:80' }],
  })
  t.like(judge(emptyIntent(), 'fe80::2'), { code: 'DEST_NOT_UNICAST' })
})
