/** Every rule of lvs.yaml: what breaks it is a fault with its place, and all are told at once. */
import test from 'ava'
import fc from 'fast-check'
import { checkConfiguration } from '../../../control/config/check.ts'
import { CONFIG_KEYS, FAULTS_MAX, TOP_KEYS } from '../../../control/config/schema.ts'
import type { ErrorCode, Fault } from '../../../control/errors.ts'
import type { Dest } from '../../../control/model/service.ts'

/** The characters that a fault underlines. */
function underlined(text: string, { line, column, length }: Fault): string {
  return (text.split('\n')[line - 1] ?? '').slice(column - 1, column - 1 + length)
}

/** A service with its settings indented below it. */
function web(...settings: string[]): string {
  return ['services:', '  tcp 192.0.2.1:80:', ...settings.map(s => `    ${s}`), ''].join('\n')
}

function withDest(line: string): string {
  return web('dests:', `  - ${line}`)
}

function six(...dests: string[]): string {
  const lines = dests.map(line => `      - ${line}`)
  return ['services:', '  tcp [2001:db8::1]:80:', '    dests:', ...lines].join('\n')
}

function udp(...settings: string[]): string {
  return web(...settings).replace('tcp', 'udp')
}

function mark6(...settings: string[]): string {
  return web(...settings).replace('tcp 192.0.2.1:80', 'fwmark6 7')
}

/** A text; the line, underlined words, code and sentence of its one fault. */
type Rule = [text: string, line: number, under: string, code: ErrorCode, says: RegExp]

const SETTINGS_OF_SERVICES: Rule[] = [
  [web('sched_flags: [sh-prt]'), 3, 'sh-prt', 'BAD_SCHED_FLAG', /flag sh-prt is not known/],
  [web('sched_flags: sh-port'), 3, 'sh-port', 'BAD_TYPE', /sched_flags is sh-port: .* a list/],
  [
    web('sched_flags: [sh-port, flag-2]'),
    3,
    'flag-2',
    'DUPLICATE',
    /the flag flag-2 is there twice: first in line 3/,
  ],
  [web('persistent_s: 0'), 3, '0', 'BAD_PERSISTENCE', /persistence 0 .* 1 to 2678400 seconds/],
  [web('persistent_s: 2678401'), 3, '2678401', 'BAD_PERSISTENCE', /2678401 is out of range/],
  [web('persistent_s: 5m'), 3, '5m', 'BAD_PERSISTENCE', /persistence 5m is not a whole number/],
  [web('persistent_s: [1]'), 3, '[1]', 'BAD_TYPE', /persistent_s is a list: expected one value/],
  [web('netmask: 24'), 3, '24', 'BAD_NETMASK', /netmask 24 .* a mask of four numbers/],
  [mark6('netmask: 129'), 3, '129', 'BAD_NETMASK', /netmask 129 .* a prefix length 1 to 128/],
  [mark6('netmask: 255.0.0.0'), 3, '255.0.0.0', 'BAD_NETMASK', /a prefix length 1 to 128/],
  [web('engine: spi'), 3, 'spi', 'BAD_ENGINE', /persistence engine spi is not known/],
  [web('dest_gone: drain:0'), 3, 'drain:0', 'BAD_DEST_GONE', /is drain:0: expected keep, drop/],
  [web('slow_start: 86401'), 3, '86401', 'BAD_SLOW_START', /86401 .*: expected 0 to 86400 sec/],
  [web('slow_start: -1'), 3, '-1', 'BAD_SLOW_START', /slow start -1 is out of range/],
  [web('one_packet: true'), 3, 'true', 'BAD_SERVICE', /cannot schedule each packet alone/],
  [udp('one_packet: yes'), 3, 'yes', 'BAD_TYPE', /one_packet is yes: expected true or false/],
  [
    'services:\n  udp 192.0.2.1:0: {one_packet: true}',
    2,
    'udp 192.0.2.1:0',
    'BAD_SERVICE',
    /has port 0/,
  ],
]

const SETTINGS_OF_DESTS: Rule[] = [
  [withDest('nat 10.0.0.2 upper 0'), 4, '0', 'BAD_THRESHOLD', /upper 0 is out of range: .* 1 to/],
  [withDest('nat 10.0.0.2 upper'), 4, 'upper', 'BAD_THRESHOLD', /upper lacks its number/],
  [withDest('nat 10.0.0.2 lower x'), 4, 'x', 'BAD_THRESHOLD', /lower x is not a whole number/],
  [withDest('nat 10.0.0.2 lower 7'), 4, '7', 'BAD_THRESHOLD', /lower 7 has no upper one/],
  [withDest('nat 10.0.0.2 lower 5 upper 4'), 4, '5', 'BAD_THRESHOLD', /lower 5 is above upper 4/],
  [withDest('nat 10.0.0.2 upper 2147483648'), 4, '2147483648', 'BAD_THRESHOLD', /2147483648 is/],
  [withDest('tun 10.0.0.2 tunnel geu'), 4, 'geu', 'BAD_TUNNEL', /tunnel geu is not known/],
  [withDest('tun 10.0.0.2 tunnel'), 4, 'tunnel', 'BAD_TUNNEL', /tunnel lacks its type/],
  [withDest('tun 10.0.0.2 tunnel gue'), 4, 'gue', 'BAD_TUNNEL', /gue lacks its port/],
  [withDest('nat 10.0.0.2 tunnel gre'), 4, 'gre', 'BAD_TUNNEL', /type gre needs tun/],
  [withDest('tun 10.0.0.2 tunnel-port 80'), 4, '80', 'BAD_TUNNEL', /type ipip has no port/],
  [withDest('tun 10.0.0.2 tunnel gue tunnel-port 0'), 4, '0', 'BAD_PORT', /port 0 is out of/],
  [withDest('tun 10.0.0.2 tunnel-checksum csum'), 4, 'csum', 'BAD_TUNNEL', /ipip has no checksum/],
  [
    withDest('tun 10.0.0.2 tunnel gre tunnel-checksum remcsum'),
    4,
    'gre',
    'BAD_TUNNEL',
    /gre has no remote checksum offload/,
  ],
  [
    withDest('tun 10.0.0.2 tunnel gre tunnel-checksum cksum'),
    4,
    'cksum',
    'BAD_TUNNEL',
    /tunnel checksum cksum is not known/,
  ],
]

const SYNC: Rule[] = [
  ['sync: eth0', 1, 'eth0', 'BAD_TYPE', /sync is eth0: expected a mapping of master, backup/],
  ['sync:\n  mastre: {interface: eth0}', 2, 'mastre', 'UNKNOWN_KEY', /mastre is not known in sync/],
  ['sync:\n  master: eth0', 2, 'eth0', 'BAD_TYPE', /master is eth0: expected a mapping of interf/],
  ['sync:\n  master: []', 2, '[]', 'BAD_TYPE', /master is a list: expected a mapping of interface/],
  ['sync:\n  master: {sync_id: 1}', 2, 'master', 'BAD_TYPE', /master lacks its interface/],
  ['sync:\n  backup: {interface: a/b}', 2, 'a/b', 'BAD_INTERFACE', /a\/b cannot be the name/],
  [sync('syncid: 1'), 4, 'syncid', 'UNKNOWN_KEY', /syncid is not known in backup/],
  [sync('sync_id: 256'), 4, '256', 'BAD_SYNC', /syncId 256 .*: expected 0 to 255/],
  [sync('max_len: 65508'), 4, '65508', 'BAD_SYNC', /maxLen 65508 .*: expected 1 to 65507 bytes/],
  [sync('group: 192.0.2.1'), 4, '192.0.2.1', 'BAD_SYNC', /group 192.0.2.1 .* a multicast address/],
  [sync('group: ff02'), 4, 'ff02', 'BAD_ADDRESS', /address ff02 is not an IP address/],
  [sync('port: 0'), 4, '0', 'BAD_PORT', /port 0 is out of range/],
  [sync('ttl: 0'), 4, '0', 'BAD_SYNC', /ttl 0 .*: expected 1 to 255/],
  [sync('ttl: [1]'), 4, '[1]', 'BAD_TYPE', /ttl is a list: expected one value/],
  ['sync:\n  master: {}\n', 2, 'master', 'BAD_TYPE', /master lacks its interface/],
]

function sync(key: string): string {
  return `sync:\n  backup:\n    interface: eth0\n    ${key}\n`
}

const rules: Rule[] = [
  ...SYNC,
  ['', 1, '', 'BAD_TYPE', /the file is empty/],
  ['# nothing\n', 1, '', 'BAD_TYPE', /the file is empty/],
  ['tcp', 1, 'tcp', 'BAD_TYPE', /the file is tcp: expected a mapping/],
  ['service: {}', 1, 'service', 'UNKNOWN_KEY', /service is not known in the file/],
  ['services: {}\nservices: {}', 2, 'services', 'DUPLICATE', /is there twice: first in line 1/],
  ['services: [a]', 1, '[a]', 'BAD_TYPE', /services is a list: expected a mapping/],
  ['services:\n  - a', 2, '- a', 'BAD_TYPE', /services is a list/],
  ['services:\n  [a]: {}', 2, '[a]', 'BAD_TYPE', /a key of services is a list: expected a word/],
  ['services:\n  tpc 192.0.2.1:80:', 2, 'tpc', 'BAD_PROTOCOL', /protocol tpc/],
  ['services:\n  tcp 192.0.2.256:80:', 2, '192.0.2.256', 'BAD_ADDRESS', /192\.0\.2\.256/],
  ['services:\n  tcp 192.0.2.1:65536:', 2, '65536', 'BAD_PORT', /port 65536 is out of range/],
  ['services:\n  tcp 192.0.2.1:0:', 2, 'tcp 192.0.2.1:0', 'BAD_SERVICE', /expected persistence/],
  ['services:\n  "tcp 192.0.2.1:65536":', 2, '65536', 'BAD_PORT', /port 65536 is out of range/],
  ['services:\n  fwmark x:', 2, 'x', 'BAD_MARK', /firewall mark x is not a whole number/],
  ['services:\n  tcp:', 2, 'tcp', 'BAD_REQUEST', /service tcp is not protocol:address:port/],
  [
    'services:\n  tcp 192.0.2.1:80:\n  tcp:192.0.2.1:80:',
    3,
    'tcp:192.0.2.1:80',
    'DUPLICATE',
    /the service tcp:192\.0\.2\.1:80 is there twice: first in line 2/,
  ],
  [web('- rr'), 3, '- rr', 'BAD_TYPE', /tcp 192\.0\.2\.1:80 is a list: expected a mapping of name/],
  [web('sheduler: rr'), 3, 'sheduler', 'UNKNOWN_KEY', /sheduler is not known in tcp 192/],
  [web('scheduler: rx'), 3, 'rx', 'BAD_SCHEDULER', /scheduler rx is not known/],
  [web('scheduler: [rr]'), 3, '[rr]', 'BAD_TYPE', /scheduler is a list: expected one value/],
  [web("scheduler: ''"), 3, "''", 'BAD_SCHEDULER', /scheduler "" is not known/],
  ...SETTINGS_OF_SERVICES,
  ...SETTINGS_OF_DESTS,
  [web('name: 80'), 3, '80', 'BAD_NAME', /name 80 cannot be the name/],
  [web('name: {a: b}'), 3, '{a: b}', 'BAD_TYPE', /name is a mapping/],
  [
    `${web('name: web')}  tcp 192.0.2.2:80:\n    name: web`,
    5,
    'web',
    'DUPLICATE',
    /the name web is there twice: first in line 3/,
  ],
  [web('dests: nat 10.0.0.2'), 3, 'nat 10.0.0.2', 'BAD_TYPE', /dests is "nat 10.0.0.2": exp/],
  [web('dests: [[a]]'), 3, '[a]', 'BAD_TYPE', /an item of dests is a list/],
  [withDest('nat'), 4, 'nat', 'BAD_TYPE', /lacks its address: expected METHOD ADDRESS:PORT/],
  [withDest(''), 4, '', 'BAD_TYPE', /lacks its address/],
  [withDest('nta 10.0.0.2'), 4, 'nta', 'BAD_FORWARDING_METHOD', /method nta is not known/],
  [withDest('10.0.0.2:80'), 4, '10.0.0.2:80', 'BAD_FORWARDING_METHOD', /lacks its forwarding/],
  [withDest('nat 10.0.0:80'), 4, '10.0.0:80', 'BAD_ADDRESS', /10\.0\.0 is not/],
  [withDest('nat 10.0.0.2:x'), 4, '10.0.0.2:x', 'BAD_PORT', /port x is not a whole number/],
  [withDest('nat 224.0.0.1'), 4, '224.0.0.1', 'DEST_NOT_UNICAST', /multicast/],
  [withDest('dr 10.0.0.2:81'), 4, '10.0.0.2:81', 'BAD_PORT', /port of its own with dr/],
  [withDest('nat 10.0.0.2 weight 9999999999'), 4, '9999999999', 'BAD_WEIGHT', /0 to 2147483647/],
  [withDest("'nat 10.0.0.2 weight -1'"), 4, '-1', 'BAD_WEIGHT', /weight -1|weight "-1"/],
  [withDest('nat 10.0.0.2 weight'), 4, 'weight', 'BAD_WEIGHT', /weight lacks its number/],
  [withDest('nat 10.0.0.2 wieght 1'), 4, 'wieght', 'UNKNOWN_KEY', /wieght is not known in a dest/],
  [withDest('nat 10.0.0.2 weight 1 weight 2'), 4, 'weight', 'DUPLICATE', /weight is there twice/],
  [
    web('dests:', '  - nat 10.0.0.2', '  - dr 10.0.0.2:80'),
    5,
    'dr 10.0.0.2:80',
    'DUPLICATE',
    /the dest 10\.0\.0\.2:80 is there twice: first in line 4/,
  ],
  [six('nat 10.0.0.3'), 4, '10.0.0.3', 'BAD_FAMILY', /cannot serve tcp:\[2001:db8::1\]:80 by nat/],
  [six('nat 2001:db8::2'), 4, '2001:db8::2', 'BAD_REQUEST', /is not address:port/],
  [
    six('nat [2001:DB8:0::2]', 'tun [2001:db8::2]:80'),
    5,
    'tun [2001:db8::2]:80',
    'DUPLICATE',
    /the dest \[2001:db8::2\]:80 is there twice/,
  ],
  ['settings: []', 1, '[]', 'BAD_TYPE', /settings is a list/],
  ['settings:\n  udp_timeout: 1', 2, 'udp_timeout', 'UNKNOWN_KEY', /is not known in settings/],
  ['settings:\n  udp_timeout_s: 0', 2, '0', 'BAD_SETTING', /udp_timeout_s 0 is out of range/],
  [
    'settings:\n  udp_timeout_s: 5m',
    2,
    '5m',
    'BAD_SETTING',
    /5m is not a whole number: expected 1 to 8589934/,
  ],
  ['settings:\n  secure_tcp: 4', 2, '4', 'BAD_SETTING', /secure_tcp 4 is out of range: expected 0/],
  ['settings:\n  sync_threshold: 5 5', 2, '5 5', 'BAD_SETTING', /first number below the second/],
  ['settings:\n  udp_timeout_s: {}', 2, '{}', 'BAD_TYPE', /udp_timeout_s is a mapping/],
  ['interfaces: eth0', 1, 'eth0', 'BAD_TYPE', /interfaces is eth0: expected a list/],
  ['interfaces: [a/b]', 1, 'a/b', 'BAD_INTERFACE', /a\/b cannot be the name/],
  ['interfaces: [eth0 fast]', 1, 'fast', 'BAD_MODE', /mode fast is not known/],
  ['interfaces: [eth0 native 1]', 1, '1', 'UNKNOWN_KEY', /1 is too much: expected an interface/],
  ['interfaces:\n- eth0\n- eth0 generic', 3, 'eth0 generic', 'DUPLICATE', /first in line 2/],
  ['services: &a {}', 1, '{}', 'BAD_YAML', /an anchor of YAML is not understood/],
  ['settings: *a', 1, '*a', 'BAD_YAML', /not YAML|an alias of YAML/],
  ['services: !!map {}', 1, '{}', 'BAD_YAML', /a tag of YAML is not understood/],
  ['services: {', 1, '', 'BAD_YAML', /this is not YAML/],
  ['services:\n\ttcp: 1', 2, '\t', 'BAD_YAML', /this is not YAML/],
  ['services: {}\n---\nservices: {}', 2, '---', 'BAD_YAML', /this is not YAML/],
]

for (const [text, line, under, code, says] of rules)
  test(`check: ${JSON.stringify(text).slice(-70)}, then ${code} in line ${line}`, t => {
    const { faults } = checkConfiguration(text)

    const [fault] = faults
    t.is(faults.length, 1, faults.map(f => f.error.message).join('\n'))
    if (!fault) return
    t.is(fault.error.code, code)
    t.regex(fault.error.message, says)
    t.is(fault.line, line)
    t.is(underlined(text, fault), under)
    t.not(fault.error.hint, '')
  })

test('check: keys without a value, then they are as good as left out', t => {
  const { configuration, faults } = checkConfiguration(
    `${web('name:', 'scheduler:', 'dests:')}settings:\n  udp_timeout_s:\ninterfaces:\n`,
  )

  t.deepEqual(faults, [])
  t.like(configuration, { settings: {}, interfaces: [], services: [{ scheduler: 'wlc' }] })
})

const guesses: [text: string, hint: string][] = [
  ['servces: {}', 'did you mean services?'],
  ['settings:\n  colour: 1', 'use what xlvs get lists'],
  ['settings:\n  tcp_timout_s: 1', 'did you mean tcp_timeout_s?'],
  [web('nmae: x'), 'did you mean name?'],
  [web('scheduler: wrrr'), 'did you mean wrr?'],
  [withDest('nat 10.0.0.2 weigth 1'), 'did you mean weight?'],
  [withDest('nat 10.0.0.2 uper 1'), 'did you mean upper?'],
  [withDest('tun 10.0.0.2 tunnel geu'), 'did you mean gue?'],
  [web('persistant_s: 60'), 'did you mean persistent_s?'],
  [web('sched_flags: [sh-prot]'), 'did you mean sh-port?'],
  [web('engine: spi'), 'did you mean sip?'],
  [withDest('nut 10.0.0.2'), 'did you mean nat?'],
  ['interfaces: [eth0 genric]', 'did you mean generic?'],
  ['sync:\n  mastre: {interface: eth0}', 'did you mean master?'],
  [sync('snyc_id: 1'), 'did you mean sync_id?'],
  ['services:\n  tcp 192.0.2.1:80\n', 'for example: tcp 192.0.2.1:80:'],
  [
    'services:\n  tcp 192.0.2.1:80\n    scheduler: rr\n',
    'write a colon behind it, as in tcp 192.0.2.1:80:',
  ],
  [web('scheduler rr'), 'for example: scheduler: rr'],
  ['services: 7', 'for example: tcp 192.0.2.1:80: {scheduler: rr}'],
]

for (const [text, hint] of guesses)
  test(`check: ${JSON.stringify(text).slice(-60)}, then it says ${hint}`, t => {
    t.is(checkConfiguration(text).faults[0]?.error.hint, hint)
  })

test('check: several errors, then all are told in the order of the text', t => {
  const text = `${web('scheduler: x', 'nmae: web', 'dests: [x, nat 10.0.0.2:z]')}settings: {a: 1}\n`

  const { faults } = checkConfiguration(text)

  t.deepEqual(
    faults.map(f => `${f.line}:${f.column} ${f.error.code}`),
    [
      ...['3:16 BAD_SCHEDULER', '4:5 UNKNOWN_KEY', '5:13 BAD_FORWARDING_METHOD'],
      ...['5:20 BAD_PORT', '6:12 UNKNOWN_KEY'],
    ],
  )
})

test('check: defaults left out, then they are the documented ones', t => {
  const { configuration, faults } = checkConfiguration(
    `interfaces: [eth0]\n${web('dests:', '  - nat 10.0.0.2', '  - nat 10.0.0.3:81 weight 0')}`,
  )

  t.deepEqual(faults, [])
  t.deepEqual(configuration.interfaces, [{ name: 'eth0', mode: 'native' }])
  t.deepEqual(configuration.services, [
    {
      protocol: 'tcp',
      address: '192.0.2.1',
      port: 80,
      scheduler: CONFIG_KEYS['services.SERVICE.scheduler'] as 'wlc',
      dests: [
        { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 },
        { address: '10.0.0.3', port: 81, fwd: 'nat', weight: 0 },
      ],
    },
  ])
})

test('check: keys without values, then they are as good as left out', t => {
  const text = `${web('dests:')}settings:\ninterfaces:\n`

  const { configuration, faults } = checkConfiguration(text)

  t.deepEqual(faults, [])
  t.deepEqual(configuration.services[0]?.dests, [])
})

test('check: every setting of a sync daemon, then it is in the configuration', t => {
  const text = `sync:
  master: {interface: eth0}
  backup:
    interface: eth1
    sync_id: 7
    max_len: 1400
    group: "FF02:0::51"
    port: 9000
    ttl: 2
`
  const { configuration, faults } = checkConfiguration(text)

  t.deepEqual(faults, [])
  t.deepEqual(configuration.sync, {
    master: { interface: 'eth0' },
    backup: {
      ...{ interface: 'eth1', syncId: 7, maxLen: 1400 },
      ...{ group: 'ff02::51', port: 9000, ttl: 2 },
    },
  })
})

test('check: every setting of a service and of a dest, then it is in the configuration', t => {
  const text = `services:
  udp 192.0.2.1:0:
    scheduler: sh
    sched_flags: [sh-port, sh-fallback]
    persistent_s: 360
    netmask: 255.255.255.0
    engine: sip
    one_packet: true
    dest_gone: drain:30
    slow_start: 86400
    dests:
      - tun 10.0.0.2 tunnel-port 6080 upper 8 tunnel gue lower 6 tunnel-checksum remcsum
      - nat 10.0.0.3 upper 8
  fwmark6 7: {netmask: 128, one_packet: false, dest_gone: keep, slow_start: 0}
`
  const { configuration, faults } = checkConfiguration(text)

  t.deepEqual(faults, [])
  const dests: Dest[] = [
    {
      ...{ address: '10.0.0.2', port: 0, fwd: 'tun', weight: 1, upper: 8, lower: 6 },
      tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' },
    },
    { address: '10.0.0.3', port: 0, fwd: 'nat', weight: 1, upper: 8 },
  ]
  t.deepEqual(configuration.services, [
    {
      ...{ protocol: 'udp', address: '192.0.2.1', port: 0, scheduler: 'sh' },
      ...{ schedFlags: ['flag-1', 'flag-2'], persistentS: 360, netmask: '255.255.255.0' },
      ...{ engine: 'sip', onePacket: true, destGone: 'drain:30', slowStartS: 86400, dests },
    },
    { protocol: 'fwmark', family: 6, mark: 7, scheduler: 'wlc', dests: [] },
  ])
})

test('check: more errors than anybody reads, then the first hundred', t => {
  const text = `settings:\n${'  a: 1\n'.repeat(FAULTS_MAX + 50)}`

  const { faults } = checkConfiguration(text)

  t.is(faults.length, FAULTS_MAX)
  t.is(faults[0]?.line, 2)
})

for (const bomb of ['[', '{a: ', '- ', '? ', '"', '!a ', '&a ', '[,'])
  test(`check: ${bomb.trim()} repeated, then it is refused and ends`, t => {
    const { faults } = checkConfiguration(bomb.repeat(20_000))

    t.true(faults.length > 0)
    t.true(faults.every(f => f.error.code === 'BAD_YAML' || f.error.code === 'BAD_TYPE'))
  })

test('check: any text, then nothing is thrown and places are in the text', t => {
  const word = fc.constantFrom(
    ...[...TOP_KEYS, 'tcp 192.0.2.1:80', 'dests', 'nat 10.0.0.2', 'name', ': ', '\n', '- '],
    ...['  ', '[', ']', '{', '}', ',', '"', "'", '#', '&a', '*a', '!b', '|', '>', '\t', '\r\n'],
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 30 }).map(w => w.join('')),
  )
  fc.assert(
    fc.property(text, given => {
      const lines = given.split('\n')
      for (const { line, column, length, error } of checkConfiguration(given).faults) {
        t.true(line >= 1 && line <= lines.length)
        t.true(column >= 1 && (length >= 1 || error.message.startsWith('the file is empty')))
      }
    }),
    { numRuns: 1000 },
  )
})
