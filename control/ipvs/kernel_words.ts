/**
 * The director's refusals in the words in which ipvsadm reports the kernel's. Pure.
 * Source: ipvsadm libipvs.c (v1.31), ipvs_strerror().
 */
import type { ErrorCode, XlvsError } from '../errors.ts'
import type { Request } from './grammar.ts'
import { type Refusal, refused, wrong } from './refusal.ts'

const WORDS: Partial<Record<ErrorCode, string>> = {
  SERVICE_EXISTS: 'Service already exists',
  DEST_EXISTS: 'Destination already exists',
  DEST_MISSING: 'No such destination',
  BAD_SCHEDULER: 'Scheduler or persistence engine not found',
  DEST_NOT_UNICAST: 'Invalid operation.  Possibly wrong module version, address not unicast, ...',
  NO_ROOT: 'Permission denied (you must be root)',
  TABLE_FULL: 'Memory allocation problem',
}

/**
 * What ipvsadm would print for that error of that request, and its exit status.
 * Differs from LVS: without a daemon it says where it looked, and -h and -v still work.
 */
export function kernelWords(error: XlvsError, command: Request['command']): Refusal {
  if (error.code === 'SERVICE_MISSING') return refused(missingService(command))
  if (error.code === 'SOCKET_REFUSED')
    return wrong(`Can't initialize ipvs: ${error.message}\n${error.hint}`)
  return refused(WORDS[error.code] ?? `${error.message}\n${error.hint}`)
}

function missingService(command: Request['command']): string {
  return /-server$/.test(command) ? 'Service not defined' : 'No such service'
}
