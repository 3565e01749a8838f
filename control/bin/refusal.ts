/**
 * What oclif refuses, in our words: each of its errors is a wrong call. It names what was wrong in
 * fields of its errors where it can, and in its sentence otherwise. Read next: run.ts.
 */
import type { CLIError } from '@oclif/core/errors'
import { nearest } from '../config/nearest.ts'
import { shown } from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'

/** What oclif's parser adds to its errors, each where it applies. */
interface Told {
  flags?: string[]
  args?: (string | { name: string })[]
  parse?: { input?: { flags?: object; args?: object } }
}

/** The BAD_USAGE for an error of oclif's, in a call of the command `name`. */
export function inOurWords(thrown: CLIError, name: string): XlvsError {
  const [sentence, hint] = worded(thrown, name)
  return new XlvsError('BAD_USAGE', sentence, hint ?? `see what it takes: xlvs ${name} --help`, {
    cause: thrown,
  })
}

type Worded = [sentence: string, hint?: string | undefined]

function worded(thrown: CLIError & Told, name: string): Worded {
  const { flags: unknown, args, parse } = thrown
  const known = Object.keys(parse?.input?.flags ?? {}).map(flag => `--${flag}`)
  if (unknown) return unknownFlags(unknown, known, name)
  const strings = (args ?? []).filter(arg => typeof arg === 'string')
  if (strings.length > 0) return tooMany(strings, Object.keys(parse?.input?.args ?? {}), name)
  const missing = (args ?? []).filter(arg => typeof arg !== 'string')
  if (missing.length > 0)
    return [`xlvs ${name} needs ${missing.map(arg => arg.name.toUpperCase()).join(' and ')}`]
  return byItsSentence(plain(thrown.message), name)
}

function unknownFlags(unknown: readonly string[], known: readonly string[], name: string): Worded {
  const [first = '', ...rest] = unknown.map(shown)
  const which = rest.length > 0 ? `flags ${[first, ...rest].join(', ')}` : `flag ${first}`
  const guess = nearest(unknown[0] ?? '', known)
  return [`xlvs ${name} has no ${which}`, guess ? `did you mean ${guess}?` : undefined]
}

function tooMany(extra: readonly string[], takes: readonly string[], name: string): Worded {
  const what = takes.length > 0 ? `only ${takes.join(' and ').toUpperCase()}` : 'no argument'
  return [`${extra.map(shown).join(' ')} is too much: xlvs ${name} takes ${what}`]
}

/** Sentences of oclif's parser that carry what they are about only in themselves. */
const SENTENCES: [form: RegExp, worded: (parts: readonly string[], name: string) => Worded][] = [
  [/^Missing required flag (\S+)$/, ([flag = ''], name) => [`xlvs ${name} needs --${flag}`]],
  [
    /^Flag (--\S+) expects (?:a value|one of these values: (.*))$/,
    ([flag = '', values]) => [
      `${flag} needs a value${values ? `: expected ${listed(values)}` : ''}`,
      `write it like ${flag} VALUE`,
    ],
  ],
  [
    /^Expected (?:(--[^=]+)=)?(.*) to be one of: (.*)$/,
    ([flag, value = '', values = '']) => [
      `${flag === undefined ? '' : `${flag} `}${shown(value)} is not known: expected ${listed(values)}`,
      guessed(value, values.split(', ')),
    ],
  ],
  [
    /^(--[^=]+)=.* cannot also be provided when using (--\S+)$/,
    ([one = '', other = '']) => [`${one} and ${other} exclude each other`, 'give one of them'],
  ],
  [
    /^Flag (--\S+) can only be specified once$/,
    ([flag = '']) => [`${flag} is given more than once`, 'give it once'],
  ],
]

function byItsSentence(sentence: string, name: string): Worded {
  for (const [form, word] of SENTENCES) {
    const parts = form.exec(sentence)?.slice(1)
    if (parts) return word(parts, name)
  }
  return [sentence]
}

/** Words with commas between them, and the last one after an or. */
function listed(values: string): string {
  return values.replace(/, (\S+)$/, ' or $1')
}

function guessed(value: string, known: readonly string[]): string | undefined {
  const guess = nearest(value, known)
  return guess ? `did you mean ${guess}?` : undefined
}

/** Without its frame of advice; of several sentences the first. */
function plain(message: string): string {
  const lines = message
    .replace(/\nSee more help.*$/s, '')
    .replace(/^The following errors? occurred:\s*/, '')
    .split('\n')
  return (lines[0] ?? '').trim()
}
