/**
 * The socket where programs that were made for the kernel's IPVS find it, through the preloaded
 * library: one question and its answer a connection. Read next: ipvs_frames.ts, ../ipvs/seat.ts.
 */
import { statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { answerIpvs, type IpvsParts } from '../ipvs/seat.ts'
import { QUESTION_MAX, readQuestion, replyBytes, type Asked, type Netns } from './ipvs_frames.ts'

/** Connections at the same time; programs have one each, for as long as a question takes. */
const CONNECTIONS_MAX = 1024
/** For a client to send its question whole, and to take its answer. */
const PATIENCE_MS = 10_000

/** The network namespace of this process. */
export function ownNetns(): Netns {
  const { dev, ino } = statSync('/proc/self/ns/net', { bigint: true })
  return { dev, ino }
}

/** A server of those questions, for the caller to listen() with; other namespaces' it passes on. */
export function ipvsServer(parts: IpvsParts, netns: Netns): Server {
  const server = createServer(socket => {
    socket.setTimeout(PATIENCE_MS, () => {
      socket.destroy()
    })
    socket.on('error', () => {
      socket.destroy()
    })
    // Who has not asked yet does not keep a daemon that is to end.
    socket.unref()
    receive(socket, asked => {
      socket.ref()
      const isMine = asked.netns.dev === netns.dev && asked.netns.ino === netns.ino
      const answer = isMine ? answerIpvs(parts, asked.question) : Promise.resolve(undefined)
      socket.setTimeout(0)
      void answer.then(answer => {
        socket.setTimeout(PATIENCE_MS)
        socket.end(replyBytes(answer))
      })
    })
  })
  server.maxConnections = CONNECTIONS_MAX
  return server
}

/** Calls back once, with a whole question; whoever sends something else is hung up on. */
function receive(socket: Socket, asked: (asked: Asked) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  socket.on('data', chunk => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const question = bytes.length > QUESTION_MAX ? 'garbage' : readQuestion(bytes)
    if (question === undefined) return
    if (question === 'garbage') {
      socket.destroy()
      return
    }
    socket.removeAllListeners('data')
    asked(question)
  })
}
