/**
 * Schedules in the maps: each service's rows in a region of their own, published by one 8-byte
 * store with the cursor carried over from what it stood on. Read next: ../plan/schedule/index.ts.
 */
import { compareAndSwap64, load64, type BpfMap } from '../../addon/index.ts'
import {
  LIMIT,
  SCHEDULER,
  SCHEDULE_ROW,
  SERVICE,
  readScheduleRow,
  writeScheduleRow,
  type ScheduleRow,
} from '../abi/maps.gen.ts'
import { familyOfService, type Service } from '../model/service.ts'
import { planOf, schedulerNumber } from '../plan/schedule/index.ts'
import type { Candidate, SchedulePlan, Splice } from '../plan/schedule/scheduler.ts'
import { weightsOf, type Weights } from '../plan/schedule/weights.ts'
import { readScheduleWord, scheduleWord } from '../plan/schedule/word.ts'
import type { CacheName, Caches } from './caches.ts'
import { Regions, type Owed } from './regions.ts'
import { Rows, tableFull } from './rows.ts'

/** A row is two words, and in a table a slot is one. */
const SLOTS_PER_ROW = 2

/** A service without a schedule. */
const NOTHING: SchedulePlan = { rows: () => [] }

/** The schedulers that remember, by their numbers. */
const REMEMBERING: Record<number, CacheName> = {
  [SCHEDULER.SCHED_LBLC]: 'lblc',
  [SCHEDULER.SCHED_LBLCR]: 'lblcr',
}

export class Schedules {
  readonly #rows: Rows<ScheduleRow>
  readonly #regions: Regions
  readonly #services: ArrayBuffer
  readonly #caches: Caches
  #scratch = new Uint32Array(0)

  /** @param services the rows of services, whose words name the regions */
  constructor(map: BpfMap, services: ArrayBuffer, caches: Caches) {
    const codec = { size: SCHEDULE_ROW.size, read: readScheduleRow, write: writeScheduleRow }
    this.#rows = new Rows(map, codec)
    this.#regions = new Regions(map.info.maxEntries)
    this.#services = services
    this.#caches = caches
  }

  /** The region of a service that was found published is its own. */
  adopt(serviceId: number): void {
    const { first, rows } = readScheduleWord(load64(this.#services, wordOf(serviceId)))
    if (rows > 0) this.#regions.adopt(first, rows)
  }

  /** A crash between key and schedule left one that no region is held for; its id may come back. */
  clearOrphans(services: number, isTaken: (id: number) => boolean): void {
    for (let id = 0; id < services; id++) {
      const word = wordOf(id)
      const seen = load64(this.#services, word)
      if (seen !== 0n && !isTaken(id)) compareAndSwap64(this.#services, word, seen, 0n)
    }
  }

  /**
   * The schedule of a service and, for schedulers that have one, where its turn stands; whether the
   * rows changed.
   */
  publish(
    serviceId: number,
    service: Service,
    dests: readonly Candidate[],
    touches: readonly Weights[],
  ): boolean {
    const { scheduler: before } = readScheduleWord(load64(this.#services, wordOf(serviceId)))
    const changed = this.#publish(serviceId, service, dests, touches)
    if (before !== schedulerNumber(service.scheduler)) this.#forget(before, serviceId)
    return changed
  }

  /**
   * The same where some dests have taken the place of others in the rows that there are: from
   * `start` on `gone` of them, which `come`, each with its weight, is for now. False: the scheduler
   * cannot do with less than all, and nothing has changed.
   */
  publishSpliced(
    serviceId: number,
    { scheduler }: Service,
    { of, start, gone, come }: Omit<Splice, 'old'> & { of: number },
    touches: readonly Weights[],
  ): boolean {
    const plan = planOf(scheduler)
    const before = readScheduleWord(load64(this.#services, wordOf(serviceId)))
    if (plan.table || !plan.spliced || before.scheduler !== schedulerNumber(scheduler)) return false
    if (before.rows !== of + 1 || (plan.turn && touches.length === 0)) return false
    const splice = { old: this.#rows.words(before.first, before.rows), start, gone, come }
    const words = this.#spliced(splice)
    plan.spliced(words, splice, touches)
    if (!isSame(splice.old, words)) {
      const rows = words.length / 2
      const first = this.#take(rows)
      this.#rows.words(first, rows).set(words)
      this.#swap(wordOf(serviceId), seen => {
        const cursor = plan.moved?.(readScheduleWord(seen).cursor, splice) ?? 0
        return scheduleWord({ first, rows, cursor, scheduler: before.scheduler })
      })
      this.#regions.giveBack(before.first, before.rows)
    }
    if (plan.turn) this.#turn(serviceId, plan.turn.bind(plan), false, touches)
    return true
  }

  /** The rows with others in the place of some; until it is called again. */
  #spliced({ old, start, gone, come }: Splice): Uint32Array {
    const length = old.length + 2 * (come.length - gone)
    if (this.#scratch.length < length) this.#scratch = new Uint32Array(2 * length)
    const words = this.#scratch.subarray(0, length)
    words.set(old.subarray(0, 2 * start))
    come.forEach(({ dest, value }, i) => {
      words[2 * (start + i)] = dest
      words[2 * (start + i) + 1] = value
    })
    words.set(old.subarray(2 * (start + gone)), 2 * (start + come.length))
    return words
  }

  /** What a scheduler that has gone remembered of a service. */
  #forget(scheduler: number, serviceId: number): void {
    const name = REMEMBERING[scheduler]
    if (name) this.#caches.unbind(name, serviceId)
  }

  #publish(
    serviceId: number,
    service: Service,
    dests: readonly Candidate[],
    touches: readonly Weights[],
  ): boolean {
    const plan = planOf(service.scheduler)
    const number = schedulerNumber(service.scheduler)
    const wanted = { dests, settings: service, family: familyOfService(service) }
    if (plan.table) {
      const ids = plan.table(wanted).map(place => dests[place]?.id ?? LIMIT.NONE)
      return this.#publishTable(serviceId, number, ids)
    }
    const word = load64(this.#services, wordOf(serviceId))
    const isNew = readScheduleWord(word).scheduler !== number
    const old = isNew ? [] : this.#read(word)
    if (plan.remembers) this.#caches.bind(plan.remembers, serviceId, isNew)
    const changed = this.#publishRows(serviceId, number, plan, plan.rows(wanted, old))
    const heard = isNew && touches.length === 0 ? [weightsOf(dests)] : touches
    if (plan.turn && heard.length > 0) this.#turn(serviceId, plan.turn.bind(plan), isNew, heard)
    return changed
  }

  #turn(
    serviceId: number,
    turn: NonNullable<SchedulePlan['turn']>,
    isNew: boolean,
    heard: readonly Weights[],
  ): void {
    this.#swap(turnOf(serviceId), seen => turn(isNew ? undefined : seen, heard))
  }

  /** Nothing is scheduled any more. */
  withdraw(serviceId: number): void {
    const { scheduler } = readScheduleWord(load64(this.#services, wordOf(serviceId)))
    this.#publishRows(serviceId, SCHEDULER.SCHED_NONE, NOTHING, [])
    this.#forget(scheduler, serviceId)
  }

  /** Regions that wait for a grace period. */
  get regions(): Owed {
    return this.#regions
  }

  /** Two slots a row. A table that is there already changes where it stands, slot by slot. */
  #publishTable(serviceId: number, scheduler: number, ids: Uint32Array): boolean {
    const before = readScheduleWord(load64(this.#services, wordOf(serviceId)))
    const rows = Math.ceil(ids.length / SLOTS_PER_ROW)
    if (before.scheduler === scheduler && before.rows === rows)
      return this.#rows.overwrite(before.first, ids)
    const first = this.#take(rows)
    this.#rows.overwrite(first, ids)
    this.#swap(wordOf(serviceId), () => scheduleWord({ first, rows, cursor: 0, scheduler }))
    this.#regions.giveBack(before.first, before.rows)
    return true
  }

  #publishRows(
    serviceId: number,
    scheduler: number,
    plan: SchedulePlan,
    rows: ScheduleRow[],
  ): boolean {
    const word = load64(this.#services, wordOf(serviceId))
    const before = readScheduleWord(word)
    const isNew = before.scheduler !== scheduler
    const old = isNew ? [] : this.#read(word)
    if (!isNew && sameRows(old, rows)) return false
    const first = this.#take(rows.length)
    rows.forEach((row, i) => this.#rows.set(first + i, row))
    this.#swap(wordOf(serviceId), seen => {
      const cursor = plan.cursor?.(old, readScheduleWord(seen).cursor, rows) ?? 0
      return scheduleWord({ first, rows: rows.length, cursor, scheduler })
    })
    this.#regions.giveBack(before.first, before.rows)
    return true
  }

  /** A free region's first row. @throws TABLE_FULL */
  #take(rows: number): number {
    const first = rows === 0 ? 0 : this.#regions.take(rows)
    if (first === undefined) throw tableFull('schedule rows', this.#rows.length)
    return first
  }

  #read(word: bigint): ScheduleRow[] {
    const { first, rows } = readScheduleWord(word)
    return Array.from({ length: rows }, (_, i) => this.#rows.get(first + i))
  }

  /** Changes a word that the data plane may be changing. */
  #swap(word: number, change: (seen: bigint) => bigint): void {
    for (;;) {
      const seen = load64(this.#services, word)
      if (compareAndSwap64(this.#services, word, seen, change(seen)) === seen) return
    }
  }
}

/** Where the words of a service are, in 64-bit words. */
function wordOf(serviceId: number): number {
  return (serviceId * SERVICE.size + SERVICE.schedule) / 8
}

function turnOf(serviceId: number): number {
  return (serviceId * SERVICE.size + SERVICE.turn) / 8
}

function sameRows(a: readonly ScheduleRow[], b: readonly ScheduleRow[]): boolean {
  return a.length === b.length && a.every((r, i) => r.dest === b[i]?.dest && r.value === b[i].value)
}

function isSame(a: Uint32Array, b: Uint32Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
