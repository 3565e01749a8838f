/**
 * GET /v1/services: all that is balanced, with what is counted. It may be tens of megabytes, so it
 * is made and sent in pieces, and others are answered in between. Read next: views.ts.
 */
import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { ServiceView } from '../model/service.ts'
import type { DirectorApi } from './contract.ts'
import { ErrorSchema, ServicesSchema } from './schemas.ts'

/** Characters of a piece: some milliseconds of work. */
const PIECE = 128 * 1024

export function addServicesRoute(api: FastifyInstance, director: DirectorApi): void {
  const schema = { response: { 200: ServicesSchema, default: ErrorSchema } }
  api.get('/v1/services', { schema }, (_request, reply) => {
    const pieces = Readable.from(piecesOf(director.eachService()), { objectMode: false })
    return reply.type('application/json; charset=utf-8').send(pieces)
  })
}

/** The views as one JSON text, in the shape of ServicesSchema. */
async function* piecesOf(services: Iterable<ServiceView>): AsyncGenerator<string> {
  let piece = '{"services":['
  let separator = ''
  for (const service of services) {
    piece += separator + JSON.stringify(service)
    separator = ','
    if (piece.length < PIECE) continue
    yield piece
    piece = ''
    await setImmediate()
  }
  yield `${piece}]}`
}
