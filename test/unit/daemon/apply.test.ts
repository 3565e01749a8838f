/** An apply over the API: all of it as one change, told as it goes, refused as a whole. */
import test from 'ava'
import fc from 'fast-check'
import { configurationOf } from '../../../control/config/shown.ts'
import { connectDirector } from '../../../control/daemon/client.ts'
import { carryOut, type Hands } from '../../../control/daemon/apply.ts'
import type { DirectorParts } from '../../../control/daemon/director.ts'
import { Writer } from '../../../control/daemon/writer.ts'
import { XlvsError, type ErrorCode } from '../../../control/errors.ts'
import {
  emptyConfiguration,
  type Configuration,
  type ConfiguredService,
} from '../../../control/model/configuration.ts'
import type { Progress } from '../../../control/model/difference.ts'
import { fileOrigin } from '../../../control/model/origin.ts'
import { serviceName, type InterfaceView } from '../../../control/model/service.ts'
import type { SyncWishes } from '../../../control/model/sync.ts'
import { bulkChange } from '../../../control/plan/diff.ts'
import { changed } from '../../../control/plan/draft.ts'
import {
  emptyIntent,
  type BulkChange,
  type Intent,
  type ServiceIntent,
} from '../../../control/plan/intent.ts'
import { configuration, SYNC_INTERFACE } from '../../support/configurations.ts'
import { serveFake } from '../../support/fake_director.ts'
import { dest, service } from '../../support/views.ts'

const MINE = fileOrigin('/etc/xlvs/lvs.yaml')

function web(last: number, ...dests: number[]): ConfiguredService {
  const id = { protocol: 'tcp', address: `192.0.2.${last}`, port: 80 } as const
  return {
    ...id,
    scheduler: 'rr',
    dests: dests.map(n => ({ address: `10.0.0.${n}`, port: 80, fwd: 'nat', weight: 1 })),
  }
}

function wish(services: ConfiguredService[], more: Partial<Configuration> = {}) {
  const configuration = { ...emptyConfiguration(), services, ...more }
  return { configuration, origin: MINE, takeOver: false }
}

test('apply: over the socket, then the director has it and progress was told', async t => {
  const { socket, state } = await serveFake(t)
  const client = connectDirector(socket)
  const told: Progress[] = []

  const applied = await client.apply(wish([web(1, 2, 3), web(2)]), {
    dryRun: false,
    onProgress: progress => told.push(progress),
  })

  const mine = { origin: MINE }
  t.deepEqual(state.services, [
    service({ ...mine, dests: [dest({ address: '10.0.0.3', ...mine }), dest(mine)] }),
    service({ ...mine, address: '192.0.2.2' }),
  ])
  t.true(applied.changed)
  t.deepEqual(applied.difference.counts.added, {
    services: 2,
    dests: 2,
    interfaces: 0,
    settings: 0,
    daemons: 0,
    marks: 0,
  })
  t.deepEqual(told, [
    { done: 1, total: 2 },
    { done: 2, total: 2 },
  ])
})

const SYNC: InterfaceView = {
  ...{ name: SYNC_INTERFACE, ifindex: 2, present: true, running: true },
  mode: 'native',
  origin: 'api',
}

test('apply: any configuration, then it is shown as it was, and again nothing changes', async t => {
  await fc.assert(
    fc.asyncProperty(configuration, async any => {
      const interfaces = any.interfaces.map(({ mode }, i) => ({ name: `if${i}`, mode }))
      const given = { ...any, interfaces }
      const { socket } = await serveFake(t, { interfaces: [SYNC] })
      const client = connectDirector(socket)
      const wish = { configuration: given, origin: MINE, takeOver: false }

      await client.apply(wish, { dryRun: false })
      const [settings, links, services, daemons] = await Promise.all([
        client.settings(),
        client.interfaces(),
        client.services(),
        client.daemons(),
      ])
      const again = await client.apply(wish, { dryRun: false })
      client.close()

      const own = links.filter(({ name }) => name !== SYNC_INTERFACE)
      t.deepEqual(configurationOf(settings, own, services, daemons), given)
      t.false(again.changed)
    }),
    { numRuns: 20 },
  )
})

test('apply: sync daemons of a file, then they are its own, changed, left and stopped', async t => {
  const { socket, state } = await serveFake(t, { interfaces: [SYNC] })
  const client = connectDirector(socket)
  const apply = async (sync: SyncWishes | undefined) => {
    const configuration = { ...emptyConfiguration(), ...(sync && { sync }) }
    const { difference, othersCount } = await client.apply(
      { configuration, origin: MINE, takeOver: false },
      { dryRun: false },
    )
    return [...difference.items.map(i => `${i.sign} ${i.name} ${i.details}`), othersCount - 1]
  }
  const on = { interface: SYNC_INTERFACE }
  await client.startDaemon('backup', { ...on, syncId: 3 })

  t.deepEqual(await apply({ master: { ...on, ttl: 2 } }), [
    'added master interface sync0 sync_id 0 max_len 1472 group 224.0.0.81 port 8848 ttl 2',
    1,
  ])
  t.deepEqual(await apply({ master: { ...on, ttl: 2 }, backup: { ...on, syncId: 3 } }), [1])
  t.deepEqual(await apply({ master: { ...on, syncId: 9 } }), [
    'changed master sync_id 0 to 9, ttl 2 to 1',
    1,
  ])
  await t.throwsAsync(apply({ backup: on }), { code: 'OWNED_BY_OTHER' } as object)
  await t.throwsAsync(apply({ master: { interface: 'nosuch0' } }), {
    code: 'INTERFACE_MISSING',
  } as object)
  t.like(state.daemons, { master: { syncId: 9, origin: MINE }, backup: { origin: 'api' } })
  t.is((await client.stopDaemon('master'))[0]?.kind, 'owned-by-file')
  t.deepEqual(await client.stopDaemon('backup'), [])
  await apply({ master: on })
  t.deepEqual((await apply(undefined)).length, 2)
  t.deepEqual(state.daemons, {})
  client.close()
})

test('apply: a dest of the other family beside a sync daemon, then it is refused', async t => {
  const { socket, state } = await serveFake(t, { interfaces: [SYNC] })
  const client = connectDirector(socket)
  const six = { ...web(1), dests: [{ ...tunnel(), address: '2001:db8::2' }] }
  const sync = { backup: { interface: SYNC_INTERFACE } }

  const error = await t.throwsAsync(client.apply(wish([six], { sync }), { dryRun: false }), {
    instanceOf: XlvsError,
  })

  t.is(error.code, 'BAD_FAMILY')
  t.deepEqual(error.about, [
    { what: 'dest', name: '[2001:db8::2]:80', service: 'tcp:192.0.2.1:80' },
  ])
  t.deepEqual([state.services, state.daemons], [[], {}])
  client.close()
})

function tunnel(): ConfiguredService['dests'][number] {
  return { address: '10.0.0.2', port: 80, fwd: 'tun', weight: 1 }
}

const refusals: [what: string, given: Configuration, code: ErrorCode][] = [
  ['a dest twice', wish([web(1, 2, 2)]).configuration, 'DUPLICATE'],
  ['a service twice', wish([web(1), web(1)]).configuration, 'DUPLICATE'],
  ['a group', wish([{ ...web(1), dests: [multicast()] }]).configuration, 'DEST_NOT_UNICAST'],
  [
    'a name twice',
    wish([
      { ...web(1), name: 'web' },
      { ...web(2), name: 'web' },
    ]).configuration,
    'DUPLICATE',
  ],
  ['a wrong weight', wish([{ ...web(1), dests: [heavy()] }]).configuration, 'BAD_WEIGHT'],
  ['a wrong setting', wish([], { settings: { udp_timeout_s: 0 } }).configuration, 'BAD_SETTING'],
]

function multicast() {
  return { address: '224.0.0.1', port: 80, fwd: 'nat', weight: 1 } as const
}

function heavy() {
  return { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 2 ** 31 } as const
}

for (const [what, configuration, code] of refusals)
  test(`apply: ${what}, then ${code} and nothing has changed`, async t => {
    const { socket, state } = await serveFake(t)
    const given = { configuration, origin: MINE, takeOver: false }

    const error = await t.throwsAsync(connectDirector(socket).apply(given, { dryRun: false }), {
      instanceOf: XlvsError,
    })

    t.is(error.code, code)
    t.deepEqual(state.services, [])
  })

test('apply: it fails after some progress, then the same code, sentence and hint', async t => {
  const fails = new XlvsError('JOURNAL_WRITE', 'no space left', 'make room')
  const { socket, state } = await serveFake(t, { fails })
  const asked = connectDirector(socket).apply(wish([web(1)]), { dryRun: false })

  const error = await t.throwsAsync(asked, { instanceOf: XlvsError })

  t.like(error, { code: 'JOURNAL_WRITE', message: 'no space left', hint: 'make room' })
  t.deepEqual(state.services, [])
})

/** Hands that write down what they are told, and a clock that moves as they work. */
function scribe(): { hands: Hands; written: string[] } {
  const written: string[] = []
  let now = 0
  return {
    written,
    hands: {
      attach: (name, mode) => written.push(`attach ${name} ${mode}`),
      detach: name => written.push(`detach ${name}`),
      mark: rules => written.push(`mark ${rules.length} rules`),
      set: settings => written.push(`set ${Object.keys(settings).join()}`),
      publish: ({ service }, { length }) => {
        written.push(`publish ${serviceName(service)}${length > 0 ? ' touched' : ''}`)
      },
      withdraw: id => written.push(`withdraw ${serviceName(id)}`),
      nowMs: () => (now += 6),
    },
  }
}

function intentOf(services: ConfiguredService[], interfaces: Intent['interfaces']): Intent {
  const puts = services.map(({ dests, ...own }) => ({ service: own, dests }))
  const empty = { op: 'apply', removes: [], attaches: [], detaches: [], zero: {} } as const
  return { ...changed(emptyIntent(), { ...empty, puts } as never), interfaces }
}

test('apply: written to the data plane, then removal comes last and others get turns', async t => {
  const before = intentOf([web(1, 2), web(2), web(3)], { eth0: 'native', eth1: 'native' })
  const kept = before.services['tcp:192.0.2.2:80']
  const { settings } = before
  const wanted = intentOf([web(1, 3), web(2), web(4)], { eth1: 'generic', eth2: 'native' })
  const after = { ...wanted, settings }
  if (kept) after.services['tcp:192.0.2.2:80'] = { ...kept, service: { ...kept.service } }
  const { hands, written } = scribe()
  const change = bulkChange(before, after)
  const told: Progress[] = []
  let turns = 0
  const takeTurn = () => {
    turns++
    others = setImmediate(takeTurn)
  }
  let others = setImmediate(takeTurn)

  if (change) await carryOut(hands, before, change, progress => told.push(progress))
  clearImmediate(others)

  t.deepEqual(written, [
    'detach eth1',
    'attach eth1 generic',
    'attach eth2 native',
    'publish tcp:192.0.2.1:80 touched',
    'publish tcp:192.0.2.2:80',
    'publish tcp:192.0.2.4:80 touched',
    'withdraw tcp:192.0.2.3:80',
    'detach eth0',
  ])
  t.true(turns > 0 && told.length > 1, `${turns} turns`)
  t.deepEqual(told[0], { done: 0, total: 4 })
})

test('apply: a file taken back, then no dest that returns is news', async t => {
  const published: [name: string, isNews: boolean][] = []
  const dataplane = {
    publish({ service }: ServiceIntent, _: unknown, isNews: boolean) {
      published.push([serviceName(service), isNews])
      return []
    },
    withdraw: () => undefined,
    tables: { regions: { hasReturnedMuch: false } },
  }
  const parts = { dataplane, nowMs: () => 0 } as unknown as DirectorParts
  const writer = new Writer(parts, () => ({}))
  const before = changed(emptyIntent(), put(web(1, 2, 3)))
  const change = put(web(1, 2))
  const after = changed(before, change)

  await carryOut(writer, before, change, () => undefined)
  await writer.takeBack(after, before, change)

  t.deepEqual(published, [
    ['tcp:192.0.2.1:80', true],
    ['tcp:192.0.2.1:80', false],
  ])
})

/** A file's change that is of one service. */
function put({ dests, ...service }: ConfiguredService): BulkChange {
  return {
    ...{ op: 'apply', attaches: [], detaches: [], removes: [], zero: {} },
    puts: [{ service, dests }],
  }
}
