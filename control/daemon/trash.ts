/**
 * Dests that were removed keep their rows while connections have them, and a while longer, as in
 * IPVS' trash; then what they counted is written down and the row is freed.
 * Read next: ../dataplane/tables.ts.
 */
import type { Dataplane } from '../dataplane/dataplane.ts'
import type { Change } from '../plan/intent.ts'

/** A removed dest without connections keeps its id this long, as in IPVS' trash. */
const TRASH_MS = 120_000

interface Parts {
  dataplane: Dataplane
  nowMs(): number
}

type Retirement = Extract<Change, { op: 'retire' }>

export class Trash {
  readonly #parts: Parts
  readonly #idleSince = new Map<number, number>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Frees the rows that have been idle for long; `retire` writes down what they counted. */
  async empty(retire: (change: Retirement) => Promise<unknown>): Promise<void> {
    const { tables } = this.#parts.dataplane
    const now = this.#parts.nowMs()
    const idle = new Set(tables.idleTrash())
    for (const id of this.#idleSince.keys()) if (!idle.has(id)) this.#idleSince.delete(id)
    for (const id of idle) {
      const since = this.#idleSince.get(id) ?? now
      this.#idleSince.set(id, since)
      if (now - since < TRASH_MS) continue
      const [service = '', dest = ''] = (tables.nameOf(id) ?? '').split('>')
      await retire({ op: 'retire', service, dest, traffic: tables.traffic(id) })
      if (!tables.isAvailable(id)) tables.forget(id)
      this.#idleSince.delete(id)
    }
  }

  /**
   * Killed between a retirement's record and its row's end, a daemon would count that traffic
   * twice. The record is the last one then: the row goes before anything else is written.
   */
  finish(last: Change | undefined): void {
    if (last?.op !== 'retire') return
    const { tables } = this.#parts.dataplane
    const id = tables.idleTrash().find(id => tables.nameOf(id) === `${last.service}>${last.dest}`)
    if (id !== undefined) tables.forget(id)
  }
}
