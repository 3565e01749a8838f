/**
 * One line of the journal: CRC-32 of the JSON in 8 hex digits, its length in bytes, the JSON, and a
 * line feed. 10 000 services are 9 MB, so it is made in pieces. Pure. Read next: journal.ts.
 */
import { crc32 } from 'node:zlib'
import { wholly, type Work } from '../model/work.ts'

const LINE_FEED = 0x0a
const HEAD = /^([0-9a-f]{8}) ([0-9]+) /

/** Characters of JSON between two pauses: a millisecond. */
const CHUNK = 1 << 16
/** So deep are the services of a snapshot, and those of a whole file's change. */
const LARGE_DEPTH = 3

/** The bytes of one line. */
export function journalLine(value: unknown): Buffer {
  return wholly(liningUp(value))
}

/** The same with pauses: whatever is large is within objects and lists `depth` deep. */
export function* liningUp(value: unknown, depth: number = LARGE_DEPTH): Work<Buffer> {
  const chunks: Buffer[] = []
  let crc = 0
  let text = ''
  for (const piece of jsonPieces(value, depth)) {
    text += piece
    if (text.length < CHUNK) continue
    take()
    yield
  }
  take()
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  return Buffer.concat([Buffer.from(`${hex(crc)} ${length} `), ...chunks, Buffer.from('\n')])

  function take(): void {
    const bytes = Buffer.from(text)
    crc = crc32(bytes, crc)
    chunks.push(bytes)
    text = ''
  }
}

/** Together what JSON.stringify gives, of plain objects and lists. */
export function* jsonPieces(value: unknown, depth: number): Generator<string> {
  if (depth === 0 || typeof value !== 'object' || value === null) {
    yield JSON.stringify(value)
    return
  }
  const isList = Array.isArray(value)
  let before = isList ? '[' : '{'
  for (const [key, part] of Object.entries(value) as [string, unknown][]) {
    if (part === undefined && !isList) continue
    yield isList ? before : `${before}${JSON.stringify(key)}:`
    yield* jsonPieces(part ?? null, depth - 1)
    before = ','
  }
  yield `${before === ',' ? '' : before}${isList ? ']' : '}'}`
}

/**
 * What a line has last that was written while those before it were not all on disk: the bytes that
 * were. A daemon that does not know it does nothing for it.
 */
export function syncedTo(bytes: number): unknown {
  return { synced: bytes }
}

/** Those bytes, if that is what it is. */
export function syncedOf(record: unknown): number | undefined {
  if (typeof record !== 'object' || record === null || !('synced' in record)) return undefined
  return typeof record.synced === 'number' ? record.synced : undefined
}

export interface Lines {
  values: unknown[]
  /** Bytes of the whole, good lines. */
  good: number
  /**
   * What follows them: 'torn' is a last line that a power cut left unfinished (no line feed, or
   * zeros where blocks were not written), or lines of which a later one says that they were not on
   * disk; 'damaged' is a line that was once whole.
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
      const torn = last ? end < 0 || line.includes(0) : wasUnsynced(bytes, good, end)
      return { values, good, rest: torn ? 'torn' : 'damaged' }
    }
    values.push(value)
    good = end + 1
  }
  return { values, good, rest: 'nothing' }
}

/**
 * Whether a line that is not as it was written, from `at` to `end`, need not have been on disk: by
 * the good lines after it, of which one that does not say how much was says that all before it was.
 */
function wasUnsynced(bytes: Buffer, at: number, end: number): boolean {
  let isTorn = bytes.subarray(at, end).includes(0)
  for (let start = end + 1; start < bytes.length;) {
    const next = bytes.indexOf(LINE_FEED, start)
    if (next < 0) break
    const value = readLine(bytes.subarray(start, next))
    const synced = Array.isArray(value) ? syncedOf(value.at(-1)) : undefined
    if (value !== undefined && (synced === undefined || synced > at)) return false
    if (value !== undefined) isTorn = true
    start = next + 1
  }
  return isTorn
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
