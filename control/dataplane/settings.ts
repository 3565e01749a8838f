/**
 * Settings in the data plane: seconds become ticks, and words that are so already are not written.
 * A changed timeout is for deadlines set after it, as in IPVS. Read next: ../model/settings.ts.
 */
import { store32 } from '../../addon/index.ts'
import {
  DEST_FLAGS,
  FWD,
  REPLIES,
  SETTINGS as ROW,
  TCP_STATE,
  TCP_TABLE,
  type Dest,
} from '../abi/maps.gen.ts'
import { withDefaults, type SettingName, type Settings } from '../model/settings.ts'
import type { Defence } from '../plan/defence.ts'
import type { ErrorLimits } from '../plan/network.ts'
import type { Kernel } from './kernel.ts'
import { UNPRIVILEGED_PORT } from './sysctl.ts'

/**
 * Where each setting is that packets read, whether it is a time, and one of connections. Source:
 * ip_vs_ctl.c ip_vs_set_timeout.
 */
const PLACES: Partial<Record<SettingName, { at: number; is?: 'timeout' | 'time' }>> = {
  tcp_timeout_s: { at: ROW.tcp_timeout + 4 * TCP_STATE.TCP_ESTABLISHED, is: 'timeout' },
  tcp_fin_timeout_s: { at: ROW.tcp_timeout + 4 * TCP_STATE.TCP_FIN_WAIT, is: 'timeout' },
  udp_timeout_s: { at: ROW.udp_timeout, is: 'timeout' },
  conn_reuse_mode: { at: ROW.conn_reuse_mode },
  pmtu_disc: { at: ROW.pmtu_disc },
  schedule_icmp: { at: ROW.schedule_icmp },
  sloppy_tcp: { at: ROW.sloppy_tcp },
  expire_nodest_conn: { at: ROW.expire_nodest_conn },
  nat_icmp_send: { at: ROW.nat_icmp_send },
  cache_bypass: { at: ROW.cache_bypass },
  expire_quiescent_template: { at: ROW.expire_quiescent_template },
  lblcr_expiration: { at: ROW.lblcr_expiration, is: 'time' },
}

/** Deadlines are compared by the sign of a 32-bit difference: 24 days at the finest clock. */
const TICKS_MAX = 0x7fff_ffff

/**
 * Puts settings in force for packets, those that nobody set at their defaults.
 * @returns whether a timeout is shorter than it was
 */
export function writeSettings(kernel: Kernel, set: Settings): boolean {
  const buffer = mapped(kernel)
  const words = new Uint32Array(buffer)
  const values = withDefaults(set)
  let isShorter = false
  for (const [name, { at, is }] of Object.entries(PLACES)) {
    const value = Number(values[name as SettingName])
    const ticks = Math.min(Math.round(value * kernel.ticksPerSecond), TICKS_MAX)
    const word = (is ? ticks : value) >>> 0
    const was = words[at / 4] ?? 0
    if (was === word) continue
    store32(buffer, at / 4, word)
    isShorter ||= is === 'timeout' && word < was
  }
  return isShorter
}

const NO_LIMITS: ErrorLimits = { intervalMs: [0, 0], types: [0, 0], perSecond: 0, burst: 0 }

/** Puts the host's limits on ICMP errors in force for ours. */
export function writeLimits(kernel: Kernel, limits = NO_LIMITS): void {
  const buffer = mapped(kernel)
  const { intervalMs, types, perSecond, burst } = limits
  const jiffies = intervalMs.map(ms => Math.ceil((ms * kernel.config.hz) / 1000))
  const words = [...jiffies, ...types, perSecond, burst]
  words.forEach((word, i) => {
    store32(buffer, ROW.icmp_interval / 4 + i, Math.max(0, word) >>> 0)
  })
}

/** Puts the host's first unprivileged port in force: FTP services take packets from there on. */
export function writeUnprivilegedPort(kernel: Kernel, port = UNPRIVILEGED_PORT): void {
  store32(mapped(kernel), ROW.unprivileged_port / 4, port >>> 0)
}

/** Has packets without a connection looked at as replies by dr or tun, from now on. */
export function heedAllReplies(kernel: Kernel): void {
  const settings = mapped(kernel)
  const others = new Uint32Array(settings)[ROW.direct_replies / 4] ?? 0
  store32(settings, ROW.direct_replies / 4, others | REPLIES.REPLIES_DIRECT)
}

/**
 * The same when the host lets such replies of a dest through: they come from the virtual address,
 * which IPv4 takes from outside only while it is not its own. A dest that is the host answers it.
 */
export function heedReplies(kernel: Kernel, { fwd, flags }: Dest): void {
  if ((flags & DEST_FLAGS.DEST_LOCAL) !== 0) heedAnswers(kernel, true)
  const isOwn = (flags & DEST_FLAGS.DEST_VIP_LOCAL) !== 0
  const isIpv6 = (flags & DEST_FLAGS.DEST_IPV6) !== 0
  if (fwd !== FWD.FWD_NAT && (isIpv6 || !isOwn)) heedAllReplies(kernel)
}

const mappings = new WeakMap<Kernel, ArrayBuffer>()

/** Mapped once: each dest may ask for it. */
function mapped(kernel: Kernel): ArrayBuffer {
  const found = mappings.get(kernel) ?? kernel.maps.settings.mmap()
  mappings.set(kernel, found)
  return found
}

/** Whether what the host sends is looked at as answers of a dest. */
export function heedAnswers(kernel: Kernel, isHere: boolean): void {
  store32(mapped(kernel), ROW.answers_here / 4, isHere ? 1 : 0)
}

/** Whether what the host sends to itself is looked at as asked of a service. */
export function heedAsks(kernel: Kernel, hasServices: boolean): void {
  store32(mapped(kernel), ROW.asks_here / 4, hasServices ? 1 : 0)
}

/** Puts defences in force for packets. */
export function writeDefence(kernel: Kernel, { isSecure, dropRate, restarts }: Defence): void {
  const buffer = mapped(kernel)
  store32(buffer, ROW.tcp_table / 4, isSecure ? TCP_TABLE.TCP_SECURE : TCP_TABLE.TCP_NORMAL)
  store32(buffer, ROW.drop_rate / 4, dropRate >>> 0)
  if (restarts) store32(buffer, ROW.drop_counter / 4, dropRate >>> 0)
}

/** Whether rates are estimated: run_estimation is on, and there is a CPU to do it on. */
export function isEstimating(set: Settings): boolean {
  const { run_estimation, est_cpulist } = withDefaults(set)
  return run_estimation !== 0 && est_cpulist !== ''
}
