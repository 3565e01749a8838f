/** Object files: opening, adjusting before load, the verifier's words, what outlives the object. */
import { readFileSync } from 'node:fs'

import { BpfMap, BpfObject, BpfProgram } from '../../addon/index.ts'
import {
  compile,
  loadTiny,
  makeMap,
  MAP_ARRAY,
  privileged,
  refused,
  TINY,
  u32,
  u64,
} from './tiny.ts'

const FRAME = new Uint8Array(64)
const XDP_ABORTED = 0
const XDP_DROP = 1
const XDP_PASS = 2

for (const [from, source] of [
  ['a path', TINY],
  ['bytes', readFileSync(TINY)],
] as const)
  privileged(`object: opened from ${from}, it names its maps and programs`, t => {
    const object = BpfObject.open(source)

    t.deepEqual(object.programs().toSorted(), ['count', 'grow', 'leave', 'tag', 'tell'])
    t.deepEqual(object.maps().toSorted(), [
      '.data.settings',
      '.rodata',
      'events',
      'percpu',
      'table',
      'tails',
      'words',
    ])
    object.close()
  })

privileged('object: bytes not at an aligned address, they open all the same', t => {
  const bytes = readFileSync(TINY)
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)

  const object = BpfObject.open(shifted.subarray(1), 'shifted')

  t.is(object.programs().length, 5)
  object.close()
})

for (const [from, source] of [
  ['a path', TINY],
  ['bytes', readFileSync(TINY)],
] as const)
  privileged(`object: opened from ${from} by a name, its sections carry it in the kernel`, t => {
    const object = BpfObject.open(source, 'named')
    object.load()

    t.is(object.map('.rodata').info.name, 'named.rodata')
    object.close()
  })

privileged('object: no ELF file, the error says so in libbpf words', t => {
  const error = refused(t, 'LIBBPF_FORMAT', () => BpfObject.open(new Uint8Array(100)))

  t.is(error.syscall, 'bpf_object__open_mem')
  t.regex(error.log, /not a proper ELF/)
})

privileged('object: no such file, ENOENT comes with the path', t => {
  const error = refused(t, 'ENOENT', () => BpfObject.open('/nowhere.bpf.o'))

  t.regex(error.message, /\/nowhere\.bpf\.o/)
})

privileged('object: a constant set before load, the program reads it', t => {
  const object = BpfObject.open(TINY)
  t.deepEqual(object.initialValue('.rodata'), u32(XDP_PASS))

  object.setInitialValue('.rodata', u32(XDP_DROP))
  t.deepEqual(object.initialValue('.rodata'), u32(XDP_DROP))
  object.load()

  t.is(object.program('count').testRun({ data: FRAME }).retval, XDP_DROP)
  object.close()
})

privileged('object: the copy of an initial value changed, the object is not', t => {
  const object = BpfObject.open(TINY)

  object.initialValue('.data.settings').fill(1)

  t.deepEqual(object.initialValue('.data.settings'), u64(7n))
  object.close()
})

privileged('object: an initial value of the wrong size, the error names both sizes', t => {
  const object = BpfObject.open(TINY)

  const error = refused(t, 'EINVAL', () => {
    object.setInitialValue('.rodata', new Uint8Array(3))
  })

  t.regex(error.message, /3 bytes.*'\.rodata' takes 4/)
  refused(t, 'EINVAL', () => object.initialValue('table'))
  object.close()
})

privileged('object: max entries set before load, the map has them', t => {
  const object = BpfObject.open(TINY)

  object.setMaxEntries('table', 99)
  object.load()

  t.is(object.map('table').info.maxEntries, 99)
  object.close()
})

privileged('object: autoload off, the program is not loaded and the others are', t => {
  const object = BpfObject.open(TINY)

  object.setAutoload('tag', false)
  object.load()

  refused(t, 'ENOENT', () => object.program('tag'))
  t.is(object.program('count').info.name, 'count')
  object.close()
})

privileged('object: a map reused, its entries are seen through the new object', t => {
  const old = loadTiny(t).map('table')
  old.update(u32(5), u64(55n))

  const object = BpfObject.open(TINY)
  object.reuseMap('table', old)
  object.load()

  t.is(object.map('table').info.id, old.info.id)
  t.deepEqual(object.map('table').lookup(u32(5)), u64(55n))
  object.close()
})

privileged('object: a section of variables reused, its values are kept', t => {
  const old = loadTiny(t).map('.data.settings')
  old.update(u32(0), u64(123n))

  const object = BpfObject.open(TINY)
  object.reuseMap('.data.settings', old)
  object.load()

  t.deepEqual(object.map('.data.settings').lookup(u32(0)), u64(123n))
  object.close()
})

privileged('object: a map of another shape reused, it is refused before the kernel', t => {
  const other = makeMap(t, { type: MAP_ARRAY })
  const object = BpfObject.open(TINY)

  const error = refused(t, 'EINVAL', () => {
    object.reuseMap('table', other)
  })

  t.regex(error.message, /'table' differs from map id/)
  object.close()
})

privileged('object: its BTF, it starts with the magic number', t => {
  const object = BpfObject.open(TINY)

  const btf = object.btf()

  t.is(new DataView(btf.buffer, btf.byteOffset).getUint16(0, true), 0xeb9f)
  object.close()
})

privileged('object: a program the verifier refuses, the log has its words', t => {
  const object = BpfObject.open(compile('broken.bpf.c'))

  const error = refused(t, 'EACCES', () => {
    object.load()
  })

  t.is(error.syscall, 'bpf_object__load')
  t.regex(error.log, /invalid access to packet/)
  t.regex(error.log, /prog 'careless'/)
  object.close()
})

privileged('object: used before load and after, each error says which', t => {
  const object = BpfObject.open(TINY)

  t.regex(refused(t, 'EINVAL', () => object.map('table')).message, /not loaded yet/)
  t.regex(refused(t, 'EINVAL', () => object.program('count')).message, /not loaded yet/)
  object.load()
  for (const late of [
    () => object.initialValue('.rodata'),
    () => {
      object.setInitialValue('.rodata', u32(1))
    },
    () => {
      object.setMaxEntries('table', 1)
    },
    () => {
      object.setAutoload('count', false)
    },
    () => {
      object.reuseMap('table', object.map('table'))
    },
    () => {
      object.load()
    },
  ])
    t.regex(refused(t, 'EBUSY', late).message, /loaded already/)
  object.close()
})

privileged('object: unknown names, ENOENT names them', t => {
  const object = loadTiny(t)

  t.regex(refused(t, 'ENOENT', () => object.map('nothing')).message, /'nothing'/)
  t.regex(refused(t, 'ENOENT', () => object.program('nobody')).message, /'nobody'/)
})

privileged('object: closed, what was taken from it works and itself says EBADF', t => {
  const object = loadTiny(t, XDP_ABORTED)
  const [program, map] = [object.program('count'), object.map('words')]

  object.close()
  object.close()

  t.is(program.testRun({ data: FRAME }).retval, XDP_ABORTED)
  t.deepEqual(map.lookup(u32(0)), u64(1n))
  for (const use of [
    () => object.maps(),
    () => object.programs(),
    () => object.map('words'),
    () => object.program('count'),
    () => object.btf(),
    () => {
      object.load()
    },
  ])
    refused(t, 'EBADF', use)
})

privileged('object: wrong arguments, each is EINVAL with a sentence', t => {
  const object = BpfObject.open(TINY)
  // What a caller without types can do.
  const loose = object as unknown as Record<string, (...args: unknown[]) => unknown>
  const open = BpfObject.open.bind(BpfObject) as (...args: unknown[]) => unknown

  for (const wrong of [
    () => open(),
    () => open(7),
    () => open(''),
    () => open('a\0b'),
    () => open(TINY, 'has.dot'),
    () => loose['initialValue']?.(7),
    () => loose['setInitialValue']?.('.rodata', 'text'),
    () => loose['setInitialValue']?.('.rodata', new Uint16Array(2)),
    () => loose['setMaxEntries']?.('table', -1),
    () => loose['setMaxEntries']?.('table', 1.5),
    () => loose['setMaxEntries']?.('table', 2 ** 32),
    () => loose['setAutoload']?.('count', 'yes'),
    () => loose['reuseMap']?.('table', {}),
    () => loose['reuseMap']?.('table', Object.create(BpfMap.prototype)),
  ])
    t.regex(refused(t, 'EINVAL', wrong).message, / must | may have only /)
  object.close()
})

privileged('object: made by new, or methods called on a stranger, no crash', t => {
  for (const type of [BpfObject, BpfMap, BpfProgram]) {
    const make = type as unknown as new () => unknown
    refused(t, 'EINVAL', () => new make())
  }
  const object = loadTiny(t)
  const program = object.program('count')
  const lookup = Reflect.get(BpfMap.prototype, 'lookup') as (key: Uint8Array) => unknown

  t.throws(() => lookup.call(program, u32(0)), { instanceOf: TypeError })
  t.throws(() => lookup.call({}, u32(0)), { instanceOf: TypeError })
  Object.setPrototypeOf(program, BpfMap.prototype)
  t.throws(() => lookup.call(program, u32(0)), { instanceOf: TypeError })
  refused(t, 'EINVAL', () => {
    object.map('tails').update(u32(0), program)
    BpfObject.open(TINY).reuseMap('table', program as unknown as BpfMap)
  })
})
