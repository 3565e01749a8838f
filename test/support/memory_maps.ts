/**
 * The maps of a data plane in memory, for tests of the control plane's whole life without a kernel:
 * what a killed process leaves behind is a copy, what a power cut leaves is new maps. Small tables;
 * no program reads them. Read next: ../../control/dataplane/dataplane.ts.
 */
import type { BpfMap } from '../../addon/index.ts'
import { LIMIT, MAPS, SETTINGS } from '../../control/abi/maps.gen.ts'
import type { Kernel } from '../../control/dataplane/kernel.ts'

/** Entries of each map, and bytes of those that are a section of the object. */
const ENTRIES = 512
const SECTION_BYTES = 1 << 14
const SCHEDULE_ROWS = 8 * ENTRIES
const SLOTS = ENTRIES

type Name = keyof typeof MAPS

class MemoryMap {
  readonly info: { maxEntries: number; keySize: number; valueSize: number }
  #bytes: ArrayBuffer | undefined
  #entries = new Map<string, Uint8Array>()

  constructor(name: Name, cpus: number) {
    const { keySize, valueSize, libbpf } = MAPS[name]
    const maxEntries = { schedules: SCHEDULE_ROWS, dest_traffic: ENTRIES * cpus }[name as string]
    this.info = libbpf.startsWith('.')
      ? { maxEntries: 1, keySize, valueSize: Math.min(valueSize, SECTION_BYTES) }
      : { maxEntries: maxEntries ?? ENTRIES, keySize, valueSize }
  }

  copyOf(other: MemoryMap): this {
    this.#bytes = other.#bytes?.slice()
    this.#entries = new Map(other.#entries)
    return this
  }

  /** All that is in it, as text. */
  text(): string {
    const bytes = Buffer.from(this.#bytes ?? new ArrayBuffer()).toString('latin1')
    const entries = [...this.#entries].map(([k, v]) => `${k} ${Buffer.from(v).toString('hex')}`)
    return [bytes, ...entries.sort()].join()
  }

  mmap(): ArrayBuffer {
    return (this.#bytes ??= new ArrayBuffer(this.info.maxEntries * this.info.valueSize))
  }

  update(key: Uint8Array, value: Uint8Array): void {
    this.#entries.set(hex(key), Uint8Array.from(value))
  }

  delete(key: Uint8Array): boolean {
    return this.#entries.delete(hex(key))
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(hex(key))
  }

  nextKey(key?: Uint8Array): Uint8Array | undefined {
    const keys = [...this.#entries.keys()]
    const next = keys[key ? keys.indexOf(hex(key)) + 1 : 0]
    return next === undefined ? undefined : Buffer.from(next, 'hex')
  }

  lookupBatch(): ReturnType<BpfMap['lookupBatch']> {
    const keys = Buffer.from([...this.#entries.keys()].join(''), 'hex')
    const values = Buffer.concat([...this.#entries.values()])
    return { keys, values, count: this.#entries.size }
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

export class MemoryMaps {
  readonly #key: readonly number[]
  readonly #cpus: number
  readonly #maps: Record<Name, MemoryMap>
  readonly #settings = new ArrayBuffer(SETTINGS.size)
  #isPinned = false

  /** @param key what tells these maps from all others */
  constructor(key: readonly number[], cpus = 1) {
    this.#key = key
    this.#cpus = cpus
    const maps = Object.keys(MAPS).map(name => [name, new MemoryMap(name as Name, cpus)] as const)
    this.#maps = Object.fromEntries(maps) as Record<Name, MemoryMap>
  }

  copy(): MemoryMaps {
    const found = new MemoryMaps(this.#key, this.#cpus)
    for (const name of Object.keys(MAPS) as Name[]) found.#maps[name].copyOf(this.#maps[name])
    new Uint8Array(found.#settings).set(new Uint8Array(this.#settings))
    found.#isPinned = this.#isPinned
    return found
  }

  map(name: Name): ArrayBuffer {
    return this.#maps[name].mmap()
  }

  /** All that the control plane has written, as text. */
  text(): string {
    return Object.values(this.#maps)
      .map(map => map.text())
      .join('\n')
  }

  /** What openKernel gives; the second time the maps are adopted. */
  kernel(): Kernel {
    const adopted = this.#isPinned
    this.#isPinned = true
    const buckets = SLOTS / LIMIT.SLOTS_PER_BUCKET
    const kernel: unknown = {
      maps: { ...this.#maps, settings: { mmap: () => this.#settings } },
      program: { info: { tag: '0123456789abcdef' } },
      config: { key: this.#key, bucket_mask: buckets - 1, stash_buckets: 4, cpus: this.#cpus },
      sizes: {
        ...{ slots: [SLOTS, SLOTS], services: ENTRIES, dests: ENTRIES, nexthops: ENTRIES },
        ...{ routes: ENTRIES, cpus: this.#cpus },
      },
      ticksPerSecond: 25,
      adopted,
      bpffs: undefined,
      clock: () => 0,
    }
    return kernel as Kernel
  }
}
