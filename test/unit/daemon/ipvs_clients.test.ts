/** Who may keep a connection to the socket for programs, and for how long. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { DirectorApi } from '../../../control/daemon/contract.ts'
import { ipvsServer, ownNetns, type IpvsLimits } from '../../../control/daemon/ipvs_socket.ts'
import { fakeDirector } from '../../support/fake_director.ts'

const HEAD = 40
const MAGIC = 0x31564c58
const SETTLE = 5
const LENGTH_AT = 32
const GOODBYE = -2

async function served(
  t: ExecutionContext,
  limits: Partial<IpvsLimits>,
  director: DirectorApi = fakeDirector(),
): Promise<() => Promise<Socket>> {
  const folder = mkdtempSync(join(tmpdir(), 'xlvs-ipvs-'))
  const parts = { director, pause: () => Promise.resolve() }
  const all = { connections: 8, patienceMs: 60_000, ...limits }
  const server = ipvsServer(parts, ownNetns(), all).listen(join(folder, 's'))
  await once(server, 'listening')
  const sockets: Socket[] = []
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return async () => {
    const socket = connect(join(folder, 's'))
    sockets.push(socket)
    await once(socket, 'connect')
    return socket
  }
}

/** Whether everything is on disk: a question without a namespace. */
function question(): Buffer {
  const bytes = Buffer.alloc(HEAD)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt32LE(SETTLE, 4)
  return bytes
}

/** The result in the next answer. */
async function resultOf(socket: Socket): Promise<number> {
  const [bytes] = (await once(socket, 'data')) as [Buffer]
  return bytes.readInt32LE(4)
}

async function ask(socket: Socket): Promise<number> {
  socket.write(question())
  return resultOf(socket)
}

test('ipvs clients: one question after the other, then each is answered', async t => {
  const open = await served(t, {})
  const socket = await open()

  t.deepEqual([await ask(socket), await ask(socket)], [0, 0])
})

test('ipvs clients: a client that drips, then it is hung up on all the same', async t => {
  const open = await served(t, { patienceMs: 100 })
  const socket = await open()
  const head = question()
  head.writeUInt32LE(60_000, LENGTH_AT)
  socket.write(head)
  const drip = setInterval(() => socket.write('x'), 10)
  socket.on('error', () => undefined)
  const closed = Promise.withResolvers<undefined>()
  socket.on('close', () => {
    closed.resolve(undefined)
  })

  await closed.promise

  clearInterval(drip)
  t.pass()
})

test('ipvs clients: a client with its answer, then it may be silent', async t => {
  const open = await served(t, { patienceMs: 3000 })
  const [idle, silent] = [await open(), await open()]
  await ask(idle)

  await once(silent, 'close')

  t.is(await ask(idle), 0)
})

test('ipvs clients: too many clients, then the longest silent is told to go', async t => {
  const open = await served(t, { connections: 2 })
  const [first, second] = [await open(), await open()]
  await ask(second)
  await ask(first)
  const told = resultOf(second)

  const third = await open()

  t.is(await told, GOODBYE)
  await once(second, 'close')
  t.deepEqual([await ask(first), await ask(third)], [0, 0])
})

test('ipvs clients: all are being answered, then one more is hung up on', async t => {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const asked = Promise.withResolvers<undefined>()
  const settled = () => {
    asked.resolve(undefined)
    return promise
  }
  const director = { ...fakeDirector(), settled }
  const open = await served(t, { connections: 1 }, director)
  const first = await open()
  const answer = ask(first)
  await asked.promise

  await once(await open(), 'close')

  resolve(undefined)
  t.is(await answer, 0)
})

test('ipvs clients: a second question before an answer, then it is hung up on', async t => {
  const open = await served(t, {})
  const socket = await open()

  socket.write(Buffer.concat([question(), question()]))

  await once(socket, 'close')
  t.pass()
})
