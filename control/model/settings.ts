/**
 * What can be set about the whole director while it runs: IPVS' own settings by their sysctl names
 * (net.ipv4.vs.NAME), and the timeouts of ipvsadm --set. Names, defaults, bounds, and what does not
 * have an effect yet. Imports nothing. Read next: configuration.ts, ../config/setting.ts (text).
 * Source: net/netfilter/ipvs/ip_vs_ctl.c vs_vars (v6.12), and what Linux 6.1 was seen to accept
 * (test/unit/ipvs/sysctl_writes.jsonl).
 */

/** A whole number; or text, where one number does not hold it. */
export type SettingValue = number | string

/** int: whole numbers. power: powers of two among them. */
export interface NumberRule {
  kind: 'int' | 'power'
  default: number
  min: number
  max: number
}

/**
 * ulong: 0 to 2^64 - 1, or auto. pair: two numbers, `3 50`. cpus: a list of CPUs, `0-3,6`, which
 * may be empty, or auto. auto is what the host would have.
 */
interface TextRule {
  kind: 'ulong' | 'pair' | 'cpus'
  default: string
}

export type SettingRule = (NumberRule | TextRule) & {
  /** Why it has no effect, in a few words; missing: it has. */
  notActive?: string
}

/** The value of settings that are left to the host. */
export const AUTO = 'auto'

/** A C int. */
export const INT_MAX = 0x7fff_ffff
const INT = { kind: 'int', min: -INT_MAX - 1, max: INT_MAX } as const
/** The kernel keeps them as an int of jiffies, of which Debian's has 250 a second. */
const SECONDS_MAX = Math.trunc(INT_MAX / 250)
const SECONDS = { kind: 'int', min: -SECONDS_MAX, max: SECONDS_MAX } as const
/** 0 off, 1 and 2 by the memory that is left, 3 on. */
const DEFENCE = { kind: 'int', min: 0, max: 3 } as const
/** The kernel takes no timeout below or above these. Source: ip_vs_set_timeout() (v6.12). */
const TIMEOUT = { kind: 'int', min: 1, max: SECONDS_MAX } as const

const NO_SYNC = 'connections are not synchronised yet'

/** By name. A changed timeout is not retroactive, as in IPVS. */
export const SETTINGS = {
  tcp_timeout_s: { ...TIMEOUT, default: 900 },
  tcp_fin_timeout_s: { ...TIMEOUT, default: 120 },
  udp_timeout_s: { ...TIMEOUT, default: 300 },
  am_droprate: { ...INT, default: 10 },
  amemthresh: { ...INT, default: 1024 },
  backup_only: { ...INT, default: 0, notActive: NO_SYNC },
  cache_bypass: { ...INT, default: 0 },
  conn_reuse_mode: { ...INT, default: 1 },
  conntrack: { ...INT, default: 0, notActive: 'xlvs makes no entries for connection tracking' },
  debug_level: { ...INT, default: 0, notActive: 'xlvs daemon has --log-level instead' },
  drop_entry: { ...DEFENCE, default: 0 },
  drop_packet: { ...DEFENCE, default: 0 },
  est_cpulist: { kind: 'cpus', default: AUTO },
  est_nice: { ...INT, min: -20, max: 19, default: 0, notActive: 'xlvsd itself estimates rates' },
  expire_nodest_conn: { ...INT, default: 0 },
  expire_quiescent_template: { ...INT, default: 0 },
  ignore_tunneled: { ...INT, default: 0, notActive: 'xlvs sees no packet twice' },
  lblc_expiration: { ...SECONDS, default: 86400 },
  lblcr_expiration: { ...SECONDS, default: 86400 },
  nat_icmp_send: { ...INT, default: 0 },
  pmtu_disc: { ...INT, default: 1 },
  run_estimation: { ...INT, default: 1 },
  schedule_icmp: { ...INT, default: 0 },
  secure_tcp: { ...DEFENCE, default: 0 },
  sloppy_sctp: { ...INT, default: 0, notActive: 'SCTP is not balanced yet' },
  sloppy_tcp: { ...INT, default: 0 },
  snat_reroute: { ...INT, default: 1, notActive: 'policy routing is not followed yet' },
  sync_persist_mode: { ...INT, default: 0, notActive: NO_SYNC },
  sync_ports: { kind: 'power', default: 1, min: 1, max: 2 ** 30, notActive: NO_SYNC },
  sync_qlen_max: { kind: 'ulong', default: AUTO, notActive: NO_SYNC },
  sync_refresh_period: { ...SECONDS, default: 0, notActive: NO_SYNC },
  sync_retries: { kind: 'int', default: 0, min: 0, max: 3, notActive: NO_SYNC },
  sync_sock_size: { ...INT, default: 0, notActive: NO_SYNC },
  sync_threshold: { kind: 'pair', default: '3 50', notActive: NO_SYNC },
  sync_version: { kind: 'int', default: 1, min: 0, max: 1, notActive: NO_SYNC },
} as const satisfies Record<string, SettingRule>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** The rule of a setting, of whichever kind. */
export function ruleOf(name: SettingName): SettingRule {
  return SETTINGS[name]
}

/** The settings that somebody has set; the others have their defaults. */
export type Settings = Partial<Record<SettingName, SettingValue>>

/** Settings as they are to be; null: the default again, and nobody's. */
export type SettingChanges = Partial<Record<SettingName, SettingValue | null>>

/** Every setting with its value in force. */
export function withDefaults(set: Settings): Record<SettingName, SettingValue> {
  const defaults = SETTING_NAMES.map(name => [name, SETTINGS[name].default] as const)
  return { ...(Object.fromEntries(defaults) as Record<SettingName, SettingValue>), ...set }
}
