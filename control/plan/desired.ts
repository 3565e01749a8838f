/**
 * What a configuration makes of the intent: only what its file owns changes, what others own stays,
 * and where the file wants something else of what others own, that is a conflict. What is so
 * already stays the very same object, so that a difference is found by looking. Pure.
 * Read next: diff.ts.
 */
import { XlvsError, type About } from '../errors.ts'
import type { Configuration, ConfiguredService } from '../model/configuration.ts'
import { OTHERS_MAX, type Other } from '../model/difference.ts'
import { markMatchText, type MarkRule } from '../model/mark.ts'
import { fileOf, originOf, type Origin } from '../model/origin.ts'
import {
  destName,
  destSettingsOf,
  serviceName,
  serviceSettingsOf,
  succeeding,
  type AttachMode,
  type Dest,
  type Service,
} from '../model/service.ts'
import { SETTING_NAMES } from '../model/settings.ts'
import { SYNC_ROLES, syncSettingsOf, type SyncDaemon, type SyncDaemons } from '../model/sync.ts'
import { syncWords } from '../model/words.ts'
import { wholly, type Work } from '../model/work.ts'
import { isSameRule, withFileRules } from './marks/list.ts'
import { nameTaken, type Intent, type ServiceIntent } from './intent.ts'
import { destMoves, moved, movedWords, serviceMoves, type Move } from './moves.ts'

export interface Wish {
  configuration: Configuration
  /** Who asks, the owner of what is made. */
  origin: Origin
  /** What the configuration names becomes its own, whoever had it. */
  takeOver: boolean
  /** The sync daemons that the configuration comes to; the daemon knows, by its interfaces. */
  daemons?: SyncDaemons
}

export interface Desired {
  after: Intent
  /** What others own and stays theirs: the first of it, and how much there is. */
  others: Other[]
  othersCount: number
}

/** What another owns and the file wants otherwise, with what it wants. */
interface Conflict extends Other {
  moves: Move[]
}

/** One walk over configuration and intent. */
class Walk {
  readonly #wish: Wish
  readonly conflicts: Conflict[] = []
  /** Dests of others in services that the file does not name any more. */
  readonly losses: Other[] = []
  readonly others: Other[] = []
  othersCount = 0

  constructor(wish: Wish) {
    this.#wish = wish
  }

  isMine(object: { origin?: Origin }): boolean {
    return originOf(object) === this.#wish.origin
  }

  /**
   * What becomes of something that is there and wanted: the same object when it is as wanted, the
   * wanted one when this file may say so; otherwise a conflict, in which `movesOf` differ.
   */
  settle<T extends { origin?: Origin }>(
    was: T,
    wanted: T,
    isSame: boolean,
    other: Omit<Other, 'origin'>,
    movesOf: (was: T, wanted: T) => Move[],
  ): T {
    const mine = this.isMine(was)
    if (isSame && (mine || !this.#wish.takeOver)) {
      if (!mine) this.leave(other, was)
      return was
    }
    if (mine || this.#wish.takeOver) return wanted
    this.conflicts.push({ ...other, origin: originOf(was), moves: movesOf(was, wanted) })
    return was
  }

  /** Something of others that stays. */
  leave(other: Omit<Other, 'origin'>, object: { origin?: Origin }): void {
    this.othersCount++
    if (this.others.length < OTHERS_MAX) this.others.push({ ...other, origin: originOf(object) })
  }

  mustNotLose(other: Omit<Other, 'origin'>, object: { origin?: Origin }): void {
    if (!this.#wish.takeOver) this.losses.push({ ...other, origin: originOf(object) })
  }
}

/**
 * The intent as the file wants it.
 * @throws OWNED_BY_OTHER when that would change what others own, with all of it; NAME_TAKEN.
 */
export function desired(intent: Intent, wish: Wish): Desired {
  return wholly(desiring(intent, wish))
}

/** The same, with a pause after each service. */
export function* desiring(intent: Intent, wish: Wish): Work<Desired> {
  const walk = new Walk(wish)
  const services = yield* desiredServices(intent, wish, walk)
  const after: Intent = {
    ...intent,
    services,
    settings: desiredSettings(intent, wish, walk),
    ...desiredInterfaces(intent, wish, walk),
    daemons: desiredDaemons(intent, wish, walk),
    marks: desiredMarks(intent, wish, walk),
  }
  if (walk.conflicts.length > 0) throw ownedByOther(walk.conflicts)
  if (walk.losses.length > 0) throw lostWithService(walk.losses)
  refuseSameNames(after)
  return { after, others: walk.others, othersCount: walk.othersCount }
}

function* desiredServices(intent: Intent, wish: Wish, walk: Walk): Work<Intent['services']> {
  const services = new Map(Object.entries(intent.services))
  const named = new Set<string>()
  for (const wanted of wish.configuration.services) {
    const name = serviceName(wanted)
    named.add(name)
    services.set(name, desiredService(intent.services[name], wanted, wish, walk))
    yield
  }
  for (const [name, found] of Object.entries(intent.services)) {
    if (named.has(name)) continue
    const left = unnamedService(name, found, walk)
    if (left) services.set(name, left)
    else services.delete(name)
    yield
  }
  return Object.fromEntries(services)
}

function desiredService(
  found: ServiceIntent | undefined,
  wanted: ConfiguredService,
  { origin }: Wish,
  walk: Walk,
): ServiceIntent {
  const { dests, ...rest } = wanted
  const service: Service = { ...rest, origin }
  const name = serviceName(service)
  if (!found) return { service, dests: dests.map(d => ({ ...d, origin })).reverse() }
  const isSame = isEqual(serviceSettingsOf(found.service), serviceSettingsOf(service))
  const other: Omit<Other, 'origin'> = { what: 'service', name }
  const kept = walk.settle(found.service, service, isSame, other, serviceMoves)
  const list = desiredDests(name, found.dests, dests, origin, walk)
  return kept === found.service && list === found.dests ? found : { service: kept, dests: list }
}

/** Settings come in one order of their fields. */
function isEqual(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function desiredDests(
  service: string,
  found: Dest[],
  wanted: readonly Dest[],
  origin: Origin,
  walk: Walk,
): Dest[] {
  const wishes = new Map(wanted.map(dest => [destName(dest), dest]))
  // In the order of files, the oldest first: so they are told too.
  const walked = found.toReversed().flatMap(was => {
    const name = destName(was)
    const wish = wishes.get(name)
    wishes.delete(name)
    const other: Omit<Other, 'origin'> = { what: 'dest', name, service }
    if (wish) {
      const isSame = isEqual(destSettingsOf(wish), destSettingsOf(was))
      const next = succeeding({ ...wish, origin }, was)
      return [walk.settle<Dest>(was, next, isSame, other, destMoves)]
    }
    if (walk.isMine(was)) return []
    walk.leave(other, was)
    return [was]
  })
  const kept = walked.reverse()
  if (wishes.size === 0 && kept.length === found.length && kept.every((d, i) => d === found[i]))
    return found
  return [...[...wishes.values()].map(d => ({ ...d, origin })).reverse(), ...kept]
}

/** A service that the file does not name: it goes when it is the file's, and with it its dests. */
function unnamedService(name: string, found: ServiceIntent, walk: Walk): ServiceIntent | undefined {
  if (walk.isMine(found.service)) {
    for (const dest of found.dests.toReversed())
      if (!walk.isMine(dest))
        walk.mustNotLose({ what: 'dest', name: destName(dest), service: name }, dest)
    return undefined
  }
  walk.leave({ what: 'service', name }, found.service)
  const dests = found.dests.filter(dest => !walk.isMine(dest))
  return dests.length === found.dests.length ? found : { ...found, dests }
}

function desiredSettings(intent: Intent, { configuration, origin }: Wish, walk: Walk) {
  const settings: Intent['settings'] = {}
  let same = true
  for (const name of SETTING_NAMES) {
    const was = intent.settings[name]
    const value = configuration.settings[name]
    const other: Omit<Other, 'origin'> = { what: 'setting', name }
    const wanted = value === undefined ? undefined : { value, origin }
    if (was && wanted)
      settings[name] = walk.settle(was, wanted, was.value === value, other, (a, b) =>
        moved('value', a.value, b.value),
      )
    else if (wanted) settings[name] = wanted
    else if (was && !walk.isMine(was)) {
      walk.leave(other, was)
      settings[name] = was
    }
    same &&= settings[name] === was
  }
  return same ? intent.settings : settings
}

function desiredInterfaces(
  intent: Intent,
  { configuration, origin }: Wish,
  walk: Walk,
): Pick<Intent, 'interfaces' | 'interfaceOrigins'> {
  const wishes = new Map(configuration.interfaces.map(({ name, mode }) => [name, mode]))
  // Maps, because an interface may have the name of what every object has.
  const interfaces = new Map<string, AttachMode>()
  const interfaceOrigins = new Map<string, Origin>()
  for (const [name, mode] of Object.entries(intent.interfaces)) {
    const owner = intent.interfaceOrigins[name]
    const was = { mode, ...(owner === undefined ? {} : { origin: owner }) }
    const wanted = wishes.get(name)
    wishes.delete(name)
    const other: Omit<Other, 'origin'> = { what: 'interface', name }
    if (wanted === undefined && walk.isMine(was)) continue
    if (wanted === undefined) walk.leave(other, was)
    const now = wanted
      ? walk.settle<typeof was>(was, { mode: wanted, origin }, wanted === mode, other, (a, b) =>
          moved('mode', a.mode, b.mode),
        )
      : was
    interfaces.set(name, now.mode)
    if (now.origin !== undefined) interfaceOrigins.set(name, now.origin)
  }
  for (const [name, mode] of wishes) {
    interfaces.set(name, mode)
    interfaceOrigins.set(name, origin)
  }
  return {
    interfaces: Object.fromEntries(interfaces),
    interfaceOrigins: Object.fromEntries(interfaceOrigins),
  }
}

function desiredDaemons(intent: Intent, { daemons = {}, origin }: Wish, walk: Walk): SyncDaemons {
  const after: SyncDaemons = {}
  for (const role of SYNC_ROLES) {
    const was = intent.daemons[role]
    const wanted = daemons[role] && { ...syncSettingsOf(daemons[role]), origin }
    const other: Omit<Other, 'origin'> = { what: 'daemon', name: role }
    if (was && wanted) {
      const isSame = isEqual(syncSettingsOf(was), syncSettingsOf(wanted))
      after[role] = walk.settle<SyncDaemon>(was, wanted, isSame, other, (a, b) =>
        movedWords(syncWords(a), syncWords(b)),
      )
    } else if (wanted) after[role] = wanted
    else if (was && !walk.isMine(was)) {
      walk.leave(other, was)
      after[role] = was
    }
  }
  return SYNC_ROLES.every(role => after[role] === intent.daemons[role]) ? intent.daemons : after
}

/** @throws TABLE_FULL */
function desiredMarks(intent: Intent, { configuration, origin }: Wish, walk: Walk) {
  const wishes = configuration.marks ?? []
  const known = new Map(intent.marks.map(rule => [markMatchText(rule), rule]))
  const wanted = new Set(wishes.map(markMatchText))
  const other = (name: string): Omit<Other, 'origin'> => ({ what: 'mark', name })
  const mine = wishes.flatMap((wish): MarkRule[] => {
    const name = markMatchText(wish)
    const was = known.get(name)
    if (!was) return [{ ...wish, origin }]
    const ours = { ...wish, origin }
    const isSame = isSameRule(was, wish)
    const now = walk.settle<MarkRule>(was, ours, isSame, other(name), (a, b) =>
      moved('mark', a.mark, b.mark),
    )
    return walk.isMine(now) ? [now] : []
  })
  for (const [name, was] of known)
    if (!wanted.has(name) && !walk.isMine(was)) walk.leave(other(name), was)
  const taken = new Set(mine.map(markMatchText))
  const kept = intent.marks.filter(rule => walk.isMine(rule) || !taken.has(markMatchText(rule)))
  const after = withFileRules(kept, rule => walk.isMine(rule), mine)
  const isSame =
    after.length === intent.marks.length && after.every((rule, i) => rule === intent.marks[i])
  return isSame ? intent.marks : after
}

function refuseSameNames({ services }: Intent): void {
  const owners = new Map<string, Service>()
  for (const { service } of Object.values(services)) {
    if (service.name === undefined) continue
    const other = owners.get(service.name)
    if (other) throw nameTaken(service.name, other, service)
    owners.set(service.name, service)
  }
}

/** Conflicts that are named in the sentence; the others are counted. */
const NAMED_MAX = 5

function ownedByOther(conflicts: readonly Conflict[]): XlvsError {
  return new XlvsError(
    'OWNED_BY_OTHER',
    `the file would change what others own: ${named(conflicts)}`,
    "leave it out of the file, or make it the file's own with xlvs apply --take-over",
    { about: conflicts.slice(0, OTHERS_MAX).map(notOurs) },
  )
}

function notOurs({ what, name, service, origin, moves }: Conflict): About {
  const differs = moves.map(({ what, was, now }) => `${what}: ${was}, this file says ${now}`)
  const whose =
    fileOf(origin) === undefined ? `was ${ownerText(origin)}` : `is ${ownerText(origin)}`
  const message = `the ${what} ${name} is not this file's, it ${whose} (${differs.join('; ')})`
  return { what, name, ...(service === undefined ? {} : { service }), message }
}

/** The file's own services would go, and with them what is not the file's. */
function lostWithService(losses: readonly Other[]): XlvsError {
  const services = [...new Set(losses.map(({ service }) => service))]
  const which = services.length === 1 ? `the service ${services[0]}` : `${services.length} services`
  return new XlvsError(
    'OWNED_BY_OTHER',
    `without ${which} others would lose dests in ${services.length === 1 ? 'it' : 'them'}: ` +
      named(losses),
    'name the service in the file again, remove those dests first, or remove them with ' +
      'xlvs apply --take-over',
  )
}

function named(others: readonly Other[]): string {
  const named = others.slice(0, NAMED_MAX).map(({ what, name, service, origin }) => {
    const of = service === undefined ? '' : ` of ${service}`
    return `the ${what} ${name}${of} (${ownerText(origin)})`
  })
  const more = others.length - named.length
  return named.join(', ') + (more > 0 ? `, and ${more} more` : '')
}

function ownerText(origin: Origin): string {
  const file = fileOf(origin)
  return file === undefined ? `made by ${origin}` : `of ${file}`
}
