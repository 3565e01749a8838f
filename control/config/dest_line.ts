/**
 * A dest on one line of lvs.yaml: `nat 10.0.0.2:8080 weight 2`, that is the forwarding method,
 * where it is, then words with a value each. Pure. Read next: check.ts.
 */
import { XlvsError } from '../errors.ts'
import {
  FORWARDING_METHODS,
  portOfService,
  WEIGHT_MAX,
  type Dest,
  type DestId,
  type ForwardingMethod,
  type ServiceId,
} from '../model/service.ts'
import { parseDestName, parseWeight } from './name.ts'
import { canonicalDest, checkUnicast } from './nouns.ts'
import { unknownKey } from './parse.ts'
import { badForwardingMethod, shown } from './refusal.ts'
import { DEST_WORDS, WEIGHT_DEFAULT } from './schema.ts'

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
  const attempt = <T>(words: Words, read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      faults.push({ error, words })
      return undefined
    }
  }
  const whole = { at: 0, length: line.length }
  const fwd = attempt(method ?? whole, () => readMethod(method?.text))
  const id =
    where && attempt(where, () => parseDestName(where.text, service ? portOfService(service) : 1))
  if (!where && fwd !== undefined) attempt(whole, () => readMethod(undefined))
  const weight = readOptions(options, attempt)
  if (fwd === undefined || !id || faults.length > 0) return { dest: undefined, faults }
  const dest: Dest = { ...id, fwd, weight }
  attempt(where, () => {
    checkUnicast(id.address)
    if (service) canonicalDest(service, dest)
  })
  return { dest: faults.length > 0 ? undefined : dest, faults }
}

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

type Attempt = <T>(words: Words, read: () => T) => T | undefined

/** The weight among the words that follow the address. */
function readOptions(options: readonly Word[], attempt: Attempt): number {
  let weight: number | undefined
  for (let i = 0; i < options.length; i += 2) {
    const [word, value] = [options[i], options[i + 1]]
    if (!word) break
    const known = attempt(word, () => {
      if (!DEST_WORDS.some(known => known === word.text))
        throw unknownKey('a dest', word.text, DEST_WORDS)
      if (weight !== undefined)
        throw new XlvsError('DUPLICATE', `${word.text} is there twice`, 'remove one of them')
      return word.text
    })
    if (known === undefined) return WEIGHT_DEFAULT
    weight = attempt(value ?? word, () => {
      if (!value)
        throw new XlvsError(
          'BAD_WEIGHT',
          `weight lacks its number: expected 0 to ${WEIGHT_MAX}`,
          'write it like weight 2',
        )
      return parseWeight(value.text)
    })
  }
  return weight ?? WEIGHT_DEFAULT
}

/** The words of a line, and where they are. */
export function wordsOf(line: string): Word[] {
  return [...line.matchAll(/\S+/g)].map(m => ({ text: m[0], at: m.index, length: m[0].length }))
}
