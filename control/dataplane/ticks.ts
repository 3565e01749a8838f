/** Ticks, the data plane's unit of time: jiffies shifted right until they are coarse. Pure. */

/** A tick is at most this long: 31.25 a second at HZ 250 and 1000. */
const TICK_MS_MAX = 32

/** Ticks per second and the shift that makes them from jiffies. */
export function tickRate(coarseNs: number): { shift: number; perSecond: number } {
  const jiffyMs = coarseNs / 1e6
  const shift = Math.max(0, Math.floor(Math.log2(TICK_MS_MAX / jiffyMs)))
  return { shift, perSecond: 1000 / (jiffyMs * 2 ** shift) }
}

const DAY_MS = 86_400_000

/** Milliseconds of the UTC day at which the monotonic clock was 0, given both times now. */
export function dayMs(nowMs: number, monotonicNs: bigint): number {
  const at = (nowMs - Number(monotonicNs / 1_000_000n)) % DAY_MS
  return at < 0 ? at + DAY_MS : at
}
