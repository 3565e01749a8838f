/** Random numbers that a seed repeats, for tests that make up a life; they print their seed. */

/** A whole number from 0 to below - 1. */
export type Random = (below: number) => number

/** mulberry32, after Tommy Ettinger. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % below
  }
}

/** One of several. @throws Error when there is none */
export function oneOf<T>(random: Random, all: readonly T[]): T {
  if (all.length === 0) throw new Error('one of nothing')
  return all[random(all.length)] as T
}

/** The seed to begin with: XLVS_SEED, or another each time. */
export function freshSeed(): number {
  return Number(process.env['XLVS_SEED'] ?? Date.now() % 2 ** 31)
}
