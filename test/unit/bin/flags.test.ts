/** Every flag of `xlvs service` and `xlvs dest`: what it makes of the settings there are. */
import test from 'ava'
import { parse } from '@oclif/core/parser'
import { DEST_FLAGS, NEW_DEST, readDest } from '../../../control/bin/dest_flags.ts'
import {
  newSchedulerFlag,
  readService,
  schedulerFlag,
  SERVICE_FLAGS,
} from '../../../control/bin/service_flags.ts'
import { parseServiceName } from '../../../control/config/name.ts'
import { canonicalDest, canonicalService } from '../../../control/config/nouns.ts'
import { XlvsError } from '../../../control/errors.ts'
import type {
  DestSettings,
  ServiceSettings,
  TunnelOptions,
} from '../../../control/model/service.ts'

function wordsOf(line: string): string[] {
  return line === '' ? [] : line.split(' ')
}

async function serviceBy(id: string, line: string, now?: ServiceSettings) {
  const words = wordsOf(line)
  const { flags } = now
    ? await parse(words, { flags: { scheduler: schedulerFlag, ...SERVICE_FLAGS } })
    : await parse(words, { flags: { scheduler: newSchedulerFlag, ...SERVICE_FLAGS } })
  const service = parseServiceName(id)
  const settings = readService(flags, service, now ?? { scheduler: 'wlc' })
  canonicalService({ ...service, ...settings })
  return settings
}

async function destBy(line: string, now: DestSettings = NEW_DEST) {
  const { flags } = await parse(wordsOf(line), { flags: DEST_FLAGS })
  const settings = readDest(flags, now)
  canonicalDest(parseServiceName('tcp:192.0.2.1:80'), {
    ...{ address: '10.0.0.2', port: 80 },
    ...settings,
  })
  return settings
}

const DNS = 'udp:192.0.2.9:53'
const WLC = { scheduler: 'wlc' } as const
const SH: ServiceSettings = { scheduler: 'sh', schedFlags: ['flag-1', 'flag-2'] }
const STAYING = { ...WLC, persistentS: 60, netmask: '255.255.255.0', engine: 'sip' } as const

const added: [id: string, words: string, is: ServiceSettings][] = [
  [DNS, '', WLC],
  [DNS, '-s sh --sched-flags sh-port,sh-fallback', SH],
  [DNS, '-s sh --sched-flags mh-port,flag-1,sh-port', SH],
  [DNS, '--sched-flags flag-3', { ...WLC, schedFlags: ['flag-3'] }],
  [DNS, '-p 60 -M 255.255.255.0 --engine sip', STAYING],
  [DNS, '--netmask none --persistent none --engine none --sched-flags none', WLC],
  [DNS, '--one-packet', { ...WLC, onePacket: true }],
  [DNS, '-o --name dns', { ...WLC, onePacket: true, name: 'dns' }],
  [DNS, '--no-one-packet', WLC],
  [DNS, '--slow-start 86400', { ...WLC, slowStartS: 86400 }],
  ['udp:192.0.2.9:0', '--persistent 2678400', { ...WLC, persistentS: 2678400 }],
  ['sctp:192.0.2.9:9', '-s none', { scheduler: 'none' }],
  ['fwmark:4294967295', '-o -M 255.0.0.0', { ...WLC, onePacket: true, netmask: '255.0.0.0' }],
  ['fwmark6:1', '-M 64', { ...WLC, netmask: '64' }],
]

for (const [id, words, is] of added)
  test(`flags: a new ${id} ${words}, it is ${JSON.stringify(is)}`, async t => {
    t.deepEqual(await serviceBy(id, words), is)
  })

const FULL: ServiceSettings = { ...STAYING, ...SH, onePacket: true, slowStartS: 9, name: 'dns' }
const OURS = { slowStartS: 9, name: 'dns' } as const
const NO_FLAGS = { ...STAYING, scheduler: 'sh', onePacket: true, ...OURS } as const

const changed: [words: string, is: ServiceSettings][] = [
  ['', FULL],
  ['--scheduler sh', FULL],
  ['-s mh', { ...NO_FLAGS, scheduler: 'mh' }],
  ['-s mh --sched-flags mh-port', { ...NO_FLAGS, scheduler: 'mh', schedFlags: ['flag-2'] }],
  ['--sched-flags none', NO_FLAGS],
  ['--sched-flags flag-3', { ...FULL, schedFlags: ['flag-3'] }],
  ['--persistent 61', { ...FULL, persistentS: 61 }],
  ['--netmask 255.0.0.0', { ...FULL, netmask: '255.0.0.0' }],
  ['--name ns', { ...FULL, name: 'ns' }],
  ['--slow-start 0', { ...FULL, slowStartS: 0 }],
  [
    '-p none -M none --engine none --no-one-packet --sched-flags none',
    { scheduler: 'sh', slowStartS: 9, name: 'dns' },
  ],
]

for (const [words, is] of changed)
  test(`flags: a service that has all and ${words || 'nothing'}, all else stays`, async t => {
    t.deepEqual(await serviceBy(DNS, words, FULL), is)
  })

const NAT: DestSettings = { fwd: 'nat', weight: 1 }
const TUN = { fwd: 'tun', weight: 1 } as const
const GUE = { ...TUN, tunnel: { type: 'gue', port: 6080 } } as const
const GUE_CSUM: DestSettings = { ...TUN, tunnel: { ...GUE.tunnel, checksum: 'csum' } }
const GRE_CSUM: DestSettings = { ...TUN, tunnel: { type: 'gre', checksum: 'csum' } }
const GUE_REMCSUM: DestSettings = { ...TUN, tunnel: { type: 'gue', port: 1, checksum: 'remcsum' } }

const destAdded: [words: string, is: DestSettings][] = [
  ['', NAT],
  ['--dr --weight 2147483647', { fwd: 'dr', weight: 2147483647 }],
  ['-x 8 -y 6', { ...NAT, upper: 8, lower: 6 }],
  ['--upper 2147483647', { ...NAT, upper: 2147483647 }],
  ['--upper none --lower none', NAT],
  ['--tun', TUN],
  ['--tun --tunnel ipip --tunnel-checksum none', TUN],
  ['--tun --tunnel gre', { ...TUN, tunnel: { type: 'gre' } }],
  ['--tun --tunnel gre --tunnel-checksum csum', GRE_CSUM],
  ['--tun --tunnel gue --tunnel-port 6080', GUE],
  ['--tun --tunnel-port 6080 --tunnel gue --tunnel-checksum csum', GUE_CSUM],
  ['--tun --tunnel gue --tunnel-port 1 --tunnel-checksum remcsum', GUE_REMCSUM],
]

for (const [words, is] of destAdded)
  test(`flags: a new dest ${words}, it is ${JSON.stringify(is)}`, async t => {
    t.deepEqual(await destBy(words), is)
  })

const LIMITED: DestSettings = { ...GUE_CSUM, weight: 7, upper: 8, lower: 6 }

function withTunnel(tunnel: TunnelOptions): DestSettings {
  return { ...LIMITED, tunnel }
}

const destChanged: [words: string, is: DestSettings][] = [
  ['', LIMITED],
  ['-w 0', { ...LIMITED, weight: 0 }],
  ['--tun', LIMITED],
  ['--upper 9', { ...LIMITED, upper: 9 }],
  ['--lower 7', { ...LIMITED, lower: 7 }],
  ['--lower none', { ...GUE_CSUM, weight: 7, upper: 8 }],
  ['--upper none', { ...GUE_CSUM, weight: 7 }],
  ['--dr', { fwd: 'dr', weight: 7, upper: 8, lower: 6 }],
  ['--tunnel gue --tunnel-port 6081', withTunnel({ type: 'gue', port: 6081, checksum: 'csum' })],
  ['--tunnel-port 6081', withTunnel({ type: 'gue', port: 6081, checksum: 'csum' })],
  ['--tunnel-checksum none', withTunnel({ type: 'gue', port: 6080 })],
  ['--tunnel gre', withTunnel({ type: 'gre' })],
  ['--tunnel ipip', { ...TUN, weight: 7, upper: 8, lower: 6 }],
]

for (const [words, is] of destChanged)
  test(`flags: a dest that has all and ${words || 'nothing'}, all else stays`, async t => {
    t.deepEqual(await destBy(words, LIMITED), is)
  })

const wrong: [id: string, words: string, code: string, says: RegExp][] = [
  [DNS, '--scheduler wr', 'BAD_SCHEDULER', /scheduler wr is not known/],
  [DNS, '--sched-flags sh-prt', 'BAD_SCHED_FLAG', /scheduler flag sh-prt is not known/],
  [DNS, '--sched-flags sh-port,', 'BAD_SCHED_FLAG', /scheduler flag "" is not known/],
  [DNS, '--persistent 0', 'BAD_PERSISTENCE', /persistence 0 .*: expected 1 to 2678400 seconds/],
  [DNS, '--persistent 2678401', 'BAD_PERSISTENCE', /persistence 2678401 is out of range/],
  [DNS, '--persistent 5m', 'BAD_PERSISTENCE', /persistence 5m is not a whole number/],
  [DNS, '--netmask 24', 'BAD_NETMASK', /netmask 24 .* a mask of four numbers 0 to 255/],
  ['fwmark6:7', '-M 129', 'BAD_NETMASK', /netmask 129 .* a prefix length 1 to 128/],
  ['fwmark6:7', '-M 255.255.255.0', 'BAD_NETMASK', /a prefix length 1 to 128/],
  [DNS, '--engine spi', 'BAD_ENGINE', /persistence engine spi is not known/],
  [DNS, '--dest-gone drain', 'BAD_DEST_GONE', /is drain: expected keep, drop, reset or drain/],
  [DNS, '--slow-start 86401', 'BAD_SLOW_START', /start 86401 .*: expected 0 to 86400 seconds/],
  [DNS, '--slow-start 1m', 'BAD_SLOW_START', /slow start 1m is not a whole number/],
  [DNS, '--name 1', 'BAD_NAME', /name 1 cannot be the name of a service/],
  ['tcp:192.0.2.9:53', '-o', 'BAD_SERVICE', /cannot schedule each packet alone/],
  ['tcp:192.0.2.9:0', '', 'BAD_SERVICE', /has port 0, .* expected persistence/],
  ['fwmark:0', '', 'BAD_MARK', /firewall mark 0 is out of range: expected 1 to 4294967295/],
]

for (const [id, words, code, says] of wrong)
  test(`flags: a service ${id} ${words}, then ${code}`, async t => {
    const error = await t.throwsAsync(serviceBy(id, words), { instanceOf: XlvsError })

    t.is(error.code, code as never)
    t.regex(error.message, says)
    t.is(error.exitStatus, 2)
  })

const destWrong: [words: string, code: string, says: RegExp][] = [
  ['-w 2147483648', 'BAD_WEIGHT', /weight 2147483648 is out of range/],
  ['-x 0', 'BAD_THRESHOLD', /upper 0 is out of range: expected numbers of connections 1 to/],
  ['-x 2147483648', 'BAD_THRESHOLD', /upper 2147483648 is out of range/],
  ['-y x', 'BAD_THRESHOLD', /lower x is not a whole number/],
  ['-y 8', 'BAD_THRESHOLD', /lower 8 has no upper one/],
  ['-x 7 -y 8', 'BAD_THRESHOLD', /lower 8 is above upper 7/],
  ['--tunnel geu', 'BAD_TUNNEL', /tunnel geu is not known: expected ipip or gue or gre/],
  ['--tun --tunnel gue', 'BAD_TUNNEL', /gue lacks its port/],
  ['--tunnel gre', 'BAD_TUNNEL', /type gre needs tun/],
  ['--tun --tunnel-port 80', 'BAD_TUNNEL', /type ipip has no port/],
  ['--tun --tunnel-checksum csum', 'BAD_TUNNEL', /type ipip has no checksum/],
  ['--tun --tunnel gre --tunnel-port 80', 'BAD_TUNNEL', /gre has no port/],
  ['--tun --tunnel gue --tunnel-port 65536', 'BAD_PORT', /port 65536 is out of range/],
  ['--tun --tunnel gre --tunnel-checksum sum', 'BAD_TUNNEL', /tunnel checksum sum is not known/],
  ['--tun --tunnel gre --tunnel-checksum remcsum', 'BAD_TUNNEL', /gre has no remote checksum/],
]

for (const [words, code, says] of destWrong)
  test(`flags: a dest ${words}, then ${code}`, async t => {
    const error = await t.throwsAsync(destBy(words), { instanceOf: XlvsError })

    t.is(error.code, code as never)
    t.regex(error.message, says)
    t.is(error.exitStatus, 2)
  })
