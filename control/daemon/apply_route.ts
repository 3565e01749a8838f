/**
 * POST /v1/apply: a whole configuration, as one change. A client that accepts application/x-ndjson
 * is told how far it is, a JSON object a line, the last one the answer; others get only the answer.
 * Read next: apply.ts, client_apply.ts.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ruling } from '../config/rules.ts'
import { XlvsError } from '../errors.ts'
import type { Configuration } from '../model/configuration.ts'
import { fileOrigin } from '../model/origin.ts'
import type { DirectorApi } from './contract.ts'
import * as schemas from './schemas.ts'
import { inSlices } from './slices.ts'

/** 10 000 services of 10 dests are 8 MB of JSON; a file that is read at all is at most 16. */
const BODY_BYTES_MAX = 64 * 1024 * 1024
const LINES = 'application/x-ndjson'

interface Body {
  file: string
  configuration: Configuration
  takeOver: boolean
  dryRun: boolean
}

export function addApplyRoute(api: FastifyInstance, director: DirectorApi): void {
  // Reading a body takes a while, looking at its shape too: others come between.
  const preValidation = (): Promise<void> => setImmediate()
  const options = { schema: schemas.ApplyRouteSchema, bodyLimit: BODY_BYTES_MAX, preValidation }
  api.post<{ Body: Body }>('/v1/apply', options, async (request, reply) => {
    const { file, configuration, takeOver, dryRun } = request.body
    await setImmediate()
    const canonical = await inSlices(ruling(configuration), () => performance.now())
    const wish = { configuration: canonical, origin: fileOrigin(file), takeOver }
    if (request.headers.accept !== LINES) return director.apply(wish, { dryRun })
    const lines = new Lines(reply)
    try {
      const onProgress = (progress: object): void => {
        lines.write({ progress })
      }
      lines.write({ applied: await director.apply(wish, { dryRun, onProgress }) })
    } catch (error) {
      if (!lines.hasBegun) throw error
      lines.write({ error: bodyOf(error) })
    }
    lines.end()
    return reply
  })
}

function bodyOf(error: unknown): object {
  const known =
    error instanceof XlvsError
      ? error
      : new XlvsError('INTERNAL', `the daemon failed: ${String(error)}`, 'see its log')
  return known.toJSON()
}

/** An answer of lines; one that has not begun may still become an error with its status. */
class Lines {
  readonly #reply: FastifyReply
  #stream: PassThrough | undefined

  constructor(reply: FastifyReply) {
    this.#reply = reply
  }

  get hasBegun(): boolean {
    return this.#stream !== undefined
  }

  write(line: object): void {
    if (!this.#stream) {
      this.#stream = new PassThrough()
      this.#reply.type(LINES).send(this.#stream)
    }
    this.#stream.write(`${JSON.stringify(line)}\n`)
  }

  end(): void {
    this.#stream?.end()
  }
}
