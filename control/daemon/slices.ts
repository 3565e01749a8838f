/**
 * Long work in slices: whoever does it lets others have the event loop in between. Work is a
 * generator that yields wherever it may pause. Read next: changes.ts.
 */
import { setImmediate } from 'node:timers/promises'
import type { Work } from '../model/work.ts'

/** Longest stretch of work without a look at what others ask. */
export const SLICE_MS = 10

/** Does it all; `paused` hears of each pause before it. */
export async function inSlices<T>(
  work: Work<T>,
  nowMs: () => number,
  paused: () => void = () => undefined,
): Promise<T> {
  let since = nowMs()
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
    if (nowMs() - since <= SLICE_MS) continue
    paused()
    await setImmediate()
    since = nowMs()
  }
}
