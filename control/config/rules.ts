/**
 * The rules of a configuration that no single value shows, for one that comes as values and not as
 * text: the first that is broken is thrown. check.ts tells all of them, with their places. Pure.
 */
import { XlvsError } from '../errors.ts'
import type { Configuration, ConfiguredService } from '../model/configuration.ts'
import { destName, serviceName } from '../model/service.ts'
import type { Settings } from '../model/settings.ts'
import { markMatchText, type MarkRule } from '../model/mark.ts'
import { SYNC_ROLES, type SyncWishes } from '../model/sync.ts'
import { wholly, type Work } from '../model/work.ts'
import { parseSyncGroup } from './field.ts'
import { canonicalMarkRule } from './mark_line.ts'
import { ANY_HOST, canonicalDest, canonicalService, checkUnicast } from './nouns.ts'
import { parseSettings } from './setting.ts'

/**
 * The configuration with its addresses and settings in canonical form.
 * @throws DUPLICATE, DEST_NOT_UNICAST, and what nouns.ts and setting.ts throw
 */
export function ruled(configuration: Configuration): Configuration {
  return wholly(ruling(configuration))
}

/** The same, with a pause after each service. */
export function* ruling(configuration: Configuration): Work<Configuration> {
  const { settings, interfaces, sync, marks, services } = configuration
  refuseTwice(
    'interface',
    interfaces.map(i => i.name),
  )
  const all: ConfiguredService[] = []
  for (const service of services) {
    all.push(ruledService(service))
    yield
  }
  refuseTwice('service', all.map(serviceName))
  refuseTwice(
    'name',
    all.flatMap(({ name }) => name ?? []),
  )
  return {
    ...{ settings: parseSettings(settings, {}) as Settings, interfaces },
    ...(sync === undefined ? {} : { sync: ruledSync(sync) }),
    ...(marks === undefined ? {} : { marks: ruledMarks(marks) }),
    services: all,
  }
}

function ruledMarks(given: readonly MarkRule[]): MarkRule[] {
  const rules = given.map(canonicalMarkRule)
  refuseTwice('mark', rules.map(markMatchText))
  return rules
}

function ruledSync(given: SyncWishes): SyncWishes {
  const ruled: SyncWishes = {}
  for (const role of SYNC_ROLES) {
    const wish = given[role]
    if (wish) ruled[role] = { ...wish, ...(wish.group && { group: parseSyncGroup(wish.group) }) }
  }
  return ruled
}

function ruledService(given: ConfiguredService): ConfiguredService {
  const service = canonicalService(given)
  const dests = given.dests.map(dest => canonicalDest(service, dest))
  for (const dest of dests) checkUnicast(dest.address, ANY_HOST)
  refuseTwice('dest', dests.map(destName))
  return { ...service, dests }
}

function refuseTwice(what: string, names: readonly string[]): void {
  if (new Set(names).size === names.length) return
  const twice = names.find((name, i) => names.indexOf(name) !== i) ?? ''
  throw new XlvsError(
    'DUPLICATE',
    `the ${what} ${twice} is there twice: expected once`,
    'remove one of them',
  )
}
