/** Listings against what ipvsadm 1.31 printed on Linux 6.1 (test/oracle's samples and case 01). */
import test from 'ava'
import { listConns } from '../../../control/ipvs/conn_listing.ts'
import type { Columns, ListFormat } from '../../../control/ipvs/grammar.ts'
import { largeNumber, listAll, listOne, save } from '../../../control/ipvs/listing.ts'
import { NUMBERS } from '../../../control/ipvs/names.ts'
import { inKernelOrder } from '../../../control/ipvs/order.ts'
import { qsort } from '../../../control/ipvs/sort.ts'
import type { ConnView, Protocol } from '../../../control/model/service.ts'
import { conn, dest, mark, service, traffic } from '../../support/views.ts'

const FORMAT: ListFormat = {
  columns: 'plain',
  numeric: true,
  exact: false,
  sorted: true,
  engines: false,
}
const by = (columns: Columns): ListFormat => ({ ...FORMAT, columns })
const STATS = by('stats')

/** Case 01 at its end. Newest first, as the director gives them. */
const CASE_01 = service({
  address: '10.0.1.100',
  traffic: traffic(10, 61, 29, 6150, 8200),
  dests: [
    dest({ address: '10.0.4.13', active: 1, inactive: 3, traffic: traffic(4, 18, 10, 1140, 1090) }),
    dest({
      address: '10.0.2.12',
      port: 8080,
      active: 1,
      inactive: 2,
      traffic: traffic(3, 21, 10, 1934, 2472),
    }),
    dest({ address: '10.0.2.11', active: 2, inactive: 1, traffic: traffic(3, 22, 9, 3076, 4638) }),
  ],
})

test('listing: case 01, then -Ln to the byte', t => {
  const expected = [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
    'TCP  10.0.1.100:80 rr',
    '  -> 10.0.2.11:80                 Masq    1      2          1         ',
    '  -> 10.0.2.12:8080               Masq    1      1          2         ',
    '  -> 10.0.4.13:80                 Masq    1      1          3         ',
    '',
  ].join('\n')

  t.is(listAll([CASE_01], FORMAT, NUMBERS), expected)
  t.is(listOne(CASE_01, FORMAT, NUMBERS), expected.slice(expected.indexOf('Prot')))
})

test('listing: case 01, then -Ln --stats to the byte, and --exact the same', t => {
  const expected = [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes',
    '  -> RemoteAddress:Port',
    'TCP  10.0.1.100:80                      10       61       29     6150     8200',
    '  -> 10.0.2.11:80                        3       22        9     3076     4638',
    '  -> 10.0.2.12:8080                      3       21       10     1934     2472',
    '  -> 10.0.4.13:80                        4       18       10     1140     1090',
    '',
  ].join('\n')

  t.is(listAll([CASE_01], STATS, NUMBERS), expected)
  t.is(listAll([CASE_01], { ...STATS, exact: true }, NUMBERS), expected)
})

test('listing: an empty table, then the header alone', t => {
  const expected = [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
    '',
  ].join('\n')

  t.is(listAll([], FORMAT, NUMBERS), expected)
})

test('listing: dr, weight 65535 and a far address, then columns hold', t => {
  const dests = [
    dest({ address: '255.255.255.254', port: 65535, weight: 65535, active: 1234567890 }),
    dest({ fwd: 'dr', weight: 0, inactive: 12 }),
  ]

  const lines = listOne(service({ dests }), FORMAT, NUMBERS).split('\n').slice(1)

  t.is(lines[3], '  -> 10.0.0.2:80                  Route   0      0          12        ')
  t.is(lines[2], '  -> 255.255.255.254:65535        Masq    65535  1234567890 0         ')
})

test('listing: names in place of numbers, then cut where columns end', t => {
  const names = { host: () => 'a-very-long-host-name.example.net', port: () => 'http' }

  const lines = listOne(service({ dests: [dest()] }), FORMAT, names).split('\n')

  t.is(lines[2], 'TCP  a-very-long-host-name.exampl rr')
  t.is(lines[3], '  -> a-very-long-host-name.exampl Masq    1      0          0         ')
})

/** pro expire state source virtual destination, as ipvsadm prints them. */
function readConn(line: string): ConnView {
  const [protocol = '', expire = '', state = '', ...ends] = line.split(/ +/)
  const [client, virtual, dest] = ends.map(end => {
    const [address = '', port] = end.split(':')
    return { address, port: Number(port) }
  })
  if (!client || !virtual || !dest) throw new Error(`not a connection: ${line}`)
  const [minutes = 0, seconds = 0] = expire.split(':').map(Number)
  const expiresS = minutes * 60 + seconds
  return conn({
    protocol: protocol.toLowerCase() as Protocol,
    state,
    expiresS,
    client,
    virtual,
    dest,
  })
}

test('listing: the connections of a sample, then -Lnc to the byte, in the order given', t => {
  const expected = [
    'IPVS connection entries',
    'pro expire state       source             virtual            destination',
    'TCP 01:52  TIME_WAIT   10.0.1.10:58180    10.0.1.101:80      10.0.2.11:80',
    'TCP 01:46  TIME_WAIT   10.0.1.10:50602    10.0.1.100:80      10.0.2.11:80',
    'TCP 01:47  TIME_WAIT   10.0.1.10:50608    10.0.1.100:80      10.0.2.12:80',
    'TCP 01:47  TIME_WAIT   10.0.1.10:50604    10.0.1.100:80      10.0.2.13:80',
    'TCP 01:46  TIME_WAIT   10.0.1.10:50594    10.0.1.100:80      10.0.2.12:80',
    'TCP 01:51  TIME_WAIT   10.0.1.10:58164    10.0.1.101:80      10.0.2.11:80',
    'UDP 04:53  UDP         10.0.1.10:50089    10.0.1.100:53      10.0.2.13:53',
    'TCP 01:51  TIME_WAIT   10.0.1.10:58178    10.0.1.101:80      10.0.2.11:80',
    'TCP 01:47  TIME_WAIT   10.0.1.10:50612    10.0.1.100:80      10.0.2.11:80',
    'UDP 04:55  UDP         10.0.1.10:47724    10.0.1.100:53      10.0.2.13:53',
    'TCP 01:51  TIME_WAIT   10.0.1.10:58148    10.0.1.101:80      10.0.2.11:80',
    'UDP 04:54  UDP         10.0.1.10:59004    10.0.1.100:53      10.0.2.13:53',
    'TCP 01:52  TIME_WAIT   10.0.1.10:58194    10.0.1.101:80      10.0.2.11:80',
    'TCP 01:46  TIME_WAIT   10.0.1.10:50590    10.0.1.100:80      10.0.2.13:80',
    'TCP 01:52  TIME_WAIT   10.0.1.10:58182    10.0.1.101:80      10.0.2.11:80',
    'TCP 14:57  ESTABLISHED 10.0.1.10:45154    10.0.1.100:80      10.0.2.13:80',
    '',
  ].join('\n')

  const conns = expected.split('\n').slice(2, -1).map(readConn)

  t.is(listConns(conns, false, NUMBERS), expected)
})

test('listing: no connections, then both header lines; two hours, then 120:00', t => {
  t.is(listConns([], false, NUMBERS).split('\n').length, 3)
  t.regex(listConns([conn({ expiresS: 7200 })], false, NUMBERS), /^TCP 120:00 ESTABLISHED 198/m)
})

for (const [value, abbreviated, exact] of [
  [0, '        0', '        0'],
  [99_999_999, ' 99999999', ' 99999999'],
  [100_000_000, '  100000K', ' 100000000'],
  [999_999_999, '  999999K', ' 999999999'],
  [1_000_000_000, '    1000M', ' 1000000000'],
  [99_999_999_999, '   99999M', ' 99999999999'],
  [100_000_000_000, '     100G', ' 100000000000'],
  [100_000_000_000_000, '     100T', ' 100000000000000'],
] as const)
  test(`listing: ${value}, then "${abbreviated}", exactly "${exact}"`, t => {
    t.is(largeNumber(value, false), abbreviated)
    t.is(largeNumber(value, true), exact)
  })

test('listing: services of two protocols, then by protocol, address and port', t => {
  const services = [
    service({ protocol: 'udp', address: '10.0.0.1', port: 53 }),
    service({ address: '10.0.0.2', port: 443 }),
    service({ address: '10.0.0.2', port: 80 }),
    service({ address: '10.0.0.1', port: 8080 }),
  ]

  t.deepEqual(order(services), ['10.0.0.1:8080', '10.0.0.2:80', '10.0.0.2:443', '10.0.0.1:53'])
})

test('listing: addresses 2^31 or more apart, then reversed as in the kernel tool', t => {
  const services = ['10.0.0.1', '192.168.0.1', '10.0.0.9'].map(address => service({ address }))

  t.deepEqual(order(services), ['192.168.0.1:80', '10.0.0.1:80', '10.0.0.9:80'])
})

test('sort: any numbers, then as sort() where the order is a real one', t => {
  const numbers = Array.from({ length: 100 }, (_, i) => (i * 7919) % 101)

  t.deepEqual(
    qsort(numbers, (a, b) => a - b),
    numbers.toSorted((a, b) => a - b),
  )
})

function order(services: Parameters<typeof listAll>[0]): string[] {
  return listAll(services, FORMAT, NUMBERS)
    .split('\n')
    .flatMap(line => /^(?:TCP|UDP)  (\S+)/.exec(line)?.[1] ?? [])
}

test('listing: both families and all methods, IPv4 first, IPv6 in brackets', t => {
  const six = service({
    address: '2001:db8::1',
    dests: [
      dest({ address: '2001:db8:2::12', port: 80, fwd: 'tun' }),
      dest({ address: '10.0.0.2', port: 80, fwd: 'tun' }),
      dest({ address: '2001:db8:2::2', port: 80, fwd: 'dr' }),
    ],
  })
  const udp = service({ protocol: 'udp', address: '192.0.2.9', port: 53 })

  const [, ...lines] = listAll([six, udp], FORMAT, NUMBERS).split('\n')

  t.deepEqual(lines, [
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn',
    'UDP  192.0.2.9:53 rr',
    'TCP  [2001:db8::1]:80 rr',
    '  -> 10.0.0.2:80                  Tunnel  1      0          0         ',
    '  -> [2001:db8:2::2]:80           Route   1      0          0         ',
    '  -> [2001:db8:2::12]:80          Tunnel  1      0          0         ',
    '',
  ])
})

test('listing: connections of IPv6, each end in brackets', t => {
  const ends = {
    client: { address: '2001:db8:3::7', port: 40000 },
    virtual: { address: '2001:db8::1', port: 80 },
    dest: { address: '10.0.0.2', port: 80 },
  }

  const lines = listConns([conn(ends)], false, NUMBERS).split('\n')

  t.is(lines[2], 'TCP 14:55  ESTABLISHED [2001:db8:3::7]:40000 [2001:db8::1]:80   10.0.0.2:80')
})

const EVERYTHING = [
  service({
    ...{ address: '10.0.0.100', port: 21, scheduler: 'mh', schedFlags: ['flag-1', 'flag-2'] },
    ...{ persistentS: 600, netmask: '255.255.255.0', engine: 'sip' },
  }),
  service({
    address: '10.0.0.100',
    dests: [
      dest({
        ...{ address: '10.0.0.4', fwd: 'tun', weight: 7, active: 1, persistent: 3 },
        tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' },
      }),
      dest({ address: '10.0.0.5', fwd: 'tun', tunnel: { type: 'gre', checksum: 'csum' } }),
      dest({ address: '10.0.0.6', fwd: 'tun' }),
      dest({ address: '10.0.0.7', upper: 100, lower: 50, weight: 2147483647 }),
    ],
  }),
  service({
    ...{ protocol: 'udp', address: '10.0.0.100', port: 53, scheduler: 'rr' },
    ...{ schedFlags: ['flag-2'], onePacket: true, engine: 'sip' },
  }),
  service({ protocol: 'sctp', address: '10.0.0.100', port: 2905, scheduler: 'none' }),
  mark({ mark: 78, family: 6, persistentS: 120, netmask: '64', scheduler: 'dh' }),
  mark({ mark: 4294967295, dests: [dest({ address: '10.0.0.9', port: 0, fwd: 'dr' })] }),
]

test('listing: everything that a service and a dest can have, then -Ln to the byte', t => {
  t.deepEqual(listAll(EVERYTHING, FORMAT, NUMBERS).split('\n').slice(3), [
    'FWM  -1 rr',
    '  -> 10.0.0.9:0                   Route   1      0          0         ',
    'TCP  10.0.0.100:21 mh (mh-fallback,mh-port) persistent 600 mask 255.255.255.0 pe sip',
    'TCP  10.0.0.100:80 rr',
    '  -> 10.0.0.4:80                  Tunnel  7      1          0         ',
    '  -> 10.0.0.5:80                  Tunnel  1      0          0         ',
    '  -> 10.0.0.6:80                  Tunnel  1      0          0         ',
    '  -> 10.0.0.7:80                  Masq    2147483647 0          0         ',
    'UDP  10.0.0.100:53 rr (flag-2) ops',
    'SCTP 10.0.0.100:2905 none',
    'FWM  78 IPv6 dh persistent 120 mask 64',
    '',
  ])
})

test('listing: everything, then -Sn to the byte', t => {
  t.deepEqual(save(EVERYTHING, NUMBERS).split('\n'), [
    '-A -f -1 -s rr',
    '-a -f -1 -r 10.0.0.9:0 -g -w 1',
    '-A -t 10.0.0.100:21 -s mh -p 600 -M 255.255.255.0 --pe sip -b mh-fallback,mh-port',
    '-A -t 10.0.0.100:80 -s rr',
    '-a -t 10.0.0.100:80 -r 10.0.0.4:80 -i -w 7 --tun-type gue --tun-port 6080 --tun-remcsum',
    '-a -t 10.0.0.100:80 -r 10.0.0.5:80 -i -w 1 --tun-type gre --tun-csum',
    '-a -t 10.0.0.100:80 -r 10.0.0.6:80 -i -w 1 --tun-type ipip',
    '-a -t 10.0.0.100:80 -r 10.0.0.7:80 -m -w 2147483647',
    '-A -u 10.0.0.100:53 -s rr --pe sip -o -b flag-2',
    '-A --sctp-service 10.0.0.100:2905 -s none',
    '-A -f 78 -6 -s dh -p 120 -M 64',
    '',
  ])
})

for (const [columns, header, lines] of [
  [
    'thresholds',
    'Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn ',
    [
      '  -> 10.0.0.4:80                  0          0          1          0         ',
      '  -> 10.0.0.7:80                  100        50         0          0         ',
    ],
  ],
  [
    'persistent-conn',
    'Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn ',
    [
      '  -> 10.0.0.4:80                  7         3           1          0         ',
      '  -> 10.0.0.7:80                  2147483647 0           0          0         ',
    ],
  ],
  [
    'tun-info',
    'Prot LocalAddress:Port Scheduler Flags',
    [
      '  -> 10.0.0.4:80                  Tunnel  gue:6080:r+c  7      1          0         ',
      '  -> 10.0.0.5:80                  Tunnel  gre:+c        1      0          0         ',
      '  -> 10.0.0.6:80                  Tunnel  ipip          1      0          0         ',
      '  -> 10.0.0.7:80                  Masq    n/a           2147483647 0          0         ',
    ],
  ],
] as const)
  test(`listing: --${columns}, then its header and columns to the byte`, t => {
    const listed = listAll(EVERYTHING, by(columns), NUMBERS).split('\n')

    t.is(listed[1], header)
    for (const line of lines) t.true(listed.includes(line), line)
  })

test('listing: --rate of a dest, then packets are whole and bytes in thousands', t => {
  const rates = traffic(123456789, 5, 0, 123456789, 2 ** 32 + 7)
  const dests = [dest({ rates, traffic: traffic(2 ** 32 + 5, 0, 0, 2 ** 32, 0) })]
  const view = service({ rates, dests })

  const [, , , line, destLine] = listAll([view], by('rate'), NUMBERS).split('\n')
  const counted = listAll([view], STATS, NUMBERS).split('\n')[4]

  t.is(line, 'TCP  192.0.2.1:80                  123456K        5        0  123456K    4294M')
  t.is(destLine, '  -> 10.0.0.2:80                  123456789        5        0  123456K        7')
  t.is(counted, '  -> 10.0.0.2:80                         5        0        0    4294M        0')
})

test('listing: --nosort, then bucket after bucket, the newest first, and marks last', t => {
  const at = (port: number, protocol: 'tcp' | 'udp' = 'tcp') =>
    service({ address: '0.0.0.0', port, protocol })
  const oldestFirst = [mark({ mark: 5 }), mark({ mark: 261 }), at(6), at(0x0107), at(1, 'udp')]

  // TCP is 6: port 6 is in bucket 0, 0x0107 in 0 too (6 xor 7 xor 1). UDP's port 1 is in 16.
  const [first, second, third, ...marks] = inKernelOrder(oldestFirst)

  t.deepEqual([first, second, third], [at(0x0107), at(6), at(1, 'udp')])
  t.deepEqual(marks, [mark({ mark: 261 }), mark({ mark: 5 })])
})

test('listing: names of IPv6 and of marks, cut at 59 letters, ports of marks in numbers', t => {
  const names = {
    host: () => 'a-very-long-hostname-for-a-real-server-with-an-address-of.example.com',
    port: (_port: number, protocol?: string) => (protocol === undefined ? '80' : 'http'),
  }
  const six = service({ address: 'fd01::1' })
  const dests = [dest(), dest({ address: 'fd01::2' })]

  const lines = listAll([six, mark({ mark: 7, dests })], FORMAT, names)
    .split('\n')
    .slice(3)

  t.is(lines[0], 'TCP  [a-very-long-hostname-for-a-real-server-with-an-address-of. rr')
  t.regex(
    lines[2] ?? '',
    /^ {2}-> \[a-very-long-hostname-for-a-real-server-with-an-address-of\. Masq /,
  )
  t.regex(lines[3] ?? '', /^ {2}-> a-very-long-hostname-for-a-r Masq /)
})
