/**
 * Long pure work as a generator that yields wherever whoever does it may pause. Imports nothing.
 * Read next: ../daemon/slices.ts (who pauses).
 */

/** Work that comes to a T. */
export type Work<T> = Generator<void, T>

/** Does it all without a pause. */
export function wholly<T>(work: Work<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done) return value
  }
}
