/**
 * Places in the schedule array: first fit over free runs, in units of SCHEDULE_ROW_UNIT rows. A
 * region given back may be read for one more grace period, so it is free only after `settle`.
 */
import { SCHEDULE_WORD } from '../abi/maps.gen.ts'

const UNIT = SCHEDULE_WORD.SCHEDULE_ROW_UNIT
/** Of the array. */
const MUCH = 1 / 8

/** What who waits for readers must know. */
export type Owed = Pick<Regions, 'hasReturned' | 'hasReturnedMuch' | 'given' | 'settle'>

export class Regions {
  readonly #taken: Uint8Array
  /** No unit before this is free: or taking thousands would look at all of them each time. */
  #low = 0
  /** Nor is there a run of so many that begins before that one, as taking that many has shown. */
  #seen = { units: Infinity, from: 0 }
  #returned: { first: number; rows: number }[] = []
  #returnedUnits = 0
  #given = 0

  /** @param rows length of the schedule array */
  constructor(rows: number) {
    this.#taken = new Uint8Array(Math.floor(rows / UNIT))
  }

  /** Marks a region as taken that was found published. */
  adopt(first: number, rows: number): void {
    this.#mark(first, rows, 1)
  }

  /** The first row of a free region, undefined when there is no room. */
  take(rows: number): number | undefined {
    const units = Math.ceil(rows / UNIT)
    const first = this.#find(units)
    this.#seen = { units, from: first ?? this.#taken.length }
    if (first === undefined) return undefined
    this.#mark(first * UNIT, rows, 1)
    return first * UNIT
  }

  giveBack(first: number, rows: number): void {
    if (rows === 0) return
    this.#returned.push({ first, rows })
    this.#returnedUnits += Math.ceil(rows / UNIT)
    this.#given++
  }

  /** Whether a grace period is owed before `settle`. */
  get hasReturned(): boolean {
    return this.#returned.length > 0
  }

  /** Whether so much waits for one that there may soon be no room. */
  get hasReturnedMuch(): boolean {
    return this.#returnedUnits > this.#taken.length * MUCH
  }

  /** How often something was given back. */
  get given(): number {
    return this.#given
  }

  /** Call after a grace period: what was given back before it, as `given` was then, is free. */
  settle(given = this.#given): void {
    const count = Math.max(0, given - this.#given + this.#returned.length)
    for (const { first, rows } of this.#returned.splice(0, count)) {
      this.#mark(first, rows, 0)
      this.#returnedUnits -= Math.ceil(rows / UNIT)
    }
  }

  /** The first unit of the first free run of so many. */
  #find(units: number): number | undefined {
    while (this.#taken[this.#low] === 1) this.#low++
    let run = 0
    const from = units < this.#seen.units ? this.#low : Math.max(this.#low, this.#seen.from)
    for (let unit = from; unit < this.#taken.length; unit++) {
      run = this.#taken[unit] === 0 ? run + 1 : 0
      if (run === units) return unit - units + 1
    }
    return undefined
  }

  #mark(first: number, rows: number, taken: 0 | 1): void {
    if (taken === 0) {
      this.#low = Math.min(this.#low, first / UNIT)
      this.#seen = { units: Infinity, from: 0 }
    }
    this.#taken.fill(taken, first / UNIT, first / UNIT + Math.ceil(rows / UNIT))
  }
}
