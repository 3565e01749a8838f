/**
 * What a configuration file says, whatever its spelling: settings, interfaces, sync daemons, rules
 * for marks, and services with their dests. Pure.
 * Read next: ../config/check.ts (from text), ../config/print.ts (to text).
 */
import type { MarkRule } from './mark.ts'
import type { AttachMode, Dest, Service } from './service.ts'
import type { Settings } from './settings.ts'
import type { SyncWishes } from './sync.ts'

export type ConfiguredService = Service & {
  /** In the order they are to be added, so the newest last. */
  dests: Dest[]
}

export interface Configuration {
  settings: Settings
  interfaces: { name: string; mode: AttachMode }[]
  sync?: SyncWishes
  /** In their order: the last that matches a packet gives its mark. */
  marks?: readonly MarkRule[]
  services: ConfiguredService[]
}

/** A file without anything in it. */
export function emptyConfiguration(): Configuration {
  return { settings: {}, interfaces: [], services: [] }
}
