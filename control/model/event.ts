/**
 * What a watcher is told: each change of what is wanted, and of what the director finds around it.
 * Services, dests and interfaces are named as on the command line. Pure; imports nothing.
 * Read next: ../daemon/events.ts (who tells it).
 */
import type { AttachMode, DestSettings, DestView, ServiceSettings } from './service.ts'
import type { SettingName, SettingValue } from './settings.ts'

export type EventBody =
  | { kind: 'service-added' | 'service-changed'; service: string; settings: ServiceSettings }
  | { kind: 'service-removed'; service: string }
  | {
      kind: 'dest-added' | 'dest-changed'
      service: string
      dest: string
      settings: DestSettings
    }
  | { kind: 'dest-removed'; service: string; dest: string }
  /** The value now in force, which may be the default. */
  | { kind: 'setting-changed'; setting: SettingName; value: SettingValue }
  /** There are so many mark rules now. */
  | { kind: 'marks-changed'; rules: number }
  /** More changes at once than are told one by one: read everything anew. */
  | { kind: 'many-changes'; changes: number }
  /** Without a service: of all. */
  | { kind: 'counters-zeroed'; service?: string }
  /** The virtual address came to this host, or left it. */
  | { kind: 'vip-local' | 'vip-not-local'; service: string }
  | { kind: 'next-hop'; service: string; dest: string; nextHop: DestView['nextHop'] }
  | { kind: 'interface-attached'; interface: string; mode: AttachMode }
  | { kind: 'interface-detached'; interface: string }
  /** It went or lost the program; it is there again with it. */
  | { kind: 'interface-gone' | 'interface-back'; interface: string }
  /** It has no link, or is down: nothing comes in; it has one again. */
  | { kind: 'interface-down' | 'interface-up'; interface: string }
  /** The table is full: so many new connections were dropped in the last second. */
  | { kind: 'overload'; packets: number }
  /** It drops none any more; so many since it began. */
  | { kind: 'overload-over'; packets: number }
  /** Events before this one are lost to the watcher: read everything anew. */
  | { kind: 'events-missed' }

/** An event as it is told. */
export type LvsEvent = {
  /** Where to go on: a later watch with `after` this id is told what came since. */
  id: string
  /** When, as ISO 8601 in UTC. */
  at: string
} & EventBody

/** Whether a word can be the `id` of an event: which daemon's, and its number. */
export function isEventId(word: string): boolean {
  return /^[0-9a-z]{1,16}-[0-9]{1,15}$/.test(word)
}
