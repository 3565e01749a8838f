/**
 * The demo's traffic: all loads at one pace while something is done, and what came of it between
 * two moments. Read next: story.ts, ../support/traffic.ts.
 */
import { waitFor } from '../support/namespace.ts'
import type { Progress, Running } from '../support/traffic.ts'

/** 40 requests a second of each load, so that two cores are not busy with clients alone. */
const STEP = 4
const STEP_MS = 100
/** Longest wait for requests on a busy machine. */
export const PATIENCE_MS = 60_000

/** What happened between two moments. */
export interface Stretch {
  sent: number
  lost: number
  /** Answers of each load by server. */
  answers: Record<string, number>[]
}

export interface Requests {
  /** All that is sent; `add` makes it more. Loads were made with `hold: 0`. */
  readonly loads: readonly Running[]
  add: (loads: Running[]) => void
  /** Lets each load do so many, and waits until all have. */
  burst: (each: number) => Promise<Stretch>
  /** Requests go on while `act` goes on, and are finished after it. */
  during: (act: () => Promise<void>) => Promise<Stretch>
  /** Waits until so many more requests are done. @throws Error when they never are. */
  more: (count: number) => Promise<void>
  /** Requests done so far. */
  done: () => number
}

/** `most` requests are what each load may do at most. */
export function createRequests(most: number): Requests {
  const loads: Running[] = []
  const goals = new Map<Running, number>()
  const done = () => sum(loads.map(({ progress }) => progress.done))
  const allow = (each: number) => {
    for (const load of loads) {
      const before = goals.get(load) ?? 0
      // One that lags is not given more: on a busy machine clients would starve all else.
      if (load.progress.done < before - each) continue
      const goal = Math.min(before + each, most)
      goals.set(load, goal)
      load.allow(goal)
    }
  }
  const settle = () =>
    waitFor('requests to end', () => done() === sum([...goals.values()]), PATIENCE_MS)
  const between = async (act: () => Promise<void>): Promise<Stretch> => {
    const before = loads.map(({ progress }) => progress)
    await act()
    await settle()
    return stretch(before, loads)
  }
  return {
    loads,
    add: more => {
      loads.push(...more)
    },
    done,
    burst: each =>
      between(() => {
        allow(each)
        return Promise.resolve()
      }),
    during: act =>
      between(async () => {
        const pump = setInterval(() => {
          allow(STEP)
        }, STEP_MS)
        await act().finally(() => {
          clearInterval(pump)
        })
      }),
    more: async more => {
      const enough = done() + more
      await waitFor(`${more} more requests`, () => done() >= enough, PATIENCE_MS)
    },
  }
}

function stretch(before: Progress[], loads: Running[]): Stretch {
  const after = loads.map(({ progress }) => progress)
  const gained = (of: (progress: Progress) => number) => sum(after.map(of)) - sum(before.map(of))
  return {
    sent: gained(({ done }) => done),
    lost: gained(({ lost }) => lost),
    answers: after.map(({ answers }, i) =>
      Object.fromEntries(
        Object.entries(answers).map(([name, n]) => [name, n - (before[i]?.answers[name] ?? 0)]),
      ),
    ),
  }
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
