/** `xlvs get` and `xlvs set`, and what `xlvs show` says of settings without an effect. */
import test from 'ava'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

test('get: some settings, then values, defaults, origins and effects in a table', async t => {
  const settings = {
    udp_timeout_s: { value: 60, origin: 'file /etc/xlvs/lvs.yaml' as const },
    est_cpulist: { value: '', origin: 'api' as const },
  }
  const { socket } = await serveFake(t, { settings })

  const names = ['conn_reuse_mode', 'udp_timeout_s', 'est_cpulist', 'sync_version', 'udp_timeout_s']
  const { out } = await xlvs(['get', ...names], { socket })

  t.is(
    out,
    `SETTING          VALUE  DEFAULT  ORIGIN              EFFECT
conn_reuse_mode  1      1
udp_timeout_s    60     300      /etc/xlvs/lvs.yaml
est_cpulist      ''     auto     api
sync_version     1      1                            none: connections are not synchronised yet
`,
  )
})

test('get: --json, then each has value, default, origin and whether it is active', async t => {
  const { socket } = await serveFake(t)
  await xlvs(['set', 'sync_threshold=7'], { socket })

  const one = await xlvs(['get', 'sync_threshold', '--json'], { socket })
  const all = await xlvs(['get', '--json'], { socket })

  t.deepEqual(JSON.parse(one.out), {
    sync_threshold: { value: '7 50', default: '3 50', active: false, origin: 'command' },
  })
  t.like(JSON.parse(all.out), {
    tcp_timeout_s: { value: 900, default: 900, active: true },
    lblc_expiration: { value: 86400 },
  })
})

test('set: some at once, then all have their values; default takes one back', async t => {
  const { socket, state } = await serveFake(t)

  const { out, err } = await xlvs(['set', 'udp_timeout_s=60', 'conn_reuse_mode=0'], { socket })
  const back = await xlvs(['set', 'udp_timeout_s=default', '--json'], { socket })

  t.is(out, 'udp_timeout_s is 60\nconn_reuse_mode is 0\n')
  t.is(err, '')
  t.deepEqual(JSON.parse(back.out), { settings: { udp_timeout_s: 300 } })
  t.deepEqual(state.settings, { conn_reuse_mode: { value: 0, origin: 'command' } })
})

const wrong: [words: string[], code: RegExp, hint: RegExp][] = [
  [['pmtu_disc=0', 'conn_reuse_mode=x'], /BAD_SETTING/, /1 is the default/],
  [['pmtu_disc=0', 'conn_reuse_mod=1'], /UNKNOWN_SETTING/, /did you mean conn_reuse_mode\?/],
  [['pmtu_disc=0', 'conn_reuse_mode'], /conn_reuse_mode is not NAME=VALUE \(BAD_USAGE/, /like/],
  [['pmtu_disc=0', 'pmtu_disc=1'], /pmtu_disc is given twice \(BAD_USAGE/, /once/],
  [[], /xlvs set needs SETTING \(BAD_USAGE/, /--help/],
]

for (const [words, code, hint] of wrong)
  test(`set: ${words.join(' ') || 'nothing'}, then it is refused, all or none`, async t => {
    const { socket, state } = await serveFake(t)

    const { status, err } = await xlvs(['set', ...words], { socket })

    t.is(status, 2)
    t.regex(err, code)
    t.regex(err, hint)
    t.deepEqual(state.settings, {})
  })

test('set: what has no effect, then it is kept, a warning says so, and show does', async t => {
  const { socket } = await serveFake(t)

  const before = await xlvs(['show'], { socket })
  const { status, err } = await xlvs(['set', 'sync_version=0', 'sync_ports=1'], { socket })
  const shown = await xlvs(['show'], { socket })

  t.is(status, 0)
  t.is(
    err,
    'warning: sync_version has no effect: connections are not synchronised yet\n' +
      '    xlvs set sync_version=default\n',
  )
  t.notRegex(before.out, /without effect/)
  t.regex(shown.out, /^! set, but without effect: sync_version; see xlvs get$/m)
})
