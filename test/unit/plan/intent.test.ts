/** The fold from changes to intent: conflicts are found, nothing given is touched. */
import test from 'ava'
import fc from 'fast-check'
import { XlvsError } from '../../../control/errors.ts'
import {
  isMark,
  type AddressService,
  type Dest,
  type Service,
  type ServiceId,
} from '../../../control/model/service.ts'
import { syncDaemon } from '../../../control/model/sync.ts'
import { changed, replayed } from '../../../control/plan/draft.ts'
import {
  emptyIntent,
  noTraffic,
  plus,
  type Change,
  type Intent,
} from '../../../control/plan/intent.ts'

const service = (last: number): AddressService => ({
  protocol: 'tcp',
  address: `192.0.2.${last}`,
  port: 80,
  scheduler: 'rr',
})
const dest = (last: number, weight = 1): Dest => ({
  address: `10.0.0.${last}`,
  port: 80,
  fwd: 'nat',
  weight,
})
const traffic = (n: number) => ({ ...noTraffic(), conns: n, inBytes: 10 * n })

function fold(...changes: Change[]): Intent {
  return changes.reduce(changed, emptyIntent())
}

const one: Change = { op: 'addService', service: service(1), zero: {} }
const withDest: Change = { op: 'addDest', service: service(1), dest: dest(2) }
const NAME = 'tcp:192.0.2.1:80'
const MASTER = syncDaemon('master', { interface: 'eth0' }, 1500)
const start: Change = { op: 'startDaemon', role: 'master', daemon: MASTER }

const REFUSED: [what: string, code: XlvsError['code'], before: Change[], change: Change][] = [
  ['a service twice', 'SERVICE_EXISTS', [one], one],
  ['no service set', 'SERVICE_MISSING', [], { op: 'setService', service: service(1) }],
  ['no service removed', 'SERVICE_MISSING', [], { op: 'removeService', id: service(1) }],
  ['a dest of no service', 'SERVICE_MISSING', [], withDest],
  ['a daemon twice', 'SYNC_RUNNING', [start], start],
  ['no daemon stopped', 'SYNC_NOT_RUNNING', [start], { op: 'stopDaemon', role: 'backup' }],
  ['a dest twice', 'DEST_EXISTS', [one, withDest], withDest],
  ['no dest set', 'DEST_MISSING', [one], { op: 'setDest', service: service(1), dest: dest(2) }],
  [
    'no dest removed',
    'DEST_MISSING',
    [one, withDest],
    { op: 'removeDest', service: service(1), dest: dest(3) },
  ],
]

for (const [what, code, before, change] of REFUSED)
  test(`intent: ${what}, refused as ${code}`, t => {
    const intent = fold(...before)

    const error = t.throws(() => changed(intent, change), { instanceOf: XlvsError })

    t.is(error.code, code)
    t.deepEqual(intent, fold(...before))
  })

test('intent: dests added, they come newest first and keep their place when set', t => {
  const added = [2, 3, 4].map<Change>(n => ({ op: 'addDest', service: service(1), dest: dest(n) }))

  const intent = fold(one, ...added, { op: 'setDest', service: service(1), dest: dest(3, 9) })

  t.deepEqual(intent.services[NAME]?.dests, [dest(4), dest(3, 9), dest(2)])
})

test('intent: a service set, its dests stay', t => {
  const intent = fold(one, withDest, { op: 'setService', service: service(1) })

  t.deepEqual(intent.services[NAME], { service: service(1), dests: [dest(2)] })
})

test('intent: everything cleared, interfaces and counts stay', t => {
  const attach: Change = { op: 'attach', name: 'eth0', mode: 'native' }
  const before = fold(one, attach, { op: 'zero', zero: { total: traffic(1) } })

  const after = changed(before, { op: 'clear' })

  t.deepEqual(after, { ...before, services: {} })
})

test('intent: an interface attached twice and detached, it is gone', t => {
  const attach = (mode: 'native' | 'generic'): Change => ({ op: 'attach', name: 'eth0', mode })

  const intent = fold(attach('native'), attach('generic'))

  t.deepEqual(intent.interfaces, { eth0: 'generic' })
  t.deepEqual(changed(intent, { op: 'detach', name: 'eth0' }).interfaces, {})
})

test('intent: dests retired, their traffic adds up and their zero is forgotten', t => {
  const retire = (n: number): Change => ({
    op: 'retire',
    service: NAME,
    dest: '10.0.0.2:80',
    traffic: traffic(n),
  })
  const zero: Change = {
    op: 'zero',
    zero: { [`${NAME}>10.0.0.2:80`]: traffic(5), total: traffic(7) },
  }

  const { counts } = fold(one, zero, retire(1), retire(2))

  t.deepEqual(counts, { zero: { total: traffic(7) }, retired: { [NAME]: traffic(3) } })
})

test('intent: a service removed, its counts go into those of all that are gone', t => {
  const retire = (dest: number): Change => ({
    op: 'retire',
    service: NAME,
    dest: `10.0.0.${dest}:80`,
    traffic: traffic(dest),
  })
  const zero: Change = { op: 'zero', zero: { [NAME]: traffic(5) } }
  const remove: Change = { op: 'removeService', id: service(1) }

  const { counts } = fold(one, zero, retire(3), remove, retire(4))

  t.deepEqual(counts, { zero: {}, retired: { '': traffic(7) } })
})

test('intent: a dest retired that is in its service again, nothing changes', t => {
  const retire: Change = { op: 'retire', service: NAME, dest: '10.0.0.2:80', traffic: traffic(1) }

  t.deepEqual(fold(one, withDest, retire), fold(one, withDest))
})

const SIX: Service = { protocol: 'fwmark', family: 6, mark: 77, scheduler: 'sh' }
test('intent: a service with every setting set to fewer, then the others are gone', t => {
  const all = { persistentS: 60, netmask: '64', engine: 'sip', onePacket: true } as const
  const ours = { name: 'web', destGone: 'drop', slowStartS: 60 } as const
  const full: Service = { ...SIX, ...all, schedFlags: ['flag-1'], ...ours }
  const before = fold({ op: 'addService', service: full, zero: {} })

  const after = changed(before, { op: 'setService', service: SIX })

  t.deepEqual(before.services['fwmark6:77']?.service, full)
  t.deepEqual(after.services['fwmark6:77']?.service, { ...SIX, ...ours })
})

test('intent: a service with what only xlvs knows set to the defaults, then it is gone', t => {
  const full: Service = { ...SIX, destGone: 'drop', slowStartS: 60 }
  const before = fold({ op: 'addService', service: full, zero: {} })

  const service: Service = { ...SIX, destGone: 'keep', slowStartS: 0 }
  const after = changed(before, { op: 'setService', service })

  t.deepEqual(after.services['fwmark6:77']?.service, SIX)
})

test('intent: sync daemons started and stopped, then those that run are there', t => {
  const both = fold(
    { op: 'startDaemon', role: 'master', daemon: MASTER },
    { op: 'startDaemon', role: 'backup', daemon: MASTER },
  )

  t.deepEqual(both.daemons, { master: MASTER, backup: MASTER })
  t.deepEqual(changed(both, { op: 'stopDaemon', role: 'master' }).daemons, { backup: MASTER })
})

test('intent: fresh counters, nothing is subtracted or added any more', t => {
  const intent = fold({ op: 'zero', zero: { total: traffic(1) } }, { op: 'freshCounters' })

  t.deepEqual(intent, emptyIntent())
})

test('intent: traffic added and taken off, it is what it was', t => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (a, b) => {
      t.deepEqual(plus(plus(traffic(a), traffic(b)), traffic(b), -1), traffic(a))
    }),
  )
})

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.nat(3).map<Change>(n => ({ op: 'addService', service: service(n), zero: {} })),
  fc.nat(3).map<Change>(n => ({ op: 'removeService', id: service(n) })),
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(9))
    .chain(([s, d, w]) =>
      fc.constantFrom<Change>(
        { op: 'addDest', service: service(s), dest: dest(d, w) },
        { op: 'setDest', service: service(s), dest: dest(d, w) },
        { op: 'removeDest', service: service(s), dest: dest(d) },
      ),
    ),
)

/** The same by a plain map of maps; whether the change was possible. */
function model(services: Map<number, Map<number, number>>, change: Change): boolean {
  const last = (text: string): number => Number(text.split('.')[3])
  const lastOf = (id: ServiceId): number => last(isMark(id) ? '' : id.address)
  if (change.op === 'addService' || change.op === 'removeService') {
    const id = lastOf(change.op === 'addService' ? change.service : change.id)
    if (services.has(id) === (change.op === 'addService')) return false
    if (change.op === 'addService') services.set(id, new Map())
    else services.delete(id)
    return true
  }
  if (change.op !== 'addDest' && change.op !== 'setDest' && change.op !== 'removeDest') return false
  const dests = services.get(lastOf(change.service))
  const id = last(change.dest.address)
  if (!dests || dests.has(id) === (change.op === 'addDest')) return false
  if (change.op === 'removeDest') dests.delete(id)
  else dests.set(id, change.dest.weight)
  return true
}

function done(intent: Intent, change: Change): Intent | undefined {
  try {
    return changed(intent, change)
  } catch {
    return undefined
  }
}

test('intent: any changes, refused and done as by a plain map', t => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), changes => {
      const plain = new Map<number, Map<number, number>>()
      let intent = emptyIntent()
      for (const change of changes) {
        const next = done(intent, change)
        t.is(next !== undefined, model(plain, change))
        intent = next ?? intent
      }
      const weights = Object.values(intent.services).map(s => s.dests.map(d => d.weight).sort())
      t.deepEqual(
        weights.sort(),
        [...plain.values()].map(dests => [...dests.values()].sort()).sort(),
      )
    }),
  )
})

test('intent: any accepted changes replayed at once, as one after the other', t => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), changes => {
      let after = emptyIntent()
      const accepted = changes.filter(change => {
        const next = done(after, change)
        after = next ?? after
        return next !== undefined
      })

      t.deepEqual(replayed(emptyIntent(), accepted), after)
    }),
  )
})

test('intent: twenty thousand changes replayed, what was given stays as it is', t => {
  const start = fold(one)
  const changes = Array.from({ length: 10_000 }, (_, i): Change[] => {
    const made = { ...service(1), address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}` }
    return [
      { op: 'addService', service: made, zero: { [made.address]: traffic(i) } },
      { op: 'addDest', service: made, dest: dest(2) },
    ]
  }).flat()

  const after = replayed(start, changes)

  t.is(Object.keys(after.services).length, 10_001)
  t.deepEqual(start, fold(one))
})

test('intent: records and a snapshot of before origins, then they replay as they did', t => {
  const old = {
    services: { [NAME]: { service: service(1), dests: [dest(2)] } },
    interfaces: { eth0: 'native' },
    counts: { zero: {}, retired: {} },
  } as unknown as Intent
  const records: Change[] = [
    { op: 'setDest', service: service(1), dest: dest(2, 5) },
    { op: 'attach', name: 'eth1', mode: 'generic' },
    { op: 'detach', name: 'eth0' },
    start,
  ]

  const intent = replayed({ ...emptyIntent(), ...old }, records)

  t.deepEqual(intent, {
    ...emptyIntent(),
    services: { [NAME]: { service: service(1), dests: [dest(2, 5)] } },
    interfaces: { eth1: 'generic' },
    daemons: { master: MASTER },
  })
})

test("intent: a command sets what a file owns, then it stays the file's and keeps its name", t => {
  const origin = 'file /etc/xlvs/lvs.yaml' as const
  const owned = { ...service(1), name: 'web', origin }
  const before = fold(
    { op: 'addService', service: owned, zero: {} },
    { op: 'addDest', service: owned, dest: { ...dest(2), origin } },
  )

  const after = [
    { op: 'setService', service: { ...service(1), scheduler: 'wlc' } },
    { op: 'setDest', service: service(1), dest: dest(2, 7) },
  ].reduce((intent, change) => changed(intent, change as Change), before)

  t.deepEqual(after.services[NAME], {
    service: { ...owned, scheduler: 'wlc' },
    dests: [{ ...dest(2, 7), origin }],
  })
})

test('intent: a name that another service has, refused as NAME_TAKEN', t => {
  const named = { ...service(1), name: 'web' }
  const before = fold({ op: 'addService', service: named, zero: {} })
  const add: Change = { op: 'addService', service: { ...service(2), name: 'web' }, zero: {} }

  const error = t.throws(() => changed(before, add), { instanceOf: XlvsError })

  t.is(error.code, 'NAME_TAKEN')
})
