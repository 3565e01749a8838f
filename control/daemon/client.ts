/**
 * The director from another process: the same calls, over the daemon's unix socket. It is what
 * other programs import as xlvs/client, and what the commands use. Light on
 * purpose (node:http and nothing else), because ipvsadm's start-up is mostly this.
 * Read next: contract.ts (the calls), api.ts (the other end).
 */
import type { Agent } from 'node:http'
import { isErrorCode, XlvsError, type ErrorBody } from '../errors.ts'
import type { LvsEvent } from '../model/event.ts'
import { markMatchOf } from '../model/mark.ts'
import type { Origin } from '../model/origin.ts'
import {
  destName,
  destSettingsOf,
  serviceIdOf,
  serviceName,
  serviceSettingsOf,
  type ConnView,
} from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import type { WatchOptions } from './client_events.ts'
import type { BatchChange, BatchOutcome, ConnPage, ConnQuery, DirectorApi } from './contract.ts'
import { SOCKET_DEFAULT } from './options.ts'
import { notSocket, socketPathOf } from './socket_path.ts'

export { XlvsError, type ErrorCode } from '../errors.ts'
export type { LvsEvent } from '../model/event.ts'
export type { ReasonView } from '../model/reason.ts'
export type { Configuration } from '../model/configuration.ts'
export type { Applied, Progress } from '../model/difference.ts'
export { fileOrigin, type Origin } from '../model/origin.ts'
export type * from '../model/service.ts'
export type * from '../model/mark.ts'
export type * from '../model/sync.ts'
export type { Warning } from '../model/warning.ts'
export type { WatchOptions } from './client_events.ts'
export type {
  BatchChange,
  BatchOutcome,
  ConnPage,
  ConnQuery,
  StatsView,
  VersionView,
} from './contract.ts'

/** Not by import: that would evaluate every export, and WebSocket alone takes 15 ms of start. */
const http = process.getBuiltinModule('node:http')

/** Longest wait for an answer: a change is one fsync and some map writes, far below. */
const ANSWER_TIMEOUT_MS = 30_000

type Calls = Omit<
  DirectorApi,
  'events' | 'batch' | 'isSettled' | 'settled' | 'eachService' | 'serviceIds' | 'find'
>

/** DirectorApi with every answer a promise, because it travels; close() drops the connection. */
export type DirectorClient = {
  [Call in keyof Calls]: (
    ...args: Parameters<Calls[Call]>
  ) => Promise<Awaited<ReturnType<Calls[Call]>>>
} & {
  /** Each event as it happens, on a connection of its own; see watchEvents. */
  watch(options?: WatchOptions): AsyncGenerator<LvsEvent>
  /** Many changes, each as if it were asked for alone; how each of them ended. */
  batch(changes: readonly BatchChange[]): Promise<BatchOutcome[]>
  /** All connections that a query asks for, a page at a time. */
  eachConns(filter?: Omit<ConnQuery, 'limit' | 'after'>): AsyncGenerator<ConnView[]>
  close(): void
}

interface Answer {
  status: number
  body: string
}

/**
 * A client of the daemon listening at `socketPath`. Nothing is sent until the first call.
 * `origin` is whose the things are that it makes.
 * Calls reject with the daemon's XlvsError, SOCKET_REFUSED when nobody answers, or TIMED_OUT.
 */
export function connectDirector(
  socketPath: string = SOCKET_DEFAULT,
  timeoutMs: number = ANSWER_TIMEOUT_MS,
  origin: Origin = 'api',
): DirectorClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const send = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await exchange({ socketPath, agent, method, path, timeoutMs, origin }, body)
    if (answer.status >= 400) throw refusalOf(answer, socketPath)
    return answer.body === '' ? undefined : parseAnswer(answer, socketPath)
  }
  const read = async <T>(path: string): Promise<T> => (await send('GET', path)) as T
  const warned = async (method: string, path: string, body?: unknown): Promise<Warning[]> => {
    const answer = (await send(method, path, body)) as { warnings?: Warning[] } | undefined
    return answer?.warnings ?? []
  }
  const change = async (method: string, path: string, body?: unknown): Promise<void> => {
    await send(method, path, body)
  }
  return {
    version: () => read('/v1/version'),
    services: async () => pick(await read('/v1/services'), 'services'),
    addService: service =>
      warned('POST', '/v1/services', { ...serviceIdOf(service), ...serviceSettingsOf(service) }),
    setService: service =>
      warned('PUT', `/v1/services/${serviceName(service)}`, serviceSettingsOf(service)),
    removeService: id => warned('DELETE', `/v1/services/${serviceName(id)}`),
    clear: () => change('DELETE', '/v1/services'),
    addDest: (service, dest) =>
      warned('POST', `/v1/services/${serviceName(service)}/dests`, {
        ...{ address: dest.address, port: dest.port },
        ...destSettingsOf(dest),
      }),
    setDest: (service, dest) =>
      warned(
        'PUT',
        `/v1/services/${serviceName(service)}/dests/${destName(dest)}`,
        destSettingsOf(dest),
      ),
    removeDest: (service, dest) =>
      warned('DELETE', `/v1/services/${serviceName(service)}/dests/${destName(dest)}`),
    batch: async changes => {
      const { requestBatch } = await import('./client_batch.ts')
      return requestBatch(changes, body => send('POST', '/v1/batch', body) as never)
    },
    zero: id => change('POST', '/v1/zero', id === undefined ? {} : { service: serviceIdOf(id) }),
    conns: (query = {}) => read(connsPath(query)),
    eachConns: filter => pages(query => read(connsPath(query)), filter),
    stats: () => read('/v1/stats'),
    reasons: async () => pick(await read('/v1/reasons'), 'reasons'),
    interfaces: async () => pick(await read('/v1/interfaces'), 'interfaces'),
    warnings: async () => pick(await read('/v1/warnings'), 'warnings'),
    attach: (names, mode) => warned('POST', '/v1/interfaces', { names, mode }),
    detach: name => warned('DELETE', `/v1/interfaces/${encodeURIComponent(name)}`),
    ...otherCalls(read, warned),
    settings: () => read('/v1/settings'),
    setSettings: given => warned('PATCH', '/v1/settings', given),
    apply: async (wish, options) => {
      const { requestApply } = await import('./client_apply.ts')
      return requestApply(socketPath, wish, options)
    },
    watch: async function* (options) {
      const { watchEvents } = await import('./client_events.ts')
      yield* watchEvents(socketPath, options)
    },
    close: () => {
      agent.destroy()
    },
  }
}

type SyncCalls = Pick<DirectorClient, 'daemons' | 'startDaemon' | 'stopDaemon'>

function syncCalls(
  read: <T>(path: string) => Promise<T>,
  warned: (method: string, path: string, body?: unknown) => Promise<Warning[]>,
): SyncCalls {
  return {
    daemons: async () => pick(await read('/v1/daemons'), 'daemons'),
    startDaemon: (role, wish) => warned('POST', '/v1/daemons', { role, ...wish }),
    stopDaemon: role => warned('DELETE', `/v1/daemons/${role}`),
  }
}

function otherCalls(...by: Parameters<typeof syncCalls>): SyncCalls & MarkCalls {
  return { ...syncCalls(...by), ...markCalls(...by) }
}

type MarkCalls = Pick<DirectorClient, 'marks' | 'addMarks' | 'removeMarks'>

function markCalls(
  read: <T>(path: string) => Promise<T>,
  warned: (method: string, path: string, body?: unknown) => Promise<Warning[]>,
): MarkCalls {
  return {
    marks: async () => pick(await read('/v1/marks'), 'marks'),
    addMarks: rules =>
      warned('POST', '/v1/marks', {
        rules: rules.map(rule => ({ ...markMatchOf(rule), mark: rule.mark })),
      }),
    removeMarks: rules => warned('POST', '/v1/marks/remove', { rules: rules.map(markMatchOf) }),
  }
}

/** Connections asked for at once: fewer pages are faster, smaller ones sooner there. */
const PAGE = 5000

async function* pages(
  read: (query: ConnQuery) => Promise<ConnPage>,
  filter: ConnQuery = {},
): AsyncGenerator<ConnView[]> {
  let after: string | undefined
  do {
    const { conns, next } = await read({ ...filter, limit: PAGE, after })
    yield conns
    after = next
  } while (after !== undefined)
}

function connsPath(query: ConnQuery): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query) as [string, string | number | undefined][])
    if (value !== undefined) given.set(name, String(value))
  const text = given.toString()
  return text === '' ? '/v1/conns' : `/v1/conns?${text}`
}

function pick<T>(body: Record<string, T>, field: string): T {
  return body[field] as T
}

interface Exchange {
  socketPath: string
  agent: Agent
  method: string
  path: string
  timeoutMs: number
  origin: Origin
}

function exchange(to: Exchange, body: unknown): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const type = text === undefined ? {} : { 'content-type': 'application/json' }
  const headers = { ...type, 'xlvs-origin': to.origin }
  return new Promise((resolve, reject) => {
    const { agent, method, path } = to
    const socketPath = socketPathOf(to.socketPath)
    const out = http.request({ socketPath, agent, method, path, headers }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', error => {
        fail(error)
      })
      response.on('end', () => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() })
      })
    })
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(error instanceof XlvsError ? error : unreachable(error, socketPath))
    }
    const timer = setTimeout(() => out.destroy(timedOut(to)), to.timeoutMs)
    out.on('error', fail)
    out.end(text)
  })
}

function timedOut({ socketPath, timeoutMs }: Exchange): XlvsError {
  return new XlvsError(
    'TIMED_OUT',
    `the daemon at ${socketPath} did not answer within ${timeoutMs / 1000} s`,
    'see its log; a change that was sent may still happen, so look with xlvs show first',
  )
}

const START = 'start the daemon with xlvs daemon, or name its socket by --socket or XLVS_SOCKET'
const ASK_ROOT = 'use sudo, or name another socket by --socket or XLVS_SOCKET'
const OTHER = 'name the socket of the daemon by --socket or XLVS_SOCKET'
const WHY: Record<string, [what: string, hint: string]> = {
  ENOENT: ['there is no such socket', START],
  ENOTDIR: ['there is no such socket', START],
  ECONNREFUSED: ['nobody listens there', START],
  EACCES: ['permission denied', ASK_ROOT],
  EPERM: ['permission denied', ASK_ROOT],
}

/** Why nobody answers at a socket, from the error of the call. */
export function unreachable(error: NodeJS.ErrnoException, socketPath: string): XlvsError {
  const other = error.code === 'ECONNREFUSED' ? notSocket(socketPath) : undefined
  const [what, hint] = (other === undefined ? WHY[error.code ?? ''] : [other, OTHER]) ?? [
    error.message,
    'see whether the daemon still runs: its log says why it stopped',
  ]
  return new XlvsError(
    'SOCKET_REFUSED',
    `cannot reach the daemon at ${socketPath}: ${what}`,
    hint,
    {
      cause: error,
    },
  )
}

/** The daemon's error in an answer, or that it is not a daemon's. */
export function refusalOf(answer: Answer, socketPath: string): XlvsError {
  const body = parseAnswer(answer, socketPath) as { error?: Partial<ErrorBody> } | null
  return errorOf(body?.error) ?? notOurs(answer, socketPath)
}

/** The error that a body carries, when it is one of ours. */
export function errorOf(body: Partial<ErrorBody> | undefined): XlvsError | undefined {
  const { code, message, hint, about } = body ?? {}
  if (!isErrorCode(code)) return undefined
  return new XlvsError(code, String(message), String(hint), about ? { about } : {})
}

function parseAnswer(answer: Answer, socketPath: string): unknown {
  try {
    return JSON.parse(answer.body)
  } catch (cause) {
    throw notOurs(answer, socketPath, cause)
  }
}

function notOurs(answer: Answer, socketPath: string, cause?: unknown): XlvsError {
  return new XlvsError(
    'SOCKET_REFUSED',
    `what answers at ${socketPath} is not this xlvs: status ${answer.status}, ` +
      JSON.stringify(answer.body.slice(0, 80)),
    'compare versions with xlvs version, or name another socket with --socket',
    { cause },
  )
}

/** What connect() says where nobody listens, be there a socket or not. */
const NOBODY: unknown[] = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED']

/** What was said when a socket was tried; undefined: somebody listens. */
export function connectError(path: string): Promise<Error | undefined> {
  return new Promise(resolve => {
    const probe = process.getBuiltinModule('node:net').connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(undefined)
    })
    probe.once('error', resolve)
  })
}

/** Whether it says that nobody listens, and not that one may not ask. */
export function saysNobody(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NOBODY.includes(error.code)
}
