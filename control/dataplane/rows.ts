/**
 * A mapped array of equal rows: read, compare, write. Writing what is there already writes nothing,
 * so applying the same thing twice is free. Assumes rows whose size is a multiple of 4.
 */
import type { BpfMap } from '../../addon/index.ts'
import { XlvsError } from '../errors.ts'

export interface Codec<Row> {
  size: number
  read(v: DataView, at: number): Row
  write(v: DataView, at: number, row: Row): void
}

export class Rows<Row> {
  readonly buffer: ArrayBuffer
  readonly length: number
  readonly #codec: Codec<Row>
  readonly #view: DataView
  readonly #words: Uint32Array
  readonly #scratch: Uint32Array
  readonly #scratchView: DataView

  constructor(map: BpfMap, codec: Codec<Row>) {
    this.buffer = map.mmap()
    this.length = Math.floor((map.info.maxEntries * map.info.valueSize) / codec.size)
    this.#codec = codec
    this.#view = new DataView(this.buffer)
    this.#words = new Uint32Array(this.buffer)
    this.#scratch = new Uint32Array(codec.size / 4)
    this.#scratchView = new DataView(this.#scratch.buffer)
  }

  get(row: number): Row {
    return this.#codec.read(this.#view, row * this.#codec.size)
  }

  /**
   * Writes a row, word by word and only the words that differ; whether any did. Bytes before `from`
   * are left to whoever else writes them.
   */
  set(row: number, value: Row, from = 0): boolean {
    const scratch = this.#scratch
    this.#codec.write(this.#scratchView, 0, value)
    const first = row * scratch.length
    let written = false
    for (let i = from / 4; i < scratch.length; i++) {
      const word = scratch[i] ?? 0
      if (this.#words[first + i] === word) continue
      this.#words[first + i] = word
      written = true
    }
    return written
  }

  /** One byte of a row, at that offset. */
  byte(row: number, at: number): number {
    return this.#view.getUint8(row * this.#codec.size + at)
  }

  /** One word of a row, at that offset in bytes. */
  setWord(row: number, at: number, value: number): void {
    this.#words[(row * this.#codec.size + at) / 4] = value
  }

  /** Writes words from the beginning of a row on, only those that differ; whether any did. */
  overwrite(row: number, words: Uint32Array): boolean {
    const first = (row * this.#codec.size) / 4
    let written = false
    for (let i = 0; i < words.length; i++) {
      if (this.#words[first + i] === words[i]) continue
      this.#words[first + i] = words[i] ?? 0
      written = true
    }
    return written
  }

  /** The words of so many rows, where they stand. */
  words(first: number, rows: number): Uint32Array {
    const words = this.#codec.size / 4
    return this.#words.subarray(first * words, (first + rows) * words)
  }

  clear(row: number): void {
    const words = this.#codec.size / 4
    this.#words.fill(0, row * words, (row + 1) * words)
  }
}

/** The next id from `from` on that is not taken, going round once; ids start at 1. */
export function freeId(
  from: number,
  length: number,
  isTaken: (id: number) => boolean,
): number | undefined {
  for (let i = 0; i < length - 1; i++) {
    const id = 1 + ((from - 1 + i) % (length - 1))
    if (!isTaken(id)) return id
  }
  return undefined
}

export function tableFull(what: string, rows: number): XlvsError {
  return new XlvsError(
    'TABLE_FULL',
    `no room for more ${what}: all ${rows} are taken`,
    'remove what is not needed',
  )
}
