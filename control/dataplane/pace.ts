/**
 * How long the daemon rests between two turns of work that grows with tables and networks, so that
 * it takes but a share of a core. Pure; used by watch.ts and sweep_worker.ts.
 */

/** Changes that come together are taken together. */
const SETTLE_MS = 5
/** Of a network so large that a change takes long, changes are taken as seldom: a fifth of time. */
const SETTLE_SHARE = 4

/**
 * From a change of the network until it is carried out.
 * @param tookMs how long the last one took to be carried out
 * @param sinceMs how long ago that was done
 */
export function settleMs(tookMs: number, sinceMs: number): number {
  return Math.max(SETTLE_MS, SETTLE_SHARE * tookMs - sinceMs)
}

/** Deadlines are kept to about this; IPVS' own wheel is coarser. */
const PERIOD_MS = 500
/** A sweep takes at most this share of a core. */
const SHARE_MAX = 0.05

/**
 * From one sweep to the next. The first maps the tables' pages and runs before it is compiled: not
 * what others will take.
 * @param workedMs how long it took, without what it waited for readers: others have had the core
 */
export function sweepPauseMs(workedMs: number, isFirst: boolean): number {
  return isFirst ? PERIOD_MS : Math.max(PERIOD_MS, workedMs / SHARE_MAX)
}
