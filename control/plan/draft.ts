/**
 * An intent in the making: changes one after the other, each in time proportional to itself however
 * many services there are; and what the maps must be told of it. Pure. Conflicts (a service that
 * exists, a dest that does not) are found here, before anything is written.
 * Read next: intent.ts, ../daemon/changes.ts.
 */
import type { Origin } from '../model/origin.ts'
import {
  destName,
  serviceName,
  type Service,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import { published } from './active.ts'
import {
  changedRest,
  destExists,
  destMissing,
  nameTaken,
  noTraffic,
  plus,
  serviceExists,
  serviceMissing,
  type Change,
  type Counts,
  type Intent,
  type ServiceChange,
  type ServiceIntent,
} from './intent.ts'
import { planOf } from './schedule/index.ts'
import type { Weights } from './schedule/weights.ts'
import { ServiceDraft } from './service_draft.ts'

/** What the maps are to have of a service at some time; undefined: it is taken out. */
export interface Step {
  name: string
  service: ServiceIntent | undefined
  /** The weights each time that a scheduler hears of: what the kernel calls add, del and update. */
  touches: Weights[]
}

/** A step that later changes may still become a part of. */
interface Stage {
  service: () => ServiceIntent | undefined
  touches: Weights[]
  /** Names of dests that were removed in it. */
  gone: Set<string>
}

/** Traffic of services that are no more is kept under this name, for the total. */
const NO_SERVICE = ''

export class Draft {
  readonly #start: Intent
  #rest: Omit<Intent, 'services' | 'counts'>
  /** A copy of the start's, once there was a change. */
  #counts: Counts | undefined
  /** Services that were looked at; undefined: removed. */
  readonly #drafts = new Map<string, ServiceDraft | undefined>()
  /** Those of them that were added, and come last in the listing. */
  readonly #added = new Set<string>()
  /** Who has which name, once somebody has asked. */
  #labels: Map<string, ServiceId> | undefined
  readonly #stages = new Map<string, Stage[]>()

  constructor(start: Intent) {
    this.#start = start
    this.#rest = start
  }

  /** Sync daemons that run by now. */
  get daemons(): Intent['daemons'] {
    return this.#rest.daemons
  }

  /** What was counted, as it is known by now. */
  get counts(): Counts {
    return this.#counts ?? this.#start.counts
  }

  /** A service as it is by now; undefined: there is none of that name. */
  find(name: string): ServiceDraft | undefined {
    const known = this.#drafts.get(name)
    if (known || this.#drafts.has(name)) return known
    const found = Object.hasOwn(this.#start.services, name) && this.#start.services[name]
    if (!found) return undefined
    const draft = new ServiceDraft(found)
    this.#drafts.set(name, draft)
    return draft
  }

  /** @throws SERVICE_MISSING */
  mustFind(id: ServiceId): ServiceDraft {
    const found = this.find(serviceName(id))
    if (found) return found
    throw serviceMissing(id)
  }

  /** Names of all services by now, in their order. */
  names(): string[] {
    const isThere = (name: string): boolean =>
      !this.#added.has(name) && (!this.#drafts.has(name) || this.#drafts.get(name) !== undefined)
    return [...Object.keys(this.#start.services).filter(isThere), ...this.#added]
  }

  /**
   * Whether what a change names is there, or is not there, as it must be.
   * @throws SERVICE_EXISTS, SERVICE_MISSING, DEST_EXISTS, DEST_MISSING
   */
  expect(change: ServiceChange): void {
    if (change.op === 'addService') {
      if (this.find(serviceName(change.service))) throw serviceExists(change.service)
      return
    }
    const id = change.op === 'removeService' ? change.id : change.service
    const draft = this.mustFind(id)
    if (change.op === 'removeService' || change.op === 'setService') return
    const isThere = draft.dest(change.dest) !== undefined
    if (change.op === 'addDest' && isThere) throw destExists(serviceName(id), change.dest)
    if (change.op !== 'addDest' && !isThere)
      throw destMissing(serviceName(id), destName(change.dest))
  }

  /**
   * Makes a change. @throws SERVICE_EXISTS, SERVICE_MISSING, DEST_EXISTS, DEST_MISSING, NAME_TAKEN;
   * then nothing has changed.
   */
  take(change: Change): void {
    switch (change.op) {
      case 'addService':
        this.expect(change)
        this.#addService(change.service)
        this.#zero(change.zero)
        return
      case 'setService':
        this.#setService(change.service)
        return
      case 'removeService':
        this.expect(change)
        this.#remove(serviceName(change.id))
        return
      case 'clear':
        for (const name of this.names()) this.#remove(name)
        return
      case 'addDest':
      case 'setDest':
      case 'removeDest':
        this.#changeDest(change)
        return
      case 'apply':
        for (const id of change.removes) this.#remove(serviceName(id))
        for (const put of change.puts) this.#set(serviceName(put.service), new ServiceDraft(put))
        this.#zero(change.zero)
        this.#rest = changedRest(this.#rest, change)
        return
      case 'zero':
        this.#zero(change.zero)
        return
      case 'retire':
        this.#retire(change)
        return
      case 'freshCounters':
        this.#counts = { zero: {}, retired: {} }
        if (change.maps !== undefined) this.#counts.maps = change.maps
        return
      default:
        this.#rest = changedRest(this.#rest, change)
    }
  }

  /** The intent by now; services and dests that did not change are the same objects. */
  get intent(): Intent {
    const services = this.#drafts.size === 0 ? this.#start.services : { ...this.#start.services }
    for (const [name, draft] of this.#drafts) {
      if (!draft || this.#added.has(name)) Reflect.deleteProperty(services, name)
      else services[name] = draft.intent
    }
    for (const name of this.#added) {
      const draft = this.#drafts.get(name)
      if (draft) services[name] = draft.intent
    }
    return { ...this.#rest, services, counts: this.counts }
  }

  /**
   * The same in the place of the start, which is the caller's alone: what was added or changed is
   * put into the services that there are, in time proportional to it. Only where some were removed,
   * which changes their order, is it a copy. `before` has of the start's services only those.
   */
  inPlace(): { before: Intent; after: Intent; undo: () => Intent } {
    const start = this.#start
    const touched = [...this.#drafts].filter(([name, draft]) => this.#isThere(name) || draft)
    const isRemoved = ([name, draft]: (typeof touched)[number]): boolean =>
      !draft || (this.#added.has(name) && this.#isThere(name))
    if (touched.some(isRemoved)) return { before: start, after: this.intent, undo: () => start }
    const { services } = start
    const was: Intent['services'] = {}
    for (const [name, draft] of touched) {
      const found = this.#isThere(name) ? services[name] : undefined
      if (found) was[name] = found
      if (draft) services[name] = draft.intent
    }
    const undo = (): Intent => {
      for (const [name] of touched) {
        const old = Object.hasOwn(was, name) ? was[name] : undefined
        if (old) services[name] = old
        else Reflect.deleteProperty(services, name)
      }
      return start
    }
    const after = { ...this.#rest, services, counts: this.counts }
    return { before: { ...start, services: was }, after, undo }
  }

  /** Whether the start had it. */
  #isThere(name: string): boolean {
    return Object.hasOwn(this.#start.services, name)
  }

  /** What the maps must be told, in this order, services that have not changed left out. */
  steps(): Step[] {
    return [...this.#stages].flatMap(([name, stages]) =>
      stages.map(({ service, touches }) => ({ name, service: service(), touches })),
    )
  }

  #zero(zero: Counts['zero']): void {
    if (Object.keys(zero).length > 0) Object.assign(this.#ownCounts().zero, zero)
  }

  /** Copied once: it may hold a row for each dest. */
  #ownCounts(): Counts {
    this.#counts ??= {
      ...this.#start.counts,
      zero: { ...this.#start.counts.zero },
      retired: { ...this.#start.counts.retired },
    }
    return this.#counts
  }

  #addService(service: Service): void {
    const name = serviceName(service)
    this.#refuseLabel(service)
    this.#set(name, new ServiceDraft({ service: keeping(service, {}), dests: [] }))
  }

  /** Whoever changes it, it stays its owner's; what only xlvs can say stays too, if not given. */
  #setService(service: Service): void {
    const draft = this.mustFind(service)
    this.#refuseLabel(service)
    const id = serviceName(service)
    const was = draft.service
    const isSwitched = was.scheduler !== service.scheduler || isOpen(was) !== isOpen(service)
    if (isSwitched) this.#freeze(id)
    if (was.name !== undefined) this.#labels?.delete(was.name)
    draft.service = { ...keeping(withoutOrigin(service), was), ...ownedAs(was) }
    this.#label(draft.service)
    if (isSwitched) this.#addStage(id, draft, true)
    else this.#stageOf(id, draft)
  }

  #changeDest(change: Extract<ServiceChange, { dest: unknown }>): void {
    this.expect(change)
    const draft = this.mustFind(change.service)
    const service = serviceName(change.service)
    const name = destName(change.dest)
    const was = draft.dest(change.dest)
    let stage = this.#stageOf(service, draft)
    // Its place in the schedule has gone meanwhile, and with it the cursor that stood there.
    if (change.op === 'addDest' && stage.gone.has(name)) {
      this.#freeze(service)
      stage = this.#addStage(service, draft, false)
    }
    if (change.op === 'addDest') draft.set(change.dest)
    else if (change.op === 'setDest') draft.set({ ...withoutOrigin(change.dest), ...ownedAs(was) })
    else {
      draft.remove(name)
      stage.gone.add(name)
    }
    if (hearsTouches(draft)) stage.touches.push(draft.weights)
  }

  #remove(name: string): void {
    this.#put(name, undefined)
    this.#added.delete(name)
    const { zero, retired } = this.counts
    const traffic = retired[name]
    if (zero[name]) Reflect.deleteProperty(this.#ownCounts().zero, name)
    if (!traffic) return
    Reflect.deleteProperty(this.#ownCounts().retired, name)
    this.#addRetired(NO_SERVICE, traffic)
  }

  /** A service in the place of what has that name; one that is new comes behind the others. */
  #set(name: string, draft: ServiceDraft): void {
    const isNew = !this.find(name)
    this.#put(name, draft)
    if (isNew) this.#added.add(name)
  }

  /** In the place of what has that name; undefined: nothing. */
  #put(name: string, draft: ServiceDraft | undefined): void {
    const was = this.find(name)
    if (was?.service.name !== undefined) this.#labels?.delete(was.service.name)
    this.#drafts.set(name, draft)
    if (draft) {
      this.#label(draft.service)
      this.#addStage(name, draft, true)
    } else if (Object.hasOwn(this.#start.services, name))
      this.#stages.set(name, [{ service: () => undefined, touches: [], gone: new Set() }])
    else this.#stages.delete(name)
  }

  /** The row is about to be freed; one that was added again goes on counting. */
  #retire({ service, dest, traffic }: Extract<Change, { op: 'retire' }>): void {
    const draft = this.find(service)
    if (draft?.has(dest)) return
    Reflect.deleteProperty(this.#ownCounts().zero, `${service}>${dest}`)
    this.#addRetired(draft ? service : NO_SERVICE, traffic)
  }

  #addRetired(name: string, traffic: Traffic): void {
    const { retired } = this.#ownCounts()
    retired[name] = plus(retired[name] ?? noTraffic(), traffic)
  }

  /** What is told last of a service, so far. */
  #stageOf(name: string, draft: ServiceDraft): Stage {
    return this.#stages.get(name)?.at(-1) ?? this.#addStage(name, draft, false)
  }

  /** What was told of a service so far is told as it is now, whatever comes. */
  #freeze(name: string): void {
    const last = this.#stages.get(name)?.at(-1)
    const told = last?.service()
    if (last) last.service = () => told
  }

  /** @param isNew the scheduler begins with it */
  #addStage(name: string, draft: ServiceDraft, isNew: boolean): Stage {
    const touches = isNew && hearsTouches(draft) ? [draft.weights] : []
    const stage: Stage = { service: () => draft.intent, touches, gone: new Set() }
    this.#stages.set(name, [...(this.#stages.get(name) ?? []), stage])
    return stage
  }

  #label(service: Service): void {
    if (service.name !== undefined) this.#labels?.set(service.name, service)
  }

  /** @throws NAME_TAKEN when another service has that name */
  #refuseLabel(service: Service): void {
    if (service.name === undefined) return
    if (!this.#labels) {
      this.#labels = new Map()
      for (const name of this.names()) {
        const { service: known } = this.#drafts.get(name) ?? this.#start.services[name] ?? {}
        if (known) this.#label(known)
      }
    }
    const owner = this.#labels.get(service.name)
    if (owner && serviceName(owner) !== serviceName(service))
      throw nameTaken(service.name, owner, service)
  }
}

/** Whether packets find it; of one that needs what there is not yet, only the dests are held. */
function isOpen(service: Service): boolean {
  return published(service) !== undefined
}

/** Some start again whenever a dest was touched; most only look at what is there. */
function hearsTouches({ service }: ServiceDraft): boolean {
  return planOf(service.scheduler).turn !== undefined
}

/** What only xlvs can say, as it was where it is not given. */
function keeping(
  service: Service,
  was: Pick<Service, 'name' | 'destGone' | 'slowStartS'>,
): Service {
  const { name = was.name, destGone = was.destGone, slowStartS = was.slowStartS, ...rest } = service
  return {
    ...rest,
    ...(name === undefined ? {} : { name }),
    ...(destGone === undefined || destGone === 'keep' ? {} : { destGone }),
    ...(slowStartS === undefined || slowStartS === 0 ? {} : { slowStartS }),
  }
}

function ownedAs(was: { origin?: Origin } | undefined): { origin?: Origin } {
  return was?.origin === undefined ? {} : { origin: was.origin }
}

function withoutOrigin<T extends { origin?: Origin }>(object: T): T {
  const copy = { ...object }
  delete copy.origin
  return copy
}

/**
 * The intent after a change; the one given stays as it is.
 * @throws SERVICE_EXISTS, SERVICE_MISSING, DEST_EXISTS, DEST_MISSING, NAME_TAKEN
 */
export function changed(intent: Intent, change: Change): Intent {
  return replayed(intent, [change])
}

/** What the changes make of an intent, one after the other, in time proportional to them. */
export function replayed(start: Intent, changes: readonly Change[]): Intent {
  const draft = new Draft(start)
  for (const change of changes) draft.take(change)
  return draft.intent
}
