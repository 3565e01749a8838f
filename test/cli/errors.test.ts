/**
 * Every code of control/errors.ts, and what produces it: here, by the code that an operator runs,
 * or in a test elsewhere, by its title, where it takes two daemons in a network of their own. A new
 * code does not compile without its row. What else a test should say of an error is in the tests
 * of what refuses.
 */
import test, { type ExecutionContext } from 'ava'
import type { LinkInfo } from '../../addon/index.ts'
import type { InjectOptions } from 'fastify'
import type { MarkRule } from '../../control/model/mark.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { settingService, startingDaemon } from '../../control/daemon/accept.ts'
import { buildApi } from '../../control/daemon/api.ts'
import { linkNow } from '../../control/daemon/attaching.ts'
import { connectDirector } from '../../control/daemon/client.ts'
import { Doctor } from '../../control/daemon/doctor.ts'
import { Events } from '../../control/daemon/events.ts'
import { Journal } from '../../control/daemon/journal.ts'
import { createLog } from '../../control/daemon/log.ts'
import { lockState } from '../../control/daemon/state_lock.ts'
import { attach } from '../../control/dataplane/attach.ts'
import { stopDecap } from '../../control/dataplane/decap.ts'
import { refuseOldKernel, type Kernel } from '../../control/dataplane/kernel.ts'
import { openObject } from '../../control/dataplane/objects.ts'
import { refusePins, refuseUser } from '../../control/dataplane/pins.ts'
import { refusedXdp } from '../../control/dataplane/xdp.ts'
import { ERROR_CODES, isErrorCode, type ErrorCode } from '../../control/errors.ts'
import { importMarks } from '../../control/ipvs/marks/import.ts'
import { emptyConfiguration, type ConfiguredService } from '../../control/model/configuration.ts'
import { canonicalDest, checkUnicast } from '../../control/config/nouns.ts'
import { syncDaemon } from '../../control/model/sync.ts'
import type { Dest, Service } from '../../control/model/service.ts'
import { leftOutError } from '../../control/output/marks.ts'
import { type InterfaceFacts } from '../../control/plan/attachable.ts'
import { desired } from '../../control/plan/desired.ts'
import { changed, Draft, replayed } from '../../control/plan/draft.ts'
import { emptyIntent, type Change } from '../../control/plan/intent.ts'
import { director } from '../support/director.ts'
import { Disk } from '../support/disk.ts'
import { fakeDirector, serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

type T = ExecutionContext
/** Does what is wrong; the codes it was answered with. */
type Provocation = (t: T) => Promise<string[]>
/** Elsewhere: a file, and the exact title of the test in it. */
type Elsewhere = [file: `test/${string}.test.ts`, title: string]

const ROOT = join(import.meta.dirname, '../..')
const SERVICE: Service = { protocol: 'tcp', address: '192.0.2.1', port: 80, scheduler: 'rr' }
const MASTER = { role: 'master', interface: 'eth0' } as const
const MARK_RULE: MarkRule = { family: 4, protocol: 'tcp', to: '192.0.2.1/32', mark: 7 }
const ADD_MARK: Change = { op: 'addMarks', rules: [MARK_RULE] }
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

/** Interfaces as the kernel would tell of them, each with what is wrong about it. */
const LINK = { name: 'eth0', ifindex: 2, mtu: 1500, xdpMode: 'none' } as LinkInfo
const FACTS: InterfaceFacts = {
  ...{ name: 'eth0', kind: 'veth', mac: '02:00:00:00:00:01', running: true, vlans: [] },
  ...{ master: undefined, parent: undefined, receivers: [], before: [] },
  ...{ xdpFeatures: 0, peerReceives: undefined, peerOffloads: undefined },
}
const LRO = [{ name: 'eth0', kind: '', features: { 'rx-lro': true } }]
const REFUSAL = 'test/lab/refusal.test.ts'

const PROVOCATIONS: Record<ErrorCode, Provocation | Elsewhere> = {
  NO_ROOT: thrown(() => {
    refuseUser(65534)
  }),
  NO_BPFFS: thrown(() => {
    refusePins('/tmp/xlvs')
  }),
  KERNEL_TOO_OLD: thrown(() => {
    refuseOldKernel('5.10.0')
  }),
  NO_NATIVE_XDP: refusedByDriver('EOPNOTSUPP', ''),
  INTERFACE_MISSING: thrown(() => linkNow({ linkNow: () => undefined, linkNames: () => [] }, 'x')),
  INTERFACE_NOT_ATTACHED: thrown(() => {
    stopDecap('/nonexistent', 'eth0')
  }),
  INTERFACE_ATTACHED: attachTo(LINK, 'eth0'),
  INTERFACE_UNFIT: examined({ mac: '' }),
  OFFLOAD_ON: examined({ kind: '', receivers: LRO }),
  NO_XDP_TRANSMIT: examined({}),
  IFINDEX_TOO_LARGE: attachTo({ ...LINK, ifindex: 70_000 }),
  MTU_TOO_LARGE: refusedByDriver('EINVAL', 'Peer MTU is too large to set XDP'),
  FOREIGN_PROGRAM: attachTo({ ...LINK, xdpMode: 'native' }),
  ABI_MISMATCH: [REFUSAL, "daemon: another's journal or half of the pins, it is refused"],
  SOCKET_IN_USE: [REFUSAL, "daemon: its socket's path is a file, it is refused and the file left"],
  SOCKET_REFUSED: command('show --socket /nonexistent/xlvs.sock'),
  PINS_IN_USE: [REFUSAL, 'daemon: a second one, it is refused and the first goes on'],
  STATE_IN_USE: lockWhatAnotherHas,
  JOURNAL_MISSING: [REFUSAL, "daemon: another's journal or half of the pins, it is refused"],
  JOURNAL_DAMAGED: async t => {
    const disk = new Disk()
    disk.put('journal.0', 'what no journal begins with\n')
    return [codeOf(await t.throwsAsync(Journal.open('/j', { fs: disk.fs })))]
  },
  JOURNAL_WRITE: async t => {
    const disk = new Disk()
    const journal = await Journal.open('/j', { fs: disk.fs })
    disk.fault = () => 'ENOSPC'
    return [codeOf(await t.throwsAsync(journal.append('a record')))]
  },
  TABLE_FULL: moreThanThereIsRoomFor,
  KERNEL_REFUSED: thrown(() => openObject('/nonexistent', 'xlvs.bpf.o')),
  TIMED_OUT: askSomebodySilent,
  PROGRAM_MISSING: command('exec -- /nonexistent/keepalived'),
  TOO_MANY_WATCHERS: thrown(() => {
    const events = new Events()
    for (;;) events.watch(undefined, () => undefined)
  }),
  INTERNAL: request('POST', '/v1/zero', {}, new TypeError('x is not a function')),
  BAD_ADDRESS: request('POST', '/v1/services', { ...SERVICE, address: '192.0.2.256' }),
  BAD_PORT: request('POST', '/v1/services', { ...SERVICE, port: 65536 }),
  BAD_MARK: request('POST', '/v1/services', { ...MARK, mark: 0 }),
  BAD_MARK_RULE: command('mark add tcp to 192.0.2.1 mark'),
  BAD_SERVICE: request('POST', '/v1/services', { ...SERVICE, port: 0 }),
  BAD_PERSISTENCE: request('POST', '/v1/services', { ...SERVICE, persistentS: 0 }),
  BAD_NETMASK: request('POST', '/v1/services', { ...MARK, netmask: '255.255.255' }),
  BAD_SCHED_FLAG: request('POST', '/v1/services', { ...SERVICE, schedFlags: ['flag-4'] }),
  BAD_ENGINE: request('POST', '/v1/services', { ...SERVICE, engine: 'sap' }),
  BAD_DEST_GONE: request('POST', '/v1/services', { ...SERVICE, destGone: 'drain' }),
  BAD_SLOW_START: request('POST', '/v1/services', { ...SERVICE, slowStartS: -1 }),
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
  MARK_RULE_EXISTS: changes(ADD_MARK, ADD_MARK),
  MARK_RULE_MISSING: changes({ op: 'removeMarks', rules: [MARK_RULE] }),
  MARKS_LEFT_OUT: thrown(() => {
    throw leftOutError(importMarks('*mangle\n-A PREROUTING -j CONNMARK --restore-mark\n').left)
  }),
  SYNC_UNREACHABLE: thrown(() => {
    const lo = { name: 'lo', ifindex: 1, mtu: 65536, up: true }
    const wish = { interface: 'lo', group: 'ff02::81' }
    startingDaemon(new Draft(emptyIntent()), 'master', wish, () => lo)
  }),
  SCHEDULER_FULL: thrown(() => {
    const dests = Array.from({ length: 4094 }, (_, i) => ({ ...DEST, port: i + 1 }))
    const added = dests.map((dest): Change => ({ op: 'addDest', service: SERVICE, dest }))
    const draft = new Draft(replayed(emptyIntent(), [ADD, ...added]))
    settingService(draft, { ...SERVICE, scheduler: 'mh' })
  }),
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
  if (Array.isArray(provocation))
    test(`errors: ${code}, it is produced in ${provocation[0]}`, async t => {
      const [file, title] = provocation
      const text = await readFile(join(ROOT, file), 'utf8')

      const quoted = title.includes("'") ? `"${title}"` : `'${title}'`
      const tests = text.split(/^(?=privileged\(|test\()/m)
      const found = tests.filter(one => /^\w+\(\s*(.*), async t =>/.exec(one)?.[1] === quoted)
      t.is(found.length, 1, title)
      t.regex(found[0] ?? '', new RegExp(`'${code}'`))
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

/** Attaches to an interface, one that has the program already when it is named. */
function attachTo(link: LinkInfo, attached?: string): Provocation {
  return async t => {
    const bpffs = await mkdtemp(join(tmpdir(), 'xlvs-errors-'))
    t.teardown(() => rm(bpffs, { recursive: true }))
    await mkdir(join(bpffs, 'links'))
    if (attached !== undefined) await writeFile(join(bpffs, 'links', attached), '')
    const act = (): void => {
      attach({ bpffs } as Kernel, link, 'native')
    }
    return [codeOf(t.throws(act))]
  }
}

/** What the kernel says when a driver cannot, by errno and what its extended answer adds. */
function refusedByDriver(code: string, log: string): Provocation {
  return () => Promise.resolve([refusedXdp(LINK, { code, log }, 'native', 'xlvs attach eth0').code])
}

/** What the doctor refuses about an interface. */
function examined(facts: Partial<InterfaceFacts>): Provocation {
  return thrown(() => {
    new Doctor({
      inspect: () => ({ ...FACTS, ...facts }),
      firewall: () => Promise.resolve([]),
      nowMs: () => 0,
      delay: () => Promise.resolve(),
    }).refuse('eth0', 'native')
  })
}

async function lockWhatAnotherHas(t: T): Promise<string[]> {
  const state = await mkdtemp(join(tmpdir(), 'xlvs-errors-'))
  t.teardown(() => rm(state, { recursive: true }))
  const other = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)'])
  t.teardown(() => other.kill('SIGKILL'))
  await once(other, 'spawn')
  await writeFile(join(state, 'owner'), `${other.pid}\n`)
  return [codeOf(t.throws(() => lockState(state)))]
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
