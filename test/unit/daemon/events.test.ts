/** Events: kept, told, missed and streamed, over HTTP as watchers get them. */
import test, { type ExecutionContext } from 'ava'
import Fastify from 'fastify'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDirector } from '../../../control/daemon/client.ts'
import { watchEvents } from '../../../control/daemon/client_events.ts'
import { Events, WATCHERS_MAX } from '../../../control/daemon/events.ts'
import { addEventsRoute } from '../../../control/daemon/events_route.ts'
import { XlvsError } from '../../../control/errors.ts'
import type { LvsEvent } from '../../../control/model/event.ts'

const AT = new Date('2026-11-25T01:02:03.456Z')
const ONE = { kind: 'service-removed', service: 'tcp:192.0.2.1:80' } as const
const RING = 4096

function events(epoch = 'e'): Events {
  return new Events(epoch, () => AT)
}

function heard(of: Events, after?: string): LvsEvent[] {
  const told: LvsEvent[] = []
  of.watch(after, event => told.push(event))
  return told
}

test('events: published, then each watcher is told in order until it ends', t => {
  const all = events()
  const told: LvsEvent[] = []
  const end = all.watch(undefined, event => told.push(event))

  all.publish([ONE, { kind: 'overload', packets: 3 }])
  end()
  all.publish([ONE])

  t.deepEqual(told, [
    { id: 'e-1', at: AT.toISOString(), ...ONE },
    { id: 'e-2', at: AT.toISOString(), kind: 'overload', packets: 3 },
  ])
  t.is(all.lastId, 'e-3')
})

test('events: a watch after an id, then first what came since', t => {
  const all = events()
  for (let i = 0; i < 3; i++) all.publish([ONE])

  t.deepEqual(
    ['e-1', 'e-3', 'e-0'].map(after => heard(all, after).map(({ id }) => id)),
    [['e-2', 'e-3'], [], ['e-1', 'e-2', 'e-3']],
  )
})

for (const after of ['e-4', 'other-1', 'e-', 'nonsense', 'e--1', ''])
  test(`events: a watch after ${JSON.stringify(after)}, which is none of these, then missed`, t => {
    const all = events()
    all.publish([ONE])

    t.like(heard(all, after), [{ id: 'e-1', kind: 'events-missed' }])
    t.is(heard(all, after).length, 1)
  })

test('events: more than are kept, then what is lost is missed and the rest is told', t => {
  const all = events()
  for (let i = 0; i < 3 * RING; i++) all.publish([ONE])

  t.is(heard(all, `e-${2 * RING}`).length, RING)
  t.deepEqual(
    heard(all, `e-${2 * RING - 1}`).map(({ kind }) => kind),
    ['events-missed'],
  )
})

test('events: a thousand changes at once one by one, one more is told as many', t => {
  const all = events()
  const told = heard(all)

  all.publish(Array.from({ length: 1000 }, () => ONE))
  all.publish(Array.from({ length: 1001 }, () => ONE))

  t.is(told.length, 1001)
  t.like(told.at(-1), { kind: 'many-changes', changes: 1001 })
})

test('events: more watchers than there may be, then TOO_MANY_WATCHERS until one ends', t => {
  const all = events()
  const ends = Array.from({ length: WATCHERS_MAX }, () => all.watch(undefined, () => undefined))

  t.throws(() => all.watch(undefined, () => undefined), { code: 'TOO_MANY_WATCHERS' })
  ends[0]?.()
  t.notThrows(() => all.watch(undefined, () => undefined))
})

interface Served {
  socket: string
  all: Events
  close: () => Promise<void>
  log: string[]
}

async function served(t: ExecutionContext, heartbeatMs = 10_000): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-events-'))
  const log: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: line => log.push(line) } } })
  const all = events()
  addEventsRoute(app, all, { heartbeatMs })
  const socket = join(folder, 's')
  await app.listen({ path: socket })
  t.teardown(async () => {
    await app.close()
    await rm(folder, { recursive: true })
  })
  return { socket, all, close: () => app.close(), log }
}

test('events: a client watches, then it has each, and again after the last it knows', async t => {
  const { socket, all } = await served(t)
  all.publish([ONE])
  const client = connectDirector(socket)
  const watch = client.watch({ after: 'e-0' })

  t.like((await watch.next()).value, { id: 'e-1' })
  const next = watch.next()
  all.publish([{ kind: 'overload', packets: 1 }, ONE])
  t.like((await next).value, { id: 'e-2', kind: 'overload' })
  await watch.return(undefined)
  const again = client.watch({ after: 'e-2' })
  t.like((await again.next()).value, { id: 'e-3', kind: 'service-removed' })
  await again.return(undefined)
})

test('events: the daemon ends, then a watcher is told so', async t => {
  const { socket, all, close } = await served(t)
  all.publish([ONE])
  const watch = watchEvents(socket, { after: 'e-0' })
  await watch.next()

  const ended = t.throwsAsync(watch.next(), { instanceOf: XlvsError })
  await close()

  t.is((await ended).code, 'SOCKET_REFUSED')
  t.regex((await ended).message, /has ended the stream/)
})

test('events: a signal, then the watch ends without an error', async t => {
  const { socket, all } = await served(t)
  all.publish([ONE])
  const aborter = new AbortController()
  const watch = watchEvents(socket, { after: 'e-0', signal: aborter.signal })
  await watch.next()

  const last = watch.next()
  aborter.abort()

  t.deepEqual(await last, { value: undefined, done: true })
})

test('events: nothing to tell, heartbeats keep a watcher that bears little silence', async t => {
  const { socket, all } = await served(t, 20)
  const watch = watchEvents(socket, { silenceMs: 2000 })
  const beats = raw(t, socket)

  const next = watch.next()
  await beats.until(/(: alive\n\n){3}/)
  all.publish([ONE])

  t.like((await next).value, { id: 'e-1' })
  await watch.return(undefined)
})

test('events: a daemon that gives no sign of life, then TIMED_OUT', async t => {
  const { socket } = await served(t)
  const watch = watchEvents(socket, { silenceMs: 50 })

  const error = await t.throwsAsync(watch.next(), { instanceOf: XlvsError })

  t.is(error.code, 'TIMED_OUT')
  t.regex(error.message, /no sign of life for 0\.05 s/)
})

test('events: as it is on the wire, then kind, id and data, and first the id alone', async t => {
  const { socket, all } = await served(t)
  const stream = raw(t, socket)
  await stream.until(/\nid: e-0\n\n/)

  all.publish([ONE])

  const event = { id: 'e-1', at: AT.toISOString(), ...ONE }
  const text = `event: service-removed\nid: e-1\ndata: ${JSON.stringify(event)}\n\n`
  const said = await stream.until(/data/)
  t.true(said.includes(text), said)
  t.regex(said, /content-type: text\/event-stream/)
})

test('events: a watcher that does not read, then it is cut off and others go on', async t => {
  const { socket, all, log } = await served(t)
  const slow = connect(socket)
  t.teardown(() => slow.destroy())
  slow.write('GET /v1/events HTTP/1.1\r\nhost: xlvs\r\n\r\n')
  await once(slow, 'readable')
  const good = watchEvents(socket, { after: 'e-0' })
  all.publish([ONE])
  await good.next()

  let told = 0
  while (log.length === 0 && told < 100_000) {
    all.publish(Array.from({ length: 500 }, () => ONE))
    for (let i = 0; i < 500; i++) await good.next()
    told += 500
  }

  t.regex(log.join(''), /read too slowly and was cut off/)
  t.true(told > 1000)
  all.publish([{ kind: 'overload', packets: 1 }])
  t.like((await good.next()).value, { kind: 'overload' })
  await good.return(undefined)
})

/** A watcher without a client: what arrives, as text. */
function raw(t: ExecutionContext, socket: string) {
  const connection = connect(socket)
  t.teardown(() => connection.destroy())
  connection.write('GET /v1/events HTTP/1.1\r\nhost: xlvs\r\n\r\n')
  let said = ''
  connection.on('data', chunk => (said += String(chunk)))
  return {
    until: async (form: RegExp): Promise<string> => {
      const plain = (): string => said.replace(/\r\n[0-9a-f]+\r\n/g, '')
      while (!form.test(plain())) await once(connection, 'data')
      return plain()
    },
  }
}
