/**
 * A client of the lab that is asked again and again: a line of standard input is
 * `PROTOCOL ADDRESS PORT COUNT`, one of standard output the answers of so many requests, as JSON:
 * names of who answered, with how many; '' is for those that nobody did, in time. Each request is a
 * connection of its own. Read next: keepalived.ts.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { isIPv6 } from 'node:net'
import { createInterface } from 'node:readline'

/** An answer takes milliseconds; a lost first packet of TCP is sent again after a second. */
const ANSWER_MS = 2500
const PARALLEL = 4

for await (const line of createInterface({ input: process.stdin })) {
  const [protocol = '', address = '', port = '', count = ''] = line.split(' ')
  const names: Record<string, number> = {}
  let left = Number(count)
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const name = await (protocol === 'udp' ? askUdp : askHttp)(address, Number(port)).catch(
        () => '',
      )
      names[name] = (names[name] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, work))
  console.log(JSON.stringify(names))
}

async function askHttp(host: string, port: number): Promise<string> {
  const agent = new Agent({ keepAlive: false })
  const signal = AbortSignal.timeout(ANSWER_MS)
  const asked = request({ host, port, agent, signal })
  asked.end()
  const [response] = (await once(asked, 'response')) as [AsyncIterable<Buffer>]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function askUdp(address: string, port: number): Promise<string> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  try {
    socket.send('hello', port, address)
    const signal = AbortSignal.timeout(ANSWER_MS)
    const [data] = (await once(socket, 'message', { signal })) as [Buffer]
    return data.toString().split(' ')[0] ?? ''
  } finally {
    socket.close()
  }
}
