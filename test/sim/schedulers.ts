/**
 * Schedulers as the kernel has them: a list of dests, newest first, and a mark in it.
 * Source: ip_vs_rr.c, ip_vs_wrr.c (v6.12), ip_vs_wlc.c (v6.1).
 */

/** What a scheduler sees of a dest. */
export interface Candidate {
  weight: number
  active: number
  inactive: number
}

/** The dests of a service and where its scheduler stands. Undefined: at the head of the list. */
export interface Turn<D extends Candidate> {
  list: D[]
  last: D | undefined
  /** wrr: the weight that a dest must have now, the step it falls by, and where it starts. */
  weight: number
  step: number
  start: number
}

export type SchedulerName = 'rr' | 'wrr' | 'wlc'

/** Begins anew, as a service does that is bound to a scheduler. */
export function begin<D extends Candidate>(turn: Turn<D>): void {
  turn.weight = 0
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
  const found = round.find(d => d.weight > 0)
  if (found) turn.last = found
  return found
}

/** On from the last one; past the end the threshold falls, and below 1 it starts again. */
export function wrr<D extends Candidate>(turn: Turn<D>): D | undefined {
  if (turn.start === 0) return undefined
  let at = turn.last ? turn.list.indexOf(turn.last) : -1
  for (;;) {
    for (at++; at < turn.list.length; at++) {
      const dest = turn.list[at]
      if (!dest || dest.weight < turn.weight) continue
      turn.last = dest
      return dest
    }
    at = -1
    turn.weight -= turn.step
    if (turn.weight <= 0) turn.weight = turn.start
  }
}

/** The least loaded for its weight, an active connection weighing as 256; the first of equals. */
export function wlc<D extends Candidate>({ list }: Turn<D>): D | undefined {
  const load = (d: D): number => d.active * 256 + d.inactive
  let best: D | undefined
  for (const dest of list) {
    if (dest.weight === 0) continue
    if (!best || load(best) * dest.weight > load(dest) * best.weight) best = dest
  }
  return best
}
