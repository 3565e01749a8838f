/**
 * Text to the value of a setting, and names of settings from outside. Values are canonical: what
 * means the same is the same. Pure. Read next: ../model/settings.ts (the rules).
 */
import { XlvsError } from '../errors.ts'
import {
  AUTO,
  INT_MAX,
  ruleOf,
  SETTING_NAMES,
  withDefaults,
  type NumberRule,
  type SettingChanges,
  type SettingName,
  type Settings,
  type SettingValue,
} from '../model/settings.ts'
import { nearest } from './nearest.ts'
import { shown } from './refusal.ts'

/** Linux' own bound on CPUs (CONFIG_NR_CPUS_RANGE_END, x86-64). */
const CPUS_MAX = 8192
const ULONG_MAX = 2n ** 64n - 1n

/** @throws UNKNOWN_SETTING when there is no setting of that name. */
export function parseSettingName(text: string): SettingName {
  const found = SETTING_NAMES.find(name => name === text)
  if (found) return found
  const guess = nearest(text, SETTING_NAMES)
  throw new XlvsError(
    'UNKNOWN_SETTING',
    `there is no setting ${shown(text)}`,
    guess === undefined ? 'xlvs get lists them' : `did you mean ${guess}?`,
  )
}

/**
 * The value that a text gives a setting. `inForce` is what it has now: a pair that names only its
 * first number keeps the second.
 * @throws BAD_SETTING when it is not of the setting's kind, or out of its bounds.
 */
export function parseSetting(
  name: SettingName,
  text: string,
  inForce: SettingValue = ruleOf(name).default,
): SettingValue {
  const rule = ruleOf(name)
  switch (rule.kind) {
    case 'int':
    case 'power':
      return parseNumber(name, rule, text)
    case 'ulong':
      return parseUlong(name, text)
    case 'pair':
      return parsePair(name, text, inForce)
    case 'cpus':
      return parseCpus(name, text)
  }
}

/** Modes 1 and 2 of the defences are one: the kernel itself goes from one to the other and back. */
const BY_MEMORY = 1
const BY_MEMORY_TOO = 2
const DEFENCES: readonly SettingName[] = ['drop_entry', 'drop_packet', 'secure_tcp']

function parseNumber(name: SettingName, rule: NumberRule, text: string): number {
  if (!/^-?[0-9]+$/.test(text)) throw refused(name, text, 'is not a whole number')
  const value = Number(text) + 0 // no -0
  if (value < rule.min || value > rule.max) throw refused(name, text, 'is out of range')
  if (rule.kind === 'power' && !Number.isInteger(Math.log2(value)))
    throw refused(name, text, 'is not a power of two')
  return value === BY_MEMORY_TOO && DEFENCES.includes(name) ? BY_MEMORY : value
}

function parseUlong(name: SettingName, text: string): string {
  if (text === AUTO) return AUTO
  if (!/^[0-9]+$/.test(text)) throw refused(name, text, 'is not a whole number')
  if (text.length > 40 || BigInt(text) > ULONG_MAX) throw refused(name, text, 'is out of range')
  return BigInt(text).toString()
}

function parsePair(name: SettingName, text: string, inForce: SettingValue): string {
  const words = text.trim().split(/\s+/)
  if (words.length > 2 || !words.every(word => /^[0-9]+$/.test(word)))
    throw refused(name, text, 'is not one or two whole numbers')
  const before = Number(String(inForce).split(' ')[1])
  const [first = 0, second = before] = words.map(Number)
  if (first > INT_MAX || second > INT_MAX) throw refused(name, text, 'is out of range')
  if (second !== 0 && first >= second)
    throw refused(name, text, `has no first number below the second, ${second}`)
  return `${first} ${second}`
}

function parseCpus(name: SettingName, text: string): string {
  const list = text.trim()
  if (list === AUTO || list === '') return list
  const cpus = new Set<number>()
  for (const part of list.split(',')) {
    const [, from = '', to = from] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(part.trim()) ?? []
    if (from === '') throw refused(name, text, 'is not a list of CPUs')
    if (+to < +from || +to >= CPUS_MAX) throw refused(name, text, 'is out of range')
    for (let cpu = +from; cpu <= +to; cpu++) cpus.add(cpu)
  }
  return ranges([...cpus].sort((a, b) => a - b))
}

/** As the kernel prints a list: ascending, neighbours as a range. */
function ranges(cpus: readonly number[]): string {
  const found: [number, number][] = []
  for (const cpu of cpus) {
    const last = found.at(-1)
    if (last && last[1] === cpu - 1) last[1] = cpu
    else found.push([cpu, cpu])
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

/**
 * What is given from outside, a value or its text for each name, as changes; null is the default.
 * @throws UNKNOWN_SETTING, BAD_SETTING
 */
export function parseSettings(
  given: Record<string, SettingValue | null>,
  inForce: Settings,
): SettingChanges {
  const now = withDefaults(inForce)
  const changes = Object.entries(given).map(([word, value]) => {
    const name = parseSettingName(word)
    return [name, value === null ? null : parseSetting(name, String(value), now[name])] as const
  })
  return Object.fromEntries(changes)
}

function refused(name: SettingName, value: string, what: string): XlvsError {
  return new XlvsError(
    'BAD_SETTING',
    `${name} ${shown(value)} ${what}: expected ${expected(name)}`,
    `${shown(ruleOf(name).default)} is the default`,
  )
}

/** What a setting may be, in words. */
export function expected(name: SettingName): string {
  const rule = ruleOf(name)
  switch (rule.kind) {
    case 'int':
      return `${rule.min} to ${rule.max}`
    case 'power':
      return `a power of two, ${rule.min} to ${rule.max}`
    case 'ulong':
      return `0 to ${ULONG_MAX}, or auto`
    case 'pair':
      return `two numbers 0 to ${INT_MAX}, the first below the second, or 0 as the second`
    case 'cpus':
      return 'CPUs like 0-3,6, nothing, or auto'
  }
}
