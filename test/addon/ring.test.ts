/** Ring buffers: records come in order and in batches, and stopping is safe at any moment. */
import { BpfObject, RingBuffer } from '../../addon/index.ts'
import { arrival, loadTiny, makeMap, privileged, refused, TINY } from './tiny.ts'

const XDP_ABORTED = 0

/** The number in a record. */
function numberOf(record: Uint8Array): number {
  return new DataView(record.buffer, record.byteOffset).getUint32(0, true)
}

privileged('ring: a record submitted, it arrives as the program wrote it', async t => {
  const object = loadTiny(t)
  const arrived = Promise.withResolvers<Uint8Array[]>()
  const ring = new RingBuffer(object.map('events'), arrived.resolve)

  object.program('tell').testRun({ data: new Uint8Array(77) })

  const records = await arrival(arrived.promise)
  t.is(records.length, 1)
  t.is(records[0]?.length, 4)
  t.is(numberOf(records[0] ?? t.fail('no record')), 77)
  ring.stop()
})

privileged('ring: many records, all arrive in order', async t => {
  const object = loadTiny(t)
  const tell = object.program('tell')
  const sizes = Array.from({ length: 20_000 }, (_, i) => 14 + (i % 1000))
  const seen: number[] = []
  const done = Promise.withResolvers<undefined>()
  const ring = new RingBuffer(object.map('events'), records => {
    seen.push(...records.map(numberOf))
    if (seen.length === sizes.length) done.resolve(undefined)
  })

  // A ring of a page holds 256 records: the thread empties it while this one fills it.
  for (const size of sizes) {
    const data = new Uint8Array(size)
    while (tell.testRun({ data }).retval === XDP_ABORTED) await new Promise(setImmediate)
  }

  await arrival(done.promise)
  t.deepEqual(seen, sizes)
  ring.stop()
})

privileged('ring: records waiting before it reads, few calls bring them all', async t => {
  const object = BpfObject.open(TINY)
  object.setMaxEntries('events', 1 << 18)
  object.load()
  const tell = object.program('tell')
  for (let i = 0; i < 3000; i++) tell.testRun({ data: new Uint8Array(14 + (i % 1000)) })

  const batches: number[][] = []
  const done = Promise.withResolvers<undefined>()
  const ring = new RingBuffer(object.map('events'), records => {
    batches.push(records.map(numberOf))
    if (batches.flat().length === 3000) done.resolve(undefined)
  })

  await arrival(done.promise)
  t.true(batches.length >= 3 && batches.length <= 6, String(batches.length))
  t.deepEqual(
    batches.flat(),
    Array.from({ length: 3000 }, (_, i) => 14 + (i % 1000)),
  )
  ring.stop()
  object.close()
})

privileged('ring: the map and object closed, records still arrive', async t => {
  const object = loadTiny(t)
  const [map, program] = [object.map('events'), object.program('tell')]
  const arrived = Promise.withResolvers<Uint8Array[]>()
  const ring = new RingBuffer(map, arrived.resolve)
  map.close()
  object.close()

  program.testRun({ data: new Uint8Array(60) })

  t.is((await arrival(arrived.promise)).length, 1)
  ring.stop()
})

privileged('ring: nobody takes the batches, stop returns and none comes after it', async t => {
  const object = loadTiny(t)
  const tell = object.program('tell')
  let calls = 0
  const ring = new RingBuffer(object.map('events'), () => {
    calls++
  })

  // JavaScript never comes back to its loop here: the queue and then the ring fill up.
  let lost = 0
  for (let i = 0; i < 50_000 && lost < 1000; i++)
    if (tell.testRun({ data: new Uint8Array(60) }).retval === XDP_ABORTED) lost++
  t.is(lost, 1000)
  ring.stop()
  ring.stop()

  for (let i = 0; i < 10; i++) await new Promise(setImmediate)
  t.is(calls, 0)
})

privileged('ring: stopped from within its own call, no call follows', async t => {
  const object = loadTiny(t)
  const tell = object.program('tell')
  let calls = 0
  const first = Promise.withResolvers<undefined>()
  const ring: RingBuffer = new RingBuffer(object.map('events'), () => {
    calls++
    ring.stop()
    first.resolve(undefined)
  })

  for (let i = 0; i < 1000; i++) tell.testRun({ data: new Uint8Array(60) })
  await arrival(first.promise)
  for (let i = 0; i < 10; i++) await new Promise(setImmediate)

  t.is(calls, 1)
})

privileged('ring: made and stopped a hundred times, no descriptor is left', async t => {
  const { readdirSync } = await import('node:fs')
  const map = loadTiny(t).map('events')
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()

  for (let i = 0; i < 100; i++) new RingBuffer(map, () => undefined).stop()

  t.is(open(), before)
})

privileged('ring: another kind of map or no function, EINVAL says what it takes', t => {
  const make = RingBuffer as unknown as new (...args: unknown[]) => RingBuffer
  const events = loadTiny(t).map('events')

  for (const wrong of [
    () => new make(),
    () => new make({}, () => undefined),
    () => new make(events),
    () => new make(events, 'function'),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
  const error = refused(t, 'EINVAL', () => new RingBuffer(makeMap(t), () => undefined))
  t.regex(error.log, /ringbuf|ring_buffer|unsupported map type|ring buffer/)
  events.close()
  refused(t, 'EBADF', () => new RingBuffer(events, () => undefined))
})
