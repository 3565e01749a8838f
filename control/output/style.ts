/**
 * Colour, for those who can see it: only on a terminal, and never when NO_COLOR says no
 * (https://no-color.org). Pure; the caller says what it writes to.
 */

/** Paints text, or leaves it as it is. */
export interface Style {
  bold(text: string): string
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
}

const plain = (text: string): string => text
const PLAIN: Style = { bold: plain, red: plain, green: plain, yellow: plain }

const COLOURED: Style = {
  bold: text => `\u001b[1m${text}\u001b[22m`,
  red: text => `\u001b[31m${text}\u001b[39m`,
  green: text => `\u001b[32m${text}\u001b[39m`,
  yellow: text => `\u001b[33m${text}\u001b[39m`,
}

/** Colours when `isTerminal`, and neither NO_COLOR nor TERM=dumb is in `env`. */
export function styleFor(
  isTerminal: boolean,
  env: Readonly<Record<string, string | undefined>>,
): Style {
  return isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb' ? COLOURED : PLAIN
}
