/** The grammar: what a line asks for. Complaints are compared with ipvsadm's in test/ipvsadm. */
import test from 'ava'
import { HostWanted, inetNtop, parseEndpoint, type Lookups } from '../../../control/ipvs/address.ts'
import { parseLine, type ListFormat, type Request } from '../../../control/ipvs/grammar.ts'
import { Refusal } from '../../../control/ipvs/refusal.ts'

const LOOKUPS: Lookups = {
  portOf: name => ({ http: 80, domain: 53 })[name],
  addressOf: host => ({ 'web.example': '10.0.1.100' })[host],
}
const parse = (line: string): Request => parseLine(line.split(' '), 'ipvsadm', LOOKUPS)

const SERVICE = { protocol: 'tcp', address: '10.0.1.100', port: 80 } as const
const SIX = { ...SERVICE, address: 'fd01::1' }
const DEST = { address: '10.0.2.11', port: 80, fwd: 'dr', weight: 1 } as const
const FORMAT: ListFormat = {
  columns: 'plain',
  numeric: false,
  exact: false,
  sorted: true,
  engines: false,
}
const list = (format: Partial<ListFormat>): Request => ({
  command: 'list',
  of: 'table',
  format: { ...FORMAT, ...format },
})
const add = (settings: object, service: object = SERVICE): Request =>
  ({ command: 'add-service', service, settings: { scheduler: 'wlc', ...settings } }) as Request
const addDest = (dest: object, service: object = SERVICE): Request =>
  ({ command: 'add-server', service, dest: { ...DEST, ...dest } }) as Request

const rows: [line: string, asks: Request][] = [
  ['-C', { command: 'flush' }],
  ['-R', { command: 'restore' }],
  ['-S', { command: 'save', numeric: false }],
  ['-Sn', { command: 'save', numeric: true }],
  ['-L', list({})],
  ['-ln', list({ numeric: true })],
  ['-L --stats --rate -X', list({ columns: 'stats', exact: true })],
  ['-L --thresholds --rate', list({ columns: 'rate' })],
  ['-L --tun-info --thresholds', list({ columns: 'thresholds' })],
  ['-L --tun-info --persistent-conn', list({ columns: 'persistent-conn', engines: true })],
  ['-L --tun-info --nosort --sort', list({ columns: 'tun-info', sorted: false })],
  [
    '-Ln -t 10.0.1.100:80',
    { command: 'list', of: 'table', format: { ...FORMAT, numeric: true }, service: SERVICE },
  ],
  [
    '-Lnc --persistent-conn',
    {
      command: 'list',
      of: 'connections',
      format: { ...FORMAT, columns: 'persistent-conn', numeric: true, engines: true },
    },
  ],
  ['-L --timeout', { command: 'list', of: 'timeouts' }],
  ['-Ln --daemon --tun-info', { command: 'list', of: 'daemons' }],
  ['-A -t 10.0.1.100:80', add({})],
  ['-At web.example:http -srr', add({ scheduler: 'rr' })],
  ['-A -t 10.0.1.100:80 -s=', add({})],
  ['-A -t 10.0.1.100:80 -p', add({ persistentS: 360 })],
  ['-A -t 10.0.1.100:80 -p=77 -M 255.0.0.0', add({ persistentS: 77, netmask: '255.0.0.0' })],
  ['-A -t 10.0.1.100:80 -M 24 --pe sip', add({ netmask: '0.0.0.24', engine: 'sip' })],
  ['-A -M 64 -t [fd01::1]:80', add({}, SIX)],
  ['-A -t [fd01::1]:80 -M 64x', add({ netmask: '64' }, SIX)],
  ['-A -t 10.0.1.100:0 -p 5', add({ persistentS: 5 }, { ...SERVICE, port: 0 })],
  [
    '-A -b sh-port,flag-1 -t 10.0.1.100:80 -s sh',
    {
      ...add({ scheduler: 'sh', schedFlags: ['flag-1', 'flag-2'] }),
    },
  ],
  ['-A -u 10.0.1.100:80 -o', add({ onePacket: true }, { ...SERVICE, protocol: 'udp' })],
  ['-A --sctp-service 10.0.1.100:80', add({}, { ...SERVICE, protocol: 'sctp' })],
  ['-A -f 4294967295', add({}, { protocol: 'fwmark', family: 4, mark: 4294967295 })],
  ['-A -f 7 -M 64 -6', add({}, { protocol: 'fwmark', family: 6, mark: 7 })],
  [
    '--edit-service --tcp-service=10.0.1.100:80 --scheduler rr',
    { command: 'edit-service', service: SERVICE, settings: { scheduler: 'rr' } },
  ],
  ['-D -t 10.0.1.100:80', { command: 'delete-service', service: SERVICE }],
  ['-Z', { command: 'zero', service: undefined }],
  ['-Z -f 7', { command: 'zero', service: { protocol: 'fwmark', family: 4, mark: 7 } }],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11', addDest({})],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -g -w3', addDest({ weight: 3 })],
  [
    '-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -x 9 -y 5',
    {
      ...addDest({ fwd: 'nat', port: 8080, upper: 9, lower: 5 }),
    },
  ],
  ['-a -r 10.0.2.11 -t 10.0.1.100:80 -m', addDest({ fwd: 'nat', port: 0 })],
  [
    '-a -t 10.0.1.100:80 -r [fd01::2]:8080 -i --tun-type ipip',
    {
      ...addDest({ address: 'fd01::2', fwd: 'tun' }),
    },
  ],
  [
    '-a -t 10.0.1.100:80 -r 10.0.2.11 -i --tun-type gue --tun-port 6080 --tun-remcsum',
    {
      ...addDest({ fwd: 'tun', tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' } }),
    },
  ],
  [
    '-a -t 10.0.1.100:80 -r 10.0.2.11 -i --tun-type gre --tun-nocsum',
    {
      ...addDest({ fwd: 'tun', tunnel: { type: 'gre' } }),
    },
  ],
  [
    '-a -f 7 -r 10.0.2.11:8080',
    addDest({ port: 8080 }, { protocol: 'fwmark', family: 4, mark: 7 }),
  ],
  [
    '-d -t 10.0.1.100:80 -r 10.0.2.11',
    { command: 'delete-server', service: SERVICE, dest: { address: '10.0.2.11', port: 80 } },
  ],
  ['5 --set 0 6', { command: 'set', timeouts: { tcp: 5, tcpFin: 0, udp: 6 } }],
  [
    '--start-daemon master',
    { command: 'start-daemon', role: 'master', daemon: { interface: 'eth0', syncId: 0 } },
  ],
  [
    '--start-daemon=backup --mcast-interface=lo --syncid 7 --mcast-group FF02:0::51 --mcast-ttl 5',
    {
      command: 'start-daemon',
      role: 'backup',
      daemon: { interface: 'lo', syncId: 7, group: 'ff02::51', ttl: 5 },
    },
  ],
  ['--stop-daemon master --syncid 9', { command: 'stop-daemon', role: 'master' }],
  ['-h', { command: 'help' }],
  ['--version', { command: 'version' }],
]
for (const [line, asks] of rows)
  test(`grammar: ${line}, then it asks for ${asks.command}`, t => {
    t.deepEqual(parse(line), asks)
  })

/** Who complains first, where more than one thing is wrong. */
for (const [line, message] of [
  ['-A -t 10.0.0.1:80 -b nosuch -w x', 'illegal weight specified'],
  ['-A -t 10.0.0.1:80 -b nosuch extra', 'unexpected argument extra'],
  ['-A -t 10.0.0.1:0 -b nosuch -w 3', "invalid scheduler flag `nosuch'"],
  ['-A -t 10.0.0.1:80 -b sh-port', "incompatible scheduler flag `sh-port'"],
  ['-A -t 10.0.0.1:0 -w 3', "Illegal 'weight' option with the 'add-service' command"],
  [
    '-a -t 10.0.0.1:80 -r fd02::3 --tun-nocsum',
    'Different address family is allowed only for tunneling servers',
  ],
  [
    '-a -t 10.0.0.1:80 -r 10.0.0.3 --tun-type gre --tun-port 5',
    'Tunnel options conflict with forward method',
  ],
  [
    '-a -t 10.0.0.1:80 -r 10.0.0.3 -i --tun-type gre --tun-remcsum --tun-port 5',
    "Illegal 'tun-port' option with the 'gre' tunnel type",
  ],
  ['-a -r 10.0.0.3:http -u 10.0.0.1:80', 'illegal real server address[:port] specified'],
  ['--set 1 2 x y', "invalid timeout value `x' specified"],
  ['--start-daemon foo -q', 'illegal start-daemon parameter specified'],
  ['-A -6 -f 7', '-6 used before -f\n'],
  ['-A -t 10.0.0.1:80 -w=', 'illegal weight specified'],
] as const)
  test(`grammar: ${line}, then ${message}`, t => {
    t.is(t.throws(() => parse(line), { instanceOf: Refusal }).message, message)
  })

const v4 = (address: string, port?: number) => ({ family: 4, address, port }) as const
for (const [text, parsed] of [
  ['10.0.0.1:80', v4('10.0.0.1', 80)],
  ['10.0.0.1', v4('10.0.0.1')],
  ['10.1:80', v4('10.0.0.1', 80)],
  ['10.1.257:80', v4('10.1.1.1', 80)],
  ['0x0a.010.0x000001:http', v4('10.8.0.1', 80)],
  ['10.0.0.1 junk:85', v4('10.0.0.1', 85)],
  ['10.0.0.1: +80', v4('10.0.0.1', 80)],
  ['10.0.0.1:-0', v4('10.0.0.1', 0)],
  ['web.example:http', v4('10.0.1.100', 80)],
  ['[10.0.0.1]:80', v4('10.0.0.1')],
  ['[10.0.0.1:81]:80', v4('10.0.0.1', 81)],
  ['[fd01::1]:80', { family: 6, address: 'fd01::1', port: 80 }],
  ['[FD01:0:0::1]:http', { family: 6, address: 'fd01::1', port: 80 }],
  ['fd01::1', { family: 6, address: 'fd01::1', port: undefined }],
  ['[fd01::1]:', undefined],
  ['[fd01::g]:80', undefined],
  ['[fd01::1]', undefined],
  ['167772161', undefined],
  ['10.0.0.256:80', undefined],
  ['10.0.0.08:80', undefined],
  ['10.0.0.1:65536', undefined],
  ['10.0.0.1:nosuch', undefined],
  ['10.0.0.1:', undefined],
  ['10.0.0.1.:80', undefined],
  [' 10.0.0.1:80', undefined],
  ['1.2.3.4.5:80', undefined],
  [':80', undefined],
  ['example.net:80', undefined],
] as const)
  test(`address: "${text}", then ${JSON.stringify(parsed)}`, t => {
    t.deepEqual(parseEndpoint(text, 'tcp', LOOKUPS), parsed)
  })

test('address: a host that is not known yet, then it is wanted and nothing is decided', t => {
  const addressOf = (host: string): never => {
    throw new HostWanted(host)
  }
  const words = ['-A', '-t', 'web.example:80']

  const wanted = t.throws(() => parseLine(words, 'ipvsadm', { ...LOOKUPS, addressOf }))

  t.true(wanted instanceof HostWanted && wanted.host === 'web.example')
})

for (const [canonical, printed] of [
  ['::ffff:a00:1', '::ffff:10.0.0.1'],
  ['::a00:1', '::10.0.0.1'],
  ['::1:0', '::0.1.0.0'],
  ['::1', '::1'],
  ['::', '::'],
  ['fd01::a00:1', 'fd01::a00:1'],
] as const)
  test(`address: ${canonical}, then it is printed as ${printed}`, t => {
    t.is(inetNtop(canonical), printed)
  })
