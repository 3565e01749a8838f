/**
 * A disk in memory that can lose power: what was not synced may be there afterwards, in part, with
 * blocks of zeros, or not at all; names likewise. Gives the calls of node:fs/promises that the
 * journal makes, counts them, and can fail or stop at any of them.
 */
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { JournalFs } from '../../control/daemon/journal_files.ts'

/** Contents are never changed in place, so that what was synced may be a part of what is now. */
interface Inode {
  now: Buffer
  synced: Buffer
  /** Length before a write that a kill cuts short; else of all there is. */
  wholeTo: number
  /** Bytes that a failed sync has dropped: no later one brings them to disk. */
  dropped?: { from: number; to: number } | undefined
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
  /** How long a datasync takes, once it has what it brings to disk. */
  syncing: Promise<void> | undefined
  /** Called before each of those calls. */
  onStep: (call: string) => void = () => undefined
  /** The error that a call meets, if any; given its name. A write leaves half of it behind. */
  fault: (call: string) => string | undefined = () => undefined

  /** The contents now, name to text. */
  files(): Record<string, string> {
    return Object.fromEntries([...this.#names].map(([name, { now }]) => [name, now.toString()]))
  }

  put(name: string, bytes: Buffer | string): void {
    const now = Buffer.from(bytes)
    const inode = { now, synced: now, wholeTo: now.length }
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

  /** The disk as a new process finds it after the old one was killed: all but the last write. */
  afterKill(random: Random): Disk {
    const found = new Disk()
    for (const [name, { now, wholeTo }] of this.#names)
      found.put(name, now.subarray(0, wholeTo + partOf(now.length - wholeTo, random)))
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
      const inode = { now: Buffer.alloc(0), synced: Buffer.alloc(0), wholeTo: 0 }
      this.#name(names => names.set(basename(path), inode))
    }
    const inode = this.#inode(path)
    const sync = (): Promise<void> =>
      this.#step(
        'sync',
        () => {
          this.syncs++
          inode.synced = withoutDropped(inode)
          inode.wholeTo = inode.now.length
        },
        () => {
          inode.dropped = { from: inode.synced.length, to: inode.now.length }
        },
      )
    return {
      write: (bytes: Buffer, from: number, length: number, at: number) =>
        this.#step(
          'write',
          () => {
            write(inode, bytes.subarray(from, from + length), at)
            inode.wholeTo = inode.now.length
            return { bytesWritten: length }
          },
          () => {
            write(inode, bytes.subarray(from, from + (length >> 1)), at)
          },
          () => {
            write(inode, bytes.subarray(from, from + length), at)
          },
        ),
      truncate: (length: number) =>
        this.#step('truncate', () => {
          inode.now = inode.now.subarray(0, length)
          inode.wholeTo = length
          if (inode.dropped) inode.dropped.to = Math.min(inode.dropped.to, length)
        }),
      datasync: async () => {
        await sync()
        await this.syncing
      },
      sync,
      stat: () => this.#stat(inode),
      close: () => Promise.resolve(),
    }
  }

  /** It changes nothing, so it is no step; but it may fail. */
  #stat({ now }: Inode): Promise<{ size: number }> {
    const code = this.fault('stat')
    if (code === undefined) return Promise.resolve({ size: now.length })
    return Promise.reject(Object.assign(new Error(`${code}: stat`), { code }))
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

  /** @param fail what it leaves behind when it fails @param cut when all ends with it */
  async #step<T>(
    call: string,
    act: () => T,
    fail: () => void = () => undefined,
    cut: () => void = () => undefined,
  ): Promise<T> {
    await setImmediate() // a disk takes its time: who was answered before has heard of it
    if (this.steps >= this.cutAt) {
      if (this.steps++ === this.cutAt) cut()
      this.onCut()
      return NEVER
    }
    this.onStep(call)
    this.steps++
    const code = this.fault(call)
    if (code === undefined) return act()
    fail()
    throw Object.assign(new Error(`${code}: ${call}`), { code })
  }
}

/** Room beyond the end of what is written, so that appending copies only what is new. */
const SPARE = 1 << 16
const tails = new WeakMap<ArrayBufferLike, number>()

function withoutDropped({ now, dropped }: Inode): Buffer {
  if (!dropped || dropped.to <= dropped.from) return now
  return Buffer.from(now).fill(0, dropped.from, dropped.to)
}

function write(inode: Inode, bytes: Buffer, at: number): void {
  const { now, dropped } = inode
  if (dropped && at <= dropped.from && at + bytes.length >= dropped.to) inode.dropped = undefined
  const end = Math.max(now.length, at + bytes.length)
  const start = now.byteOffset
  const fits = start + end <= now.buffer.byteLength && tails.get(now.buffer) === start + now.length
  if (at === now.length && fits) inode.now = Buffer.from(now.buffer, start, end)
  else {
    inode.now = Buffer.from(new ArrayBuffer(end + SPARE), 0, end)
    now.copy(inode.now)
  }
  bytes.copy(inode.now, at)
  tails.set(inode.now.buffer, inode.now.byteOffset + end)
  inode.wholeTo = now.length // what is written over is the same again
}

/** All, nothing, or something between. */
function partOf(length: number, random: Random): number {
  const share = random()
  return share < 0.3 ? 0 : share < 0.6 ? length : Math.floor(random() * (length + 1))
}

/** Synced bytes, then a part of the others with holes; or, after a truncation, either length. */
function survivor({ now, synced }: Inode, random: Random): Buffer {
  if (now.length < synced.length) return random() < 0.5 ? now : synced
  const length = synced.length + partOf(now.length - synced.length, random)
  const bytes = Buffer.from(now.subarray(0, length))
  synced.copy(bytes)
  for (let at = synced.length; at < length; at += BLOCK)
    if (random() < 0.3) bytes.fill(0, at, Math.min(at + BLOCK, length))
  return bytes
}
