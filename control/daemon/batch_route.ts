/**
 * POST /v1/batch: many changes in one request, each answered for itself, in their order. What does
 * not have the shape of a change refuses the request; a value that is wrong refuses its change, but
 * only when nothing speaks against it that the kernel's IPVS would see first: whether the service
 * is there, and for an address that is not unicast also whether the dest is.
 * Read next: changes.ts (who makes them together), client_batch.ts.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { parseAddress, parseDestName, parseServiceName } from '../config/name.ts'
import { canonicalId, canonicalService } from '../config/nouns.ts'
import { XlvsError } from '../errors.ts'
import type { Origin } from '../model/origin.ts'
import type { BatchChange, BatchOutcome, DirectorApi, RefusedChange } from './contract.ts'
import { BatchRouteSchema, type WireChange } from './batch_schemas.ts'

/** A change takes up to 300 bytes. */
const BODY_BYTES_MAX = 4 * 1024 * 1024

export function addBatchRoute(
  api: FastifyInstance,
  director: DirectorApi,
  originOf: (request: FastifyRequest) => Origin,
): void {
  const options = { schema: BatchRouteSchema, bodyLimit: BODY_BYTES_MAX }
  api.post<{ Body: { changes: WireChange[] } }>('/v1/batch', options, async request => {
    const origin = originOf(request)
    const wishes = request.body.changes.map(change => wishOf(change, origin))
    const outcomes = await director.batch(wishes)
    return { outcomes: outcomes.map(shown) }
  })
}

function shown(outcome: BatchOutcome): object {
  if ('warnings' in outcome) return outcome.warnings.length > 0 ? outcome : {}
  return { error: outcome.error }
}

/** The change, or why it cannot be one. */
function wishOf(wire: WireChange, origin: Origin): BatchChange | RefusedChange {
  let raw: BatchChange | undefined
  try {
    raw = changeOf(wire, origin)
    return checked(raw)
  } catch (error) {
    if (!(error instanceof XlvsError)) throw error
    return { refusal: error, ...(raw ? { change: raw } : {}) }
  }
}

/** @throws what is wrong with the names in it */
function changeOf(wire: WireChange, origin: Origin): BatchChange {
  const { op } = wire
  if (op === 'addService') return { op, service: { ...canonicalId(wire.service), origin } }
  const service = parseServiceName(wire.service)
  switch (op) {
    case 'setService':
      return { op, service: { ...service, ...wire.settings } }
    case 'removeService':
      return { op, id: service }
    case 'addDest': {
      const address = parseAddress(wire.dest.address)
      return { op, service, dest: { ...wire.dest, address, origin } }
    }
    case 'setDest':
      return { op, service, dest: { ...parseDestName(wire.dest), ...wire.settings } }
    case 'removeDest':
      return { op, service, dest: parseDestName(wire.dest) }
  }
}

/** In canonical form; dests are judged in their turn. @throws what is wrong with the values */
function checked(change: BatchChange): BatchChange {
  switch (change.op) {
    case 'addService':
    case 'setService':
      return { ...change, service: canonicalService(change.service) }
    default:
      return change
  }
}
