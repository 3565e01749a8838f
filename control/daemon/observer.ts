/**
 * Finds what there is to tell watchers: by comparing what was wanted with what is wanted now, and
 * what the network looked like with what it looks like now. The director calls it after each of
 * the two may have changed. Read next: events.ts.
 */
import {
  destName,
  serviceName,
  type Dest,
  type DestSettings,
  type DestView,
  type InterfaceView,
  type Service,
  type ServiceId,
  type ServiceSettings,
} from '../model/service.ts'
import type { EventBody } from '../model/event.ts'
import { SETTING_NAMES, SETTINGS } from '../model/settings.ts'
import { wholly, type Work } from '../model/work.ts'
import type { Intent, ServiceIntent } from '../plan/intent.ts'
import { middles } from '../plan/middles.ts'
import type { Events } from './events.ts'

/** How the director sees the world. */
export interface Surroundings {
  isLocal(service: ServiceId): boolean
  nextHop(dest: Dest): DestView['nextHop']
  interfaces(): InterfaceView[]
}

export class Observer {
  readonly #events: Events
  readonly #around: Surroundings
  /** By name of service, `service>dest`, interface, or its link: what is not as it should be. */
  readonly #seen = new Map<string, string | boolean>()
  #dropped: number | undefined
  #droppedBefore = 0

  constructor(events: Events, around: Surroundings) {
    this.#events = events
    this.#around = around
  }

  /** A change is in force, of services that have one of these names. */
  changed(before: Intent, after: Intent, names?: Iterable<string>): void {
    wholly(this.changing(before, after, names))
  }

  /** The same, with a pause after each service. Watchers are told all of it in the end. */
  *changing(
    before: Intent,
    after: Intent,
    names: Iterable<string> = allNames(before, after),
  ): Work<void> {
    const services = [...names].filter(name => before.services[name] !== after.services[name])
    const bodies = yield* changesOf(before, after, services)
    for (const name of services) {
      this.#forgetDests(name, before, after)
      const service = after.services[name]
      const [, come] = middles(before.services[name]?.dests ?? [], service?.dests ?? [])
      if (service) for (const body of this.#lookAt(service, come)) bodies.push(body)
      yield
    }
    if (before.interfaces !== after.interfaces) {
      this.#forgetInterfaces(before, after)
      bodies.push(...this.#lookAtInterfaces())
    }
    this.#events.publish(bodies)
  }

  /** The network has changed, which means something to these services. */
  network(services: readonly ServiceIntent[]): void {
    this.#events.publish([
      ...services.flatMap(service => this.#lookAt(service)),
      ...this.#lookAtInterfaces(),
    ])
  }

  zeroed(service: ServiceId | undefined): void {
    this.#events.publish([
      { kind: 'counters-zeroed', ...(service ? { service: serviceName(service) } : {}) },
    ])
  }

  /** To be called every second, with the packets dropped so far because the table was full. */
  tableFull(packets: number): void {
    const risen = packets - (this.#dropped ?? packets)
    this.#dropped = packets
    if (risen > 0) {
      if (this.#droppedBefore === 0) this.#events.publish([{ kind: 'overload', packets: risen }])
      this.#droppedBefore += risen
    } else if (this.#droppedBefore > 0) {
      this.#events.publish([{ kind: 'overload-over', packets: this.#droppedBefore }])
      this.#droppedBefore = 0
    }
  }

  /** @param dests those of its dests that may have changed */
  #lookAt({ service, dests: all }: ServiceIntent, dests: readonly Dest[] = all): EventBody[] {
    const name = serviceName(service)
    const found: EventBody[] = []
    const isLocal = this.#around.isLocal(service)
    if (this.#isNews(name, isLocal, true))
      found.push({ kind: isLocal ? 'vip-local' : 'vip-not-local', service: name })
    for (const one of dests) {
      const dest = destName(one)
      const nextHop = this.#around.nextHop(one)
      if (this.#isNews(`${name}>${dest}`, nextHop, 'resolved'))
        found.push({ kind: 'next-hop', service: name, dest, nextHop })
    }
    return found
  }

  #lookAtInterfaces(): EventBody[] {
    return this.#around.interfaces().flatMap(({ name, present, running }) => {
      const found: EventBody[] = []
      if (this.#isNews(name, present, true))
        found.push({ kind: present ? 'interface-back' : 'interface-gone', interface: name })
      // What is not there has no link either, which need not be said.
      if (this.#isNews(linkOf(name), running || !present, true))
        found.push({ kind: running ? 'interface-up' : 'interface-down', interface: name })
      return found
    })
  }

  /** What is seen for the first time is news only when it is not as it should be. */
  #isNews(name: string, now: string | boolean, wanted: string | boolean): boolean {
    const before = this.#seen.get(name) ?? wanted
    if (now === wanted) this.#seen.delete(name)
    else this.#seen.set(name, now)
    return before !== now
  }

  #forgetDests(name: string, before: Intent, after: Intent): void {
    const now = after.services[name]
    const [gone, come] = middles(before.services[name]?.dests ?? [], now?.dests ?? [])
    if (!now) this.#seen.delete(name)
    if (gone.length === 0) return
    const kept = new Set(come.map(destName))
    for (const dest of gone.map(destName)) if (!kept.has(dest)) this.#seen.delete(`${name}>${dest}`)
  }

  #forgetInterfaces(before: Intent, after: Intent): void {
    for (const name of Object.keys(before.interfaces)) {
      if (Object.hasOwn(after.interfaces, name)) continue
      this.#seen.delete(name)
      this.#seen.delete(linkOf(name))
    }
  }
}

/** What an interface's link is noted by; no interface has a slash in its name. */
function linkOf(name: string): string {
  return `${name}/link`
}

function allNames(...intents: Intent[]): Set<string> {
  return new Set(intents.flatMap(({ services }) => Object.keys(services)))
}

/** What an operator did, from what was wanted and what is wanted now. Pure. */
export function* changesOf(
  before: Intent,
  after: Intent,
  services: Iterable<string> = allNames(before, after),
): Work<EventBody[]> {
  const found: EventBody[] = []
  for (const service of services)
    if (!after.services[service]) found.push({ kind: 'service-removed', service })
  for (const name of services) {
    const now = after.services[name]
    if (!now || now === before.services[name]) continue
    for (const change of serviceChanges(name, before.services[name], now)) found.push(change)
    yield
  }
  if (before.interfaces !== after.interfaces) found.push(...interfaceChanges(before, after))
  if (before.settings !== after.settings) found.push(...settingChanges(before, after))
  if (before.marks !== after.marks) found.push({ kind: 'marks-changed', rules: after.marks.length })
  return found
}

function interfaceChanges({ interfaces: was }: Intent, { interfaces: now }: Intent): EventBody[] {
  const found: EventBody[] = []
  for (const name of Object.keys(was))
    if (!Object.hasOwn(now, name)) found.push({ kind: 'interface-detached', interface: name })
  for (const [name, mode] of Object.entries(now))
    if (!Object.hasOwn(was, name) || was[name] !== mode)
      found.push({ kind: 'interface-attached', interface: name, mode })
  return found
}

function settingChanges(before: Intent, after: Intent): EventBody[] {
  return SETTING_NAMES.flatMap(setting => {
    const [was, value] = [before, after].map(
      ({ settings }) => settings[setting]?.value ?? SETTINGS[setting].default,
    )
    return value === undefined || value === was ? [] : [{ kind: 'setting-changed', setting, value }]
  })
}

function serviceChanges(
  service: string,
  was: ServiceIntent | undefined,
  now: ServiceIntent,
): EventBody[] {
  const found: EventBody[] = []
  if (was?.service !== now.service) {
    const settings = settingsOf(now.service) as ServiceSettings
    if (!was) found.push({ kind: 'service-added', service, settings })
    else if (!isSame(settingsOf(was.service), settings))
      found.push({ kind: 'service-changed', service, settings })
  }
  const [gone, come] = middles(was?.dests ?? [], now.dests)
  const before = new Map(gone.map(dest => [destName(dest), dest]))
  const after = new Map(come.map(dest => [destName(dest), dest]))
  for (const dest of before.keys())
    if (!after.has(dest)) found.push({ kind: 'dest-removed', service, dest })
  for (const [dest, one] of after) {
    const old = before.get(dest)
    const settings = settingsOf(one) as DestSettings
    if (!old) found.push({ kind: 'dest-added', service, dest, settings })
    else if (old !== one && !isSame(settingsOf(old), settings))
      found.push({ kind: 'dest-changed', service, dest, settings })
  }
  return found
}

const NAMES: readonly string[] = [
  ...['protocol', 'address', 'port', 'family', 'mark'],
  'lastWeight',
]

/** A service or dest without what its name says. */
function settingsOf(one: Service | Dest): unknown {
  return Object.fromEntries(Object.entries(one).filter(([field]) => !NAMES.includes(field)))
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
