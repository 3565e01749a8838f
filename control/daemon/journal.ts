/**
 * Accepted changes on disk, before they are answered: an append-only journal, and a snapshot that
 * replaces it from time to time. A killed process or a power cut loses nothing acknowledged. Who
 * cannot wait for the disk has a change written: that outlives a killed process, is on disk one
 * fdatasync later, and `settled` waits for it.
 *
 * In the folder: `snapshot` (one line: {generation, state}) and `journal.<generation>` (a header
 * line, then one line for each group of records that shared an fsync). Before the first snapshot
 * the generation is 0. Read next: journal_line.ts (the lines), journal_files.ts (the files).
 */
import { writeSync } from 'node:fs'
import * as nodeFs from 'node:fs/promises'
import { join } from 'node:path'
import { XlvsError } from '../errors.ts'
import {
  readFolder,
  replaceSnapshot,
  startGeneration,
  syncFolder,
  writeNow,
  writeWhole,
  type JournalFs,
  type JournalLog,
} from './journal_files.ts'
import { liningUp, syncedTo } from './journal_line.ts'
import { inSlices } from './slices.ts'

/** Many records are small ones; among a few may be a whole file's. */
const FEW = 10
/** Bytes that may be written and not on disk: more wait for it. */
const UNSYNCED_MAX = 1 << 20
/** Who is answered before the disk is lets others join the fdatasync, which slows writes down. */
const SYNC_AFTER_MS = 25

export interface JournalOptions {
  /** For tests; the promises of node:fs otherwise. */
  fs?: JournalFs
  /** Told about a torn last line that was cut off. */
  log?: JournalLog
  /** For tests; acts SYNC_AFTER_MS later otherwise. Gives what calls it off. */
  later?: (act: () => void) => () => void
}

function later(act: () => void): () => void {
  const timer = setTimeout(act, SYNC_AFTER_MS)
  return () => {
    clearTimeout(timer)
  }
}

interface Waiting {
  resolve(): void
  reject(error: Error): void
}

type Work =
  | ({ kind: 'append'; records: unknown[]; isOnDisk: boolean } & Waiting)
  | ({ kind: 'snapshot'; state: unknown } & Waiting)
  | ({ kind: 'settle' } & Waiting)

/** One daemon's journal. Only one process may have it open. */
export class Journal {
  /** What the snapshot held at open; undefined when there was none. */
  readonly state: unknown
  /** What was acknowledged after that snapshot, oldest first. */
  readonly records: readonly unknown[]

  readonly #folder: string
  readonly #fs: JournalFs
  readonly #log: JournalLog | undefined
  #generation: number
  #file: nodeFs.FileHandle
  /** Length of what is acknowledged; whatever is beyond must go before the next write. */
  #good: number
  #beyond = false
  /** Length of what is on disk, and the lines between the two; one sync at most is under way. */
  #synced: number
  #unsynced: { bytes: Buffer; end: number }[] = []
  #syncing: Promise<void> | undefined
  readonly #later: (act: () => void) => () => void
  #callOff: (() => void) | undefined
  /** Why it has failed: the kernel may have dropped those lines, so they are written again. */
  #lost: Error | undefined
  /** A renamed snapshot whose folder entry is not surely on disk: nothing may be acknowledged. */
  #unsettled = false
  #queue: Work[] = []
  #working: Promise<void> | undefined
  #closed = false

  private constructor(
    folder: string,
    fs: JournalFs,
    file: nodeFs.FileHandle,
    options: JournalOptions,
    found: { state: unknown; records: unknown[]; generation: number; good: number },
  ) {
    this.#folder = folder
    this.#fs = fs
    this.#log = options.log
    this.#later = options.later ?? later
    this.#file = file
    this.#generation = found.generation
    this.#good = found.good
    this.#synced = found.good
    this.state = found.state
    this.records = found.records
  }

  /**
   * Opens the journal in `folder`, making both when there are none.
   * @throws JOURNAL_DAMAGED when acknowledged records cannot be read (every file is left as it is);
   * JOURNAL_WRITE when the folder cannot be used.
   */
  static async open(folder: string, options: JournalOptions = {}): Promise<Journal> {
    const fs = options.fs ?? { ...nodeFs, writeSync }
    try {
      const found = await readFolder(folder, fs, options.log)
      const file = found.fresh
        ? await startGeneration(folder, fs, found.generation)
        : await fs.open(join(folder, `journal.${found.generation}`), 'r+')
      const good = found.fresh ? (await file.stat()).size : found.good
      if (found.torn) await file.truncate(good)
      // What a killed daemon had only written is taken for acknowledged from here on.
      if (!found.fresh) await file.datasync()
      return new Journal(folder, fs, file, options, { ...found, good })
    } catch (error) {
      throw error instanceof XlvsError ? error : writeError(folder, error, 'nothing was started')
    }
  }

  /** Length of the journal's file, without its snapshot. */
  get bytes(): number {
    return this.#good
  }

  /** Whether everything that was acknowledged is on disk. */
  get isSettled(): boolean {
    return this.#synced === this.#good
  }

  /** Why what was acknowledged as written is not on disk, and nothing more is accepted. */
  get failure(): XlvsError | undefined {
    return this.#lost && unsettled(this.#folder, this.#lost)
  }

  /**
   * Resolves when the records are on disk; appends made meanwhile share one fsync.
   * @throws JOURNAL_WRITE when they could not be written; then none of them is in the journal.
   */
  append(...records: unknown[]): Promise<void> {
    return this.#enqueue(waiting => ({ kind: 'append', records, isOnDisk: true, ...waiting }))
  }

  /** The same, but resolves when they are written, while the disk is still at it. */
  write(...records: unknown[]): Promise<void> {
    return this.#enqueue(waiting => ({ kind: 'append', records, isOnDisk: false, ...waiting }))
  }

  /** Resolves when everything written before is on disk. @throws JOURNAL_WRITE */
  settled(): Promise<void> {
    return this.#enqueue(waiting => ({ kind: 'settle', ...waiting }))
  }

  /**
   * Replaces snapshot and journal by `state`, which holds every record appended before this call.
   * @throws JOURNAL_WRITE when it could not be written; then nothing has changed.
   */
  snapshot(state: unknown): Promise<void> {
    return this.#enqueue(waiting => ({ kind: 'snapshot', state, ...waiting }))
  }

  /** Waits for what was asked, then closes the file. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#working
    await this.#syncAll()
    await this.#file.close()
  }

  #enqueue(work: (waiting: Waiting) => Work): Promise<void> {
    if (this.#closed) return Promise.reject(writeError(this.#folder, new Error('it is closed')))
    return new Promise((resolve, reject) => {
      this.#queue.push(work({ resolve, reject }))
      this.#working ??= this.#drain()
    })
  }

  async #drain(): Promise<void> {
    await Promise.resolve() // lets appends of the same turn join the first group
    for (let group = this.#nextGroup(); group.length > 0; group = this.#nextGroup()) {
      const [first] = group
      try {
        await this.#carryOut(group, first)
        for (const work of group) work.resolve()
      } catch (error) {
        const says = first?.kind === 'settle' ? unsettled : writeError
        for (const work of group) work.reject(says(this.#folder, error))
      }
    }
    this.#working = undefined // in the turn that saw the queue empty, so nothing waits unseen
  }

  async #carryOut(group: readonly Work[], first: Work | undefined): Promise<void> {
    const appends = group.filter(work => work.kind === 'append')
    const isOnDisk = appends.length === 0 || appends.some(work => work.isOnDisk)
    // A sync that fails says so once only: whoever needs the disk must not come after it unseen.
    if (isOnDisk || this.#good - this.#synced > UNSYNCED_MAX) await this.#syncAll()
    await this.#repair()
    if (first?.kind === 'snapshot') await this.#replace(first.state)
    if (appends.length === 0) return
    const records = appends.flatMap(work => work.records)
    await this.#write(records, isOnDisk)
  }

  /** All appends up to the next snapshot, or one snapshot. */
  #nextGroup(): Work[] {
    const until = this.#queue.findIndex(work => work.kind !== 'append')
    return this.#queue.splice(0, until === 0 ? 1 : until > 0 ? until : this.#queue.length)
  }

  async #write(records: unknown[], isOnDisk: boolean): Promise<void> {
    const marked = this.#good > this.#synced ? [...records, syncedTo(this.#synced)] : records
    // What need not be on disk is small; of much else the parts are.
    const depth = isOnDisk ? (records.length > FEW ? 1 : undefined) : 0
    const line = liningUp(marked, depth)
    const bytes = await inSlices(line, () => performance.now())
    this.#beyond = true
    try {
      const { writeSync } = this.#fs
      if (isOnDisk || !writeSync) await writeWhole(this.#file, bytes, this.#good)
      else writeNow(writeSync, this.#file, bytes, this.#good)
      if (isOnDisk) await this.#file.datasync()
    } catch (error) {
      await this.#repair().catch(() => undefined) // the next write tries again
      throw error
    }
    this.#good += bytes.length
    this.#beyond = false
    this.#unsynced.push({ bytes, end: this.#good })
    if (isOnDisk) this.#isOnDisk(this.#good)
    else this.#syncLater()
  }

  #syncLater(): void {
    if (this.isSettled || this.#lost || this.#syncing) return
    this.#callOff ??= this.#later(() => void this.#sync())
  }

  #noSyncLater(): void {
    this.#callOff?.()
    this.#callOff = undefined
  }

  /** Brings all that is written to disk, as nothing is being written; never rejects. */
  async #syncAll(): Promise<void> {
    await this.#syncing
    while (!this.isSettled && !this.#lost) await this.#sync()
  }

  /** The same, and later what is written meanwhile. */
  #sync(): Promise<void> {
    this.#noSyncLater()
    this.#syncing ??= this.#datasync(this.#good).finally(() => {
      this.#syncing = undefined
      this.#syncLater()
    })
    return this.#syncing
  }

  async #datasync(upTo: number): Promise<void> {
    try {
      await this.#file.datasync()
      this.#isOnDisk(upTo)
    } catch (error) {
      this.#lost = error as Error
      this.#log?.error({ err: error }, 'acknowledged changes are not on disk')
    }
  }

  #isOnDisk(upTo: number): void {
    this.#synced = upTo
    this.#unsynced = this.#unsynced.filter(({ end }) => end > upTo)
    if (this.isSettled) this.#noSyncLater()
  }

  /**
   * Takes back what a failed write may have left, and writes again what a failed sync may have
   * lost, before anything new is acknowledged.
   */
  async #repair(): Promise<void> {
    if (this.#unsettled) {
      await syncFolder(this.#folder, this.#fs)
      this.#unsettled = false
    }
    if (!this.#beyond && !this.#lost) return
    await this.#syncing
    await this.#file.truncate(this.#good)
    const lines = Buffer.concat(this.#unsynced.map(({ bytes }) => bytes))
    if (this.#lost) await writeWhole(this.#file, lines, this.#synced)
    await this.#file.datasync()
    this.#isOnDisk(this.#good)
    this.#beyond = false
    this.#lost = undefined
  }

  async #replace(state: unknown): Promise<void> {
    const generation = this.#generation + 1
    const file = await startGeneration(this.#folder, this.#fs, generation)
    let good: number
    try {
      good = (await file.stat()).size
      await replaceSnapshot(this.#folder, this.#fs, { generation, state })
    } catch (error) {
      await file.close()
      throw error
    }
    // The rename is what counts: from here the old files are no more, whatever fails.
    const [oldFile, oldGeneration] = [this.#file, this.#generation]
    this.#good = good
    this.#isOnDisk(good)
    this.#unsynced = []
    this.#file = file
    this.#generation = generation
    this.#unsettled = true
    await oldFile.close()
    await this.#repair()
    await this.#fs.unlink(join(this.#folder, `journal.${oldGeneration}`)).catch(() => undefined)
  }
}

function unsettled(folder: string, cause: unknown): XlvsError {
  return writeError(folder, cause, 'a power cut may undo changes that were acknowledged')
}

function writeError(folder: string, cause: unknown, so = 'the change was refused'): XlvsError {
  const { code, message } = cause as NodeJS.ErrnoException
  const why = code === 'ENOSPC' ? 'no space left' : message
  return new XlvsError(
    'JOURNAL_WRITE',
    `the journal in ${folder} cannot be written, so ${so}: ${why}`,
    code === 'EACCES' || code === 'EPERM'
      ? 'run the daemon as root, or name another folder with --state'
      : 'make room or repair the disk, then try again; what was accepted before is safe',
    { cause },
  )
}
