/**
 * Defences against overload: what the three modes come to with the memory that is left. Pure.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c update_defense_level (v6.1).
 */
import { withDefaults, type SettingName, type Settings } from '../model/settings.ts'

/** Settings whose modes 1 and 2 are one: off and on by the memory that is left. */
export const DEFENCES = ['drop_entry', 'drop_packet', 'secure_tcp'] as const
type DefenceName = (typeof DEFENCES)[number]

export interface Defence {
  /** The mode each is in just now. */
  modes: Record<DefenceName, number>
  dropsEntries: boolean
  isSecure: boolean
  /** Of so many new connections one is dropped; 0: none, below 0: all. */
  dropRate: number
  /** Whether counting to the rate begins anew. */
  restarts: boolean
}

/** @param available free pages and pages of buffers */
export function defence(set: Settings, available: number): Defence {
  const values = withDefaults(set)
  const number = (name: SettingName): number => Number(values[name])
  const isLow = available < number('amemthresh')
  const mode = (name: DefenceName): number => {
    const wanted = number(name)
    return wanted === 1 || wanted === 2 ? (isLow ? 2 : 1) : wanted
  }
  const modes = Object.fromEntries(DEFENCES.map(name => [name, mode(name)])) as Defence['modes']
  const byMemory = Math.trunc(number('amemthresh') / (number('amemthresh') - available))
  const rates = [0, 0, byMemory, number('am_droprate')]
  return {
    modes,
    dropsEntries: modes.drop_entry > 1,
    isSecure: modes.secure_tcp > 1,
    dropRate: rates[modes.drop_packet] ?? 0,
    restarts: modes.drop_packet === 2,
  }
}
