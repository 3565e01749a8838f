/**
 * A BPF map in memory, for tests of what writes one: hashes and tries by key, arrays by mmap().
 */
import { BpfError, type BpfMap } from '../../addon/index.ts'

const FULL = { code: 'ENOSPC', errno: 28, syscall: 'bpf_map_update_elem', log: '' }

export interface MemoryMap {
  map: BpfMap
  /** Entries of a hash, in hexadecimal digits. */
  held: Map<string, string>
  /** Every write of an entry, in order. */
  log: string[]
}

/**
 * @param bytes of an array's memory; a hash needs none, and has room for `most` entries: full, it
 * takes no new value of a key that it holds, as a trie of Linux 6.1
 */
export function memoryMap(bytes = 0, most = Infinity): MemoryMap {
  const held = new Map<string, string>()
  const log: string[] = []
  const memory = new ArrayBuffer(bytes)
  const text = (key: Uint8Array): string => Buffer.from(key).toString('hex')
  const raw = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
  const map = {
    info: { maxEntries: 1, valueSize: bytes },
    mmap: () => memory,
    lookup: (key: Uint8Array) => {
      const value = held.get(text(key))
      return value === undefined ? undefined : raw(value)
    },
    nextKey: (key?: Uint8Array) => {
      const keys = [...held.keys()]
      const next = keys[key ? keys.indexOf(text(key)) + 1 : 0]
      return next === undefined ? undefined : raw(next)
    },
    update: (key: Uint8Array, value: Uint8Array) => {
      if (held.size >= most) throw new BpfError('no room', FULL)
      log.push(`${text(key)} ${text(value)}`)
      held.set(text(key), text(value))
    },
    delete: (key: Uint8Array) => {
      log.push(`${text(key)} gone`)
      return held.delete(text(key))
    },
  }
  return { map: map as unknown as BpfMap, held, log }
}
