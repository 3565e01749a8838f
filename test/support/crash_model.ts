/**
 * What an operator may change, drawn at random, and what each change must come to: a model of
 * services and dests that shares nothing with the director but the nouns. Read next:
 * ../sim/crash.test.ts.
 */
import type { DirectorApi } from '../../control/daemon/contract.ts'
import type { ErrorCode } from '../../control/errors.ts'
import {
  SCHEDULERS,
  destName,
  serviceName,
  type Dest,
  type AddressService,
  type Service,
  type ServiceId,
  type ServiceSettings,
  type ServiceView,
} from '../../control/model/service.ts'
import { oneOf, type Random } from './random.ts'

/** Tables would fill the small maps of the model with a service or two. */
const TABLES: readonly string[] = ['dh', 'sh', 'mh', 'maglev']
const DRAWN = SCHEDULERS.filter(name => !TABLES.includes(name))

/** A service as text, and its dests, newest first. Never changed in place. */
interface ModelService {
  /** And persistence. */
  scheduler: string
  dests: readonly string[]
}
export type Model = ReadonlyMap<string, ModelService>

/** What a director and its client have in common: the changes. */
type Changes = Pick<
  DirectorApi,
  | 'addService'
  | 'setService'
  | 'removeService'
  | 'clear'
  | 'addDest'
  | 'setDest'
  | 'removeDest'
  | 'zero'
>

/** A change: how it is asked for, and what the model becomes or which code refuses it. */
export interface Op {
  say: string
  ask(lvs: Changes): Promise<unknown>
  apply(model: Model): Model | ErrorCode
}

export const VIPS = ['192.0.2.1', '192.0.2.2', '192.0.2.3']
/** Ports of the services that are changed at random. */
export const PORTS = [53, 80, 443]
const DEST_ADDRESSES = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6', '10.0.0.7']
const WEIGHTS = [0, 1, 1, 2, 3, 65535]

/** Dice of a hundred below which a change is of each kind; the rest are zero, seldom clear. */
const UNTIL = { addDest: 40, setDest: 60, removeDest: 75, addService: 86, setService: 92 } as const
const REMOVE_SERVICE = 95
const CLEAR_ONCE_IN = 100

/** The model or the director's own answer, as text. */
export function modelText(model: Model): string {
  const lines = [...model].map(([name, s]) => [`${name} ${s.scheduler}`, ...s.dests].join('\n  '))
  return lines.join('\n')
}

export function viewText(services: readonly ServiceView[]): string {
  const model = new Map(
    services.map(s => [
      serviceName(s),
      { scheduler: howText(s), dests: s.dests.map(d => destText(d)) },
    ]),
  )
  return modelText(model)
}

/** Scheduler and persistence. */
function howText({ scheduler, persistentS }: ServiceSettings): string {
  return persistentS === undefined ? scheduler : `${scheduler} persistent ${persistentS}`
}

function destText(dest: Dest): string {
  return `${destName(dest)} ${dest.fwd} ${dest.weight}`
}

/** A change of services at these ports; of all there are only when they are PORTS. */
export function randomOp(random: Random, ports: readonly number[] = PORTS): Op {
  const service = randomService(random, ports)
  const dice = random(100)
  if (dice < UNTIL.removeDest) return destOp(random, service, dice)
  if (dice < UNTIL.addService) return addService(service)
  if (dice < UNTIL.setService) return setService(service)
  if (dice < REMOVE_SERVICE) return removeService(service)
  if (ports === PORTS && random(CLEAR_ONCE_IN) === 0)
    return { say: 'clear', ask: lvs => lvs.clear(), apply: () => new Map() }
  return random(4) === 0 ? zeroAll() : zero(service)
}

function randomService(random: Random, ports: readonly number[]): AddressService {
  const protocol = oneOf(random, ['tcp', 'udp'] as const)
  const scheduler = oneOf(random, DRAWN)
  const persistent = random(4) === 0 ? { persistentS: 60 } : {}
  const id = { protocol, address: oneOf(random, VIPS), port: oneOf(random, ports) }
  return { ...id, scheduler, ...persistent }
}

function destOp(random: Random, service: AddressService, dice: number): Op {
  const dest: Dest = {
    address: oneOf(random, DEST_ADDRESSES),
    port: service.port,
    fwd: oneOf(random, ['nat', 'dr'] as const),
    weight: oneOf(random, WEIGHTS),
  }
  if (dice < UNTIL.addDest) return addDest(service, dest)
  return dice < UNTIL.setDest ? setDest(service, dest) : removeDest(service, dest)
}

function addService(service: Service): Op {
  const name = serviceName(service)
  return {
    say: `add ${name} ${howText(service)}`,
    ask: lvs => lvs.addService(service),
    apply: model =>
      model.has(name)
        ? 'SERVICE_EXISTS'
        : new Map([...model, [name, { scheduler: howText(service), dests: [] }]]),
  }
}

function setService(service: Service): Op {
  return {
    say: `set ${serviceName(service)} ${howText(service)}`,
    ask: lvs => lvs.setService(service),
    apply: model => withDests(model, service, ({ dests }) => dests, howText(service)),
  }
}

function removeService(service: Service): Op {
  const name = serviceName(service)
  return {
    say: `remove ${name}`,
    ask: lvs => lvs.removeService(service),
    apply: model =>
      model.has(name) ? new Map([...model].filter(([n]) => n !== name)) : 'SERVICE_MISSING',
  }
}

function zero(service: ServiceId): Op {
  return {
    say: `zero ${serviceName(service)}`,
    ask: lvs => lvs.zero(service),
    apply: model => withDests(model, service, ({ dests }) => dests),
  }
}

function zeroAll(): Op {
  return { say: 'zero', ask: lvs => lvs.zero(), apply: model => model }
}

function addDest(service: Service, dest: Dest): Op {
  return {
    say: `add ${serviceName(service)} ${destText(dest)}`,
    ask: lvs => lvs.addDest(service, dest),
    apply: model =>
      withDests(model, service, ({ dests }) =>
        indexOf(dests, dest) < 0 ? [destText(dest), ...dests] : 'DEST_EXISTS',
      ),
  }
}

function setDest(service: Service, dest: Dest): Op {
  return {
    say: `set ${serviceName(service)} ${destText(dest)}`,
    ask: lvs => lvs.setDest(service, dest),
    apply: model =>
      withDests(model, service, ({ dests }) =>
        indexOf(dests, dest) < 0
          ? 'DEST_MISSING'
          : dests.with(indexOf(dests, dest), destText(dest)),
      ),
  }
}

function removeDest(service: Service, dest: Dest): Op {
  return {
    say: `remove ${serviceName(service)} ${destName(dest)}`,
    ask: lvs => lvs.removeDest(service, dest),
    apply: model =>
      withDests(model, service, ({ dests }) =>
        indexOf(dests, dest) < 0 ? 'DEST_MISSING' : dests.toSpliced(indexOf(dests, dest), 1),
      ),
  }
}

function indexOf(dests: readonly string[], dest: Dest): number {
  return dests.findIndex(text => text.startsWith(`${destName(dest)} `))
}

function withDests(
  model: Model,
  service: ServiceId,
  change: (known: ModelService) => readonly string[] | ErrorCode,
  scheduler?: string,
): Model | ErrorCode {
  const name = serviceName(service)
  const known = model.get(name)
  if (!known) return 'SERVICE_MISSING'
  const dests = change(known)
  if (typeof dests === 'string') return dests
  return new Map(model).set(name, { scheduler: scheduler ?? known.scheduler, dests })
}
