/** What watchers are told of: changes of what is wanted, and news from around the director. */
import test from 'ava'
import { Events } from '../../../control/daemon/events.ts'
import { wholly } from '../../../control/model/work.ts'
import { changesOf, Observer, type Surroundings } from '../../../control/daemon/observer.ts'
import type { EventBody } from '../../../control/model/event.ts'
import type { Dest, DestView, Service } from '../../../control/model/service.ts'
import { changed } from '../../../control/plan/draft.ts'
import { emptyIntent, type Change, type Intent } from '../../../control/plan/intent.ts'

const SERVICE: Service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }
const DEST: Dest = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 }
const NAME = 'tcp:192.0.2.1:80'
const DEST_NAME = '10.0.0.2:80'

function after(...changes: Change[]): Intent {
  return changes.reduce(changed, emptyIntent())
}

const ADD: Change = { op: 'addService', service: SERVICE, zero: {} }
const ADD_DEST: Change = { op: 'addDest', service: SERVICE, dest: DEST }
const APPLY: Change = {
  op: 'apply',
  ...{ puts: [], removes: [], attaches: [], detaches: [], zero: {} },
}
const ATTACH: Change = { op: 'attach', name: 'eth0', mode: 'native' }

const rows: [what: string, before: Change[], change: Change, told: EventBody[]][] = [
  [
    'a service added',
    [],
    ADD,
    [{ kind: 'service-added', service: NAME, settings: { scheduler: 'rr' } }],
  ],
  [
    'its scheduler changed',
    [ADD],
    { op: 'setService', service: { ...SERVICE, scheduler: 'wlc' } },
    [{ kind: 'service-changed', service: NAME, settings: { scheduler: 'wlc' } }],
  ],
  ['the same set again', [ADD], { op: 'setService', service: { ...SERVICE } }, []],
  [
    'a service removed',
    [ADD, ADD_DEST],
    { op: 'removeService', id: SERVICE },
    [{ kind: 'service-removed', service: NAME }],
  ],
  [
    'a dest added',
    [ADD],
    ADD_DEST,
    [
      {
        kind: 'dest-added',
        service: NAME,
        dest: DEST_NAME,
        settings: { fwd: 'nat', weight: 1 },
      },
    ],
  ],
  [
    'its weight changed',
    [ADD, ADD_DEST],
    { op: 'setDest', service: SERVICE, dest: { ...DEST, weight: 0 } },
    [
      {
        kind: 'dest-changed',
        service: NAME,
        dest: DEST_NAME,
        settings: { fwd: 'nat', weight: 0 },
      },
    ],
  ],
  [
    'a dest removed',
    [ADD, ADD_DEST],
    { op: 'removeDest', service: SERVICE, dest: DEST },
    [{ kind: 'dest-removed', service: NAME, dest: DEST_NAME }],
  ],
  ['an interface attached', [], ATTACH, [attached('native')]],
  [
    'an interface attached otherwise',
    [ATTACH],
    { ...ATTACH, mode: 'generic' },
    [attached('generic')],
  ],
  [
    'an interface detached',
    [ATTACH],
    { op: 'detach', name: 'eth0' },
    [{ kind: 'interface-detached', interface: 'eth0' }],
  ],
  [
    'a setting changed',
    [],
    { ...APPLY, settings: { udp_timeout_s: { value: 60, origin: 'api' } } },
    [{ kind: 'setting-changed', setting: 'udp_timeout_s', value: 60 }],
  ],
  [
    'a setting changed by a command',
    [],
    { op: 'set', settings: { est_cpulist: '' }, origin: 'command' },
    [{ kind: 'setting-changed', setting: 'est_cpulist', value: '' }],
  ],
  [
    'a setting left out again',
    [{ ...APPLY, settings: { udp_timeout_s: { value: 60, origin: 'api' } } }],
    { ...APPLY, settings: {} },
    [{ kind: 'setting-changed', setting: 'udp_timeout_s', value: 300 }],
  ],
  [
    'a setting set to what it is',
    [],
    { ...APPLY, settings: { udp_timeout_s: { value: 300, origin: 'api' } } },
    [],
  ],
  ['counters retired', [ADD], { op: 'freshCounters' }, []],
]

function attached(mode: 'native' | 'generic'): EventBody {
  return { kind: 'interface-attached', interface: 'eth0', mode }
}

for (const [what, before, change, told] of rows)
  test(`changes: ${what}, then just that is told`, t => {
    const was = after(...before)

    t.deepEqual(wholly(changesOf(was, changed(was, change))), told)
  })

/** An observer in a world that the test changes, and what it has told since it was last asked. */
function observed() {
  const around = {
    local: true,
    nextHop: 'resolved' as DestView['nextHop'],
    present: true,
    running: true,
    interfaces: ['eth0'],
  }
  const surroundings: Surroundings = {
    isLocal: () => around.local,
    nextHop: () => around.nextHop,
    interfaces: () =>
      around.interfaces.map(name => ({
        ...{ name, ifindex: 2, mode: 'native' as const },
        ...{ present: around.present, running: around.running },
        origin: 'command' as const,
      })),
  }
  const events = new Events('e')
  let told: EventBody[] = []
  events.publish = bodies => told.push(...bodies)
  const observer = new Observer(events, surroundings)
  const news = (): EventBody[] => {
    const all = told
    told = []
    return all
  }
  return { around, observer, news }
}

test('observer: the network changes, then each difference is told once', t => {
  const { around, observer, news } = observed()
  const intent = after(ADD, ADD_DEST, ATTACH)
  observer.network(Object.values(intent.services))

  const stages: [Partial<typeof around>, EventBody[]][] = [
    [{}, []],
    [{ local: false }, [{ kind: 'vip-not-local', service: NAME }]],
    [{}, []],
    [{ local: true }, [{ kind: 'vip-local', service: NAME }]],
    [
      { nextHop: 'resolving' },
      [{ kind: 'next-hop', service: NAME, dest: DEST_NAME, nextHop: 'resolving' }],
    ],
    [
      { nextHop: 'no route', present: false, running: false },
      [
        { kind: 'next-hop', service: NAME, dest: DEST_NAME, nextHop: 'no route' },
        { kind: 'interface-gone', interface: 'eth0' },
      ],
    ],
    [
      { nextHop: 'resolved', present: true },
      [
        { kind: 'next-hop', service: NAME, dest: DEST_NAME, nextHop: 'resolved' },
        { kind: 'interface-back', interface: 'eth0' },
        { kind: 'interface-down', interface: 'eth0' },
      ],
    ],
    [{ running: true }, [{ kind: 'interface-up', interface: 'eth0' }]],
    [{ running: false }, [{ kind: 'interface-down', interface: 'eth0' }]],
  ]
  t.deepEqual(news(), [])
  for (const [change, told] of stages) {
    Object.assign(around, change)
    observer.network(Object.values(intent.services))
    t.deepEqual(news(), told)
  }
})

test('observer: a dest that is added again, its next hop is news again', t => {
  const { around, observer, news } = observed()
  const none = after(ADD)
  const one = after(ADD, ADD_DEST)
  const hop = { kind: 'next-hop', service: NAME, dest: DEST_NAME, nextHop: 'resolving' }
  around.nextHop = 'resolving'

  observer.changed(none, one)
  observer.changed(one, none)
  observer.changed(none, one)

  t.deepEqual(
    news().map(({ kind }) => kind),
    ['dest-added', 'next-hop', 'dest-removed', 'dest-added', 'next-hop'],
  )
  observer.network(Object.values(one.services))
  t.deepEqual(news(), [])
  around.nextHop = 'resolved'
  observer.network(Object.values(one.services))
  t.deepEqual(news(), [{ ...hop, nextHop: 'resolved' } as EventBody])
})

test('observer: an interface attached again, that it is gone is news again', t => {
  const { around, observer, news } = observed()
  around.present = false

  observer.changed(emptyIntent(), after(ATTACH))
  observer.changed(after(ATTACH), emptyIntent())
  observer.changed(emptyIntent(), after(ATTACH))

  t.is(news().filter(({ kind }) => kind === 'interface-gone').length, 2)
})

test('observer: an interface without a link attached twice, that is news each time', t => {
  const { around, observer, news } = observed()
  around.running = false

  observer.changed(emptyIntent(), after(ATTACH))
  around.interfaces = []
  observer.changed(after(ATTACH), emptyIntent())
  around.interfaces = ['eth0']
  observer.changed(emptyIntent(), after(ATTACH))

  const kinds = news().map(({ kind }) => kind)
  const twice = ['interface-attached', 'interface-down', 'interface-detached'] as const
  t.deepEqual(kinds, [...twice, ...twice].slice(0, -1))
})

test('observer: the table is full for a while, then overload once and its end', t => {
  const { observer, news } = observed()

  const told = [100, 100, 107, 110, 110, 110, 111, 111].map(packets => {
    observer.tableFull(packets)
    return news()
  })

  t.deepEqual(told, [
    [],
    [],
    [{ kind: 'overload', packets: 7 }],
    [],
    [{ kind: 'overload-over', packets: 10 }],
    [],
    [{ kind: 'overload', packets: 1 }],
    [{ kind: 'overload-over', packets: 1 }],
  ])
})

test('observer: counters zeroed, then of which service or of all', t => {
  const { observer, news } = observed()

  observer.zeroed(SERVICE)
  observer.zeroed(undefined)

  t.deepEqual(news(), [{ kind: 'counters-zeroed', service: NAME }, { kind: 'counters-zeroed' }])
})
