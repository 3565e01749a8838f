/**
 * A director that keeps everything in memory, for tests of what talks to one: same refusals, same
 * order (dests newest first), no kernel. Tests reach in through `state`.
 */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { buildApi } from '../../control/daemon/api.ts'
import { addingDest, settingDest, startingDaemon } from '../../control/daemon/accept.ts'
import type {
  BatchChange,
  BatchOutcome,
  DirectorApi,
  RefusedChange,
} from '../../control/daemon/contract.ts'
import { connPage } from '../../control/daemon/conn_pages.ts'
import { Events } from '../../control/daemon/events.ts'
import type { Netns } from '../../control/daemon/ipvs_frames.ts'
import { ipvsServer, ownNetns } from '../../control/daemon/ipvs_socket.ts'
import { createLog } from '../../control/daemon/log.ts'
import { ipvsSocketOf } from '../../control/daemon/options.ts'
import { reasonViews } from '../../control/output/reasons.ts'
import { inactive, ofDest, inactiveSync, warningsOf } from '../../control/daemon/ownership.ts'
import { syncViews } from '../../control/daemon/views.ts'
import { type ErrorCode, XlvsError } from '../../control/errors.ts'
import type { MarkMatch, MarkRule } from '../../control/model/mark.ts'
import { originOf, type Origin } from '../../control/model/origin.ts'
import {
  destName,
  destSettingsOf,
  serviceIdOf,
  serviceName,
  serviceSettingsOf,
  type ConnView,
  type Dest,
  type DestId,
  type DestView,
  type InterfaceView,
  type Rates,
  type Service,
  type ServiceId,
  type ServiceView,
  type Traffic,
} from '../../control/model/service.ts'
import { destNotActive, serviceNotActive } from '../../control/plan/active.ts'
import type { Warning } from '../../control/model/warning.ts'
import { refusing } from '../../control/daemon/refusing.ts'
import type { SyncRole, SyncWish } from '../../control/model/sync.ts'
import { changed, Draft } from '../../control/plan/draft.ts'
import type { Change as IntentChange, Intent } from '../../control/plan/intent.ts'
import { applyChanges, intentOf, linkIn } from './fake_apply.ts'

export const NO_TRAFFIC: Traffic = {
  conns: 0,
  inPackets: 0,
  outPackets: 0,
  inBytes: 0,
  outBytes: 0,
}

export const NO_RATES: Rates = NO_TRAFFIC

export interface FakeState {
  /** Oldest first. */
  services: ServiceView[]
  conns: ConnView[]
  /** Packets by number of reason. */
  reasons: Record<number, number>
  interfaces: InterfaceView[]
  warnings: Warning[]
  /** Of attaching. */
  remarks: Warning[]
  settings: Intent['settings']
  daemons: Intent['daemons']
  marks: Intent['marks']
  /** Thrown by the next change, once. */
  fails: Error | undefined
}

export function fakeDirector(given: Partial<FakeState> = {}): DirectorApi & { state: FakeState } {
  const state: FakeState = {
    services: given.services ?? [],
    conns: given.conns ?? [],
    reasons: given.reasons ?? {},
    interfaces: given.interfaces ?? [],
    warnings: given.warnings ?? [],
    remarks: given.remarks ?? [],
    settings: given.settings ?? {},
    daemons: given.daemons ?? {},
    marks: given.marks ?? [],
    fails: given.fails,
  }
  const change = (act: () => void): Promise<void> => {
    const failure = state.fails
    state.fails = undefined
    return failure ? Promise.reject(failure) : Promise.resolve().then(act)
  }
  const changes = { ...serviceChanges(state, change), ...destChanges(state, change) }
  return {
    state,
    events: new Events('e'),
    version: () => ({ xlvs: '0.1.0', abi: 2, kernel: '6.1.0', programTag: '0123456789abcdef' }),
    services: () => state.services,
    eachService: () => state.services,
    serviceIds: () => state.services,
    find: id => state.services.find(have => serviceName(have) === serviceName(id)),
    conns: (query = {}) =>
      connPage(service => {
        const conns = state.conns.filter(
          ({ protocol, virtual }) =>
            service === undefined ||
            (protocol !== 'ip' && serviceName({ protocol, ...virtual }) === service),
        )
        return {
          slots: () => [conns.length],
          read: (_table, from, to) => conns.slice(from, to),
        }
      }, query),
    interfaces: () => state.interfaces,
    warnings: () => Promise.resolve(state.warnings),
    reasons: () => reasonViews(reason => state.reasons[reason] ?? 0),
    stats: () => ({
      total: NO_TRAFFIC,
      rates: NO_RATES,
      cpus: [NO_TRAFFIC, NO_TRAFFIC],
      services: state.services.map(service => ({
        ...serviceIdOf(service),
        traffic: service.traffic,
        rates: service.rates,
      })),
      reasons: [{ reason: 'FORWARDED', packets: 12 }],
      connections: [
        { family: 4, slots: 1024, used: state.conns.length, stashed: 0 },
        { family: 6, slots: 256, used: 0, stashed: 0 },
      ],
    }),
    ...changes,
    batch: wanted => batch(state, wanted, changes),
    isSettled: () => true,
    settled: () => Promise.resolve(),
    ...interfaceChanges(state, change),
    ...applyChanges(state, change),
    ...syncChanges(state, change),
    ...markChanges(state, change),
  }
}

type Change = (act: () => void) => Promise<void>

type Singles = ReturnType<typeof serviceChanges> & ReturnType<typeof destChanges>

/** Each of a batch by its own call. */
async function batch(
  state: FakeState,
  changes: readonly (BatchChange | RefusedChange)[],
  one: Singles,
): Promise<BatchOutcome[]> {
  const outcomes: BatchOutcome[] = []
  for (const change of changes)
    try {
      if ('refusal' in change) refusing(change)(new Draft(intentOf(state)))
      else outcomes.push({ warnings: await single(change, one) })
    } catch (error) {
      if (!(error instanceof XlvsError)) throw error
      outcomes.push({ error })
    }
  return outcomes
}

function single(change: BatchChange, one: Singles): Promise<Warning[]> {
  switch (change.op) {
    case 'addService':
      return one.addService(change.service)
    case 'setService':
      return one.setService(change.service)
    case 'removeService':
      return one.removeService(change.id)
    case 'addDest':
      return one.addDest(change.service, change.dest)
    case 'setDest':
      return one.setDest(change.service, change.dest)
    case 'removeDest':
      return one.removeDest(change.service, change.dest)
  }
}

/** What a file owns is changed with a warning. */
function warned(change: Change, owned: () => { origin: Origin }, act: () => void) {
  let warnings: Warning[] = []
  return change(() => {
    warnings = warningsOf(owned())
    act()
  }).then(() => warnings)
}

function serviceChanges(state: FakeState, change: Change) {
  return {
    addService: (service: Service) =>
      change(() => {
        if (state.services.some(have => serviceName(have) === serviceName(service)))
          throw refusal('SERVICE_EXISTS', `service ${serviceName(service)} exists already`)
        state.services.push({
          ...service,
          origin: originOf(service),
          vipLocal: true,
          traffic: NO_TRAFFIC,
          rates: NO_RATES,
          dests: [],
          notActive: serviceNotActive(service),
        })
      }).then(() => inactive(service)),
    setService: (service: Service) =>
      warned(
        change,
        () => find(state, service),
        () => {
          replace(find(state, service), serviceSettingsOf(service), SERVICE_SETTINGS)
        },
      ).then(warnings => [...warnings, ...inactive(service)]),
    removeService: (id: ServiceId) =>
      warned(
        change,
        () => find(state, id),
        () => state.services.splice(state.services.indexOf(find(state, id)), 1),
      ),
    clear: () =>
      change(() => {
        state.services.length = 0
      }),
    zero: (id?: ServiceId) =>
      change(() => {
        for (const service of id ? [find(state, id)] : state.services) {
          for (const one of [service, ...service.dests])
            Object.assign(one, { traffic: NO_TRAFFIC, rates: NO_RATES })
        }
      }),
  }
}

function destChanges(state: FakeState, change: Change) {
  const findDest = (id: ServiceId, dest: DestId): [DestView, DestView[]] => {
    const { dests } = find(state, id)
    const found = dests.find(have => destName(have) === destName(dest))
    if (!found)
      throw refusal('DEST_MISSING', `service ${serviceName(id)} has no dest ${destName(dest)}`)
    return [found, dests]
  }
  return {
    addDest: (id: ServiceId, wanted: Dest) =>
      change(() => {
        const { dests } = find(state, id)
        const { dest } = addingDest(new Draft(intentOf(state)), id, wanted)
        if (dests.some(have => destName(have) === destName(dest)))
          throw refusal('DEST_EXISTS', `service ${serviceName(id)} has dest ${destName(dest)}`)
        dests.unshift({
          ...dest,
          origin: originOf(dest),
          active: 0,
          inactive: 0,
          persistent: 0,
          nextHop: 'resolved',
          traffic: NO_TRAFFIC,
          rates: NO_RATES,
          notActive: destNotActive(dest),
        })
      }).then(() => ofDest(find(state, id), wanted)),
    setDest: (id: ServiceId, wanted: Dest) =>
      warned(
        change,
        () => findDest(id, settingDest(new Draft(intentOf(state)), id, wanted).dest)[0],
        () => {
          const { dest } = settingDest(new Draft(intentOf(state)), id, wanted)
          replace(findDest(id, dest)[0], destSettingsOf(dest), DEST_SETTINGS)
        },
      ).then(warnings => [...warnings, ...ofDest(find(state, id), wanted)]),
    removeDest: (id: ServiceId, dest: DestId) =>
      warned(
        change,
        () => findDest(id, dest)[0],
        () => {
          const [found, dests] = findDest(id, dest)
          dests.splice(dests.indexOf(found), 1)
        },
      ),
  }
}

function interfaceChanges(state: FakeState, change: Change) {
  const find = (name: string) => state.interfaces.find(have => have.name === name)
  const mustFind = (name: string): InterfaceView => {
    const found = find(name)
    if (!found) throw refusal('INTERFACE_NOT_ATTACHED', `${name} is not attached`)
    return found
  }
  return {
    attach: (names: readonly string[], mode: InterfaceView['mode'], origin: Origin = 'command') =>
      change(() => {
        const there = names.find(find)
        if (there !== undefined) throw refusal('INTERFACE_ATTACHED', `${there} is attached already`)
        for (const name of names) {
          const ifindex = state.interfaces.length + 2
          state.interfaces.push({ name, ifindex, mode, present: true, running: true, origin })
        }
      }).then(() => state.remarks),
    detach: (name: string) =>
      warned(
        change,
        () => mustFind(name),
        () => state.interfaces.splice(state.interfaces.indexOf(mustFind(name)), 1),
      ),
  }
}

function markChanges(state: FakeState, change: Change) {
  const make = (wanted: IntentChange): void => {
    state.marks = changed(intentOf(state), wanted).marks
  }
  return {
    marks: () => state.marks.map(rule => ({ ...rule, origin: originOf(rule) })),
    addMarks: (rules: readonly MarkRule[], origin: Origin = 'command') =>
      change(() => {
        make({ op: 'addMarks', rules: rules.map(rule => ({ ...rule, origin })) })
      }).then(() => []),
    removeMarks: (rules: readonly MarkMatch[]) =>
      change(() => {
        make({ op: 'removeMarks', rules })
      }).then(() => []),
  }
}

function syncChanges(state: FakeState, change: Change) {
  const make = (wanted: IntentChange): void => {
    state.daemons = changed(intentOf(state), wanted).daemons
  }
  return {
    daemons: () => syncViews(state.daemons),
    startDaemon: (role: SyncRole, wish: SyncWish, origin?: Origin) =>
      change(() => {
        const draft = new Draft(intentOf(state))
        make(startingDaemon(draft, role, wish, linkIn(state), origin))
      }).then(() => inactiveSync(role)),
    stopDaemon: (role: SyncRole) =>
      warned(
        change,
        () => ({ origin: originOf(state.daemons[role] ?? {}) }),
        () => {
          make({ op: 'stopDaemon', role })
        },
      ),
  }
}

function find(state: FakeState, id: ServiceId): ServiceView {
  const found = state.services.find(have => serviceName(have) === serviceName(id))
  if (!found) throw refusal('SERVICE_MISSING', `there is no service ${serviceName(id)}`)
  return found
}

function refusal(code: ErrorCode, message: string): XlvsError {
  return new XlvsError(code, message, 'see what there is with xlvs show')
}

export interface Served {
  socket: string
  state: FakeState
  /** Where the socket is; gone with it. */
  folder: string
  events: Events
  director: DirectorApi
  close: () => Promise<void>
}

/** A fake director served on a socket of its own, both gone when the test ends. */
export async function serveFake(
  t: ExecutionContext,
  given: Partial<FakeState> = {},
): Promise<Served> {
  const director = fakeDirector(given)
  const { socket, folder, close } = await serve(t, director)
  const { state, events } = director
  return { socket, state, folder, events, director, close }
}

/** The same for programs that speak to IPVS, of this process' network namespace or another. */
export async function serveIpvs(
  t: Pick<ExecutionContext, 'teardown'>,
  director: DirectorApi,
  socket: string,
  options: { netns?: Netns; hasNetlink?: boolean } = {},
): Promise<string> {
  const { netns = ownNetns(), ...rest } = options
  const server = ipvsServer({ director, pause: () => setImmediate(), ...rest }, netns)
  const path = ipvsSocketOf(socket)
  server.listen(path)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
  })
  return path
}

/** A director served on a socket, gone when the test ends. */
export async function serveDirector(t: ExecutionContext, director: DirectorApi): Promise<string> {
  return (await serve(t, director)).socket
}

async function serve(t: ExecutionContext, director: DirectorApi) {
  const folder = await mkdtemp(join(tmpdir(), 'xlvs-test-'))
  const api = buildApi(director, createLog('silent'))
  const socket = join(folder, 'xlvs.sock')
  await api.listen({ path: socket })
  t.teardown(async () => {
    await api.close()
    await rm(folder, { recursive: true })
  })
  return { socket, folder, close: () => api.close() }
}

const SERVICE_SETTINGS = 'scheduler schedFlags persistentS netmask onePacket engine'.split(' ')
const DEST_SETTINGS = 'fwd weight upper lower tunnel'.split(' ')

/** Settings are replaced as a whole: what is not given is gone. */
function replace(view: object, settings: object, known: readonly string[]): void {
  for (const field of known) Reflect.deleteProperty(view, field)
  Object.assign(view, settings)
}
