/** The API: what it takes, what it refuses and how it says so, with a director in memory. */
import test, { type ExecutionContext } from 'ava'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { buildApi } from '../../../control/daemon/api.ts'
import type { ConnPage } from '../../../control/daemon/contract.ts'
import { createLog } from '../../../control/daemon/log.ts'
import { ERROR_CODES, XlvsError } from '../../../control/errors.ts'
import { MARK_RULES_MAX } from '../../../control/model/mark.ts'
import {
  destSettingsOf,
  serviceIdOf,
  serviceSettingsOf,
  type InterfaceView,
} from '../../../control/model/service.ts'
import { fakeDirector, type FakeState } from '../../support/fake_director.ts'
import { conn, dest, service } from '../../support/views.ts'

const SERVICE = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }
const DEST = { address: '10.0.0.2', port: 8080, fwd: 'nat', weight: 1 }
const AT = '/v1/services/tcp:192.0.2.1:80'
const ETH0: InterfaceView = {
  ...{ name: 'eth0', ifindex: 2, mode: 'native', origin: 'command' },
  ...{ present: true, running: true },
}

function api(
  t: ExecutionContext,
  given: Partial<FakeState> = {},
): { app: FastifyInstance; state: FakeState; log: string[] } {
  const log: string[] = []
  const director = fakeDirector(given)
  const app = buildApi(director, createLog('info', { write: line => log.push(line) }))
  t.teardown(() => app.close())
  return { app, state: director.state, log }
}

function call(method: string, url: string, payload?: unknown): InjectOptions {
  return { method, url, ...(payload === undefined ? {} : { payload }) } as InjectOptions
}

test('api: each change, then 204 and the director has it', async t => {
  const { app, state } = api(t)

  for (const change of [
    call('POST', '/v1/services', SERVICE),
    call('POST', '/v1/services', { ...SERVICE, protocol: 'udp', port: 53 }),
    call('PUT', AT, { scheduler: 'rr' }),
    call('POST', `${AT}/dests`, DEST),
    call('POST', `${AT}/dests`, { ...DEST, address: '10.0.0.3' }),
    call('PUT', `${AT}/dests/10.0.0.2:8080`, { fwd: 'nat', weight: 0 }),
    call('DELETE', `${AT}/dests/10.0.0.3:8080`),
    call('DELETE', '/v1/services/udp:192.0.2.1:53'),
    call('POST', '/v1/zero', {}),
    call('POST', '/v1/zero', { service: { protocol: 'tcp', address: '192.0.2.1', port: 80 } }),
    call('POST', '/v1/interfaces', { names: ['eth0'], mode: 'native' }),
    call('PATCH', '/v1/settings', { udp_timeout_s: 60, est_cpulist: '1,0' }),
  ]) {
    const { statusCode, body } = await app.inject(change)
    t.is(statusCode, 204, body)
    t.is(body, '')
  }

  t.deepEqual(state.services, [
    service({ origin: 'api', dests: [dest({ port: 8080, weight: 0, origin: 'api' })] }),
  ])
  t.like(state.interfaces, [{ name: 'eth0', mode: 'native' }])
  t.deepEqual(state.settings, {
    udp_timeout_s: { value: 60, origin: 'api' },
    est_cpulist: { value: '0-1', origin: 'api' },
  })
  t.is((await app.inject(call('DELETE', '/v1/interfaces/eth0'))).statusCode, 204)
  t.is((await app.inject(call('DELETE', '/v1/services'))).statusCode, 204)
  t.deepEqual([state.services, state.interfaces], [[], []])
})

test('api: IPv6 in any form and a tunnel, then it is kept in canonical form', async t => {
  const { app, state } = api(t)
  const six = '/v1/services/tcp:[2001:db8::1]:80'

  for (const change of [
    call('POST', '/v1/services', { ...SERVICE, address: '2001:DB8:0::1' }),
    call('POST', `${six}/dests`, { ...DEST, address: '2001:db8:0:0:0::2' }),
    call('POST', `${six}/dests`, { ...DEST, port: 80, fwd: 'tun' }),
    call('PUT', `${six}/dests/[2001:db8::2]:8080`, { fwd: 'nat', weight: 3 }),
    call('DELETE', `${six}/dests/10.0.0.2:80`),
    call('POST', '/v1/zero', { service: { protocol: 'tcp', address: '2001:db8::0:1', port: 80 } }),
  ]) {
    const { statusCode, body } = await app.inject(change)
    t.is(statusCode, 204, body)
  }

  const origin = 'api'
  const left = [dest({ address: '2001:db8::2', port: 8080, weight: 3, origin })]
  t.deepEqual(state.services, [service({ address: '2001:db8::1', origin, dests: left })])
})

/** Everything that a service and a dest can have, and what is not active of it. */
const MARK = { protocol: 'fwmark', family: 6, mark: 4294967295 } as const
const FULL = {
  scheduler: 'sh',
  schedFlags: ['flag-1', 'flag-2'],
  persistentS: 360,
  netmask: '64',
  onePacket: true,
  engine: 'sip',
  slowStartS: 60,
  name: 'web',
} as const
const GUE = { type: 'gue', port: 6080, checksum: 'remcsum' } as const
const FULL_DEST = { fwd: 'tun', weight: 2147483647, upper: 10, lower: 5, tunnel: GUE } as const

test('api: a service and a dest with every field, then each is shown', async t => {
  const { app } = api(t)
  const at = '/v1/services/fwmark6:4294967295'
  const dest = { address: '2001:db8::2', port: 0, ...FULL_DEST }

  const added = await app.inject(call('POST', '/v1/services', { ...MARK, ...FULL }))
  const given = await app.inject(call('POST', `${at}/dests`, dest))
  const shown = (await app.inject('/v1/services')).json<{ services: { dests: unknown[] }[] }>()

  t.is(added.statusCode, 200, added.body)
  t.is(given.statusCode, 200, given.body)
  t.like(added.json<{ warnings: object[] }>().warnings, [
    {
      kind: 'no-effect',
      message:
        'the slow start of fwmark6:4294967295 is without effect: sh does not heed it, ' +
        'wrr, wlc, lc, sed and nq do',
    },
  ])
  t.like(given.json<{ warnings: object[] }>().warnings, [
    {
      kind: 'not-active',
      message: 'not active yet: gue tunnels of dest [2001:db8::2]:0 of fwmark6:4294967295',
    },
  ])
  const [service] = shown.services
  t.like(service, { ...MARK, ...FULL, notActive: [] })
  t.false('address' in (service ?? {}))
  const less = ['gue tunnels']
  t.like(service?.dests[0], { ...dest, persistent: 0, notActive: less })
})

test('api: a service and a dest set to less, then the rest is as by default', async t => {
  const { app, state } = api(t)
  const at = '/v1/services/fwmark6:4294967295'
  const dest = { address: '2001:db8::2', port: 0, ...FULL_DEST }
  await app.inject(call('POST', '/v1/services', { ...MARK, ...FULL }))
  await app.inject(call('POST', `${at}/dests`, dest))

  await app.inject(call('PUT', at, { scheduler: 'rr' }))
  await app.inject(call('PUT', `${at}/dests/[2001:db8::2]:0`, { fwd: 'dr', weight: 1 }))

  const [service] = state.services
  t.deepEqual(service && { ...serviceIdOf(service), ...serviceSettingsOf(service) }, {
    ...MARK,
    ...{ scheduler: 'rr', slowStartS: 60, name: 'web' },
  })
  t.deepEqual(service?.dests.map(destSettingsOf), [{ fwd: 'dr', weight: 1 }])
})

test('api: more mark rules than there may be, then there is no room', async t => {
  const { app } = api(t)
  const rules = Array.from({ length: MARK_RULES_MAX + 1 }, (_, i) => ({
    ...{ family: 4, to: `10.0.${i >> 8}.${i & 255}/32`, mark: 7 },
  }))

  const { statusCode, body } = await app.inject(call('POST', '/v1/marks', { rules }))

  t.is(statusCode, 507, body)
  t.regex(body, /TABLE_FULL.*that would be 20001 mark rules: expected at most 20000/)
})

test('api: a sync daemon started, listed and stopped, then it is gone', async t => {
  const { app } = api(t, { interfaces: [ETH0] })
  const given = { interface: 'eth0', syncId: 9, group: 'FF02:0::51', maxLen: 2000, port: 9000 }

  const started = await app.inject(
    call('POST', '/v1/daemons', { role: 'backup', ...given, ttl: 5 }),
  )
  const listed = (await app.inject('/v1/daemons')).json<unknown>()
  const stopped = await app.inject(call('DELETE', '/v1/daemons/backup'))

  t.is(started.statusCode, 200, started.body)
  t.regex(started.body, /the backup sync daemon is not active yet/)
  const notActive = ['synchronisation']
  const daemon = { role: 'backup', ...given, group: 'ff02::51', ttl: 5, origin: 'api', notActive }
  t.deepEqual(listed, { daemons: [daemon] })
  t.is(stopped.statusCode, 204, stopped.body)
  t.deepEqual((await app.inject('/v1/daemons')).json(), { daemons: [] })
})

const SYNC: [given: object, code: string][] = [
  [{ role: 'slave', interface: 'eth0' }, 'BAD_SYNC'],
  [{ role: 'master', interface: 'eth9' }, 'INTERFACE_MISSING'],
  [{ role: 'master', interface: 'eth0', syncId: 256 }, 'BAD_SYNC'],
  [{ role: 'master', interface: 'eth0', ttl: 0 }, 'BAD_SYNC'],
  [{ role: 'master', interface: 'eth0', maxLen: 0 }, 'BAD_SYNC'],
  [{ role: 'master', interface: 'eth0', port: 0 }, 'BAD_PORT'],
  [{ role: 'master', interface: 'eth0', group: '192.0.2.1' }, 'BAD_SYNC'],
  [{ role: 'master', interface: 'eth0', group: '192.0.2' }, 'BAD_SYNC'],
  [{ role: 'backup', interface: 'eth0' }, 'BAD_FAMILY'],
]

for (const [given, code] of SYNC)
  test(`api: a sync daemon ${JSON.stringify(given)}, refused as ${code}`, async t => {
    const services =
      code === 'BAD_FAMILY' ? [service({ dests: [dest({ address: '2001:db8::2' })] })] : []
    const { app, state } = api(t, { interfaces: [ETH0], services })

    const { body } = await app.inject(call('POST', '/v1/daemons', given))

    t.is((JSON.parse(body) as { error: { code: string } }).error.code, code, body)
    t.deepEqual(state.daemons, {})
  })

test('api: a dest of the other family while a sync daemon runs, refused as BAD_FAMILY', async t => {
  const { app } = api(t, { interfaces: [ETH0], services: [service()] })
  await app.inject(call('POST', '/v1/daemons', { role: 'master', interface: 'eth0' }))

  const six = { address: '2001:db8::2', port: 80, fwd: 'tun', weight: 1 }
  const { body } = await app.inject(call('POST', `${AT}/dests`, six))

  t.regex(body, /BAD_FAMILY.*while a sync daemon runs/)
})

test('api: what the kernel looks at first, then that is what is told', async t => {
  const { app } = api(t, { services: [service({ dests: [dest()] })] })
  const wrong = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1, upper: 1, lower: 2 }
  const codeOf = async (method: string, url: string, body: object): Promise<string> =>
    (await app.inject(call(method, url, body))).json<{ error: { code: string } }>().error.code

  t.is(await codeOf('POST', '/v1/services/tcp:192.0.2.9:80/dests', wrong), 'SERVICE_MISSING')
  t.is(await codeOf('POST', `${AT}/dests`, wrong), 'BAD_THRESHOLD')
  t.is(await codeOf('POST', `${AT}/dests`, { ...wrong, lower: 1 }), 'DEST_EXISTS')
  const less = { fwd: 'nat', weight: 1, upper: 1, lower: 2 }
  t.is(await codeOf('PUT', `${AT}/dests/10.0.0.9:80`, less), 'BAD_THRESHOLD')
})

test('api: each read, then the whole view', async t => {
  const services = [service({ dests: [dest()] })]
  const { app } = api(t, { services })
  const read = async (path: string): Promise<unknown> => (await app.inject(path)).json()

  t.deepEqual(await read('/v1/services'), { services })
  t.deepEqual(await read('/v1/conns'), { conns: [] })
  t.deepEqual(await read('/v1/interfaces'), { interfaces: [] })
  t.like(await read('/v1/stats'), { connections: [{ family: 4, slots: 1024 }, { family: 6 }] })
  t.like(await read('/v1/version'), { abi: 2 })
})

function titleOf({ method, url, payload }: InjectOptions): string {
  return [method, url, payload].map(part => JSON.stringify(part ?? '').slice(0, 100)).join(' ')
}

const refusals: [given: InjectOptions, status: number, code: string, says: RegExp][] = [
  [call('POST', '/v1/services', { ...SERVICE, protocol: 'icmp' }), 400, 'BAD_PROTOCOL', /icmp/],
  [call('POST', '/v1/services', { ...SERVICE, address: '10.1' }), 400, 'BAD_ADDRESS', /10\.1/],
  [call('POST', '/v1/services', { ...SERVICE, address: 'fe80::1%e' }), 400, 'BAD_ADDRESS', /zone/],
  [call('POST', '/v1/services', { ...SERVICE, address: '::g' }), 400, 'BAD_ADDRESS', /::g/],
  [
    call('POST', `${AT}/dests`, { ...DEST, address: '2001:db8::2' }),
    ...([400, 'BAD_FAMILY'] as const),
    /only tun leads to the other family/,
  ],
  [call('POST', '/v1/services', { ...SERVICE, port: 0 }), 400, 'BAD_SERVICE', /has port 0/],
  [call('POST', '/v1/services', { ...SERVICE, port: '80' }), 400, 'BAD_PORT', /"80": must be int/],
  [call('POST', '/v1/services', { ...SERVICE, scheduler: 'rrr' }), 400, 'BAD_SCHEDULER', /rrr/],
  [
    call('POST', '/v1/services', { ...SERVICE, family: 4 }),
    400,
    'BAD_REQUEST',
    /unknown field fam/,
  ],
  [call('POST', '/v1/services', { ...SERVICE, schedFlags: [] }), 400, 'BAD_REQUEST', /schedFlags/],
  [call('POST', '/v1/services', { ...SERVICE, engine: 'ftp' }), 400, 'BAD_ENGINE', /engine ftp/],
  [call('POST', '/v1/services', { ...SERVICE, destGone: 'go' }), 400, 'BAD_DEST_GONE', /is go:/],
  [call('POST', '/v1/services', { ...SERVICE, slowStartS: 86401 }), 400, 'BAD_SLOW_START', /86401/],
  [call('POST', '/v1/services', { ...SERVICE, onePacket: false }), 400, 'BAD_REQUEST', /onePacket/],
  [
    call('POST', '/v1/services', { protocol: 'fwmark', mark: 1 }),
    400,
    'BAD_REQUEST',
    /lacks .*fam/,
  ],
  [call('POST', `${AT}/dests`, { ...DEST, upper: 0 }), 400, 'BAD_THRESHOLD', /threshold 0/],
  [call('POST', `${AT}/dests`, { ...DEST, tunnel: { type: 'ipip' } }), 400, 'BAD_REQUEST', /ipip/],
  [call('POST', '/v1/services', { ...SERVICE, x: 1 }), 400, 'BAD_REQUEST', /unknown field x/],
  [
    call('POST', '/v1/services', { protocol: 'tcp' }),
    400,
    'BAD_REQUEST',
    /lacks the field address/,
  ],
  [call('POST', '/v1/services'), 400, 'BAD_REQUEST', /the body is missing/],
  [
    call('POST', '/v1/services', 'x'.repeat(20_000)),
    400,
    'BAD_REQUEST',
    /too large|cannot be read/,
  ],
  [
    call('POST', '/v1/zero', { service: { x: 1 } }),
    400,
    'BAD_REQUEST',
    /service lacks|service has/,
  ],
  [call('POST', `${AT}/dests`, { ...DEST, weight: 2 ** 31 }), 400, 'BAD_WEIGHT', /2147483648 /],
  [call('POST', `${AT}/dests`, { ...DEST, weight: 1.5 }), 400, 'BAD_WEIGHT', /1\.5/],
  [call('POST', `${AT}/dests`, { ...DEST, fwd: 'fnat' }), 400, 'BAD_FORWARDING_METHOD', /tun/],
  [
    call('POST', `${AT}/dests`, { ...DEST, fwd: 'dr' }),
    400,
    'BAD_PORT',
    /expected 80, the port of/,
  ],
  [
    call('PUT', `${AT}/dests/10.0.0.2:81`, { fwd: 'dr', weight: 1 }),
    400,
    'BAD_PORT',
    /expected 80/,
  ],
  [
    call('PUT', '/v1/services/tcp:1.1.1.1', { scheduler: 'rr' }),
    400,
    'BAD_REQUEST',
    /protocol:addr/,
  ],
  [call('DELETE', `${AT}/dests/10.0.0.2`), 400, 'BAD_REQUEST', /is not address:port/],
  [
    call('POST', '/v1/interfaces', { names: ['e', 'e/0'], mode: 'native' }),
    400,
    'BAD_INTERFACE',
    /e\/0/,
  ],
  [call('POST', '/v1/interfaces', { names: [], mode: 'native' }), 400, 'BAD_REQUEST', /names is/],
  [call('POST', '/v1/interfaces', { names: [7], mode: 'native' }), 400, 'BAD_INTERFACE', /7/],
  [
    call('POST', '/v1/interfaces', { names: ['e0'], mode: 'fast' }),
    400,
    'BAD_REQUEST',
    /native or gen/,
  ],
  [call('DELETE', '/v1/interfaces/a%20b'), 400, 'BAD_INTERFACE', /"a b"/],
  [call('DELETE', '/v1/interfaces/eth9'), 404, 'INTERFACE_NOT_ATTACHED', /eth9/],
  [call('DELETE', '/v1/services/tcp:192.0.2.9:80'), 404, 'SERVICE_MISSING', /192\.0\.2\.9/],
  [call('GET', '/v1/conns?limit=0'), 400, 'BAD_REQUEST', /limit 0 is out of range/],
  [call('GET', '/v1/conns?limit=10001'), 400, 'BAD_REQUEST', /expected 1 to 10000/],
  [call('GET', '/v1/conns?limit=ten'), 400, 'BAD_REQUEST', /limit ten/],
  [
    call('GET', '/v1/conns?colour=red'),
    400,
    'BAD_REQUEST',
    /the query has an unknown field colour/,
  ],
  [call('GET', '/v1/conns?after=x'), 400, 'BAD_REQUEST', /after is x/],
  [call('GET', '/v2/services'), 404, 'NO_SUCH_ROUTE', /GET \/v2\/services/],
  ...['0.0.0.0', '224.0.0.1', '239.1.1.1', '255.255.255.255'].map(
    (address): [InjectOptions, number, string, RegExp] => [
      call('POST', `${AT}/dests`, { ...DEST, address }),
      400,
      'DEST_NOT_UNICAST',
      /expected the address of one server/,
    ],
  ),
]
for (const [given, status, code, says] of refusals)
  test(`api: ${titleOf(given)}, then ${code}`, async t => {
    const { app, state } = api(t, { services: [service()] })

    const { statusCode, body } = await app.inject(given)

    const { error } = JSON.parse(body) as { error: Record<string, string> }
    t.is(statusCode, status, body)
    t.is(error['code'], code)
    t.regex(error['message'] ?? '', says)
    t.deepEqual(state.services, [service()])
  })

test('api: conns in pages of one, then each goes on after the one before', async t => {
  const conns = [conn(), conn({ state: 'CLOSE' })]
  const { app } = api(t, { conns })
  const page = async (query: string) => (await app.inject(`/v1/conns?${query}`)).json<ConnPage>()

  const first = await page('limit=1')
  const second = await page(`limit=1&after=${String(first.next)}`)

  t.deepEqual([first.conns, second.conns], [conns.slice(0, 1), conns.slice(1)])
  t.deepEqual(await page('state=close'), { conns: conns.slice(1) })
})

test('api: the director refuses, then its sentence comes through', async t => {
  const fails = new XlvsError('TABLE_FULL', 'there are 4096 services already', 'remove some')
  const { app } = api(t, { fails })

  const { statusCode, body } = await app.inject(call('POST', '/v1/services', SERVICE))

  t.is(statusCode, 507)
  const { code, message, hint } = fails
  t.deepEqual(JSON.parse(body), { error: { code, message, hint } })
})

test('api: the director has a bug, then INTERNAL and the log has the stack', async t => {
  const { app, log } = api(t, { fails: new TypeError('x is not a function') })

  const { statusCode, body } = await app.inject(call('POST', '/v1/services', SERVICE))

  t.is(statusCode, 500)
  t.like(JSON.parse(body), { error: { code: 'INTERNAL' } })
  t.true(log.some(line => line.includes('api.test.ts') && line.includes('TypeError')))
})

test('api: a change, then one log line of JSON with a constant message', async t => {
  const { app, log } = api(t)

  await app.inject(call('POST', '/v1/services', SERVICE))
  await app.inject('/v1/services')

  t.is(log.length, 1)
  t.like(JSON.parse(log[0] ?? ''), {
    level: 'info',
    msg: 'change requested',
    method: 'POST',
    body: SERVICE,
    status: 204,
  })
})

test('api: /openapi.json, then every route may answer with each error code', async t => {
  const { app } = api(t)

  const document = (await app.inject('/openapi.json')).json<{
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
  }>()

  for (const methods of Object.values(document.paths))
    for (const { responses } of Object.values(methods)) {
      const text = JSON.stringify(responses['default'] ?? {})
      for (const code of Object.keys(ERROR_CODES)) t.true(text.includes(`"${code}"`), code)
    }
})

test('api: /openapi.json, then an OpenAPI 3.1 document with every route', async t => {
  const { app } = api(t)

  const document = (await app.inject('/openapi.json')).json<{
    openapi: string
    paths: Record<string, Record<string, unknown>>
  }>()

  t.is(document.openapi, '3.1.0')
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(method => `${method} ${path}`),
  )
  t.deepEqual(routes.toSorted(), [
    'delete /v1/daemons/{role}',
    'delete /v1/interfaces/{name}',
    'delete /v1/services',
    'delete /v1/services/{service}',
    'delete /v1/services/{service}/dests/{dest}',
    'get /v1/conns',
    'get /v1/daemons',
    'get /v1/events',
    'get /v1/interfaces',
    'get /v1/marks',
    'get /v1/reasons',
    'get /v1/services',
    'get /v1/settings',
    'get /v1/stats',
    'get /v1/version',
    'get /v1/warnings',
    'patch /v1/settings',
    'post /v1/apply',
    'post /v1/batch',
    'post /v1/daemons',
    'post /v1/interfaces',
    'post /v1/marks',
    'post /v1/marks/remove',
    'post /v1/services',
    'post /v1/services/{service}/dests',
    'post /v1/zero',
    'put /v1/services/{service}',
    'put /v1/services/{service}/dests/{dest}',
  ])
})
