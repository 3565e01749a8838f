/**
 * One service in the making: dests come, change and go in constant time, however many there are.
 * Pure. Read next: draft.ts.
 */
import { destName, succeeding, type Dest, type DestId, type Service } from '../model/service.ts'
import { scheduledWeight } from './active.ts'
import type { ServiceIntent } from './intent.ts'
import { grown, replaced } from './middles.ts'
import { destWeights, withWeight, type Weights } from './schedule/weights.ts'

/** What is known of a list of dests besides: found out once, and handed on to the next list. */
interface Known {
  /** The same, oldest first. */
  byName: Map<string, Dest>
  weights: Weights | undefined
}

/** Of the lists that intents have; one who takes it away may change it. */
const known = new WeakMap<readonly Dest[], Known>()

export class ServiceDraft {
  #service: Service
  /** As it was when it was last asked for. */
  #intent: ServiceIntent | undefined
  #dests: Dest[]
  /** Since that was made: dests that are new, oldest first; undefined: more than that. */
  #added: Dest[] | undefined = []
  /** And the one that was changed or removed, with what it is now; undefined: more than that. */
  #edited: { was: Dest; now: Dest | undefined }[] | undefined = []
  /** Once a dest was looked for. */
  #known: Known | undefined

  constructor(given: ServiceIntent) {
    this.#intent = given
    this.#service = given.service
    this.#dests = given.dests
  }

  get service(): Service {
    return this.#service
  }

  set service(service: Service) {
    this.#service = service
    this.#intent = undefined
  }

  dest(id: DestId): Dest | undefined {
    return this.#mine().byName.get(destName(id))
  }

  has(name: string): boolean {
    return this.#mine().byName.has(name)
  }

  /** A new dest, or one in the place of what has its name. */
  set(dest: Dest): void {
    const name = destName(dest)
    const mine = this.#mine()
    const was = mine.byName.get(name)
    mine.weights =
      !was && mine.weights ? withWeight(mine.weights, scheduledWeight(dest)) : undefined
    const now = succeeding(dest, was)
    mine.byName.set(name, now)
    if (was) this.#edit(was, now)
    else this.#added?.push(now)
    this.#intent = undefined
  }

  remove(name: string): void {
    const mine = this.#mine()
    const was = mine.byName.get(name)
    mine.byName.delete(name)
    mine.weights = undefined
    if (was) this.#edit(was, undefined)
    this.#intent = undefined
  }

  /** Of those that are new, or of one changed already, nobody knows the place. */
  #edit(was: Dest, now: Dest | undefined): void {
    const isPlain = this.#added?.length === 0 && this.#edited?.length === 0
    if (isPlain && this.#dests.includes(was)) this.#edited = [{ was, now }]
    else this.#added = this.#edited = undefined
  }

  get weights(): Weights {
    const mine = this.#mine()
    mine.weights ??= destWeights([...mine.byName.values()])
    return mine.weights
  }

  /** As it is by now; the very objects given, where nothing changed. */
  get intent(): ServiceIntent {
    if (!this.#intent) {
      this.#dests = this.#listed()
      this.#added = []
      this.#edited = []
      this.#intent = { service: this.#service, dests: this.#dests }
    }
    if (this.#known) known.set(this.#dests, this.#known)
    this.#known = undefined
    return this.#intent
  }

  #listed(): Dest[] {
    const [edit] = this.#edited ?? []
    if (edit && this.#added?.length === 0) return this.#withEdit(edit)
    if (this.#added?.length === 0) return this.#dests
    if (this.#added && !edit) return grown(this.#added.reverse(), this.#dests)
    const { byName } = this.#mine()
    return this.#isAsGiven(byName) ? this.#dests : [...byName.values()].reverse()
  }

  #withEdit({ was, now }: { was: Dest; now: Dest | undefined }): Dest[] {
    if (now === was) return this.#dests
    return replaced(this.#dests, this.#dests.indexOf(was), now ? [now] : [])
  }

  #mine(): Known {
    if (this.#known) return this.#known
    const found = known.get(this.#dests)
    known.delete(this.#dests)
    const byName = new Map(
      found ? [] : this.#dests.toReversed().map(dest => [destName(dest), dest]),
    )
    this.#known = found ?? { byName, weights: undefined }
    return this.#known
  }

  #isAsGiven(byName: Map<string, Dest>): boolean {
    let at = this.#dests.length
    if (byName.size !== at) return false
    for (const dest of byName.values()) if (dest !== this.#dests[--at]) return false
    return true
  }
}
