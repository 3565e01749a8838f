/** The grammar: what a line asks for. Complaints are compared with ipvsadm's in test/cli. */
import test from 'ava'
import { parseEndpoint } from '../../../control/ipvs/address.ts'
import { parseLine, type Request } from '../../../control/ipvs/grammar.ts'
import { kernelWords } from '../../../control/ipvs/kernel_words.ts'
import { Refusal } from '../../../control/ipvs/refusal.ts'
import { XlvsError } from '../../../control/errors.ts'

const portOf = (name: string): number | undefined => ({ http: 80, domain: 53 })[name]
const parse = (line: string): Request => parseLine(line.split(' '), 'ipvsadm', portOf)

const SERVICE = { protocol: 'tcp', address: '10.0.1.100', port: 80 } as const
const DEST = { address: '10.0.2.11', port: 80 }
const FORMAT = { numeric: false, stats: false, exact: false }

const rows: [line: string, asks: Request][] = [
  ['-C', { command: 'flush' }],
  ['-R', { command: 'restore' }],
  ['-L', { command: 'list', format: FORMAT, service: undefined }],
  ['-ln', { command: 'list', format: { ...FORMAT, numeric: true }, service: undefined }],
  [
    '-Ln -t 10.0.1.100:80 --stats -X',
    { command: 'list', format: { numeric: true, stats: true, exact: true }, service: SERVICE },
  ],
  ['-Lnc', { command: 'list-connections', format: { ...FORMAT, numeric: true } }],
  ['-A -t 10.0.1.100:80', { command: 'add-service', service: SERVICE, scheduler: 'wlc' }],
  ['-At 10.0.1.100:http -srr', { command: 'add-service', service: SERVICE, scheduler: 'rr' }],
  [
    '--edit-service --tcp-service=10.0.1.100:80 --scheduler rr',
    { command: 'edit-service', service: SERVICE, scheduler: 'rr' },
  ],
  ['-D -t 10.0.1.100:80', { command: 'delete-service', service: SERVICE }],
  ['-Z', { command: 'zero', service: undefined }],
  ['-Z -t 10.0.1.100:80', { command: 'zero', service: SERVICE }],
  [
    '-a -t 10.0.1.100:80 -r 10.0.2.11',
    { command: 'add-server', service: SERVICE, dest: { ...DEST, fwd: 'dr', weight: 1 } },
  ],
  [
    '-a -t 10.0.1.100:80 -r 10.0.2.11:8080 -g -w3',
    { command: 'add-server', service: SERVICE, dest: { ...DEST, fwd: 'dr', weight: 3 } },
  ],
  [
    '-e -t 10.0.1.100:80 -r 10.0.2.11:8080 -m -w=0 -x 0 -y 0',
    {
      command: 'edit-server',
      service: SERVICE,
      dest: { ...DEST, port: 8080, fwd: 'nat', weight: 0 },
    },
  ],
  ['-d -t 10.0.1.100:80 -r 10.0.2.11', { command: 'delete-server', service: SERVICE, dest: DEST }],
  [
    '-A -t [fd01::1]:80 -s rr',
    { command: 'add-service', service: { ...SERVICE, address: 'fd01::1' }, scheduler: 'rr' },
  ],
  [
    '-a -t [fd01::1]:80 -r [fd01::2]:8080 -m',
    {
      command: 'add-server',
      service: { ...SERVICE, address: 'fd01::1' },
      dest: { address: 'fd01::2', port: 8080, fwd: 'nat', weight: 1 },
    },
  ],
  [
    '-a -t 10.0.1.100:80 -r [fd01::2]:8080 -i --tun-type ipip',
    {
      command: 'add-server',
      service: SERVICE,
      dest: { address: 'fd01::2', port: 80, fwd: 'tun', weight: 1 },
    },
  ],
  ['-h', { command: 'help' }],
  ['--version', { command: 'version' }],
]
for (const [line, asks] of rows)
  test(`grammar: ${line}, then it asks for ${asks.command}`, t => {
    t.deepEqual(parse(line), asks)
  })

const later: [line: string, says: RegExp][] = [
  ['-A -t 10.0.1.100:80 -p', /persistence \(-p\)/],
  ['-A -t 10.0.1.100:0 -p 300', /persistence \(-p\)/],
  ['-A -t 10.0.1.100:80 -b flag-1', /scheduler flags \(-b\)/],
  ['-A -t 10.0.1.100:80 --pe sip', /persistence engines/],
  ['-A -u 10.0.1.100:80 -o', /one-packet/],
  ['-A -f 7', /firewall mark/],
  ['-A -f 7 -6', /firewall mark/],
  ['-A --sctp-service 10.0.1.100:80', /SCTP/],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11 -i --tun-type gue', /gue and gre/],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11 -i --tun-port 5555', /gue/],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11 -i --tun-csum', /checksums of tunnels/],
  ['-a -t 10.0.1.100:80 -r 10.0.2.11 -x 5', /thresholds/],
  ['-S', /saving/],
  ['-Ln --rate', /rates/],
  ['-L --timeout', /timeouts/],
  ['-L --daemon', /sync daemons/],
  ['-Ln --thresholds', /thresholds/],
  ['-Ln --persistent-conn', /persistent connections/],
  ['-Ln --tun-info', /tunnels/],
  ['-Ln --nosort', /unsorted/],
  ['--set 1 2 3', /timeouts/],
  ['--start-daemon master', /sync daemons/],
  ['--stop-daemon backup', /sync daemons/],
]
for (const [line, says] of later)
  test(`grammar: ${line}, then a sentence that xlvs cannot yet, exit 2`, t => {
    const refusal = t.throws(() => parse(line), { instanceOf: Refusal })

    t.regex(refusal.message, says)
    t.regex(refusal.message, /^xlvs does not support .* yet; nothing was changed$/)
    t.is(refusal.exitStatus, 2)
  })

const v4 = (address: string, port?: number) => ({ family: 4, address, port }) as const
for (const [text, parsed] of [
  ['10.0.0.1:80', v4('10.0.0.1', 80)],
  ['10.0.0.1', v4('10.0.0.1')],
  ['10.1:80', v4('10.0.0.1', 80)],
  ['10.1.257:80', v4('10.1.1.1', 80)],
  ['0x0a.010.0x000001:http', v4('10.8.0.1', 80)],
  ['[10.0.0.1]:80', v4('10.0.0.1', 80)],
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
  ['1.2.3.4.5:80', undefined],
  ['example.net:80', undefined],
] as const)
  test(`address: ${text}, then ${JSON.stringify(parsed)}`, t => {
    t.deepEqual(parseEndpoint(text, 'tcp', portOf), parsed)
  })

test('kernel words: the daemon cannot be reached, then exit 2 and what to try', t => {
  const error = new XlvsError('SOCKET_REFUSED', 'cannot reach the daemon at /s', 'start it')

  t.like(kernelWords(error, 'list'), {
    message: "Can't initialize ipvs: cannot reach the daemon at /s\nstart it",
    exitStatus: 2,
  })
})

for (const [code, command, message] of [
  ['SERVICE_MISSING', 'delete-service', 'No such service'],
  ['SERVICE_MISSING', 'add-server', 'Service not defined'],
  ['NO_ROOT', 'flush', 'Permission denied (you must be root)'],
  ['TABLE_FULL', 'add-service', 'Memory allocation problem'],
  ['KERNEL_REFUSED', 'add-service', 'a sentence\na hint'],
] as const)
  test(`kernel words: ${code} of ${command}, then ${JSON.stringify(message)}`, t => {
    const words = kernelWords(new XlvsError(code, 'a sentence', 'a hint'), command)

    t.like(words, { message, exitStatus: 255, endsRun: false })
  })
