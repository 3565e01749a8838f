/**
 * What `xlvs daemon` hands to the daemon: where its files are and how large its tables.
 * Imports nothing. Read next: main.ts.
 */

/** Where the daemon listens unless told otherwise. */
export const SOCKET_DEFAULT = '/run/xlvs/xlvs.sock'
/** Where the maps and links are pinned; a bpffs must be mounted above it. */
export const BPFFS_DEFAULT = '/sys/fs/bpf/xlvs'
/** Where the journal and its snapshot are. */
export const STATE_DEFAULT = '/var/lib/xlvs'
/** IPv4 connection slots: 1 Mi slots of 32 bytes, half of them for use. */
export const CONNECTIONS_DEFAULT = 1 << 20
/** IPv6 connection slots: 256 Ki slots of 64 bytes. */
export const CONNECTIONS6_DEFAULT = 1 << 18

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface DaemonOptions {
  socket: string
  /** Folder of the pins, inside a bpffs. */
  bpffs: string
  /** Folder of the journal. */
  state: string
  /** Slots of the IPv4 connection table. */
  connections: number
  /** Slots of the IPv6 connection table. */
  connections6: number
  /** Those of the two that were not left to the default. */
  asked?: readonly ('connections' | 'connections6')[]
  logLevel: LogLevel
  /** Interfaces to attach at start, native mode. */
  interfaces?: string[]
}

/** Changes in one batch: some 10 ms of work, so that others wait no longer. */
export const BATCH_MAX = 1000

/** Where a daemon with that socket listens for programs that speak to the kernel's IPVS. */
export function ipvsSocketOf(socket: string): string {
  return `${socket.replace(/\.sock$/, '')}-ipvs.sock`
}
