/**
 * What is pinned: adopted when it is of this version and nobody else's, and pinned so that `config`
 * is there only when all the rest is. Read next: kernel.ts.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statfsSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BpfMap, BpfProgram, coarseClockNs, type BpfObject } from '../../addon/index.ts'
import {
  CONFIG,
  HERE_WALK,
  LIMIT,
  MAPS,
  SETTINGS,
  WALK,
  readConfig,
  readSettings,
  type Config,
} from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import { key32, view } from './bytes.ts'
import type { Kernel, MapName } from './kernel.ts'
import type { Sizes } from './sizes.ts'
import { both } from './slots.ts'
import { tickRate } from './ticks.ts'

/** f_type of a bpffs. Source: include/uapi/linux/magic.h. */
const BPF_FS_MAGIC = 0xcafe4a11

/** @throws NO_ROOT */
export function refuseUser(uid: number, command = 'xlvs daemon'): void {
  if (uid === 0) return
  throw new XlvsError(
    'NO_ROOT',
    `${command} runs as user ${uid}, but loading XDP programs takes root`,
    `run it as root: sudo ${command}`,
  )
}

/** @throws NO_BPFFS */
export function refuseNoBpffs(bpffs: string): void {
  let above = dirname(bpffs)
  while (!existsSync(above)) above = dirname(above)
  const { type } = statfsSync(above)
  if (type !== BPF_FS_MAGIC)
    throw new XlvsError(
      'NO_BPFFS',
      `the pin folder ${bpffs} cannot be made: ${above} is not in a mounted bpffs`,
      'mount -t bpf bpf /sys/fs/bpf, or name a folder in another bpffs with --bpffs',
    )
}

/**
 * What can be seen to go wrong with the pins before anything is made.
 * @throws NO_BPFFS, PINS_IN_USE
 */
export function refusePins(bpffs: string): void {
  refuseNoBpffs(bpffs)
  const pinned = readPins(bpffs)
  if (pinned) refuseSecondOwner(pinned, bpffs, tickRate(coarseClockNs()).perSecond)
}

export function makePinFolder(bpffs: string): void {
  refuseNoBpffs(bpffs)
  try {
    mkdirSync(join(bpffs, 'links'), { recursive: true })
  } catch (cause) {
    const { message } = cause as Error
    throw new XlvsError(
      'NO_BPFFS',
      `the pin folder ${bpffs} cannot be made: ${message}`,
      'name another folder in a bpffs with --bpffs',
      { cause },
    )
  }
}

export function readPins(bpffs: string): Map<string, BpfMap> | undefined {
  if (!existsSync(join(bpffs, 'config'))) return undefined
  const names = readdirSync(bpffs).filter(name => name in MAPS || isSection(name))
  return new Map(names.map(name => [name, BpfMap.fromPin(join(bpffs, name))]))
}

function isSection(name: string): boolean {
  return name === 'config' || name === 'settings'
}

/** Rows that there must be. */
const WALKS: Partial<Record<string, number>> = {
  walks: WALK.WALKS,
  here_walks: HERE_WALK.HERE_WALKS,
}

export function pinnedConfig(pinned: Map<string, BpfMap>, bpffs: string): Config {
  const bytes = pinned.get('config')?.lookup(key32(0))
  const config = bytes?.length === CONFIG.size ? readConfig(view(bytes), 0) : undefined
  // The version was the first word from the first version on.
  const abi = bytes && view(bytes).getUint32(CONFIG.abi, true)
  const missing = [...Object.keys(MAPS), 'settings'].filter(name => !pinned.has(name))
  const wrong = Object.entries(MAPS).filter(([name, { valueSize }]) => {
    const info = pinned.get(name)?.info
    return info?.valueSize !== valueSize || (WALKS[name] ?? 0) > info.maxEntries
  })
  if (config?.abi === LIMIT.ABI_VERSION && missing.length === 0 && wrong.length === 0) return config
  throw new XlvsError(
    'ABI_MISMATCH',
    `the maps pinned at ${bpffs} are of another version of xlvs ` +
      `(ABI ${abi ?? 'unknown'}, this one has ${LIMIT.ABI_VERSION}): they are not touched`,
    'run the version that made them, or detach every interface and remove ' +
      `${bpffs} (its connections are lost)`,
  )
}

export function pinnedSizes(pinned: Map<string, BpfMap>, config: Config): Sizes {
  const rows = (name: string): number => pinned.get(name)?.info.maxEntries ?? 0
  return {
    slots: both(family => ((config.bucket_mask[family] ?? 0) + 1) * LIMIT.SLOTS_PER_BUCKET),
    services: rows('services'),
    dests: LIMIT.DESTS_MAX,
    nexthops: LIMIT.NEXTHOPS_MAX,
    routes: rows('routes'),
    cpus: config.cpus,
  }
}

/** A heartbeat this old is nobody's: sweeps of the largest table are closer together. */
const HEARTBEAT_OLD_S = 60

/** Two daemons that free slots of one table would free each other's. */
export function refuseSecondOwner(
  pinned: Map<string, BpfMap>,
  bpffs: string,
  perSecond: number,
): void {
  const settings = pinned.get('settings')?.lookup(key32(0))
  const clock = join(bpffs, 'clock')
  if (!settings || settings.length !== SETTINGS.size || !existsSync(clock)) return
  const { owner, heartbeat } = readSettings(view(settings), 0)
  const age = (clockOf(BpfProgram.fromPin(clock))() - heartbeat) | 0
  if (!isSameProgram(owner) || age > HEARTBEAT_OLD_S * perSecond) return
  throw new XlvsError(
    'PINS_IN_USE',
    `the maps pinned at ${bpffs} belong to process ${owner}, which is alive`,
    'stop that xlvsd first, or start this one with --socket, --bpffs and --state of its own',
  )
}

/** Whether another process of that number runs what this one runs. */
export function isSameProgram(pid: number): boolean {
  if (pid === 0 || pid === process.pid) return false
  try {
    const exe = (of: number): string => basename(readlinkSync(`/proc/${of}/exe`))
    return exe(pid) === exe(process.pid)
  } catch {
    return false
  }
}

/** A function that asks the data plane for its time. */
export function clockOf(program: BpfProgram): () => number {
  return () => program.testRun({}).retval
}

/** Pins maps first and `config` last: where config is, the others are. Programs are replaced. */
export function pinAll(bpffs: string, kernel: Kernel, object: BpfObject, adopted: boolean): void {
  if (!adopted) {
    for (const name of Object.keys(MAPS)) {
      rmSync(join(bpffs, name), { force: true })
      kernel.maps[name as MapName].pin(join(bpffs, name))
    }
    rmSync(join(bpffs, 'settings'), { force: true })
    kernel.maps.settings.pin(join(bpffs, 'settings'))
    kernel.maps.config.pin(join(bpffs, 'config'))
  }
  replacePin(kernel.program, join(bpffs, 'prog'))
  replacePin(object.program('xlvs_clock'), join(bpffs, 'clock'))
}

function replacePin(program: BpfProgram, path: string): void {
  rmSync(`${path}_new`, { force: true })
  program.pin(`${path}_new`)
  renameSync(`${path}_new`, path)
}
