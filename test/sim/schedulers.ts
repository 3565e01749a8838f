/**
 * Schedulers as the kernel has them: a list of dests, newest first, and a mark in it.
 * Source: ip_vs_rr.c, ip_vs_wrr.c (v6.12), ip_vs_wlc.c, ip_vs_lblc.c, ip_vs_lblcr.c (v6.1) and the
 * specification's words; twos is not here. Read next: hashed.ts, maglev.ts.
 */
import { dh, mh, sh } from './hashed.ts'
import { maglev } from './maglev.ts'

export { dh, maglev, mh, sh }

/** What a scheduler sees of a dest. */
export interface Candidate {
  /** The address, as latin1 bytes. */
  bytes: string
  port: number
  weight: number
  /** The one that it was added with, or the last that was not 0. */
  lastWeight: number
  active: number
  inactive: number
  isThere: boolean
  /** Thresholds, the lower one as it is meant; 0: none. */
  upper: number
  lower: number
  isOverloaded: boolean
}

/** The dests of a service and where its scheduler stands. Undefined: at the head of the list. */
export interface Turn<D extends Candidate> {
  list: D[]
  last: D | undefined
  /** wrr: the weight that a dest must have now, the step it falls by, and where it starts. */
  weight: number
  step: number
  start: number
  isV6: boolean
  /** What the scheduler is to do besides. */
  flags: Set<string>
  /** lblc, lblcr: what went to an address, the newest first; lblcr: when that changed last. */
  cache: Map<string, { dests: D[]; changed: number }>
}

/** What a packet is to be scheduled by: whose it is, where it goes, and when it comes. */
export interface Asked {
  from: string
  sport: number
  to: string
  now: number
  /** Ticks after which lblcr's set loses its busiest dest. */
  expiration: number
}

export const SCHEDULER_NAMES = [
  ...(['rr', 'wrr', 'wlc', 'lc', 'fo', 'ovf', 'sed', 'nq', 'lblc', 'lblcr'] as const),
  ...(['dh', 'sh', 'mh', 'maglev'] as const),
] as const
export type SchedulerName = (typeof SCHEDULER_NAMES)[number]

/** Begins anew, as a service does that is bound to a scheduler. */
export function begin<D extends Candidate>(turn: Turn<D>): void {
  turn.weight = 0
  turn.cache.clear()
  touch(turn)
}

/** wrr hears of each dest that is added, edited or removed, and starts again at the head. */
export function touch<D extends Candidate>(turn: Turn<D>): void {
  turn.last = undefined
  const weights = turn.list.map(d => d.weight).filter(w => w > 0)
  turn.step = weights.reduce(gcd, 0) || 1
  turn.start = weights.length === 0 ? 0 : Math.max(...weights) - (turn.step - 1)
  if (turn.weight > turn.start || turn.weight === 0) turn.weight = turn.start
  else if (turn.step > 1) turn.weight = Math.floor(turn.weight / turn.step) * turn.step + 1
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

/** The dest after the one used last that may be used. */
export function rr<D extends Candidate>(turn: Turn<D>): D | undefined {
  const from = turn.last ? turn.list.indexOf(turn.last) : -1
  const round = [...turn.list.slice(from + 1), ...turn.list.slice(0, from + 1)]
  const found = round.find(isUsable)
  if (found) turn.last = found
  return found
}

/** On from the last one; past the end the threshold falls, and below 1 it starts again. */
export function wrr<D extends Candidate>(turn: Turn<D>): D | undefined {
  if (turn.start === 0) return undefined
  const { last, weight: began, step, start } = turn
  if (!turn.list.some(isUsable)) {
    // The kernel looks at all for nothing; this is where it stands then.
    if (last && began <= step) return undefined
    turn.last = undefined
    turn.weight = start
    return undefined
  }
  let at = last ? turn.list.indexOf(last) : -1
  for (;;) {
    for (at++; at < turn.list.length; at++) {
      const dest = turn.list[at]
      if (!dest || dest.isOverloaded || dest.weight < turn.weight) continue
      turn.last = dest
      return dest
    }
    at = -1
    turn.weight -= turn.step
    if (turn.weight <= 0) turn.weight = turn.start
  }
}

function isUsable(dest: Candidate): boolean {
  return dest.weight > 0 && !dest.isOverloaded
}

/** An active connection weighs as 256. */
function overhead(d: Candidate): number {
  return d.active * 256 + d.inactive
}

function activeAndOne(d: Candidate): number {
  return d.active + 1
}

/** The least load for the weight; the first of equals (1.2). */
function least<D extends Candidate>(
  list: readonly D[],
  load: (d: D) => number,
  weight: (d: D) => number = d => d.weight,
): D | undefined {
  return list
    .filter(isUsable)
    .reduce<D | undefined>(
      (best, d) => (best && load(best) * weight(d) <= load(d) * weight(best) ? best : d),
      undefined,
    )
}

export function wlc<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return least(list, overhead)
}

export function lc<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return least(list, overhead, () => 1)
}

export function sed<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return least(list, activeAndOne)
}

export function nq<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return list.find(d => isUsable(d) && d.active === 0) ?? least(list, activeAndOne)
}

export function fo<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return least(list, () => 1)
}

export function ovf<D extends Candidate>({ list }: Turn<D>): D | undefined {
  return least(
    list.filter(d => d.active <= d.weight),
    () => 1,
  )
}

/** Busy, and another has capacity to spare (3.7). */
function isBusy(dest: Candidate, list: readonly Candidate[]): boolean {
  return dest.active > dest.weight && list.some(d => 2 * d.active < d.weight)
}

export function lblc<D extends Candidate>(turn: Turn<D>, { to, now }: Asked): D | undefined {
  const [kept] = turn.cache.get(to)?.dests ?? []
  if (kept?.isThere && kept.weight > 0 && !isBusy(kept, turn.list)) return kept
  const dest = least(turn.list, overhead)
  if (dest) turn.cache.set(to, { dests: [dest], changed: now })
  return dest
}

export function lblcr<D extends Candidate>(turn: Turn<D>, asked: Asked): D | undefined {
  const set = turn.cache.get(asked.to)
  const kept = set
    ? least(
        set.dests.filter(d => d.isThere),
        overhead,
      )
    : undefined
  if (set && set.dests.length > 1 && asked.now - set.changed > asked.expiration) shrink(set, asked)
  if (kept && !isBusy(kept, turn.list)) return kept
  const dest = least(turn.list, overhead)
  if (!dest) return undefined
  if (!set) turn.cache.set(asked.to, { dests: [dest], changed: asked.now })
  else if (!set.dests.includes(dest)) {
    set.dests.unshift(dest)
    set.changed = asked.now
  }
  return dest
}

/** The busiest for its weight leaves; the first of equals. */
function shrink(set: { dests: Candidate[]; changed: number }, { now }: { now: number }): void {
  const [first, ...others] = set.dests.filter(d => d.weight > 0)
  if (!first) return
  const busiest = others.reduce(
    (most, d) => (overhead(most) * d.weight < overhead(d) * most.weight ? d : most),
    first,
  )
  set.dests.splice(set.dests.indexOf(busiest), 1)
  set.changed = now
}

/** After a connection was bound (6). */
export function bound(dest: Candidate): void {
  if (dest.upper > 0 && dest.active + dest.inactive >= dest.upper) dest.isOverloaded = true
}

/** After one was released. */
export function released(dest: Candidate): void {
  if (dest.upper === 0 || dest.active + dest.inactive < dest.lower) dest.isOverloaded = false
}

/** After an edit. */
export function limited(dest: Candidate, upper: number, lower: number): void {
  Object.assign(dest, { upper, lower: lower || upper - Math.floor(upper / 4) })
  bound(dest)
  released(dest)
}
