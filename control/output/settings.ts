/**
 * Settings for people: a table, and one line about those that are set without an effect. Pure.
 */
import { fileOf } from '../model/origin.ts'
import { ruleOf, SETTING_NAMES, type SettingName, type SettingValue } from '../model/settings.ts'
import type { SettingView } from '../daemon/contract.ts'
import type { Style } from './style.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'SETTING' },
  { title: 'VALUE' },
  { title: 'DEFAULT' },
  { title: 'ORIGIN' },
  { title: 'EFFECT' },
]

type Views = readonly (readonly [name: SettingName, view: SettingView])[]

/** A row for each; the effect is told where there is none. */
export function settingsText(views: Views): string {
  const rows = views.map(([name, { value, default: usual, origin }]) => [
    name,
    valueText(value),
    valueText(usual),
    origin === undefined ? '' : (fileOf(origin) ?? origin),
    effect(name),
  ])
  return table(COLUMNS, rows)
}

function effect(name: SettingName): string {
  const { notActive } = ruleOf(name)
  return notActive === undefined ? '' : `none: ${notActive}`
}

/** A value; an empty list would look like a gap. */
export function valueText(value: SettingValue): string {
  return value === '' ? "''" : String(value)
}

/** A line about those that somebody has set to no purpose; empty where there are none. */
export function idleText(settings: Record<SettingName, SettingView>, style: Style): string {
  const idle = SETTING_NAMES.filter(name => {
    const { active, value, default: usual } = settings[name]
    return !active && value !== usual
  })
  if (idle.length === 0) return ''
  return `${style.yellow('!')} set, but without effect: ${idle.join(', ')}; see xlvs get\n`
}
