/** The client: every call arrives, every refusal comes back, silence ends. */
import test, { type ExecutionContext } from 'ava'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDirector } from '../../../control/daemon/client.ts'
import { XlvsError } from '../../../control/errors.ts'
import { conn, dest, service } from '../../support/views.ts'
import { serveFake } from '../../support/fake_director.ts'

const ID = { protocol: 'tcp', address: '192.0.2.1', port: 80 } as const

test('client: every call, then the director has done it', async t => {
  const { socket, state } = await serveFake(t, { conns: [conn()] })
  const client = connectDirector(socket)
  t.teardown(() => {
    client.close()
  })

  await client.addService({ ...ID, scheduler: 'rr' })
  await client.setService({ ...ID, scheduler: 'rr' })
  await client.addDest(ID, { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 1 })
  await client.addDest(ID, { address: '10.0.0.3', port: 80, fwd: 'dr', weight: 1 })
  await client.setDest(ID, { address: '10.0.0.2', port: 80, fwd: 'nat', weight: 7 })
  await client.removeDest(ID, { address: '10.0.0.3', port: 80 })
  await client.zero()
  await client.zero(service())
  await client.attach(['eth0'], 'generic')

  t.deepEqual(await client.services(), [
    service({ origin: 'api', dests: [dest({ weight: 7, origin: 'api' })] }),
  ])
  t.deepEqual(await client.conns(), { conns: [conn()] })
  t.like(await client.interfaces(), [{ name: 'eth0', mode: 'generic' }])
  t.is((await client.stats()).connections[0]?.used, 1)
  t.is((await client.version()).abi, 2)
  await client.detach('eth0')
  await client.removeService(ID)
  await client.addService({ ...ID, scheduler: 'rr' })
  await client.clear()
  t.deepEqual([state.services, state.interfaces], [[], []])
})

test('client: a refusal, then the same code, sentence and hint', async t => {
  const { socket, state } = await serveFake(t)
  state.fails = new XlvsError('JOURNAL_WRITE', 'no space left', 'make room')

  const error = await t.throwsAsync(connectDirector(socket).clear(), { instanceOf: XlvsError })

  t.like(error, { code: 'JOURNAL_WRITE', message: 'no space left', hint: 'make room' })
})

async function folder(t: ExecutionContext): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'xlvs-client-'))
  t.teardown(() => rm(made, { recursive: true }))
  return made
}

/** A server that answers each connection with `text`, or never. */
async function answering(t: ExecutionContext, text?: string): Promise<string> {
  const socket = join(await folder(t), 's')
  const server: Server = createServer(connection => {
    t.teardown(() => connection.destroy())
    if (text !== undefined) connection.once('data', () => connection.end(text))
  })
  t.teardown(() => server.close())
  await new Promise<void>(resolve => server.listen(socket, resolve))
  return socket
}

test('client: no socket, then SOCKET_REFUSED names it and says what to try', async t => {
  const socket = join(await folder(t), 'none')

  const error = await t.throwsAsync(connectDirector(socket).version(), { instanceOf: XlvsError })

  t.is(error.code, 'SOCKET_REFUSED')
  t.true(error.message.includes(socket))
  t.regex(error.hint, /xlvs daemon.*--socket/)
  t.is((error.cause as NodeJS.ErrnoException).code, 'ENOENT')
})

test('client: a path that is no socket or cannot be one, then it says so', async t => {
  const there = await folder(t)
  const file = join(there, 'file')
  await writeFile(file, '')
  const rows: [string, string, RegExp][] = [
    [file, 'SOCKET_REFUSED', /: it is a plain file, not a socket$/],
    [there, 'SOCKET_REFUSED', /: it is a folder, not a socket$/],
    [join(file, 'x'), 'SOCKET_REFUSED', /: there is no such socket$/],
    [`/${'\u00e9'.repeat(53)}`, 'SOCKET_REFUSED', /: there is no such socket$/],
    [`/${'\u00e9'.repeat(53)}a`, 'BAD_USAGE', /the path has 108 bytes, a socket's at most 107$/],
    ['', 'BAD_USAGE', /is empty$/],
  ]

  for (const [path, code, message] of rows) {
    const director = connectDirector(path)
    const calls = [() => director.version(), () => director.watch().next()]
    for (const call of calls) t.like(await t.throwsAsync(call), { code }, path)
    const error = await t.throwsAsync(director.version())
    t.regex(error.message, message)
  }
})

test('client: no answer, then TIMED_OUT after the bound', async t => {
  const socket = await answering(t)

  const error = await t.throwsAsync(connectDirector(socket, 50).version(), {
    instanceOf: XlvsError,
  })

  t.is(error.code, 'TIMED_OUT')
  t.regex(error.message, /within 0.05 s/)
})

for (const text of [
  'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello',
  'HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}',
  'SSH-2.0-OpenSSH\r\n',
  '',
])
  test(`client: ${JSON.stringify(text.slice(0, 40))} answers, then SOCKET_REFUSED`, async t => {
    const socket = await answering(t, text)

    const error = await t.throwsAsync(connectDirector(socket).version(), { instanceOf: XlvsError })

    t.is(error.code, 'SOCKET_REFUSED')
  })

test('client: services by the thousand, all arrive and others are answered meanwhile', async t => {
  const dests = Array.from({ length: 10 }, (_, i) => dest({ address: `10.0.0.${i + 1}` }))
  const services = Array.from({ length: 2000 }, (_, i) => service({ port: 1 + i, dests }))
  const { socket } = await serveFake(t, { services })
  const [one, other] = [connectDirector(socket), connectDirector(socket)]
  t.teardown(() => {
    one.close()
    other.close()
  })
  await other.version()
  const order: string[] = []

  const [all] = await Promise.all([
    one.services().then(found => {
      order.push('services')
      return found
    }),
    other.version().then(() => order.push('version')),
  ])

  t.deepEqual(all, services)
  t.deepEqual(order, ['version', 'services'])
})
