/**
 * Questions of the preloaded library as bytes, and answers. What comes in may be anything, so every
 * length is bounded before it is believed. The other end is addon/preload/exchange.h. Pure.
 * Read next: ipvs_socket.ts.
 */
import type { IpvsAnswer, IpvsQuestion } from '../ipvs/seat.ts'

/** XLV1 */
const MAGIC = 0x31564c58
const HEAD = 40
const REPLY_HEAD = 16
/** Longest question: the library cuts a message off there, too. */
export const QUESTION_MAX = HEAD + 65536
/** The socket is of a network namespace that this director has nothing to do with. */
const NOT_MINE = -1
/** We hang up, and have not looked at whatever question may be under way. */
const GOODBYE = -2

const KINDS = { 1: 'netlink', 2: 'get', 3: 'set', 4: 'file', 5: 'settle' } as const

/** A network namespace, as stat() names it. */
export interface Netns {
  dev: bigint
  ino: bigint
}

export interface Asked {
  netns: Netns
  question: IpvsQuestion
}

/** The question that these bytes are; undefined: it is not whole yet; 'garbage': it is none. */
export function readQuestion(bytes: Buffer): Asked | 'garbage' | undefined {
  if (bytes.length < 4) return undefined
  if (bytes.readUInt32LE(0) !== MAGIC) return 'garbage'
  if (bytes.length < HEAD) return undefined
  const kind = (KINDS as Partial<Record<number, IpvsQuestion['kind']>>)[bytes.readUInt32LE(4)]
  const length = bytes.readUInt32LE(32)
  if (!kind || HEAD + length > QUESTION_MAX || bytes.length > HEAD + length) return 'garbage'
  if (bytes.length < HEAD + length) return undefined
  const netns = { dev: bytes.readBigUInt64LE(8), ino: bytes.readBigUInt64LE(16) }
  const [number, room] = [bytes.readUInt32LE(24), bytes.readUInt32LE(28)]
  return { netns, question: questionOf(kind, number, room, bytes.subarray(HEAD)) }
}

function questionOf(
  kind: IpvsQuestion['kind'],
  number: number,
  room: number,
  bytes: Buffer,
): IpvsQuestion {
  switch (kind) {
    case 'netlink':
      return { kind, port: number, bytes }
    case 'get':
    case 'set':
      return { kind, number, room, bytes }
    case 'file':
      return { kind, bytes }
    case 'settle':
      return { kind }
  }
}

/** An answer as bytes; undefined: that it is for the kernel to give. */
export function replyBytes(answer: IpvsAnswer | undefined): Buffer {
  return bytesOf(answer ?? { result: NOT_MINE, bytes: Buffer.alloc(0), room: 0 })
}

export function goodbyeBytes(): Buffer {
  return bytesOf({ result: GOODBYE, bytes: Buffer.alloc(0), room: 0 })
}

function bytesOf({ result, bytes, room }: IpvsAnswer): Buffer {
  const reply = Buffer.allocUnsafe(REPLY_HEAD + bytes.length)
  reply.writeUInt32LE(MAGIC, 0)
  reply.writeInt32LE(result, 4)
  reply.writeUInt32LE(bytes.length, 8)
  reply.writeUInt32LE(room, 12)
  reply.set(bytes, REPLY_HEAD)
  return reply
}
