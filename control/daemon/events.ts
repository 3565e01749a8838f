/**
 * The last events, and who is told of new ones. Bounded: what falls out of the ring is lost, and a
 * watcher that asks for it is told so. Read next: events_route.ts (over HTTP), observer.ts (who
 * tells).
 */
import { randomBytes } from 'node:crypto'
import { XlvsError } from '../errors.ts'
import type { EventBody, LvsEvent } from '../model/event.ts'

/** Events kept for watchers that come back: some hundred bytes each. */
const RING_MAX = 4096
/** Beyond these in one change, a watcher is better off reading everything. */
const ONE_BY_ONE_MAX = 1000
/** Watchers at one time; each may have a buffer. */
export const WATCHERS_MAX = 64

/** An event as it waits for a watcher, whom there may never be. */
interface Kept {
  number: number
  at: Date
  body: EventBody
}

export class Events {
  readonly #epoch: string
  readonly #now: () => Date
  readonly #watchers = new Set<(event: LvsEvent) => void>()
  #ring: Kept[] = []
  #last = 0

  /** @param epoch tells this daemon's ids from those of one before it */
  constructor(epoch = randomBytes(4).toString('hex'), now = () => new Date()) {
    this.#epoch = epoch
    this.#now = now
  }

  /** Tells every watcher what has happened at once, in this order. */
  publish(bodies: readonly EventBody[]): void {
    const told: readonly EventBody[] =
      bodies.length > ONE_BY_ONE_MAX ? [{ kind: 'many-changes', changes: bodies.length }] : bodies
    const at = this.#now()
    for (const body of told) {
      const kept = { number: ++this.#last, at, body }
      this.#ring.push(kept)
      if (this.#watchers.size === 0) continue
      const event = this.#eventOf(kept)
      for (const tell of this.#watchers) tell(event)
    }
    if (this.#ring.length > 2 * RING_MAX) this.#ring = this.#ring.slice(-RING_MAX)
  }

  /** Who is told just now. */
  get watchers(): number {
    return this.#watchers.size
  }

  /** The id to go on from. */
  get lastId(): string {
    return this.#idOf(this.#last)
  }

  /**
   * Tells `tell` of each event from now on, and first of those after the id given, or that they
   * are missed.
   * @returns what ends it
   * @throws TOO_MANY_WATCHERS
   */
  watch(after: string | undefined, tell: (event: LvsEvent) => void): () => void {
    if (this.#watchers.size >= WATCHERS_MAX)
      throw new XlvsError(
        'TOO_MANY_WATCHERS',
        `${this.#watchers.size} watchers are told of events already: expected at most ` +
          String(WATCHERS_MAX),
        'end one of them: ss -xp shows who is connected to the socket',
      )
    for (const event of this.#since(after)) tell(event)
    this.#watchers.add(tell)
    return () => {
      this.#watchers.delete(tell)
    }
  }

  #idOf(number: number): string {
    return `${this.#epoch}-${number}`
  }

  #eventOf({ number, at, body }: Kept): LvsEvent {
    return { id: this.#idOf(number), at: at.toISOString(), ...body }
  }

  #since(after: string | undefined): LvsEvent[] {
    if (after === undefined) return []
    const [epoch, digits = ''] = after.split('-')
    const number = /^[0-9]{1,15}$/.test(digits) ? Number(digits) : NaN
    const kept = this.#ring.slice(-RING_MAX)
    const first = this.#last - kept.length
    if (epoch === this.#epoch && number >= first && number <= this.#last)
      return kept.slice(number - first).map(one => this.#eventOf(one))
    return [{ id: this.lastId, at: this.#now().toISOString(), kind: 'events-missed' }]
  }
}
