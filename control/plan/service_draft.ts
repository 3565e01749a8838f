/**
 * One service in the making: dests come, change and go in constant time, however many there are.
 * Pure. Read next: draft.ts.
 */
import { destName, succeeding, type Dest, type DestId, type Service } from '../model/service.ts'
import { scheduledWeight } from './active.ts'
import type { ServiceIntent } from './intent.ts'
import { destWeights, withWeight, type Weights } from './schedule/weights.ts'

export class ServiceDraft {
  #service: Service
  /** As it was when it was last asked for. */
  #intent: ServiceIntent | undefined
  #dests: Dest[]
  /** The same, oldest first, once a dest was looked for. */
  #byName: Map<string, Dest> | undefined
  #weights: Weights | undefined

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
    return this.#named().get(destName(id))
  }

  has(name: string): boolean {
    return this.#named().has(name)
  }

  /** A new dest, or one in the place of what has its name. */
  set(dest: Dest): void {
    const name = destName(dest)
    const was = this.#named().get(name)
    this.#weights =
      !was && this.#weights ? withWeight(this.#weights, scheduledWeight(dest)) : undefined
    this.#named().set(name, succeeding(dest, was))
    this.#intent = undefined
  }

  remove(name: string): void {
    this.#named().delete(name)
    this.#weights = undefined
    this.#intent = undefined
  }

  get weights(): Weights {
    this.#weights ??= destWeights(this.#byName ? [...this.#byName.values()] : this.#dests)
    return this.#weights
  }

  /** As it is by now; the very objects given, where nothing changed. */
  get intent(): ServiceIntent {
    if (this.#intent) return this.#intent
    if (this.#byName && !this.#isAsGiven(this.#byName))
      this.#dests = [...this.#byName.values()].reverse()
    this.#intent = { service: this.#service, dests: this.#dests }
    return this.#intent
  }

  #named(): Map<string, Dest> {
    this.#byName ??= new Map(this.#dests.toReversed().map(dest => [destName(dest), dest]))
    return this.#byName
  }

  #isAsGiven(byName: Map<string, Dest>): boolean {
    let at = this.#dests.length
    if (byName.size !== at) return false
    for (const dest of byName.values()) if (dest !== this.#dests[--at]) return false
    return true
  }
}
