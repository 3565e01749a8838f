/**
 * The daemon: makes clock, sockets, files and workers, puts them together, and runs until a signal.
 * SIGTERM ends the daemon and leaves the data plane running; SIGHUP is only told of. Read next:
 * director.ts, api.ts.
 */
import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout as setTimer } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Dataplane, kernelRelease } from '../dataplane/dataplane.ts'
import { firewallWarnings } from '../dataplane/firewall.ts'
import { gracePeriods } from '../dataplane/grace.ts'
import { inspect } from '../dataplane/inspect.ts'
import { SLICE_MS } from '../dataplane/rates.ts'
import { openKernel, refuseOldKernel, type Kernel } from '../dataplane/kernel.ts'
import { objectsFolder } from '../dataplane/objects.ts'
import { availablePages } from '../dataplane/memory.ts'
import { refusePins, refuseUser } from '../dataplane/pins.ts'
import { memoryBytes } from '../dataplane/sizes.ts'
import { startSweeper } from '../dataplane/sweeper.ts'
import { Watch } from '../dataplane/watch.ts'
import { XlvsError } from '../errors.ts'
import { buildApi } from './api.ts'
import { connectError } from './client.ts'
import { Director, restored } from './director.ts'
import { Doctor } from './doctor.ts'
import { Journal } from './journal.ts'
import { createLog } from './log.ts'
import { ipvsSocketOf, type DaemonOptions } from './options.ts'
import { RESIZING, resizing } from './resizing.ts'
import { ipvsServer, ownNetns } from './ipvs_socket.ts'
import { notSocket, socketPathOf } from './socket_path.ts'
import { lockState } from './state_lock.ts'
import { tending } from './tending.ts'

/** Owner and group may speak to the daemon; the group is the operator's to choose. */
const SOCKET_MODE = 0o660
const TEND_MS = 1000
/** At the start, the firewall is waited for. */
const FIREWALL_MS = 2000
/** At the end, a request that takes longer than this is cut off. */
const HANG_UP_MS = 2000

/** Runs the daemon until SIGTERM or SIGINT. @throws XlvsError when it cannot start. */
export async function runDaemon(options: DaemonOptions): Promise<void> {
  const log = createLog(options.logLevel)
  const undo: (() => unknown)[] = []
  process.on('SIGHUP', () => {
    log.info('SIGHUP: there is no configuration to read again; xlvs apply does')
  })
  try {
    await start(options, log, undo)
    await signalled()
    log.info('stopping; the data plane goes on')
  } finally {
    for (const end of undo.reverse()) await end()
  }
}

/** Starts everything; what ends it goes on `undo`, also when a later step fails. */
async function start(options: DaemonOptions, log: Logger, undo: (() => unknown)[]): Promise<void> {
  refuseUser(process.getuid?.() ?? 0)
  refuseOldKernel(kernelRelease())
  await refuseSecond(options.socket)
  refusePins(options.bpffs)
  undo.push(lockState(options.state))
  const journal = await Journal.open(options.state, { log })
  undo.push(() => journal.close())
  const kernel = openKernel({
    bpffs: options.bpffs,
    objects: objectsFolder(),
    slots: [options.connections, options.connections6],
  })
  refuseLostJournal(journal, kernel, options)
  log.info(
    { slots: kernel.sizes.slots, bytes: memoryBytes(kernel.sizes), tag: kernel.program.info.tag },
    'data plane ready',
  )
  for (const table of resizing(options, kernel.sizes.slots)) log.warn(table, RESIZING)
  const watch = new Watch()
  undo.push(() => {
    watch.close()
  })
  const director = makeDirector(kernel, watch, journal, log, undo)
  await director.start()
  await attachAsked(director, options.interfaces ?? [])
  for (const warning of await director.warnings(FIREWALL_MS)) log.warn(warning, 'warning')
  follow(director, watch, log)
  await serve(director, options.socket, log, undo)
  await serveIpvs(director, ipvsSocketOf(options.socket), log, undo)
  tend(director, log, undo)
}

function makeDirector(
  kernel: Kernel,
  watch: Watch,
  journal: Journal,
  log: Logger,
  undo: (() => unknown)[],
): Director {
  const sweeper = startSweeper(kernel, error => {
    log.fatal({ err: error }, 'the sweep has died')
    process.exit(1)
  })
  undo.push(() => sweeper.stop())
  const parts = {
    dataplane: new Dataplane(kernel, watch.network()),
    watch,
    journal,
    sweeper,
    doctor: makeDoctor(),
    log,
    gracePeriod: gracePeriods(),
    nowMs: () => performance.now(),
    availablePages: () => availablePages(),
  }
  estimate(parts.dataplane, undo)
  const director = new Director(parts, restored(journal))
  undo.push(() => director.idle())
  return director
}

function makeDoctor(): Doctor {
  return new Doctor({
    inspect,
    firewall: services => firewallWarnings(services),
    nowMs: () => performance.now(),
    delay: ms => setTimer(ms, undefined, { ref: false }),
  })
}

function follow(director: Director, watch: Watch, log: Logger): void {
  watch.onChange(() => {
    try {
      director.networkChanged()
    } catch (error) {
      log.error({ err: error }, 'following the network failed')
    }
  })
  director.networkChanged() // what has changed while it started
}

async function serve(
  director: Director,
  socket: string,
  log: Logger,
  undo: (() => unknown)[],
): Promise<void> {
  const api = buildApi(director, log.child({}))
  undo.push(async () => {
    const hangUp = setTimeout(() => {
      api.server.closeAllConnections()
    }, HANG_UP_MS)
    await api.close()
    clearTimeout(hangUp)
  })
  await listen(api, socket)
  log.info({ socket }, 'listening')
}

function tend(director: Director, log: Logger, undo: (() => unknown)[]): void {
  const timer = setInterval(tending(director, log), TEND_MS)
  undo.push(() => {
    clearInterval(timer)
  })
}

function estimate(dataplane: Dataplane, undo: (() => unknown)[]): void {
  const timer = setInterval(() => {
    dataplane.rates.tick(performance.now())
  }, SLICE_MS)
  undo.push(() => {
    clearInterval(timer)
  })
}

/** Maps with services and a journal that knows of none: somebody named another folder. */
function refuseLostJournal(journal: Journal, kernel: Kernel, options: DaemonOptions): void {
  const isNew = journal.state === undefined && journal.records.length === 0
  const { count } = kernel.maps.service_ids.lookupBatch()
  if (!isNew || count === 0) return
  throw new XlvsError(
    'JOURNAL_MISSING',
    `the maps pinned at ${options.bpffs} hold ${count} services, but the journal in ` +
      `${options.state} is new: starting would take them out of service`,
    `name the journal's folder with --state, or remove ${options.bpffs} to start from nothing`,
  )
}

async function attachAsked(director: Director, names: string[]): Promise<void> {
  const there = new Set(director.interfaces().map(i => i.name))
  for (const name of names) if (!there.has(name)) await director.attach([name], 'native')
}

/** @throws SOCKET_IN_USE when somebody answers there, or it is no socket; a dead one is removed. */
async function refuseSecond(socket: string): Promise<void> {
  for (const path of [socket, ipvsSocketOf(socket)]) {
    const other = notSocket(socketPathOf(path))
    if (other !== undefined)
      throw new XlvsError(
        'SOCKET_IN_USE',
        `${path} is there: ${other}, and it is not touched`,
        'name another path with --socket',
      )
    if (!(await connectError(path)))
      throw new XlvsError(
        'SOCKET_IN_USE',
        `another xlvsd answers on ${path}: one socket has one daemon`,
        'stop it first, or start this one with --socket, --bpffs and --state of its own',
      )
  }
}

/** Programs made for the kernel's IPVS have a socket of their own, with the same rights. */
async function serveIpvs(
  director: Director,
  socket: string,
  log: Logger,
  undo: (() => unknown)[],
): Promise<void> {
  const server = ipvsServer({ director, pause: () => setImmediate() }, ownNetns())
  undo.push(() => {
    server.close()
    rmSync(socket, { force: true })
  })
  await listenAt(socket, async () => {
    server.listen(socket)
    await once(server, 'listening')
  })
  log.info({ socket }, 'listening for programs that speak to IPVS')
}

async function listen(api: ReturnType<typeof buildApi>, socket: string): Promise<void> {
  const { level } = api.log
  try {
    api.log.level = 'silent' // fastify would log it too, in words that vary
    await listenAt(socket, () => api.listen({ path: socket }))
  } finally {
    api.log.level = level
  }
}

/** Nobody else can speak to the socket, from its first moment on. */
async function listenAt(socket: string, start: () => Promise<unknown>): Promise<void> {
  mkdirSync(dirname(socket), { recursive: true })
  rmSync(socket, { force: true })
  const umask = process.umask(0o777 & ~SOCKET_MODE)
  try {
    await start()
  } finally {
    process.umask(umask)
  }
  chmodSync(socket, SOCKET_MODE)
}

function signalled(): Promise<void> {
  return new Promise(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        resolve()
      })
  })
}
