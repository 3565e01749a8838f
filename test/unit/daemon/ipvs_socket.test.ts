/** The socket of programs made for IPVS: who is answered, and who is hung up on. */
import test, { type ExecutionContext } from 'ava'
import { once } from 'node:events'
import { connect } from 'node:net'
import { ipvsSocketOf } from '../../../control/daemon/options.ts'
import { serveFake, serveIpvs } from '../../support/fake_director.ts'

/** Of an answer. */
const HEAD = 16
const NETNS = { dev: 4n, ino: 4026531840n }

async function serve(t: ExecutionContext): Promise<string> {
  const { socket, director } = await serveFake(t)
  return serveIpvs(t, director, socket, { netns: NETNS })
}

/** A question for the file ip_vs, from that namespace. */
function question(netns = NETNS): Buffer {
  const name = Buffer.from('ip_vs')
  const head = Buffer.alloc(40)
  head.writeUInt32LE(0x31564c58, 0)
  head.writeUInt32LE(4, 4)
  head.writeBigUInt64LE(netns.dev, 8)
  head.writeBigUInt64LE(netns.ino, 16)
  head.writeUInt32LE(name.length, 32)
  return Buffer.concat([head, name])
}

/** All that comes back until the answer is whole, or the connection ends. */
async function exchange(socket: string, parts: readonly Buffer[]): Promise<Buffer> {
  const connection = connect(socket)
  const chunks: Buffer[] = []
  connection.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    const all = Buffer.concat(chunks)
    if (all.length >= HEAD && all.length >= HEAD + all.readUInt32LE(8)) connection.end()
  })
  connection.on('error', () => undefined)
  for (const part of parts) connection.write(part)
  await once(connection, 'close')
  return Buffer.concat(chunks)
}

test('ipvs socket: beside the socket of the API, then with a name of its own', t => {
  t.is(ipvsSocketOf('/run/xlvs/xlvs.sock'), '/run/xlvs/xlvs-ipvs.sock')
  t.is(ipvsSocketOf('/tmp/a'), '/tmp/a-ipvs.sock')
})

test('ipvs socket: a question in pieces, then its answer', async t => {
  const whole = question()
  const pieces = [whole.subarray(0, 3), whole.subarray(3, 41), whole.subarray(41)]

  const answer = await exchange(await serve(t), pieces)

  t.is(answer.readInt32LE(4), 0)
  t.regex(answer.toString('latin1', 16), /^IP Virtual Server version/)
})

test('ipvs socket: a question of another namespace, then it is left to the kernel', async t => {
  const answer = await exchange(await serve(t), [question({ ...NETNS, ino: 7n })])

  t.is(answer.readInt32LE(4), -1)
  t.is(answer.length, 16)
})

const GARBAGE: [what: string, bytes: Buffer][] = [
  ['another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a kind that there is not', spoiled(bytes => bytes.writeUInt32LE(9, 4))],
  ['a length beyond the bounds', spoiled(bytes => bytes.writeUInt32LE(0xffffffff, 32))],
  ['more than it says', Buffer.concat([question(), Buffer.from('x')])],
]

function spoiled(change: (bytes: Buffer) => void): Buffer {
  const bytes = question()
  change(bytes)
  return bytes
}

for (const [what, bytes] of GARBAGE)
  test(`ipvs socket: ${what}, then it is hung up on and others are answered`, async t => {
    const socket = await serve(t)

    const answer = await exchange(socket, [bytes])

    t.is(answer.length, 0)
    t.is((await exchange(socket, [question()])).readInt32LE(4), 0)
  })
