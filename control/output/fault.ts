/**
 * Errors in a configuration file as compilers show them: place and sentence, the line, and what is
 * wrong underlined, with one thing to try. Pure.
 */
import type { ConfigError, Fault } from '../errors.ts'
import type { Style } from './style.ts'

/** Columns of a line that are shown; the wrong part is among them. */
const WIDTH = 160
/** Columns kept in front of the wrong part when a line is cut. */
const BEFORE = 40

/** Every error of a file, three lines each. */
export function faultsText(error: ConfigError, style: Style): string {
  const lines = error.text.split(/\r\n|\n/)
  return error.faults
    .map(fault => faultText(error.file, lines[fault.line - 1] ?? '', fault, style))
    .join('')
}

function faultText(file: string, text: string, fault: Fault, style: Style): string {
  const { line, column, error } = fault
  const where = style.bold(`${file}:${line}:${column}:`)
  const sentence = `${where} ${printable(error.message)} (${error.code})\n`
  if (fault.length === 0) return `${sentence}    ${printable(error.hint)}\n`
  const at = column - 1
  const from = at + fault.length > WIDTH ? Math.max(0, at - BEFORE) : 0
  const shown = printable(text.slice(from, from + WIDTH))
  const length = Math.max(1, Math.min(fault.length, shown.length - (at - from)))
  const before = shown.slice(0, at - from).replace(/[^\t]/g, ' ')
  const under = style.red(`^${'~'.repeat(length - 1)}`)
  return `${sentence}${shown}\n${before}${under} ${printable(error.hint)}\n`
}

/** A file, and what a message says of it, may hold what would move a terminal's cursor. */
export function printable(text: string): string {
  return text.replace(/[^\P{Cc}\t]/gu, '?')
}

/** An error of a file for machines. */
export function faultView({ file }: ConfigError): (fault: Fault) => object {
  return ({ line, column, length, error: { code, message, hint } }) => {
    return { file, line, column, length, code, message, hint }
  }
}
