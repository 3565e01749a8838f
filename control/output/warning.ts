/** Warnings for people. Pure. */
import type { Warning } from '../model/warning.ts'
import type { Style } from './style.ts'

/** A line for each, with what to try. */
export function warningsText(warnings: readonly Warning[], style: Style): string {
  const line = ({ message, cure }: Warning): string =>
    `${style.yellow('!')} ${message}; try ${cure}\n`
  return warnings.map(line).join('')
}
