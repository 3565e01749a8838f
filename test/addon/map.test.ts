/** Maps one entry at a time, pinned, frozen and mapped into memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { BpfMap, BpfProgram, load64, possibleCpus, store64 } from '../../addon/index.ts'
import {
  F_MMAPABLE,
  loadTiny,
  makeMap,
  MAP_ARRAY,
  MAP_ARRAY_OF_MAPS,
  MAP_HASH_OF_MAPS,
  MAP_LPM_TRIE,
  MAP_PERCPU_HASH,
  MAP_QUEUE,
  pinFolder,
  privileged,
  refused,
  u32,
  u64,
} from './tiny.ts'

const F_NO_PREALLOC = 1
const NOEXIST = 1
const EXIST = 2
// Of something, so that it is at an address.
const EMPTY = new Uint8Array(8).subarray(0, 0)

privileged('map: created, its info is what was asked for', t => {
  const map = makeMap(t, { name: 'shape', keySize: 6, valueSize: 10, maxEntries: 3, flags: 1 })

  const { id, ...rest } = map.info

  t.true(id > 0)
  t.deepEqual(rest, {
    name: 'shape',
    type: 1,
    keySize: 6,
    valueSize: 10,
    maxEntries: 3,
    flags: F_NO_PREALLOC,
  })
  t.true(Number.isInteger(map.fd))
})

privileged('map: an entry written, it is found, walked to and deleted', t => {
  const map = makeMap(t)

  t.is(map.lookup(u32(1)), undefined)
  t.is(map.nextKey(), undefined)
  map.update(u32(1), u64(10n))
  map.update(u32(2), u64(20n))

  t.deepEqual(map.lookup(u32(1)), u64(10n))
  const first = map.nextKey() ?? t.fail('no first key')
  const second = map.nextKey(first) ?? t.fail('no second key')
  t.is(map.nextKey(second), undefined)
  t.deepEqual([first, second].toSorted(), [u32(1), u32(2)].toSorted())
  t.true(map.delete(u32(1)))
  t.false(map.delete(u32(1)))
  t.is(map.lookup(u32(1)), undefined)
})

privileged('map: an entry taken, its value is given and it is there no more', t => {
  const map = makeMap(t)
  map.update(u32(1), u64(10n))

  t.deepEqual([map.take(u32(1)), map.take(u32(1))], [u64(10n), undefined])
  t.is(map.lookup(u32(1)), undefined)
})

privileged('map: flags on update, an entry that is or is not there is refused', t => {
  const map = makeMap(t)

  refused(t, 'ENOENT', () => {
    map.update(u32(1), u64(1n), EXIST)
  })
  map.update(u32(1), u64(1n), NOEXIST)
  refused(t, 'EEXIST', () => {
    map.update(u32(1), u64(1n), NOEXIST)
  })
})

privileged('map: full, E2BIG names the call and the map', t => {
  const map = makeMap(t, { name: 'small', maxEntries: 1 })
  map.update(u32(1), u64(1n))

  const error = refused(t, 'E2BIG', () => {
    map.update(u32(2), u64(1n))
  })

  t.is(error.syscall, 'bpf_map_update_elem')
  t.regex(error.message, /map 'small'/)
})

privileged('map: keys and values of a wrong size, EINVAL names both sizes', t => {
  const map = makeMap(t)

  for (const use of [
    () => map.lookup(new Uint8Array(3)),
    () => map.delete(new Uint8Array(5)),
    () => map.nextKey(EMPTY),
    () => {
      map.update(new Uint8Array(3), u64(1n))
    },
  ])
    t.regex(refused(t, 'EINVAL', use).message, /key is \d bytes, map '' takes 4/)
  const value = refused(t, 'EINVAL', () => {
    map.update(u32(1), new Uint8Array(9))
  })
  t.regex(value.message, /value is 9 bytes, map '' takes 8/)
})

privileged('map: per CPU, a value has every CPU in 8 bytes each', t => {
  const map = makeMap(t, { type: MAP_PERCPU_HASH, valueSize: 4 })
  const value = new Uint32Array(2 * possibleCpus()).fill(3)
  const bytes = new Uint8Array(value.buffer)

  map.update(u32(1), bytes)

  t.is(map.lookup(u32(1))?.length, 8 * possibleCpus())
  t.is(map.lookup(u32(1))?.[0], 3)
  refused(t, 'EINVAL', () => {
    map.update(u32(1), u32(1))
  })
})

privileged('map: a queue, it has no keys and takes empty ones', t => {
  const map = makeMap(t, { type: MAP_QUEUE, keySize: 0 })

  map.update(EMPTY, u64(5n))

  t.deepEqual(map.lookup(EMPTY), u64(5n))
})

for (const [name, type] of [
  ['an array of maps', MAP_ARRAY_OF_MAPS],
  ['a hash of maps', MAP_HASH_OF_MAPS],
] as const)
  privileged(`map: ${name}, a map is its value and reads as an id`, t => {
    const inner = makeMap(t)
    const outer = makeMap(t, { type, valueSize: 4, innerMap: inner })

    outer.update(u32(1), inner)

    t.deepEqual(outer.lookup(u32(1)), u32(inner.info.id))
  })

privileged('map: a program array, a tail call goes where it says', t => {
  const object = loadTiny(t)
  const frame = { data: new Uint8Array(64) }
  t.is(object.program('leave').testRun(frame).retval, 0)

  object.map('tails').update(u32(1), object.program('count'))

  t.is(object.program('leave').testRun(frame).retval, 2)
})

privileged('map: a map given to a map that holds numbers, it is refused', t => {
  const map = makeMap(t, { valueSize: 4 })

  const error = refused(t, 'EINVAL', () => {
    map.update(u32(1), map)
  })

  t.regex(error.message, /does not hold maps or programs/)
})

privileged('map: a longest-prefix trie, the longest match is found', t => {
  const map = makeMap(t, { type: MAP_LPM_TRIE, keySize: 8, flags: F_NO_PREALLOC })
  const key = (prefix: number, ...address: number[]) => Uint8Array.of(prefix, 0, 0, 0, ...address)
  map.update(key(8, 10, 0, 0, 0), u64(8n))
  map.update(key(24, 10, 0, 1, 0), u64(24n))

  t.deepEqual(map.lookup(key(32, 10, 0, 1, 7)), u64(24n))
  t.deepEqual(map.lookup(key(32, 10, 9, 1, 7)), u64(8n))
})

privileged('map: pinned, found again by path and by id', t => {
  const path = `${pinFolder(t)}/map`
  const map = makeMap(t)
  map.update(u32(1), u64(1n))

  map.pin(path)

  for (const again of [BpfMap.fromPin(path), BpfMap.fromId(map.info.id)]) {
    t.deepEqual(again.lookup(u32(1)), u64(1n))
    again.close()
  }
  refused(t, 'EEXIST', () => {
    map.pin(path)
  })
  refused(t, 'EPERM', () => {
    map.pin('/tmp/not-a-bpf-file-system')
  })
  refused(t, 'ENOENT', () => BpfMap.fromPin(`${path}-not`))
  refused(t, 'ENOENT', () => BpfMap.fromId(2 ** 31 - 1))
})

privileged('map: something else at the path, EINVAL says so', t => {
  const path = `${pinFolder(t)}/program`
  loadTiny(t).program('count').pin(path)

  const error = refused(t, 'EINVAL', () => BpfMap.fromPin(path))

  t.regex(error.message, /is not a pinned map/)
  t.is(BpfProgram.fromPin(path).info.name, 'count')
})

privileged('map: mapped, stores and lookups see each other', t => {
  const map = makeMap(t, { type: MAP_ARRAY, valueSize: 12, maxEntries: 3, flags: F_MMAPABLE })
  const buffer = map.mmap()

  store64(buffer, 2, 9n)

  t.is(buffer.byteLength, 48) // 12 is rounded up to 16
  t.deepEqual(map.lookup(u32(1))?.subarray(0, 8), u64(9n))
  map.update(u32(0), new Uint8Array(12).fill(255))
  t.is(load64(buffer, 0), 2n ** 64n - 1n)
})

privileged('map: a section of variables mapped, the program writes into it', t => {
  const object = loadTiny(t)
  const buffer = object.map('.data.settings').mmap()
  t.is(load64(buffer, 0), 7n)

  for (let i = 0; i < 3; i++) object.program('count').testRun({ data: new Uint8Array(64) })

  t.is(load64(buffer, 0), 10n)
})

privileged('map: mapped and closed, the memory lives as long as the buffer', t => {
  const map = makeMap(t, { type: MAP_ARRAY, maxEntries: 1024, flags: F_MMAPABLE })
  const { id } = map.info
  const buffer = map.mmap()

  map.close()

  store64(buffer, 1023, 5n)
  t.is(load64(buffer, 1023), 5n)
  t.is(BpfMap.fromId(id).info.id, id)
})

privileged('map: the buffer of a closed map collected, the kernel frees the map', async t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })
  const { id } = map.info
  map.mmap()
  map.close()

  let error: unknown
  for (let i = 0; i < 500 && error === undefined; i++) {
    collectGarbage()
    await new Promise(setImmediate)
    try {
      BpfMap.fromId(id).close()
    } catch (cause) {
      error = cause
    }
  }

  t.like(error, { code: 'ENOENT' })
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
}

privileged('map: mapped read-only, it reads and atomics refuse to write', t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })
  map.update(u32(0), u64(4n))
  const buffer = map.mmap(true)

  t.is(load64(buffer, 0), 4n)
  refused(t, 'EACCES', () => {
    store64(buffer, 0, 1n)
  })
})

privileged('map: frozen, user space writes no more and mapping it is read-only', t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })

  map.freeze()

  refused(t, 'EPERM', () => {
    map.update(u32(0), u64(1n))
  })
  refused(t, 'EPERM', () => map.mmap())
  t.is(map.mmap(true).byteLength, 64)
})

privileged('map: mapped for writing, it cannot be frozen', t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })
  const buffer = map.mmap()

  refused(t, 'EBUSY', () => {
    map.freeze()
  })
  t.is(buffer.byteLength, 64)
})

privileged('map: not mappable, EINVAL says what would be', t => {
  for (const map of [makeMap(t), makeMap(t, { type: MAP_ARRAY })])
    t.regex(refused(t, 'EINVAL', () => map.mmap()).message, /not an array with BPF_F_MMAPABLE/)
})

privileged('map: a type the kernel does not know, EINVAL names it', t => {
  const error = refused(t, 'EINVAL', () => makeMap(t, { type: 1000 }))

  t.regex(error.message, /of type 1000, 8 entries/)
})

privileged('map: closed twice, every use says EBADF', t => {
  const map = makeMap(t, { type: MAP_ARRAY, flags: F_MMAPABLE })

  map.close()
  map.close()

  for (const use of [
    () => map.fd,
    () => map.lookup(u32(0)),
    () => {
      map.update(u32(0), u64(0n))
    },
    () => map.delete(u32(0)),
    () => map.nextKey(),
    () => map.lookupBatch(),
    () => {
      map.updateBatch(u32(0), u64(0n), 1)
    },
    () => map.deleteBatch(u32(0), 1),
    () => map.mmap(),
    () => {
      map.freeze()
    },
    () => {
      map.pin('/sys/fs/bpf/closed')
    },
    () => BpfMap.create({ type: 12, keySize: 4, valueSize: 4, maxEntries: 1, innerMap: map }),
  ])
    refused(t, 'EBADF', use)
})

privileged('map: wrong arguments, each is EINVAL with a sentence', t => {
  const map = makeMap(t)
  const loose = map as unknown as Record<string, (...args: unknown[]) => unknown>
  const create = BpfMap.create.bind(BpfMap) as (options: unknown) => unknown
  const good = { type: 1, keySize: 4, valueSize: 4, maxEntries: 1 }

  for (const wrong of [
    () => create(undefined),
    () => create({}),
    () => create({ ...good, type: '1' }),
    () => create({ ...good, flags: -1 }),
    () => create({ ...good, name: '' }),
    () => create({ ...good, innerMap: {} }),
    () => loose['lookup']?.(),
    () => loose['lookup']?.('key'),
    () => loose['lookup']?.(new ArrayBuffer(4)),
    () => loose['lookup']?.(new DataView(new ArrayBuffer(4))),
    () => loose['update']?.(u32(1), 5),
    () => loose['update']?.(u32(1), u64(1n), 'flags'),
    () => loose['lookupBatch']?.('all'),
    () => loose['mmap']?.(1),
    () => loose['pin']?.(1),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must /)
})
