/** Texts of /proc/net/ip_vs*, against what Linux 6.1 printed for the same. */
import test from 'ava'
import { connectDirector } from '../../../control/daemon/client.ts'
import { procText } from '../../../control/ipvs/proc_files.ts'
import {
  PROC_NAMES,
  procConns,
  procConnsSync,
  procServices,
  procStats,
  procStatsPerCpu,
  type ProcName,
} from '../../../control/ipvs/proc.ts'
import { serveFake } from '../../support/fake_director.ts'
import { conn, dest, mark, service, traffic } from '../../support/views.ts'

const SIX = { address: 'fd01::50', port: 53 }

test('proc: services of every kind, then ip_vs to the byte', t => {
  const services = [
    service({
      ...{ address: '10.0.1.53', port: 0, persistentS: 7200 },
      dests: [dest({ address: '10.0.1.60', port: 0, active: 1 })],
    }),
    service({ protocol: 'udp', address: '10.0.1.53', port: 80, onePacket: true }),
    service({ protocol: 'sctp', address: '10.0.1.80', scheduler: 'none' }),
    service({
      ...{ ...SIX, scheduler: 'lblcr', persistentS: 300, netmask: '64' },
      dests: [dest({ address: 'fd02::1f', port: 8080, fwd: 'tun', weight: 65535 })],
    }),
    mark({
      ...{ mark: 77, persistentS: 100, netmask: '255.255.0.0', onePacket: true as const },
      dests: [dest({ address: '10.0.1.60', port: 0, fwd: 'dr', inactive: 12 })],
    }),
    mark({ mark: 78, family: 6, persistentS: 120 }),
    mark({ mark: 4294967295 }),
  ]

  t.deepEqual(procServices(services).split('\n'), [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn',
    'TCP  0A000135:0000 rr  persistent 1800000 FFFFFFFF',
    '  -> 0A00013C:0000      Masq    1      1          0         ',
    'TCP  [fd01:0000:0000:0000:0000:0000:0000:0050]:0035 lblcr persistent 75000 40000000',
    '  -> [fd02:0000:0000:0000:0000:0000:0000:001f]:1F90      Tunnel  65535  0          0         ',
    'UDP  0A000135:0050 rr ops  ',
    'SCTP  0A000150:0050 none  ',
    'FWM  0000004D rr ops persistent 25000 FFFF0000',
    '  -> 0A00013C:0000      Route   1      0          12        ',
    'FWM  0000004E rr persistent 30000 80000000',
    'FWM  FFFFFFFF rr ',
    '',
  ])
})

const CONNS = [
  conn({
    ...{ state: 'SYN_RECV', expiresS: 46, client: { address: '10.0.1.1', port: 4002 } },
    virtual: { address: '10.0.1.53', port: 443 },
    dest: { address: '10.0.1.60', port: 443 },
  }),
  conn({
    ...{ protocol: 'udp', state: 'UDP', expiresS: 281 },
    client: { address: 'fd01::1', port: 4000 },
    virtual: SIX,
    dest: { address: '10.0.1.60', port: 53 },
  }),
  conn({
    ...{ protocol: 'udp', state: 'NONE', expiresS: 95, isTemplate: true },
    client: { address: '10.0.0.100', port: 0 },
    virtual: { address: '10.0.0.100', port: 5060 },
    dest: { address: '10.0.0.9', port: 5060 },
    engine: { name: 'sip', data: 'abc@host-1' },
  }),
]

test('proc: connections, then ip_vs_conn and ip_vs_conn_sync to the byte', t => {
  const six =
    'UDP fd01:0000:0000:0000:0000:0000:0000:0001 0FA0 ' +
    'fd01:0000:0000:0000:0000:0000:0000:0050 0035 0A00013C 0035 UDP         '
  const call = 'UDP 0A000064 0000 0A000064 13C4 0A000009 13C4 NONE        '

  t.deepEqual(procConns(CONNS).split('\n'), [
    'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData',
    'TCP 0A000101 0FA2 0A000135 01BB 0A00013C 01BB SYN_RECV         46',
    `${six}    281`,
    `${call}     95 sip abc@host-1`,
    '',
  ])
  t.deepEqual(procConnsSync(CONNS).split('\n'), [
    'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires',
    'TCP 0A000101 0FA2 0A000135 01BB 0A00013C 01BB SYN_RECV    LOCAL       46',
    `${six}LOCAL      281`,
    `${call}LOCAL       95`,
    '',
  ])
})

test('proc: counters of two CPUs, then hexadecimal in ip_vs_stats and ip_vs_stats_percpu', t => {
  const stats = {
    total: traffic(7, 10, 3, 0x2b4, 0x1c0),
    rates: traffic(0, 1, 0, 0x2b, 15),
    cpus: [traffic(4, 6, 1, 0x1a0, 0xa0), traffic(3, 4, 2, 0x114, 0x120)],
  }

  t.deepEqual(procStats(stats).split('\n'), [
    '   Total Incoming Outgoing         Incoming         Outgoing',
    '   Conns  Packets  Packets            Bytes            Bytes',
    '       7        A        3              2B4              1C0',
    '',
    ' Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s',
    '       0        1        0               2B                F',
    '',
  ])
  t.deepEqual(procStatsPerCpu(stats).split('\n'), [
    '       Total Incoming Outgoing         Incoming         Outgoing',
    'CPU    Conns  Packets  Packets            Bytes            Bytes',
    '  0        4        6        1              1A0               A0',
    '  1        3        4        2              114              120',
    '  ~        7        A        3              2B4              1C0',
    '',
    '     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s',
    '           0        1        0               2B                F',
    '',
  ])
})

/** Of a kernel of two CPUs in which nothing has happened. */
const EMPTY: Record<ProcName, string> = {
  ip_vs: `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
`,
  ip_vs_app: 'prot port    usecnt name\n',
  ip_vs_conn: `\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
`,
  ip_vs_conn_sync: `\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires
`,
  ip_vs_stats: `   Total Incoming Outgoing         Incoming         Outgoing
   Conns  Packets  Packets            Bytes            Bytes
       0        0        0                0                0

 Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
       0        0        0                0                0
`,
  ip_vs_stats_percpu: `       Total Incoming Outgoing         Incoming         Outgoing
CPU    Conns  Packets  Packets            Bytes            Bytes
  0        0        0        0                0                0
  1        0        0        0                0                0
  ~        0        0        0                0                0

     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s
           0        0        0                0                0
`,
}

test('proc: a director with nothing, then every file as in a kernel with nothing', async t => {
  const { socket } = await serveFake(t)
  const client = connectDirector(socket)
  t.teardown(() => {
    client.close()
  })

  for (const name of PROC_NAMES) t.is(await procText(name, client), EMPTY[name], name)
})

test('proc: services that few have, then ip_vs as Linux 6.1 printed them', t => {
  const six = { address: 'fd01::1', port: 80 }
  const services = [
    service({
      ...{ protocol: 'udp', address: '10.0.0.1', port: 5060, persistentS: 60, engine: 'sip' },
      dests: [dest({ address: '10.0.2.1', port: 1, weight: 65536, upper: 5, lower: 3 })],
    }),
    service({
      ...{ ...six, scheduler: 'sh', schedFlags: ['flag-1', 'flag-2'] },
      ...{ persistentS: 2678400, netmask: '1' },
    }),
    service({ ...six, protocol: 'udp', scheduler: 'wlc', onePacket: true }),
    mark({
      ...{ family: 6, mark: 4294967295, scheduler: 'wlc', persistentS: 360, onePacket: true },
    }),
  ]

  t.deepEqual(procServices(services).split('\n').slice(3).toSorted(), [
    '',
    '  -> 0A000201:0001      Masq    65536  0          0         ',
    'FWM  FFFFFFFF wlc ops persistent 90000 80000000',
    'TCP  [fd01:0000:0000:0000:0000:0000:0000:0001]:0050 sh persistent 669600000 01000000',
    'UDP  0A000001:13C4 rr  persistent 15000 FFFFFFFF',
    'UDP  [fd01:0000:0000:0000:0000:0000:0000:0001]:0050 wlc ',
  ])
})
