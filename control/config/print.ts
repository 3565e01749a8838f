/**
 * A configuration as the text of lvs.yaml; check.ts reads it back as it was. Pure.
 */
import type { Configuration, ConfiguredService } from '../model/configuration.ts'
import { markRuleText, type MarkRule } from '../model/mark.ts'
import { destName, serviceName } from '../model/service.ts'
import { SETTING_NAMES } from '../model/settings.ts'
import { SYNC_ROLES, type SyncWishes } from '../model/sync.ts'
import { destWords, serviceWords, syncWords } from '../model/words.ts'
import { MODE_DEFAULT, WEIGHT_DEFAULT } from './schema.ts'

/** The text, its last line ended. Every scheduler is written out, defaults of dests are not. */
export function printConfiguration(configuration: Configuration): string {
  const { settings, interfaces, sync = {}, marks = [], services } = configuration
  const lines: string[] = []
  const set = SETTING_NAMES.filter(name => settings[name] !== undefined)
  if (set.length > 0) lines.push('settings:')
  for (const name of set) lines.push(`  ${name}: ${settings[name] === '' ? "''" : settings[name]}`)
  if (interfaces.length > 0) lines.push('interfaces:')
  for (const { name, mode } of interfaces)
    lines.push(`  - ${quoted(mode === MODE_DEFAULT ? name : `${name} ${mode}`)}`)
  lines.push(...syncLines(sync))
  if (marks.length > 0) lines.push('marks:')
  for (const rule of marks) lines.push(`  - ${markLine(rule)}`)
  lines.push(services.length > 0 ? 'services:' : 'services: {}')
  for (const service of services) lines.push(...serviceLines(service))
  return `${lines.join('\n')}\n`
}

/** An interface may have nearly any name, and a prefix of IPv6 may look like a mapping. */
function markLine(rule: MarkRule): string {
  const text = markRuleText(rule)
  return /^[a-z]+( [\w./:-]+)*$/.test(text) && !/:( |$)/.test(text) ? text : JSON.stringify(text)
}

function syncLines(sync: SyncWishes): string[] {
  const daemons = SYNC_ROLES.flatMap(role => {
    const wish = sync[role]
    return wish ? [[role, wish] as const] : []
  })
  const lines = daemons.flatMap(([role, wish]) => [
    `  ${role}:`,
    ...syncWords(wish).map(([word, value]) =>
      word === 'interface' ? `    interface: ${quoted(value)}` : `    ${word}: ${yamlText(value)}`,
    ),
  ])
  return lines.length > 0 ? ['sync:', ...lines] : []
}

/** IPv6 may end with a colon, or begin with one. */
function yamlText(value: string): string {
  return value.includes(':') ? JSON.stringify(value) : value
}

function serviceLines(service: ConfiguredService): string[] {
  const lines = [`  ${serviceName(service).replace(':', ' ')}:`]
  const first = service.name === undefined ? 0 : 1
  const words = serviceWords(service).toSpliced(first, 0, ['scheduler', service.scheduler])
  for (const [word, value] of words) lines.push(`    ${word}: ${value}`)
  if (service.dests.length > 0) lines.push('    dests:')
  for (const dest of service.dests) {
    const weight = dest.weight === WEIGHT_DEFAULT ? [] : ['weight', dest.weight]
    const words = [dest.fwd, destName(dest), ...weight, ...destWords(dest).flat()]
    lines.push(`      - ${words.join(' ')}`)
  }
  return lines
}

/** An interface may have nearly any name; what YAML could take for something else is quoted. */
function quoted(text: string): string {
  return /^[A-Za-z][\w.-]*( [a-z]+)?$/.test(text) ? text : JSON.stringify(text)
}
