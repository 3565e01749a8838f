/** `xlvs check`, `apply` and `show --yaml` as processes: what they print, and how they exit. */
import test, { type ExecutionContext } from 'ava'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { XlvsError } from '../../control/errors.ts'
import { SETTING_NAMES } from '../../control/model/settings.ts'
import { syncDaemon } from '../../control/model/sync.ts'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'
import { dest, mark, service } from '../support/views.ts'

const GOOD = `services:
  tcp 192.0.2.1:80:
    name: web
    dests:
      - nat 10.0.0.2:8080
      - nat 10.0.0.3:8080
`
const BAD = GOOD.replace('nat 10.0.0.3:8080', 'nat 10.0.0.3:8080 weight 7000000000').replace(
  'name',
  'nam',
)

async function folderWith(t: ExecutionContext, text: string | Buffer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-config-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'lvs.yaml'), text)
  return folder
}

test('check: a good file and no daemon, then it says what is in it', async t => {
  const cwd = await folderWith(t, GOOD)

  const people = await xlvs(['check', 'lvs.yaml'], { cwd })
  const machines = await xlvs(['check', 'lvs.yaml', '--json'], { cwd })

  t.deepEqual(people, { status: 0, out: 'lvs.yaml is good: 1 service, 2 dests\n', err: '' })
  t.deepEqual(JSON.parse(machines.out), {
    file: 'lvs.yaml',
    services: 1,
    dests: 2,
    interfaces: 0,
    settings: 0,
    daemons: 0,
    marks: 0,
  })
})

test('check: a file with mark rules, then they are counted', async t => {
  const input = 'marks: [tcp to 192.0.2.1 port 80 mark 7, to 192.0.2.2 mark 7]\nservices: {}\n'

  const { out } = await xlvs(['check', '-'], { input })

  t.is(out, '- is good: 2 mark rules\n')
})

test('check: the file comes by standard input, then it is read like any', async t => {
  const { status, out } = await xlvs(['check', '-'], { input: GOOD })

  t.is(status, 0)
  t.is(out, '- is good: 1 service, 2 dests\n')
})

test('check: a bad file, then every error with its place, line and underline', async t => {
  const cwd = await folderWith(t, BAD)

  const { status, out, err } = await xlvs(['check', 'lvs.yaml'], { cwd })

  t.is(status, 2)
  t.is(out, '')
  t.is(
    err,
    `lvs.yaml:3:5: nam is not known in tcp 192.0.2.1:80: \
expected name, scheduler, sched_flags, persistent_s, netmask, engine, one_packet, \
dest_gone, slow_start, dests \
(UNKNOWN_KEY)
    nam: web
    ^~~ did you mean name?
lvs.yaml:6:34: weight 7000000000 is out of range: expected 0 to 2147483647 (BAD_WEIGHT)
      - nat 10.0.0.3:8080 weight 7000000000
                                 ^~~~~~~~~~ give a whole number; 0 means no new connections
error: lvs.yaml has 2 errors (BAD_CONFIG)
    mend them and try again
`,
  )
})

test('check: an empty file, then no line of it is shown', async t => {
  const cwd = await folderWith(t, '# nothing\n')

  const { status, err } = await xlvs(['check', 'lvs.yaml'], { cwd })

  t.is(status, 2)
  t.is(
    err,
    `lvs.yaml:1:1: the file is empty: expected settings, interfaces or services (BAD_TYPE)
    for example: services: {}
error: lvs.yaml has 1 error (BAD_CONFIG)
    mend them and try again
`,
  )
})

test('check: a bad file and --json, then the errors are in error.faults', async t => {
  const cwd = await folderWith(t, BAD)

  const { status, out } = await xlvs(['check', 'lvs.yaml', '--json'], { cwd })

  t.is(status, 2)
  const { error } = JSON.parse(out) as { error: { code: string; faults: object[] } }
  t.is(error.code, 'BAD_CONFIG')
  t.like(error.faults, [
    { file: 'lvs.yaml', line: 3, column: 5, length: 3, code: 'UNKNOWN_KEY' },
    { file: 'lvs.yaml', line: 6, column: 34, length: 10, code: 'BAD_WEIGHT' },
  ])
})

const unreadable: [file: string, text: string | Buffer, code: string, says: RegExp][] = [
  ['none.yaml', '', 'CONFIG_UNREADABLE', /there is no such file/],
  ['.', '', 'CONFIG_UNREADABLE', /it is a folder/],
  ['lvs.yaml', Buffer.from([0x61, 0xff]), 'CONFIG_UNREADABLE', /it is not UTF-8/],
  ['/dev/zero', '', 'CONFIG_TOO_LARGE', /expected at most 16 MiB/],
]

for (const [file, text, code, says] of unreadable)
  test(`check: ${file} that cannot be read, then ${says.source}`, async t => {
    const cwd = await folderWith(t, text)

    const { status, out } = await xlvs(['check', file, '--json'], { cwd })

    t.is(status, 2)
    const { error } = JSON.parse(out) as { error: { code: string; message: string } }
    t.is(error.code, code)
    t.regex(error.message, says)
  })

test('check: the example of the manual, then it is good', async t => {
  const manual = readFileSync(join(import.meta.dirname, '../../MANUAL.md'), 'utf8')
  const example = /```yaml\n(.*?)```/s.exec(manual)?.[1] ?? ''

  const { status, out } = await xlvs(['check', '-'], { input: example })

  t.is(status, 0)
  t.is(out, '- is good: 2 services, 3 dests, 2 interfaces, 1 setting\n')
})

test('apply: a file, its change, then the same again, then each says what it did', async t => {
  const { socket, state } = await serveFake(t)
  const cwd = await folderWith(t, GOOD)
  const apply = (...flags: string[]) => xlvs(['apply', 'lvs.yaml', ...flags], { socket, cwd })

  const dry = await apply('--dry-run')
  const before = state.services.length
  const first = await apply()
  await writeFile(
    join(cwd, 'lvs.yaml'),
    GOOD.replace('nat 10.0.0.3:8080', 'nat 10.0.0.2:8081 weight 0') + '  udp 192.0.2.1:53:\n',
  )
  const second = await apply()
  const again = await apply()

  t.is(before, 0)
  const list = `+ service tcp:192.0.2.1:80  wlc, named web
    + dest 10.0.0.2:8080  nat weight 1
    + dest 10.0.0.3:8080  nat weight 1
`
  const sum = 'added 1 service, 2 dests'
  const would = `lvs.yaml: would add 1 service, 2 dests; nothing was changed\n`
  t.deepEqual(dry, { status: 0, err: '', out: `${list}${would}` })
  t.deepEqual(first, { status: 0, err: '', out: `${list}lvs.yaml: ${sum}\n` })
  t.is(
    second.out,
    `  service tcp:192.0.2.1:80
    - dest 10.0.0.3:8080  nat weight 1
    + dest 10.0.0.2:8081  nat weight 0
+ service udp:192.0.2.1:53  wlc
lvs.yaml: added 1 service, 1 dest; removed 1 dest
`,
  )
  t.deepEqual(again, { status: 0, err: '', out: 'lvs.yaml: nothing changed\n' })
  t.is(state.services[0]?.origin, `file ${join(cwd, 'lvs.yaml')}`)
})

test('apply: what others own, then it is listed, kept, refused, or taken over', async t => {
  const mine = service({ dests: [dest()] })
  const { socket, state } = await serveFake(t, { services: [mine, service({ port: 81 })] })
  const cwd = await folderWith(t, 'services:\n  tcp 192.0.2.1:80: {scheduler: wlc}\n')
  const apply = (...flags: string[]) => xlvs(['apply', 'lvs.yaml', ...flags], { socket, cwd })

  const refused = await apply()
  const kept = structuredClone(state.services)
  const dry = await apply('--take-over', '--dry-run')
  const taken = await apply('--take-over', '--verbose')

  t.is(refused.status, 1)
  t.regex(refused.err, /the service tcp:192\.0\.2\.1:80 \(made by command\) \(OWNED_BY_OTHER\)/)
  t.deepEqual(kept, [mine, service({ port: 81 })])
  t.regex(
    dry.out,
    /would change 1 service; .*\nleft alone: 2 things that others own; --verbose lists them\n/,
  )
  t.is(
    taken.out,
    `~ service tcp:192.0.2.1:80  scheduler rr to wlc, taken over from command
lvs.yaml: changed 1 service
left alone, because others own it:
  dest 10.0.0.2:80 of tcp:192.0.2.1:80 (command)
  service tcp:192.0.2.1:81 (command)
`,
  )
})

test('apply: the daemon refuses an interface, then its place in the file as in check', async t => {
  const about = [{ what: 'interface' as const, name: 'nosuch0' }]
  const fails = new XlvsError('INTERFACE_MISSING', 'there is no interface nosuch0', 'see ip link', {
    about,
  })
  const { socket, state } = await serveFake(t, { fails })
  const cwd = await folderWith(t, 'interfaces: [eth0, nosuch0]\n')

  const people = await xlvs(['apply', 'lvs.yaml'], { socket, cwd })
  state.fails = fails
  const machines = await xlvs(['apply', 'lvs.yaml', '--json'], { socket, cwd })

  t.deepEqual([people.status, machines.status], [1, 1])
  t.is(
    people.err,
    `lvs.yaml:1:20: there is no interface nosuch0 (INTERFACE_MISSING)
interfaces: [eth0, nosuch0]
                   ^~~~~~~ see ip link
error: lvs.yaml is not in force: nothing was changed (INTERFACE_MISSING)
    mend it and try again
`,
  )
  const { error } = JSON.parse(machines.out) as { error: { faults: object[] } }
  t.like(error, { code: 'INTERFACE_MISSING', message: fails.message, hint: fails.hint })
  t.like(error.faults[0], { line: 1, column: 20, length: 7 })
})

test('apply: two things of others, then the place of each and the whole sentence', async t => {
  const { socket } = await serveFake(t, { services: [service({ dests: [dest()] })] })
  const text = 'services:\n  tcp 192.0.2.1:80:\n    dests:\n      - nat 10.0.0.2 weight 2\n'
  const cwd = await folderWith(t, text)

  const { status, err } = await xlvs(['apply', 'lvs.yaml'], { socket, cwd })

  t.is(status, 1)
  const made = "is not this file's, it was made by command"
  const says = (line: string) => t.true(err.includes(line), err)
  says(
    `lvs.yaml:2:3: the service tcp:192.0.2.1:80 ${made} (scheduler: rr, this file says wlc) (OWN`,
  )
  says(`lvs.yaml:4:13: the dest 10.0.0.2:80 ${made} (weight: 1, this file says 2) (OWNED_BY_OTHER)`)
  t.regex(err, /^error: the file would change what others own: the service .*, the dest /m)
})

test('apply: a bad file, then nothing is asked of the daemon', async t => {
  const { socket, state } = await serveFake(t)
  const cwd = await folderWith(t, BAD)

  const { status, err } = await xlvs(['apply', 'lvs.yaml'], { socket, cwd })

  t.is(status, 2)
  t.regex(err, /BAD_WEIGHT/)
  t.deepEqual(state.services, [])
})

test('show: --yaml applied, then nothing changes, and on nothing it makes the same', async t => {
  const services = [
    service({ name: 'web', dests: [dest({ port: 81, weight: 0 }), dest({ fwd: 'dr' })] }),
    service({
      ...{ protocol: 'udp', port: 53, scheduler: 'mh', origin: 'ipvsadm', onePacket: true },
      ...{ schedFlags: ['flag-2'], persistentS: 60, netmask: '255.255.255.0', engine: 'sip' },
      dests: [dest({ fwd: 'tun', port: 53, upper: 9, lower: 1, tunnel: { type: 'gre' } })],
    }),
    mark({ family: 6, mark: 4294967295, dests: [dest({ address: '2001:db8::2', port: 0 })] }),
  ]
  const eth0 = {
    name: 'eth0',
    ifindex: 2,
    mode: 'generic',
    present: true,
    running: true,
    origin: 'api',
  } as const
  const settings = { udp_timeout_s: { value: 7, origin: 'api' as const } }
  const daemons = { backup: syncDaemon('backup', { interface: 'eth0', group: 'ff02::1' }, 9000) }
  const { socket } = await serveFake(t, { services, interfaces: [eth0], settings, daemons })
  const empty = await serveFake(t, { interfaces: [eth0] })

  const { out: input } = await xlvs(['show', '--yaml'], { socket })
  const same = await xlvs(['apply', '-', '--json'], { socket, input })
  const other = await xlvs(['apply', '-'], { socket: empty.socket, input })
  const again = await xlvs(['show', '--yaml'], { socket: empty.socket })

  t.false((JSON.parse(same.out) as { changed: boolean }).changed)
  t.is(other.status, 0)
  t.is(again.out, input)
  t.regex(
    input,
    /^settings:\n {2}udp_timeout_s: 7\ninterfaces:\n {2}- eth0 generic\nsync:\n {2}backup:\n/,
  )
})

test('show: --json, then settings and origins are in it, and a name in the table', async t => {
  const { socket } = await serveFake(t, { services: [service({ name: 'web' })] })

  const machines = await xlvs(['show', '--json'], { socket })
  const people = await xlvs(['show'], { socket })

  const shown = JSON.parse(machines.out) as { settings: object; services: object[] }
  t.deepEqual(Object.keys(shown.settings), SETTING_NAMES)
  t.like(shown.settings, { udp_timeout_s: { value: 300, default: 300, active: true } })
  t.like(shown.services[0], { name: 'web', origin: 'command' })
  t.regex(people.out, /^tcp:192\.0\.2\.1:80 \(web\) {2}rr$/m)
})

const OF_FILE = { origin: 'file /etc/xlvs/lvs.yaml' } as const
const touching: string[] = [
  'service set tcp:192.0.2.1:80 --scheduler wlc',
  'service remove tcp:192.0.2.1:80',
  'dest set tcp:192.0.2.1:80 10.0.0.2 --weight 7',
  'dest remove tcp:192.0.2.1:80 10.0.0.2',
  'detach eth0',
  'set pmtu_disc=0',
]

for (const line of touching)
  test(`origin: ${line} of what a file owns, then it is done and warned of`, async t => {
    const services = [service({ ...OF_FILE, dests: [dest(OF_FILE)] })]
    const eth0 = {
      name: 'eth0',
      ifindex: 2,
      mode: 'native',
      present: true,
      running: true,
      ...OF_FILE,
    } as const
    const settings = { pmtu_disc: { value: 1, ...OF_FILE } }
    const { socket } = await serveFake(t, { services, interfaces: [eth0], settings })

    const { status, out, err } = await xlvs(line.split(' '), { socket })

    t.is(status, 0)
    t.not(out, '')
    t.regex(
      err,
      /^warning: this belongs to the file \/etc\/xlvs\/lvs\.yaml, which the next xlvs apply/,
    )
    const isRemoved = /remove|detach/.test(line)
    t.is(/ restores; what a command adds instead is not the file's\n/.test(err), isRemoved, err)
  })

test('service: --name, then show has it, and a wrong or taken one is refused', async t => {
  const { socket } = await serveFake(t)

  await xlvs(['service', 'add', 'tcp:192.0.2.1:80', '--name', 'web'], { socket })
  const bad = await xlvs(['service', 'add', 'tcp:192.0.2.2:80', '--name', '1'], { socket })
  const { out } = await xlvs(['show', '--yaml'], { socket })

  t.is(bad.status, 2)
  t.regex(bad.err, /BAD_NAME/)
  t.regex(out, /name: web/)
})
