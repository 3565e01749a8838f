/**
 * How an error looks: the sentence, then one thing to try; as JSON when machines are reading.
 * Pure. Read next: ../errors.ts (the codes).
 */
import { ConfigError, XlvsError } from '../errors.ts'
import { faultsText, faultView, printable } from './fault.ts'
import type { Style } from './style.ts'

/** Two lines for people: what went wrong, and indented what to try; with `debug` the stack. */
export function errorText(error: XlvsError, style: Style, debug: boolean): string {
  const faults = error instanceof ConfigError ? faultsText(error, style) : ''
  const sentence = `${style.red('error:')} ${printable(error.message)} (${error.code})\n`
  const head = `${faults}${sentence}    ${printable(error.hint)}\n`
  return debug ? `${head}${stackText(error)}\n` : head
}

/**
 * The same for machines, in one line: {"error": {"code", "message", "hint"}}, as the API answers;
 * for a configuration file also "faults", a list of {"file", "line", "column", "code", ...}.
 */
export function errorJson(error: XlvsError): string {
  const { code, message, hint } = error
  const faults = error instanceof ConfigError ? { faults: error.faults.map(faultView(error)) } : {}
  return `${JSON.stringify({ error: { code, message, hint, ...faults } })}\n`
}

/** Any thrown value as an XlvsError; what is not one is a bug of ours. */
export function asXlvsError(thrown: unknown): XlvsError {
  if (thrown instanceof XlvsError) return thrown
  const text = thrown instanceof Error ? thrown.message : String(thrown)
  return new XlvsError('INTERNAL', `xlvs failed: ${text}`, 'run it again with --debug', {
    cause: thrown,
  })
}

function stackText(error: Error): string {
  const { cause } = error
  const own = error.stack ?? error.message
  return cause instanceof Error ? `${own}\ncaused by ${stackText(cause)}` : own
}
