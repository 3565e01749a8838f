/**
 * What can be set about the whole director while it runs: names, defaults, bounds. Imports nothing.
 * Read next: configuration.ts.
 */

/**
 * Longest timeout: what the kernel takes at its finest clock, 2^31 jiffies at HZ 1000.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_set_timeout (v6.12).
 */
const TIMEOUT_S_MAX = 2147483

/** By name; the unit is the name's last part. A changed one is not retroactive, as in IPVS. */
export const SETTINGS = {
  tcp_timeout_s: { default: 900, min: 1, max: TIMEOUT_S_MAX },
  tcp_fin_timeout_s: { default: 120, min: 1, max: TIMEOUT_S_MAX },
  udp_timeout_s: { default: 300, min: 1, max: TIMEOUT_S_MAX },
  conn_reuse_mode: { default: 1, min: 0, max: 3 },
} as const satisfies Record<string, { default: number; min: number; max: number }>

export type SettingName = keyof typeof SETTINGS
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[]

/** The settings that somebody has set; the others have their defaults. */
export type Settings = Partial<Record<SettingName, number>>

/** Every setting with its value in force. */
export function withDefaults(set: Settings): Record<SettingName, number> {
  const defaults = SETTING_NAMES.map(name => [name, SETTINGS[name].default] as const)
  return { ...(Object.fromEntries(defaults) as Record<SettingName, number>), ...set }
}
