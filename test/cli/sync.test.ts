/** `xlvs sync` as a process: daemons are started, shown and stopped, and refused. */
import test from 'ava'
import type { InterfaceView } from '../../control/model/service.ts'
import { syncDaemon } from '../../control/model/sync.ts'
import { serveFake } from '../support/fake_director.ts'
import { xlvs } from '../support/run.ts'

const ETH0: InterfaceView = {
  ...{ name: 'eth0', ifindex: 2, present: true, running: true },
  mode: 'native',
  origin: 'command',
}

test('sync: a master started, shown and stopped, then people and programs are told', async t => {
  const { socket, state } = await serveFake(t, { interfaces: [ETH0] })
  const ask = async (line: string, says = /^$/): Promise<string> => {
    const { status, out, err } = await xlvs(line.split(' '), { socket })
    t.is(status, 0)
    t.regex(err, says)
    return out
  }

  const warned = /^warning: the master sync daemon is not active yet: no connections are shared\n/
  const started = await ask('sync start master eth0 --sync-id 7', warned)
  t.is(started, 'master sync daemon started on eth0\n')
  const shown = await ask('sync show')
  const json = JSON.parse(await ask('sync show --json')) as { daemons: object[] }
  const page = await ask('show')
  const all = JSON.parse(await ask('show --json')) as { daemons: object[] }

  t.regex(shown, /^ROLE .*\nmaster +eth0 +7 +1472 +224\.0\.0\.81 +8848 +1 +not active yet\n/)
  t.like(json.daemons, [{ role: 'master', interface: 'eth0', syncId: 7, maxLen: 1472, ttl: 1 }])
  t.regex(page, /^! the master sync daemon on eth0 is not active yet: /m)
  t.deepEqual(all.daemons, json.daemons)
  t.deepEqual(JSON.parse(await ask('sync stop master --json')), { stopped: 'master' })
  t.deepEqual(state.daemons, {})
  t.is(await ask('sync show'), 'no sync daemons\n')
})

const refused: [line: string, status: number, says: RegExp][] = [
  ['sync start masters eth0', 2, /role masters .*: expected master or backup \(BAD_SYNC\)/],
  ['sync start backup eth/0', 2, /cannot be the name of an interface: .* \(BAD_INTERFACE\)/],
  ['sync start backup', 2, /xlvs sync start needs INTERFACE \(BAD_USAGE\)/],
  ['sync start backup eth9', 1, /there is no interface eth9 \(INTERFACE_MISSING\)/],
  ['sync start master eth0', 1, /runs already \(SYNC_RUNNING\)\n {4}.*xlvs sync stop master/],
  ['sync stop backup', 1, /no backup .* \(SYNC_NOT_RUNNING\)\n {4}.*xlvs sync start backup IFACE/],
  ['sync', 0, /^$/],
]

test('sync: what cannot be, then it is refused in words, with one thing to try', async t => {
  const daemons = { master: syncDaemon('master', { interface: 'eth0' }, 1500) }
  const { socket, state } = await serveFake(t, { interfaces: [ETH0], daemons })

  for (const [line, status, says] of refused) {
    const told = await xlvs(line.split(' '), { socket })
    t.is(told.status, status, line)
    t.regex(told.err, says)
  }
  t.deepEqual(state.daemons, daemons)
})
