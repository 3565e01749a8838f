/**
 * Changes are made in the order in which they are asked for: folded into the intent, written to the
 * maps, journalled, in force, and only then answered; one that fails is taken back. Those that wait
 * at the same time are made together, with one publication a service and one fsync, and each is
 * answered for itself, as if it had come alone. Read next: ../plan/draft.ts, writer.ts.
 */
import { setImmediate } from 'node:timers/promises'
import type { Logger } from 'pino'
import { XlvsError } from '../errors.ts'
import type { Warning } from '../model/warning.ts'
import type { Work } from '../model/work.ts'
import { touchedNames } from '../plan/diff.ts'
import { changed, Draft, replayed } from '../plan/draft.ts'
import type { BulkChange, Change, Intent } from '../plan/intent.ts'
import type { Journal } from './journal.ts'
import { warningsFor } from './ownership.ts'
import { inSlices } from './slices.ts'
import type { Writer } from './writer.ts'

/** Records after which the journal is folded into a snapshot; or as many as there are dests. */
const SNAPSHOT_EVERY = 2000
/**
 * Bytes after which it is, however few records they are: one apply may be 9 MB. A start reads the
 * file whole, which Node does up to 2 GiB.
 */
const SNAPSHOT_BYTES = 64 << 20

/** A change; as a function it is asked for when all before it have been made. */
export type Given = Change | ((draft: Draft) => Change)

/** How a change ended: done, with what there is to warn of, or refused. */
export type Outcome = { warnings: Warning[] } | { error: unknown }

interface Asked {
  given: Given
  /** Whether it is answered only once it is on disk. */
  isOnDisk: boolean
  answer: (outcome: Outcome) => void
}

interface Parts {
  journal: Journal
  log: Pick<Logger, 'error'>
  nowMs(): number
  /** SNAPSHOT_EVERY, unless a test wants snapshots more often. */
  snapshotEvery?: number
  /** SNAPSHOT_BYTES, unless a test has fewer. */
  snapshotBytes?: number
}

/**
 * Hears of what is in force, with the names of services that may have changed. What is in force
 * stays so, even if telling of it fails.
 */
export type Told = (before: Intent, after: Intent, names: Iterable<string>) => Promise<void>

export class Changes {
  readonly #parts: Parts
  readonly #writer: Writer
  readonly #told: Told
  #intent: Intent
  #last: Promise<void> = Promise.resolve()
  /** Those that wait for the next turn, while more may come to them. */
  #group: Asked[] | undefined
  #records: number
  /** Records at which it is time for a snapshot; it takes a while to find out anew. */
  #snapshotAt = 0
  /** Length of the journal up to which there is no need; more once a snapshot could not be made. */
  #bytesMost: number

  constructor(parts: Parts, writer: Writer, intent: Intent, told: Told) {
    this.#parts = parts
    this.#writer = writer
    this.#told = told
    this.#intent = intent
    this.#records = parts.journal.records.length
    this.#bytesMost = snapshotBytes(parts)
  }

  /** As things stand: what is yet to be journalled is in it. */
  get intent(): Intent {
    return this.#intent
  }

  /** Waits for changes under way. */
  async idle(): Promise<void> {
    await this.#last
  }

  /** One change of services, dests or counters. @throws what it was refused for */
  async ask(given: Given): Promise<Warning[]> {
    const [outcome] = await this.askAll([given])
    if (outcome && 'warnings' in outcome) return outcome.warnings
    throw outcome?.error
  }

  /** Many of them, one after the other; one that is refused does not keep the later ones away. */
  askAll(givens: readonly Given[], isOnDisk = true): Promise<Outcome[]> {
    return Promise.all(
      givens.map(
        given =>
          new Promise<Outcome>(answer => {
            this.#groupNow(isOnDisk).push({ given, isOnDisk, answer })
          }),
      ),
    )
  }

  /** Waits until what was answered before is on disk. @throws JOURNAL_WRITE */
  settled(): Promise<void> {
    return this.#parts.journal.settled()
  }

  /** One change of interfaces or settings, by itself. Resolves with the intent before it. */
  makeAlone(given: Change | (() => Change)): Promise<Intent> {
    return this.inTurn(async () => {
      const change = typeof given === 'function' ? given() : given
      const before = this.#intent
      const after = changed(before, change)
      await this.#make(before, after, [change], {
        write: () => {
          this.#writer.write(after, change)
        },
        takeBack: () => this.#writer.takeBack(after, before, change),
        names: [],
      })
      return before
    })
  }

  /** What was counted, written down: the last records of the journal until this resolves. */
  makeCounts(changes: Extract<Change, { op: 'retire' | 'freshCounters' }>[]): Promise<void> {
    return this.inTurn(async () => {
      const before = this.#intent
      const nothing = (): void => undefined
      const hands = { write: nothing, takeBack: nothing, names: [] }
      await this.#make(before, replayed(before, changes), changes, hands)
    })
  }

  /** A whole file's change, to be called in turn. */
  async makeBulk(change: BulkChange, write: () => Promise<void>): Promise<void> {
    const before = this.#intent
    const after = changed(before, change)
    await this.#make(before, after, [change], {
      write,
      takeBack: () => this.#writer.takeBack(after, before, change),
      names: touchedNames(change),
    })
  }

  /** After all that was asked before: the intent may hold a change that is yet to be refused. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    this.#group = undefined
    const done = this.#last.then(act)
    this.#last = done.then(
      () => undefined,
      () => undefined,
    )
    return done
  }

  /** Folds the journal into a snapshot, when it has become long. */
  async tend(): Promise<void> {
    const { journal } = this.#parts
    if (journal.failure) await journal.settled()
    if (!this.#hasManyRecords() && journal.bytes <= this.#bytesMost) return
    await this.inTurn(async () => {
      this.#records = 0
      this.#snapshotAt = 0
      this.#bytesMost = journal.bytes + snapshotBytes(this.#parts)
      await journal.snapshot(this.#intent)
      this.#bytesMost = snapshotBytes(this.#parts)
    })
  }

  #hasManyRecords(): boolean {
    const { snapshotEvery = SNAPSHOT_EVERY } = this.#parts
    this.#snapshotAt = Math.max(this.#snapshotAt, snapshotEvery)
    if (this.#records < this.#snapshotAt) return false
    this.#snapshotAt = Math.max(snapshotEvery, dests(this.#intent))
    return this.#records >= this.#snapshotAt
  }

  /** Those that need not be on disk are made apart: what is answered is not taken back. */
  #groupNow(isOnDisk: boolean): Asked[] {
    if (this.#group && this.#group[0]?.isOnDisk === isOnDisk) return this.#group
    const group: Asked[] = []
    void this.inTurn(async () => {
      if (this.#group === group) this.#group = undefined
      await this.#makeGroup(group)
    }).catch((error: unknown) => {
      for (const { answer } of group) answer({ error })
    })
    this.#group = group
    return group
  }

  async #makeGroup(group: readonly Asked[]): Promise<void> {
    const draft = new Draft(this.#intent)
    const nowMs = (): number => this.#parts.nowMs()
    const folded = await inSlices(fold(draft, group), nowMs)
    const changes = folded.flatMap(({ change }) => change ?? [])
    const steps = draft.steps()
    const { before, after, undo } = draft.inPlace()
    const isOnDisk = group[0]?.isOnDisk ?? true
    const answerAll = (): void => {
      for (const { answer, outcome } of folded) answer(outcome)
    }
    try {
      if (changes.length > 0)
        await this.#make(before, after, changes, {
          write: () => inSlices(this.#writer.writing(steps), nowMs),
          takeBack: () => inSlices(this.#writer.takingBack(before, steps), nowMs),
          names: new Set(steps.map(({ name }) => name)),
          isOnDisk,
          undo,
          ...(isOnDisk ? {} : { answer: answerAll }),
        })
      answerAll()
    } catch (error) {
      const isEachs = error instanceof XlvsError && error.code === 'JOURNAL_WRITE'
      if (group.length === 1 || isEachs) for (const { answer } of group) answer({ error })
      else for (const asked of group) await this.#makeGroup([asked])
    }
  }

  /** Written, journalled, in force; or taken back. */
  async #make(
    before: Intent,
    after: Intent,
    changes: Change[],
    hands: {
      write: () => void | Promise<void>
      takeBack: () => void | Promise<void>
      names: Iterable<string>
      isOnDisk?: boolean
      /** Gives the intent as it was, where that is not `before`. */
      undo?: () => Intent
      /** Answers who is in a hurry: watchers are told while the next change is thought of. */
      answer?: () => void
    },
  ): Promise<void> {
    try {
      this.#intent = after
      await hands.write()
      const { journal } = this.#parts
      await (hands.isOnDisk === false ? journal.write(...changes) : journal.append(...changes))
      this.#records += changes.length
      await this.#writer.endOrphans()
    } catch (error) {
      this.#intent = hands.undo?.() ?? before
      await hands.takeBack()
      throw error
    }
    if (hands.answer) {
      hands.answer()
      await setImmediate()
    }
    await this.#tell(before, after, hands.names)
  }

  async #tell(...news: Parameters<Told>): Promise<void> {
    try {
      await this.#told(...news)
    } catch (error) {
      this.#parts.log.error({ err: error }, 'telling watchers failed')
    }
  }
}

/** What is to be answered once all is done; a refused one has made no change. */
interface Folded {
  change?: Change
  outcome: Outcome
  answer: (outcome: Outcome) => void
}

function snapshotBytes({ snapshotBytes = SNAPSHOT_BYTES }: Parts): number {
  return snapshotBytes
}

function dests({ services }: Intent): number {
  return Object.values(services).reduce((sum, { dests }) => sum + dests.length, 0)
}

/** Takes what can be taken. */
function* fold(draft: Draft, group: readonly Asked[]): Work<Folded[]> {
  const folded: Folded[] = []
  for (const { given, answer } of group) {
    try {
      const change = typeof given === 'function' ? given(draft) : given
      const warnings = warningsFor(draft, change)
      draft.take(change)
      folded.push({ change, outcome: { warnings }, answer })
    } catch (error) {
      folded.push({ outcome: { error }, answer })
    }
    yield
  }
  return folded
}
