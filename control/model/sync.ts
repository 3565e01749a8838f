/**
 * Daemons that synchronise connections between directors: what each is told, as IPVS' are.
 * Imports only the model. Read next: ../plan/intent.ts.
 */
import { familyOf } from './address.ts'
import type { Origin } from './origin.ts'

export const SYNC_ROLES = ['master', 'backup'] as const
export type SyncRole = (typeof SYNC_ROLES)[number]

export interface SyncSettings {
  interface: string
  /** 0 to SYNC_ID_MAX; a backup with 0 takes messages of every id. */
  syncId: number
  /** Longest message, bytes of UDP payload. */
  maxLen: number
  /** Multicast address of either family. */
  group: string
  port: number
  /** TTL, in IPv6 hop limit, 1 to SYNC_TTL_MAX. */
  ttl: number
}

export type SyncDaemon = SyncSettings & { origin?: Origin }

/** What a daemon is started with: what is left out has its default. */
export type SyncWish = Pick<SyncSettings, 'interface'> & Partial<SyncSettings>
/** Those that a configuration wants. */
export type SyncWishes = Partial<Record<SyncRole, SyncWish>>

/** At most one a role. */
export type SyncDaemons = Partial<Record<SyncRole, SyncDaemon>>

export type SyncDaemonView = SyncSettings & {
  role: SyncRole
  origin: Origin
  /** What of it does not work yet, in words. */
  notActive: string[]
}

export const SYNC_ID_MAX = 255
export const SYNC_TTL_MAX = 255
/** UDP payload of the largest IPv4 packet. */
export const SYNC_MAXLEN_MAX = 65507

export const SYNC_DEFAULTS = { syncId: 0, group: '224.0.0.81', port: 8848, ttl: 1 } as const

/** Headers before the payload: IP and UDP. */
const HEADERS = { 4: 28, 6: 48 } as const
const ETHERNET_MTU = 1500
const PACKET_MAX = 65535
/** A backup must be able to read what any master sends. */
const BACKUP_MAXLEN_MIN = 1024

/**
 * A daemon with all its values, as IPVS makes them of a wish.
 * @param mtu of the interface, bytes
 * Source: net/netfilter/ipvs/ip_vs_sync.c start_sync_thread() (v6.12).
 */
export function syncDaemon(role: SyncRole, wish: SyncWish, mtu: number): SyncSettings {
  const { syncId, group, port, ttl } = { ...SYNC_DEFAULTS, ...wish }
  const headers = HEADERS[familyOf(group)]
  const usual = role === 'master' ? ETHERNET_MTU : clamp(mtu, ETHERNET_MTU, PACKET_MAX)
  const least = role === 'master' ? 1 : BACKUP_MAXLEN_MIN
  const maxLen = clamp(wish.maxLen ?? usual - headers, least, PACKET_MAX - headers)
  return { interface: wish.interface, syncId, maxLen, group, port, ttl }
}

/** Whether a daemon is what a wish asks for; how long its messages are may be left to it. */
export function isAsWished(daemon: SyncSettings, wish: SyncWish): boolean {
  const wanted = { maxLen: daemon.maxLen, ...SYNC_DEFAULTS, ...wish }
  return Object.entries(syncSettingsOf(daemon)).every(
    ([field, value]) => wanted[field as keyof SyncSettings] === value,
  )
}

/** What of a daemon, or of a view of one, can be asked for. */
export function syncSettingsOf(daemon: SyncSettings): SyncSettings {
  const { interface: name, syncId, maxLen, group, port, ttl } = daemon
  return { interface: name, syncId, maxLen, group, port, ttl }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}
