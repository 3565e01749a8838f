/** /v1/marks: the rules that give packets their marks. Read next: mark_schemas.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { canonicalMarkMatch, canonicalMarkRule } from '../config/mark_line.ts'
import type { MarkMatch, MarkRule } from '../model/mark.ts'
import type { Origin } from '../model/origin.ts'
import type { Warning } from '../model/warning.ts'
import type { DirectorApi } from './contract.ts'
import { MarkMatchesSchema, MarkRulesSchema, MarksSchema } from './mark_schemas.ts'
import { DoneSchema, ErrorSchema, WarningsSchema } from './schemas.ts'

/** 20 000 rules of 150 bytes. */
const BODY_BYTES_MAX = 4 * 1024 * 1024
const CHANGED = { 200: WarningsSchema, 204: DoneSchema, default: ErrorSchema }

export function addMarkRoutes(
  api: FastifyInstance,
  director: DirectorApi,
  originOf: (request: FastifyRequest) => Origin,
): void {
  const bodyLimit = BODY_BYTES_MAX
  const read = { schema: { response: { 200: MarksSchema, default: ErrorSchema } } }
  api.get('/v1/marks', read, () => ({ marks: director.marks() }))
  const add = { schema: { body: MarkRulesSchema, response: CHANGED }, bodyLimit }
  api.post<{ Body: { rules: MarkRule[] } }>('/v1/marks', add, async (request, reply) => {
    const rules = request.body.rules.map(canonicalMarkRule)
    return done(reply, await director.addMarks(rules, originOf(request)))
  })
  const remove = { schema: { body: MarkMatchesSchema, response: CHANGED }, bodyLimit }
  api.post<{ Body: { rules: MarkMatch[] } }>('/v1/marks/remove', remove, async (request, reply) =>
    done(reply, await director.removeMarks(request.body.rules.map(canonicalMarkMatch))),
  )
}

function done(reply: { code(status: number): unknown }, warnings: Warning[]): object | undefined {
  reply.code(warnings.length > 0 ? 200 : 204)
  return warnings.length > 0 ? { warnings } : undefined
}
