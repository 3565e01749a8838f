/**
 * What the real xlvsd warns of: filters in front of the companion. A cure is carried out as
 * printed, and the warning is gone. Firewalls: ../unit/dataplane/firewall.test.ts. Read next:
 * ../support/lab.ts.
 */
import type { Warning } from '../../control/model/warning.ts'
import { directorFor, type Lab } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

async function warnings(lab: Lab): Promise<Warning[]> {
  return (JSON.parse(await lab.xlvs('show', '--json')) as { warnings: Warning[] }).warnings
}

privileged('show: a filter before the companion, a warning until its cure is run', async t => {
  const lab = await directorFor(t)
  t.deepEqual(await warnings(lab), [])
  const filter = 'filter add dev c0 ingress pref 9 protocol ip u32 match ip protocol 89 0xff'
  lab.director.run(['tc', ...filter.split(' '), 'flowid', '1:1'])

  const [before, ...more] = await warnings(lab)
  lab.director.run((before?.cure ?? '').split(' '))

  t.like(before, { kind: 'tc-before', cure: 'tc filter del dev c0 ingress pref 9' })
  t.regex(before?.message ?? '', /u32 filter of tc at priority 9 .* c0/)
  t.deepEqual(more, [])
  t.deepEqual(await warnings(lab), [])
})

privileged('daemon: a filter before the companion at its start, a line in its log', async t => {
  const lab = await directorFor(t)
  const filter = 'filter add dev c0 ingress pref 9 protocol ip u32 match ip protocol 89 0xff'
  lab.director.run(['tc', ...filter.split(' '), 'flowid', '1:1'])

  await lab.stopDaemon('SIGTERM')
  await lab.startDaemon()

  const listening = () => lab.log().match(/.*"listening".*\n/gi) ?? []
  // The log is written a little later than it answers.
  await waitFor('both starts to be logged', () => listening().length >= 2)
  t.is(listening().length, 2, listening().join(''))
  const lines = lab
    .log()
    .split('\n')
    .filter(line => line.includes('"tc-before"'))
  t.is(lines.length, 1)
  t.like(JSON.parse(lines[0] ?? '{}'), { kind: 'tc-before', level: 'warn', msg: 'warning' })
})
