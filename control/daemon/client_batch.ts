/**
 * A batch of changes as it travels, and what comes back. Apart from client.ts, so that commands
 * which make one change need not load it. Read next: batch_route.ts (the other end).
 */
import { XlvsError, type ErrorBody } from '../errors.ts'
import {
  destName,
  destSettingsOf,
  serviceIdOf,
  serviceName,
  serviceSettingsOf,
} from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import { errorOf } from './client.ts'
import type { BatchChange, BatchOutcome } from './contract.ts'
import { BATCH_MAX } from './options.ts'
import type { WireChange } from './batch_schemas.ts'

interface Answer {
  outcomes: { warnings?: Warning[]; error?: Partial<ErrorBody> }[]
}

/**
 * How each change ended, in their order, in as many requests as it takes.
 * @param post sends one request and reads its answer
 * @throws XlvsError when a request was not answered, or refused as a whole
 */
export async function requestBatch(
  changes: readonly BatchChange[],
  post: (body: { changes: WireChange[] }) => Promise<Answer>,
): Promise<BatchOutcome[]> {
  const all: BatchOutcome[] = []
  for (let from = 0; from < changes.length; from += BATCH_MAX) {
    const { outcomes } = await post({ changes: changes.slice(from, from + BATCH_MAX).map(wireOf) })
    for (const { warnings = [], error } of outcomes)
      all.push(error ? { error: known(error) } : { warnings })
  }
  return all
}

function known(error: Partial<ErrorBody>): XlvsError {
  const { code, message } = error
  const other = new XlvsError('INTERNAL', `${code}: ${message}`, 'compare versions: xlvs version')
  return errorOf(error) ?? other
}

function wireOf(change: BatchChange): WireChange {
  const { op } = change
  if (op === 'removeService') return { op, service: serviceName(change.id) }
  const service = serviceName(change.service)
  switch (op) {
    case 'addService':
      return {
        op,
        service: { ...serviceIdOf(change.service), ...serviceSettingsOf(change.service) },
      }
    case 'setService':
      return { op, service, settings: serviceSettingsOf(change.service) }
    case 'addDest': {
      const { address, port } = change.dest
      return { op, service, dest: { address, port, ...destSettingsOf(change.dest) } }
    }
    case 'setDest':
      return { op, service, dest: destName(change.dest), settings: destSettingsOf(change.dest) }
    case 'removeDest':
      return { op, service, dest: destName(change.dest) }
  }
}
