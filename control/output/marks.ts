/** Mark rules for people: a table, in their order. Pure. */
import { markMatchText, type MarkRuleView } from '../model/mark.ts'
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
