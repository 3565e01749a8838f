/**
 * The data plane in the kernel: maps and programs made, or adopted from where they are pinned. The
 * pinned maps are the state; this process may die at any instant. Assumes root and a bpffs.
 * Read next: tables.ts (typed access), ../../bpf/maps.h (what each map holds).
 */
import { getRandomValues } from 'node:crypto'
import type { BpfMap, BpfObject, BpfProgram } from '../../addon/index.ts'
import { coarseClockNs, possibleCpus, store32 } from '../../addon/index.ts'
import {
  CONFIG,
  FAMILY,
  LIMIT,
  MAPS,
  SETTINGS,
  TCP_STATE,
  TCP_TABLE,
  writeConfig,
  writeSettings,
  type Config,
} from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import { key32, view } from './bytes.ts'
import { loadObject, openObject } from './objects.ts'
import {
  clockOf,
  makePinFolder,
  pinAll,
  pinnedConfig,
  pinnedSizes,
  readPins,
  refuseSecondOwner,
} from './pins.ts'
import { FAMILIES, type Both, type FamilyNumber } from './slots.ts'
import { UNPRIVILEGED_PORT } from './sysctl.ts'
import { tickRate } from './ticks.ts'
import { CACHE_MAX } from './caches.ts'
import { CALLS_MAX } from './calls.ts'
import { buckets, scheduleRows, sizesFor, stashBuckets, type Sizes } from './sizes.ts'

/** Where libbpf keeps what the pins call config and settings. */
const CONFIG_SECTION = '.rodata.config'
const SETTINGS_SECTION = '.data.settings'
const XDP_PROGRAM = 'xlvs'
/** The tail-called programs, in enum walk's order. */
export const WALK_PROGRAMS = [
  ...['new', 'reply', 'checksum', 'error', 'icmp', 'full'].flatMap(walk => [
    `xlvs_${walk}4`,
    `xlvs_${walk}6`,
  ]),
  'xlvs_ipv6',
  'xlvs_tagged',
  'xlvs_short4',
  'xlvs_short6',
  'xlvs_strict',
  'xlvs_options',
  'xlvs_renew4',
  'xlvs_renew6',
  ...['ipsec', 'icmp_new'].flatMap(walk => [`xlvs_${walk}4`, `xlvs_${walk}6`]),
  'xlvs_icmp_tun',
  'xlvs_stray4',
  'xlvs_stray6',
  ...['once', 'here', 'persist', 'follow', 'reset', 'bypass', 'call', 'tell', 'told'].flatMap(
    walk => [`xlvs_${walk}4`, `xlvs_${walk}6`],
  ),
]

/** Those of the companions, in enum here_walk's. */
export const HERE_PROGRAMS = ['egress', 'loopback', 'ask', 'begin', 'persist', 'once'].flatMap(
  walk => [`${walk}4`, `${walk}6`],
)

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
  [TCP_STATE.TCP_TIME_WAIT_UNOPENED]: 120,
  [TCP_STATE.TCP_CLOSE_UNOPENED]: 10,
}
const UDP_TIMEOUT_S = 300
const LBLCR_EXPIRATION_S = 86400
/** net.ipv4.vs.conn_reuse_mode's default. */
const CONN_REUSE_MODE = 1
/** net.ipv4.vs.pmtu_disc's default. */
const PMTU_DISC = 1
const KEY_WORDS = 16
/** The hash's multiplier; an even one would lose bits. */
const KEY_ODD = [4, 5]

export type MapName = keyof typeof MAPS | 'config' | 'settings'

export interface KernelOptions {
  /** Folder of the pins inside a bpffs; undefined: nothing is pinned (tests, benches). */
  bpffs?: string
  /** Folder of xlvs.bpf.o and companion.bpf.o. */
  objects: string
  /** Slots of each connection table when the maps are made. */
  slots: Both<number>
  /** Tests move the clock themselves. */
  manualClock?: boolean
  /** The hash's secret, sixteen 32-bit words; random unless a test wants its own. */
  key?: number[]
}

/** The tc programs: beside the XDP program at ingress and egress, and one on loopback. */
export interface Companions {
  ingress: BpfProgram
  egress: BpfProgram
  loopback: BpfProgram
}

export interface Kernel {
  maps: Record<MapName, BpfMap>
  program: BpfProgram
  companions: Companions
  config: Config
  sizes: Sizes
  ticksPerSecond: number
  /** true: the maps were there before this process. */
  adopted: boolean
  bpffs: string | undefined
  /** The data plane's time, in ticks. */
  clock(): number
}

/**
 * Opens the data plane, adopting what is pinned.
 * @throws NO_ROOT, NO_BPFFS, ABI_MISMATCH, PINS_IN_USE, KERNEL_REFUSED.
 */
export function openKernel(options: KernelOptions): Kernel {
  if (options.bpffs !== undefined) makePinFolder(options.bpffs)
  const pinned = options.bpffs === undefined ? undefined : readPins(options.bpffs)
  const rate = tickRate(coarseClockNs())
  const config = pinned ? pinnedConfig(pinned, options.bpffs ?? '') : freshConfig(options)
  if (pinned) refuseSecondOwner(pinned, options.bpffs ?? '', rate.perSecond)
  const sizes = pinned ? pinnedSizes(pinned, config) : sizesFor(options.slots, config.cpus)
  const object = openObject(options.objects, 'xlvs.bpf.o')
  prepare(object, config, sizes, pinned)
  loadObject(object)
  const maps = mapsOf(object)
  if (!pinned) initialSettings(maps.settings, rate.perSecond)
  store32(maps.settings.mmap(), SETTINGS.owner / 4, process.pid)
  WALK_PROGRAMS.forEach((name, i) => {
    maps.walks.update(key32(i), object.program(name))
  })
  const kernel: Kernel = {
    maps,
    program: object.program(XDP_PROGRAM),
    companions: loadCompanions(options.objects, config, maps),
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

/** They are an object of their own, with the maps that the XDP program has. */
function loadCompanions(objects: string, config: Config, maps: Kernel['maps']): Companions {
  const object = openObject(objects, 'companion.bpf.o')
  object.setInitialValue(CONFIG_SECTION, bytesOf(config))
  object.reuseMap(SETTINGS_SECTION, maps.settings)
  for (const [name, { libbpf }] of Object.entries(MAPS))
    object.reuseMap(libbpf, maps[name as MapName])
  loadObject(object)
  HERE_PROGRAMS.forEach((name, i) => {
    maps.here_walks.update(key32(i), object.program(name))
  })
  return {
    ingress: object.program('companion'),
    egress: object.program('egress'),
    loopback: object.program('loopback'),
  }
}

/** Linux 6.1 is the oldest that the program was seen to load on. */
const KERNEL_FLOOR = [6, 1] as const

/** @throws KERNEL_TOO_OLD */
export function refuseOldKernel(release: string): void {
  const [major = 0, minor = 0] = release.split('.').map(part => parseInt(part, 10))
  if (major > KERNEL_FLOOR[0] || (major === KERNEL_FLOOR[0] && minor >= KERNEL_FLOOR[1])) return
  throw new XlvsError(
    'KERNEL_TOO_OLD',
    `Linux ${release} runs here: xlvs needs ${KERNEL_FLOOR.join('.')} or later`,
    'boot a newer kernel; Debian 12 has one',
  )
}

function freshConfig(options: KernelOptions): Config {
  const sizes = sizesFor(options.slots, possibleCpus())
  const rate = tickRate(coarseClockNs())
  const random = new Uint32Array(KEY_WORDS)
  getRandomValues(random)
  const secret = options.key ?? [...random]
  return {
    abi: LIMIT.ABI_VERSION,
    bucket_mask: FAMILIES.map(family => buckets(sizes, family) - 1),
    stash_buckets: FAMILIES.map(family => stashBuckets(sizes, family)),
    cpus: sizes.cpus,
    second: Math.round(rate.perSecond),
    tick_shift: rate.shift,
    hz: Math.round(rate.perSecond * 2 ** rate.shift),
    manual_clock: options.manualClock === true ? 1 : 0,
    key: Array.from({ length: KEY_WORDS }, (_, i) =>
      KEY_ODD.includes(i) ? ((secret[i] ?? 0) | 1) >>> 0 : (secret[i] ?? 0),
    ),
  }
}

/** Rows of each map, by what the sizes say. */
function rowsOf(config: Config, sizes: Sizes): Record<string, number> {
  const bucketsOf = (family: FamilyNumber): number =>
    (config.bucket_mask[family] ?? 0) + 1 + (config.stash_buckets[family] ?? 0)
  const stashed = config.stash_buckets.reduce((sum, count) => sum + count, 0)
  return {
    conns4: bucketsOf(FAMILY.FAMILY_IPV4),
    conns6: bucketsOf(FAMILY.FAMILY_IPV6),
    cold4: bucketsOf(FAMILY.FAMILY_IPV4) * LIMIT.SLOTS_PER_BUCKET,
    cold6: bucketsOf(FAMILY.FAMILY_IPV6) * LIMIT.SLOTS_PER_BUCKET,
    stash: stashed * LIMIT.SLOTS_PER_BUCKET,
    service_ids: sizes.services,
    services: sizes.services,
    schedules: scheduleRows(sizes),
    nat_dests: sizes.dests,
    telling: sizes.dests,
    tunnels: sizes.dests,
    dest_conns: sizes.dests,
    ...CACHE_MAX,
    calls: CALLS_MAX,
    call_ids: CALLS_MAX,
    dest_traffic: sizes.dests * sizes.cpus,
    neighbours: sizes.nexthops,
    routes: sizes.routes,
  }
}

function bytesOf(config: Config): Uint8Array {
  const bytes = new Uint8Array(CONFIG.size)
  writeConfig(view(bytes), 0, config)
  return bytes
}

function prepare(
  object: BpfObject,
  config: Config,
  sizes: Sizes,
  pinned: Map<string, BpfMap> | undefined,
): void {
  object.setInitialValue(CONFIG_SECTION, bytesOf(config))
  for (const [name, rows] of Object.entries(rowsOf(config, sizes))) object.setMaxEntries(name, rows)
  for (const [name, map] of pinned ?? []) {
    if (name === 'settings') object.reuseMap(SETTINGS_SECTION, map)
    else if (name !== 'config') object.reuseMap(MAPS[name as keyof typeof MAPS].libbpf, map)
  }
}

function mapsOf(object: BpfObject): Record<MapName, BpfMap> {
  const entries = Object.entries(MAPS).map(([name, m]) => [name, object.map(m.libbpf)] as const)
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
    pmtu_disc: PMTU_DISC,
    sloppy_tcp: 0,
    expire_nodest_conn: 0,
    nat_icmp_send: 0,
    cache_bypass: 0,
    tcp_table: TCP_TABLE.TCP_NORMAL,
    drop_rate: 0,
    drop_counter: 0,
    direct_replies: 0,
    schedule_icmp: 0,
    icmp_interval: [0, 0],
    icmp_types: [0, 0],
    icmp_per_second: 0,
    icmp_burst: 0,
    answers_here: 0,
    asks_here: 0,
    expire_quiescent_template: 0,
    fallbacks: 0,
    unprivileged_port: UNPRIVILEGED_PORT,
    lblcr_expiration: ticks(LBLCR_EXPIRATION_S),
    owner: 0,
    day_ms: 0,
  })
  new Uint8Array(map.mmap()).set(bytes)
}
