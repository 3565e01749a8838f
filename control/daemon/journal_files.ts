/**
 * The journal's folder: which files count, in what order they are made so that a crash between any
 * two steps leaves a folder that reads, and what is damage. Read next: journal_line.ts.
 */
import type * as syncFs from 'node:fs'
import type * as nodeFs from 'node:fs/promises'
import { join } from 'node:path'
import { XlvsError } from '../errors.ts'
import { journalLine, liningUp, readLines, syncedOf } from './journal_line.ts'
import { inSlices } from './slices.ts'

type WriteSync = typeof syncFs.writeSync

/** The calls of node:fs/promises that the journal makes, and one that waits for no thread. */
export type JournalFs = Pick<
  typeof nodeFs,
  'open' | 'readFile' | 'readdir' | 'mkdir' | 'rename' | 'unlink'
> & { writeSync?: WriteSync }

export interface JournalLog {
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Raised when the lines change their meaning. */
const FORMAT_VERSION = 1
/** Only the daemon's own user reads or writes what it was told. */
const FOLDER_MODE = 0o700
const FILE_MODE = 0o600

export interface Found {
  state: unknown
  records: unknown[]
  generation: number
  /** Bytes of journal.<generation> that are acknowledged. */
  good: number
  /** There are unacknowledged bytes after them. */
  torn: boolean
  /** There is no usable journal file yet: this is the first start. */
  fresh: boolean
}

/** Reads everything and changes nothing but leftovers. @throws JOURNAL_DAMAGED. */
export async function readFolder(
  folder: string,
  fs: JournalFs,
  log: JournalLog | undefined,
): Promise<Found> {
  await fs.mkdir(folder, { recursive: true, mode: FOLDER_MODE })
  const names = await fs.readdir(folder)
  const { generation, state } = await readSnapshot(folder, fs, names)
  const found = await readJournal(folder, fs, names, generation)
  await removeLeftovers(folder, fs, names, generation)
  if (found.torn)
    log?.warn(
      { file: join(folder, `journal.${generation}`), keptBytes: found.good },
      'journal ended in an unfinished record, cut off: it was never acknowledged',
    )
  return { ...found, generation, state }
}

/** Makes journal.<generation> with its header, on disk before this resolves. */
export async function startGeneration(
  folder: string,
  fs: JournalFs,
  generation: number,
): Promise<nodeFs.FileHandle> {
  const file = await fs.open(join(folder, `journal.${generation}`), 'w+', FILE_MODE)
  try {
    await writeWhole(file, journalLine({ xlvs: 'journal', version: FORMAT_VERSION }), 0)
    await file.datasync()
    await syncFolder(folder, fs)
  } catch (error) {
    await file.close()
    throw error
  }
  return file
}

/** Puts a new snapshot in the place of the old one; the folder is left for the caller to sync. */
export async function replaceSnapshot(
  folder: string,
  fs: JournalFs,
  snapshot: { generation: number; state: unknown },
): Promise<void> {
  const temporary = join(folder, 'snapshot.tmp')
  const file = await fs.open(temporary, 'w', FILE_MODE)
  try {
    const line = liningUp({ version: FORMAT_VERSION, ...snapshot })
    await writeWhole(file, await inSlices(line, () => performance.now()), 0)
    await file.sync()
  } finally {
    await file.close()
  }
  await fs.rename(temporary, join(folder, 'snapshot'))
}

/** Makes the entries of a folder durable, as POSIX wants it after a rename or a new file. */
export async function syncFolder(folder: string, fs: JournalFs): Promise<void> {
  const handle = await fs.open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** write(2) may write less than asked. */
export async function writeWhole(
  file: nodeFs.FileHandle,
  bytes: Buffer,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done)
    if (bytesWritten === 0) throw new Error('the disk took no bytes')
    done += bytesWritten
  }
}

/** The same of a line, at once: it goes no further than the kernel's memory. */
export function writeNow(
  writeSync: WriteSync,
  { fd }: nodeFs.FileHandle,
  bytes: Buffer,
  position: number,
): void {
  for (let done = 0; done < bytes.length;) {
    const wrote = writeSync(fd, bytes, done, bytes.length - done, position + done)
    if (wrote === 0) throw new Error('the disk took no bytes')
    done += wrote
  }
}

async function readSnapshot(
  folder: string,
  fs: JournalFs,
  names: readonly string[],
): Promise<{ generation: number; state: unknown }> {
  if (!names.includes('snapshot')) return { generation: 0, state: undefined }
  const path = join(folder, 'snapshot')
  const { values, rest } = readLines(await fs.readFile(path))
  const [held] = values as { version: number; generation: number; state: unknown }[]
  if (rest !== 'nothing' || values.length !== 1 || held === undefined)
    throw damaged(path, 1, 'is not what was written')
  if (held.version !== FORMAT_VERSION) throw damaged(path, 1, otherVersion(held.version))
  return held
}

async function readJournal(
  folder: string,
  fs: JournalFs,
  names: readonly string[],
  generation: number,
): Promise<Omit<Found, 'state' | 'generation'>> {
  const path = join(folder, `journal.${generation}`)
  const fresh = { records: [], good: 0, torn: false, fresh: true }
  if (!names.includes(`journal.${generation}`)) {
    const others = names.filter(name => generationOf(name) > generation)
    if (generation === 0 && others.length === 0) return fresh
    throw damaged(generation === 0 ? join(folder, 'snapshot') : path, 1, 'is missing')
  }
  const { values, good, rest } = readLines(await fs.readFile(path))
  const [header, ...groups] = values as [{ version: number } | undefined, ...unknown[]]
  if (rest === 'damaged') throw damaged(path, values.length + 1, 'is not what was written')
  if (header === undefined) {
    if (generation === 0) return fresh
    throw damaged(path, 1, 'is missing')
  }
  if (header.version !== FORMAT_VERSION) throw damaged(path, 1, otherVersion(header.version))
  const records = groups.flat(1).filter(record => syncedOf(record) === undefined)
  return { records, good, torn: rest === 'torn', fresh: false }
}

/** What a crash in the middle of a snapshot left: older journals, a newer one without records. */
async function removeLeftovers(
  folder: string,
  fs: JournalFs,
  names: readonly string[],
  generation: number,
): Promise<void> {
  for (const name of names) {
    const other = generationOf(name)
    const path = join(folder, name)
    if (other > generation && readLines(await fs.readFile(path)).values.length > 1)
      throw damaged(join(folder, 'snapshot'), 1, `is older than ${name}, which has records`)
  }
  for (const name of names)
    if (name === 'snapshot.tmp' || (generationOf(name) >= 0 && generationOf(name) !== generation))
      await fs.unlink(join(folder, name))
}

/** The generation in a file's name, -1 when it is not a journal. */
function generationOf(name: string): number {
  const digits = /^journal\.([0-9]+)$/.exec(name)?.[1]
  return digits === undefined ? -1 : Number(digits)
}

function otherVersion(version: unknown): string {
  return `is of format ${String(version)}: expected ${FORMAT_VERSION}`
}

function damaged(path: string, line: number, what: string): XlvsError {
  return new XlvsError(
    'JOURNAL_DAMAGED',
    `${path}:${line}: this ${what}, so the services cannot be restored; no file was changed`,
    'put the folder back from a copy, or move it away to start without services',
  )
}
