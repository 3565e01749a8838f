/**
 * What of a whole file's change is not active yet, and the line that the log has of such a thing.
 * Pure. Read next: ownership.ts.
 */
import type { Logger } from 'pino'
import { destName, serviceName } from '../model/service.ts'
import type { SettingChanges } from '../model/settings.ts'
import type { SyncRole } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import type { Work } from '../model/work.ts'
import type { BulkChange, Intent } from '../plan/intent.ts'
import { caveats } from '../output/inactive.ts'
import { inactive, inactiveSync, inactiveDest } from './ownership.ts'
import { settingWarnings } from './settings.ts'

/** More than people read are only counted. */
const WARNINGS_MAX = 20

/** Of what a change adds or makes different. */
export function* bulkInactive(before: Intent, change: BulkChange): Work<Warning[]> {
  const found = [...ofSettings(before, change), ...ofDaemons(before, change)]
  for (const { service, dests } of change.puts) {
    const was = before.services[serviceName(service)]
    const isOther = !same(was?.service, service)
    if (isOther) found.push(...inactive(service))
    const known = new Map(was?.dests.map(dest => [destName(dest), dest]))
    const others = dests.filter(dest => !same(known.get(destName(dest)), dest))
    const heeded = isOther && service.onePacket ? dests : others
    found.push(...others.flatMap(dest => inactiveDest(service, dest)), ...caveats(service, heeded))
    yield
  }
  const rest = Map.groupBy(found.slice(WARNINGS_MAX), ({ kind }) => kind)
  return [
    ...found.slice(0, WARNINGS_MAX),
    ...[...rest].map(([kind, all]) => more(kind, all.length)),
  ]
}

function more(kind: string, count: number): Warning {
  return { kind, message: `${count} more are like that`, cure: 'see them with xlvs show' }
}

/** One line in the log, however many there are: not all who ask are shown warnings. */
export function logInactive(log: Pick<Logger, 'warn'>, warnings: readonly Warning[]): void {
  const [first, ...more] = warnings.filter(({ kind }) => kind === 'not-active')
  if (first) log.warn({ ...first, more: more.length }, 'not active yet')
}

function ofSettings(before: Intent, { settings = {} }: BulkChange): Warning[] {
  const names = Object.keys(settings) as (keyof typeof settings)[]
  const isOther = (name: (typeof names)[number]): boolean =>
    settings[name]?.value !== before.settings[name]?.value
  const others = names.filter(isOther).map(name => [name, settings[name]?.value])
  return settingWarnings({ ...before, settings: {} }, Object.fromEntries(others) as SettingChanges)
}

function ofDaemons(before: Intent, { daemons = {} }: BulkChange): Warning[] {
  const roles = Object.keys(daemons) as SyncRole[]
  return roles.flatMap(role => {
    const daemon = daemons[role]
    return daemon && !same(before.daemons[role], daemon) ? inactiveSync(role) : []
  })
}

function same(a: object | undefined, b: object): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
