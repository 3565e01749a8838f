/** A batch from client to director: each change for itself, a request without sense refused. */
import test from 'ava'
import { buildApi } from '../../../control/daemon/api.ts'
import { connectDirector, type BatchChange } from '../../../control/daemon/client.ts'
import { createLog } from '../../../control/daemon/log.ts'
import { BATCH_MAX } from '../../../control/daemon/options.ts'
import type { XlvsError } from '../../../control/errors.ts'
import { fakeDirector, serveFake } from '../../support/fake_director.ts'
import { dest, service } from '../../support/views.ts'

const ID = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const
const SERVICE = { ...ID, scheduler: 'rr' } as const
const DEST = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 } as const
const OTHER = { ...DEST, address: '10.0.0.3' }
const GONE = { ...ID, port: 81 }

test('batch: one of each, then each is answered for itself and the director has it', async t => {
  const { socket, state } = await serveFake(t)
  const client = connectDirector(socket, undefined, 'ipvsadm')
  t.teardown(() => {
    client.close()
  })
  const changes: BatchChange[] = [
    { op: 'addService', service: { ...SERVICE, name: 'web' } },
    { op: 'addService', service: SERVICE },
    { op: 'addService', service: { ...GONE, scheduler: 'rr' } },
    { op: 'addDest', service: ID, dest: DEST },
    { op: 'addDest', service: ID, dest: OTHER },
    { op: 'setDest', service: ID, dest: { ...DEST, weight: 7 } },
    { op: 'setDest', service: ID, dest: { ...DEST, port: 81 } },
    { op: 'removeDest', service: ID, dest: OTHER },
    { op: 'setService', service: { ...SERVICE, scheduler: 'wlc' } },
    { op: 'removeService', id: GONE },
    { op: 'addDest', service: ID, dest: { ...DEST, address: '224.0.0.1' } },
    { op: 'addDest', service: ID, dest: { ...DEST, address: '2001:db8::2' } },
  ]

  const outcomes = await client.batch(changes)

  const codes = outcomes.map(one => ('error' in one ? one.error.code : one.warnings.length))
  const refused = ['DEST_NOT_UNICAST', 'BAD_FAMILY']
  t.deepEqual(codes, [0, 'SERVICE_EXISTS', 0, 0, 0, 0, 'DEST_MISSING', 0, 0, 0, ...refused])
  const dests = [dest({ weight: 7, origin: 'ipvsadm' })]
  t.deepEqual(state.services, [
    service({ scheduler: 'wlc', name: 'web', origin: 'ipvsadm', dests }),
  ])
})

test('batch: what a file owns is changed, its change is warned of', async t => {
  const { socket } = await serveFake(t, { services: [service({ origin: 'file /lvs.yaml' })] })
  const client = connectDirector(socket)
  t.teardown(() => {
    client.close()
  })

  const outcomes = await client.batch([{ op: 'removeService', id: ID }])

  t.like(outcomes, [{ warnings: [{ kind: 'owned-by-file' }] }])
})

test('batch: more changes than a request takes, all are answered in their order', async t => {
  const { socket, state } = await serveFake(t)
  const client = connectDirector(socket)
  t.teardown(() => {
    client.close()
  })
  const changes = Array.from({ length: 2 * BATCH_MAX + 1 }, (_, i): BatchChange => {
    return { op: 'addService', service: { ...SERVICE, port: 1 + (i >> 1) } }
  })

  const outcomes = await client.batch(changes)

  const isRefused = outcomes.map(one => 'error' in one)
  t.deepEqual(
    isRefused,
    changes.map((_, i) => i % 2 === 1),
  )
  t.is(state.services.length, BATCH_MAX + 1)
})

const SHAPES: [what: string, changes: unknown, code: XlvsError['code'], says: RegExp][] = [
  ['none', [], 'BAD_REQUEST', /changes is .*: must NOT have fewer than 1 items/],
  [
    'an unknown op',
    [{ op: 'addServer' }],
    'BAD_REQUEST',
    /changes\.0 has no op that is known: addServer/,
  ],
  ['no op', [{ service: 'tcp:192.0.2.1:80' }], 'BAD_REQUEST', /lacks the field op/],
  [
    'a weight that is none',
    [{ op: 'addDest', service: 'tcp:192.0.2.1:80', dest: { ...DEST, weight: -1 } }],
    ...(['BAD_WEIGHT', /-1/] as const),
  ],
  [
    'a field that nobody knows',
    [{ op: 'removeService', service: 'tcp:192.0.2.1:80', really: true }],
    ...(['BAD_REQUEST', /unknown field really/] as const),
  ],
]

for (const [what, changes, code, says] of SHAPES)
  test(`batch: ${what}, the request is refused and nothing is done`, async t => {
    const app = buildApi(fakeDirector({ services: [service()] }), createLog('silent'))
    t.teardown(() => app.close())

    const payload = { changes }
    const { statusCode, body } = await app.inject({ method: 'POST', url: '/v1/batch', payload })

    t.is(statusCode, 400)
    const { error } = JSON.parse(body) as { error: { code: string; message: string } }
    t.is(error.code, code, error.message)
    t.regex(error.message, says)
  })

test('batch: a name that is none, its change alone is refused', async t => {
  const app = buildApi(fakeDirector({ services: [service()] }), createLog('silent'))
  t.teardown(() => app.close())
  const remove = (name: string) => ({ op: 'removeService', service: name })

  const payload = { changes: [remove('tcp:192.0.2.1'), remove('tcp:192.0.2.1:80')] }
  const answer = await app.inject({ method: 'POST', url: '/v1/batch', payload })

  t.like(answer.json(), { outcomes: [{ error: { code: 'BAD_REQUEST' } }, {}] })
})
