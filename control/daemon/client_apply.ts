/**
 * An apply from another process: the configuration goes out whole, and lines come back that say how
 * far it is. Apart from client.ts, so that commands which do not apply need not load it.
 * Read next: apply_route.ts (the other end).
 */
import type { IncomingMessage } from 'node:http'
import { XlvsError, type ErrorBody } from '../errors.ts'
import type { Applied, Progress } from '../model/difference.ts'
import { fileOf, type Origin } from '../model/origin.ts'
import type { Wish } from '../plan/desired.ts'
import { errorOf, refusalOf, unreachable } from './client.ts'
import { socketPathOf } from './socket_path.ts'

const http = process.getBuiltinModule('node:http')

/** Longest silence: others' changes go first, and ten thousand services take seconds. */
const SILENCE_MS_MAX = 120_000

interface Line {
  progress?: Progress
  applied?: Applied
  error?: Partial<ErrorBody>
}

/** @throws the daemon's XlvsError, SOCKET_REFUSED, TIMED_OUT */
export async function requestApply(
  socketPath: string,
  { configuration, origin, takeOver }: Wish,
  { dryRun, onProgress }: { dryRun: boolean; onProgress?: (progress: Progress) => void },
): Promise<Applied> {
  const file = fileNamed(origin)
  const body = JSON.stringify({ file, configuration, takeOver, dryRun })
  const response = await post(socketPath, body)
  let applied: Applied | undefined
  let text = ''
  const take = (line: string): void => {
    const { progress, applied: done, error } = JSON.parse(line) as Line
    if (progress) onProgress?.(progress)
    const refused = errorOf(error)
    if (refused) throw refused
    applied ??= done
  }
  const all: string[] = []
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    if (response.statusCode !== 200) {
      all.push(chunk)
      continue
    }
    const lines = (text + chunk).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) take(line)
  }
  if (response.statusCode !== 200)
    throw refusalOf({ status: response.statusCode ?? 0, body: all.join('') }, socketPath)
  if (applied) return applied
  throw unreachable(new Error('it hung up before it was done'), socketPath)
}

function fileNamed(origin: Origin): string {
  const file = fileOf(origin)
  if (file === undefined) throw new TypeError(`an apply is a file's, not ${origin}'s`)
  return file
}

function post(socketPath: string, body: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const out = http.request({
      socketPath: socketPathOf(socketPath),
      method: 'POST',
      path: '/v1/apply',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      timeout: SILENCE_MS_MAX,
    })
    out.on('timeout', () => out.destroy(timedOut(socketPath)))
    out.on('error', error => {
      reject(error instanceof XlvsError ? error : unreachable(error, socketPath))
    })
    out.on('response', resolve)
    out.end(body)
  })
}

function timedOut(socketPath: string): XlvsError {
  return new XlvsError(
    'TIMED_OUT',
    `the daemon at ${socketPath} said nothing for ${SILENCE_MS_MAX / 1000} s`,
    'see its log; the change may still happen, so look with xlvs apply --dry-run first',
  )
}
