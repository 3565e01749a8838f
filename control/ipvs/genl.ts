/**
 * The kernel's generic-netlink family IPVS, over a director: commands, dumps, acknowledgements and
 * errors as the kernel gives them. A datagram in, datagrams out. Read next: kernel_nouns.ts.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_genl_set_cmd() and below, net/netlink/genetlink.c,
 * af_netlink.c (v6.12), and what Debian's kernel answered.
 */
import type { DirectorApi } from '../daemon/contract.ts'
import type { DestView, ServiceView } from '../model/service.ts'
import {
  COMMAND,
  COMMANDS,
  DAEMON,
  DEST,
  INFO,
  INFO_ANSWER,
  SERVICE,
  TIMEOUTS,
  type CommandWords,
} from './abi.ts'
import { changeIpvs, find, setTimeouts, startSync, stopSync, timeoutsOf } from './change.ts'
import { aligned, attribute, attributes, readAttributes, writeAttributes } from './codec.ts'
import { daemonWords, destWords, serviceIdFrom, serviceWords } from './kernel_nouns.ts'
import { inKernelOrder } from './order.ts'
import { errnoNumber, refusedWith } from './refused.ts'

/** The id that programs are told; addon/preload/netlink.c knows it too. */
export const FAMILY_ID = 0x4956
const FAMILY_NAME = 'IPVS\0'
const FAMILY_VERSION = 1

const CONTROLLER = 0x10
const GETFAMILY = 3
const NEWFAMILY = 1
const CTRL = { id: 1, name: 2, version: 3, header: 4, attributes: 5, operations: 6 } as const
/** The kernel's number of top-level attributes. */
const ATTRIBUTES_MAX = 6

const HEADER = 16
const GENERIC_HEADER = 4
const ERROR = 2
const DONE = 3
const FLAG = { request: 1, multi: 2, ack: 4, dump: 0x300, capped: 0x100 } as const
/** Bytes of a datagram of a dump: what the kernel fills, and every reader has room for. */
const DATAGRAM_MAX = 3776

interface Request {
  type: number
  flags: number
  seq: number
  command: number
  version: number
  /** Everything of it. */
  whole: Buffer
  attributes: Buffer
}

export interface Genl {
  director: DirectorApi
  /** Lets others have their turn in a long dump. */
  pause(): Promise<void>
}

/** A socket has one dump at a time, which only its reader brings to an end. */
interface Turn {
  isDumping: boolean
}

/** The datagrams that answer one, from a socket with that port id. */
export async function answerNetlink(genl: Genl, port: number, bytes: Buffer): Promise<Buffer[]> {
  const answers: Buffer[] = []
  const turn: Turn = { isDumping: false }
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER || at + length > bytes.length) break
    const whole = bytes.subarray(at, at + length)
    answers.push(...(await answerMessage(genl, port, requestIn(whole), turn)))
    at += aligned(length)
  }
  return answers
}

function requestIn(whole: Buffer): Request {
  const isWhole = whole.length >= HEADER + GENERIC_HEADER
  return {
    type: whole.readUInt16LE(4),
    flags: whole.readUInt16LE(6),
    seq: whole.readUInt32LE(8),
    command: isWhole ? whole.readUInt8(HEADER) : 0,
    version: isWhole ? whole.readUInt8(HEADER + 1) : 0,
    whole,
    attributes: whole.subarray(HEADER + GENERIC_HEADER),
  }
}

/** Types below 16 are netlink's own, and requests are marked as such; others are not answered. */
async function answerMessage(
  genl: Genl,
  port: number,
  request: Request,
  turn: Turn,
): Promise<Buffer[]> {
  const { type, flags, whole } = request
  if ((flags & FLAG.request) === 0) return []
  const wantsAck = (flags & FLAG.ack) !== 0
  if (type < CONTROLLER) return wantsAck ? [error(request, port, 0)] : []
  try {
    if (whole.length < HEADER + GENERIC_HEADER) throw refusedWith('EINVAL')
    if (type === CONTROLLER) return acknowledged(request, port, [family(request, port)])
    if (type !== FAMILY_ID) throw refusedWith('ENOENT')
    if ((flags & FLAG.dump) === FLAG.dump) return await dump(genl, port, request, turn)
    return acknowledged(request, port, await carryOut(genl.director, port, request))
  } catch (refusal) {
    return [error(request, port, errnoNumber(refusal))]
  }
}

function acknowledged(request: Request, port: number, answers: Buffer[]): Buffer[] {
  return (request.flags & FLAG.ack) === 0 ? answers : [...answers, error(request, port, 0)]
}

/** The acknowledgement, or why not: then the request follows whole. */
function error({ whole, seq }: Request, port: number, errno: number): Buffer {
  const quoted = errno === 0 ? whole.subarray(0, HEADER) : whole
  const number = Buffer.alloc(4)
  number.writeInt32LE(-errno)
  return message(ERROR, errno === 0 ? FLAG.capped : 0, seq, port, [number, quoted])
}

function message(type: number, flags: number, seq: number, port: number, parts: Buffer[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, HEADER)
  const whole = Buffer.allocUnsafe(aligned(length)).fill(0, length)
  whole.writeUInt32LE(length, 0)
  whole.writeUInt16LE(type, 4)
  whole.writeUInt16LE(flags, 6)
  whole.writeUInt32LE(seq, 8)
  whole.writeUInt32LE(port, 12)
  let at = HEADER
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function answer(request: Request, port: number, command: number, flags: number, body: Buffer) {
  const generic = Buffer.from([command, request.version, 0, 0])
  return message(request.type, flags, request.seq, port, [generic, body])
}

/** Who asks for a family that is not ours has come to the wrong place. */
function family(request: Request, port: number): Buffer {
  const asked = new Map(attributes(request.attributes))
  const [id, name] = [asked.get(CTRL.id), asked.get(CTRL.name)]
  const isOurs =
    name?.toString('latin1') === FAMILY_NAME ||
    (id?.length === 2 && id.readUInt16LE() === FAMILY_ID)
  if (request.command !== GETFAMILY || !isOurs) throw refusedWith('ENOENT')
  const operations = Object.values(COMMANDS).filter(number => number !== COMMANDS.SET_INFO)
  const body = Buffer.concat([
    attribute(CTRL.name, Buffer.from(FAMILY_NAME)),
    attribute(CTRL.id, u16(FAMILY_ID)),
    attribute(CTRL.version, u32(FAMILY_VERSION)),
    attribute(CTRL.header, u32(0)),
    attribute(CTRL.attributes, u32(ATTRIBUTES_MAX)),
    attribute(
      CTRL.operations,
      Buffer.concat(
        operations.map((number, i) =>
          attribute(
            i + 1,
            Buffer.concat([attribute(1, u32(number)), attribute(2, u32(operationFlags(number)))]),
          ),
        ),
      ),
    ),
  ])
  const generic = Buffer.from([NEWFAMILY, 2, 0, 0])
  return message(CONTROLLER, 0, request.seq, port, [generic, body])
}

/** Needs rights 1, can be carried out 2, dumps 4, has attributes that are looked at 8. */
function operationFlags(number: number): number {
  if (number === COMMANDS.GET_SERVICE) return 0xf
  return number === COMMANDS.GET_DEST || number === COMMANDS.GET_DAEMON ? 0xd : 0xb
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** What a command answers before the acknowledgement. @throws KernelError, XlvsError */
async function carryOut(director: DirectorApi, port: number, request: Request): Promise<Buffer[]> {
  const { command } = request
  const words = readAttributes(COMMAND, request.attributes)
  const reply = (as: number, body: Buffer): Buffer[] => [answer(request, port, as, 0, body)]
  switch (command) {
    case COMMANDS.GET_SERVICE: {
      const found = find(director, serviceIdFrom(words.service))
      if (!found) throw refusedWith('ESRCH')
      return reply(COMMANDS.NEW_SERVICE, serviceBody(found))
    }
    case COMMANDS.GET_INFO:
      return reply(COMMANDS.SET_INFO, writeAttributes(INFO, INFO_ANSWER))
    case COMMANDS.GET_CONFIG:
      return reply(COMMANDS.SET_CONFIG, writeAttributes(TIMEOUTS, timeoutsOf(director)))
    case COMMANDS.SET_CONFIG:
      await setTimeouts(director, readAttributes(TIMEOUTS, request.attributes))
      return []
    case COMMANDS.NEW_DAEMON:
      await startSync(director, words.daemon)
      return []
    case COMMANDS.DEL_DAEMON:
      await stopSync(director, words.daemon)
      return []
    default:
      await change(director, command, words)
      return []
  }
}

const CHANGES = {
  [COMMANDS.NEW_SERVICE]: 'addService',
  [COMMANDS.SET_SERVICE]: 'setService',
  [COMMANDS.DEL_SERVICE]: 'removeService',
  [COMMANDS.NEW_DEST]: 'addDest',
  [COMMANDS.SET_DEST]: 'setDest',
  [COMMANDS.DEL_DEST]: 'removeDest',
} as const

async function change(
  director: DirectorApi,
  command: number,
  { service, dest }: Partial<CommandWords>,
): Promise<void> {
  if (command === COMMANDS.FLUSH) return director.clear()
  if (command === COMMANDS.ZERO) {
    if (!service) return director.zero()
    const id = serviceIdFrom(service)
    if (!id) throw refusedWith('ESRCH')
    return director.zero(id)
  }
  const op = (CHANGES as Partial<Record<number, (typeof CHANGES)[keyof typeof CHANGES]>>)[command]
  if (!op) throw refusedWith('EOPNOTSUPP')
  await changeIpvs(director, op, { service, dest })
}

const DUMPS: readonly number[] = [COMMANDS.GET_SERVICE, COMMANDS.GET_DEST, COMMANDS.GET_DAEMON]

/** A dump, which is not acknowledged; a service that is not there has no dests. */
async function dump(genl: Genl, port: number, request: Request, turn: Turn): Promise<Buffer[]> {
  const { director } = genl
  if (!DUMPS.includes(request.command)) throw refusedWith('EOPNOTSUPP')
  if (turn.isDumping) throw refusedWith('EBUSY')
  const pages = new Pages(request, port)
  switch (request.command) {
    case COMMANDS.GET_SERVICE:
      for (const id of inKernelOrder(director.serviceIds())) {
        const service = director.find(id)
        if (service) pages.add(COMMANDS.NEW_SERVICE, serviceBody(service))
        if (pages.isTurn()) await genl.pause()
      }
      break
    case COMMANDS.GET_DEST:
      for (const dest of destsOf(director, request)) {
        pages.add(COMMANDS.NEW_DEST, destBody(dest))
        if (pages.isTurn()) await genl.pause()
      }
      break
    case COMMANDS.GET_DAEMON:
      for (const daemon of director.daemons()) {
        const body = attribute(3, writeAttributes(DAEMON, daemonWords(daemon)))
        pages.add(COMMANDS.NEW_DAEMON, body)
      }
  }
  turn.isDumping = !pages.isEmpty()
  return pages.end()
}

function destsOf(director: DirectorApi, { attributes }: Request): readonly DestView[] {
  try {
    return find(director, serviceIdFrom(readAttributes(COMMAND, attributes).service))?.dests ?? []
  } catch {
    return []
  }
}

function serviceBody(service: ServiceView): Buffer {
  return attribute(1, writeAttributes(SERVICE, serviceWords(service)))
}

function destBody(dest: DestView): Buffer {
  return attribute(2, writeAttributes(DEST, destWords(dest)))
}

/** Messages after which a dump lets others have their turn: some milliseconds. */
const TURN = 500

/** Messages of a dump, as many in a datagram as there is room for, and its end. */
class Pages {
  readonly #request: Request
  readonly #port: number
  readonly #pages: Buffer[] = []
  #page: Buffer[] = []
  #bytes = 0
  #count = 0

  constructor(request: Request, port: number) {
    this.#request = request
    this.#port = port
  }

  add(command: number, body: Buffer): void {
    this.#put(answer(this.#request, this.#port, command, FLAG.multi, body))
  }

  isEmpty(): boolean {
    return this.#count === 0
  }

  isTurn(): boolean {
    return this.#count % TURN === 0
  }

  /** All datagrams. */
  end(): Buffer[] {
    this.#put(message(DONE, FLAG.multi, this.#request.seq, this.#port, [Buffer.alloc(4)]))
    this.#turn()
    return this.#pages
  }

  #put(message: Buffer): void {
    if (this.#bytes + message.length > DATAGRAM_MAX) this.#turn()
    this.#page.push(message)
    this.#bytes += message.length
    this.#count++
  }

  #turn(): void {
    if (this.#page.length > 0) this.#pages.push(Buffer.concat(this.#page))
    this.#page = []
    this.#bytes = 0
  }
}
