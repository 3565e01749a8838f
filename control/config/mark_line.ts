/**
 * A mark rule on one line, of lvs.yaml or of a command: `tcp to 192.0.2.0/24 port 80-90 mark 7`,
 * that is the family and protocol, where they are to be said, then words with a value each. Pure.
 * Read next: ../model/mark.ts (the way back).
 */
import { type ErrorCode, XlvsError } from '../errors.ts'
import {
  addressBits,
  bytesOf,
  familyOf,
  formatAddress,
  formatIpv6,
  maskBits,
  type Family,
} from '../model/address.ts'
import {
  MARK_PROTOCOLS,
  PORT_PROTOCOLS,
  markMatchOf,
  markMatchText,
  type MarkMatch,
  type MarkRule,
  type PortRange,
} from '../model/mark.ts'
import { MARK_MAX, PORT_MAX } from '../model/service.ts'
import { wordsOf, type Words } from './dest_line.ts'
import { parseAddress, parseInterface } from './name.ts'
import { unknownKey } from './parse.ts'
import { shown } from './refusal.ts'

/** Words that have a value behind them. */
export const MARK_WORDS = ['to', 'port', 'from', 'in', 'mark'] as const
type MarkWord = (typeof MARK_WORDS)[number]

const FAMILY_WORDS: Record<string, Family> = { ipv4: 4, ipv6: 6 }
const EXAMPLE = 'tcp to 192.0.2.1 port 80 mark 7'

/** An error, and what of the line it is about. */
export class MarkLineError extends XlvsError {
  readonly words: Words

  constructor(words: Words, code: ErrorCode, message: string, hint: string) {
    super(code, message, hint)
    this.words = words
  }
}

/** A whole rule. @throws BAD_MARK_RULE, BAD_MARK, BAD_ADDRESS, BAD_PORT, BAD_INTERFACE, ... */
export function parseMarkRule(line: string): MarkRule {
  const { match, mark } = read(line)
  if (mark !== undefined) return { ...match, mark }
  throw wrong(whole(line), 'BAD_MARK_RULE', 'the rule lacks its mark', `write it like ${EXAMPLE}`)
}

/** What a rule is for, without its mark. @throws as parseMarkRule */
export function parseMarkMatch(line: string): MarkMatch {
  const { match, mark } = read(line)
  if (mark === undefined) return match
  const sentence = `mark ${mark} is too much: a rule is named by its packets alone`
  throw wrong(whole(line), 'BAD_MARK_RULE', sentence, 'leave the mark out')
}

/** A rule as another program gave it, in the form that is compared. @throws as parseMarkRule */
export function canonicalMarkRule(rule: MarkRule): MarkRule {
  return { ...canonicalMarkMatch(rule), mark: rule.mark }
}

/** The same of what a rule is for. */
export function canonicalMarkMatch(match: MarkMatch): MarkMatch {
  const read = parseMarkMatch(markMatchText(match))
  if (Object.keys(read).length !== Object.keys(markMatchOf(match)).length)
    throw new XlvsError('BAD_MARK_RULE', 'a value of the rule is several words', 'say each by name')
  if (read.family === match.family) return read
  throw new XlvsError('BAD_FAMILY', 'the rule is not of the family of its prefixes', 'say which')
}

interface Read {
  family?: Family
  protocol?: MarkRule['protocol']
  values: Map<MarkWord, string>
  places: Map<string, Words>
}

function read(line: string): { match: MarkMatch; mark: number | undefined } {
  const { family: said, protocol, values, places } = split(line)
  const at = (word: string): Words => places.get(word) ?? whole(line)
  const valued = <T>(word: MarkWord, parse: (text: string) => T): T | undefined => {
    const text = values.get(word)
    return text === undefined ? undefined : about(at(word), () => parse(text))
  }
  const to = valued('to', parsePrefix)
  const from = valued('from', parsePrefix)
  const ofPrefix = (prefix: string | undefined): Family | undefined =>
    prefix === undefined ? undefined : familyOf(prefix.split('/')[0] ?? '')
  const families = [said, ofPrefix(to), ofPrefix(from)]
  const family = families.find(one => one !== undefined) ?? 4
  if (families.some(one => one !== undefined && one !== family))
    throw wrong(whole(line), 'BAD_FAMILY', 'the rule is of both families', 'make a rule of each')
  const ports = valued('port', parsePorts)
  if (ports && !PORT_PROTOCOLS.some(one => one === protocol)) {
    const sentence = `a rule with a port is of ${PORT_PROTOCOLS.join(', ')}: it must be named first`
    throw wrong(at('port'), 'BAD_PORT', sentence, `write it like ${EXAMPLE}`)
  }
  const name = valued('in', parseInterface)
  const match = {
    family,
    ...(protocol === undefined ? {} : { protocol }),
    ...(to === undefined ? {} : { to }),
    ...(from === undefined ? {} : { from }),
    ...(ports === undefined ? {} : { ports }),
    ...(name === undefined ? {} : { interface: name }),
  }
  return { match, mark: valued('mark', parseMarkNumber) }
}

function split(line: string): Read {
  const read: Read = { values: new Map(), places: new Map() }
  const words = wordsOf(line)
  let i = 0
  const family = FAMILY_WORDS[words[i]?.text ?? '']
  if (family !== undefined) {
    read.family = family
    i++
  }
  const protocol = MARK_PROTOCOLS.find(one => one === words[i]?.text)
  if (protocol !== undefined) {
    read.protocol = protocol
    i++
  }
  for (; i < words.length; i += 2) {
    const [word, value] = [words[i], words[i + 1]]
    if (!word) break
    const known = about(word, () => knownWord(word.text, read.values))
    if (!value)
      throw wrong(word, 'BAD_MARK_RULE', `${known} lacks its value`, `write it like ${EXAMPLE}`)
    read.values.set(known, value.text)
    read.places.set(known, value)
  }
  if (words.length > 0) return read
  throw wrong(whole(line), 'BAD_MARK_RULE', 'the rule is empty', `write it like ${EXAMPLE}`)
}

function knownWord(text: string, before: ReadonlyMap<string, unknown>): MarkWord {
  const known = MARK_WORDS.find(word => word === text)
  const words = [...Object.keys(FAMILY_WORDS), ...MARK_PROTOCOLS, ...MARK_WORDS]
  if (known === undefined) throw unknownKey('a mark rule', text, words)
  if (before.has(known))
    throw new XlvsError('DUPLICATE', `${known} is there twice`, 'remove one of them')
  return known
}

/**
 * A prefix or an address, canonical: bits behind the length are cut off, as iptables does.
 * @throws BAD_ADDRESS
 */
export function parsePrefix(text: string): string {
  const [host = '', length, ...more] = text.split('/')
  const address = parseAddress(host)
  const family = familyOf(address)
  const most = family === 4 ? 32 : 128
  const isNumber = length === undefined || /^[0-9]{1,3}$/.test(length)
  const bits = length === undefined ? most : Number(length)
  if (!isNumber || bits > most || more.length > 0)
    throw new XlvsError(
      'BAD_ADDRESS',
      `${shown(text)} is no prefix: expected an address, and a length of 0 to ${most}`,
      'write it like 192.0.2.0/24 or 2001:db8::/32',
    )
  const network = bytesOf(maskBits(addressBits(address), bits + 128 - most))
  return `${family === 4 ? formatAddress(network) : formatIpv6(network)}/${bits}`
}

/** @throws BAD_PORT */
export function parsePorts(text: string): PortRange {
  const found = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text)
  const first = Number(found?.[1])
  const last = Number(found?.[2] ?? found?.[1])
  if (found && first <= last && last <= PORT_MAX) return { first, last }
  throw new XlvsError(
    'BAD_PORT',
    `port ${shown(text)} is wrong: expected a port of 0 to ${PORT_MAX}, or a range`,
    'write it like 80 or 5000-5999',
  )
}

/** @throws BAD_MARK */
export function parseMarkNumber(text: string): number {
  const isNumber = /^([0-9]{1,10}|0x[0-9a-f]{1,8})$/i.test(text)
  const mark = Number(text)
  if (isNumber && mark <= MARK_MAX) return mark
  throw new XlvsError(
    'BAD_MARK',
    `mark ${shown(text)} of a rule is wrong: expected 0 to ${MARK_MAX}`,
    '0 is for packets that an earlier rule shall not mark',
  )
}

function about<T>(words: Words, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof XlvsError) || error instanceof MarkLineError) throw error
    throw wrong(words, error.code, error.message, error.hint)
  }
}

function wrong(words: Words, code: ErrorCode, message: string, hint: string): MarkLineError {
  return new MarkLineError({ at: words.at, length: words.length }, code, message, hint)
}

function whole(line: string): Words {
  return { at: 0, length: line.length }
}
