/**
 * The netlink family IPVS: what Linux 6.1 answered to ipvsadm (genl_recorded.jsonl: bodies behind
 * the header), byte for byte; and whatever else may come in, which must neither throw nor be
 * believed. Read next: ../../ipvsadm/unmodified.test.ts (the program itself).
 */
import test from 'ava'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readQuestion, replyBytes } from '../../../control/daemon/ipvs_frames.ts'
import { COMMAND, COMMANDS, DEST, SERVICE, type CommandWords } from '../../../control/ipvs/abi.ts'
import {
  attribute,
  readAttributes,
  readStruct,
  writeAttributes,
  writeStruct,
} from '../../../control/ipvs/codec.ts'
import { answerNetlink, FAMILY_ID } from '../../../control/ipvs/genl.ts'
import { procConns } from '../../../control/ipvs/proc.ts'
import { answerIpvs } from '../../../control/ipvs/seat.ts'
import { fakeDirector } from '../../support/fake_director.ts'
import { conn, dest, mark, service } from '../../support/views.ts'

const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const CONTROLLER = 0x10
const PORT = 4711

const recorded = new Map(
  readFileSync(join(import.meta.dirname, 'genl_recorded.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(line => JSON.parse(line) as { what: string; body: string })
    .map(({ what, body }) => [what, body]),
)

/** A request's bytes. */
function request(
  type: number,
  flags: number,
  command: number,
  body: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(20)
  head.writeUInt32LE(20 + body.length, 0)
  head.writeUInt16LE(type, 4)
  head.writeUInt16LE(REQUEST | flags, 6)
  head.writeUInt32LE(1234, 8)
  head.set([command, 1], 16)
  return Buffer.concat([head, body])
}

interface Message {
  type: number
  flags: number
  seq: number
  port: number
  body: Buffer
}

/** The messages of datagrams, each of which must be whole. */
function messagesIn(datagrams: readonly Buffer[]): Message[] {
  return datagrams.flatMap(datagram => {
    const found: Message[] = []
    for (let at = 0; at < datagram.length;) {
      const length = datagram.readUInt32LE(at)
      if (length < 16 || at + length > datagram.length) throw new Error('a message is cut')
      const one = datagram.subarray(at, at + length)
      const [type, flags] = [one.readUInt16LE(4), one.readUInt16LE(6)]
      const [seq, port] = [one.readUInt32LE(8), one.readUInt32LE(12)]
      found.push({ type, flags, seq, port, body: one.subarray(16) })
      at += (length + 3) & ~3
    }
    return found
  })
}

const pause = () => Promise.resolve()

/** With the family's number that the guest's kernel gave, and not ours. */
function hex({ body }: Message): string {
  return body.toString('hex').replace('060001005649', '060001002000')
}

const SERVICES = [
  service({
    ...{ address: '10.0.1.100', scheduler: 'wrr' },
    dests: [dest({ address: '10.0.2.13', weight: 3, fwd: 'dr' })],
  }),
  service({
    ...{ protocol: 'udp', address: '10.0.1.100', port: 53, scheduler: 'wrr' },
    persistentS: 120,
  }),
  service({ address: 'fd01::100', scheduler: 'wlc' }),
  service({ protocol: 'sctp', address: '10.0.1.100', scheduler: 'lc' }),
  mark({
    ...{ mark: 77, scheduler: 'sh', schedFlags: ['flag-1', 'flag-2'] },
    dests: [dest({ address: '10.0.2.11', port: 0, upper: 100, lower: 50 })],
  }),
]

test('genl: services of every kind are dumped, then as Linux 6.1 dumped them', async t => {
  const director = fakeDirector({ services: SERVICES })

  const datagrams = await answerNetlink(
    { director, pause },
    PORT,
    request(FAMILY_ID, ACK | DUMP, COMMANDS.GET_SERVICE),
  )

  const all = messagesIn(datagrams)
  t.deepEqual(
    all.slice(0, -1).map(hex).toSorted(),
    ['tcp', 'udp', 'six', 'sctp', 'mark'].map(what => recorded.get(what)).toSorted(),
  )
  t.like(all.at(-1), { type: 3, flags: 2, seq: 1234, port: PORT, body: Buffer.alloc(4) })
})

test('genl: dests of a mark, family and info are asked for, then as Linux 6.1', async t => {
  const genl = { director: fakeDirector({ services: SERVICES }), pause }
  const id = { service: { family: 2, mark: 77 } }
  const name = attribute(2, Buffer.from('IPVS\0'))

  const dests = await answerNetlink(
    genl,
    PORT,
    request(FAMILY_ID, DUMP, COMMANDS.GET_DEST, writeAttributes(COMMAND, id)),
  )
  const family = await answerNetlink(genl, PORT, request(CONTROLLER, ACK, 3, name))
  const info = await answerNetlink(genl, PORT, request(FAMILY_ID, ACK, COMMANDS.GET_INFO))

  t.is(messagesIn(dests).map(hex)[0], recorded.get('dest'))
  t.is(messagesIn(family).map(hex)[0], recorded.get('family'))
  t.is(messagesIn(info).map(hex)[0], recorded.get('info'))
  t.deepEqual(messagesIn(info)[1]?.body.readInt32LE(0), 0)
})

test('genl: a flags mask that leaves bits out, then those stay as they were', async t => {
  const director = fakeDirector({ services: [service({ onePacket: true, protocol: 'udp' })] })
  const words: Partial<CommandWords> = {
    service: {
      ...{ family: 2, protocol: 17, address: address4(192, 0, 2, 1), port: 80, scheduler: 'rr' },
      ...{ flags: { flags: 8, mask: 9 }, timeout: 0, netmask: address4(255, 255, 255, 255) },
    },
  }

  const body = writeAttributes(COMMAND, words)
  await answerNetlink({ director, pause }, PORT, request(FAMILY_ID, ACK, 2, body))

  t.like(director.state.services[0], { onePacket: true, schedFlags: ['flag-1'] })
})

function address4(...bytes: [number, number, number, number]): Uint8Array {
  return Uint8Array.from(bytes)
}

/** errno of each command with what is missing or wrong in it. */
const REFUSED: [command: number, words: Partial<CommandWords>, errno: number][] = [
  [COMMANDS.NEW_SERVICE, {}, 22],
  [COMMANDS.NEW_SERVICE, { service: { family: 3, mark: 1 } }, 97],
  [COMMANDS.NEW_SERVICE, { service: { family: 2, mark: 1 } }, 22],
  [COMMANDS.DEL_SERVICE, { service: { family: 2, mark: 1 } }, 3],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 1 } }, 3],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 77 } }, 22],
  [COMMANDS.DEL_DEST, { service: { family: 2, mark: 77 }, dest: {} }, 22],
  [COMMANDS.DEL_DEST, { service: { family: 2, mark: 77 }, dest: destId(10, 0, 9, 9) }, 2],
  [COMMANDS.SET_DEST, { service: { family: 2, mark: 77 }, dest: whole({ weight: -1 }) }, 34],
  [COMMANDS.SET_DEST, { service: { family: 2, mark: 77 }, dest: whole({ lower: 2 }) }, 34],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 77 }, dest: whole({}) }, 17],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 77 }, dest: whole({ family: 7 }) }, 97],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 77 }, dest: whole({ family: 10 }) }, 22],
  [COMMANDS.NEW_DEST, { service: { family: 2, mark: 77 }, dest: whole({ tunnelType: 1 }) }, 22],
  [COMMANDS.ZERO, { service: { family: 2, mark: 1 } }, 3],
  [COMMANDS.NEW_DAEMON, { daemon: { state: 1 } }, 22],
  [COMMANDS.DEL_DAEMON, { daemon: { state: 1 } }, 3],
  [COMMANDS.GET_DEST, {}, 95],
  [99, {}, 95],
]

function destId(...bytes: [number, number, number, number]) {
  return { address: address4(...bytes), port: 0 }
}

/** The dest that is there, but for what is given. */
function whole(given: Partial<CommandWords['dest']>) {
  const other = { fwd: 0, weight: 1, upper: 0, lower: 0 }
  return { ...destId(10, 0, 2, 11), ...other, ...given }
}

for (const [command, words, errno] of REFUSED)
  test(`genl: command ${command} of ${JSON.stringify(words)}, then errno ${errno}`, async t => {
    const director = fakeDirector({ services: structuredClone(SERVICES) })
    const asked = request(FAMILY_ID, 0, command, writeAttributes(COMMAND, words))

    const [answer, ...more] = messagesIn(await answerNetlink({ director, pause }, PORT, asked))

    t.deepEqual(more, [])
    t.is(answer?.type, 2)
    t.is(answer?.body.readInt32LE(0), -errno)
    t.deepEqual(answer?.body.subarray(4), asked)
  })

/** Attributes of any kind, nested or not, of any length, cut anywhere. */
const attributes = fc.letrec<{ list: Buffer; one: Buffer }>(tie => ({
  list: fc.array(tie('one'), { maxLength: 6 }).map(all => Buffer.concat(all)),
  one: fc
    .tuple(
      fc.nat({ max: 17 }),
      fc.oneof(
        { maxDepth: 3 },
        fc.uint8Array({ maxLength: 20 }),
        fc.constantFrom(
          ...[
            [2, 0],
            [10, 0],
            [6, 0],
            [77, 0, 0, 0],
            [255, 255, 255, 255],
            [0, 80],
          ].map(bytes => Uint8Array.from(bytes)),
        ),
        tie('list'),
      ),
    )
    .map(([type, value]) => attribute(type, value)),
})).list

const datagram = fc
  .tuple(
    fc.constantFrom(FAMILY_ID, FAMILY_ID, FAMILY_ID, CONTROLLER, 3, 500),
    fc.constantFrom(0, ACK, DUMP, ACK | DUMP, 0xffff),
    fc.nat({ max: 20 }),
    attributes,
    fc.nat({ max: 200 }),
    fc.uint8Array({ maxLength: 3 }),
  )
  .map(([type, flags, command, body, cut, noise]) => {
    const bytes = Buffer.from(request(type, flags, command, body))
    noise.forEach((byte, i) => {
      bytes[(byte * 7 + i) % bytes.length] = byte
    })
    return bytes.subarray(0, Math.max(0, bytes.length - (cut > 150 ? cut - 150 : 0)))
  })

test('genl: any bytes, then whole messages to whom they came from, or none', async t => {
  await fc.assert(
    fc.asyncProperty(fc.oneof(datagram, fc.uint8Array({ maxLength: 300 })), async bytes => {
      const director = fakeDirector({ services: structuredClone(SERVICES) })
      const answers = await answerNetlink({ director, pause }, PORT, Buffer.from(bytes))
      for (const { port } of messagesIn(answers)) t.is(port, PORT)
    }),
    { numRuns: 2000 },
  )
})

test('genl: a second dump in a datagram, it is refused with EBUSY', async t => {
  const both = [COMMANDS.GET_SERVICE, COMMANDS.GET_SERVICE].map(command =>
    request(FAMILY_ID, DUMP, command),
  )
  const asked = Buffer.concat(both)

  const [many, none] = await Promise.all(
    [SERVICES, []].map(async services => {
      const director = fakeDirector({ services })
      return messagesIn(await answerNetlink({ director, pause }, PORT, asked))
    }),
  )

  t.is(many?.length, SERVICES.length + 2)
  t.is(many?.at(-1)?.body.readInt32LE(0), -16)
  t.deepEqual(
    none?.map(({ type }) => type),
    [3, 3],
  )
})

test('seat: a file of many connections, others have their turn after each page', async t => {
  const conns = Array.from({ length: 2500 }, (_, i) => conn({ expiresS: i }))
  const director = fakeDirector({ conns })
  let turns = 0
  const counted = () => {
    turns++
    return Promise.resolve()
  }

  const { result, bytes } = await answerIpvs(
    { director, pause: counted },
    { kind: 'file', bytes: Buffer.from('ip_vs_conn') },
  )

  t.is(result, 0)
  t.is(bytes.toString(), procConns(conns))
  t.true(turns >= 3)
})

test('seat: any option, file or message, then an answer and never an exception', async t => {
  const question = fc.oneof(
    fc.record({
      kind: fc.constantFrom('get' as const, 'set' as const),
      number: fc.integer({ min: 1150, max: 1170 }),
      room: fc.oneof(fc.constantFrom(0, 12, 24, 44, 48, 64, 68, 104), fc.nat()),
      bytes: fc.uint8Array({ maxLength: 128 }).map(bytes => Buffer.from(bytes)),
    }),
    fc.record({
      kind: fc.constant('file' as const),
      bytes: fc.oneof(fc.string(), fc.constant('ip_vs_stats')).map(text => Buffer.from(text)),
    }),
  )

  await fc.assert(
    fc.asyncProperty(question, async asked => {
      const director = fakeDirector({ services: structuredClone(SERVICES) })
      const { result, bytes, room } = await answerIpvs({ director, pause }, asked)
      t.true(result >= 0 && result < 200)
      if (asked.kind === 'get' && result === 0) t.true(bytes.length <= Math.max(asked.room, 64))
      t.true(Number.isInteger(room))
    }),
    { numRuns: 2000 },
  )
})

test('frames: any bytes, then a question, more to come or garbage', t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.boolean(), (noise, isOurs) => {
      const bytes = Buffer.from(noise)
      if (isOurs && bytes.length >= 8) bytes.set([0x58, 0x4c, 0x56, 0x31, 1, 0, 0, 0])
      const found = readQuestion(bytes)
      if (found !== undefined && found !== 'garbage' && found.question.kind !== 'settle')
        t.true(found.question.bytes.length <= 20)
    }),
  )
  t.is(readQuestion(Buffer.alloc(40)), 'garbage')
  t.is(replyBytes(undefined).readInt32LE(4), -1)
})

test('codec: attributes and structures written and read again, then the same', t => {
  const u32 = fc.nat({ max: 0xffffffff })
  const words = fc.record({
    ...{ protocol: fc.nat({ max: 255 }), port: fc.nat({ max: 65535 }), mark: u32, timeout: u32 },
    scheduler: fc.stringMatching(/^[a-z]{0,15}$/),
    flags: u32.map(flags => ({ flags, mask: 0xffffffff })),
    address: fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytes => {
      const whole = new Uint8Array(16)
      whole.set(bytes)
      return whole
    }),
    netmask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  })

  fc.assert(
    fc.property(words, given => {
      t.deepEqual(readAttributes(SERVICE, writeAttributes(SERVICE, given)), given)
      t.deepEqual(readStruct(SERVICE, writeStruct(SERVICE, given, 44)), given)
    }),
  )
  t.deepEqual(readStruct(DEST, writeStruct(DEST, { weight: 2147483647, upper: 5 }, 24)).upper, 5)
})
