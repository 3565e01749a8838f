/**
 * Kernels for packet tests. Loading and verifying the programs takes most of a second, so the tests
 * of one file that ask for the same kernel take turns with it, and it is emptied in between.
 * Read next: director.ts.
 */
import type { BpfMap } from '../../addon/index.ts'
import { LIMIT, MAPS } from '../../control/abi/maps.gen.ts'
import { openKernel, type Kernel, type KernelOptions } from '../../control/dataplane/kernel.ts'

const BPF_MAP_TYPE_HASH = 1
const BPF_MAP_TYPE_LRU_HASH = 9
const BPF_MAP_TYPE_LPM_TRIE = 11
const BPF_F_MMAPABLE = 1 << 10

/** What a test, and nothing else, gives: a call when it has ended. */
export interface Teardown {
  teardown(done: () => void): void
}

/** An open kernel, and how it is made as good as new. */
interface Reusable {
  kernel: Kernel
  empty(): void
}

const idle = new Map<string, Reusable>()
const served = new WeakSet<Teardown>()
let lastTurn: Promise<void> = Promise.resolve()

/** A kernel with empty tables, the test's own until it ends. A test's second is a fresh one. */
export async function kernelFor(t: Teardown, options: KernelOptions): Promise<Kernel> {
  if (options.bpffs !== undefined || served.has(t)) return ownKernel(t, options)
  served.add(t)
  const before = lastTurn
  const { promise, resolve } = Promise.withResolvers<undefined>()
  lastTurn = promise
  await before
  const kind = JSON.stringify(options)
  const reusable = idle.get(kind) ?? open(options, resolve)
  idle.set(kind, reusable)
  t.teardown(() => {
    reusable.empty()
    resolve(undefined)
  })
  return reusable.kernel
}

function ownKernel(t: Teardown, options: KernelOptions): Kernel {
  const kernel = openKernel(options)
  t.teardown(() => {
    kernel.program.close()
  })
  return kernel
}

/** @param failed lets the next test have its turn when this one cannot begin */
function open(options: KernelOptions, failed: (nothing: undefined) => void): Reusable {
  try {
    return reusableOf(openKernel(options))
  } catch (error) {
    failed(undefined)
    throw error
  }
}

function reusableOf(kernel: Kernel): Reusable {
  const maps = Object.keys(MAPS).map(name => kernel.maps[name as keyof typeof MAPS])
  const mapped = maps
    .filter(map => map.info.flags & BPF_F_MMAPABLE)
    .map(map => new Uint8Array(map.mmap()))
  const hashes = maps.filter(({ info }) =>
    [BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_LRU_HASH, BPF_MAP_TYPE_LPM_TRIE].includes(info.type),
  )
  const settings = new Uint8Array(kernel.maps.settings.mmap())
  const atFirst = Uint8Array.from(settings)
  const empty = (): void => {
    for (const bytes of mapped) bytes.fill(0)
    for (const map of hashes) emptyHash(map)
    emptyStripes(kernel.maps.stripes)
    settings.set(atFirst)
  }
  return { kernel, empty }
}

function emptyHash(map: BpfMap): void {
  for (let key = map.nextKey(); key; key = map.nextKey()) map.delete(key)
}

function emptyStripes(stripes: BpfMap): void {
  const keys = Uint32Array.from({ length: LIMIT.STRIPES }, (_, i) => i)
  stripes.updateBatch(new Uint8Array(keys.buffer), new Uint8Array(8 * keys.length), keys.length)
}
