/**
 * Rates as IPVS estimates them: every 2 seconds, for each object, its counter's difference goes
 * with a weight of 1/4 into a scaled average. Whole numbers throughout, so that what is shown is
 * what the kernel shows. Pure: whoever calls sample() keeps the 2 seconds.
 * Read next: ../dataplane/rates.ts. Source: net/netfilter/ipvs/ip_vs_est.c (v6.12).
 */
import type { Rates } from '../model/service.ts'

/** Seconds between two samples of one object. */
export const SAMPLE_S = 2

/** Numbers an object has: conns, packets in and out, bytes in and out, in this order. */
export const WIDTH = 5

/** Averages are kept in units of 1/2^SCALE_BITS a second: finer for packets than for bytes. */
const SCALE_BITS = [10, 10, 10, 5, 5]
const SCALE = SCALE_BITS.map(bits => 2 ** bits)

/** Averages of so many objects. Exact while a difference is below 2^43. */
export class Estimator {
  readonly #averages: Float64Array
  /** Those of one sample before. */
  readonly #before: Float64Array

  constructor(objects: number) {
    this.#averages = new Float64Array(objects * WIDTH)
    this.#before = new Float64Array(objects * WIDTH)
  }

  /** Takes what was counted in the last 2 seconds, WIDTH numbers from `at` on. */
  sample(object: number, differences: Float64Array, at = 0): void {
    for (let i = 0; i < WIDTH; i++) {
      const average = this.#averages[object * WIDTH + i] as number
      this.#before[object * WIDTH + i] = average
      const rate = ((differences[at + i] as number) * (SCALE[i] as number)) / SAMPLE_S
      this.#averages[object * WIDTH + i] = average + Math.floor((rate - average) / 4)
    }
  }

  /** What is shown: rounded to whole numbers a second; of now, or of one sample before. */
  rates(object: number, which: 'now' | 'before' = 'now'): Rates {
    const averages = which === 'now' ? this.#averages : this.#before
    const shown = (field: number): number => {
      const scale = SCALE[field] as number
      const average = averages[object * WIDTH + field] as number
      return Math.floor((average + scale / 2 - 1) / scale)
    }
    return {
      conns: shown(0),
      inPackets: shown(1),
      outPackets: shown(2),
      inBytes: shown(3),
      outBytes: shown(4),
    }
  }

  /** Starts again from 0. */
  forget(object: number): void {
    for (const all of [this.#averages, this.#before])
      all.fill(0, object * WIDTH, (object + 1) * WIDTH)
  }
}
