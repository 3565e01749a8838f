/**
 * The words of lvs.yaml, each with what MANUAL.md says of it; a test holds the manual to this list.
 * Pure. Read next: check.ts.
 */
import { SETTING_NAMES, SETTINGS } from '../model/settings.ts'
import { SYNC_DEFAULTS } from '../model/sync.ts'

/** What a service is scheduled by when the file does not say; ipvsadm's default too. */
export const SCHEDULER_DEFAULT = 'wlc'
/** The share of a dest whose line has no weight. */
export const WEIGHT_DEFAULT = 1
/** Where XDP runs on an interface whose line does not say. */
export const MODE_DEFAULT = 'native'

export const TOP_KEYS = ['settings', 'interfaces', 'sync', 'marks', 'services'] as const
export const SYNC_KEYS = ['interface', 'sync_id', 'max_len', 'group', 'port', 'ttl'] as const
export const SERVICE_KEYS = [
  ...(['name', 'scheduler', 'sched_flags', 'persistent_s', 'netmask', 'engine'] as const),
  ...(['one_packet', 'dest_gone', 'slow_start', 'dests'] as const),
] as const
/** Words that may follow a dest's address, each with a value. */
export const DEST_WORDS = [
  ...(['weight', 'upper', 'lower'] as const),
  ...(['tunnel', 'tunnel-port', 'tunnel-checksum'] as const),
] as const
export type DestWord = (typeof DEST_WORDS)[number]
export const MODES = ['native', 'generic'] as const

/** Larger files are not read: 10 000 services of 10 dests take 5 MB. */
export const FILE_BYTES_MAX = 16 * 1024 * 1024
/** More errors than this are not listed. */
export const FAULTS_MAX = 100

/** Every key by its path, with its default as the manual prints it. */
export const CONFIG_KEYS: Record<string, string> = {
  ...Object.fromEntries(TOP_KEYS.map(key => [key, 'none'])),
  ...Object.fromEntries(
    SETTING_NAMES.map(name => [`settings.${name}`, String(SETTINGS[name].default)]),
  ),
  'interfaces[]': MODE_DEFAULT,
  'sync.ROLE': 'none',
  ...Object.fromEntries(SYNC_KEYS.map(key => [`sync.ROLE.${key}`, 'none'])),
  'sync.ROLE.sync_id': String(SYNC_DEFAULTS.syncId),
  'sync.ROLE.max_len': 'a packet',
  'sync.ROLE.group': SYNC_DEFAULTS.group,
  'sync.ROLE.port': String(SYNC_DEFAULTS.port),
  'sync.ROLE.ttl': String(SYNC_DEFAULTS.ttl),
  'marks[]': 'none',
  'services.SERVICE': 'none',
  ...Object.fromEntries(SERVICE_KEYS.map(key => [`services.SERVICE.${key}`, 'none'])),
  'services.SERVICE.scheduler': SCHEDULER_DEFAULT,
  'services.SERVICE.one_packet': 'false',
  'services.SERVICE.dest_gone': 'keep',
  'services.SERVICE.slow_start': '0',
  'dests[]': 'none',
  ...Object.fromEntries(DEST_WORDS.map(word => [`dests[].${word}`, 'none'])),
  'dests[].weight': String(WEIGHT_DEFAULT),
  'dests[].lower': '3/4 of upper',
  'dests[].tunnel': 'ipip',
}
