/**
 * How an error looks: the sentence, then one thing to try; as JSON when machines are reading.
 * Pure. Read next: ../errors.ts (the codes).
 */
import { ConfigError, XlvsError } from '../errors.ts'
import { faultsText, faultView, printable } from './fault.ts'
import type { Style } from './style.ts'

/**
 * Two lines for people: what went wrong, and indented what to try; then lines that say more, and
 * with `debug` the stack.
 */
export function errorText(error: XlvsError, style: Style, debug: boolean): string {
  const hint = `    ${printable(error.hint)}\n`
  const faults = error instanceof ConfigError ? faultsText(error, style) : ''
  const sentence = `${style.red('error:')} ${printable(error.message)} (${error.code})\n`
  const details = error.details.map(line => `    | ${printable(line)}\n`).join('')
  const own = faults + sentence + hint + details
  const head = isToldByFaults(error) ? faults + refusedText(error, style) : own
  return debug ? `${head}${stackText(error)}\n` : head
}

/** What the daemon refused, where its place says all. */
function isToldByFaults(error: XlvsError): error is ConfigError {
  return error instanceof ConfigError && error.faults.some(f => f.error.message === error.message)
}

function refusedText({ file, code }: ConfigError, style: Style): string {
  const sentence = `${file} is not in force: nothing was changed (${code})`
  return `${style.red('error:')} ${printable(sentence)}\n    mend it and try again\n`
}

/**
 * The same for machines, in one line: {"error": {"code", "message", "hint"}}, as the API answers;
 * for a configuration file also "faults", a list of {"file", "line", "column", "code", ...}.
 */
export function errorJson(error: XlvsError): string {
  const faults = error instanceof ConfigError ? { faults: error.faults.map(faultView(error)) } : {}
  return `${JSON.stringify({ error: { ...error.toJSON(), ...faults } })}\n`
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
