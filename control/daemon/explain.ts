/**
 * What the web framework refuses, in our words: the field's own sentence where a field is wrong,
 * and otherwise what was wrong with the request. Read next: api.ts.
 */
import type { FastifyError, FastifyRequest } from 'fastify'
import {
  badAddress,
  badDestGone,
  badEngine,
  badForwardingMethod,
  badInterface,
  badMark,
  badNetmask,
  badPersistence,
  badPort,
  badProtocol,
  badSchedFlag,
  badSlowStart,
  badSync,
  badScheduler,
  badThreshold,
  badWeight,
  shown,
} from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'

const FIELD_REFUSALS: Record<string, (value: unknown) => XlvsError> = {
  protocol: badProtocol,
  address: badAddress,
  port: badPort,
  scheduler: badScheduler,
  fwd: badForwardingMethod,
  weight: badWeight,
  mark: badMark,
  persistentS: badPersistence,
  netmask: badNetmask,
  'schedFlags[]': badSchedFlag,
  engine: badEngine,
  destGone: badDestGone,
  slowStartS: badSlowStart,
  role: value => badSync('role', value),
  group: value => badSync('group', value),
  syncId: value => badSync('syncId', value),
  maxLen: value => badSync('maxLen', value),
  ttl: value => badSync('ttl', value),
  upper: value => badThreshold(shown(value)),
  lower: value => badThreshold(shown(value)),
  'names[]': badInterface,
  name: badInterface,
}

const SEE_SCHEMA = 'see GET /openapi.json for the shape of each request'

/** The XlvsError for an error of the framework's own; INTERNAL when the caller is not at fault. */
export function explain(error: FastifyError, request: FastifyRequest): XlvsError {
  if (error.validation) return explainValidation(error, request)
  const status = error.statusCode ?? 500
  if (status >= 500)
    return new XlvsError(
      'INTERNAL',
      `the daemon failed at ${request.method} ${request.url}: ${error.message}`,
      'this is a bug in xlvs; the daemon log has the stack',
      { cause: error },
    )
  return new XlvsError('BAD_REQUEST', `the request cannot be read: ${error.message}`, SEE_SCHEMA)
}

function explainValidation(error: FastifyError, request: FastifyRequest): XlvsError {
  const fault = error.validation?.[0]
  const whole = error.validationContext === 'querystring' ? 'the query' : 'the body'
  const path = (fault?.instancePath ?? '').split('/').slice(1)
  const field = /^\d+$/.test(path.at(-1) ?? '') ? `${path.at(-2) ?? ''}[]` : path.at(-1)
  const part = error.validationContext === 'params' ? request.params : request.body
  const refusal = field === undefined ? undefined : FIELD_REFUSALS[field]
  if (refusal && field !== undefined)
    return explainField(field, valueAt(part, path), refusal, fault?.keyword, fault?.message)

  const where = path.length > 0 ? path.join('.') : whole
  if (fault?.keyword === 'discriminator') {
    const { tag, tagValue } = fault.params
    if (tag === 'protocol') return badProtocol(tagValue)
    return refused(`${where} has no ${String(tag)} that is known: ${shown(tagValue)}`)
  }
  if (fault?.keyword === 'additionalProperties')
    return refused(`${where} has an unknown field ${shown(fault.params['additionalProperty'])}`)
  if (fault?.keyword === 'required')
    return refused(`${where} lacks the field ${shown(fault.params['missingProperty'])}`)
  const allowed = fault?.params['allowedValues']
  const rule = Array.isArray(allowed) ? `expected ${allowed.join(' or ')}` : fault?.message
  return refused(`${where} is ${shown(valueAt(part, path))}: ${rule ?? 'not as expected'}`)
}

function explainField(
  field: string,
  value: unknown,
  refusal: (value: unknown) => XlvsError,
  keyword?: string,
  rule?: string,
): XlvsError {
  const known = refusal(value)
  if (keyword !== 'type') return known
  const sentence = `${field} is ${JSON.stringify(value)}: ${rule ?? 'of the wrong type'}`
  return new XlvsError(known.code, sentence, known.hint)
}

function refused(sentence: string): XlvsError {
  return new XlvsError('BAD_REQUEST', sentence, SEE_SCHEMA)
}

function valueAt(part: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inside, key) =>
      typeof inside === 'object' && inside !== null
        ? (inside as Record<string, unknown>)[key]
        : undefined,
    part,
  )
}
