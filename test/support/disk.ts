/**
 * A disk in memory that can lose power: what was not synced may be there afterwards, in part, with
 * blocks of zeros, or not at all; names likewise. Gives the calls of node:fs/promises that the
 * journal makes, counts them, and can fail or stop at any of them.
 */
import { basename } from 'node:path'
import type { JournalFs } from '../../control/daemon/journal_files.ts'

interface Inode {
  now: Buffer
  synced: Buffer
}
type Names = Map<string, Inode>
type Random = () => number

const BLOCK = 16
const NEVER = new Promise<never>(() => undefined)

export class Disk {
  #names: Names = new Map()
  #syncedNames: Names = new Map()
  #renames: ((names: Names) => void)[] = []
  /** Calls that change or sync something, so far. */
  steps = 0
  syncs = 0
  /** Power goes at this step: the call and all later ones never return. */
  cutAt = Infinity
  onCut: () => void = () => undefined
  /** The error that a call meets, if any; given its name. */
  fault: (call: string) => string | undefined = () => undefined

  /** The contents now, name to text. */
  files(): Record<string, string> {
    return Object.fromEntries([...this.#names].map(([name, { now }]) => [name, now.toString()]))
  }

  put(name: string, bytes: Buffer | string): void {
    const inode = { now: Buffer.from(bytes), synced: Buffer.from(bytes) }
    this.#names.set(name, inode)
    this.#syncedNames.set(name, inode)
  }

  /** The disk as it may be found after power comes back. */
  afterCut(random: Random): Disk {
    const names = new Map(this.#syncedNames)
    for (const rename of this.#renames) if (random() < 0.5) rename(names)
    const found = new Disk()
    for (const [name, inode] of names) found.put(name, survivor(inode, random))
    return found
  }

  readonly fs = {
    mkdir: () => this.#step('mkdir', () => undefined),
    readdir: () => Promise.resolve([...this.#names.keys()]),
    readFile: (path: string) => Promise.resolve(Buffer.from(this.#inode(path).now)),
    rename: (from: string, to: string) =>
      this.#step('rename', () => {
        this.#name(names => {
          const inode = names.get(basename(from))
          names.delete(basename(from))
          if (inode) names.set(basename(to), inode)
        })
      }),
    unlink: (path: string) =>
      this.#step('unlink', () => {
        this.#name(names => names.delete(basename(path)))
      }),
    open: (path: string, flags: string) =>
      this.#step('open', () => (flags === 'r' ? this.#folder() : this.#file(path, flags))),
  } as unknown as JournalFs

  #folder() {
    return {
      sync: () =>
        this.#step('syncFolder', () => {
          this.#syncedNames = new Map(this.#names)
          this.#renames = []
        }),
      close: () => Promise.resolve(),
    }
  }

  #file(path: string, flags: string) {
    if (flags.startsWith('w') && this.#names.has(basename(path)))
      this.#inode(path).now = Buffer.alloc(0)
    else if (flags.startsWith('w')) {
      const inode = { now: Buffer.alloc(0), synced: Buffer.alloc(0) }
      this.#name(names => names.set(basename(path), inode))
    }
    const inode = this.#inode(path)
    const sync = (): Promise<void> =>
      this.#step('sync', () => {
        this.syncs++
        inode.synced = inode.now
      })
    return {
      write: (bytes: Buffer, from: number, length: number, at: number) =>
        this.#step('write', () => {
          const end = Math.max(inode.now.length, at + length)
          const next = Buffer.alloc(end)
          inode.now.copy(next)
          bytes.copy(next, at, from, from + length)
          inode.now = next
          return { bytesWritten: length }
        }),
      truncate: (length: number) =>
        this.#step('truncate', () => {
          inode.now = inode.now.subarray(0, length)
        }),
      datasync: sync,
      sync,
      stat: () => Promise.resolve({ size: inode.now.length }),
      close: () => Promise.resolve(),
    }
  }

  #name(change: (names: Names) => void): void {
    change(this.#names)
    this.#renames.push(change)
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(basename(path))
    if (!inode) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    return inode
  }

  async #step<T>(call: string, act: () => T): Promise<T> {
    await Promise.resolve()
    if (this.steps >= this.cutAt) {
      this.onCut()
      return NEVER
    }
    this.steps++
    const code = this.fault(call)
    if (code !== undefined) throw Object.assign(new Error(`${code}: ${call}`), { code })
    return act()
  }
}

/** Synced bytes, then a part of the others with holes; or, after a truncation, either length. */
function survivor({ now, synced }: Inode, random: Random): Buffer {
  if (now.length < synced.length) return random() < 0.5 ? now : synced
  const length = synced.length + Math.floor(random() * (now.length - synced.length + 1))
  const bytes = Buffer.from(now.subarray(0, length))
  synced.copy(bytes)
  for (let at = synced.length; at < length; at += BLOCK)
    if (random() < 0.3) bytes.fill(0, at, Math.min(at + BLOCK, length))
  return bytes
}
