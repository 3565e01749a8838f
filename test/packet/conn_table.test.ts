/** Where connections are kept: two buckets, the stash behind them, and what comes of no room. */
import test from 'ava'
import { CONN4, LIFE, LIMIT, SLOT_WORD } from '../../control/abi/maps.gen.ts'
import { director, XDP, type PacketDirector } from '../support/director.ts'
import { tcp } from '../support/frames.ts'
import {
  firstBucket,
  hashOf,
  KEY,
  lockedStripes,
  portsWhere,
  requestSlot,
  secondBucket,
  setState,
  slotAt,
  slots,
  stashed,
  tuple,
} from './table.ts'

const SERVICES = `
  tcp 192.0.2.1:80 rr
    -> 10.0.0.2:80 nat weight 1
  tcp 192.0.2.1:81 rr
    -> 10.0.0.3:81 dr weight 1`
/** The smallest table: 128 buckets, four more for the stash. */
const BUCKETS = 128
const SLOTS = BUCKETS * LIMIT.SLOTS_PER_BUCKET
const STASH_SLOTS = 4 * LIMIT.SLOTS_PER_BUCKET

const direct = (port: number): string => `198.51.100.7:${port} > 192.0.2.1:81`
const request = (port: number): string => `198.51.100.7:${port} > 192.0.2.1:80`
const reply = (port: number): string => `10.0.0.2:80 > 198.51.100.7:${port}`

/** Client ports of direct connections whose first bucket is this one. */
function portsIn(bucket: number, count: number): number[] {
  const path = (port: number) => tuple(direct(port), 6)
  return portsWhere(count, path, hash => firstBucket(hash, BUCKETS) === bucket)
}

/** Opens direct connections; the reasons their SYNs left with, each once. */
function open(lvs: PacketDirector, ports: number[]): string[] {
  return [...new Set(ports.map(port => lvs.run(tcp(direct(port), 'S')).reason))]
}

/** Nine clients, the last of which finds its first bucket full; its second bucket. */
function crowd(): { ports: number[]; last: number; second: number } {
  const ports = portsIn(5, 9)
  const last = ports[8] ?? 0
  return { ports, last, second: secondBucket(hashOf(tuple(direct(last), 6)), BUCKETS) }
}

/** Makes every slot busy but those given, as if other CPUs were filling them. */
function fillBut(lvs: PacketDirector, free: number[]): void {
  const words = new Uint32Array(lvs.dataplane.conns[0])
  for (let slot = 0; slot < SLOTS + STASH_SLOTS; slot++)
    if (!free.includes(slot)) words[(slot * CONN4.size) / 4] = LIFE.LIFE_BUSY
}

function nothingLeft(lvs: PacketDirector, t: { deepEqual(a: unknown, b: unknown): void }): void {
  const counts = ['10.0.0.2', '10.0.0.3'].map(address => lvs.counts(address))
  const none = { active: 0, inactive: 0 }
  t.deepEqual(
    { slots: slots(lvs).length, stashed: stashed(lvs), locked: lockedStripes(lvs), counts },
    { slots: 0, stashed: 0, locked: 0, counts: [none, none] },
  )
}

test('table: many clients, each connection in the bucket and with the tag of its hash', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  const ports = Array.from({ length: 100 }, (_, i) => 2000 + 37 * i)

  open(lvs, ports)

  for (const port of ports) {
    const hash = hashOf(tuple(direct(port), 6))
    const slot = requestSlot(lvs, port)
    t.is(Math.floor(slot.index / LIMIT.SLOTS_PER_BUCKET), firstBucket(hash, BUCKETS))
    t.is(Number((slot.word >> 16n) & 0xffffffn), Number(hash >> 40n))
  }
})

test('table: the first bucket is full, the second takes it and it is found there', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  const { ports, last, second } = crowd()

  open(lvs, ports)

  t.is(Math.floor(requestSlot(lvs, last).index / LIMIT.SLOTS_PER_BUCKET), second)
  t.is(slotAt(lvs, 5 * 8).flags & SLOT_WORD.BUCKET_OVERFLOW, SLOT_WORD.BUCKET_OVERFLOW)
  for (const port of ports) t.is(lvs.run(tcp(direct(port), 'A')).reason, 'direct')
  t.is(slots(lvs).length, 9)
})

test('table: the first bucket was full once, the second is still looked at', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  const { ports, last } = crowd()
  open(lvs, ports)
  lvs.run(tcp(direct(last), 'A'))
  lvs.advance(100)

  t.is(lvs.sweep().expired, 8)

  t.is(lvs.run(tcp(direct(last), 'A')).reason, 'direct')
  t.deepEqual(
    slots(lvs).map(s => s.cport),
    [last],
  )
})

/** A connection in the stash: both its buckets are full. */
async function stashOne(t: Parameters<typeof director>[0]) {
  const lvs = await director(t, SERVICES, { key: KEY })
  const { ports, last, second } = crowd()
  const others = portsIn(second, 8)
  open(lvs, [...ports.slice(0, 8), ...others])
  const left = lvs.run(tcp(direct(last), 'S')).reason
  return { lvs, last, left, all: [...ports, ...others] }
}

test('stash: both buckets are full, the connection is found behind the table', async t => {
  const { lvs, last, left, all } = await stashOne(t)

  const found = all.map(port => lvs.run(tcp(direct(port), 'A')).reason)

  t.is(left, 'direct')
  t.true(requestSlot(lvs, last).index >= SLOTS)
  t.is(slotAt(lvs, 5 * 8).flags & SLOT_WORD.BUCKET_STASHED, SLOT_WORD.BUCKET_STASHED)
  t.deepEqual([...new Set(found)], ['direct'])
  t.deepEqual([stashed(lvs), lvs.dataplane.stashed()[0], lvs.conns().length], [1, 1, 17])
})

test('stash: its connection expires, slot and key are free again', async t => {
  const { lvs } = await stashOne(t)
  lvs.advance(1000)

  lvs.sweep()

  nothingLeft(lvs, t)
})

test('stash: its connection is renewed, the key is the new one and outlives the old', async t => {
  const { lvs, last } = await stashOne(t)
  const old = requestSlot(lvs, last)
  setState(lvs, old, 6)
  lvs.run(tcp(direct(last), 'S'))
  lvs.advance(1)

  t.is(lvs.sweep().expired, 1)

  t.not(requestSlot(lvs, last).index, old.index)
  t.is(stashed(lvs), 1)
  t.is(lvs.run(tcp(direct(last), 'A')).reason, 'direct')
})

test('stash: both slots of a NAT connection in it, both directions are found', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  fillBut(
    lvs,
    [...Array(STASH_SLOTS).keys()].map(i => SLOTS + i),
  )

  const left = [tcp(request(4000), 'S'), tcp(reply(4000), 'SA'), tcp(request(4000), 'A')].map(
    frame => lvs.run(frame).reason,
  )

  t.deepEqual(left, ['nat request', 'nat reply', 'nat request'])
  t.is(stashed(lvs), 2)
  const at = [requestSlot(lvs, 4000).index, requestSlot(lvs, 4000).partner]
  lvs.advance(1000)
  lvs.sweep()
  t.is(stashed(lvs), 0)
  t.deepEqual(
    at.map(index => slotAt(lvs, index).life),
    [LIFE.LIFE_EMPTY, LIFE.LIFE_EMPTY],
  )
})

test('full: no slot anywhere, the SYN is dropped and nothing is left behind', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  fillBut(lvs, [])

  const left = [direct(4000), request(4000), request(4000)].map(path => lvs.run(tcp(path, 'S')))

  t.deepEqual(
    left.map(out => [out.reason, out.verdict]),
    Array(3).fill(['table full', XDP.drop]),
  )
  new Uint8Array(lvs.dataplane.conns[0]).fill(0)
  nothingLeft(lvs, t)
  t.is(lvs.dataplane.rawTraffic('tcp:192.0.2.1:80').conns, 0)
})

for (const [where, free] of [
  ['its bucket', firstBucket(hashOf(tuple(request(4000), 6)), BUCKETS) * 8],
  ['the stash', -1],
] as const)
  test(`full: room in ${where} for the request but not the reply, it is given back`, async t => {
    const lvs = await director(t, SERVICES, { key: KEY })
    const hash = hashOf(tuple(request(4000), 6))
    const slot = free >= 0 ? free : SLOTS + 8 * Number((hash >> 8n) & 3n)
    fillBut(lvs, [slot])

    const left = lvs.run(tcp(request(4000), 'S')).reason

    t.is(left, 'table full')
    t.is(slotAt(lvs, slot).life, LIFE.LIFE_EMPTY)
    new Uint8Array(lvs.dataplane.conns[0]).fill(0)
    nothingLeft(lvs, t)
  })

test('full: there is room again, the next SYN of the same client goes through', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  fillBut(lvs, [])
  lvs.run(tcp(request(4000), 'S'))
  new Uint8Array(lvs.dataplane.conns[0]).fill(0)

  const out = lvs.run(tcp(request(4000), 'S'))

  t.is(out.reason, 'nat request')
})

test('full: clients until nothing fits, and gone again, not one slot or count is lost', async t => {
  const lvs = await director(t, SERVICES, { key: KEY })
  const count = (make: (port: number) => string): number =>
    Array.from({ length: 1200 }, (_, i) => lvs.run(tcp(make(3000 + i), 'S')).reason).filter(
      reason => reason !== 'table full',
    ).length

  const opened = count(request) + count(direct)

  t.is(lvs.conns().length, opened)
  t.true(slots(lvs).length > SLOTS * 0.99)
  lvs.advance(1000)
  t.is(lvs.sweep().expired, opened)
  nothingLeft(lvs, t)
})
