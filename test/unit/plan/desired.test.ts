/** What a file makes of an intent: its own changes, others' stays, conflicts are all told. */
import test from 'ava'
import fc from 'fast-check'
import { checkConfiguration } from '../../../control/config/check.ts'
import { XlvsError } from '../../../control/errors.ts'
import { fileOrigin, type Origin } from '../../../control/model/origin.ts'
import { destName, serviceName } from '../../../control/model/service.ts'
import { desired } from '../../../control/plan/desired.ts'
import { bulkChange, difference } from '../../../control/plan/diff.ts'
import { changed, replayed } from '../../../control/plan/draft.ts'
import { emptyIntent, type Change, type Intent } from '../../../control/plan/intent.ts'

const MINE = fileOrigin('/etc/xlvs/lvs.yaml')
const OTHER = fileOrigin('/etc/xlvs/other.yaml')
const WEB = 'tcp:192.0.2.1:80'

function wishOf(text: string, origin: Origin = MINE, takeOver = false) {
  const { configuration, faults } = checkConfiguration(text)
  if (faults[0]) throw faults[0].error
  return { configuration, origin, takeOver }
}

/** The intent after a file was applied. */
function applied(intent: Intent, text: string, origin: Origin = MINE, takeOver = false): Intent {
  return desired(intent, wishOf(text, origin, takeOver)).after
}

/** Services and dests in the order of the intent, each with its owner. */
function told({ services }: Intent): string[] {
  return Object.values(services).flatMap(({ service, dests }) => [
    `${serviceName(service)} ${service.scheduler} ${service.name ?? ''} ${service.origin ?? ''}`,
    ...dests.map(d => `  ${d.fwd} ${destName(d)} ${d.weight} ${d.origin ?? ''}`),
  ])
}

const file = (...lines: string[]): string => `services:\n${lines.join('\n')}\n`
const web = (scheduler: string, ...dests: string[]): string =>
  [
    '  tcp 192.0.2.1:80:',
    `    scheduler: ${scheduler}`,
    ...(dests.length > 0 ? ['    dests:'] : []),
    ...dests.map(d => `      - ${d}`),
  ].join('\n')
const NOTHING = 'services: {}'

const addWeb: Change = {
  op: 'addService',
  service: { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr', origin: 'command' },
  zero: {},
}
const addDest: Extract<Change, { op: 'addDest' }> = {
  op: 'addDest',
  service: { protocol: 'tcp', address: '192.0.2.1', port: 80 },
  dest: { address: '10.0.0.9', port: 80, fwd: 'nat', weight: 1, origin: 'command' },
}

function fold(intent: Intent, ...changes: Change[]): Intent {
  return changes.reduce(changed, intent)
}

test('desired: a file on nothing, then all is its own and the newest dest comes first', t => {
  const after = applied(emptyIntent(), file(web('rr', 'nat 10.0.0.2', 'nat 10.0.0.3 weight 2')))

  t.deepEqual(told(after), [
    `${WEB} rr  ${MINE}`,
    `  nat 10.0.0.3:80 2 ${MINE}`,
    `  nat 10.0.0.2:80 1 ${MINE}`,
  ])
})

test('desired: the same file again, then everything is the very same object', t => {
  const settings = 'settings: {udp_timeout_s: 60}'
  const text = `${settings}\ninterfaces: [eth0]\n${file(web('rr', 'nat 10.0.0.2'))}`
  const before = applied(emptyIntent(), text)

  const after = applied(before, text)

  t.is(after.services[WEB], before.services[WEB])
  t.is(after.settings, before.settings)
  t.is(bulkChange(before, after), undefined)
  t.deepEqual(difference(before, after).items, [])
})

test('desired: dests changed, added and removed, then the kept ones keep their places', t => {
  const before = applied(
    emptyIntent(),
    file(web('rr', 'nat 10.0.0.2', 'nat 10.0.0.3', 'nat 10.0.0.4')),
  )

  const after = applied(
    before,
    file(web('wlc', 'nat 10.0.0.5', 'nat 10.0.0.4 weight 0', 'nat 10.0.0.2')),
  )

  t.deepEqual(told(after), [
    `${WEB} wlc  ${MINE}`,
    `  nat 10.0.0.5:80 1 ${MINE}`,
    `  nat 10.0.0.4:80 0 ${MINE}`,
    `  nat 10.0.0.2:80 1 ${MINE}`,
  ])
  t.deepEqual(
    difference(before, after).items.map(i => `${i.sign} ${i.what} ${i.name} ${i.details}`),
    [
      `changed service ${WEB} scheduler rr to wlc`,
      'removed dest 10.0.0.3:80 nat weight 1',
      'changed dest 10.0.0.4:80 weight 1 to 0',
      'added dest 10.0.0.5:80 nat weight 1',
    ],
  )
})

test('desired: a dest quiesced by the file, then it remembers its last weight', t => {
  const first = applied(emptyIntent(), file(web('mh', 'nat 10.0.0.2:80 weight 3')))
  const again = applied(first, file(web('mh', 'nat 10.0.0.2:80 weight 0')))
  const last = applied(again, file(web('mh', 'dr 10.0.0.2:80 weight 0')))

  t.is(again.services[WEB]?.dests[0]?.lastWeight, 3)
  t.is(last.services[WEB]?.dests[0]?.lastWeight, 3)
  const same = applied(again, file(web('mh', 'nat 10.0.0.2:80 weight 0')))
  t.is(same.services[WEB], again.services[WEB])
})

test('desired: the file loses a service, then it goes and what others made stays', t => {
  const other = applied(emptyIntent(), file('  tcp 192.0.2.2:80:'), OTHER)
  const before = applied(fold(other, addWeb), file('  tcp 192.0.2.3:80:'))

  const { after, others, othersCount } = desired(before, wishOf(NOTHING))

  t.deepEqual(Object.keys(after.services), ['tcp:192.0.2.2:80', WEB])
  t.deepEqual(others, [
    { what: 'service', name: 'tcp:192.0.2.2:80', origin: OTHER },
    { what: 'service', name: WEB, origin: 'command' },
  ])
  t.is(othersCount, 2)
})

test("desired: a dest that a command added to the file's service, then it stays", t => {
  const text = file(web('rr', 'nat 10.0.0.2'))
  const before = fold(applied(emptyIntent(), text), addDest)

  const { after, others } = desired(before, wishOf(text))

  t.is(after.services[WEB], before.services[WEB])
  t.deepEqual(others, [{ what: 'dest', name: '10.0.0.9:80', service: WEB, origin: 'command' }])
})

test('desired: the file adds dests to the service of another, then only those are its own', t => {
  const before = fold(emptyIntent(), addWeb, addDest)

  const after = applied(before, file(web('rr', 'nat 10.0.0.2')))
  const without = applied(after, NOTHING)

  t.deepEqual(told(after), [
    `${WEB} rr  command`,
    `  nat 10.0.0.2:80 1 ${MINE}`,
    '  nat 10.0.0.9:80 1 command',
  ])
  t.deepEqual(told(without), told(before))
})

test('desired: the same as others have it, then nothing changes hands', t => {
  const before = fold(emptyIntent(), addWeb, addDest)

  const after = applied(before, file(web('rr', 'nat 10.0.0.9')))

  t.is(after.services[WEB], before.services[WEB])
})

const conflicts: [what: string, text: string, says: RegExp, about?: string][] = [
  [
    'another scheduler',
    file(web('wlc')),
    /the service tcp:192\.0\.2\.1:80 \(made by command\)$/,
    'was made by command (scheduler: rr, this file says wlc)',
  ],
  [
    'another name',
    file(web('rr'), '    name: x'),
    /the service tcp:192\.0\.2\.1:80/,
    'was made by command (name: none, this file says x)',
  ],
  [
    'another weight',
    file(web('rr', 'nat 10.0.0.9 weight 2')),
    /the dest 10\.0\.0\.9:80 of tcp:192/,
    'was made by command (weight: 1, this file says 2)',
  ],
  [
    'another mode',
    'interfaces: [eth0 generic]',
    /the interface eth0 \(made by command\)/,
    'was made by command (mode: native, this file says generic)',
  ],
  [
    'another value',
    'settings: {udp_timeout_s: 7}',
    /the setting udp_timeout_s \(of .*other\.yaml\)/,
    'is of /etc/xlvs/other.yaml (value: 5, this file says 7)',
  ],
  [
    'several things',
    `settings: {udp_timeout_s: 7}\n${file(web('wlc', 'nat 10.0.0.9 weight 2'))}`,
    /the service .*, the dest .*, the setting /,
  ],
]

function others(): Intent {
  const eth0: Change = { op: 'attach', name: 'eth0', mode: 'native', origin: 'command' }
  const settings = applied(emptyIntent(), 'settings: {udp_timeout_s: 5}', OTHER)
  return fold(settings, addWeb, addDest, eth0)
}

for (const [what, text, says, about] of conflicts) {
  test(`desired: ${what} of what others own, then OWNED_BY_OTHER names it`, t => {
    const before = others()
    const copy = structuredClone(before)

    const error = t.throws(() => desired(before, wishOf(text)), { instanceOf: XlvsError })

    t.is(error.code, 'OWNED_BY_OTHER')
    t.regex(error.message, says)
    if (about) t.true(error.about[0]?.message?.endsWith(`it ${about}`), error.about[0]?.message)
    t.deepEqual(before, copy)
  })

  test(`desired: ${what} of what others own, taken over, then it is the file's`, t => {
    const before = others()

    const after = applied(before, text, MINE, true)

    t.truthy(bulkChange(before, after))
    t.is(bulkChange(after, applied(after, text)), undefined)
    t.regex(difference(before, after).items[0]?.details ?? '', /taken over from/)
  })
}

test("desired: the file's service goes but a command's dest is in it, then a conflict", t => {
  const before = fold(applied(emptyIntent(), file(web('rr'))), addDest)

  const error = t.throws(() => applied(before, NOTHING), { instanceOf: XlvsError })

  t.is(error.code, 'OWNED_BY_OTHER')
  t.regex(
    error.message,
    /^without the service tcp:192\.0\.2\.1:80 others would lose dests in it: the dest 10\.0\.0\.9/,
  )
  t.regex(error.hint, /^name the service in the file again, remove those dests first, or /)
  t.deepEqual(told(applied(before, NOTHING, MINE, true)), [])
})

test("desired: a command's dests in the file's service, then they are told oldest first", t => {
  const text = file(web('rr'))
  const later: Change = { ...addDest, dest: { ...addDest.dest, address: '10.0.0.8' } }
  const before = fold(applied(emptyIntent(), text), addDest, later)

  const { after, others } = desired(before, wishOf(text))
  const error = t.throws(() => applied(before, NOTHING), { instanceOf: XlvsError })

  t.is(after.services[WEB], before.services[WEB])
  t.deepEqual(
    others.map(({ name }) => name),
    ['10.0.0.9:80', '10.0.0.8:80'],
  )
  t.regex(error.message, /10\.0\.0\.9:80 .*10\.0\.0\.8:80 /)
})

test('desired: a name that another service has, then NAME_TAKEN', t => {
  const before = applied(emptyIntent(), file('  tcp 192.0.2.2:80: {name: web}'), OTHER)

  const error = t.throws(() => applied(before, file('  tcp 192.0.2.1:80: {name: web}')), {
    instanceOf: XlvsError,
  })

  t.is(error.code, 'NAME_TAKEN')
  t.regex(error.message, /web belongs to the service tcp:192\.0\.2\.2:80/)
})

test('desired: settings and interfaces, then they come, change and go with the file', t => {
  const first = applied(emptyIntent(), 'settings: {udp_timeout_s: 5}\ninterfaces: [eth0, eth1]')
  const second = applied(first, 'settings: {tcp_timeout_s: 6}\ninterfaces: [eth1 generic]')
  const none = applied(second, NOTHING)

  t.deepEqual(second.settings, { tcp_timeout_s: { value: 6, origin: MINE } })
  t.deepEqual(second.interfaces, { eth1: 'generic' })
  t.deepEqual(
    difference(first, second).items.map(i => `${i.sign} ${i.what} ${i.name} ${i.details}`),
    [
      'added setting tcp_timeout_s 900 to 6',
      'removed setting udp_timeout_s 5 to 300',
      'removed interface eth0 native',
      'changed interface eth1 native to generic',
    ],
  )
  t.deepEqual([none.settings, none.interfaces, none.interfaceOrigins], [{}, {}, {}])
})

/** Small files over few names, so that they meet. */
const someFile = fc
  .record({
    services: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
    dests: fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
    weight: fc.nat(2),
    timeout: fc.option(fc.integer({ min: 1, max: 3 })),
    interfaces: fc.subarray(['eth0', 'eth1']),
  })
  .map(({ services, dests, weight, timeout, interfaces }) => ({
    settings: timeout === null ? {} : { udp_timeout_s: timeout },
    interfaces: interfaces.map(name => ({ name, mode: 'native' as const })),
    services: services.map(n => ({
      ...{ protocol: 'tcp' as const, address: `192.0.2.${n}`, port: 80, scheduler: 'rr' as const },
      dests: dests.map(d => ({ address: `10.0.0.${d}`, port: 80, fwd: 'nat' as const, weight })),
    })),
  }))

test('desired: any files of two owners in turn, then the change leads there and replays', t => {
  const step = fc.record({
    configuration: someFile,
    origin: fc.constantFrom(MINE, OTHER),
    takeOver: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), steps => {
      let intent = emptyIntent()
      const records: Change[] = []
      for (const wish of steps) {
        let after: Intent
        try {
          after = desired(intent, wish).after
        } catch (error) {
          t.is((error as XlvsError).code, 'OWNED_BY_OTHER')
          continue
        }
        const change = bulkChange(intent, after)
        if (!change) continue
        t.deepEqual(changed(intent, change), after)
        const back = bulkChange(after, intent)
        t.deepEqual(back && sorted(changed(after, back)), sorted(intent))
        records.push(change)
        intent = after
        t.is(bulkChange(intent, desired(intent, wish).after), undefined)
      }
      const journal = JSON.parse(JSON.stringify(records)) as Change[]
      t.deepEqual(replayed(emptyIntent(), journal), intent)
    }),
    { numRuns: 1000 },
  )
})

/** Services in no order of their own: taking back may put them elsewhere. */
function sorted({ services, ...rest }: Intent): unknown {
  return { ...rest, services: new Map(Object.entries(services).toSorted()) }
}
