/**
 * When a dest's slow start begins, and how much of it is left: a tick in its row, which the data
 * plane compares with its clock, so that nothing has to be done for it to be over. Pure.
 * Read next: ../../bpf/sched_slow.h.
 */
import { SLOW_START, type DestConns } from '../abi/maps.gen.ts'

/** What of a dest, and of its service, says whether a slow start begins or goes on. */
export interface SlowStart {
  was: Pick<DestConns, 'tick' | 'weight'>
  /** It is in its service already. */
  isThere: boolean
  /** Packets have found the service before, and this is news of it. */
  isLiving: boolean
  /** The weight that schedulers see from now on. */
  weight: number
  /** Ticks that a slow start took until now, and takes from now on; 0: there is none. */
  before: number
  after: number
  /** The clock is asked where it matters: a system call. */
  now: () => number
}

/** The tick at which the slow start of a dest began; 0: it has none, or its is over. */
export function slowTick(of: SlowStart): number {
  const { was, isThere, isLiving, weight, before, after, now } = of
  if (after === 0) return 0
  if (isLiving && weight > 0 && (!isThere || was.weight === 0)) return now() >>> 0 || 1
  return isThere && slowLeft(was.tick, Math.min(before, after), now()) > 0 ? was.tick : 0
}

/** Ticks that are left of a slow start; 0: it has none, or it is over. */
export function slowLeft(began: number, slowStart: number, now: number): number {
  if (began === 0) return 0
  const late = (now + SLOW_START.SLOW_SLACK - began) >>> 0
  if (late >= slowStart + SLOW_START.SLOW_SLACK) return 0
  return slowStart - Math.max(0, late - SLOW_START.SLOW_SLACK)
}

/** The tick of the dest whose slow start will be over last; 0: none has one. */
export function lastBegan(ticks: readonly number[], now: number): number {
  const age = (tick: number): number => (now + SLOW_START.SLOW_SLACK - tick) >>> 0
  return ticks
    .filter(tick => tick !== 0)
    .reduce((last, tick) => (last === 0 || age(tick) < age(last) ? tick : last), 0)
}
