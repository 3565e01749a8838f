/**
 * The kernel's place as programs see it: netlink, socket options and files, each a question and its
 * answer. Who carries them here is ../daemon/ipvs_socket.ts. Read next: genl.ts, sockopt.ts.
 */
import type { ConnPage, DirectorApi } from '../daemon/contract.ts'
import { ERRNO_NUMBER } from './abi.ts'
import { answerNetlink } from './genl.ts'
import { PROC_NAMES } from './proc.ts'
import { procPieces } from './proc_files.ts'
import { errnoNumber, refusedWith } from './refused.ts'
import { getOption, setOption } from './sockopt.ts'

export type IpvsQuestion =
  | { kind: 'netlink'; port: number; bytes: Buffer }
  | { kind: 'get' | 'set'; number: number; room: number; bytes: Buffer }
  | { kind: 'file'; bytes: Buffer }
  /** Whether everything that was answered before is on disk. */
  | { kind: 'settle' }

/** `result` is 0 or an errno. */
export interface IpvsAnswer {
  result: number
  bytes: Buffer
  /**
   * What the length of an option's value becomes. Of netlink and of what sets options: 1 while
   * changes that were answered are not on disk.
   */
  room: number
}

export interface IpvsParts {
  director: DirectorApi
  /** Lets others have their turn in a long answer. */
  pause(): Promise<void>
  /** false: there is no such family, so that programs use socket options (tests). */
  hasNetlink?: boolean
}

/** Never rejects: what goes wrong is an errno. */
export async function answerIpvs(parts: IpvsParts, question: IpvsQuestion): Promise<IpvsAnswer> {
  try {
    return await answered(parts, question)
  } catch (error) {
    return { result: errnoNumber(error), bytes: Buffer.alloc(0), room: 0 }
  }
}

async function answered(parts: IpvsParts, question: IpvsQuestion): Promise<IpvsAnswer> {
  const { director, hasNetlink = true } = parts
  const done = (bytes: Buffer = Buffer.alloc(0), room = 0): IpvsAnswer => ({
    result: 0,
    bytes,
    room,
  })
  const changed = (bytes?: Buffer): IpvsAnswer => done(bytes, director.isSettled() ? 0 : 1)
  switch (question.kind) {
    case 'netlink': {
      if (!hasNetlink) return { ...done(), result: ERRNO_NUMBER.ENOENT }
      return changed(framed(await answerNetlink(parts, question.port, question.bytes)))
    }
    case 'set':
      await setOption(director, question.number, question.room, question.bytes)
      return changed()
    case 'get': {
      const { number, room, bytes } = question
      const { value, length } = getOption(director, number, room, bytes)
      return done(value, length)
    }
    case 'settle':
      await director.settled()
      return done()
    case 'file': {
      const name = PROC_NAMES.find(known => known === question.bytes.toString('latin1'))
      if (!name) return { ...done(), result: ERRNO_NUMBER.ENOENT }
      return done(await whole(procPieces(name, readable(parts))))
    }
  }
}

/** Each datagram behind its length. */
function framed(datagrams: readonly Buffer[]): Buffer {
  const framed = Buffer.allocUnsafe(datagrams.reduce((sum, { length }) => sum + 4 + length, 0))
  let at = 0
  for (const datagram of datagrams) {
    at = framed.writeUInt32LE(datagram.length, at)
    framed.set(datagram, at)
    at += datagram.length
  }
  return framed
}

/** Longest file: addon/preload/exchange.c believes in no longer answer. */
const FILE_MAX = 256 * 2 ** 20

/** @throws ENOMEM */
async function whole(pieces: AsyncIterable<string>): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const piece of pieces) {
    const part = Buffer.from(piece)
    parts.push(part)
    length += part.length
    if (length > FILE_MAX) throw refusedWith('ENOMEM')
  }
  return Buffer.concat(parts)
}

/** A director in this process as one at the other end of a socket. */
function readable(parts: IpvsParts): Parameters<typeof procPieces>[1] {
  const { director } = parts
  return {
    services: () => Promise.resolve(director.services()),
    stats: () => Promise.resolve(director.stats()),
    eachConns: async function* () {
      let after: string | undefined
      do {
        const page: ConnPage = await director.conns({ after })
        yield page.conns
        after = page.next
        await parts.pause()
      } while (after !== undefined)
    },
  }
}
