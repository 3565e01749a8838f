/**
 * What the director shows, as a configuration: apply makes it so again. Counters, origins and what
 * the network looks like are left out. Pure. Read next: print.ts.
 */
import type { Configuration } from '../model/configuration.ts'
import { markMatchOf, type MarkRule } from '../model/mark.ts'
import {
  destSettingsOf,
  serviceIdOf,
  serviceSettingsOf,
  type InterfaceView,
  type ServiceView,
} from '../model/service.ts'
import { SETTING_NAMES, type SettingName, type SettingValue } from '../model/settings.ts'
import { syncSettingsOf, type SyncDaemonView, type SyncWishes } from '../model/sync.ts'

/** Settings that nobody has set are left out; dests are in the order they were added. */
export function configurationOf(
  settings: Record<SettingName, { value: SettingValue; origin?: unknown }>,
  interfaces: readonly InterfaceView[],
  services: readonly ServiceView[],
  daemons: readonly SyncDaemonView[],
  marks: readonly MarkRule[] = [],
): Configuration {
  const set = SETTING_NAMES.filter(name => settings[name].origin !== undefined)
  return {
    settings: Object.fromEntries(set.map(name => [name, settings[name].value])),
    interfaces: interfaces.map(({ name, mode }) => ({ name, mode })),
    ...(daemons.length > 0 ? { sync: syncOf(daemons) } : {}),
    ...(marks.length > 0
      ? { marks: marks.map(rule => ({ ...markMatchOf(rule), mark: rule.mark })) }
      : {}),
    services: services.map(service => ({
      ...serviceIdOf(service),
      ...serviceSettingsOf(service),
      dests: service.dests
        .map(dest => ({ address: dest.address, port: dest.port, ...destSettingsOf(dest) }))
        .reverse(),
    })),
  }
}

function syncOf(daemons: readonly SyncDaemonView[]): SyncWishes {
  return Object.fromEntries(daemons.map(daemon => [daemon.role, syncSettingsOf(daemon)]))
}
