/** The sweep over a made-up table, against a plain judgement of each connection. */
import test from 'ava'
import fc from 'fast-check'
import type { BpfMap } from '../../../addon/index.ts'
import {
  COLD,
  DEST_CONNS,
  FAMILY,
  LIFE,
  LIMIT,
  SLOT_WORD,
  TUPLE,
  readDestConns,
  writeConn4,
  writeConn6,
  writeDestConns,
  writeTuple,
} from '../../../control/abi/maps.gen.ts'
import { FAMILIES, readSlot, SLOT, type FamilyNumber } from '../../../control/dataplane/slots.ts'
import { addressBytes } from '../../../control/model/address.ts'
import type { CallMaps } from '../../../control/dataplane/calls.ts'
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

function emptyWorld(family: FamilyNumber, slots = SLOTS): World {
  const stash = new Map<string, number>()
  const name = (key: Uint8Array): string => Buffer.from(key).toString('hex')
  const lookup = (key: Uint8Array): Uint8Array | undefined => {
    const slot = stash.get(name(key))
    return slot === undefined ? undefined : new Uint8Array(new Uint32Array([slot]).buffer)
  }
  const map = {
    lookup,
    take: (key: Uint8Array) => {
      const found = lookup(key)
      stash.delete(name(key))
      return found
    },
  }
  const world: World = {
    stash,
    grace: 0,
    tables: {
      family,
      conns: new ArrayBuffer(slots * SLOT[family].size),
      cold: new ArrayBuffer(slots * COLD.size),
      second: 1,
      destConns: new ArrayBuffer(DESTS * DEST_CONNS.size),
      stash: map as unknown as BpfMap,
      calls: { calls: map, call_ids: map } as unknown as CallMaps,
      stashFirst: slots,
      gracePeriod: () => world.grace++,
    },
  }
  return world
}

const NAMES = ['IPv4', 'IPv6']
const ADDRESSES = { client: ['10.0.0.9', '2001:db8::9'], other: ['192.0.2.1', '2001:db8::1'] }

/** Puts a connection into slot `at`, and its reply into the next. */
function put(world: World, at: number, c: Made, now: number): void {
  const flags = (reply: boolean): number =>
    (reply ? SLOT_WORD.CONN_REPLY : 0) |
    (!reply && !c.isActive ? SLOT_WORD.CONN_INACTIVE : 0) |
    (c.bucket ? BUCKET : 0)
  const slot = (index: number, reply: boolean, deadline: number, partner: number): void => {
    writeSlot(world.tables, index, {
      word:
        BigInt(LIFE.LIFE_VALID) |
        (BigInt(flags(reply)) << BigInt(SLOT_WORD.WORD_FLAGS_SHIFT)) |
        (BigInt(c.dest) << BigInt(SLOT_WORD.WORD_DEST_SHIFT)),
      cport: 1000 + at,
      oport: reply ? 8080 : 80,
      protocol: 6,
      state: 0,
      nexthop: 0,
      deadline: (now + deadline) >>> 0,
      partner,
    })
  }
  slot(at, false, c.request, c.isNat ? at + 1 : LIMIT.NONE)
  if (c.isNat) slot(at + 1, true, c.reply, at)
  count(world.tables.destConns, c, 1)
}

type Head = Omit<ReturnType<typeof readSlot>, 'caddr' | 'oaddr'>

function writeSlot({ family, conns }: SweepTables, index: number, head: Head): void {
  const v = new DataView(conns)
  const at = index * SLOT[family].size
  const caddr = addressBytes(ADDRESSES.client[family] ?? '')
  const oaddr = addressBytes(ADDRESSES.other[family] ?? '')
  const number = (bytes: Uint8Array): number => new DataView(bytes.buffer).getUint32(12)
  if (family === FAMILY.FAMILY_IPV6) writeConn6(v, at, { ...head, caddr, oaddr })
  else writeConn4(v, at, { ...head, caddr: number(caddr), oaddr: number(oaddr) })
}

function count(destConns: ArrayBuffer, c: Made, by: number): void {
  const v = new DataView(destConns)
  const row = readDestConns(v, c.dest * DEST_CONNS.size)
  writeDestConns(v, c.dest * DEST_CONNS.size, {
    ...row,
    active: (row.active + (c.isActive ? by : 0)) >>> 0,
    inactive: (row.inactive + (c.isActive ? 0 : by)) >>> 0,
    persistent: row.persistent,
  })
}

function isOverdue(c: Made): boolean {
  return (c.isNat ? Math.max(c.request, c.reply) : c.request) < -MARGIN
}

/** Connections that the sweep frees between two heartbeats. */
const SLICE = 65_536
const OLD: Made = { isNat: true, isActive: true, dest: 1, request: -9, reply: -9, bucket: false }
const YOUNG: Made = { ...OLD, request: 900, reply: 900 }
const SHADOWED = SLOT_WORD.CONN_SHADOWED << SLOT_WORD.WORD_FLAGS_SHIFT

/** Shadows a slot, or all from one to before another, each a copy of the first. */
function shadow({ tables }: World, at: number, end = at + 1): void {
  const { size } = SLOT[tables.family]
  const v = new DataView(tables.conns)
  v.setUint32(at * size, v.getUint32(at * size, true) | SHADOWED, true)
  copies(tables, at, at + 1, end)
}

/** Copies a slot to all from one to before another. */
function copies({ family, conns }: SweepTables, slot: number, first: number, end: number): void {
  const { size } = SLOT[family]
  const bytes = new Uint8Array(conns)
  for (let at = first; at < end; at++) bytes.copyWithin(at * size, slot * size, (slot + 1) * size)
}

/** Sweeps; how many keys of slots it made: each asks for the family twice, else a slice does. */
function keysMade(tables: SweepTables, now: number): number {
  let asked = 0
  const { family } = tables
  const counted = {
    ...tables,
    get family() {
      asked++
      return family
    },
  }
  sweep(counted, now)
  return Math.floor(asked / 2)
}

const conns = fc.array(made, { maxLength: SLOTS / 2 })
const moment = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1),
)

for (const family of FAMILIES) {
  const name = NAMES[family] ?? ''

  test(`sweep ${name}: any table at any time, exactly the overdue go, and their counts`, t => {
    fc.assert(
      fc.property(conns, moment, (all, now) => {
        const world = emptyWorld(family)
        const expected = emptyWorld(family)
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
          const { word } = readSlot(world.tables, 2 * i)
          const bits = BigInt(c.bucket ? BUCKET << SLOT_WORD.WORD_FLAGS_SHIFT : 0)
          if (isOverdue(c)) t.is(word, bits)
          else t.is(Number(word & 255n), LIFE.LIFE_VALID)
        })
      }),
    )
  })

  test(`sweep ${name}: done twice, the second finds nothing`, t => {
    fc.assert(
      fc.property(conns, moment, (all, now) => {
        const world = emptyWorld(family)
        all.forEach((c, i) => {
          put(world, 2 * i, c, now)
        })
        const first = sweep(world.tables, now)

        const second = sweep(world.tables, now)

        t.deepEqual(second, { expired: 0, used: first.used })
      }),
    )
  })

  test(`sweep ${name}: slots behind the table, their keys leave the stash`, t => {
    const world = emptyWorld(family)
    world.tables.stashFirst = 2
    const old = { isNat: true, isActive: true, dest: 1, request: -9, reply: -9, bucket: false }
    put(world, 0, old, 1000)
    put(world, 2, old, 1000)
    const [client, other] = [ADDRESSES.client[family] ?? '', ADDRESSES.other[family] ?? '']
    const ends = { caddr: addressBytes(client), oaddr: addressBytes(other) }
    const key = (saddr: Uint8Array, sport: number, daddr: Uint8Array, dport: number): string => {
      const bytes = Buffer.alloc(TUPLE.size)
      const tuple = { saddr, daddr, sport, dport, protocol: 6, family }
      writeTuple(new DataView(bytes.buffer, bytes.byteOffset), 0, tuple)
      return bytes.toString('hex')
    }
    world.stash.set(key(ends.caddr, 1002, ends.oaddr, 80), 2)
    world.stash.set(key(ends.oaddr, 8080, ends.caddr, 1002), 3)
    world.stash.set(key(ends.caddr, 1000, ends.oaddr, 80), 0)

    sweep(world.tables, 1000)

    t.deepEqual([...world.stash.values()], [0])
  })

  test(`sweep ${name}: many requests from port 0, their keys are not made`, t => {
    const world = emptyWorld(family, 5000)
    put(world, 0, OLD, 1000)
    put(world, 2, { ...YOUNG, isNat: false }, 1000)
    writeSlot(world.tables, 2, { ...readSlot(world.tables, 2), cport: 0 })
    shadow(world, 2, 5000)

    t.true(keysMade(world.tables, 1000) < 20)
  })

  test(`sweep ${name}: many shadowed replies and nobody's answers ends, no key is made`, t => {
    const world = emptyWorld(family, 5000)
    put(world, 0, { ...OLD, isNat: false }, 1000)
    put(world, 2, YOUNG, 1000)
    shadow(world, 3, 5000)

    t.true(keysMade(world.tables, 1000) < 20)
  })

  test(`sweep ${name}: shadowed replies over several slices, their keys are made once`, t => {
    const shadows = 5000
    const end = shadows + 3 * SLICE
    const world = emptyWorld(family, end)
    put(world, 2, YOUNG, 1000)
    shadow(world, 3, shadows)
    put(world, shadows, { ...OLD, isNat: false }, 1000)
    copies(world.tables, shadows, shadows + 1, end)
    for (let at = shadows; at < end; at += SLICE / 2) put(world, at, OLD, 1000)

    const made = keysMade(world.tables, 1000)

    t.true(made >= shadows - 3 && made < shadows + 100, String(made))
  })

  test(`sweep ${name}: a slot was shadowed and is another's now, it stays as it is`, t => {
    const world = emptyWorld(family)
    put(world, 0, OLD, 1000)
    put(world, 2, YOUNG, 1000)
    shadow(world, 3)
    const other = readSlot(world.tables, 3)
    writeSlot(world.tables, 3, { ...other, cport: 1000 })
    const gracePeriod = (): void => {
      writeSlot(world.tables, 3, other)
    }

    sweep({ ...world.tables, gracePeriod }, 1000)

    t.is(readSlot(world.tables, 3).word, other.word)
  })

  test(`repair ${name}: any table without a crash, nothing is touched`, t => {
    fc.assert(
      fc.property(conns, all => {
        const world = emptyWorld(family)
        all.forEach((c, i) => {
          put(world, 2 * i, c, 1000)
        })
        const before = Buffer.from(world.tables.conns.slice(0))

        t.is(repair(world.tables), 0)
        t.deepEqual(Buffer.from(world.tables.conns), before)
      }),
    )
  })
}
