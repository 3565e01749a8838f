/**
 * Every code of control/errors.ts, and what produces it: here, by the code that an operator runs,
 * or in a test elsewhere where it takes a network, two daemons or a broken disk. A new code does
 * not compile without its row. What else a test should say of an error is in the tests of what
 * refuses.
 */
import test, { type ExecutionContext } from 'ava'
import type { InjectOptions } from 'fastify'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApi } from '../../control/daemon/api.ts'
import { connectDirector } from '../../control/daemon/client.ts'
import { Events } from '../../control/daemon/events.ts'
import { createLog } from '../../control/daemon/log.ts'
import { refuseOldKernel } from '../../control/dataplane/kernel.ts'
import { openObject } from '../../control/dataplane/objects.ts'
import { ERROR_CODES, isErrorCode, type ErrorCode } from '../../control/errors.ts'
import { emptyConfiguration, type ConfiguredService } from '../../control/model/configuration.ts'
import { canonicalDest, checkUnicast } from '../../control/config/nouns.ts'
import { syncDaemon } from '../../control/model/sync.ts'
import type { Dest, Service } from '../../control/model/service.ts'
import { desired } from '../../control/plan/desired.ts'
import { changed } from '../../control/plan/draft.ts'
import { emptyIntent, type Change } from '../../control/plan/intent.ts'
import { director } from '../support/director.ts'
import { fakeDirector, serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

type T = ExecutionContext
/** Does what is wrong; the codes it was answered with. */
type Provocation = (t: T) => Promise<string[]>

const ROOT = join(import.meta.dirname, '../..')
const SERVICE: Service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }
const MASTER = { role: 'master', interface: 'eth0' } as const
const START: Change = {
  ...{ op: 'startDaemon', role: 'master' },
  daemon: syncDaemon('master', MASTER, 1500),
}
const MARK = { protocol: 'fwmark', family: 4, mark: 77, scheduler: 'rr' }
const DEST: Dest = { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 }
const AT = '/v1/services/tcp:192.0.2.1:80'
const ADD: Change = { op: 'addService', service: SERVICE, zero: {} }
const ADD_DEST: Change = { op: 'addDest', service: SERVICE, dest: DEST }
const MORE_THAN_DESTS = 140_000

const PROVOCATIONS: Record<ErrorCode, Provocation | `test/${string}.test.ts`> = {
  NO_ROOT: 'test/lab/refusal.test.ts',
  NO_BPFFS: 'test/lab/refusal.test.ts',
  KERNEL_TOO_OLD: thrown(() => {
    refuseOldKernel('5.10.0')
  }),
  NO_NATIVE_XDP: 'test/lab/refusal.test.ts',
  INTERFACE_MISSING: 'test/lab/refusal.test.ts',
  INTERFACE_NOT_ATTACHED: 'test/packet/director.test.ts',
  INTERFACE_ATTACHED: 'test/lab/refusal.test.ts',
  INTERFACE_UNFIT: 'test/lab/decap.test.ts',
  OFFLOAD_ON: 'test/unit/plan/attachable.test.ts',
  NO_XDP_TRANSMIT: 'test/lab/refusal.test.ts',
  IFINDEX_TOO_LARGE: 'test/lab/refusal.test.ts',
  MTU_TOO_LARGE: 'test/lab/refusal.test.ts',
  FOREIGN_PROGRAM: 'test/lab/refusal.test.ts',
  ABI_MISMATCH: 'test/lab/refusal.test.ts',
  SOCKET_IN_USE: 'test/lab/refusal.test.ts',
  SOCKET_REFUSED: command('show --socket /nonexistent/xlvs.sock'),
  PINS_IN_USE: 'test/lab/refusal.test.ts',
  STATE_IN_USE: 'test/unit/daemon/state_lock.test.ts',
  JOURNAL_MISSING: 'test/lab/refusal.test.ts',
  JOURNAL_DAMAGED: 'test/unit/daemon/journal.test.ts',
  JOURNAL_WRITE: 'test/unit/daemon/journal.test.ts',
  TABLE_FULL: moreThanThereIsRoomFor,
  KERNEL_REFUSED: thrown(() => openObject('/nonexistent', 'xlvs.bpf.o')),
  TIMED_OUT: askSomebodySilent,
  TOO_MANY_WATCHERS: thrown(() => {
    const events = new Events()
    for (;;) events.watch(undefined, () => undefined)
  }),
  INTERNAL: request('POST', '/v1/zero', {}, new TypeError('x is not a function')),
  BAD_ADDRESS: request('POST', '/v1/services', { ...SERVICE, address: '192.0.2.256' }),
  BAD_PORT: request('POST', '/v1/services', { ...SERVICE, port: 65536 }),
  BAD_MARK: request('POST', '/v1/services', { ...MARK, mark: 0 }),
  BAD_SERVICE: request('POST', '/v1/services', { ...SERVICE, port: 0 }),
  BAD_PERSISTENCE: request('POST', '/v1/services', { ...SERVICE, persistentS: 0 }),
  BAD_NETMASK: request('POST', '/v1/services', { ...MARK, netmask: '255.255.255' }),
  BAD_SCHED_FLAG: request('POST', '/v1/services', { ...SERVICE, schedFlags: ['flag-4'] }),
  BAD_ENGINE: request('POST', '/v1/services', { ...SERVICE, engine: 'sap' }),
  BAD_THRESHOLD: thrown(() => canonicalDest(SERVICE, { ...DEST, upper: 2, lower: 3 })),
  BAD_SYNC: request('POST', '/v1/daemons', { ...MASTER, syncId: 256 }),
  BAD_TUNNEL: thrown(() => canonicalDest(SERVICE, { ...DEST, tunnel: { type: 'gre' } })),
  BAD_PROTOCOL: request('POST', '/v1/services', { ...SERVICE, protocol: 'icmp' }),
  BAD_SCHEDULER: request('POST', '/v1/services', { ...SERVICE, scheduler: 'rrr' }),
  BAD_WEIGHT: request('POST', `${AT}/dests`, { ...DEST, weight: 2147483648 }),
  BAD_FORWARDING_METHOD: request('POST', `${AT}/dests`, { ...DEST, fwd: 'pigeon' }),
  BAD_INTERFACE: request('POST', '/v1/interfaces', { names: ['e/0'], mode: 'native' }),
  BAD_MODE: configuration('interfaces: [eth0 fast]'),
  BAD_NAME: configuration('services:\n  tcp 192.0.2.1:80:\n    name: 80'),
  BAD_SETTING: configuration('settings:\n  conn_reuse_mode: many'),
  UNKNOWN_SETTING: command('get conn_reuse_mod'),
  BAD_FAMILY: thrown(() => canonicalDest(SERVICE, { ...DEST, address: '2001:db8::2' })),
  BAD_YAML: configuration('services: ['),
  BAD_TYPE: configuration('services: 80'),
  BAD_CONFIG: configuration('service: {}'),
  CONFIG_UNREADABLE: command('check /nonexistent/lvs.yaml'),
  CONFIG_TOO_LARGE: command('check /dev/zero'),
  UNKNOWN_KEY: configuration('service: {}'),
  DUPLICATE: configuration('services: {}\nservices: {}'),
  BAD_REQUEST: request('POST', '/v1/services', { ...SERVICE, colour: 'red' }),
  BAD_USAGE: command('show --colour'),
  UNKNOWN_COMMAND: command('paint'),
  NO_SUCH_ROUTE: request('GET', '/v1/colours'),
  SERVICE_EXISTS: changes(ADD, ADD),
  SERVICE_MISSING: changes({ op: 'removeService', id: SERVICE }),
  SYNC_RUNNING: changes(START, START),
  SYNC_NOT_RUNNING: changes({ op: 'stopDaemon', role: 'master' }),
  DEST_EXISTS: changes(ADD, ADD_DEST, ADD_DEST),
  DEST_MISSING: changes(ADD, { op: 'removeDest', service: SERVICE, dest: DEST }),
  NAME_TAKEN: changes(
    { op: 'addService', service: { ...SERVICE, name: 'web' }, zero: {} },
    { op: 'addService', service: { ...SERVICE, port: 81, name: 'web' }, zero: {} },
  ),
  OWNED_BY_OTHER: thrown(() => {
    const service: ConfiguredService = { ...SERVICE, scheduler: 'wlc', dests: [] }
    const configuration = { ...emptyConfiguration(), services: [service] }
    const origin = 'file /etc/xlvs/lvs.yaml'
    desired(changed(emptyIntent(), ADD), { configuration, origin, takeOver: false })
  }),
  DEST_NOT_UNICAST: thrown(() => {
    checkUnicast('224.0.0.1')
  }),
}

for (const [code, provocation] of Object.entries(PROVOCATIONS))
  if (typeof provocation === 'string')
    test(`errors: ${code}, it is produced in ${provocation}`, async t => {
      const text = await readFile(join(ROOT, provocation), 'utf8')

      t.regex(text, new RegExp(`code: '${code}'|['(]${code}['"]?,|\\.code, '${code}'`))
      t.notRegex(text, /fakeDirector|serveFake/, 'a director in memory refuses by its own code')
    })
  else
    test(`errors: ${code}, it is produced here`, async t => {
      const codes = await provocation(t)

      t.true(codes.includes(code), codes.join())
      t.deepEqual(
        codes.filter(word => !isErrorCode(word)),
        [],
      )
    })

test('errors: all codes, each has its row', t => {
  t.deepEqual(Object.keys(PROVOCATIONS).toSorted(), Object.keys(ERROR_CODES).toSorted())
})

/** `xlvs LINE` as a process of its own. */
function command(line: string): Provocation {
  return async t => {
    const { socket } = await serveFake(t)
    const { status, out } = await xlvs([...line.split(' '), '--json'], { socket })
    t.true(status === 1 || status === 2)
    return codesOf(out)
  }
}

/** `xlvs check` of a file with that text. */
function configuration(text: string): Provocation {
  return async t => {
    const folder = await mkdtemp(join(tmpdir(), 'xlvs-errors-'))
    t.teardown(() => rm(folder, { recursive: true }))
    const file = join(folder, 'lvs.yaml')
    await writeFile(file, text)
    const { out } = await xlvs(['check', file, '--json'])
    return codesOf(out)
  }
}

/** A request to the API; `fails` is a bug of the director's. */
function request(method: string, url: string, payload?: object, fails?: Error): Provocation {
  return async t => {
    const app = buildApi(fakeDirector(fails ? { fails } : {}), createLog('silent'))
    t.teardown(() => app.close())
    const options = { method, url, ...(payload ? { payload } : {}) } as InjectOptions
    const { body } = await app.inject(options)
    return codesOf(body)
  }
}

/** Changes one after the other, as the director folds them. */
function changes(...all: Change[]): Provocation {
  return thrown(() => all.reduce(changed, emptyIntent()))
}

function thrown(act: () => unknown): Provocation {
  return t => Promise.resolve([codeOf(t.throws(act))])
}

async function moreThanThereIsRoomFor(t: T): Promise<string[]> {
  const { dataplane } = await director(t, '')
  const dests = Array.from({ length: MORE_THAN_DESTS }, (_, i) => ({
    ...DEST,
    address: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  }))
  const error = t.throws(() => {
    dataplane.publish({ service: SERVICE, dests })
  })
  return [codeOf(error)]
}

async function askSomebodySilent(t: T): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-errors-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const socket = join(folder, 's')
  const server = createServer(connection => {
    t.teardown(() => connection.destroy())
  })
  t.teardown(() => server.close())
  await new Promise<void>(resolve => server.listen(socket, resolve))
  return [codeOf(await t.throwsAsync(connectDirector(socket, 50).version()))]
}

function codeOf(error: unknown): string {
  return (error as { code: string }).code
}

/** Codes in an error as JSON: its own, and those of the faults of a file. */
function codesOf(text: string): string[] {
  const { error } = JSON.parse(text) as { error: { code: string; faults?: { code: string }[] } }
  return [error.code, ...(error.faults ?? []).map(({ code }) => code)]
}
