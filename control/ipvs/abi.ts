/**
 * What the kernel's IPVS is asked and answers with: every field once, with its attribute of generic
 * netlink and its place in the structures of the socket options. Pure. Read next: codec.ts.
 * Source: include/uapi/linux/ip_vs.h, net/netfilter/ipvs/ip_vs_ctl.c (v6.12).
 */
import type { Table } from './codec.ts'

export const AF_INET = 2
export const AF_INET6 = 10

/** Bits that can be set, and which of them are: what is in the mask only is taken. */
export interface Flags {
  flags: number
  mask: number
}

export interface StatsWords {
  conns: number
  inPackets: number
  outPackets: number
  inBytes: number
  outBytes: number
  connsRate: number
  inPacketsRate: number
  outPacketsRate: number
  inBytesRate: number
  outBytesRate: number
}

export interface ServiceWords {
  family: number
  protocol: number
  address: Uint8Array
  port: number
  mark: number
  scheduler: string
  engine: string
  flags: Flags
  timeout: number
  /** IPv4: the mask in network order; IPv6: the length of the prefix in this machine's. */
  netmask: Uint8Array
  dests: number
  stats: StatsWords
  stats64: StatsWords
}

export interface DestWords {
  address: Uint8Array
  port: number
  fwd: number
  weight: number
  tunnelType: number
  tunnelPort: number
  tunnelFlags: number
  upper: number
  lower: number
  active: number
  inactive: number
  persistent: number
  family: number
  stats: StatsWords
  stats64: StatsWords
}

export interface DaemonWords {
  state: number
  interface: string
  syncId: number
  maxLen: number
  group: Uint8Array
  group6: Uint8Array
  port: number
  ttl: number
}

export interface TimeoutWords {
  tcp: number
  tcpFin: number
  udp: number
}

export interface InfoWords {
  version: number
  size: number
  services: number
}

/** 64-bit counters are cut to 32 bits but for bytes. */
const STATS: Table<StatsWords> = [
  { name: 'conns', attr: 1, kind: 'u32', at: 0 },
  { name: 'inPackets', attr: 2, kind: 'u32', at: 4 },
  { name: 'outPackets', attr: 3, kind: 'u32', at: 8 },
  { name: 'inBytes', attr: 4, kind: 'u64', at: 16 },
  { name: 'outBytes', attr: 5, kind: 'u64', at: 24 },
  { name: 'connsRate', attr: 6, kind: 'u32', at: 32 },
  { name: 'inPacketsRate', attr: 7, kind: 'u32', at: 36 },
  { name: 'outPacketsRate', attr: 8, kind: 'u32', at: 40 },
  { name: 'inBytesRate', attr: 9, kind: 'u32', at: 44 },
  { name: 'outBytesRate', attr: 10, kind: 'u32', at: 48 },
]
const STATS64: Table<StatsWords> = STATS.map(({ name, attr }) => ({
  ...{ name, kind: 'u64' },
  ...(attr === undefined ? {} : { attr }),
}))

/** In the order in which the kernel writes them. */
export const SERVICE: Table<ServiceWords> = [
  { name: 'family', attr: 1, kind: 'u16' },
  { name: 'mark', attr: 5, kind: 'u32', at: 12 },
  { name: 'protocol', attr: 2, kind: 'u16', at: 0 },
  { name: 'address', attr: 3, kind: 'bytes', max: 16, at: 4, size: 4 },
  { name: 'port', attr: 4, kind: 'be16', at: 8 },
  { name: 'scheduler', attr: 6, kind: 'text', max: 15, at: 16, size: 16 },
  { name: 'engine', attr: 11, kind: 'text', max: 16 },
  { name: 'flags', attr: 7, kind: 'flags', at: 32 },
  { name: 'timeout', attr: 8, kind: 'u32', at: 36 },
  { name: 'netmask', attr: 9, kind: 'bytes', min: 4, max: 4, at: 40, size: 4 },
  { name: 'dests', kind: 'u32', at: 44 },
  { name: 'stats', attr: 10, kind: 'nested', table: STATS, at: 48 },
  { name: 'stats64', attr: 12, kind: 'nested', table: STATS64 },
]

export const DEST: Table<DestWords> = [
  { name: 'address', attr: 1, kind: 'bytes', max: 16, at: 0, size: 4 },
  { name: 'port', attr: 2, kind: 'be16', at: 4 },
  { name: 'fwd', attr: 3, kind: 'u32', at: 8 },
  { name: 'weight', attr: 4, kind: 's32', at: 12 },
  { name: 'tunnelType', attr: 13, kind: 'u8' },
  { name: 'tunnelPort', attr: 14, kind: 'be16' },
  { name: 'tunnelFlags', attr: 15, kind: 'u16' },
  { name: 'upper', attr: 5, kind: 'u32', at: 16 },
  { name: 'lower', attr: 6, kind: 'u32', at: 20 },
  { name: 'active', attr: 7, kind: 'u32', at: 24 },
  { name: 'inactive', attr: 8, kind: 'u32', at: 28 },
  { name: 'persistent', attr: 9, kind: 'u32', at: 32 },
  { name: 'family', attr: 11, kind: 'u16' },
  { name: 'stats', attr: 10, kind: 'nested', table: STATS, at: 40 },
  { name: 'stats64', attr: 12, kind: 'nested', table: STATS64 },
]

export const DAEMON: Table<DaemonWords> = [
  { name: 'state', attr: 1, kind: 'u32', at: 0 },
  { name: 'interface', attr: 2, kind: 'text', max: 15, at: 4, size: 16 },
  { name: 'syncId', attr: 3, kind: 'u32', at: 20 },
  { name: 'maxLen', attr: 4, kind: 'u16' },
  { name: 'port', attr: 7, kind: 'u16' },
  { name: 'ttl', attr: 8, kind: 'u8' },
  { name: 'group', attr: 5, kind: 'bytes', min: 4, max: 4 },
  { name: 'group6', attr: 6, kind: 'bytes', max: 16 },
]

/** Their attributes are a command's own. */
export const TIMEOUTS: Table<TimeoutWords> = [
  { name: 'tcp', attr: 4, kind: 'u32', at: 0 },
  { name: 'tcpFin', attr: 5, kind: 'u32', at: 4 },
  { name: 'udp', attr: 6, kind: 'u32', at: 8 },
]

export const INFO: Table<InfoWords> = [
  { name: 'version', attr: 1, kind: 'u32', at: 0 },
  { name: 'size', attr: 2, kind: 'u32', at: 4 },
  { name: 'services', kind: 'u32', at: 8 },
]

/** What a command has besides timeouts: one of each at most. */
export interface CommandWords {
  service: Partial<ServiceWords>
  dest: Partial<DestWords>
  daemon: Partial<DaemonWords>
}

export const COMMAND: Table<CommandWords> = [
  { name: 'service', attr: 1, kind: 'nested', table: SERVICE },
  { name: 'dest', attr: 2, kind: 'nested', table: DEST },
  { name: 'daemon', attr: 3, kind: 'nested', table: DAEMON },
]

/** Bytes of structures, and of what follows the head of a table. */
export const SIZE = {
  ...{
    service: 44,
    dest: 24,
    serviceEntry: 104,
    destEntry: 96,
    timeouts: 12,
    daemon: 24,
    info: 12,
  },
  ...{ servicesHead: 8, destsHead: 24, version: 64 },
} as const

export const COMMANDS = {
  ...{ NEW_SERVICE: 1, SET_SERVICE: 2, DEL_SERVICE: 3, GET_SERVICE: 4 },
  ...{ NEW_DEST: 5, SET_DEST: 6, DEL_DEST: 7, GET_DEST: 8 },
  ...{ NEW_DAEMON: 9, DEL_DAEMON: 10, GET_DAEMON: 11 },
  ...{ SET_CONFIG: 12, GET_CONFIG: 13, SET_INFO: 14, GET_INFO: 15, ZERO: 16, FLUSH: 17 },
} as const

export const SERVICE_FLAG = {
  ...{ persistent: 1, hashed: 2, onePacket: 4 },
  ...{ 'flag-1': 8, 'flag-2': 16, 'flag-3': 32 },
} as const

/** Bits of a dest's flags that are its forwarding method. */
export const FWD_MASK = 7
export const FWD = { nat: 0, tun: 2, dr: 3 } as const
export const TUNNEL = { gue: 1, gre: 2 } as const
export const TUNNEL_CHECKSUM = { csum: 1, remcsum: 2 } as const
export const SYNC_STATE = { master: 1, backup: 2 } as const

/** 1.2.1, and the size of the kernel's table of connections where nobody has set another. */
export const INFO_ANSWER = { version: 0x010201, size: 4096 } as const
export const VERSION_TEXT = 'IP Virtual Server version 1.2.1 (size=4096)\0'

/** Of what a program is told that it is refused. Source: asm-generic/errno-base.h, errno.h. */
export const ERRNO_NUMBER = {
  ...{ EPERM: 1, ENOENT: 2, ESRCH: 3, EIO: 5, ENOMEM: 12, EFAULT: 14, EBUSY: 16 },
  ...{ EEXIST: 17, ENODEV: 19, EINVAL: 22, ERANGE: 34, EMSGSIZE: 90, ENOPROTOOPT: 92 },
  ...{ EOPNOTSUPP: 95, EAFNOSUPPORT: 97, ENETUNREACH: 101 },
} as const
export type ErrnoName = keyof typeof ERRNO_NUMBER
