/**
 * Settings as words with a value each, in the order and spelling of lvs.yaml: what it prints, what
 * an apply says of a change, and what `xlvs show` tells. Defaults have no word.
 * Read next: ../config/print.ts.
 */
import {
  schedFlagName,
  type DestSettings,
  type ServiceSettings,
  type TunnelOptions,
} from './service.ts'
import type { SyncWish } from './sync.ts'

export type Word = readonly [word: string, value: string]

/** Of a service, besides its scheduler. */
export function serviceWords(settings: ServiceSettings): Word[] {
  const { name, scheduler, schedFlags, persistentS, netmask } = settings
  const flags = schedFlags?.map(flag => schedFlagName(scheduler, flag)).join(', ')
  return words([
    ['name', name],
    ['sched_flags', flags === undefined ? undefined : `[${flags}]`],
    ['persistent_s', persistentS],
    ['netmask', netmask],
    ['engine', settings.engine],
    ['one_packet', settings.onePacket],
    ['dest_gone', settings.destGone],
    ['slow_start', settings.slowStartS],
  ])
}

/** Of a dest, besides its forwarding method and its weight. */
export function destWords({ upper, lower, tunnel }: DestSettings): Word[] {
  const { type, port, checksum }: Partial<TunnelOptions> = tunnel ?? {}
  return words([
    ['upper', upper],
    ['lower', lower],
    ['tunnel', type],
    ['tunnel-port', port],
    ['tunnel-checksum', checksum],
  ])
}

/** Of a sync daemon, besides its role. */
export function syncWords(daemon: Partial<SyncWish>): Word[] {
  const { interface: name, syncId, maxLen, group, port, ttl } = daemon
  return words([
    ['interface', name],
    ['sync_id', syncId],
    ['max_len', maxLen],
    ['group', group],
    ['port', port],
    ['ttl', ttl],
  ])
}

function words(given: [string, string | number | true | undefined][]): Word[] {
  return given.flatMap(([word, value]) => (value === undefined ? [] : [[word, String(value)]]))
}
