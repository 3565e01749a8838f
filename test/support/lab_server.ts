/**
 * A server of the lab: answers HTTP with its name, and echoes UDP with its name in front, on every
 * address it is told. A path that is a number asks for so many bytes, the name first, and is
 * answered when all of the question has come. `node lab_server.ts NAME tcp:10.0.0.2:80
 * udp:[2001:db8::2]:53 ...`; prints one line when all listen. A UDP socket of its own per address,
 * because an answer must come from the address that was asked. Read next: lab_client.ts.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { isIPv6 } from 'node:net'

const [name = '', ...addresses] = process.argv.slice(2)

for (const text of addresses) {
  const [, protocol, address = '', port] = /^(tcp|udp):\[?(.*?)\]?:([0-9]+)$/.exec(text) ?? []
  await (protocol === 'udp' ? echo : serve)(address, Number(port))
}
console.log('listening')

async function serve(address: string, port: number): Promise<void> {
  const server = createServer((request, response) => {
    response.setHeader('x-client', request.socket.remoteAddress ?? '')
    const bytes = Number(request.url?.slice(1))
    request.resume().once('end', () => response.end(name.padEnd(bytes, '.')))
  })
  // A connection kept alive over a restart of the director must not end for another reason.
  server.keepAliveTimeout = 600_000
  server.listen(port, address)
  await once(server, 'listening')
}

async function echo(address: string, port: number): Promise<void> {
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  socket.on('message', (data, peer) => {
    socket.send(`${name} ${data.toString('latin1')}`, peer.port, peer.address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
}
