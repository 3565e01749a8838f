/**
 * Lines of -R that change services and dests, as changes of one batch, and what is to be told of
 * each when they have been tried: as if every line had been carried out alone. Pure.
 * Read next: main.ts.
 */
import type { BatchChange } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'
import { serviceOf } from './answer.ts'
import type { Found } from './errno.ts'
import type { Request } from './grammar.ts'

/** A line that waits to be carried out. */
export interface Line {
  request: Request
  change: BatchChange
}

/** A request as a change of a batch; undefined: it must be carried out alone. */
export function changeOf(request: Request): BatchChange | undefined {
  switch (request.command) {
    case 'add-service':
    case 'edit-service': {
      const op = request.command === 'add-service' ? 'addService' : 'setService'
      const service = known(() => serviceOf(request.service, request.settings))
      return service && { op, service }
    }
    case 'delete-service':
      return { op: 'removeService', id: request.service }
    case 'add-server':
      return { op: 'addDest', service: request.service, dest: request.dest }
    case 'edit-server':
      return { op: 'setDest', service: request.service, dest: request.dest }
    case 'delete-server':
      return { op: 'removeDest', service: request.service, dest: request.dest }
    default:
      return undefined
  }
}

/** A scheduler or an engine that nobody knows is told of by whoever carries the line out. */
function known<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (error instanceof XlvsError) return undefined
    throw error
  }
}

/**
 * What must have been there for a line to be refused for one of its values: the director looks for
 * service and dest first, as the kernel does.
 */
export function foundBy(request: Request): Found {
  const none = { services: [] }
  switch (request.command) {
    case 'edit-service':
    case 'delete-service':
    case 'add-server':
      return { services: [{ ...request.service, dests: [] }] }
    case 'edit-server':
    case 'delete-server':
      return { services: [{ ...request.service, dests: [request.dest] }] }
    default:
      return none
  }
}
