/**
 * Settings in the data plane: seconds become ticks, and words that are so already are not written.
 * A changed timeout is for deadlines set after it, as in IPVS. Read next: ../model/settings.ts.
 */
import { store32 } from '../../addon/index.ts'
import { SETTINGS as ROW, TCP_STATE } from '../abi/maps.gen.ts'
import { withDefaults, type SettingName, type Settings } from '../model/settings.ts'
import type { Kernel } from './kernel.ts'

/** Where each setting is, and whether it is a time. Source: ip_vs_ctl.c ip_vs_set_timeout. */
const PLACES: Record<SettingName, { at: number; isTime: boolean }> = {
  tcp_timeout_s: { at: ROW.tcp_timeout + 4 * TCP_STATE.TCP_ESTABLISHED, isTime: true },
  tcp_fin_timeout_s: { at: ROW.tcp_timeout + 4 * TCP_STATE.TCP_FIN_WAIT, isTime: true },
  udp_timeout_s: { at: ROW.udp_timeout, isTime: true },
  conn_reuse_mode: { at: ROW.conn_reuse_mode, isTime: false },
}

/** Puts settings in force, those that nobody set at their defaults; whether any word changed. */
export function writeSettings(kernel: Kernel, set: Settings): boolean {
  const buffer = kernel.maps.settings.mmap()
  const words = new Uint32Array(buffer)
  let written = false
  for (const [name, value] of Object.entries(withDefaults(set))) {
    const { at, isTime } = PLACES[name as SettingName]
    const word = isTime ? Math.round(value * kernel.ticksPerSecond) : value
    if (words[at / 4] === word) continue
    store32(buffer, at / 4, word)
    written = true
  }
  return written
}
