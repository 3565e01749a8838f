/** What people see: tables, colours and troubles in words. */
import test from 'ava'
import { connsJson, connsText } from '../../../control/output/conns.ts'
import { asXlvsError, errorJson, errorText } from '../../../control/output/error.ts'
import { showText } from '../../../control/output/show.ts'
import { ratesText, statsText } from '../../../control/output/stats.ts'
import { daemonsText, idleDaemonsText } from '../../../control/output/sync.ts'
import { styleFor } from '../../../control/output/style.ts'
import { table } from '../../../control/output/table.ts'
import { XlvsError } from '../../../control/errors.ts'
import type { AddressServiceView, DestView } from '../../../control/model/service.ts'
import type { SyncDaemonView } from '../../../control/model/sync.ts'
import { conn, dest, mark, service, traffic } from '../../support/views.ts'

const PLAIN = styleFor(false, {})
const COLOUR = styleFor(true, {})
const ETH0 = {
  name: 'eth0',
  ifindex: 2,
  mode: 'native',
  present: true,
  running: true,
  origin: 'command',
} as const

test('table: left and right columns, then aligned without blanks at line ends', t => {
  const text = table(
    [{ title: 'NAME' }, { title: 'COUNT', align: 'right' }, { title: 'NOTE' }],
    [
      ['a', '1', ''],
      ['longer name', '12345678', 'note'],
    ],
  )

  t.is(
    text,
    [
      'NAME            COUNT  NOTE',
      'a                   1',
      'longer name  12345678  note',
      '',
    ].join('\n'),
  )
})

const MASTER: SyncDaemonView = {
  role: 'master',
  ...{ interface: 'eth0', syncId: 7, maxLen: 1472, group: '224.0.0.81', port: 8848, ttl: 1 },
  origin: 'command',
  notActive: ['synchronisation'],
}

test('sync: daemons, then a line each in a table, and what they do not do yet', t => {
  const backup: SyncDaemonView = { ...MASTER, role: 'backup', syncId: 0, notActive: [] }

  t.is(
    daemonsText([MASTER, backup], PLAIN),
    `ROLE    INTERFACE  SYNC ID  MAX LEN  GROUP       PORT  TTL  STATE
master  eth0             7     1472  224.0.0.81  8848    1  not active yet
backup  eth0             0     1472  224.0.0.81  8848    1
! the master sync daemon on eth0 is not active yet: connections are not synchronised yet
`,
  )
  t.is(daemonsText([], PLAIN), 'no sync daemons\n')
  t.is(idleDaemonsText([], PLAIN), '')
})

test('show: nothing at all, then it says so and what to try', t => {
  t.is(
    showText([], [], PLAIN),
    'attached: nowhere, so nothing is balanced; try xlvs attach IFACE\nno services\n',
  )
})

test('show: all is well, then a table in the order of adding and no trouble', t => {
  const dests = [
    dest({ address: '10.0.0.3', fwd: 'dr', weight: 10, active: 12, inactive: 345 }),
    dest({ port: 8080 }),
  ]

  t.is(
    showText([ETH0], [service({ dests })], PLAIN),
    [
      'attached: eth0 (native)',
      'SERVICE / DEST    SCHEDULER / FWD  WEIGHT  ACTIVE  INACTIVE  STATE',
      'tcp:192.0.2.1:80  rr',
      '  10.0.0.2:8080   nat                   1       0         0',
      '  10.0.0.3:80     dr                   10      12       345',
      '',
    ].join('\n'),
  )
})

test('show: all that a service and a dest can have, then it is in their lines', t => {
  const gue = { type: 'gue', port: 6080, checksum: 'csum' } as const
  const dests = [
    dest({ address: '10.0.0.3', fwd: 'tun', tunnel: gue, notActive: ['gue tunnels'] }),
    dest({ upper: 8, lower: 6, notActive: ['thresholds'] }),
  ]
  const services = [
    mark({
      ...{ name: 'dns', scheduler: 'sh', schedFlags: ['flag-1', 'flag-2'], persistentS: 60 },
      ...{ netmask: '255.255.255.0', engine: 'sip', onePacket: true },
      ...{ notActive: ['persistence', 'the sip engine'], dests },
    }),
  ]

  t.is(
    showText([ETH0], services, PLAIN),
    `attached: eth0 (native)
SERVICE / DEST  SCHEDULER / FWD  WEIGHT  ACTIVE  INACTIVE  STATE
fwmark:7 (dns)  sh                                         sched_flags [sh-fallback, sh-port], \
persistent_s 60, netmask 255.255.255.0, engine sip, one_packet true, not active yet
  10.0.0.2:80   nat                   1       0         0  upper 8, lower 6, \
thresholds not active yet
  10.0.0.3:80   tun                   1       0         0  tunnel gue, tunnel-port 6080, \
tunnel-checksum csum, gue tunnels not active yet
! fwmark:7 is not active yet (persistence, the sip engine): its packets pass to the host; \
try the address written as IPv4
`,
  )
})

const inactive: [what: string, given: Partial<AddressServiceView>, says: string | undefined][] = [
  ['rr', {}, undefined],
  ['none', { scheduler: 'none' }, undefined],
  [
    'sctp and port 0',
    { protocol: 'sctp', notActive: ['sctp', 'port 0'] },
    'sctp:192.0.2.1:80 is not active yet (sctp, port 0): its packets pass to the host; ' +
      'try a service of tcp or udp',
  ],
  [
    'persistence',
    { notActive: ['persistence'], dests: [dest({ notActive: ['gre tunnels'] })] },
    'tcp:192.0.2.1:80 is not active yet (persistence): its packets pass to the host; ' +
      'try the address written as IPv4',
  ],
  [
    'gre twice',
    { dests: [dest({ notActive: ['gre tunnels'] }), dest({ notActive: ['gre tunnels'] })] },
    'tcp:192.0.2.1:80: not active yet in its dests: gre tunnels; ' +
      'try xlvs dest set tcp:192.0.2.1:80 10.0.0.2:80 --tunnel ipip',
  ],
  [
    'gre and gue',
    { dests: [dest({ notActive: ['gre tunnels', 'gue tunnels'] }), dest()] },
    'tcp:192.0.2.1:80: not active yet in its dests: gre tunnels, gue tunnels; ' +
      'try xlvs dest set tcp:192.0.2.1:80 10.0.0.2:80 --tunnel ipip',
  ],
]

for (const [what, given, says] of inactive)
  test(`show: a service with ${what}, then ${says === undefined ? 'no line' : 'one line'}`, t => {
    const text = showText([ETH0], [service({ dests: [dest()], ...given })], PLAIN)

    const lines = text.split('\n').filter(line => line.startsWith('! '))
    t.deepEqual(lines, says === undefined ? [] : [`! ${says}`])
  })

test('show: more troubles of a kind than people read, then the rest is counted', t => {
  const dests = Array.from({ length: 8 }, (_, i) =>
    dest({ address: `10.0.0.${i + 1}`, nextHop: 'unreachable' }),
  )
  const services = [80, 81].map(port => service({ port, dests, vipLocal: false }))

  const text = showText([ETH0], services, PLAIN)

  const lines = text.split('\n').filter(line => line.startsWith('! '))
  t.is(lines.filter(line => line.includes('does not answer; try')).length, 10)
  t.is(lines.filter(line => line.includes('VIP not local')).length, 2)
  t.is(lines.at(-1), '! and 6 more (next hop: unreachable); xlvs show --json has all')
  t.is(lines.length, 13)
  t.is(text.match(/^ .*unreachable$/gm)?.length, 16)
})

test('show: every trouble, then each is marked in the table and told with what to try', t => {
  const dests = [
    dest({ address: '10.0.0.5', nextHop: 'unreachable' }),
    dest({ address: '10.0.0.4', nextHop: 'resolving' }),
    dest({ address: '10.0.0.3', nextHop: 'no route', weight: 0 }),
  ]
  const gone = { ...ETH0, name: 'eth1', present: false, running: false }
  const down = { ...ETH0, name: 'eth2', running: false }

  const text = showText([gone, down], [service({ vipLocal: false, dests })], PLAIN)

  t.is(
    text.slice(text.indexOf('tcp:')),
    [
      'tcp:192.0.2.1:80  rr                                         VIP not local',
      '  10.0.0.3:80     nat                   0       0         0  quiesced, next hop: no route',
      '  10.0.0.4:80     nat                   1       0         0  next hop: resolving',
      '  10.0.0.5:80     nat                   1       0         0  next hop: unreachable',
      '! eth1 has gone or lost the program; try xlvs attach eth1 when it is back',
      '! eth2 is down or has no link: nothing comes in by it; try ip link set eth2 up',
      '! VIP not local: 192.0.2.1 is not an address of this host, so tcp:192.0.2.1:80 balances ' +
        'nothing; try ip address add 192.0.2.1/32 dev lo',
      '! tcp:192.0.2.1:80: the next hop to dest 10.0.0.5 does not answer; try ip neighbour',
      '! tcp:192.0.2.1:80: the next hop to dest 10.0.0.4 has not answered yet, and packets wait ' +
        'for it; try ip neighbour',
      '! tcp:192.0.2.1:80: no route to dest 10.0.0.3; try ip route get 10.0.0.3',
      '',
    ].join('\n'),
  )
})

const idle = dest({ address: '10.0.0.3', weight: 0 })
const full = dest({ upper: 8, overloaded: true })
const refusing: [dests: string, given: DestView[], says: string][] = [
  ['none', [], 'no dest, THEN add VIP ADDRESS'],
  ['quiesced', [idle], 'no dest with a weight above 0, THEN set VIP 10.0.0.3:80 --weight 1'],
  [
    'overloaded, or quiesced',
    [idle, full],
    'only dests that are overloaded or have weight 0, THEN set VIP 10.0.0.2:80 --upper NUMBER',
  ],
]

for (const [what, dests, says] of refusing)
  test(`show: a service whose dests are ${what}, then it refuses and what to try`, t => {
    const text = showText([ETH0], [service({ dests })], PLAIN)

    const told = says
      .replace('THEN', 'so it refuses new connections; try xlvs dest')
      .replace('VIP', 'tcp:192.0.2.1:80')
    t.true(text.endsWith(`\n! tcp:192.0.2.1:80 has ${told}\n`), text)
  })

test('show: one dest is full and another is not, then nobody is refused', t => {
  const dests = [full, dest({ address: '10.0.0.3' })]

  t.false(showText([ETH0], [service({ dests })], PLAIN).includes('refuses'))
})

test('show: a dest that is full, then its row says so', t => {
  const dests = [dest({ upper: 8, overloaded: true })]

  t.regex(showText([ETH0], [service({ dests })], PLAIN), / upper 8, overloaded$/m)
})

test('show: a dest in its slow start, then its row says how much of it is left', t => {
  const dests = [dest({ slowStartLeftS: 12 })]
  const text = (scheduler: 'wlc' | 'rr') =>
    showText([ETH0], [service({ scheduler, slowStartS: 60, dests })], PLAIN)

  t.regex(text('wlc'), /^tcp:192\.0\.2\.1:80 +wlc +slow_start 60\n/m)
  t.regex(text('wlc'), /^ {2}10\.0\.0\.2:80 .* slow start: 12 s left$/m)
  t.notRegex(text('wlc'), /without effect/)
  t.regex(text('rr'), /^! the slow start of tcp:192\.0\.2\.1:80 is without effect: rr does not/m)
})

test('show: a removed dest whose connections go on, then its row and how long', t => {
  const drain = { address: '10.0.0.3', port: 80, fwd: 'nat', active: 5, inactive: 2 } as const
  const drains = [{ ...drain, leftS: 57 }]

  const text = showText([ETH0], [service({ dests: [dest()], drains })], PLAIN)

  t.regex(
    text,
    /\n {2}10\.0\.0\.2:80 .*\n {2}10\.0\.0\.3:80 +nat +5 +2 {2}removed, drain: 57 s left\n$/,
  )
})

test('show: what changes nothing of a service that is not persistent, then it is told', t => {
  const vip = 'tcp:192.0.2.1:80'
  const persistent = `try xlvs service set ${vip} --persistent SECONDS`
  const told = (given: Partial<AddressServiceView>) =>
    showText([ETH0], [service(given)], PLAIN).match(/(?<=^! the )(netmask|engine).*/gm)

  t.deepEqual(told({ netmask: '255.255.255.0', engine: 'sip' }), [
    `netmask of ${vip} is without effect: the service is not persistent; ${persistent}`,
    `engine of ${vip} is without effect: the service is not persistent; ${persistent}`,
    `engine of ${vip} is without effect: sip reads datagrams of UDP only; try a service of udp`,
  ])
  t.is(told({ protocol: 'udp', persistentS: 9, netmask: '255.0.0.0', engine: 'sip' }), null)
})

test('show: nat dests on loopback and of one packet, then what becomes of packets is told', t => {
  const dests = [
    dest({ address: '::1', nextHop: 'local' }),
    dest({ address: '127.0.0.1', fwd: 'dr', nextHop: 'local' }),
  ]
  const text = showText([ETH0], [service({ protocol: 'udp', onePacket: true, dests })], PLAIN)

  t.deepEqual(text.match(/(?<=^! ).*/gm), [
    'answers of nat dests of udp:192.0.2.1:80 are not translated, as one-packet scheduling makes ' +
      "no connection to know them by: clients see the dest's own address, as with IPVS; try " +
      'dests by dr or tun, or xlvs service set udp:192.0.2.1:80 --no-one-packet',
    'dest [::1]:80 of udp:192.0.2.1:80 is a loopback address by nat: what clients send it is ' +
      'dropped (loopback dest), and only this host itself is served; try another address of ' +
      'this host, or dr, by which packets are delivered here as they came',
  ])
})

test('show: a service whose packets pass to the host, then it refuses nobody', t => {
  const text = (notActive: string[]) => showText([ETH0], [service({ notActive })], PLAIN)

  t.notRegex(text(['persistence']), /refuses new connections/)
  t.regex(text([]), /refuses new connections/)
})

test('conns: none and some, then a sentence or a table', t => {
  const nothing = connsText()
  t.is(nothing.some([]) + nothing.end(), 'no connections\n')
  const one = connsText()
  t.is(
    one.some([conn()]) + one.end(),
    [
      'PROTOCOL  STATE        EXPIRES S  CLIENT              VIRTUAL       DEST           FWD  ENGINE',
      'tcp       ESTABLISHED        895  198.51.100.7:40000  192.0.2.1:80  10.0.0.2:8080  nat',
      '',
    ].join('\n'),
  )
})

test('conns: in parts, then one table whose columns grow, or one JSON document', t => {
  const parts = [[conn()], [], [conn({ client: { address: '198.51.100.77', port: 5 } }), conn()]]
  const [text, json] = [connsText(), connsJson()].map(
    print => parts.map(part => print.some(part)).join('') + print.end(),
  )

  const lines = (text ?? '').split('\n')
  t.deepEqual(
    lines.map(line => line.split(/ {2,}/)[3] ?? ''),
    ['CLIENT', '198.51.100.7:40000', '198.51.100.77:5', '198.51.100.7:40000', ''],
  )
  t.deepEqual(JSON.parse(json ?? ''), { conns: parts.flat() })
  t.deepEqual(JSON.parse(connsJson().end()), { conns: [] })
})

test('stats: counters, reasons and the table, then three parts', t => {
  const counted = traffic(1, 20, 300, 4000, 50000)
  const stats = {
    total: counted,
    services: [service({ traffic: counted }), service({ port: 443, name: 'shop' })],
    reasons: [{ reason: 'FORWARDED', packets: 320 }],
    connections: [
      { family: 4, slots: 1024, used: 2, stashed: 0 },
      { family: 6, slots: 256, used: 1, stashed: 1 },
    ] as const,
  }

  t.is(
    statsText(stats),
    [
      'SERVICE                   CONNS  IN PACKETS  OUT PACKETS  IN BYTES  OUT BYTES',
      'tcp:192.0.2.1:80              1          20          300      4000      50000',
      'tcp:192.0.2.1:443 (shop)      0           0            0         0          0',
      'total                         1          20          300      4000      50000',
      '',
      'REASON     PACKETS',
      'FORWARDED      320',
      '',
      'IPv4 connection table: 2 of 1024 slots used, 0 in the stash',
      'IPv6 connection table: 1 of 256 slots used, 1 in the stash',
      '',
    ].join('\n'),
  )
})

test('rates: services, dests and the total, then a line each', t => {
  const rates = (n: number) => traffic(n, 2 * n, 3 * n, 100 * n, 200 * n)
  const dests = [dest({ address: '10.0.0.3', rates: rates(1) }), dest({ rates: rates(2) })]

  t.is(
    ratesText([service({ name: 'web', rates: rates(3), dests })], { rates: rates(4) }),
    [
      'SERVICE / DEST          CONNS/S  IN PACKETS/S  OUT PACKETS/S  IN BYTES/S  OUT BYTES/S',
      'tcp:192.0.2.1:80 (web)        3             6              9         300          600',
      '  10.0.0.2:80                 2             4              6         200          400',
      '  10.0.0.3:80                 1             2              3         100          200',
      'total                         4             8             12         400          800',
      '',
    ].join('\n'),
  )
})

for (const [isTerminal, env, coloured] of [
  [true, {}, true],
  [false, {}, false],
  [true, { NO_COLOR: '1' }, false],
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
] as const)
  test(`style: terminal ${isTerminal}, ${JSON.stringify(env)}, then colour ${coloured}`, t => {
    t.is(styleFor(isTerminal, env).red('x') !== 'x', coloured)
  })

test('error: for people, then the sentence, the code, and one thing to try', t => {
  const error = new XlvsError('BAD_PORT', 'port 0 is out of range', 'give 80')

  t.is(errorText(error, PLAIN, false), 'error: port 0 is out of range (BAD_PORT)\n    give 80\n')
  t.regex(errorText(error, COLOUR, false), /^\u001b\[31merror:/)
  t.deepEqual(JSON.parse(errorJson(error)), {
    error: { code: 'BAD_PORT', message: 'port 0 is out of range', hint: 'give 80' },
  })
})

test('error: with debug, then its stack and that of its cause', t => {
  const cause = new Error('connect ENOENT')
  const error = new XlvsError('SOCKET_REFUSED', 'cannot reach', 'start it', { cause })

  const text = errorText(error, PLAIN, true)

  t.regex(text, /show\.test\.ts/)
  t.regex(text, /caused by Error: connect ENOENT/)
})

test('error: something that is not ours, then INTERNAL', t => {
  t.like(asXlvsError(new TypeError('oops')), { code: 'INTERNAL', message: 'xlvs failed: oops' })
  t.like(asXlvsError('oops'), { code: 'INTERNAL', message: 'xlvs failed: oops' })
})
