/**
 * What an apply changed, or would change: a line for each thing with its sign, then the counts,
 * then what others own. Pure.
 */
import type { Applied, DifferenceItem, Other, Sign } from '../model/difference.ts'
import { fileOf } from '../model/origin.ts'
import { counted } from './counted.ts'
import type { Style } from './style.ts'

const SIGNS: Record<Sign, { mark: string; paint: keyof Style }> = {
  added: { mark: '+', paint: 'green' },
  changed: { mark: '~', paint: 'yellow' },
  removed: { mark: '-', paint: 'red' },
}
/** More lines are counted and not shown. */
const LINES_MAX = 200
const OTHERS_SHOWN = 10

export function appliedText(file: string, applied: Applied, style: Style): string {
  const { changed, dryRun, difference } = applied
  const others = othersText(applied)
  if (!changed) return `${file}: nothing changed\n${others}`
  const { items, counts } = difference
  const lines = items.slice(0, LINES_MAX).map((item, i) => itemText(item, items[i - 1], style))
  const all = Object.values(counts).flatMap(of => Object.values(of))
  const more = all.reduce((a, b) => a + b, 0) - lines.length
  const rest = more > 0 ? `... and ${more} more\n` : ''
  const signs = (Object.keys(SIGNS) as Sign[]).filter(sign =>
    Object.values(counts[sign]).some(n => n > 0),
  )
  const sums = signs.map(sign => `${sign} ${counted(counts[sign])}`).join('; ')
  const what = dryRun ? `would be ${sums}; nothing was changed` : sums
  return `${lines.join('')}${rest}${file}: ${what}\n${others}`
}

/** A dest stands below its service, which is named when nothing else of it changes. */
function itemText(item: DifferenceItem, before: DifferenceItem | undefined, style: Style): string {
  const { mark, paint } = SIGNS[item.sign]
  const details = item.details === '' ? '' : `  ${item.details}`
  const line = style[paint](`${mark} ${item.what} ${item.name}${details}`)
  if (item.service === undefined) return `${line}\n`
  const above = before?.what === 'service' ? before.name : before?.service
  const heading = above === item.service ? '' : `  service ${item.service}\n`
  return `${heading}    ${line}\n`
}

function othersText({ others, othersCount }: Applied): string {
  if (othersCount === 0) return ''
  const named = others.slice(0, OTHERS_SHOWN).map(other => `  ${otherText(other)}\n`)
  const more = othersCount - named.length
  const rest = more > 0 ? `  ... and ${more} more\n` : ''
  return `left alone, because others own it:\n${named.join('')}${rest}`
}

function otherText({ what, name, service, origin }: Other): string {
  const of = service === undefined ? '' : ` of ${service}`
  return `${what} ${name}${of} (${fileOf(origin) ?? origin})`
}
