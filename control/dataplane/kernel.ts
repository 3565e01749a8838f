/**
 * The data plane in the kernel: maps and programs made, or adopted from where they are pinned. The
 * pinned maps are the state; this process may die at any instant. Assumes root and a bpffs.
 * Read next: tables.ts (typed access), ../../bpf/maps.h (what each map holds).
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { basename, join } from 'node:path'
import { BpfMap, BpfObject, BpfProgram, coarseClockNs, possibleCpus } from '../../addon/index.ts'
import {
  CONFIG,
  LIMIT,
  MAPS,
  REASON,
  SETTINGS,
  TCP_STATE,
  readConfig,
  writeConfig,
  writeSettings,
  type Config,
} from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import { buckets, scheduleRows, sizesFor, stashBuckets, type Sizes } from './sizes.ts'

/** Where libbpf keeps what the pins call config and settings. */
const CONFIG_SECTION = '.rodata.config'
const SETTINGS_SECTION = '.data.settings'
const XDP_PROGRAM = 'xlvs'
/** Names in enum walk's order. */
const WALK_PROGRAMS = ['xlvs_new', 'xlvs_reply', 'xlvs_checksum', 'xlvs_error']
/** A tick is at most this long: 31.25 a second at HZ 250 and 1000. */
const TICK_MS_MAX = 32

/** Seconds per TCP state and for UDP. Source: ip_vs_proto_tcp.c tcp_timeouts (v6.12). */
export const TIMEOUTS_S: Record<number, number> = {
  [TCP_STATE.TCP_NONE]: 2,
  [TCP_STATE.TCP_ESTABLISHED]: 900,
  [TCP_STATE.TCP_SYN_SENT]: 120,
  [TCP_STATE.TCP_SYN_RECV]: 60,
  [TCP_STATE.TCP_FIN_WAIT]: 120,
  [TCP_STATE.TCP_TIME_WAIT]: 120,
  [TCP_STATE.TCP_CLOSE]: 10,
  [TCP_STATE.TCP_CLOSE_WAIT]: 60,
  [TCP_STATE.TCP_LAST_ACK]: 30,
  [TCP_STATE.TCP_LISTEN]: 120,
  [TCP_STATE.TCP_SYNACK]: 120,
}
const UDP_TIMEOUT_S = 300
/** net.ipv4.vs.conn_reuse_mode's default. */
const CONN_REUSE_MODE = 1

export type MapName = keyof typeof MAPS | 'config' | 'settings'

export interface KernelOptions {
  /** Folder of the pins inside a bpffs; undefined: nothing is pinned (tests, benches). */
  bpffs?: string
  /** Folder of xlvs.bpf.o and companion.bpf.o. */
  objects: string
  /** Slots of the connection table when the maps are made. */
  slots: number
  /** Tests move the clock themselves. */
  manualClock?: boolean
  /** The hash's secret, eight 32-bit words; random unless a test wants its own. */
  key?: number[]
}

export interface Kernel {
  maps: Record<MapName, BpfMap>
  program: BpfProgram
  companion: BpfProgram
  config: Config
  sizes: Sizes
  ticksPerSecond: number
  /** true: the maps were there before this process. */
  adopted: boolean
  bpffs: string | undefined
  /** The data plane's time, in ticks. */
  clock(): number
}

/** Ticks per second and the shift that makes them from jiffies. */
export function tickRate(coarseNs: number): { shift: number; perSecond: number } {
  const jiffyMs = coarseNs / 1e6
  const shift = Math.max(0, Math.floor(Math.log2(TICK_MS_MAX / jiffyMs)))
  return { shift, perSecond: 1000 / (jiffyMs * 2 ** shift) }
}

/**
 * Opens the data plane, adopting what is pinned.
 * @throws NO_ROOT, NO_BPFFS, KERNEL_TOO_OLD, ABI_MISMATCH, KERNEL_REFUSED.
 */
export function openKernel(options: KernelOptions): Kernel {
  if (options.bpffs !== undefined) makePinFolder(options.bpffs)
  const pinned = options.bpffs === undefined ? undefined : readPins(options.bpffs)
  const config = pinned ? pinnedConfig(pinned, options.bpffs ?? '') : freshConfig(options)
  const sizes = pinned ? pinnedSizes(pinned, config) : sizesFor(options.slots, config.cpus)
  const object = openObject(join(options.objects, 'xlvs.bpf.o'))
  prepare(object, config, sizes, pinned)
  load(object)
  const maps = mapsOf(object)
  const rate = tickRate(coarseClockNs())
  if (!pinned) initialSettings(maps.settings, rate.perSecond)
  WALK_PROGRAMS.forEach((name, i) => {
    maps.walks.update(key32(i), object.program(name))
  })
  const companion = openObject(join(options.objects, 'companion.bpf.o'))
  load(companion)
  const kernel: Kernel = {
    maps,
    program: object.program(XDP_PROGRAM),
    companion: companion.program('companion'),
    config,
    sizes,
    ticksPerSecond: rate.perSecond,
    adopted: pinned !== undefined,
    bpffs: options.bpffs,
    clock: clockOf(object.program('xlvs_clock')),
  }
  if (options.bpffs !== undefined) pinAll(options.bpffs, kernel, object, pinned !== undefined)
  return kernel
}

/** A function that asks the data plane for its time. */
export function clockOf(program: BpfProgram): () => number {
  return () => program.testRun({}).retval
}

export function key32(n: number): Uint8Array {
  return new Uint8Array(new Uint32Array([n]).buffer)
}

function makePinFolder(bpffs: string): void {
  try {
    mkdirSync(join(bpffs, 'links'), { recursive: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (process.getuid?.() !== 0)
      throw new XlvsError(
        'NO_ROOT',
        `xlvs daemon runs as user ${process.getuid?.()}, but loading XDP programs takes root`,
        'run it as root: sudo xlvs daemon',
        { cause },
      )
    throw new XlvsError(
      'NO_BPFFS',
      `the pin folder ${bpffs} cannot be made (${code}): it must lie in a mounted bpffs`,
      'mount -t bpf bpf /sys/fs/bpf, or name another folder with --bpffs',
      { cause },
    )
  }
}

function readPins(bpffs: string): Map<string, BpfMap> | undefined {
  if (!existsSync(join(bpffs, 'config'))) return undefined
  const names = readdirSync(bpffs).filter(name => name in MAPS || isSection(name))
  return new Map(names.map(name => [name, BpfMap.fromPin(join(bpffs, name))]))
}

function isSection(name: string): boolean {
  return name === 'config' || name === 'settings'
}

function pinnedConfig(pinned: Map<string, BpfMap>, bpffs: string): Config {
  const map = pinned.get('config')
  const bytes = map?.info.valueSize === CONFIG.size ? map.lookup(key32(0)) : undefined
  const config = bytes && readConfig(view(bytes), 0)
  const missing = [...Object.keys(MAPS), 'settings'].filter(name => !pinned.has(name))
  const wrong = Object.entries(MAPS).filter(
    ([n, m]) => pinned.get(n)?.info.valueSize !== m.valueSize,
  )
  if (config?.abi === LIMIT.ABI_VERSION && missing.length === 0 && wrong.length === 0) return config
  throw new XlvsError(
    'ABI_MISMATCH',
    `the maps pinned at ${bpffs} are of another version of xlvs ` +
      `(ABI ${config?.abi ?? 'unknown'}, this one has ${LIMIT.ABI_VERSION}): they are not touched`,
    `run the version that made them, or detach every interface and remove ${bpffs} (its connections are lost)`,
  )
}

function pinnedSizes(pinned: Map<string, BpfMap>, config: Config): Sizes {
  const rows = (name: string): number => pinned.get(name)?.info.maxEntries ?? 0
  return {
    slots: (config.bucket_mask + 1) * LIMIT.SLOTS_PER_BUCKET,
    services: rows('services'),
    dests: config.dests_max,
    nexthops: rows('nexthops'),
    routes: rows('routes'),
    cpus: config.cpus,
  }
}

function freshConfig(options: KernelOptions): Config {
  const sizes = sizesFor(options.slots, possibleCpus())
  const random = new Uint32Array(randomBytes(32).buffer.slice(0, 32))
  const key = options.key ?? [...random]
  key[5] = ((key[5] ?? 0) | 1) >>> 0
  return {
    abi: LIMIT.ABI_VERSION,
    bucket_mask: buckets(sizes) - 1,
    stash_buckets: stashBuckets(sizes),
    dests_max: sizes.dests,
    cpus: sizes.cpus,
    tick_shift: tickRate(coarseClockNs()).shift,
    manual_clock: options.manualClock === true ? 1 : 0,
    key,
  }
}

function openObject(path: string): BpfObject {
  if (!existsSync(path))
    throw new XlvsError(
      'KERNEL_REFUSED',
      `the BPF object ${path} is missing`,
      'build it with make build, or reinstall xlvs',
    )
  return BpfObject.open(path, basename(path, '.bpf.o'))
}

/** Rows of each map, by what the sizes say. */
function rowsOf(config: Config, sizes: Sizes): Record<string, number> {
  return {
    conns4: config.bucket_mask + 1 + config.stash_buckets,
    stash4: config.stash_buckets * LIMIT.SLOTS_PER_BUCKET,
    services4: sizes.services,
    services: sizes.services,
    schedules: scheduleRows(sizes),
    dests: sizes.dests,
    dest_conns: sizes.dests,
    dest_traffic: sizes.dests * sizes.cpus,
    reasons: REASON.REASONS_MAX * sizes.cpus,
    nexthops: sizes.nexthops,
    neighbours: sizes.nexthops,
    routes: sizes.routes,
  }
}

function prepare(
  object: BpfObject,
  config: Config,
  sizes: Sizes,
  pinned: Map<string, BpfMap> | undefined,
): void {
  const constants = new Uint8Array(CONFIG.size)
  writeConfig(view(constants), 0, config)
  object.setInitialValue(CONFIG_SECTION, constants)
  for (const [name, rows] of Object.entries(rowsOf(config, sizes))) object.setMaxEntries(name, rows)
  for (const [name, map] of pinned ?? []) {
    if (name === 'settings') object.reuseMap(SETTINGS_SECTION, map)
    else if (name !== 'config') object.reuseMap(name, map)
  }
}

function load(object: BpfObject): void {
  try {
    object.load()
  } catch (cause) {
    const { code = '', log = '' } = cause as { code?: string; log?: string }
    if (code === 'EPERM')
      throw new XlvsError(
        'NO_ROOT',
        'the kernel refuses to load the XDP program: this user lacks CAP_BPF or CAP_NET_ADMIN',
        'run the daemon as root',
        { cause },
      )
    const last = log.trim().split('\n').slice(-2).join(' ')
    throw new XlvsError(
      'KERNEL_TOO_OLD',
      `the kernel refuses the XDP program (${code}): ${last}`,
      'xlvs needs Linux 6.1 or later; uname -r tells which one runs',
      { cause },
    )
  }
}

function mapsOf(object: BpfObject): Record<MapName, BpfMap> {
  const entries = Object.keys(MAPS).map(name => [name, object.map(name)] as const)
  return {
    ...(Object.fromEntries(entries) as Record<keyof typeof MAPS, BpfMap>),
    config: object.map(CONFIG_SECTION),
    settings: object.map(SETTINGS_SECTION),
  }
}

function initialSettings(map: BpfMap, ticksPerSecond: number): void {
  const bytes = new Uint8Array(SETTINGS.size)
  const ticks = (seconds: number): number => Math.round(seconds * ticksPerSecond)
  writeSettings(view(bytes), 0, {
    heartbeat: 0,
    clock: 0,
    tcp_timeout: Array.from({ length: TCP_STATE.TCP_STATES }, (_, s) => ticks(TIMEOUTS_S[s] ?? 2)),
    udp_timeout: ticks(UDP_TIMEOUT_S),
    conn_reuse_mode: CONN_REUSE_MODE,
  })
  new Uint8Array(map.mmap()).set(bytes)
}

/** Pins maps first and `config` last: where config is, the others are. Programs are replaced. */
function pinAll(bpffs: string, kernel: Kernel, object: BpfObject, adopted: boolean): void {
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

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
