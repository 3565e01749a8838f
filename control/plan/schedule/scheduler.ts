/**
 * What the control plane must know of a scheduler: the rows that the data plane picks by, and what
 * of its state an edit carries over. Pure; each is a file beside this one. Read next: index.ts.
 */
import type { ScheduleRow } from '../../abi/maps.gen.ts'
import type { Family } from '../../model/address.ts'
import type { ServiceSettings } from '../../model/service.ts'
import type { Weights } from './weights.ts'

/** A dest as a scheduler sees it. Lists of them are in IPVS' order: newest first. */
export interface Candidate {
  id: number
  weight: number
  address: string
  /** Its own; 0: that of the service. */
  port: number
  /** Quiesced: the last weight that was not 0. */
  lastWeight?: number
}

/** What a schedule is made from. */
export interface Wanted {
  dests: readonly Candidate[]
  settings: Pick<ServiceSettings, 'schedFlags'>
}

/** Dests that have taken the place of others, which were beside each other. */
export interface Splice {
  /** The rows that were, two words each; the last is the head's. */
  old: Uint32Array
  /** The first row that is another, and how many have gone there. */
  start: number
  gone: number
  /** Each with its weight as value. */
  come: readonly ScheduleRow[]
}

/** A scheduler that the data plane walks rows for. */
export interface SchedulePlan {
  table?: undefined

  /** The map in which the data plane remembers what went where. */
  remembers?: 'lblc' | 'lblcr'
  /** @param before the rows that the same scheduler had; empty when it is new */
  rows(wanted: Wanted, before: readonly ScheduleRow[]): ScheduleRow[]
  /**
   * Makes the rows right, two words each, once some dests have taken the place of others: what of
   * them came has a weight in each row, the others are as they were. `touches` are those that
   * `turn` hears of. Absent: all rows are made again.
   */
  spliced?(words: Uint32Array, splice: Splice, touches: readonly Weights[]): void
  /**
   * Where the cursor stands in the rows `now` that stood at `cursor` of `before`. Absent: the
   * scheduler has none.
   */
  cursor?(before: readonly ScheduleRow[], cursor: number, now: readonly ScheduleRow[]): number
  /** The same where only some dests are others; whoever has a cursor and `spliced` has this too. */
  moved?(cursor: number, splice: Splice): number
  /**
   * The word `turn` of struct service after dests were touched, each time with those weights.
   * `before` is undefined for a new schedule. Absent: the scheduler has no such word, and does not
   * hear of touches.
   */
  turn?(before: bigint | undefined, touches: readonly Weights[]): bigint
}

/** What a table is made from. */
export interface TableWanted extends Wanted {
  /** Of the service. */
  family: Family
}

/** A scheduler that picks from a table. An edit writes only the slots that it changes. */
export interface TablePlan {
  turn?: undefined
  /** For each slot a place in the list of dests; empty: there is nothing to choose from. */
  table(wanted: TableWanted): Uint32Array
}
