/**
 * The settings of the intent as they are shown, and what those hear who change them. Pure.
 * Read next: ../model/settings.ts, ../config/setting.ts.
 */
import {
  ruleOf,
  SETTING_NAMES,
  withDefaults,
  type SettingChanges,
  type SettingName,
  type Settings,
} from '../model/settings.ts'
import type { Warning } from '../model/warning.ts'
import type { Defence } from '../plan/defence.ts'
import type { Intent } from '../plan/intent.ts'
import type { SettingsView } from './contract.ts'
import { warningsOf } from './ownership.ts'

/** Every setting as it is in force; `modes` are those that the defences are in. */
export function settingsView({ settings }: Intent, modes: Defence['modes']): SettingsView {
  const values = withDefaults(valuesOf(settings))
  const views = SETTING_NAMES.map(name => {
    const origin = settings[name]?.origin
    const { default: usual, notActive } = ruleOf(name)
    const view = { value: values[name], default: usual, active: notActive === undefined }
    const mode = (modes as Partial<Record<SettingName, number>>)[name]
    const isOther = mode !== undefined && mode !== values[name]
    const more = { ...(origin !== undefined && { origin }), ...(isOther && { mode }) }
    return [name, { ...view, ...more }] as const
  })
  return Object.fromEntries(views) as SettingsView
}

/** The values of settings, without their owners. */
export function valuesOf(settings: Intent['settings']): Settings {
  return Object.fromEntries(Object.entries(settings).map(([name, { value }]) => [name, value]))
}

/** Files that own what was changed, each once, and what was set without an effect. */
export function settingWarnings(before: Intent, changes: SettingChanges): Warning[] {
  const names = Object.keys(changes) as SettingName[]
  const owned = names.flatMap(name => warningsOf(before.settings[name]))
  const files = owned.filter(({ cure }, i) => owned.findIndex(o => o.cure === cure) === i)
  return [...files, ...names.flatMap(name => noEffect(name, changes[name]))]
}

function noEffect(name: SettingName, value: SettingChanges[SettingName]): Warning[] {
  const { notActive, default: usual } = ruleOf(name)
  if (notActive === undefined || value === null || value === usual) return []
  return [
    {
      kind: 'not-active',
      message: `${name} has no effect: ${notActive}`,
      cure: `xlvs set ${name}=default`,
    },
  ]
}
