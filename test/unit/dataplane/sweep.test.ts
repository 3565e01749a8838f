/** The sweep over a made-up table, against a plain judgement of each connection. */
import test from 'ava'
import fc from 'fast-check'
import type { BpfMap } from '../../../addon/index.ts'
import {
  CONN4,
  DEST_CONNS,
  LIFE,
  LIMIT,
  SLOT_WORD,
  readConn4,
  readDestConns,
  writeConn4,
  writeDestConns,
} from '../../../control/abi/maps.gen.ts'
import { repair, sweep, type SweepTables } from '../../../control/dataplane/sweep.ts'

const SLOTS = 64
const DESTS = 4
/** The sweep takes what has been overdue for this many ticks. */
const MARGIN = 2
const BUCKET = SLOT_WORD.BUCKET_OVERFLOW

interface Made {
  isNat: boolean
  isActive: boolean
  dest: number
  /** Ticks from now to the deadlines of the request and the reply. */
  request: number
  reply: number
  bucket: boolean
}

const near = fc.oneof(fc.integer({ min: -4, max: 4 }), fc.integer({ min: -90000, max: 90000 }))
const made: fc.Arbitrary<Made> = fc.record({
  isNat: fc.boolean(),
  isActive: fc.boolean(),
  dest: fc.nat(DESTS - 1),
  request: near,
  reply: near,
  bucket: fc.boolean(),
})

interface World {
  tables: SweepTables
  stash: Map<string, number>
  grace: number
}

function emptyWorld(): World {
  const stash = new Map<string, number>()
  const name = (key: Uint8Array): string => Buffer.from(key).toString('hex')
  const map = {
    lookup: (key: Uint8Array) => {
      const slot = stash.get(name(key))
      return slot === undefined ? undefined : new Uint8Array(new Uint32Array([slot]).buffer)
    },
    delete: (key: Uint8Array) => stash.delete(name(key)),
  }
  const world: World = {
    stash,
    grace: 0,
    tables: {
      conns: new ArrayBuffer(SLOTS * CONN4.size),
      destConns: new ArrayBuffer(DESTS * DEST_CONNS.size),
      stash: map as unknown as BpfMap,
      stashFirst: SLOTS,
      gracePeriod: () => world.grace++,
    },
  }
  return world
}

/** Puts a connection into slot `at`, and its reply into the next. */
function put(world: World, at: number, c: Made, now: number): void {
  const { conns, destConns } = world.tables
  const flags = (reply: boolean): number =>
    (reply ? SLOT_WORD.CONN_REPLY : 0) |
    (!reply && !c.isActive ? SLOT_WORD.CONN_INACTIVE : 0) |
    (c.bucket ? BUCKET : 0)
  const slot = (index: number, reply: boolean, deadline: number, partner: number): void => {
    writeConn4(new DataView(conns), index * CONN4.size, {
      word:
        BigInt(LIFE.LIFE_VALID) |
        (BigInt(flags(reply)) << BigInt(SLOT_WORD.WORD_FLAGS_SHIFT)) |
        (BigInt(c.dest) << BigInt(SLOT_WORD.WORD_DEST_SHIFT)),
      caddr: 0x0a000000 + at,
      oaddr: reply ? 2 : 1,
      cport: 1000,
      oport: 80,
      protocol: 6,
      state: 0,
      nexthop: 0,
      deadline: (now + deadline) >>> 0,
      partner,
    })
  }
  slot(at, false, c.request, c.isNat ? at + 1 : LIMIT.NONE)
  if (c.isNat) slot(at + 1, true, c.reply, at)
  count(destConns, c, 1)
}

function count(destConns: ArrayBuffer, c: Made, by: number): void {
  const v = new DataView(destConns)
  const row = readDestConns(v, c.dest * DEST_CONNS.size)
  writeDestConns(v, c.dest * DEST_CONNS.size, {
    active: (row.active + (c.isActive ? by : 0)) >>> 0,
    inactive: (row.inactive + (c.isActive ? 0 : by)) >>> 0,
  })
}

function isOverdue(c: Made): boolean {
  return (c.isNat ? Math.max(c.request, c.reply) : c.request) < -MARGIN
}

const conns = fc.array(made, { maxLength: SLOTS / 2 })
const moment = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
)

test('sweep: any table at any time, exactly the overdue go and their counts with them', t => {
  fc.assert(
    fc.property(conns, moment, (all, now) => {
      const world = emptyWorld()
      const expected = emptyWorld()
      all.forEach((c, i) => {
        put(world, 2 * i, c, now)
        if (!isOverdue(c)) put(expected, 2 * i, c, now)
      })
      const overdue = all.filter(isOverdue)

      const result = sweep(world.tables, now)

      const left = all.filter(c => !isOverdue(c))
      t.is(result.expired, overdue.length)
      t.is(result.used, left.length + left.filter(c => c.isNat).length)
      t.is(world.grace, overdue.length > 0 ? 1 : 0)
      t.deepEqual(world.tables.destConns, expected.tables.destConns)
      all.forEach((c, i) => {
        const { word } = readConn4(new DataView(world.tables.conns), 2 * i * CONN4.size)
        const bits = BigInt(c.bucket ? BUCKET << SLOT_WORD.WORD_FLAGS_SHIFT : 0)
        if (isOverdue(c)) t.is(word, bits)
        else t.is(Number(word & 255n), LIFE.LIFE_VALID)
      })
    }),
  )
})

test('sweep: done twice, the second finds nothing', t => {
  fc.assert(
    fc.property(conns, moment, (all, now) => {
      const world = emptyWorld()
      all.forEach((c, i) => {
        put(world, 2 * i, c, now)
      })
      const first = sweep(world.tables, now)

      const second = sweep(world.tables, now)

      t.deepEqual(second, { expired: 0, used: first.used })
    }),
  )
})

test('repair: any table without a crash, nothing is touched', t => {
  fc.assert(
    fc.property(conns, all => {
      const world = emptyWorld()
      all.forEach((c, i) => {
        put(world, 2 * i, c, 1000)
      })
      const before = Buffer.from(world.tables.conns.slice(0))

      t.is(repair(world.tables), 0)
      t.deepEqual(Buffer.from(world.tables.conns), before)
    }),
  )
})
