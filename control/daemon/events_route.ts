/**
 * GET /v1/events: server-sent events (HTML Living Standard, 9.2), one watcher a connection. Each
 * event has the data as JSON, its kind and its id; a comment now and then shows that the daemon
 * lives. A watcher that does not read is cut off. Read next: events.ts, client_events.ts.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ServerResponse } from 'node:http'
import type { LvsEvent } from '../model/event.ts'
import type { Events } from './events.ts'
import * as schemas from './schemas.ts'

/** Between two comments; a client may think the daemon gone after three without any. */
export const HEARTBEAT_MS = 10_000
/** What may wait in the daemon for a watcher that reads slowly: some thousand events. */
const UNREAD_BYTES_MAX = 1 << 20

export interface EventsTiming {
  heartbeatMs: number
}

/** Adds the route; streams end when the API is closed. */
export function addEventsRoute(
  api: FastifyInstance,
  events: Events,
  { heartbeatMs }: EventsTiming = { heartbeatMs: HEARTBEAT_MS },
): void {
  const streams = new Set<ServerResponse>()
  api.addHook('preClose', done => {
    for (const stream of streams) stream.end()
    done()
  })
  api.get('/v1/events', { schema: schemas.EventsRouteSchema }, (request, reply) => {
    stream(events, request, reply, streams, heartbeatMs)
  })
}

function stream(
  events: Events,
  request: FastifyRequest,
  reply: FastifyReply,
  streams: Set<ServerResponse>,
  heartbeatMs: number,
): void {
  const raw = reply.raw
  // What a watcher missed comes at once, and may be more than a slow reader may leave unread.
  let allowance = UNREAD_BYTES_MAX
  const send = (text: string): void => {
    raw.write(text)
    if (raw.writableLength <= allowance) return
    request.log.warn(
      { unreadBytes: raw.writableLength },
      'a watcher read too slowly and was cut off',
    )
    raw.destroy()
  }
  const backlog: string[] = []
  let tell = (text: string): unknown => backlog.push(text)
  const after = request.headers['last-event-id']
  const stop = events.watch(typeof after === 'string' ? after : undefined, event => {
    tell(eventText(event))
  })
  reply.hijack()
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  // The id alone, so that one who sees no event can go on from here.
  const missed = [...backlog, `id: ${events.lastId}\n\n`].join('')
  allowance += Buffer.byteLength(missed)
  send(missed)
  tell = send
  const heartbeat = setInterval(() => {
    send(': alive\n\n')
  }, heartbeatMs)
  streams.add(raw)
  raw.on('close', () => {
    clearInterval(heartbeat)
    streams.delete(raw)
    stop()
  })
}

function eventText(event: LvsEvent): string {
  return `event: ${event.kind}\nid: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`
}
