/**
 * What is different between two intents: as one change for the journal, and as a list for people.
 * Services, dests and settings that are the same object in both are the same. Pure.
 * Read next: ../daemon/apply.ts (who writes it).
 */
import { ITEMS_MAX, type Difference, type DifferenceItem, type Sign } from '../model/difference.ts'
import { originOf, type Origin } from '../model/origin.ts'
import { markMatchText } from '../model/mark.ts'
import { destName, serviceIdOf, serviceName, type Dest, type Service } from '../model/service.ts'
import { SETTING_NAMES, SETTINGS } from '../model/settings.ts'
import { SYNC_ROLES } from '../model/sync.ts'
import { destWords, serviceWords, syncWords } from '../model/words.ts'
import { wholly, type Work } from '../model/work.ts'
import type { BulkChange, Intent, ServiceIntent } from './intent.ts'
import { destMoves, moved, movedWords, serviceMoves, type Move } from './moves.ts'

/** The one change that turns `before` into `after`; undefined when they are the same. */
export function bulkChange(before: Intent, after: Intent): BulkChange | undefined {
  const puts = Object.entries(after.services)
    .filter(([name, service]) => before.services[name] !== service)
    .map(([, service]) => service)
  const removes = Object.entries(before.services)
    .filter(([name]) => !after.services[name])
    .map(([, { service }]) => serviceIdOf(service))
  const attaches = Object.entries(after.interfaces)
    .map(([name, mode]) => ({ name, mode, origin: interfaceOrigin(after, name) }))
    .filter(
      ({ name, mode, origin }) =>
        before.interfaces[name] !== mode || interfaceOrigin(before, name) !== origin,
    )
  const detaches = Object.keys(before.interfaces).filter(
    name => !Object.hasOwn(after.interfaces, name),
  )
  const rest = {
    ...(before.settings === after.settings ? {} : { settings: after.settings }),
    ...(before.daemons === after.daemons ? {} : { daemons: after.daemons }),
    ...(before.marks === after.marks ? {} : { marks: after.marks }),
  }
  const changes = [puts, removes, attaches, detaches, Object.keys(rest)]
  if (changes.every(list => list.length === 0)) return undefined
  return { op: 'apply', puts, removes, attaches, detaches, ...rest, zero: {} }
}

function interfaceOrigin({ interfaceOrigins }: Intent, name: string): Origin {
  const origin = interfaceOrigins[name]
  return originOf(origin === undefined ? {} : { origin })
}

/** What people are told: settings, interfaces, sync daemons, then each service with its dests. */
export function difference(before: Intent, after: Intent): Difference {
  return wholly(differing(before, after))
}

/** The same, with a pause after each service. */
export function* differing(before: Intent, after: Intent): Work<Difference> {
  const list = new List()
  for (const name of SETTING_NAMES) {
    const [was, now] = [before.settings[name], after.settings[name]]
    if (was === now) continue
    const usual = SETTINGS[name].default
    const moved =
      was?.value === now?.value ? [] : [`${was?.value ?? usual} to ${now?.value ?? usual}`]
    const details = [...moved, ...owners(was, now)].join(', ')
    list.add({ sign: signOf(was, now), what: 'setting', name, details })
  }
  listInterfaces(before, after, list)
  listDaemons(before, after, list)
  listMarks(before.marks, after.marks, list)
  for (const [name, was] of Object.entries(before.services)) {
    if (after.services[name]) continue
    list.add({ sign: 'removed', what: 'service', name, details: '' })
    listDests(name, was.dests, [], list)
    yield
  }
  for (const [name, now] of Object.entries(after.services)) {
    if (now === before.services[name]) continue
    listService(name, before.services[name], now, list)
    yield
  }
  return list.difference
}

class List {
  readonly difference: Difference

  constructor() {
    const none = () => ({ services: 0, dests: 0, interfaces: 0, settings: 0, daemons: 0, marks: 0 })
    this.difference = { items: [], counts: { added: none(), changed: none(), removed: none() } }
  }

  add(item: DifferenceItem): void {
    const { items, counts } = this.difference
    counts[item.sign][`${item.what}s`]++
    if (items.length < ITEMS_MAX) items.push(item)
  }
}

function signOf(was: unknown, now: unknown): Sign {
  return was === undefined ? 'added' : now === undefined ? 'removed' : 'changed'
}

function owners(was: { origin?: Origin } | undefined, now: { origin?: Origin } | undefined) {
  if (!was || !now || originOf(was) === originOf(now)) return []
  return [`taken over from ${originOf(was)}`]
}

function listInterfaces(before: Intent, after: Intent, list: List): void {
  for (const name of new Set([
    ...Object.keys(before.interfaces),
    ...Object.keys(after.interfaces),
  ])) {
    const [was, now] = [before.interfaces[name], after.interfaces[name]]
    const origins = [before, after].map(intent => ({ origin: interfaceOrigin(intent, name) }))
    const taken = was && now ? owners(origins[0], origins[1]) : []
    if (was === now && taken.length === 0) continue
    const mode = was && now ? (was === now ? [] : [`${was} to ${now}`]) : [now ?? was ?? '']
    const details = [...mode, ...taken].join(', ')
    list.add({ sign: signOf(was, now), what: 'interface', name, details })
  }
}

function listDaemons(before: Intent, after: Intent, list: List): void {
  for (const name of SYNC_ROLES) {
    const [was, now] = [before.daemons[name], after.daemons[name]]
    if (was === now) continue
    const details =
      was && now
        ? detailsOf(movedWords(syncWords(was), syncWords(now)), was, now)
        : syncWords(now ?? was ?? {})
            .flat()
            .join(' ')
    list.add({ sign: signOf(was, now), what: 'daemon', name, details })
  }
}

/** Rules in another order are told as one change. */
function listMarks(was: Intent['marks'], now: Intent['marks'], list: List): void {
  if (was === now) return
  const before = new Map(was.map(rule => [markMatchText(rule), rule]))
  const after = new Map(now.map(rule => [markMatchText(rule), rule]))
  const what = 'mark'
  for (const [name, { mark }] of before)
    if (!after.has(name)) list.add({ sign: 'removed', what, name, details: `mark ${mark}` })
  for (const [name, rule] of after) {
    const old = before.get(name)
    if (old === rule) continue
    const details = old
      ? detailsOf(moved('mark', old.mark, rule.mark), old, rule)
      : `mark ${rule.mark}`
    list.add({ sign: signOf(old, rule), what, name, details })
  }
  const stayed = [...before.keys()].filter(name => after.has(name))
  if ([...after.keys()].filter(name => before.has(name)).some((name, i) => name !== stayed[i]))
    list.add({ sign: 'changed', what, name: 'rules', details: 'in another order' })
}

function listService(
  name: string,
  was: ServiceIntent | undefined,
  now: ServiceIntent,
  list: List,
): void {
  const details = was
    ? detailsOf(serviceMoves(was.service, now.service), was.service, now.service)
    : serviceText(now.service)
  if (was?.service !== now.service)
    list.add({ sign: signOf(was, now), what: 'service', name, details })
  listDests(name, was?.dests ?? [], now.dests, list)
}

function serviceText(service: Service): string {
  const words = serviceWords(service).map(([word, value]) =>
    word === 'name' ? `named ${value}` : `${word} ${value}`,
  )
  return [service.scheduler, ...words].join(', ')
}

/** Each with its values, and from whom it was taken. */
function detailsOf(
  moves: readonly Move[],
  was: { origin?: Origin } | undefined,
  now: { origin?: Origin } | undefined,
): string {
  const texts = moves.map(({ what, was, now }) => `${what} ${was} to ${now}`)
  return [...texts, ...owners(was, now)].join(', ')
}

/** In the order they were added, the reverse of the intent's. */
function listDests(service: string, was: readonly Dest[], now: readonly Dest[], list: List): void {
  if (was === now) return
  const before = new Map(was.map(dest => [destName(dest), dest]))
  const after = new Set(now.map(destName))
  const what = 'dest'
  for (const dest of was.toReversed()) {
    const name = destName(dest)
    if (!after.has(name))
      list.add({ sign: 'removed', what, name, service, details: destText(dest) })
  }
  for (const dest of now.toReversed()) {
    const name = destName(dest)
    const old = before.get(name)
    if (old === dest) continue
    const details = old ? detailsOf(destMoves(old, dest), old, dest) : destText(dest)
    list.add({ sign: signOf(old, dest), what, name, service, details })
  }
}

function destText(dest: Dest): string {
  return [dest.fwd, 'weight', dest.weight, ...destWords(dest).flat()].join(' ')
}

/** The services that a change touches, by name. */
export function touchedNames({ puts, removes }: BulkChange): string[] {
  return [...puts.map(({ service }) => service), ...removes].map(serviceName)
}
