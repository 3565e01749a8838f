/**
 * Asks the kernel to resolve the neighbours that dests wait for, and not more often than it helps.
 * Read next: ../dataplane/ways.ts.
 */
import type { Logger } from 'pino'
import type { Dataplane } from '../dataplane/dataplane.ts'
import type { Watch } from '../dataplane/watch.ts'
import type { DestId } from '../model/service.ts'

/** A neighbour that stays unknown is asked for again after this. */
const RESOLVE_AGAIN_MS = 1000

interface Parts {
  dataplane: Dataplane
  watch: Watch
  log: Logger
  nowMs(): number
}

export class Resolver {
  readonly #parts: Parts
  readonly #asked = new Map<string, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Asks for theirs. */
  resolve(dests: readonly DestId[]): void {
    const now = this.#parts.nowMs()
    for (const dest of dests) {
      const { unresolved } = this.#parts.dataplane.reach(dest.address)
      if (!unresolved) continue
      const key = `${unresolved.ifindex} ${unresolved.address}`
      if (now - (this.#asked.get(key) ?? -Infinity) < RESOLVE_AGAIN_MS) continue
      this.#asked.set(key, now)
      try {
        this.#parts.watch.resolve(unresolved)
      } catch (error) {
        this.#parts.log.warn({ err: error, neighbour: unresolved }, 'asking for a neighbour failed')
      }
    }
  }
}
