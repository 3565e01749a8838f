/**
 * The HTTP + JSON surface of the daemon, served on its unix socket. It checks what comes in, asks
 * the director, and turns whatever goes wrong into {error: {code, message, hint}}. No state.
 * Read next: schemas.ts (the shapes), contract.ts (what the director does).
 */
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseAddress, parseDestName, parseServiceName } from '../config/name.ts'
import { canonicalId, canonicalService } from '../config/nouns.ts'
import { shown } from '../config/refusal.ts'
import { XlvsError } from '../errors.ts'
import { CLIENT_ORIGINS, type Origin } from '../model/origin.ts'
import type { SyncWish } from '../model/sync.ts'
import type { Warning } from '../model/warning.ts'
import { addApplyRoute } from './apply_route.ts'
import { addBatchRoute } from './batch_route.ts'
import { PAGE_DEFAULT, PAGE_MAX } from './conn_pages.ts'
import type { DirectorApi } from './contract.ts'
import { addEventsRoute } from './events_route.ts'
import { explain } from './explain.ts'
import { addMarkRoutes } from './marks_route.ts'
import * as schemas from './schemas.ts'
import { addServicesRoute } from './services_route.ts'
import { SettingChangesSchema, SettingsSchema } from './setting_schemas.ts'

/** Bytes of a request body; the largest legitimate one is under 200. */
const BODY_BYTES_MAX = 16 * 1024
/** Time for a client to send its request whole, so that a stuck one does not hold a socket. */
const REQUEST_TIMEOUT_MS = 10_000

/** Nothing is mended on the way in; one field may say which of several shapes the others have. */
const AJV = { removeAdditional: false, coerceTypes: false, allErrors: false, discriminator: true }

type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** The API over `director`, ready for the caller to listen() on a unix socket. */
export function buildApi(director: DirectorApi, log: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    routerOptions: { maxParamLength: 100 },
    ajv: { customOptions: AJV },
  })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(request => {
    throw new XlvsError(
      'NO_SUCH_ROUTE',
      `${request.method} ${request.url} is not part of the API`,
      'see GET /openapi.json for what is',
    )
  })
  app.addHook('onResponse', logChange)
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'xlvs', version: '1', description: 'Linux Virtual Server on XDP.' },
    },
  })
  app.register((instance, _options, done) => {
    const api = instance.withTypeProvider<TypeBoxTypeProvider>()
    addReads(api, director)
    addServiceRoutes(api, director)
    addDestRoutes(api, director)
    addInterfaceRoutes(api, director)
    addSettingsRoutes(api, director)
    addSyncRoutes(api, director)
    addMarkRoutes(instance, director, originOf)
    addServicesRoute(instance, director)
    addApplyRoute(instance, director)
    addBatchRoute(instance, director, originOf)
    addEventsRoute(instance, director.events)
    api.get('/openapi.json', { schema: { hide: true } }, () => instance.swagger())
    done()
  })
  return app
}

/** Replies of a change: an empty 204, warnings, or the error body. */
const CHANGED = {
  200: schemas.WarningsSchema,
  204: schemas.DoneSchema,
  default: schemas.ErrorSchema,
}

/** Replies of a read: that shape, or the error body. */
function reading<S>(schema: S): { response: { 200: S; default: typeof schemas.ErrorSchema } } {
  return { response: { 200: schema, default: schemas.ErrorSchema } }
}

function addReads(api: Api, director: DirectorApi): void {
  api.get('/v1/version', { schema: reading(schemas.VersionSchema) }, () => director.version())
  const conns = {
    schema: { querystring: schemas.ConnQuerySchema, ...reading(schemas.ConnsSchema) },
  }
  api.get('/v1/conns', conns, ({ query: { limit, ...query } }) =>
    director.conns({ ...query, ...(limit === undefined ? {} : { limit: parseLimit(limit) }) }),
  )
  api.get('/v1/reasons', { schema: reading(schemas.ReasonsSchema) }, () => ({
    reasons: director.reasons(),
  }))
  api.get('/v1/stats', { schema: reading(schemas.StatsSchema) }, () => director.stats())
  api.get('/v1/warnings', { schema: reading(schemas.WarningsSchema) }, async () => ({
    warnings: await director.warnings(),
  }))
  api.get('/v1/interfaces', { schema: reading(schemas.InterfacesSchema) }, () => ({
    interfaces: director.interfaces(),
  }))
}

/** @throws BAD_REQUEST */
function parseLimit(text: string): number {
  const limit = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= PAGE_MAX) return limit
  throw new XlvsError(
    'BAD_REQUEST',
    `limit ${shown(text)} is out of range: expected 1 to ${PAGE_MAX} connections in a page`,
    `leave it out for ${PAGE_DEFAULT}, and ask for the next page with after`,
  )
}

function addServiceRoutes(api: Api, director: DirectorApi): void {
  const params = schemas.ServicePathSchema
  const response = CHANGED
  const add = { schema: { body: schemas.ServiceSchema, response } }
  api.post('/v1/services', add, async (request, reply) => {
    const service = canonicalService(request.body)
    return done(reply, await director.addService({ ...service, origin: originOf(request) }))
  })
  api.delete('/v1/services', { schema: { response } }, async (_request, reply) => {
    reply.code(204)
    await director.clear()
  })
  const set = { schema: { params, body: schemas.ServiceSettingsSchema, response } }
  api.put('/v1/services/:service', set, async (request, reply) => {
    const id = parseServiceName(request.params.service)
    const service = canonicalService({ ...id, ...request.body })
    return done(reply, await director.setService(service))
  })
  const remove = { schema: { params, response } }
  api.delete('/v1/services/:service', remove, async (request, reply) => {
    return done(reply, await director.removeService(parseServiceName(request.params.service)))
  })
  const zero = { schema: { body: schemas.ZeroSchema, response } }
  api.post('/v1/zero', zero, async (request, reply) => {
    reply.code(204)
    const { service } = request.body
    await director.zero(service && canonicalId(service))
  })
}

function addDestRoutes(api: Api, director: DirectorApi): void {
  const params = schemas.DestPathSchema
  const response = CHANGED
  const add = { schema: { params: schemas.ServicePathSchema, body: schemas.DestSchema, response } }
  api.post('/v1/services/:service/dests', add, async (request, reply) => {
    const service = parseServiceName(request.params.service)
    const dest = { ...request.body, origin: originOf(request) }
    return done(reply, await director.addDest(service, dest))
  })
  const set = { schema: { params, body: schemas.DestSettingsSchema, response } }
  api.put('/v1/services/:service/dests/:dest', set, async (request, reply) => {
    const service = parseServiceName(request.params.service)
    const dest = { ...parseDestName(request.params.dest), ...request.body }
    return done(reply, await director.setDest(service, dest))
  })
  const remove = { schema: { params, response } }
  api.delete('/v1/services/:service/dests/:dest', remove, async (request, reply) => {
    const service = parseServiceName(request.params.service)
    const dest = parseDestName(request.params.dest)
    return done(reply, await director.removeDest(service, dest))
  })
}

function addInterfaceRoutes(api: Api, director: DirectorApi): void {
  const response = CHANGED
  const attach = { schema: { body: schemas.AttachSchema, response } }
  api.post('/v1/interfaces', attach, async (request, reply) => {
    const { names, mode } = request.body
    return done(reply, await director.attach(names, mode, originOf(request)))
  })
  const detach = { schema: { params: schemas.InterfacePathSchema, response } }
  api.delete('/v1/interfaces/:name', detach, async (request, reply) => {
    return done(reply, await director.detach(request.params.name))
  })
}

function addSettingsRoutes(api: Api, director: DirectorApi): void {
  api.get('/v1/settings', { schema: reading(SettingsSchema) }, () => director.settings())
  const set = { schema: { body: SettingChangesSchema, response: CHANGED } }
  api.patch('/v1/settings', set, async (request, reply) => {
    return done(reply, await director.setSettings(request.body, originOf(request)))
  })
}

function addSyncRoutes(api: Api, director: DirectorApi): void {
  const response = CHANGED
  api.get('/v1/daemons', { schema: reading(schemas.DaemonsSchema) }, () => ({
    daemons: director.daemons(),
  }))
  const start = { schema: { body: schemas.DaemonSchema, response } }
  api.post('/v1/daemons', start, async (request, reply) => {
    const { role, ...wish } = request.body
    return done(reply, await director.startDaemon(role, canonicalWish(wish), originOf(request)))
  })
  const stop = { schema: { params: schemas.DaemonPathSchema, response } }
  api.delete('/v1/daemons/:role', stop, async (request, reply) => {
    return done(reply, await director.stopDaemon(request.params.role))
  })
}

function canonicalWish(wish: SyncWish): SyncWish {
  return wish.group === undefined ? wish : { ...wish, group: parseAddress(wish.group) }
}

/** Says that it is done, and what the director warned of. */
function done(
  reply: { code(status: 200 | 204): unknown },
  warnings: Warning[],
): { warnings: Warning[] } | undefined {
  reply.code(warnings.length > 0 ? 200 : 204)
  return warnings.length > 0 ? { warnings } : undefined
}

/** Who asks, as it says itself: the commands and ipvsadm do. */
function originOf(request: FastifyRequest): Origin {
  return CLIENT_ORIGINS.find(origin => origin === request.headers['xlvs-origin']) ?? 'api'
}

function answerError(
  this: FastifyInstance,
  error: FastifyError | XlvsError,
  request: FastifyRequest,
  reply: { code(status: number): { send(body: unknown): unknown } },
): void {
  const known = error instanceof XlvsError ? error : explain(error, request)
  if (known.code === 'INTERNAL') request.log.error({ err: error }, 'request failed inside')
  reply.code(known.httpStatus).send({ error: known.toJSON() })
}

/** Their bodies may have many megabytes: what they did is told by the events. */
const LARGE: readonly string[] = ['/v1/apply', '/v1/batch', '/v1/marks']

/** One line for every request that could change something, refused ones too. */
function logChange(
  request: FastifyRequest,
  reply: { statusCode: number; elapsedTime: number },
  done: () => void,
): void {
  if (request.method !== 'GET')
    request.log.info(
      {
        method: request.method,
        url: request.url,
        body: LARGE.includes(request.url) ? undefined : request.body,
        status: reply.statusCode,
        tookMs: Math.round(reply.elapsedTime),
      },
      'change requested',
    )
  done()
}
