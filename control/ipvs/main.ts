/**
 * ipvsadm over the daemon's socket: one line, or with -R a line for each on standard input. It must
 * start fast, so it imports nothing but what it needs. Read next: grammar.ts, listing.ts.
 */
import { connectDirector, type DirectorClient } from '../daemon/client.ts'
import { SOCKET_DEFAULT } from '../daemon/options.ts'
import { XlvsError } from '../errors.ts'
import {
  isMark,
  SCHEDULERS,
  serviceName,
  type AddressServiceId,
  type AddressServiceView,
  type ConnView,
  type Scheduler,
} from '../model/service.ts'
import type { PortOf } from './address.ts'
import { parseLine, type ListFormat, type Request } from './grammar.ts'
import { kernelWords } from './kernel_words.ts'
import { listAll, listConns, listOne, NUMBERS, type Names } from './listing.ts'
import { namesOf, portsIn } from './names.ts'
import { Refusal, tryHelp, unsupported } from './refusal.ts'
import { SYSTEM, type System } from './system.ts'
import { USAGE, VERSION } from './usage.ts'

/** Runs ipvsadm with those words; resolves to its exit status. */
export async function main(
  words: readonly string[],
  program: string,
  system: System = SYSTEM,
  socket: string = process.env['XLVS_SOCKET'] ?? SOCKET_DEFAULT,
): Promise<number> {
  const director = connectDirector(socket, undefined, 'ipvsadm')
  const run = { director, program, system, portOf: portsIn(() => system.services()) }
  try {
    const lines = words.length === 0 ? ['-L'] : words
    const request = parseLine(lines, program, run.portOf)
    return request.command === 'restore' ? await restore(run) : await carryOut(request, run)
  } catch (error) {
    return complain(error, system)
  } finally {
    director.close()
  }
}

interface Run {
  director: DirectorClient
  program: string
  system: System
  portOf: PortOf
}

/** -R: the exit status is that of the last line; a line asked wrongly ends the run. */
async function restore(run: Run): Promise<number> {
  let status = 0
  for (const line of (await run.system.readInput()).split('\n')) {
    const words = line.split(/[ \t\r]+/).filter(word => word !== '' && word !== 'ipvsadm')
    if (words.length === 0) continue
    try {
      const request = parseLine(words, run.program, run.portOf)
      if (request.command === 'restore') throw tryHelp(run.program)
      status = await carryOut(request, run)
      if (request.command === 'help' || request.command === 'version') return status
    } catch (error) {
      status = complain(error, run.system)
      if (!(error instanceof Refusal) || error.endsRun) return status
    }
  }
  return status
}

function complain(error: unknown, system: System): number {
  if (error instanceof XlvsError) return complain(kernelWords(error, 'list'), system)
  if (!(error instanceof Refusal)) throw error
  system.complain(`${error.message}\n`)
  return error.exitStatus
}

async function carryOut(request: Request, { director, system }: Run): Promise<number> {
  try {
    system.print(await answer(request, director, system))
    return 0
  } catch (error) {
    if (!(error instanceof XlvsError)) throw error
    const first = await firstInKernel(error, request, director)
    throw kernelWords(first, request.command)
  }
}

/** Does it; what is to be printed. */
async function answer(request: Request, director: DirectorClient, system: System): Promise<string> {
  switch (request.command) {
    case 'help':
      return USAGE
    case 'version':
      return VERSION
    case 'list':
      return list(request, director, system)
    case 'list-connections': {
      const conns: ConnView[] = []
      for await (const page of director.eachConns()) conns.push(...page)
      const ends = conns.flatMap(({ client, virtual, dest }) => [client, virtual, dest])
      return listConns(conns, await namesFor(request.format, ends, system))
    }
    case 'flush':
      await director.clear()
      return ''
    case 'restore':
      throw new Error('restore() reads its lines')
    default:
      await change(request, director)
      return ''
  }
}

type Change = Exclude<
  Request,
  { command: 'help' | 'version' | 'flush' | 'restore' | 'list' | 'list-connections' }
>

/** Warnings are not told: ipvsadm prints nothing. */
async function change(request: Change, director: DirectorClient): Promise<unknown> {
  switch (request.command) {
    case 'add-service':
      return director.addService({ ...request.service, scheduler: known(request.scheduler) })
    case 'edit-service':
      return director.setService({ ...request.service, scheduler: known(request.scheduler) })
    case 'delete-service':
      return director.removeService(existing(request.service))
    case 'add-server':
      // Differs from LVS: a dest has a port, 1 to 65535; the kernel takes 0.
      if (request.dest.port === 0 && request.service.port !== 0)
        throw unsupported('dests without a port')
      return director.addDest(existing(request.service), request.dest)
    case 'edit-server':
      return director.setDest(existing(request.service), request.dest)
    case 'delete-server':
      return director.removeDest(existing(request.service), request.dest)
    case 'zero':
      return director.zero(request.service && existing(request.service))
  }
}

async function list(
  { service, format }: Extract<Request, { command: 'list' }>,
  director: DirectorClient,
  system: System,
): Promise<string> {
  const services = await addressed(director)
  const ends = services.flatMap(({ address, dests }) => [{ address }, ...dests])
  const names = await namesFor(format, ends, system)
  if (!service) return listAll(services, format, names)
  const found = find(services, service)
  if (!found) throw new Refusal('No such service', 1, false)
  return listOne(found, format, names)
}

/** Marks are not listed yet. */
async function addressed(director: DirectorClient): Promise<AddressServiceView[]> {
  return (await director.services()).filter(service => !isMark(service))
}

function namesFor(
  { numeric }: ListFormat,
  ends: readonly { address: string }[],
  system: System,
): Promise<Names> {
  if (numeric) return Promise.resolve(NUMBERS)
  const addresses = ends.map(({ address }) => address)
  return namesOf(addresses, address => system.hostOf(address), system.services())
}

function known(name: string): Scheduler {
  const scheduler = SCHEDULERS.find(scheduler => scheduler === name)
  if (!scheduler) throw new XlvsError('BAD_SCHEDULER', `no scheduler ${name}`, 'see MANUAL')
  return scheduler
}

/** A service without a port would have to be persistent, so there is none. */
function existing(service: AddressServiceId): AddressServiceId {
  if (service.port !== 0) return service
  throw new XlvsError('SERVICE_MISSING', `no service ${serviceName(service)}`, 'see xlvs show')
}

/** The kernel looks for the service first; the API checks each value before it looks at all. */
async function firstInKernel(
  error: XlvsError,
  request: Request,
  director: DirectorClient,
): Promise<XlvsError> {
  if (error.code !== 'BAD_SCHEDULER' && error.code !== 'DEST_NOT_UNICAST') return error
  if (!('service' in request) || !request.service) return error
  const exists = find(await addressed(director), request.service) !== undefined
  const { message, hint } = error
  if (request.command === 'add-service')
    return exists ? new XlvsError('SERVICE_EXISTS', message, hint) : error
  return exists ? error : new XlvsError('SERVICE_MISSING', message, hint)
}

function find(
  services: readonly AddressServiceView[],
  id: AddressServiceId,
): AddressServiceView | undefined {
  return services.find(service => serviceName(service) === serviceName(id))
}
