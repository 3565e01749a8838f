/**
 * Dests that were removed keep their rows while connections have them, and a while longer, as in
 * IPVS' trash; then what they counted is written down and the row is freed.
 * Read next: ../dataplane/tables.ts.
 */
import type { Dataplane } from '../dataplane/dataplane.ts'
import { destName } from '../model/service.ts'
import type { Change } from '../plan/intent.ts'

/** A removed dest without connections keeps its id this long, as in IPVS' trash. */
const TRASH_MS = 120_000
/** Rows freed in one go: fewer than keep others waiting, and 100 000 of them in two minutes. */
const RETIRED_AT_ONCE = 1000

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
  async empty(retire: (changes: Retirement[]) => Promise<unknown>): Promise<void> {
    const { tables } = this.#parts.dataplane
    this.#parts.dataplane.settleAnswers()
    const now = this.#parts.nowMs()
    const idle = new Set(tables.idleTrash())
    for (const id of this.#idleSince.keys()) if (!idle.has(id)) this.#idleSince.delete(id)
    for (const id of idle) if (!this.#idleSince.has(id)) this.#idleSince.set(id, now)
    const old = [...this.#idleSince].filter(([, since]) => now - since >= TRASH_MS)
    const ids = old.slice(0, RETIRED_AT_ONCE).map(([id]) => id)
    if (ids.length === 0) return
    await retire(ids.map(id => this.#retirement(id)))
    for (const id of ids) {
      if (!tables.isAvailable(id)) tables.forget(id)
      this.#idleSince.delete(id)
    }
  }

  #retirement(id: number): Retirement {
    const { tables } = this.#parts.dataplane
    const owner = tables.ownerOf(id)
    const dest = owner ? destName(owner.dest) : ''
    return { op: 'retire', service: owner?.service ?? '', dest, traffic: tables.traffic(id) }
  }

  /**
   * Killed between retirements' records and their rows' end, a daemon would count that traffic
   * twice. The records are the last ones then: the rows go before anything else is written.
   */
  finish(records: readonly Change[]): void {
    const from = records.findLastIndex(({ op }) => op !== 'retire') + 1
    const rows = records.slice(from).map(one => one.op === 'retire' && `${one.service}>${one.dest}`)
    const names = new Set(rows.slice(-RETIRED_AT_ONCE))
    const { tables } = this.#parts.dataplane
    for (const id of tables.idleTrash()) {
      const owner = tables.ownerOf(id)
      if (owner && names.has(`${owner.service}>${destName(owner.dest)}`)) tables.forget(id)
    }
  }
}
