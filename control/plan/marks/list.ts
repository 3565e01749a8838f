/**
 * The list of mark rules, and what changes make of it. The last rule that matches a packet gives
 * its mark, so that the order counts: rules of files come first, in their order, those of others
 * after them, in the order in which they were added. Pure. Read next: rules.ts.
 */
import { XlvsError } from '../../errors.ts'
import {
  MARK_RULES_MAX,
  markMatchOf,
  markMatchText,
  markRuleText,
  type MarkMatch,
  type MarkRule,
} from '../../model/mark.ts'
import { fileOf, originOf } from '../../model/origin.ts'

/** With more at the end. @throws MARK_RULE_EXISTS, TABLE_FULL */
export function withRules(list: readonly MarkRule[], added: readonly MarkRule[]): MarkRule[] {
  const known = new Map(list.map(rule => [markMatchText(rule), rule]))
  for (const rule of added) {
    const name = markMatchText(rule)
    const there = known.get(name)
    if (there) throw ruleExists(there)
    known.set(name, rule)
  }
  return bounded([...list, ...added])
}

/** Without some. @throws MARK_RULE_MISSING */
export function withoutRules(list: readonly MarkRule[], removed: readonly MarkMatch[]): MarkRule[] {
  const known = new Set(list.map(markMatchText))
  const names = new Set(removed.map(markMatchText))
  for (const name of names) if (!known.has(name)) throw ruleMissing(name)
  return list.filter(rule => !names.has(markMatchText(rule)))
}

/**
 * With a file's rules in the place of those it had: before the rules of commands, and behind those
 * of files that were applied before it. @throws TABLE_FULL
 */
export function withFileRules(
  list: readonly MarkRule[],
  isMine: (rule: MarkRule) => boolean,
  wanted: readonly MarkRule[],
): MarkRule[] {
  const isOfFile = (rule: MarkRule): boolean => fileOf(originOf(rule)) !== undefined
  const first = list.findIndex(isMine)
  const others = list.filter(rule => !isMine(rule))
  const before = others.filter(rule => isOfFile(rule) && (first < 0 || list.indexOf(rule) < first))
  const behind = others.filter(rule => !before.includes(rule))
  return bounded([...before, ...wanted, ...behind])
}

/** Whether two rules say the same of the same packets. */
export function isSameRule(a: MarkRule, b: MarkRule): boolean {
  return a.mark === b.mark && markMatchText(a) === markMatchText(b)
}

/** A rule without whose it is. */
export function ruleOf(rule: MarkRule): MarkRule {
  return { ...markMatchOf(rule), mark: rule.mark }
}

function bounded(list: MarkRule[]): MarkRule[] {
  if (list.length <= MARK_RULES_MAX) return list
  throw new XlvsError(
    'TABLE_FULL',
    `that would be ${list.length} mark rules: expected at most ${MARK_RULES_MAX}`,
    'join some of them to prefixes or ranges of ports',
  )
}

function ruleExists(rule: MarkRule): XlvsError {
  return new XlvsError(
    'MARK_RULE_EXISTS',
    `there is a rule for these packets already: ${markRuleText(rule)}`,
    `remove it first: xlvs mark remove ${markMatchText(rule)}`,
  )
}

function ruleMissing(name: string): XlvsError {
  return new XlvsError(
    'MARK_RULE_MISSING',
    `there is no mark rule ${name}`,
    'xlvs mark list lists the rules; name one as it does, without its mark',
  )
}
