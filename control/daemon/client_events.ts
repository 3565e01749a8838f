/**
 * The event stream of the daemon, from another process. Apart from client.ts, so that commands
 * which do not watch need not load it. Read next: events_route.ts (the other end).
 */
import type { IncomingMessage } from 'node:http'
import { XlvsError } from '../errors.ts'
import type { LvsEvent } from '../model/event.ts'
import { refusalOf, unreachable } from './client.ts'
import { socketPathOf } from './socket_path.ts'

const http = process.getBuiltinModule('node:http')

/** Three of the daemon's heartbeats. */
const SILENCE_MS_MAX = 30_000

export interface WatchOptions {
  /** Id of the last event that is known; those since come first. */
  after?: string | undefined
  /** Ends the watch. */
  signal?: AbortSignal
  /** Longest silence before the daemon is taken for gone; for tests. */
  silenceMs?: number
}

/**
 * Each event as it happens, until the signal.
 * @throws the daemon's XlvsError, SOCKET_REFUSED when nobody answers or the daemon has ended, or
 * TIMED_OUT when it gives no sign of life.
 */
export async function* watchEvents(
  socketPath: string,
  { after, signal, silenceMs = SILENCE_MS_MAX }: WatchOptions = {},
): AsyncGenerator<LvsEvent> {
  const response = await open(socketPath, after, signal, silenceMs)
  try {
    if (response.statusCode !== 200) {
      const chunks: Buffer[] = []
      for await (const chunk of response) chunks.push(chunk as Buffer)
      const body = Buffer.concat(chunks).toString()
      throw refusalOf({ status: response.statusCode ?? 0, body }, socketPath)
    }
    yield* read(response)
  } catch (error) {
    if (signal?.aborted) return
    throw error instanceof XlvsError ? error : unreachable(error as Error, socketPath)
  } finally {
    response.destroy()
  }
  if (signal?.aborted) return
  throw new XlvsError(
    'SOCKET_REFUSED',
    `the daemon at ${socketPath} has ended the stream of events`,
    'see its log; watch again after the last id to be told what came since',
  )
}

function open(
  socketPath: string,
  after: string | undefined,
  signal: AbortSignal | undefined,
  silenceMs: number,
): Promise<IncomingMessage> {
  const headers = after === undefined ? {} : { 'last-event-id': after }
  return new Promise((resolve, reject) => {
    const path = '/v1/events'
    const request = http.get({
      socketPath: socketPathOf(socketPath),
      path,
      headers,
      agent: false,
      ...(signal ? { signal } : {}),
    })
    request.setTimeout(silenceMs, () => request.destroy(silent(socketPath, silenceMs)))
    request.on('response', response => {
      // An error of the request, the silence's too, is one of the response from here on.
      request.on('error', error => response.destroy(error))
      resolve(response)
    })
    request.once('error', error => {
      reject(error instanceof XlvsError ? error : unreachable(error, socketPath))
    })
  })
}

function silent(socketPath: string, silenceMs: number): XlvsError {
  return new XlvsError(
    'TIMED_OUT',
    `the daemon at ${socketPath} gave no sign of life for ${silenceMs / 1000} s`,
    'see its log',
  )
}

/** Blocks between empty lines; of each only the data matters here, as it has id and kind. */
async function* read(response: IncomingMessage): AsyncGenerator<LvsEvent> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const blocks = (rest + String(chunk)).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = block.split('\n').find(line => line.startsWith('data: '))
      if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as LvsEvent
    }
  }
}
