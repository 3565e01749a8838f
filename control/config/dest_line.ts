/**
 * A dest on one line of lvs.yaml: `nat 10.0.0.2:8080 weight 2`, that is the forwarding method,
 * where it is, then words with a value each. Pure. Read next: check.ts.
 */
import { type ErrorCode, XlvsError } from '../errors.ts'
import {
  FORWARDING_METHODS,
  portOfService,
  WEIGHT_MAX,
  withoutUndefined,
  type Dest,
  type DestId,
  type ForwardingMethod,
  type ServiceId,
} from '../model/service.ts'
import {
  parseThreshold,
  parseTunnelChecksum,
  parsePort,
  parseTunnelType,
  tunnelOf,
  type TunnelWords,
} from './field.ts'
import { parseDestName, parseWeight } from './name.ts'
import { ANY_HOST, canonicalDest, checkUnicast } from './nouns.ts'
import { unknownKey } from './parse.ts'
import { badForwardingMethod, shown } from './refusal.ts'
import { DEST_WORDS, WEIGHT_DEFAULT, type DestWord } from './schema.ts'

/** A stretch of the line. */
export interface Words {
  at: number
  length: number
}

export interface DestLine {
  /** Undefined when the line says something else. */
  dest: Dest | undefined
  faults: { error: XlvsError; words: Words }[]
}

interface Word extends Words {
  text: string
}

/** Reads a line; without a service (its name was wrong) the rules between both do not apply. */
export function destLine(line: string, service: ServiceId | undefined): DestLine {
  const words = wordsOf(line)
  const [method, where, ...options] = words
  const faults: DestLine['faults'] = []
  const attempt: Attempt = (words, read) => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      faults.push({ error, words: typeof words === 'function' ? words(error.code) : words })
      return undefined
    }
  }
  const whole = { at: 0, length: line.length }
  const fwd = attempt(method ?? whole, () => readMethod(method?.text))
  const id =
    where && attempt(where, () => parseDestName(where.text, service ? portOfService(service) : 1))
  if (!where && fwd !== undefined) attempt(whole, () => readMethod(undefined))
  const { read, places } = readOptions(options, attempt)
  if (fwd === undefined || !id || faults.length > 0) return { dest: undefined, faults }
  const dest = attempt(
    code => placeOf(code, places) ?? where,
    () => makeDest({ ...id, fwd }, read, service),
  )
  return { dest, faults }
}

/** @throws what is wrong with all of it together */
function makeDest(
  { address, port, fwd }: DestId & { fwd: ForwardingMethod },
  read: Options,
  service: ServiceId | undefined,
): Dest {
  checkUnicast(address, ANY_HOST)
  const { weight = WEIGHT_DEFAULT, upper, lower } = read
  const tunnel = tunnelOf({
    ...{ type: read.tunnel, port: read['tunnel-port'], checksum: read['tunnel-checksum'] },
  })
  const dest = withoutUndefined<Dest>({ address, port, fwd, weight, upper, lower, tunnel })
  return service ? canonicalDest(service, dest) : dest
}

/** Where the word is that a rule between several of them is about. */
function placeOf(code: ErrorCode, places: ReadonlyMap<string, Words>): Words | undefined {
  if (code === 'BAD_THRESHOLD') return places.get('lower')
  if (code !== 'BAD_TUNNEL') return undefined
  return TUNNEL_WORDS.map(word => places.get(word)).find(place => place)
}

const TUNNEL_WORDS: readonly DestWord[] = ['tunnel', 'tunnel-port', 'tunnel-checksum']

/** @throws BAD_TYPE when there is none, BAD_FORWARDING_METHOD when it is not one. */
function readMethod(text: string | undefined): ForwardingMethod {
  const found = FORWARDING_METHODS.find(method => method === text)
  if (found) return found
  if (text === undefined)
    throw new XlvsError(
      'BAD_TYPE',
      'the dest lacks its address: expected METHOD ADDRESS:PORT',
      'write it like nat 10.0.0.2:8080',
    )
  if (isDestName(text))
    throw new XlvsError(
      'BAD_FORWARDING_METHOD',
      `the dest ${shown(text)} lacks its forwarding method: expected ` +
        `${FORWARDING_METHODS.join(' or ')} before the address`,
      `write it like nat ${text}`,
    )
  throw badForwardingMethod(text)
}

function isDestName(text: string): DestId | undefined {
  try {
    return parseDestName(text, 1)
  } catch {
    return undefined
  }
}

type Attempt = <T>(words: Words | ((code: ErrorCode) => Words), read: () => T) => T | undefined

/** What the words after the address say. */
interface Options {
  weight?: number | undefined
  upper?: number | undefined
  lower?: number | undefined
  tunnel?: TunnelWords['type']
  'tunnel-port'?: number | undefined
  'tunnel-checksum'?: TunnelWords['checksum']
}

type Read<O> = { [W in keyof O]-?: [what: string, example: string, parse: (text: string) => O[W]] }

/** Of each word: what it lacks when there is nothing behind it, an example, and how it is read. */
const READ: Read<Options> = {
  weight: [`its number: expected 0 to ${WEIGHT_MAX}`, '2', parseWeight],
  upper: ['its number of connections', '1000', text => parseThreshold('upper', text)],
  lower: ['its number of connections', '750', text => parseThreshold('lower', text)],
  tunnel: ['its type', 'gue', parseTunnelType],
  'tunnel-port': ['its number', '6080', parsePort],
  'tunnel-checksum': ['its kind', 'csum', parseTunnelChecksum],
}

const LACKING: Record<DestWord, ErrorCode> = {
  ...{ weight: 'BAD_WEIGHT', upper: 'BAD_THRESHOLD', lower: 'BAD_THRESHOLD' },
  ...{ tunnel: 'BAD_TUNNEL', 'tunnel-port': 'BAD_PORT', 'tunnel-checksum': 'BAD_TUNNEL' },
}

/** The words that follow the address, each with its value. */
function readOptions(
  options: readonly Word[],
  attempt: Attempt,
): { read: Options; places: Map<string, Words> } {
  const read: Partial<Record<DestWord, unknown>> = {}
  const places = new Map<string, Words>()
  for (let i = 0; i < options.length; i += 2) {
    const [word, value] = [options[i], options[i + 1]]
    if (!word) break
    const known = attempt(word, () => knownWord(word.text, places))
    if (known === undefined) break
    places.set(known, value ?? word)
    read[known] = attempt(value ?? word, () => {
      const [what, example, parse] = READ[known]
      if (value) return parse(value.text)
      const sentence = `${known} lacks ${what}`
      throw new XlvsError(LACKING[known], sentence, `write it like ${known} ${example}`)
    })
  }
  return { read: read as Options, places }
}

/** @throws UNKNOWN_KEY, DUPLICATE */
function knownWord(text: string, before: ReadonlyMap<string, unknown>): DestWord {
  const known = DEST_WORDS.find(known => known === text)
  if (known === undefined) throw unknownKey('a dest', text, DEST_WORDS)
  if (before.has(known))
    throw new XlvsError('DUPLICATE', `${known} is there twice`, 'remove one of them')
  return known
}

/** The words of a line, and where they are. */
export function wordsOf(line: string): Word[] {
  return [...line.matchAll(/\S+/g)].map(m => ({ text: m[0], at: m.index, length: m[0].length }))
}
