/** The xlvs command as a process, against a director in memory: what it prints and how it exits. */
import test from 'ava'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { REASON } from '../../control/abi/maps.gen.ts'
import type { ConnPage } from '../../control/daemon/contract.ts'
import { XlvsError } from '../../control/errors.ts'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'
import { conn, dest, service } from '../support/views.ts'

const SERVICE = 'tcp:192.0.2.1:80'
const DNS = { address: '192.0.2.1', port: 53 }

test('xlvs: services and dests added and changed, then show has them', async t => {
  const { socket } = await serveFake(t)
  const done = async (line: string): Promise<string> => {
    const { status, out, err } = await xlvs(line.split(' '), { socket })
    t.is(status, 0, err)
    return out
  }

  t.is(await done(`service add ${SERVICE} --scheduler rr`), `service ${SERVICE} added\n`)
  t.is(await done(`dest add ${SERVICE} 10.0.0.2:8080`), `dest 10.0.0.2:8080 of ${SERVICE} added\n`)
  await done(`dest add ${SERVICE} 10.0.0.3 --dr --weight 2`)
  await done(`dest set ${SERVICE} 10.0.0.2:8080 --nat -w 0`)
  await done(`service set ${SERVICE} -s rr`)
  t.is(await done('attach eth0 eth1 --generic'), 'attached eth0, eth1 (generic)\n')
  t.is(await done('detach eth1'), 'detached eth1\n')

  const { interfaces, services } = JSON.parse(await done('show --json')) as Record<string, unknown>
  t.deepEqual(services, [
    service({
      dests: [dest({ address: '10.0.0.3', fwd: 'dr', weight: 2 }), dest({ port: 8080, weight: 0 })],
    }),
  ])
  t.like(interfaces, [{ name: 'eth0', mode: 'generic' }])
  await done(`dest remove ${SERVICE} 10.0.0.3`)
  t.is(await done(`service remove ${SERVICE}`), `service ${SERVICE} removed\n`)
})

test('xlvs: a service and a dest with all that there is, then the director has it', async t => {
  const { socket, state } = await serveFake(t)
  const done = async (line: string): Promise<unknown> => {
    const { status, out } = await xlvs([...line.split(' '), '--json'], { socket })
    t.is(status, 0, out)
    return JSON.parse(out)
  }
  const id = { protocol: 'fwmark', family: 4, mark: 7 } as const
  const staying = { scheduler: 'sh', schedFlags: ['flag-2'], netmask: '255.0.0.0' } as const
  const there = { address: '10.0.0.2', port: 0, weight: 1, upper: 8 }
  const gue = { fwd: 'tun', tunnel: { type: 'gue', port: 1 } } as const

  const made = await done(
    'service add fwmark:7 -s sh --sched-flags sh-port -p 60 -M 255.0.0.0 --engine sip',
  )
  t.like(made, { service: { ...id, ...staying, persistentS: 60 } })
  t.like(await done('dest add fwmark:7 10.0.0.2 --tun --tunnel gue --tunnel-port 1 -x 8'), {
    service: id,
    dest: { ...there, ...gue },
    warnings: [{ message: 'not active yet: gue tunnels of dest 10.0.0.2:0 of fwmark:7' }],
  })
  await done('service set fwmark:7 --persistent none -o')
  await done('dest set fwmark:7 10.0.0.2 --nat --lower 6')

  t.like(state.services, [{ ...id, ...staying, onePacket: true }])
  t.is(state.services[0]?.persistentS, undefined)
  t.like(state.services[0]?.dests, [{ ...there, fwd: 'nat', lower: 6, tunnel: undefined }])
})

test('xlvs: warnings, then attach and show print them with their cures, and as JSON', async t => {
  const warning = { kind: 'lro', message: 'eth0 merges packets', cure: 'ethtool -K eth0 lro off' }
  const remark = {
    kind: 'veth-checksum',
    message: 'eth0 is a veth',
    cure: 'ethtool -K eth1 tx off',
  }
  const { socket } = await serveFake(t, { warnings: [warning], remarks: [remark] })

  const attached = await xlvs(['attach', 'eth0'], { socket })
  const shown = await xlvs(['show'], { socket })
  const json = await xlvs(['show', '--json'], { socket })

  const line = /^! eth0 merges packets; try ethtool -K eth0 lro off$/m
  t.regex(attached.out, line)
  t.regex(attached.out, /^! eth0 is a veth; try ethtool -K eth1 tx off$/m)
  t.notRegex(shown.out, /is a veth/)
  t.regex(shown.out, line)
  t.deepEqual((JSON.parse(json.out) as { warnings: unknown }).warnings, [warning])
})

test('xlvs: several interfaces to detach and one is not attached, then none is', async t => {
  const { socket, state } = await serveFake(t)
  await xlvs(['attach', 'eth0', 'eth1'], { socket })

  const { status, err } = await xlvs(['detach', 'eth0', 'eth9', 'eth1'], { socket })

  t.is(status, 1)
  t.regex(err, /eth9 is not attached/)
  t.deepEqual(
    state.interfaces.map(({ name }) => name),
    ['eth0', 'eth1'],
  )
})

test('xlvs: alone or with flags only, then it is show', async t => {
  const { socket } = await serveFake(t, { services: [service({ vipLocal: false })] })

  const [alone, flags, named] = await Promise.all([
    xlvs([], { socket }),
    xlvs(['--socket', socket]),
    xlvs(['show'], { socket }),
  ])

  t.regex(named.out, /VIP not local/)
  t.deepEqual(alone, named)
  t.deepEqual(flags, named)
})

test('xlvs: zero and stats --rate, then counters and rates are 0', async t => {
  const ten = { conns: 10, inPackets: 10, outPackets: 10, inBytes: 10, outBytes: 10 }
  const given = { traffic: ten, rates: ten }
  const services = [service({ ...given, dests: [dest(given)] }), service({ port: 81, ...given })]
  const { socket, state } = await serveFake(t, { services })

  const before = await xlvs(['stats', '--rate'], { socket })
  const one = await xlvs(['zero', SERVICE], { socket })

  t.regex(before.out, /CONNS\/S[^]*80 +10[^]* 10\.0\.0\.2:80 +10[^]*81 +10[^]*total +0/)
  t.deepEqual([one.status, one.out], [0, `counters of ${SERVICE} are zero\n`])
  t.deepEqual(
    state.services.map(({ rates }) => rates.conns),
    [0, 10],
  )
  const all = await xlvs(['zero', '--json'], { socket })
  t.deepEqual(JSON.parse(all.out), { zeroed: 'all' })
  t.is(state.services[1]?.rates.conns, 0)
})

for (const [words, says] of [
  [['watch'], /^\S+Z {2}service tcp:192\.0\.2\.1:80 removed\n.*5 packets dropped in a second\n$/],
  [['watch', '--json'], /^\{"id":"e-1",.*"service":"tcp:192\.0\.2\.1:80"\}\n\{.*"packets":5\}\n$/],
] as const)
  test(`xlvs: ${words.join(' ')}, then a line for each event until the daemon ends`, async t => {
    const { socket, events, close } = await serveFake(t)
    events.publish([{ kind: 'service-removed', service: SERVICE }])
    const listen = (out: string): void => {
      const lines = out.split('\n').length - 1
      if (lines === 1) events.publish([{ kind: 'overload', packets: 5 }])
      else void close()
    }

    const { status, out } = await xlvs([...words, '--after', 'e-0'], { socket, listen })

    t.regex(out.replace(/\{"error".*\n$/, ''), says)
    t.is(status, 1)
  })

test('xlvs: conns of a dest, of a service, or a few, then no others', async t => {
  const other = conn({ dest: { address: '10.0.0.3', port: 80 }, virtual: DNS, protocol: 'udp' })
  const { socket } = await serveFake(t, { conns: [conn(), other, conn()] })
  const list = async (...words: string[]) =>
    (JSON.parse((await xlvs(['conns', '--json', ...words], { socket })).out) as ConnPage).conns

  t.deepEqual(await list('--dest', '10.0.0.3'), [other])
  t.deepEqual(await list('--service', 'udp:192.0.2.1:53', '--state', 'established'), [other])
  t.deepEqual(await list('--client', '198.51.100.7:40000', '--limit', '2'), [conn(), other])
  t.deepEqual(await list('--client', '198.51.100.8'), [])
  t.is((await xlvs(['conns', '--client', '198.51.100.8'], { socket })).out, 'no connections\n')
})

test('xlvs: a service by its name, then every command knows it', async t => {
  const web = service({ name: 'web', dests: [dest({ port: 8080 })] })
  const { socket, state } = await serveFake(t, {
    services: [service({ port: 81 }), web],
    conns: [conn({ virtual: DNS, protocol: 'udp' }), conn()],
  })
  const done = async (line: string): Promise<string> => {
    const { status, out, err } = await xlvs(line.split(' '), { socket })
    t.is(status, 0, err)
    return out
  }

  t.is(await done('zero web'), `counters of ${SERVICE} are zero\n`)
  t.is((JSON.parse(await done('conns --service web --json')) as ConnPage).conns.length, 1)
  t.is(await done('service set web -s wlc'), `service ${SERVICE} changed\n`)
  t.is(await done('dest add web 10.0.0.3'), `dest 10.0.0.3:80 of ${SERVICE} added\n`)
  await done('dest set web 10.0.0.2:8080 -w 7')
  await done('dest remove web 10.0.0.3')
  t.like(state.services[1], { scheduler: 'wlc', dests: [{ port: 8080, weight: 7 }] })
  t.is(await done('service remove web'), `service ${SERVICE} removed\n`)
})

test('xlvs: show with services, then those and their troubles only', async t => {
  const shop = service({ port: 81, name: 'shop', dests: [dest({ port: 81, weight: 0 })] })
  const { socket } = await serveFake(t, { services: [service(), shop, service({ port: 82 })] })
  const words = ['show', 'shop', 'tcp:192.0.2.1:82', 'tcp:192.0.2.1:81']

  const [text, json, missing] = await Promise.all([
    xlvs(words, { socket }),
    xlvs([...words, '--json'], { socket }),
    xlvs(['show', 'shop', 'tcp:192.0.2.9:80'], { socket }),
  ])

  t.deepEqual(
    text.out.split('\n').map(line => line.replace(/ {2}.*| has .*/, '')),
    [
      'SERVICE / DEST',
      'tcp:192.0.2.1:81 (shop)',
      '',
      'tcp:192.0.2.1:82',
      '! tcp:192.0.2.1:81',
    ].concat('! tcp:192.0.2.1:82', ''),
  )
  t.like(JSON.parse(json.out), { services: [{ port: 81 }, { port: 82 }] })
  t.deepEqual(Object.keys(JSON.parse(json.out) as object), ['services', 'warnings'])
  t.is(missing.status, 1)
  t.regex(missing.err, /^error: there is no service tcp:192\.0\.2\.9:80 \(SERVICE_MISSING\)/)
})

test('xlvs: a name that no service has, then the nearest one', async t => {
  const { socket } = await serveFake(t, { services: [service({ name: 'shop' })] })
  const refused = async (name: string): Promise<unknown> => {
    const { status, out } = await xlvs(['service', 'remove', name, '--json'], { socket })
    t.is(status, 1)
    return (JSON.parse(out) as { error: unknown }).error
  }

  t.like(await refused('shopp'), { code: 'SERVICE_MISSING', hint: 'did you mean shop?' })
  t.deepEqual(await refused('web'), {
    code: 'SERVICE_MISSING',
    message: 'there is no service with the name web',
    hint: 'see the services and their names with xlvs show',
  })
})

test('xlvs: more connections than a page has, then all of them', async t => {
  const { socket } = await serveFake(t, { conns: Array.from({ length: 12_000 }, () => conn()) })

  const { out } = await xlvs(['conns'], { socket })

  t.is(out.split('\n').length, 1 + 12_000 + 1)
})

test('xlvs: reasons, then those with packets, or all', async t => {
  const { socket } = await serveFake(t, { reasons: { [REASON.TABLE_FULL]: 7 } })

  const [some, all, json] = await Promise.all([
    xlvs(['reasons'], { socket }),
    xlvs(['reasons', '--all'], { socket }),
    xlvs(['reasons', '--json'], { socket }),
  ])

  t.regex(some.out, /^REASON .*\ntable full +7 +dropped .*\n! table full: see in xlvs stats .*\n$/)
  t.regex(all.out, /\nnat request +0 +forwarded/)
  t.like(JSON.parse(json.out), { reasons: [{ reason: 'table full', packets: 7 }] })
})

test('xlvs: reasons --watch, then what has risen until the daemon ends', async t => {
  const { socket, state, close } = await serveFake(t, { reasons: { [REASON.TABLE_FULL]: 7 } })
  const listen = (out: string): void => {
    if (out.includes('+2')) void close()
    state.reasons[REASON.TABLE_FULL] = 9
  }

  const { status, out } = await xlvs(['reasons', '--watch'], { socket, listen })

  t.is(status, 1)
  t.regex(out, /\ntable full +7 [^]*\ntable full +9 +\+2\n/)
})

test('xlvs: conns, stats and version, then text or JSON', async t => {
  const { socket } = await serveFake(t, { conns: [conn()] })

  for (const [command, says, field] of [
    ['conns', /198\.51\.100\.7:40000/, 'conns'],
    ['stats', /connection table: 1 of 1024/, 'total'],
    ['version', /^xlvs 0\.1\.0\ndaemon 0\.1\.0, kernel/, 'daemon'],
  ] as const) {
    const [text, json] = await Promise.all([
      xlvs([command], { socket }),
      xlvs([command, '--json'], { socket }),
    ])
    t.regex(text.out, says)
    t.true(field in (JSON.parse(json.out) as object))
  }
})

test('xlvs: flags that all commands have, before the command, then as behind it', async t => {
  const { socket, state } = await serveFake(t, { services: [service()] })

  const shown = await xlvs(['--json', 'show'], { socket })
  const added = await xlvs(['--json', '--debug', 'dest', 'add', SERVICE, '10.0.0.7'], { socket })
  const { status, err } = await xlvs(['--socket', '/nonexistent/s', 'show'], {})
  const mistyped = await xlvs(['--json', 'shwo'], { socket })

  t.true('services' in (JSON.parse(shown.out) as object))
  t.true('dest' in (JSON.parse(added.out) as object), added.err)
  t.true(state.services[0]?.dests.some(({ address }) => address === '10.0.0.7'))
  t.is(status, 1)
  t.regex(err, /\(SOCKET_REFUSED\)/)
  t.like(JSON.parse(mistyped.out), { error: { code: 'UNKNOWN_COMMAND' } })
})

const wrong: [line: string, code: string, says: RegExp][] = [
  [
    'servce add',
    'UNKNOWN_COMMAND',
    /servce add is not a command.*\n.*did you mean xlvs service add/,
  ],
  ['shwo', 'UNKNOWN_COMMAND', /did you mean xlvs show\?/],
  ['zzzzzzzz', 'UNKNOWN_COMMAND', /see the commands with xlvs --help/],
  ['show --jsn', 'BAD_USAGE', /xlvs show has no flag --jsn .*\n.*did you mean --json\?/],
  ['show -x -y', 'BAD_USAGE', /xlvs show has no flags -x, -y .*\n.*xlvs show --help/],
  ['stats extra', 'BAD_USAGE', /extra is too much: xlvs stats takes no argument/],
  ['show web --yaml', 'BAD_USAGE', /--yaml prints the whole configuration, not web alone/],
  ['service add a b', 'BAD_USAGE', /b is too much: xlvs service add takes only SERVICE /],
  ['service add', 'BAD_USAGE', /xlvs service add needs SERVICE /],
  ['dest add --dr', 'BAD_USAGE', /xlvs dest add needs SERVICE and DEST .*\n.*dest add --help/],
  ['service set tcp:192.0.2.1:80', 'BAD_USAGE', /nothing to change: expected one of --scheduler/],
  ['dest set tcp:192.0.2.1:80 10.0.0.2', 'BAD_USAGE', /nothing to change: expected one of --nat/],
  ['dest set tcp:192.0.2.1:80 10.0.0.2 -x 7 -y 8', 'BAD_THRESHOLD', /lower 8 is above upper 7/],
  ['service add tcp:192.0.2.9:80 -o', 'BAD_SERVICE', /cannot schedule each packet alone/],
  ['service add tcp:192.0.2.1:80 -s', 'BAD_USAGE', /--scheduler needs a value /],
  ['show --socket /a --socket /b', 'BAD_USAGE', /--socket is given more than once /],
  ['service add tcp:192.0.2.1:80 -s wr', 'BAD_SCHEDULER', /scheduler wr is not known/],
  ['service add tcp:192.0.2.1:80 -s rrr', 'BAD_SCHEDULER', /did you mean rr\?/],
  ['service add tcp:192.0.2.999:80 -s rr', 'BAD_ADDRESS', /address 192\.0\.2\.999 is not/],
  ['service add tcp:192.0.2.1:80000 -s rr', 'BAD_PORT', /port 80000 is out of range/],
  ['service add icmp:192.0.2.1:80 -s rr', 'BAD_PROTOCOL', /protocol icmp is not known/],
  ['service remove 192.0.2.1:80', 'BAD_REQUEST', /is not protocol:address:port/],
  ['dest add tcp:192.0.2.1:80 10.0.0.2 -w 2147483648', 'BAD_WEIGHT', /0 to 2147483647/],
  [
    'dest add tcp:192.0.2.1:80 10.0.0.2 --nat --dr',
    'BAD_USAGE',
    /--dr and --nat exclude each other /,
  ],
  ['dest add tcp:192.0.2.1:80 10.0.0.2:81 --dr', 'BAD_PORT', /expected 80, the port of/],
  ['dest add tcp:192.0.2.1:80 224.0.0.1', 'DEST_NOT_UNICAST', /is a multicast address/],
  [
    'proc nope',
    'BAD_USAGE',
    /nope is not known: expected ip_vs, .* or ip_vs_app .*\n.*proc --help/,
  ],
  ['proc ip_vs_con', 'BAD_USAGE', /ip_vs_con is not known: .*\n.*did you mean ip_vs_conn\?/],
  ['help servce', 'UNKNOWN_COMMAND', /servce is not a command.*\n.*did you mean xlvs service/],
  ['conns --limit 0', 'BAD_USAGE', /--limit 0 is not a number of connections/],
  ['conns --state openish', 'BAD_REQUEST', /state openish is not known: expected NONE, /],
  ['watch --after foo', 'BAD_USAGE', /--after foo is not the id of an event/],
  ['attach eth/0', 'BAD_INTERFACE', /eth\/0 cannot be the name of an interface/],
  ['daemon --connections 7', 'BAD_USAGE', /--connections 7 is out of range/],
  [
    'daemon --log-level inof',
    'BAD_USAGE',
    /--log-level inof is not .* or silent .*\n.*did you mean info/,
  ],
]
for (const [line, code, says] of wrong)
  test(`xlvs: ${line}, then exit 2 with ${code}`, async t => {
    const { socket, state } = await serveFake(t, { services: [service()] })

    const { status, out, err } = await xlvs(line.split(' '), { socket })

    t.is(status, 2, err)
    t.is(out, '')
    t.true(err.split('\n')[0]?.endsWith(`(${code})`), err)
    t.regex(err, says)
    t.regex(err, /^error: .*\n {4}\S.*\n$/)
    t.deepEqual(state.services, [service()])
  })

const failed: [line: string, code: string][] = [
  [`service add ${SERVICE} -s rr`, 'SERVICE_EXISTS'],
  ['service set tcp:192.0.2.9:80 -s rr', 'SERVICE_MISSING'],
  [`dest add ${SERVICE} 10.0.0.2`, 'DEST_EXISTS'],
  [`dest remove ${SERVICE} 10.0.0.9`, 'DEST_MISSING'],
  ['detach eth9', 'INTERFACE_NOT_ATTACHED'],
  ['show --socket /nonexistent/s', 'SOCKET_REFUSED'],
]
for (const [line, code] of failed)
  test(`xlvs: ${line}, then exit 1 with ${code}, and as JSON on request`, async t => {
    const { socket } = await serveFake(t, { services: [service({ dests: [dest()] })] })

    const [text, json] = await Promise.all([
      xlvs(line.split(' '), { socket }),
      xlvs([...line.split(' '), '--json'], { socket }),
    ])

    t.is(text.status, 1, text.err)
    t.regex(text.err, new RegExp(`\\(${code}\\)\n {4}\\S`))
    t.is(json.status, 1)
    t.like(JSON.parse(json.out), { error: { code } })
    t.is(json.err, '')
  })

test('xlvs: an error with --debug, then its stack; without, none', async t => {
  const [plain, debug] = await Promise.all([xlvs(['show']), xlvs(['show', '--debug'])])

  t.notRegex(plain.err, /\n\s+at /)
  t.regex(debug.err, /client\.ts/)
  t.regex(debug.err, /caused by Error: connect ENOENT/)
})

test('xlvs: the daemon refuses, then its sentence and exit 1', async t => {
  const fails = new XlvsError(
    'MTU_TOO_LARGE',
    'eth0 has MTU 9000: expected at most 3506',
    'lower it',
  )
  const { socket } = await serveFake(t, { fails })

  const { status, err } = await xlvs(['attach', 'eth0'], { socket })

  t.is(status, 1)
  t.is(err, `error: ${fails.message} (MTU_TOO_LARGE)\n    lower it\n`)
})

test('xlvs: --help, -h and --version, then exit 0 without a daemon', async t => {
  const [help, short, topic, version] = await Promise.all([
    xlvs(['--help']),
    xlvs(['-h']),
    xlvs(['service']),
    xlvs(['--version']),
  ])

  t.deepEqual([help.status, topic.status, version.status], [0, 0, 0])
  t.deepEqual(short, help)
  t.regex(help.out, /COMMANDS[^]*attach[^]*version/)
  t.regex(topic.out, /service add/)
  t.regex(version.out, /^xlvs\/0\.1\.0 /)
})

test('xlvs: help, and help of a command, then as --help', async t => {
  const [all, asFlag, one, oneAsFlag] = await Promise.all(
    ['help', '--help', 'help dest add', 'dest add --help'].map(line => xlvs(line.split(' '))),
  )

  t.is(asFlag?.status, 0)
  t.deepEqual(all, asFlag)
  t.is(oneAsFlag?.status, 0)
  t.deepEqual(one, oneAsFlag)
})

test('xlvs: ipvsadm in front, or as the name of a link, then that grammar', async t => {
  const { socket } = await serveFake(t, { services: [service()] })
  const link = join(socket, '..', 'ipvsadm')
  await symlink(join(import.meta.dirname, '../../control/bin/xlvs.js'), link)

  const [front, linked, bin, bad] = await Promise.all([
    xlvs(['ipvsadm', '-Ln'], { socket }),
    xlvs(['-Ln'], { socket, script: link }),
    xlvs(['-Ln'], { socket, script: join(import.meta.dirname, '../../control/bin/ipvsadm.js') }),
    xlvs(['ipvsadm', 'x'], { socket }),
  ])

  t.regex(front.out, /^IP Virtual Server[^]*\nTCP {2}192\.0\.2\.1:80 rr\n$/)
  t.deepEqual(linked, front)
  t.deepEqual(bin, front)
  t.deepEqual(bad, {
    status: 255,
    out: '',
    err: "Try `xlvs ipvsadm -h' or 'xlvs ipvsadm --help' for more information.\n",
  })
})

test('xlvs: ipvsadm -R with lines on standard input, then each is done', async t => {
  const { socket, state } = await serveFake(t)
  const input = '-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2 -m\n'

  const { status } = await xlvs(['ipvsadm', '-R'], { socket, input })

  t.is(status, 0)
  const origin = 'ipvsadm'
  t.deepEqual(state.services, [service({ origin, dests: [dest({ origin })] })])
})

test('xlvs: the reader goes away, then it ends quietly', async t => {
  const services = Array.from({ length: 3000 }, (_, i) => service({ port: i + 1 }))
  const { socket } = await serveFake(t, { services })

  for (const words of [['show'], ['ipvsadm', '-Ln']])
    t.deepEqual(await xlvs(words, { socket, readNothing: true }), { status: 0, out: '', err: '' })
})

test('xlvs: its output cannot be written, then a sentence and exit status 1', async t => {
  const { socket } = await serveFake(t, { services: [service()] })
  const err = 'error: standard output cannot be written: ENOSPC: no space left on device, write\n'

  for (const words of [['show'], ['--help'], ['ipvsadm', '-Ln']])
    t.deepEqual(await xlvs(words, { socket, output: '/dev/full' }), { status: 1, out: '', err })
})
