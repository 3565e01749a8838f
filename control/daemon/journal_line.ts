/**
 * One line of the journal: CRC-32 of the JSON in 8 hex digits, its length in bytes, the JSON, and a
 * line feed. Pure. Read next: journal.ts.
 */
import { crc32 } from 'node:zlib'

const LINE_FEED = 0x0a
const HEAD = /^([0-9a-f]{8}) ([0-9]+) /

/** The bytes of one line. */
export function journalLine(value: unknown): Buffer {
  const json = JSON.stringify(value)
  return Buffer.from(`${hex(crc32(json))} ${Buffer.byteLength(json)} ${json}\n`)
}

export interface Lines {
  values: unknown[]
  /** Bytes of the whole, good lines. */
  good: number
  /**
   * What follows them: 'torn' is a last line that a power cut left unfinished (no line feed, or
   * zeros where blocks were not written), 'damaged' is a line that was once whole.
   */
  rest: 'nothing' | 'torn' | 'damaged'
}

/** The good lines from the beginning of `bytes`, and what stopped the reading. */
export function readLines(bytes: Buffer): Lines {
  const values: unknown[] = []
  let good = 0
  while (good < bytes.length) {
    const end = bytes.indexOf(LINE_FEED, good)
    const line = bytes.subarray(good, end < 0 ? bytes.length : end)
    const value = end < 0 ? undefined : readLine(line)
    if (value === undefined) {
      const last = end < 0 || end === bytes.length - 1
      const torn = last && (end < 0 || line.includes(0))
      return { values, good, rest: torn ? 'torn' : 'damaged' }
    }
    values.push(value)
    good = end + 1
  }
  return { values, good, rest: 'nothing' }
}

/** The value of a line without its line feed; undefined when the line is not as it was written. */
function readLine(line: Buffer): unknown {
  const head = HEAD.exec(line.subarray(0, 32).toString('latin1'))
  if (!head) return undefined
  const json = line.subarray(head[0].length)
  if (json.length !== Number(head[2]) || hex(crc32(json)) !== head[1]) return undefined
  return JSON.parse(json.toString()) as unknown
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0')
}
