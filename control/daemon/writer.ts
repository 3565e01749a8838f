/**
 * Writes what changes mean for the data plane, and takes back those that are refused. It knows of
 * no order and no journal: that is the director's. Read next: apply.ts (a whole file's change).
 */
import { attach, detach } from '../dataplane/attach.ts'
import { parseServiceName } from '../config/name.ts'
import type { AttachMode, ServiceId } from '../model/service.ts'
import { bulkChange } from '../plan/diff.ts'
import type { Change, Intent, ServiceIntent } from '../plan/intent.ts'
import { carryOut, type Hands } from './apply.ts'
import { aboutInterface, linkNow } from './attaching.ts'
import type { DirectorParts } from './director.ts'
import { Resolver } from './resolver.ts'
import { valuesOf } from './settings.ts'

/** Changes that schedulers hear of: what the kernel calls add, del and update dest. */
const TOUCHES: readonly string[] = ['addDest', 'setDest', 'removeDest']

export class Writer implements Hands {
  readonly #parts: DirectorParts
  readonly #interfaces: () => Intent['interfaces']
  readonly #resolver: Resolver

  /** @param interfaces those that are attached as things stand */
  constructor(parts: DirectorParts, interfaces: () => Intent['interfaces']) {
    this.#parts = parts
    this.#interfaces = interfaces
    this.#resolver = new Resolver(parts)
  }

  /** One change; a bulk change is carryOut's. */
  write(before: Intent, after: Intent, change: Change): void {
    if (change.op === 'attach') this.attach(change.name, change.mode)
    else if (change.op === 'detach') this.detach(change.name)
    else if (change.op === 'set') this.set(after.settings)
    const names = new Set([...Object.keys(before.services), ...Object.keys(after.services)])
    for (const name of names) {
      if (before.services[name] === after.services[name]) continue
      const service = after.services[name]
      if (service) this.publish(service, TOUCHES.includes(change.op))
      else this.withdraw(parseServiceName(name))
    }
  }

  /** Undoes a change, or what was written of it; what cannot be undone is logged. */
  async takeBack(after: Intent, before: Intent, change: Change): Promise<void> {
    try {
      const back = change.op === 'apply' ? bulkChange(after, before) : undefined
      if (back) {
        await carryOut(this, after, back, () => undefined)
        return
      }
      if (change.op === 'attach' && !Object.hasOwn(before.interfaces, change.name))
        this.detach(change.name)
      const mode = before.interfaces[change.op === 'detach' ? change.name : '']
      if (change.op === 'detach' && mode) this.attach(change.name, mode)
      if (change.op !== 'attach' && change.op !== 'detach') this.write(after, before, change)
    } catch (error) {
      this.#parts.log.error({ err: error, change: change.op }, 'a refused change was not undone')
    }
  }

  publish(service: ServiceIntent, touched = false): void {
    const { dataplane } = this.#parts
    try {
      dataplane.publish(service, touched)
    } catch (error) {
      if (!dataplane.tables.owesGracePeriod) throw error
      this.settle() // many edits in one second: what they gave back may make room
      dataplane.publish(service, touched)
    }
    this.resolve(service)
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
  }

  nowMs(): number {
    return this.#parts.nowMs()
  }

  /** Asks for the neighbours that a service's dests wait for. */
  resolve(service: ServiceIntent): void {
    this.#resolver.resolve(service)
  }

  /** Frees what was given back. */
  settle(): void {
    const { tables } = this.#parts.dataplane
    if (!tables.owesGracePeriod) return
    this.#parts.gracePeriod()
    tables.settle()
  }

  /** Brings the ways out up to what the network is now. */
  refreshWays(): void {
    const { dataplane, watch } = this.#parts
    const attached = Object.keys(this.#interfaces())
      .map(name => watch.link(name)?.ifindex)
      .filter(ifindex => ifindex !== undefined)
    dataplane.setNetwork(watch.network(), new Set(attached))
  }
}
