/**
 * What a watcher of a real xlvsd is told while an operator and the network change things, and the
 * rates of real traffic. Read next: ../support/lab.ts.
 */
import { watchEvents } from '../../control/daemon/client_events.ts'
import type { LvsEvent } from '../../control/model/event.ts'
import { balance, directorFor, type Lab, METHODS, SERVICES } from '../support/lab.ts'
import { waitFor } from '../support/namespace.ts'
import { privileged } from '../support/privileged.ts'

const [NAT] = METHODS
const NAME = `tcp:${NAT.vip}:80`

interface Watching {
  told: LvsEvent[]
  /** Waits until the last told is as these words say. */
  until(what: string, is: (event: LvsEvent) => boolean): Promise<void>
  ended: Promise<unknown>
}

function watching(lab: Lab, after?: string): Watching {
  const told: LvsEvent[] = []
  const follow = async (): Promise<void> => {
    for await (const event of watchEvents(lab.places.socket, { after })) told.push(event)
  }
  const ended = follow().catch((error: unknown) => error)
  return { told, ended, until: (what, is) => waitFor(what, () => told.some(is)) }
}

privileged('watch: an operator and the network change things, each is told', async t => {
  const lab = await directorFor(t)
  const link = (...words: string[]) => lab.director.run(['ip', 'link', ...words])
  link('add', 'spare', 'up', 'type', 'veth', 'peer', 'name', 'other')
  link('set', 'other', 'up')
  const watcher = watching(lab, 'none-0')
  await watcher.until('the watch to begin', ({ kind }) => kind === 'events-missed')

  await balance(lab, NAT, 'http', [1])
  await watcher.until('the neighbour', e => e.kind === 'next-hop' && e.nextHop === 'resolved')
  lab.director.run(['ip', 'address', 'del', `${NAT.vip}/32`, 'dev', 'c0'])
  await watcher.until('the VIP to go', ({ kind }) => kind === 'vip-not-local')
  lab.director.run(['ip', 'address', 'add', `${NAT.vip}/32`, 'dev', 'c0'])
  await watcher.until('the VIP to come', ({ kind }) => kind === 'vip-local')
  await lab.xlvs('attach', 'spare', '--generic')
  link('set', 'other', 'down')
  await watcher.until('the cable to be pulled', ({ kind }) => kind === 'interface-down')
  link('set', 'other', 'up')
  await watcher.until('the cable to be back', ({ kind }) => kind === 'interface-up')
  link('del', 'spare')
  await watcher.until('the interface to go', ({ kind }) => kind === 'interface-gone')
  await lab.xlvs('zero', NAME)
  await lab.xlvs('service', 'remove', NAME)
  await watcher.until('the end', ({ kind }) => kind === 'service-removed')

  const kinds = watcher.told.map(({ kind }) => kind).filter(kind => kind !== 'next-hop')
  t.deepEqual(kinds, [
    ...(['events-missed', 'service-added', 'dest-added', 'vip-not-local', 'vip-local'] as const),
    ...(['interface-attached', 'interface-down', 'interface-up', 'interface-gone'] as const),
    ...(['counters-zeroed', 'service-removed'] as const),
  ])
  await lab.stopDaemon('SIGTERM')
  t.like(await watcher.ended, { code: 'SOCKET_REFUSED' })
})

privileged('watch: xlvsd is killed and comes back, then events were missed', async t => {
  const lab = await directorFor(t)
  const before = watching(lab)
  await balance(lab, NAT, 'http', [1])
  await before.until('the dest', ({ kind }) => kind === 'dest-added')
  await lab.stopDaemon('SIGKILL')
  t.like(await before.ended, { code: 'SOCKET_REFUSED' })

  await lab.startDaemon()

  const after = watching(lab, before.told.at(-1)?.id)
  await after.until('it to be said', ({ kind }) => kind === 'events-missed')
  t.is(after.told.length, 1)
})

privileged('rates: connections come, then they are shown until the zero', async t => {
  const lab = await directorFor(t)
  await balance(lab, NAT, 'http')
  const rates = async () => (await lab.show())[0]?.rates

  const load = { kind: 'short', address: NAT.vip, port: SERVICES.http.port } as const
  await lab.send({ ...load, count: 300, parallel: 1 }).finished
  await waitFor('a rate', async () => ((await rates())?.conns ?? 0) > 0)

  const shown = await rates()
  t.true((shown?.inPackets ?? 0) > (shown?.conns ?? 0))
  t.true((shown?.inBytes ?? 0) > 40 * (shown?.inPackets ?? 0))
  await lab.xlvs('zero')
  t.deepEqual(await rates(), { conns: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 })
})
