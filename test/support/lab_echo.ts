/**
 * Real sockets of either family, for labs without a director.
 * `node lab_echo.ts serve ADDRESS PORT` echoes TCP and UDP there, and prints a line when it does;
 * `node lab_echo.ts ask tcp|udp ADDRESS PORT BYTES` sends so many bytes and exits 0 when they came
 * back, 1 with a reason when they did not. Read next: ../lab/decap.test.ts.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, isIPv6 } from 'node:net'

/** Longest wait for an answer; those that wait in vain take it all. */
const ANSWER_TIMEOUT_MS = 2000

const [verb, ...words] = process.argv.slice(2)
if (verb === 'serve') await serve(words[0] ?? '', Number(words[1]))
else await ask(words)

async function serve(address: string, port: number): Promise<void> {
  const tcp = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })
  const udp = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  udp.on('message', (data, peer) => {
    udp.send(data, peer.port, peer.address)
  })
  udp.bind(port, address)
  tcp.listen(port, address)
  await Promise.all([once(tcp, 'listening'), once(udp, 'listening')])
  console.log('listening')
}

async function ask([protocol, address = '', port = '', bytes = '']: string[]): Promise<void> {
  const sent = Buffer.alloc(Number(bytes), 'question')
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS)
  try {
    const answer = protocol === 'udp' ? askUdp : askTcp
    const got = await answer(address, Number(port), sent, signal)
    if (!got.equals(sent)) throw new Error(`sent ${sent.length} bytes, got ${got.length} others`)
  } catch (cause) {
    console.log(String(cause))
    process.exit(1)
  }
  process.exit(0)
}

async function askTcp(address: string, port: number, sent: Buffer, signal: AbortSignal) {
  const socket = connect(port, address)
  signal.addEventListener('abort', () => socket.destroy(new Error('no answer')))
  await once(socket, 'connect')
  socket.end(sent)
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

async function askUdp(address: string, port: number, sent: Buffer, signal: AbortSignal) {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.connect(port, address)
  await once(socket, 'connect')
  socket.send(sent)
  const [data] = (await once(socket, 'message', { signal })) as [Buffer]
  return data
}
