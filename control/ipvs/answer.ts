/**
 * What a request does to the director, and what is to be printed. Read next: listing.ts.
 */
import type { DirectorClient } from '../daemon/client.ts'
import { XlvsError } from '../errors.ts'
import {
  ENGINES,
  isMark,
  SCHEDULERS,
  serviceName,
  type ConnView,
  type Service,
  type ServiceId,
  type ServiceView,
} from '../model/service.ts'
import { listConns } from './conn_listing.ts'
import type { Request, SettingsAsked, TimeoutsAsked } from './grammar.ts'
import { listAll, listDaemons, listOne, save } from './listing.ts'
import { namesOf, NUMBERS, type Names } from './names.ts'
import type { System } from './system.ts'
import { VERSION } from './usage.ts'

export type Asked = Exclude<Request, { command: 'help' }>

/** Does it; what is to be printed. Warnings are not told: ipvsadm prints nothing. */
export async function answer(
  request: Asked,
  director: DirectorClient,
  system: System,
): Promise<string> {
  switch (request.command) {
    case 'version':
      return VERSION
    case 'list':
      return list(request, director, system)
    case 'save': {
      const services = await director.services()
      return save(services, await namesFor(request.numeric, services, system))
    }
    case 'restore':
      throw new Error('main.ts reads its lines')
    default:
      await change(request, director)
      return ''
  }
}

type Change = Exclude<Asked, { command: 'version' | 'list' | 'save' | 'restore' }>

function change(request: Change, director: DirectorClient): Promise<unknown> {
  switch (request.command) {
    case 'flush':
      return director.clear()
    case 'add-service':
      return director.addService(serviceOf(request.service, request.settings))
    case 'edit-service':
      return director.setService(serviceOf(request.service, request.settings))
    case 'delete-service':
      return director.removeService(request.service)
    case 'add-server':
      return director.addDest(request.service, request.dest)
    case 'edit-server':
      return director.setDest(request.service, request.dest)
    case 'delete-server':
      return director.removeDest(request.service, request.dest)
    case 'zero':
      return director.zero(request.service)
    case 'set':
      return setTimeouts(timeouts(request.timeouts), director)
    case 'start-daemon':
      return director.startDaemon(request.role, request.daemon)
    case 'stop-daemon':
      return director.stopDaemon(request.role)
  }
}

/** Scheduler and engine as the model has them. @throws BAD_SCHEDULER, BAD_ENGINE */
export function serviceOf(
  id: ServiceId,
  { scheduler, engine, ...settings }: SettingsAsked,
): Service {
  const known = SCHEDULERS.find(known => known === scheduler)
  if (!known) throw new XlvsError('BAD_SCHEDULER', `no scheduler ${scheduler}`, 'see MANUAL')
  const by = ENGINES.find(known => known === engine)
  if (engine !== undefined && !by)
    throw new XlvsError('BAD_ENGINE', `no persistence engine ${engine}`, 'see MANUAL')
  return { ...id, ...settings, scheduler: known, ...(by && { engine: by }) }
}

/** Without any to set the kernel is asked all the same. */
function setTimeouts(given: Record<string, number>, director: DirectorClient): Promise<unknown> {
  return Object.keys(given).length === 0 ? director.settings() : director.setSettings(given)
}

function timeouts({ tcp, tcpFin, udp }: TimeoutsAsked): Record<string, number> {
  const all = { tcp_timeout_s: tcp, tcp_fin_timeout_s: tcpFin, udp_timeout_s: udp }
  return Object.fromEntries(Object.entries(all).filter(([, seconds]) => seconds > 0))
}

async function list(
  request: Extract<Request, { command: 'list' }>,
  director: DirectorClient,
  system: System,
): Promise<string> {
  switch (request.of) {
    case 'timeouts': {
      const settings = await director.settings()
      const { tcp_timeout_s: tcp, tcp_fin_timeout_s: fin, udp_timeout_s: udp } = settings
      return `Timeout (tcp tcpfin udp): ${tcp.value} ${fin.value} ${udp.value}\n`
    }
    case 'daemons':
      return listDaemons(await director.daemons())
    case 'connections': {
      const { format } = request
      const conns: ConnView[] = []
      for await (const page of director.eachConns()) conns.push(...page)
      const ends = conns.flatMap(({ client, virtual, dest }) => [client, virtual, dest])
      return listConns(conns, format.engines, await hostNames(format.numeric, ends, system))
    }
    case 'table': {
      const { service, format } = request
      const services = await director.services()
      const names = await namesFor(format.numeric, services, system)
      if (!service) return listAll(services, format, names)
      const wanted = serviceName(service)
      const found = services.find(service => serviceName(service) === wanted)
      if (!found) throw new XlvsError('SERVICE_MISSING', `no service ${wanted}`, 'see xlvs show')
      return listOne(found, format, names)
    }
  }
}

function namesFor(
  numeric: boolean,
  services: readonly ServiceView[],
  system: System,
): Promise<Names> {
  const ends = numeric
    ? []
    : services.flatMap(service => [...(isMark(service) ? [] : [service]), ...service.dests])
  return hostNames(numeric, ends, system)
}

function hostNames(
  numeric: boolean,
  ends: readonly { address: string }[],
  system: System,
): Promise<Names> {
  if (numeric) return Promise.resolve(NUMBERS)
  const addresses = ends.map(({ address }) => address)
  return namesOf(addresses, address => system.hostOf(address), system.services())
}
