/** Atomics over buffers: values, bounds, and several threads at one word. */
import { Worker } from 'node:worker_threads'

import {
  add32,
  add64,
  and64Batch,
  coarseClockNs,
  compareAndSwap64,
  compareAndSwap64Batch,
  fence,
  load32,
  load64,
  store32,
  store64,
} from '../../addon/index.ts'
import { F_MMAPABLE, makeMap, MAP_ARRAY, privileged, refused } from './tiny.ts'

const MAX64 = 2n ** 64n - 1n

privileged('atomics: 64-bit words, stored, added and swapped as unsigned', t => {
  const buffer = new ArrayBuffer(32)

  store64(buffer, 3, MAX64)

  t.is(load64(buffer, 3), MAX64)
  t.is(add64(buffer, 3, 2n), MAX64)
  t.is(load64(buffer, 3), 1n)
  t.is(add64(buffer, 3, -1n), 1n)
  t.is(compareAndSwap64(buffer, 3, 5n, 9n), 0n)
  t.is(load64(buffer, 3), 0n)
  t.is(compareAndSwap64(buffer, 3, 0n, MAX64 - 1n), 0n)
  t.is(load64(buffer, 3), MAX64 - 1n)
  store64(buffer, 0, -1n)
  t.is(load64(buffer, 0), MAX64)
  fence()
})

privileged('atomics: 32-bit words, stored and added as unsigned', t => {
  const buffer = new ArrayBuffer(16)

  store32(buffer, 3, 0xffffffff)

  t.is(load32(buffer, 3), 0xffffffff)
  t.is(add32(buffer, 3, 3), 0xffffffff)
  t.is(add32(buffer, 3, -3), 2)
  t.is(load32(buffer, 3), 0xffffffff)
  t.deepEqual(new Uint32Array(buffer), Uint32Array.of(0, 0, 0, 0xffffffff))
})

privileged('atomics: a batch of swaps, each says whether it was done', t => {
  const buffer = new ArrayBuffer(64)
  const words = Uint32Array.of(1, 7, 2, 99)
  store64(buffer, 7, 5n)
  store64(buffer, 2, 8n)

  const swapped = compareAndSwap64Batch(
    buffer,
    words,
    BigUint64Array.of(0n, 4n, 8n),
    BigUint64Array.of(11n, 12n, MAX64),
    3,
  )

  t.deepEqual(swapped, Uint8Array.of(1, 0, 1))
  t.deepEqual(new BigUint64Array(buffer), BigUint64Array.of(0n, 11n, MAX64, 0n, 0n, 0n, 0n, 5n))
})

privileged('atomics: a batch of masks, only its words lose bits', t => {
  const buffer = new ArrayBuffer(24)
  new BigUint64Array(buffer).fill(MAX64)

  and64Batch(buffer, Uint32Array.of(0, 2), ~4n, 2)

  t.deepEqual(new BigUint64Array(buffer), BigUint64Array.of(MAX64 - 4n, MAX64, MAX64 - 4n))
})

privileged('atomics: one wrong index in a batch, nothing is done', t => {
  const buffer = new ArrayBuffer(16)
  const zero = BigUint64Array.of(0n, 0n)

  refused(t, 'EINVAL', () =>
    compareAndSwap64Batch(buffer, Uint32Array.of(0, 2), zero, BigUint64Array.of(1n, 1n), 2),
  )
  refused(t, 'EINVAL', () => {
    and64Batch(buffer, Uint32Array.of(0, 2), 0n, 2)
  })

  t.deepEqual(new BigUint64Array(buffer), zero)
})

privileged('atomics: outside the buffer or not a buffer, EINVAL and no crash', t => {
  const buffer = new ArrayBuffer(20)
  const gone = new ArrayBuffer(16)
  structuredClone(gone, { transfer: [gone] })
  const any = (value: unknown) => value as never

  for (const wrong of [
    () => load64(buffer, 2),
    () => load64(buffer, -1),
    () => load64(buffer, 0.5),
    () => load64(buffer, NaN),
    () => load64(buffer, 2 ** 61),
    () => load64(buffer, any('0')),
    () => load64(gone, 0),
    () => load64(any(new Uint8Array(16)), 0),
    () => load64(any(undefined), 0),
    () => load32(buffer, 5),
    () => {
      store64(buffer, 0, any(1))
    },
    () => {
      store32(buffer, 0, any(1n))
    },
    () => add64(buffer, 2, 1n),
    () => add64(buffer, 0, any(1)),
    () => add32(buffer, 5, 1),
    () => compareAndSwap64(buffer, 2, 0n, 0n),
    () => compareAndSwap64(buffer, 0, any(0), 0n),
    () => compareAndSwap64Batch(buffer, any([0]), new BigUint64Array(1), new BigUint64Array(1), 1),
    () =>
      compareAndSwap64Batch(
        buffer,
        new Uint32Array(2),
        new BigUint64Array(1),
        new BigUint64Array(2),
        2,
      ),
    () =>
      compareAndSwap64Batch(
        buffer,
        new Uint32Array(2),
        new BigUint64Array(2),
        any(new BigInt64Array(2)),
        2,
      ),
    () => {
      and64Batch(buffer, new Uint32Array(1), 0n, 2)
    },
  ])
    refused(t, 'EINVAL', wrong)
})

privileged('atomics: two threads add to one word of a map, none is lost', async t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })
  const buffer = map.mmap()
  const adds = 2_000_000
  const addon = new URL('../../addon/index.ts', import.meta.url).href
  const worker = new Worker(
    `
    const { parentPort, workerData } = require('node:worker_threads')
    import(workerData.addon).then(({ BpfMap, add64, load64 }) => {
      const buffer = BpfMap.fromId(workerData.id).mmap()
      parentPort.postMessage('ready')
      while (load64(buffer, 1) === 0n);
      for (let i = 0; i < workerData.adds; i++) add64(buffer, 0, 1n)
    })`,
    { eval: true, workerData: { addon, id: map.info.id, adds } },
  )
  const done = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject))

  await new Promise(resolve => worker.once('message', resolve))
  store64(buffer, 1, 1n)
  for (let i = 0; i < adds; i++) add64(buffer, 0, 1n)
  await done

  t.is(load64(buffer, 0), BigInt(2 * adds))
})

privileged('system: the coarse clock, its tick is that of a kernel HZ', t => {
  const hz = 1e9 / coarseClockNs()

  t.true(Math.abs(hz - Math.round(hz)) < 0.01 && hz >= 24 && hz <= 1200, String(hz))
})
