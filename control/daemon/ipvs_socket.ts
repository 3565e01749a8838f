/**
 * The socket where programs that were made for the kernel's IPVS find it, through the preloaded
 * library: a question, its answer, the next question. Threads of programs keep their connections,
 * so when there are too many, who was not heard of for longest is told to come again.
 * Read next: ipvs_frames.ts, ../ipvs/seat.ts.
 */
import { statSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { answerIpvs, type IpvsParts } from '../ipvs/seat.ts'
import {
  goodbyeBytes,
  QUESTION_MAX,
  readQuestion,
  replyBytes,
  type Asked,
  type Netns,
} from './ipvs_frames.ts'

/** Connections at the same time: programs have one a thread. */
const CONNECTIONS_MAX = 1024
/** For a client to send a question whole, and to take its answer. */
const PATIENCE_MS = 10_000

export interface IpvsLimits {
  connections: number
  patienceMs: number
}

const LIMITS: IpvsLimits = { connections: CONNECTIONS_MAX, patienceMs: PATIENCE_MS }

/** The network namespace of this process. */
export function ownNetns(): Netns {
  const { dev, ino } = statSync('/proc/self/ns/net', { bigint: true })
  return { dev, ino }
}

/** A server of those questions, for the caller to listen() with; other namespaces' it passes on. */
export function ipvsServer(parts: IpvsParts, netns: Netns, limits = LIMITS): Server {
  /** Those who are not being answered, the longest idle first. */
  const idle = new Set<Client>()
  let count = 0
  return createServer(socket => {
    if (count >= limits.connections && !hangUpOnOne(idle)) {
      socket.destroy()
      return
    }
    count++
    const client = new Client(socket, limits.patienceMs, {
      idle: () => idle.add(client),
      asked: async asked => {
        idle.delete(client)
        const isMine = asked.netns.dev === netns.dev && asked.netns.ino === netns.ino
        if (!isMine && asked.question.kind !== 'settle') return replyBytes(undefined)
        return replyBytes(await answerIpvs(parts, asked.question))
      },
      gone: () => {
        idle.delete(client)
        count--
      },
    })
    idle.add(client)
  })
}

function hangUpOnOne(idle: ReadonlySet<Client>): boolean {
  const [longest] = idle
  longest?.hangUp()
  return longest !== undefined
}

interface Heard {
  /** It has its answer. */
  idle(): void
  /** Never rejects. */
  asked(asked: Asked): Promise<Buffer>
  /** Once. */
  gone(): void
}

/** One connection. */
class Client {
  readonly #socket: Socket
  readonly #patienceMs: number
  readonly #heard: Heard
  #bytes: Buffer | undefined
  #isAnswered = false
  #isGone = false
  /** Runs while a question is not whole, or an answer is not taken, however it drips. */
  #patience: NodeJS.Timeout | undefined

  constructor(socket: Socket, patienceMs: number, heard: Heard) {
    this.#socket = socket
    this.#patienceMs = patienceMs
    this.#heard = heard
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#leave()
    })
    socket.on('data', chunk => {
      this.#take(chunk)
    })
    // Who does not ask does not keep a daemon that is to end.
    socket.unref()
    this.#wait()
  }

  /** It is told that nothing it may be sending has been looked at. */
  hangUp(): void {
    this.#leave()
    this.#socket.end(goodbyeBytes(), () => this.#socket.destroy())
  }

  #leave(): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#patience)
    this.#heard.gone()
  }

  /** Whoever sends something else than a question, or a second one unanswered, is hung up on. */
  #take(chunk: Buffer): void {
    if (this.#isGone) return
    const bytes = this.#bytes ? Buffer.concat([this.#bytes, chunk]) : chunk
    const asked = this.#isAnswered || bytes.length > QUESTION_MAX ? 'garbage' : readQuestion(bytes)
    if (asked === 'garbage') this.#socket.destroy()
    else if (asked === undefined) {
      this.#bytes = bytes
      if (!this.#patience) this.#wait()
    } else {
      this.#bytes = undefined
      void this.#answer(asked)
    }
  }

  async #answer(asked: Asked): Promise<void> {
    clearTimeout(this.#patience)
    this.#patience = undefined
    this.#isAnswered = true
    this.#socket.ref()
    const reply = await this.#heard.asked(asked)
    this.#isAnswered = false
    if (this.#isGone) return
    if (this.#socket.write(reply)) this.#rest()
    else {
      this.#wait()
      this.#socket.once('drain', () => {
        this.#rest()
      })
    }
  }

  #rest(): void {
    if (this.#isGone) return
    clearTimeout(this.#patience)
    this.#patience = undefined
    this.#socket.unref()
    this.#heard.idle()
  }

  #wait(): void {
    this.#patience = setTimeout(() => this.#socket.destroy(), this.#patienceMs).unref()
  }
}
