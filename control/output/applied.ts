/**
 * What an apply changed, or would change: a line for each thing with its sign, then the counts,
 * then what others own. Pure.
 */
import type { Applied, DifferenceItem, Other, Sign } from '../model/difference.ts'
import { fileOf } from '../model/origin.ts'
import { counted } from './counted.ts'
import type { Style } from './style.ts'

const SIGNS: Record<Sign, { mark: string; would: string; paint: keyof Style }> = {
  added: { mark: '+', would: 'add', paint: 'green' },
  changed: { mark: '~', would: 'change', paint: 'yellow' },
  removed: { mark: '-', would: 'remove', paint: 'red' },
}
/** More lines are counted and not shown. */
const LINES_MAX = 200

/** `verbose`: what others own is listed, not only counted. */
export function appliedText(
  file: string,
  applied: Applied,
  style: Style,
  verbose: boolean,
): string {
  const { changed, dryRun, difference } = applied
  const others = othersText(applied, verbose)
  if (!changed) return `${file}: nothing changed\n${others}`
  const { items, counts } = difference
  const lines = items.slice(0, LINES_MAX).map((item, i) => itemText(item, items[i - 1], style))
  const all = Object.values(counts).flatMap(of => Object.values(of))
  const more = all.reduce((a, b) => a + b, 0) - lines.length
  const rest = more > 0 ? `... and ${more} more\n` : ''
  const signs = (Object.keys(SIGNS) as Sign[]).filter(sign =>
    Object.values(counts[sign]).some(n => n > 0),
  )
  const sums = signs.map(sign => {
    return `${dryRun ? SIGNS[sign].would : sign} ${counted(counts[sign])}`
  })
  const what = dryRun ? `would ${sums.join(', ')}; nothing was changed` : sums.join('; ')
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

function othersText({ others, othersCount }: Applied, verbose: boolean): string {
  if (othersCount === 0) return ''
  if (!verbose) {
    const [things, them] = othersCount === 1 ? ['thing', 'it'] : ['things', 'them']
    return `left alone: ${othersCount} ${things} that others own; --verbose lists ${them}\n`
  }
  const named = others.map(other => `  ${otherText(other)}\n`)
  const more = othersCount - named.length
  const rest = more > 0 ? `  ... and ${more} more\n` : ''
  return `left alone, because others own it:\n${named.join('')}${rest}`
}

function otherText({ what, name, service, origin }: Other): string {
  const of = service === undefined ? '' : ` of ${service}`
  return `${what} ${name}${of} (${fileOf(origin) ?? origin})`
}
