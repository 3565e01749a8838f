/**
 * A hash or trie in the kernel, and what is known to be in it: only what differs is written. Keys
 * and values are hexadecimal text here. Assumes that nobody else writes the map.
 */
import { BpfError, type BpfMap } from '../../addon/index.ts'

/** What a hash and a trie say when they are full. */
const FULL = ['E2BIG', 'ENOSPC']

export class Mirror {
  readonly #map: BpfMap
  #known = new Map<string, string>()

  constructor(map: BpfMap) {
    this.#map = map
  }

  /** Learns what an earlier daemon left there. */
  adopt(): void {
    for (let key = this.#map.nextKey(); key; key = this.#map.nextKey(key)) {
      const value = this.#map.lookup(key)
      if (value) this.#known.set(hex(key), hex(value))
    }
  }

  /**
   * Makes the map hold these entries and no others; the last of a key counts. What finds no room,
   * also when others have gone, is left out: how many those are.
   */
  set(entries: Iterable<readonly [key: string, value: string]>): number {
    const wanted = new Map(entries)
    const late: [key: string, value: string][] = []
    for (const [key, value] of wanted)
      if (this.#known.get(key) !== value && !this.#put(key, value)) late.push([key, value])
    for (const key of this.#known.keys()) if (!wanted.has(key)) this.#map.delete(unhex(key))
    const lost = late.filter(([key, value]) => !this.#put(key, value) && !this.#renew(key, value))
    this.#known = wanted
    for (const [key] of lost) wanted.delete(key)
    return lost.length
  }

  /** A full trie of Linux 6.1 has no room for a new value of a key that it holds, either. */
  #renew(key: string, value: string): boolean {
    return this.#known.has(key) && this.#map.delete(unhex(key)) && this.#put(key, value)
  }

  /** False when the map is full. */
  #put(key: string, value: string): boolean {
    try {
      this.#map.update(unhex(key), unhex(value))
      return true
    } catch (error) {
      if (error instanceof BpfError && FULL.includes(error.code)) return false
      throw error
    }
  }

  /** Every entry, as bytes. */
  entries(): [key: Uint8Array, value: Uint8Array][] {
    return [...this.#known].map(([key, value]) => [unhex(key), unhex(value)])
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function unhex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}
