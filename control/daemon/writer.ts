/**
 * Writes what changes mean for the data plane, and takes back those that are refused. It knows of
 * no order and no journal: that is the director's. Read next: apply.ts (a whole file's change).
 */
import { attach, detach } from '../dataplane/attach.ts'
import { writeDefence } from '../dataplane/settings.ts'
import { parseServiceName } from '../config/name.ts'
import type { AttachMode, Dest, ServiceId } from '../model/service.ts'
import type { Work } from '../model/work.ts'
import { defence, type Defence } from '../plan/defence.ts'
import { bulkChange } from '../plan/diff.ts'
import type { Step } from '../plan/draft.ts'
import type { Change, Intent, ServiceIntent } from '../plan/intent.ts'
import { destWeights, type Weights } from '../plan/schedule/weights.ts'
import { carryOut, type Hands } from './apply.ts'
import { aboutInterface, linkNow } from './attaching.ts'
import type { DirectorParts } from './director.ts'
import { Resolver } from './resolver.ts'
import { valuesOf } from './settings.ts'

export class Writer implements Hands {
  /** The modes that the defences are in. */
  modes = defence({}, Infinity).modes
  readonly #parts: DirectorParts
  readonly #interfaces: () => Intent['interfaces']
  readonly #resolver: Resolver
  #isSettling = false

  /** @param interfaces those that are attached as things stand */
  constructor(parts: DirectorParts, interfaces: () => Intent['interfaces']) {
    this.#parts = parts
    this.#interfaces = interfaces
    this.#resolver = new Resolver(parts)
  }

  /** What changes of services come to, one step after the other; pauses between them. */
  *writing(steps: readonly Step[]): Work<void> {
    for (const { name, service, touches } of steps) {
      if (service) this.publish(service, touches)
      else this.withdraw(parseServiceName(name))
      yield
    }
  }

  /** Services as they were before changes that are refused; what cannot be undone is logged. */
  *takingBack(before: Intent, steps: readonly Step[]): Work<void> {
    for (const name of new Set(steps.map(step => step.name))) {
      try {
        const was = before.services[name]
        if (was) this.publish(was, [destWeights(was.dests)], false)
        else this.withdraw(parseServiceName(name))
      } catch (error) {
        this.#parts.log.error({ err: error, service: name }, 'a refused change was not undone')
      }
      yield
    }
  }

  /** A change of interfaces, settings or mark rules. */
  write(after: Intent, change: Change): void {
    if (change.op === 'attach') this.attach(change.name, change.mode)
    else if (change.op === 'detach') this.detach(change.name)
    else if (change.op === 'set') this.set(after.settings)
    else if (change.op === 'addMarks' || change.op === 'removeMarks') this.mark(after.marks)
  }

  /** Undoes such a change, or what was written of a file's; what cannot be undone is logged. */
  async takeBack(after: Intent, before: Intent, change: Change): Promise<void> {
    try {
      const back = change.op === 'apply' ? bulkChange(after, before) : undefined
      if (back) {
        await carryOut(this, after, back, () => undefined, false)
        return
      }
      if (change.op === 'attach' && !Object.hasOwn(before.interfaces, change.name))
        this.detach(change.name)
      const mode = before.interfaces[change.op === 'detach' ? change.name : '']
      if (change.op === 'detach' && mode) this.attach(change.name, mode)
      if (change.op === 'set') this.set(before.settings)
      if (change.op === 'addMarks' || change.op === 'removeMarks') this.mark(before.marks)
    } catch (error) {
      this.#parts.log.error({ err: error, change: change.op }, 'a refused change was not undone')
    }
  }

  /** @param isNews somebody asks for it, and no change is taken back */
  publish(service: ServiceIntent, touches: readonly Weights[] = [], isNews = true): void {
    const { dataplane } = this.#parts
    let written: readonly Dest[]
    try {
      written = dataplane.publish(service, touches, isNews)
    } catch (error) {
      if (!dataplane.tables.regions.hasReturned) throw error
      this.settle() // many edits in one second: what they gave back may make room
      written = dataplane.publish(service, touches, isNews)
    }
    if (dataplane.tables.regions.hasReturnedMuch) this.#settleMeanwhile()
    this.#resolver.resolve(written)
  }

  withdraw(id: ServiceId): void {
    this.#parts.dataplane.withdraw(id)
  }

  attach(name: string, mode: AttachMode): void {
    aboutInterface(name, () => {
      attach(this.#parts.dataplane.kernel, linkNow(this.#parts.watch, name), mode)
    })
    this.refreshWays()
  }

  detach(name: string): void {
    detach(this.#parts.dataplane.kernel, name)
    this.refreshWays()
  }

  set(settings: Intent['settings']): void {
    this.#parts.dataplane.set(valuesOf(settings))
    this.defend(settings)
  }

  /** Puts mark rules in force. @throws TABLE_FULL */
  mark(rules: Intent['marks']): void {
    const { dataplane } = this.#parts
    if (dataplane.marks.owesGracePeriod) this.settle()
    dataplane.setMarks(rules)
  }

  /** Brings the defences against overload up to the memory that is left. */
  defend(settings: Intent['settings']): Defence {
    const available = this.#parts.availablePages?.() ?? Infinity
    const now = defence(valuesOf(settings), available)
    writeDefence(this.#parts.dataplane.kernel, now)
    this.modes = now.modes
    return now
  }

  /** Ends the connections of dests that have left, when connections do not outlive dests. */
  async endOrphans(): Promise<void> {
    if (this.#parts.dataplane.takeOrphaned()) await this.#parts.sweeper.endOrphans()
  }

  nowMs(): number {
    return this.#parts.nowMs()
  }

  /** Asks for the neighbours that a service's dests wait for. */
  resolve(service: ServiceIntent): void {
    this.#resolver.resolve(service.dests)
  }

  /** The same of many services, with a pause after each. */
  *resolving(services: readonly ServiceIntent[]): Work<void> {
    for (const service of services) {
      this.resolve(service)
      yield
    }
  }

  /** Frees what was given back. */
  settle(): void {
    const { tables, marks } = this.#parts.dataplane
    if (!tables.regions.hasReturned && !marks.owesGracePeriod) return
    this.#parts.gracePeriod()
    tables.regions.settle()
    marks.settle()
  }

  /** The same for the tables while changes go on: the worker waits. */
  #settleMeanwhile(): void {
    if (this.#isSettling) return
    this.#isSettling = true
    const { regions } = this.#parts.dataplane.tables
    const { given } = regions
    void this.#parts.sweeper.gracePeriod().then(() => {
      regions.settle(given)
      this.#isSettling = false
    })
  }

  /** Brings the ways out up to what the network is now. */
  refreshWays(): void {
    const { dataplane, watch } = this.#parts
    const attached = Object.keys(this.#interfaces())
      .map(name => watch.link(name)?.ifindex)
      .filter(ifindex => ifindex !== undefined)
    dataplane.setNetwork(watch.network(), new Set(attached))
    const moved = dataplane.movedMarks()
    if (moved) this.mark(moved)
  }
}
