/** What an apply says of a service and of a dest that are new, or that change in one thing. */
import test from 'ava'
import { checkConfiguration } from '../../../control/config/check.ts'
import { desired } from '../../../control/plan/desired.ts'
import { bulkChange, difference } from '../../../control/plan/diff.ts'
import { emptyIntent, type Intent } from '../../../control/plan/intent.ts'

/** The intent after a file with one service was applied. */
function applied(intent: Intent, service: string, keys: string): Intent {
  const text = `services:\n  ${service}: {${keys}}\n`
  const { configuration, faults } = checkConfiguration(text)
  if (faults[0]) throw faults[0].error
  return desired(intent, { configuration, origin: 'file a.yaml', takeOver: false }).after
}

const SIP = 'sched_flags: [sh-port], persistent_s: 60, netmask: 255.0.0.0, engine: sip'
const GUE = 'tunnel gue tunnel-port 6080'

const rows: [service: string, was: string | undefined, now: string, says: string][] = [
  ['udp 192.0.2.1:53', undefined, 'one_packet: true, name: dns', 'wlc, named dns, one_packet true'],
  [
    'udp 192.0.2.1:0',
    undefined,
    `scheduler: sh, ${SIP}`,
    'sh, sched_flags [sh-port], persistent_s 60, netmask 255.0.0.0, engine sip',
  ],
  ['tcp 192.0.2.1:80', '', 'persistent_s: 60', 'persistent_s none to 60'],
  ['tcp 192.0.2.1:80', 'persistent_s: 60', 'persistent_s: 61', 'persistent_s 60 to 61'],
  ['tcp 192.0.2.1:80', 'persistent_s: 60, engine: sip', 'persistent_s: 60', 'engine sip to none'],
  ['fwmark 7', '', 'netmask: 255.255.0.0', 'netmask none to 255.255.0.0'],
  ['fwmark6 7', 'one_packet: true', '', 'one_packet true to none'],
  [
    'fwmark6 7',
    'scheduler: mh, sched_flags: [mh-port]',
    'scheduler: mh, sched_flags: [mh-port, mh-fallback]',
    'sched_flags [mh-port] to [mh-fallback, mh-port]',
  ],
  ['tcp 192.0.2.1:80', '', 'dests: [nat 10.0.0.2 upper 8 lower 6]', 'nat weight 1 upper 8 lower 6'],
  ['tcp 192.0.2.1:80', '', `dests: [tun 10.0.0.2 ${GUE}]`, `tun weight 1 ${GUE}`],
  [
    'tcp 192.0.2.1:80',
    `dests: [tun 10.0.0.2 ${GUE} upper 8]`,
    'dests: [tun 10.0.0.2 tunnel gre upper 9 lower 1]',
    'upper 8 to 9, tunnel gue to gre, tunnel-port 6080 to none, lower none to 1',
  ],
]

for (const [service, was, now, says] of rows)
  test(`diff: ${service} from {${was ?? 'nothing'}} to {${now}}, then ${says}`, t => {
    const before = was === undefined ? emptyIntent() : applied(emptyIntent(), service, was)

    const after = applied(before, service, now)

    t.deepEqual(
      difference(before, after).items.map(({ details }) => details),
      [says],
    )
    t.not(bulkChange(before, after), undefined)
    t.is(bulkChange(after, applied(after, service, now)), undefined)
  })
