/** Mark rules for people: a table, in their order; and what an import made of others'. Pure. */
import { XlvsError } from '../errors.ts'
import { markMatchText, markRuleText, type MarkRule, type MarkRuleView } from '../model/mark.ts'
import { counted } from './counted.ts'
import { table, type Column } from './table.ts'

const COLUMNS: readonly Column[] = [
  { title: 'MARK', align: 'right' },
  { title: 'PACKETS' },
  { title: 'ORIGIN' },
]

export function marksText(marks: readonly MarkRuleView[]): string {
  if (marks.length === 0) return 'no mark rules\n'
  return table(
    COLUMNS,
    marks.map(rule => [`${rule.mark}`, markMatchText(rule), rule.origin]),
  )
}

/** A rule of another program that sets a mark and could not be expressed. */
export interface LeftOut {
  place: string
  text: string
  reason: string
  /** It is no service's, and only named. */
  aside?: true
}

/** What comes of an import: what is new, what was so already, what is left out. */
export interface ImportView {
  added: readonly MarkRule[]
  there: readonly MarkRule[]
  left: readonly LeftOut[]
}

/** Rules for packets that have another rule already are left out. */
export function sorted(
  rules: readonly MarkRule[],
  left: readonly LeftOut[],
  known: readonly MarkRule[],
): ImportView {
  const marks = new Map(known.map(rule => [markMatchText(rule), rule.mark]))
  const markOf = (rule: MarkRule): number | undefined => marks.get(markMatchText(rule))
  const other = rules.filter(rule => markOf(rule) !== undefined && markOf(rule) !== rule.mark)
  return {
    added: rules.filter(rule => markOf(rule) === undefined),
    there: rules.filter(rule => markOf(rule) === rule.mark),
    left: [
      ...left,
      ...other.map(rule => ({
        place: 'rule',
        text: markRuleText(rule),
        reason: `there is a rule for these packets already, of mark ${markOf(rule)}`,
      })),
    ],
  }
}

export function importedText({ added, there, left }: ImportView, dryRun: boolean): string {
  const lines = added.map(rule => `+ ${markRuleText(rule)}\n`).join('')
  const sums = [
    `${dryRun ? 'would add' : 'added'} ${counted({ 'mark rules': added.length })}`,
    ...(there.length > 0 ? [`${there.length} there already`] : []),
    ...(left.length > 0 ? [`${left.length} left out`] : []),
  ]
  return `${lines}${sums.join('; ')}\n`
}

/** A line for each rule that was left out, with its place and the reason. */
export function leftText(left: readonly LeftOut[]): string {
  return left.map(({ place, text, reason }) => `${place}: ${reason}\n    ${text}\n`).join('')
}

/** For who wants all of an import or nothing; machines find each rule in it. */
export function leftOutError(left: readonly LeftOut[]): XlvsError {
  const rules = counted({ 'mark rules': left.length })
  return new XlvsError(
    'MARKS_LEFT_OUT',
    `${rules} of the text cannot be expressed, and nothing was added`,
    'change or remove them in the text, or import the others without --strict',
    {
      about: left.map(({ place, text, reason }) => ({
        ...{ what: 'mark' as const, name: text, message: `${place}: ${reason}` },
      })),
    },
  )
}
