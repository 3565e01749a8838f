/**
 * Places in the schedule array: first fit over free runs, in units of SCHEDULE_ROW_UNIT rows. A
 * region given back may be read for one more grace period, so it is free only after `settle`.
 */
import { SCHEDULE_WORD } from '../abi/maps.gen.ts'

const UNIT = SCHEDULE_WORD.SCHEDULE_ROW_UNIT

export class Regions {
  readonly #taken: Uint8Array
  /** No unit before this is free: or taking thousands would look at all of them each time. */
  #low = 0
  #returned: { first: number; rows: number }[] = []

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
    while (this.#taken[this.#low] === 1) this.#low++
    let run = 0
    for (let unit = this.#low; unit < this.#taken.length; unit++) {
      run = this.#taken[unit] === 0 ? run + 1 : 0
      if (run < units) continue
      const first = (unit - units + 1) * UNIT
      this.#mark(first, rows, 1)
      return first
    }
    return undefined
  }

  giveBack(first: number, rows: number): void {
    if (rows > 0) this.#returned.push({ first, rows })
  }

  /** Whether a grace period is owed before `settle`. */
  get hasReturned(): boolean {
    return this.#returned.length > 0
  }

  /** Call after a grace period: what was given back before it is free. */
  settle(): void {
    for (const { first, rows } of this.#returned) this.#mark(first, rows, 0)
    this.#returned = []
  }

  #mark(first: number, rows: number, taken: 0 | 1): void {
    if (taken === 0) this.#low = Math.min(this.#low, first / UNIT)
    this.#taken.fill(taken, first / UNIT, first / UNIT + Math.ceil(rows / UNIT))
  }
}
