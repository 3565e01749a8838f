/**
 * Generated from bpf/ through BTF by bpf/gen.ts; do not edit, run `make gen`.
 * Reads and writes the structures that the data plane and the control plane share.
 */

/** Whether this machine keeps the low byte first; fields of network order do not ask. */
const HOST = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

function bytes(v: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(v.buffer, v.byteOffset + at, length)
}

function words(v: DataView, at: number, length: number): number[] {
  return Array.from({ length }, (_, i) => v.getUint32(at + 4 * i, HOST))
}

export const LIMIT = {
  ABI_VERSION: 7,
  SLOTS_PER_BUCKET: 8,
  STRIPES: 16384,
  IFINDEX_MAX: 65536,
  DESTS_MAX: 131072,
  NEXTHOPS_MAX: 16384,
  CPUS_MAX: 512,
  COMPANION_MAGIC: 2020374131,
  LOOPBACK_IFINDEX: 1,
  LBLCR_SET_MAX: 252,
  OWN_BITS: 2048,
  OUTER_TAGS: 3,
  NONE: 4294967295,
} as const

export const REASON = {
  GO_ON: 0,
  NOT_IP: 1,
  FOREIGN_MAC: 2,
  MALFORMED: 3,
  BAD_CHECKSUM: 4,
  HAS_OPTIONS: 5,
  FRAGMENT: 6,
  OTHER_PROTOCOL: 7,
  TRUNCATED: 8,
  NO_SERVICE: 9,
  NO_CONNECTION: 10,
  FTP_DATA: 11,
  VIP_NOT_LOCAL: 12,
  OTHER_VLAN: 13,
  MARTIAN: 14,
  LOCAL_DEST: 15,
  DIRECT_REPLY: 16,
  NAT_REQUEST: 17,
  NAT_REPLY: 18,
  DIRECT: 19,
  TUNNEL: 20,
  ICMP_REQUEST: 21,
  ICMP_REPLY: 22,
  RESOLVING: 23,
  TTL_EXPIRED: 24,
  TOO_BIG: 25,
  NO_DEST: 26,
  STRAY: 27,
  UNREACHABLE: 28,
  RESET: 29,
  DEST_GONE: 30,
  TABLE_FULL: 31,
  STRIPE_BUSY: 32,
  NO_ROUTE: 33,
  NEEDS_FRAGMENTING: 34,
  BAD_ICMP: 35,
  CUT_SHORT: 36,
  OVERLOAD: 37,
  LOOPBACK_DEST: 38,
  RESET_LIMITED: 39,
  NO_CALL_ID: 40,
  INTERNAL: 41,
  REASONS: 42,
  REASONS_MAX: 64,
} as const

export const FWD = {
  FWD_NAT: 0,
  FWD_LOCAL: 1,
  FWD_TUN: 2,
  FWD_DR: 3,
} as const

export const FAMILY = {
  FAMILY_IPV4: 0,
  FAMILY_IPV6: 1,
  FAMILIES: 2,
} as const

export const LIFE = {
  LIFE_EMPTY: 0,
  LIFE_BUSY: 1,
  LIFE_DEAD: 2,
  LIFE_VALID: 3,
  LIFE_ENDED: 4,
} as const

export const SLOT_WORD = {
  WORD_LIFE_MASK: 255,
  WORD_FLAGS_SHIFT: 8,
  WORD_TAG_SHIFT: 16,
  WORD_TAG_MASK: 16777215,
  WORD_DEST_SHIFT: 40,
  CONN_REPLY: 1,
  CONN_INACTIVE: 2,
  CONN_NOOUTPUT: 4,
  CONN_SHADOWED: 8,
  CONN_FWD_SHIFT: 4,
  CONN_FWD_MASK: 48,
  CONN_TEMPLATE: 16,
  CONN_CALL: 4,
  BUCKET_STASHED: 64,
  BUCKET_OVERFLOW: 128,
} as const

export const TEMPLATE = {
  TEMPLATE_PROTOCOL: 240,
  TEMPLATE_ASSURED: 1,
  TEMPLATE_PORT_INVALID: 65535,
  TEMPLATE_AGAIN_S: 60,
} as const

export const CALL_LIMIT = {
  CALL_ID_MAX: 255,
} as const

export const FALLBACK = {
  FALLBACK_FTP: 1,
  FALLBACK_ANY: 2,
} as const

export const REPLIES = {
  REPLIES_DIRECT: 1,
  REPLIES_TOLD: 2,
} as const

export const TCP_STATE = {
  TCP_NONE: 0,
  TCP_ESTABLISHED: 1,
  TCP_SYN_SENT: 2,
  TCP_SYN_RECV: 3,
  TCP_FIN_WAIT: 4,
  TCP_TIME_WAIT: 5,
  TCP_CLOSE: 6,
  TCP_CLOSE_WAIT: 7,
  TCP_LAST_ACK: 8,
  TCP_LISTEN: 9,
  TCP_SYNACK: 10,
  TCP_TIME_WAIT_UNOPENED: 11,
  TCP_CLOSE_UNOPENED: 12,
  TCP_STATES: 16,
} as const

export const TCP_TABLE = {
  TCP_NORMAL: 0,
  TCP_SECURE: 1,
  TCP_TABLES: 2,
} as const

export const SERVICE_FLAGS = {
  SERVICE_VIP_LOCAL: 1,
  SERVICE_ONE_PACKET: 2,
  SERVICE_FLAG_1: 4,
  SERVICE_FLAG_2: 8,
  SERVICE_MARK: 16,
  SERVICE_SIP: 32,
} as const

export const MARK_ROOT = {
  MARK_ROOT_IPV4: 0,
  MARK_ROOT_IPV6: 1,
  MARK_LOCAL_IPV4: 2,
  MARK_LOCAL_IPV6: 3,
  MARK_ROOTS: 8,
  MARK_ROWS: 262144,
} as const

export const SCHEDULER = {
  SCHED_NONE: 0,
  SCHED_RR: 1,
  SCHED_WRR: 2,
  SCHED_WLC: 3,
  SCHED_LC: 4,
  SCHED_FO: 5,
  SCHED_OVF: 6,
  SCHED_SED: 7,
  SCHED_NQ: 8,
  SCHED_TWOS: 9,
  SCHED_LBLC: 10,
  SCHED_LBLCR: 11,
  SCHED_DH: 12,
  SCHED_SH: 13,
  SCHED_MH: 14,
  SCHED_MAGLEV: 15,
} as const

export const SCHEDULE_WORD = {
  SCHEDULE_CURSOR_BITS: 18,
  SCHEDULE_ROWS_SHIFT: 18,
  SCHEDULE_PLACE_SHIFT: 36,
  SCHEDULE_PLACE_BITS: 23,
  SCHEDULE_SCHEDULER_SHIFT: 59,
  SCHEDULE_ROW_UNIT: 8,
} as const

export const SLOW_START = {
  SLOW_WHOLE: 1000,
  SLOW_LEAST: 10,
  SLOW_SLACK: 8,
} as const

export const DEST_FLAGS = {
  DEST_AVAILABLE: 1,
  DEST_VIP_LOCAL: 2,
  DEST_KNOWN: 4,
  DEST_LOCAL: 8,
  DEST_IPV6: 16,
  DEST_QUIESCED: 32,
  DEST_NO_PORT: 64,
  DEST_PARTNER_VIP: 128,
} as const

export const GONE = {
  GONE_KEEP: 0,
  GONE_DROP: 1,
  GONE_RESET: 2,
  GONE_DRAIN: 3,
} as const

export const NEXTHOP_FLAGS = {
  NEXTHOP_VALID: 1,
  NEXTHOP_TAGGED: 2,
} as const

export const INTERFACE_FLAGS = {
  INTERFACE_ATTACHED: 1,
  INTERFACE_STRICT: 2,
  INTERFACE_LOOSE: 4,
  INTERFACE_ACCEPT_LOCAL: 8,
  INTERFACE_IDLE4: 16,
  INTERFACE_IDLE6: 32,
} as const

export const ROUTE_KIND = {
  ROUTE_UNICAST: 0,
  ROUTE_LOCAL: 1,
  ROUTE_BROADCAST: 2,
} as const

export const WALK = {
  WALK_NEW: 0,
  WALK_REPLY: 2,
  WALK_CHECKSUM: 4,
  WALK_ERROR: 6,
  WALK_ICMP: 8,
  WALK_FULL: 10,
  WALK_IPV6: 12,
  WALK_TAGGED: 13,
  WALK_SHORT: 14,
  WALK_STRICT: 16,
  WALK_OPTIONS: 17,
  WALK_RENEW: 18,
  WALK_IPSEC: 20,
  WALK_ICMP_NEW: 22,
  WALK_ICMP_TUN: 24,
  WALK_STRAY: 25,
  WALK_ONCE: 27,
  WALK_HERE: 29,
  WALK_PERSIST: 31,
  WALK_FOLLOW: 33,
  WALK_RESET: 35,
  WALK_BYPASS: 37,
  WALK_CALL: 39,
  WALK_TELL: 41,
  WALK_TOLD: 43,
  WALKS: 45,
} as const

export const HERE_WALK = {
  HERE_EGRESS: 0,
  HERE_LOOPBACK: 2,
  HERE_ASK: 4,
  HERE_BEGIN: 6,
  HERE_PERSIST: 8,
  HERE_ONCE: 10,
  HERE_WALKS: 12,
} as const

/** Key and value size of each map, in bytes, and the name by which libbpf knows it. */
export const MAPS = {
  call_ids: { keySize: 8, valueSize: 296, libbpf: 'call_ids' },
  call_notes: { keySize: 4, valueSize: 296, libbpf: 'call_notes' },
  calls: { keySize: 296, valueSize: 4, libbpf: 'calls' },
  cold4: { keySize: 4, valueSize: 8, libbpf: 'cold4' },
  cold6: { keySize: 4, valueSize: 8, libbpf: 'cold6' },
  conns4: { keySize: 4, valueSize: 256, libbpf: 'conns4' },
  conns6: { keySize: 4, valueSize: 512, libbpf: 'conns6' },
  dest_addrs: { keySize: 4, valueSize: 4194304, libbpf: '.bss.dest_addrs' },
  dest_conns: { keySize: 4, valueSize: 32, libbpf: 'dest_conns' },
  dest_traffic: { keySize: 4, valueSize: 40, libbpf: 'dest_traffic' },
  dests: { keySize: 4, valueSize: 4194304, libbpf: '.bss.dests' },
  handovers: { keySize: 4, valueSize: 80, libbpf: 'handovers' },
  here_walks: { keySize: 4, valueSize: 4, libbpf: 'here_walks' },
  icmp_credits: { keySize: 4, valueSize: 8, libbpf: 'icmp_credits' },
  icmp_peers: { keySize: 16, valueSize: 8, libbpf: 'icmp_peers' },
  interfaces: { keySize: 4, valueSize: 2097152, libbpf: '.bss.interfaces' },
  lblc: { keySize: 24, valueSize: 8, libbpf: 'lblc' },
  lblcr: { keySize: 24, valueSize: 1024, libbpf: 'lblcr' },
  marks: { keySize: 4, valueSize: 16, libbpf: 'marks' },
  messages: { keySize: 4, valueSize: 32, libbpf: 'messages' },
  nat_dests: { keySize: 24, valueSize: 4, libbpf: 'nat_dests' },
  neighbours: { keySize: 24, valueSize: 4, libbpf: 'neighbours' },
  nexthops: { keySize: 4, valueSize: 1048576, libbpf: '.bss.nexthops' },
  own: { keySize: 4, valueSize: 256, libbpf: '.bss.own' },
  reasons: { keySize: 4, valueSize: 262144, libbpf: '.bss.reasons' },
  routes: { keySize: 20, valueSize: 16, libbpf: 'routes' },
  schedules: { keySize: 4, valueSize: 8, libbpf: 'schedules' },
  service_ids: { keySize: 24, valueSize: 4, libbpf: 'service_ids' },
  services: { keySize: 4, valueSize: 64, libbpf: 'services' },
  stash: { keySize: 40, valueSize: 4, libbpf: 'stash' },
  stripes: { keySize: 4, valueSize: 8, libbpf: 'stripes' },
  telling: { keySize: 24, valueSize: 4, libbpf: 'telling' },
  tunnels: { keySize: 4, valueSize: 48, libbpf: 'tunnels' },
  vlans: { keySize: 8, valueSize: 4, libbpf: 'vlans' },
  walks: { keySize: 4, valueSize: 4, libbpf: 'walks' },
} as const

export interface Bucket4 {
  slot: unknown[]
}

/** Size, then the offset of each field, in bytes. */
export const BUCKET4 = {
  size: 256,
  slot: 0,
} as const

export interface Bucket6 {
  slot: unknown[]
}

/** Size, then the offset of each field, in bytes. */
export const BUCKET6 = {
  size: 512,
  slot: 0,
} as const

export interface CacheKey {
  /** virtual address of the packets. */
  vaddr: Uint8Array
  /** service id. */
  service: number
}

/** Size, then the offset of each field, in bytes. */
export const CACHE_KEY = {
  size: 24,
  vaddr: 0,
  service: 16,
} as const

export function readCacheKey(v: DataView, at: number): CacheKey {
  return {
    vaddr: bytes(v, at + 0, 16),
    service: v.getUint32(at + 16, HOST),
  }
}

export function writeCacheKey(v: DataView, at: number, x: CacheKey): void {
  bytes(v, at + 0, 16).set(x.vaddr)
  v.setUint32(at + 16, x.service, HOST)
}

export interface Call {
  /** the client's network. */
  caddr: Uint8Array
  /** virtual address, or the mark in its place. */
  vaddr: Uint8Array
  /** virtual port. */
  vport: number
  /** as the template's slot has it. */
  protocol: number
  /** enum family. */
  family: number
  /** bytes of the Call-ID. */
  length: number
  /** the Call-ID, zeros behind it. */
  id: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const CALL = {
  size: 296,
  caddr: 0,
  vaddr: 16,
  vport: 32,
  protocol: 34,
  family: 35,
  length: 39,
  id: 40,
} as const

export function readCall(v: DataView, at: number): Call {
  return {
    caddr: bytes(v, at + 0, 16),
    vaddr: bytes(v, at + 16, 16),
    vport: v.getUint16(at + 32, false),
    protocol: v.getUint8(at + 34),
    family: v.getUint8(at + 35),
    length: v.getUint8(at + 39),
    id: bytes(v, at + 40, 256),
  }
}

export function writeCall(v: DataView, at: number, x: Call): void {
  bytes(v, at + 0, 16).set(x.caddr)
  bytes(v, at + 16, 16).set(x.vaddr)
  v.setUint16(at + 32, x.vport, false)
  v.setUint8(at + 34, x.protocol)
  v.setUint8(at + 35, x.family)
  v.setUint8(at + 39, x.length)
  bytes(v, at + 40, 256).set(x.id)
}

export interface CallPlace {
  /** of the slot in its table. */
  index: number
  /** enum family. */
  family: number
}

/** Size, then the offset of each field, in bytes. */
export const CALL_PLACE = {
  size: 8,
  index: 0,
  family: 4,
} as const

export function readCallPlace(v: DataView, at: number): CallPlace {
  return {
    index: v.getUint32(at + 0, HOST),
    family: v.getUint32(at + 4, HOST),
  }
}

export function writeCallPlace(v: DataView, at: number, x: CallPlace): void {
  v.setUint32(at + 0, x.index, HOST)
  v.setUint32(at + 4, x.family, HOST)
}

export interface Cold {
  /** index of the template that it was made from, plus 1; a template: ticks it lives. */
  control: number
  /** connections that were made from it. */
  controls: number
}

/** Size, then the offset of each field, in bytes. */
export const COLD = {
  size: 8,
  control: 0,
  controls: 4,
} as const

export function readCold(v: DataView, at: number): Cold {
  return {
    control: v.getUint32(at + 0, HOST),
    controls: v.getUint32(at + 4, HOST),
  }
}

export function writeCold(v: DataView, at: number, x: Cold): void {
  v.setUint32(at + 0, x.control, HOST)
  v.setUint32(at + 4, x.controls, HOST)
}

export interface Config {
  /** ABI_VERSION. */
  abi: number
  /** buckets of each connection table, less one; a power of two, less one. */
  bucket_mask: number[]
  /** buckets behind each table that the stash hands out. */
  stash_buckets: number[]
  /** CPUs that have a row of counters. */
  cpus: number
  /** ticks in a second. */
  second: number
  /** jiffies to ticks: shift right by this. */
  tick_shift: number
  /** jiffies in a second. */
  hz: number
  /** 1: tests move the clock. */
  manual_clock: number
  /** secret of the hash; key[4..5] are odd multipliers. */
  key: number[]
}

/** Size, then the offset of each field, in bytes. */
export const CONFIG = {
  size: 104,
  abi: 0,
  bucket_mask: 4,
  stash_buckets: 12,
  cpus: 20,
  second: 24,
  tick_shift: 28,
  hz: 32,
  manual_clock: 36,
  key: 40,
} as const

export function readConfig(v: DataView, at: number): Config {
  return {
    abi: v.getUint32(at + 0, HOST),
    bucket_mask: words(v, at + 4, 2),
    stash_buckets: words(v, at + 12, 2),
    cpus: v.getUint32(at + 20, HOST),
    second: v.getUint32(at + 24, HOST),
    tick_shift: v.getUint32(at + 28, HOST),
    hz: v.getUint32(at + 32, HOST),
    manual_clock: v.getUint32(at + 36, HOST),
    key: words(v, at + 40, 16),
  }
}

export function writeConfig(v: DataView, at: number, x: Config): void {
  v.setUint32(at + 0, x.abi, HOST)
  x.bucket_mask.forEach((n, i) => { v.setUint32(at + 4 + 4 * i, n, HOST) })
  x.stash_buckets.forEach((n, i) => { v.setUint32(at + 12 + 4 * i, n, HOST) })
  v.setUint32(at + 20, x.cpus, HOST)
  v.setUint32(at + 24, x.second, HOST)
  v.setUint32(at + 28, x.tick_shift, HOST)
  v.setUint32(at + 32, x.hz, HOST)
  v.setUint32(at + 36, x.manual_clock, HOST)
  x.key.forEach((n, i) => { v.setUint32(at + 40 + 4 * i, n, HOST) })
}

export interface Conn4 {
  /** life, flags, tag and dest id; see enum slot_word. */
  word: bigint
  /** client port. */
  cport: number
  /** virtual port in a request slot, the dest's in a NAT reply slot. */
  oport: number
  /** IP protocol number. */
  protocol: number
  /** enum tcp_state, 0 for UDP; the request slot's is the truth. */
  state: number
  /** reply slots: next hop towards the client, 0 while unknown; request slots: rank among the connections of one reply key; templates: the dest's port, as in the packet. */
  nexthop: number
  /** tick after which the slot is overdue. */
  deadline: number
  /** index of the other direction's slot, NONE when there is none. */
  partner: number
  /** client address. */
  caddr: number
  /** virtual address in a request slot, the dest's in a NAT reply slot. */
  oaddr: number
}

/** Size, then the offset of each field, in bytes. */
export const CONN4 = {
  size: 32,
  word: 0,
  cport: 8,
  oport: 10,
  protocol: 12,
  state: 13,
  nexthop: 14,
  deadline: 16,
  partner: 20,
  caddr: 24,
  oaddr: 28,
} as const

export function readConn4(v: DataView, at: number): Conn4 {
  return {
    word: v.getBigUint64(at + 0, HOST),
    cport: v.getUint16(at + 8, false),
    oport: v.getUint16(at + 10, false),
    protocol: v.getUint8(at + 12),
    state: v.getUint8(at + 13),
    nexthop: v.getUint16(at + 14, HOST),
    deadline: v.getUint32(at + 16, HOST),
    partner: v.getUint32(at + 20, HOST),
    caddr: v.getUint32(at + 24, false),
    oaddr: v.getUint32(at + 28, false),
  }
}

export function writeConn4(v: DataView, at: number, x: Conn4): void {
  v.setBigUint64(at + 0, x.word, HOST)
  v.setUint16(at + 8, x.cport, false)
  v.setUint16(at + 10, x.oport, false)
  v.setUint8(at + 12, x.protocol)
  v.setUint8(at + 13, x.state)
  v.setUint16(at + 14, x.nexthop, HOST)
  v.setUint32(at + 16, x.deadline, HOST)
  v.setUint32(at + 20, x.partner, HOST)
  v.setUint32(at + 24, x.caddr, false)
  v.setUint32(at + 28, x.oaddr, false)
}

export interface Conn6 {
  /** life, flags, tag and dest id; see enum slot_word. */
  word: bigint
  /** client port. */
  cport: number
  /** virtual port in a request slot, the dest's in a NAT reply slot. */
  oport: number
  /** IP protocol number. */
  protocol: number
  /** enum tcp_state, 0 for UDP; the request slot's is the truth. */
  state: number
  /** reply slots: next hop towards the client, 0 while unknown; request slots: rank among the connections of one reply key; templates: the dest's port, as in the packet. */
  nexthop: number
  /** tick after which the slot is overdue. */
  deadline: number
  /** index of the other direction's slot, NONE when there is none. */
  partner: number
  /** client address. */
  caddr: Uint8Array
  /** virtual address in a request slot, the dest's in a NAT reply slot. */
  oaddr: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const CONN6 = {
  size: 64,
  word: 0,
  cport: 8,
  oport: 10,
  protocol: 12,
  state: 13,
  nexthop: 14,
  deadline: 16,
  partner: 20,
  caddr: 24,
  oaddr: 40,
} as const

export function readConn6(v: DataView, at: number): Conn6 {
  return {
    word: v.getBigUint64(at + 0, HOST),
    cport: v.getUint16(at + 8, false),
    oport: v.getUint16(at + 10, false),
    protocol: v.getUint8(at + 12),
    state: v.getUint8(at + 13),
    nexthop: v.getUint16(at + 14, HOST),
    deadline: v.getUint32(at + 16, HOST),
    partner: v.getUint32(at + 20, HOST),
    caddr: bytes(v, at + 24, 16),
    oaddr: bytes(v, at + 40, 16),
  }
}

export function writeConn6(v: DataView, at: number, x: Conn6): void {
  v.setBigUint64(at + 0, x.word, HOST)
  v.setUint16(at + 8, x.cport, false)
  v.setUint16(at + 10, x.oport, false)
  v.setUint8(at + 12, x.protocol)
  v.setUint8(at + 13, x.state)
  v.setUint16(at + 14, x.nexthop, HOST)
  v.setUint32(at + 16, x.deadline, HOST)
  v.setUint32(at + 20, x.partner, HOST)
  bytes(v, at + 24, 16).set(x.caddr)
  bytes(v, at + 40, 16).set(x.oaddr)
}

export interface Dest {
  /** IPv4: dest address. */
  daddr: number
  /** IPv4: virtual address of its service. */
  vaddr: number
  /** dest port. */
  dport: number
  /** virtual port of its service. */
  vport: number
  /** next hop towards the dest, 0 while there is no route. */
  nexthop: number
  /** enum fwd, for new connections. */
  fwd: number
  /** enum dest_flags. */
  flags: number
  /** NAT request, IPv4: what the header checksum's sum gains by the new address. */
  ip_delta: number
  /** NAT request: what the transport checksum's sum gains, ports included. */
  l4_delta: number
  /** service id. */
  service: number
  /** IP protocol number of its service. */
  protocol: number
  /** enum gone, once it is removed. */
  gone: number
  /** seconds that GONE_DRAIN holds. */
  drain_s: number
}

/** Size, then the offset of each field, in bytes. */
export const DEST = {
  size: 32,
  daddr: 0,
  vaddr: 4,
  dport: 8,
  vport: 10,
  nexthop: 12,
  fwd: 14,
  flags: 15,
  ip_delta: 16,
  l4_delta: 20,
  service: 24,
  protocol: 28,
  gone: 29,
  drain_s: 30,
} as const

export function readDest(v: DataView, at: number): Dest {
  return {
    daddr: v.getUint32(at + 0, false),
    vaddr: v.getUint32(at + 4, false),
    dport: v.getUint16(at + 8, false),
    vport: v.getUint16(at + 10, false),
    nexthop: v.getUint16(at + 12, HOST),
    fwd: v.getUint8(at + 14),
    flags: v.getUint8(at + 15),
    ip_delta: v.getUint32(at + 16, HOST),
    l4_delta: v.getUint32(at + 20, HOST),
    service: v.getUint32(at + 24, HOST),
    protocol: v.getUint8(at + 28),
    gone: v.getUint8(at + 29),
    drain_s: v.getUint16(at + 30, HOST),
  }
}

export function writeDest(v: DataView, at: number, x: Dest): void {
  v.setUint32(at + 0, x.daddr, false)
  v.setUint32(at + 4, x.vaddr, false)
  v.setUint16(at + 8, x.dport, false)
  v.setUint16(at + 10, x.vport, false)
  v.setUint16(at + 12, x.nexthop, HOST)
  v.setUint8(at + 14, x.fwd)
  v.setUint8(at + 15, x.flags)
  v.setUint32(at + 16, x.ip_delta, HOST)
  v.setUint32(at + 20, x.l4_delta, HOST)
  v.setUint32(at + 24, x.service, HOST)
  v.setUint8(at + 28, x.protocol)
  v.setUint8(at + 29, x.gone)
  v.setUint16(at + 30, x.drain_s, HOST)
}

export interface DestAddrs {
  /** dest address. */
  daddr: Uint8Array
  /** virtual address of its service. */
  vaddr: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const DEST_ADDRS = {
  size: 32,
  daddr: 0,
  vaddr: 16,
} as const

export function readDestAddrs(v: DataView, at: number): DestAddrs {
  return {
    daddr: bytes(v, at + 0, 16),
    vaddr: bytes(v, at + 16, 16),
  }
}

export function writeDestAddrs(v: DataView, at: number, x: DestAddrs): void {
  bytes(v, at + 0, 16).set(x.daddr)
  bytes(v, at + 16, 16).set(x.vaddr)
}

export interface DestConns {
  /** connections in an active state. */
  active: number
  /** all other connections. */
  inactive: number
  /** 1: it gets no new connections. */
  overloaded: number
  /** templates. */
  persistent: number
  /** connections from which on it gets no new ones, 0: no limit. */
  upper: number
  /** below this many it gets new ones again. */
  lower: number
  /** the weight that schedulers see. */
  weight: number
  /** in its service: when its slow start began, 0: it had none; removed: until when GONE_DRAIN holds. */
  tick: number
}

/** Size, then the offset of each field, in bytes. */
export const DEST_CONNS = {
  size: 32,
  active: 0,
  inactive: 4,
  overloaded: 8,
  persistent: 12,
  upper: 16,
  lower: 20,
  weight: 24,
  tick: 28,
} as const

export function readDestConns(v: DataView, at: number): DestConns {
  return {
    active: v.getUint32(at + 0, HOST),
    inactive: v.getUint32(at + 4, HOST),
    overloaded: v.getUint32(at + 8, HOST),
    persistent: v.getUint32(at + 12, HOST),
    upper: v.getUint32(at + 16, HOST),
    lower: v.getUint32(at + 20, HOST),
    weight: v.getUint32(at + 24, HOST),
    tick: v.getUint32(at + 28, HOST),
  }
}

export function writeDestConns(v: DataView, at: number, x: DestConns): void {
  v.setUint32(at + 0, x.active, HOST)
  v.setUint32(at + 4, x.inactive, HOST)
  v.setUint32(at + 8, x.overloaded, HOST)
  v.setUint32(at + 12, x.persistent, HOST)
  v.setUint32(at + 16, x.upper, HOST)
  v.setUint32(at + 20, x.lower, HOST)
  v.setUint32(at + 24, x.weight, HOST)
  v.setUint32(at + 28, x.tick, HOST)
}

export interface DestTraffic {
  /** connections created. */
  conns: bigint
  /** packets from clients. */
  inpkts: bigint
  /** IP bytes from clients, as received. */
  inbytes: bigint
  /** packets to clients. */
  outpkts: bigint
  /** IP bytes to clients, as sent. */
  outbytes: bigint
}

/** Size, then the offset of each field, in bytes. */
export const DEST_TRAFFIC = {
  size: 40,
  conns: 0,
  inpkts: 8,
  inbytes: 16,
  outpkts: 24,
  outbytes: 32,
} as const

export function readDestTraffic(v: DataView, at: number): DestTraffic {
  return {
    conns: v.getBigUint64(at + 0, HOST),
    inpkts: v.getBigUint64(at + 8, HOST),
    inbytes: v.getBigUint64(at + 16, HOST),
    outpkts: v.getBigUint64(at + 24, HOST),
    outbytes: v.getBigUint64(at + 32, HOST),
  }
}

export function writeDestTraffic(v: DataView, at: number, x: DestTraffic): void {
  v.setBigUint64(at + 0, x.conns, HOST)
  v.setBigUint64(at + 8, x.inpkts, HOST)
  v.setBigUint64(at + 16, x.inbytes, HOST)
  v.setBigUint64(at + 24, x.outpkts, HOST)
  v.setBigUint64(at + 32, x.outbytes, HOST)
}

export interface Handover {
  /** ICMP type. */
  type: number
  /** ICMP code. */
  code: number
  /** second word of the ICMP header. */
  rest: number
  /** enum reason to leave with. */
  reason: number
  /** ICMP source address. */
  source: Uint8Array
  /** dest id whose traffic to the client it counts as, NONE for nobody's. */
  dest: number
  /** interface the packet came by: a VLAN, or the wire's. */
  ifindex: number
  /** Ethernet type of the tag taken off, 0 for none. */
  tpid: number
  /** the tag taken off. */
  tci: number
  /** priority tags in front of that one, outermost first. */
  outer: unknown[]
  /** how many of them. */
  outer_tags: number
  /** an ICMP error that is not limited. */
  is_free: number
  /** persist.bpf.c: the packet is the one that an ICMP error quotes. */
  is_quoted: number
  /** IPv4: its options have been processed. */
  has_options: number
  /** bytes into the packet where this host wrote its address, 0 nowhere. */
  recorded_at: number
  /** the same of an address beside a timestamp. */
  stamped_at: number
  /** what the header's sum lost by processing. */
  check_delta: number
  /** index of the template that has the dest, plus 1; 0: not asked yet. */
  control: number
  /** word of a connection that this packet ended and counts still have. */
  ended: bigint
}

/** Size, then the offset of each field, in bytes. */
export const HANDOVER = {
  size: 80,
  type: 0,
  code: 4,
  rest: 8,
  reason: 12,
  source: 16,
  dest: 32,
  ifindex: 36,
  tpid: 40,
  tci: 42,
  outer: 44,
  outer_tags: 56,
  is_free: 57,
  is_quoted: 58,
  has_options: 60,
  recorded_at: 61,
  stamped_at: 62,
  check_delta: 64,
  control: 68,
  ended: 72,
} as const

export interface IcmpCredit {
  credit: number
  /** jiffy at which some were added. */
  filled: number
}

/** Size, then the offset of each field, in bytes. */
export const ICMP_CREDIT = {
  size: 8,
  credit: 0,
  filled: 4,
} as const

export function readIcmpCredit(v: DataView, at: number): IcmpCredit {
  return {
    credit: v.getUint32(at + 0, HOST),
    filled: v.getUint32(at + 4, HOST),
  }
}

export function writeIcmpCredit(v: DataView, at: number, x: IcmpCredit): void {
  v.setUint32(at + 0, x.credit, HOST)
  v.setUint32(at + 4, x.filled, HOST)
}

export interface IcmpPeer {
  /** jiffies that it has rested and not used. */
  tokens: number
  /** jiffy of the last error, sent or not. */
  last: number
}

/** Size, then the offset of each field, in bytes. */
export const ICMP_PEER = {
  size: 8,
  tokens: 0,
  last: 4,
} as const

export function readIcmpPeer(v: DataView, at: number): IcmpPeer {
  return {
    tokens: v.getUint32(at + 0, HOST),
    last: v.getUint32(at + 4, HOST),
  }
}

export function writeIcmpPeer(v: DataView, at: number, x: IcmpPeer): void {
  v.setUint32(at + 0, x.tokens, HOST)
  v.setUint32(at + 4, x.last, HOST)
}

export interface IcmpPeerKey {
  addr: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const ICMP_PEER_KEY = {
  size: 16,
  addr: 0,
} as const

export function readIcmpPeerKey(v: DataView, at: number): IcmpPeerKey {
  return {
    addr: bytes(v, at + 0, 16),
  }
}

export function writeIcmpPeerKey(v: DataView, at: number, x: IcmpPeerKey): void {
  bytes(v, at + 0, 16).set(x.addr)
}

export interface Interface {
  /** what a frame for this host carries as destination. */
  mac: Uint8Array
  /** enum interface_flags. */
  flags: number
  /** source of ICMP errors sent out here that no virtual address speaks for. */
  addr: number
  /** interface that packets count as come by: the bond, for a slave. */
  speaker: number
  /** the same for ICMPv6. */
  addr6: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const INTERFACE = {
  size: 32,
  mac: 0,
  flags: 6,
  addr: 8,
  speaker: 12,
  addr6: 16,
} as const

export function readInterface(v: DataView, at: number): Interface {
  return {
    mac: bytes(v, at + 0, 6),
    flags: v.getUint8(at + 6),
    addr: v.getUint32(at + 8, false),
    speaker: v.getUint32(at + 12, HOST),
    addr6: bytes(v, at + 16, 16),
  }
}

export function writeInterface(v: DataView, at: number, x: Interface): void {
  bytes(v, at + 0, 6).set(x.mac)
  v.setUint8(at + 6, x.flags)
  v.setUint32(at + 8, x.addr, false)
  v.setUint32(at + 12, x.speaker, HOST)
  bytes(v, at + 16, 16).set(x.addr6)
}

export interface LblcEntry {
  /** tick at which it was last looked at. */
  used: number
  /** dest id. */
  dest: number
}

/** Size, then the offset of each field, in bytes. */
export const LBLC_ENTRY = {
  size: 8,
  used: 0,
  dest: 4,
} as const

export function readLblcEntry(v: DataView, at: number): LblcEntry {
  return {
    used: v.getUint32(at + 0, HOST),
    dest: v.getUint32(at + 4, HOST),
  }
}

export function writeLblcEntry(v: DataView, at: number, x: LblcEntry): void {
  v.setUint32(at + 0, x.used, HOST)
  v.setUint32(at + 4, x.dest, HOST)
}

export interface LblcrSet {
  /** tick at which it was last looked at. */
  used: number
  /** tick at which a dest last came or went. */
  changed: number
  /** 1: a CPU changes it. */
  lock: number
  /** dests in it. */
  count: number
  /** dest ids. */
  dests: number[]
}

/** Size, then the offset of each field, in bytes. */
export const LBLCR_SET = {
  size: 1024,
  used: 0,
  changed: 4,
  lock: 8,
  count: 12,
  dests: 16,
} as const

export function readLblcrSet(v: DataView, at: number): LblcrSet {
  return {
    used: v.getUint32(at + 0, HOST),
    changed: v.getUint32(at + 4, HOST),
    lock: v.getUint32(at + 8, HOST),
    count: v.getUint32(at + 12, HOST),
    dests: words(v, at + 16, 252),
  }
}

export function writeLblcrSet(v: DataView, at: number, x: LblcrSet): void {
  v.setUint32(at + 0, x.used, HOST)
  v.setUint32(at + 4, x.changed, HOST)
  v.setUint32(at + 8, x.lock, HOST)
  v.setUint32(at + 12, x.count, HOST)
  x.dests.forEach((n, i) => { v.setUint32(at + 16 + 4 * i, n, HOST) })
}

export interface MarkRow {
  /** least value that it is for. */
  key: bigint
  /** bits 0-31 first row of the next table, 32-63 how many it has; 0: nowhere. In the last table bits 0-31 are the mark. */
  to: bigint
}

/** Size, then the offset of each field, in bytes. */
export const MARK_ROW = {
  size: 16,
  key: 0,
  to: 8,
} as const

export function readMarkRow(v: DataView, at: number): MarkRow {
  return {
    key: v.getBigUint64(at + 0, HOST),
    to: v.getBigUint64(at + 8, HOST),
  }
}

export function writeMarkRow(v: DataView, at: number, x: MarkRow): void {
  v.setBigUint64(at + 0, x.key, HOST)
  v.setBigUint64(at + 8, x.to, HOST)
}

export interface Message {
  /** bytes into the frame where the datagram's content begins. */
  begin: number
  /** and ends. */
  end: number
  /** and is read next. */
  at: number
  /** bytes of content that are behind headers without a value. */
  retried: number
  /** bytes into the content where the value begins. */
  value: number
  /** bytes of it. */
  taken: number
  /** bytes of it in front of its second word. */
  host: number
  /** enum msg_step. */
  step: number
  /** white space goes on in another line. */
  is_folded: number
}

/** Size, then the offset of each field, in bytes. */
export const MESSAGE = {
  size: 32,
  begin: 0,
  end: 4,
  at: 8,
  retried: 12,
  value: 16,
  taken: 20,
  host: 24,
  step: 28,
  is_folded: 30,
} as const

export function readMessage(v: DataView, at: number): Message {
  return {
    begin: v.getUint32(at + 0, HOST),
    end: v.getUint32(at + 4, HOST),
    at: v.getUint32(at + 8, HOST),
    retried: v.getUint32(at + 12, HOST),
    value: v.getUint32(at + 16, HOST),
    taken: v.getUint32(at + 20, HOST),
    host: v.getUint32(at + 24, HOST),
    step: v.getUint16(at + 28, HOST),
    is_folded: v.getUint16(at + 30, HOST),
  }
}

export function writeMessage(v: DataView, at: number, x: Message): void {
  v.setUint32(at + 0, x.begin, HOST)
  v.setUint32(at + 4, x.end, HOST)
  v.setUint32(at + 8, x.at, HOST)
  v.setUint32(at + 12, x.retried, HOST)
  v.setUint32(at + 16, x.value, HOST)
  v.setUint32(at + 20, x.taken, HOST)
  v.setUint32(at + 24, x.host, HOST)
  v.setUint16(at + 28, x.step, HOST)
  v.setUint16(at + 30, x.is_folded, HOST)
}

export interface NeighbourKey {
  /** the neighbour's address. */
  addr: Uint8Array
  /** interface the route names. */
  ifindex: number
}

/** Size, then the offset of each field, in bytes. */
export const NEIGHBOUR_KEY = {
  size: 24,
  addr: 0,
  ifindex: 16,
} as const

export function readNeighbourKey(v: DataView, at: number): NeighbourKey {
  return {
    addr: bytes(v, at + 0, 16),
    ifindex: v.getUint32(at + 16, HOST),
  }
}

export function writeNeighbourKey(v: DataView, at: number, x: NeighbourKey): void {
  bytes(v, at + 0, 16).set(x.addr)
  v.setUint32(at + 16, x.ifindex, HOST)
}

export interface Nexthop {
  /** MAC address of the neighbour. */
  dmac: Uint8Array
  /** MAC address of the interface it is reached by. */
  smac: Uint8Array
  /** interface the frame leaves by: a VLAN's parent. */
  ifindex: number
  /** bytes an IP packet may have on the way. */
  mtu: number
  /** enum nexthop_flags. */
  flags: number
  /** tagged: Ethernet type of the tag. */
  tpid: number
  /** tagged: VLAN id. */
  tci: number
  /** interface the route names: a VLAN, or ifindex again. */
  logical: number
  /** the neighbour's address. */
  addr: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const NEXTHOP = {
  size: 64,
  dmac: 0,
  smac: 6,
  ifindex: 12,
  mtu: 16,
  flags: 18,
  tpid: 20,
  tci: 22,
  logical: 24,
  addr: 32,
} as const

export function readNexthop(v: DataView, at: number): Nexthop {
  return {
    dmac: bytes(v, at + 0, 6),
    smac: bytes(v, at + 6, 6),
    ifindex: v.getUint32(at + 12, HOST),
    mtu: v.getUint16(at + 16, HOST),
    flags: v.getUint8(at + 18),
    tpid: v.getUint16(at + 20, false),
    tci: v.getUint16(at + 22, false),
    logical: v.getUint32(at + 24, HOST),
    addr: bytes(v, at + 32, 16),
  }
}

export function writeNexthop(v: DataView, at: number, x: Nexthop): void {
  bytes(v, at + 0, 6).set(x.dmac)
  bytes(v, at + 6, 6).set(x.smac)
  v.setUint32(at + 12, x.ifindex, HOST)
  v.setUint16(at + 16, x.mtu, HOST)
  v.setUint8(at + 18, x.flags)
  v.setUint16(at + 20, x.tpid, false)
  v.setUint16(at + 22, x.tci, false)
  v.setUint32(at + 24, x.logical, HOST)
  bytes(v, at + 32, 16).set(x.addr)
}

export interface Route {
  /** next hop id; 0: the dest is on-link, or dropped when ifindex is 0 too. */
  nexthop: number
  /** on-link: the interface the route names. */
  ifindex: number
  /** enum route_kind; only ROUTE_UNICAST leads anywhere. */
  kind: number
  /** its prefixlen. */
  prefix: number
}

/** Size, then the offset of each field, in bytes. */
export const ROUTE = {
  size: 16,
  nexthop: 0,
  ifindex: 4,
  kind: 8,
  prefix: 12,
} as const

export function readRoute(v: DataView, at: number): Route {
  return {
    nexthop: v.getUint32(at + 0, HOST),
    ifindex: v.getUint32(at + 4, HOST),
    kind: v.getUint32(at + 8, HOST),
    prefix: v.getUint32(at + 12, HOST),
  }
}

export function writeRoute(v: DataView, at: number, x: Route): void {
  v.setUint32(at + 0, x.nexthop, HOST)
  v.setUint32(at + 4, x.ifindex, HOST)
  v.setUint32(at + 8, x.kind, HOST)
  v.setUint32(at + 12, x.prefix, HOST)
}

export interface RouteKey {
  /** bits of addr that count; 96 more than an IPv4 prefix has. */
  prefixlen: number
  /** network address, IPv4's as ::ffff:a.b.c.d. */
  addr: Uint8Array
}

/** Size, then the offset of each field, in bytes. */
export const ROUTE_KEY = {
  size: 20,
  prefixlen: 0,
  addr: 4,
} as const

export function readRouteKey(v: DataView, at: number): RouteKey {
  return {
    prefixlen: v.getUint32(at + 0, HOST),
    addr: bytes(v, at + 4, 16),
  }
}

export function writeRouteKey(v: DataView, at: number, x: RouteKey): void {
  v.setUint32(at + 0, x.prefixlen, HOST)
  bytes(v, at + 4, 16).set(x.addr)
}

export interface ScheduleRow {
  /** dest id. */
  dest: number
  /** weight; rr: row chosen after this one; tables: another dest id. */
  value: number
}

/** Size, then the offset of each field, in bytes. */
export const SCHEDULE_ROW = {
  size: 8,
  dest: 0,
  value: 4,
} as const

export function readScheduleRow(v: DataView, at: number): ScheduleRow {
  return {
    dest: v.getUint32(at + 0, HOST),
    value: v.getUint32(at + 4, HOST),
  }
}

export function writeScheduleRow(v: DataView, at: number, x: ScheduleRow): void {
  v.setUint32(at + 0, x.dest, HOST)
  v.setUint32(at + 4, x.value, HOST)
}

export interface Service {
  /** cursor, rows, place and scheduler; see above. */
  schedule: bigint
  /** the scheduler's own; wrr: bits 0-31 the row used last, 32-63 the weight. */
  turn: bigint
  /** picks of wrr while dests start slowly; the data plane counts. */
  slow_turn: number
  /** enum service_flags. */
  flags: number
  /** ticks that a new template lives; 0: not persistent. */
  persistent: number
  /** IPv4: what of a client's address counts for persistence. */
  netmask: number
  /** its port; 0: any. */
  port: number
  /** IPv6: how many bits of a client's address count. */
  prefix: number
  /** ticks that a dest takes to come to its weight; 0: none. */
  slow_start: number
  /** tick at which the last of its dests began to. */
  slow_began: number
}

/** Size, then the offset of each field, in bytes. */
export const SERVICE = {
  size: 64,
  schedule: 0,
  turn: 8,
  slow_turn: 16,
  flags: 20,
  persistent: 24,
  netmask: 28,
  port: 32,
  prefix: 34,
  slow_start: 36,
  slow_began: 40,
} as const

export function readService(v: DataView, at: number): Service {
  return {
    schedule: v.getBigUint64(at + 0, HOST),
    turn: v.getBigUint64(at + 8, HOST),
    slow_turn: v.getUint32(at + 16, HOST),
    flags: v.getUint32(at + 20, HOST),
    persistent: v.getUint32(at + 24, HOST),
    netmask: v.getUint32(at + 28, false),
    port: v.getUint16(at + 32, false),
    prefix: v.getUint8(at + 34),
    slow_start: v.getUint32(at + 36, HOST),
    slow_began: v.getUint32(at + 40, HOST),
  }
}

export function writeService(v: DataView, at: number, x: Service): void {
  v.setBigUint64(at + 0, x.schedule, HOST)
  v.setBigUint64(at + 8, x.turn, HOST)
  v.setUint32(at + 16, x.slow_turn, HOST)
  v.setUint32(at + 20, x.flags, HOST)
  v.setUint32(at + 24, x.persistent, HOST)
  v.setUint32(at + 28, x.netmask, false)
  v.setUint16(at + 32, x.port, false)
  v.setUint8(at + 34, x.prefix)
  v.setUint32(at + 36, x.slow_start, HOST)
  v.setUint32(at + 40, x.slow_began, HOST)
}

export interface ServiceKey {
  /** virtual address. */
  vaddr: Uint8Array
  /** virtual port. */
  vport: number
  /** IP protocol number. */
  protocol: number
  /** enum family. */
  family: number
}

/** Size, then the offset of each field, in bytes. */
export const SERVICE_KEY = {
  size: 24,
  vaddr: 0,
  vport: 16,
  protocol: 18,
  family: 19,
} as const

export function readServiceKey(v: DataView, at: number): ServiceKey {
  return {
    vaddr: bytes(v, at + 0, 16),
    vport: v.getUint16(at + 16, false),
    protocol: v.getUint8(at + 18),
    family: v.getUint8(at + 19),
  }
}

export function writeServiceKey(v: DataView, at: number, x: ServiceKey): void {
  bytes(v, at + 0, 16).set(x.vaddr)
  v.setUint16(at + 16, x.vport, false)
  v.setUint8(at + 18, x.protocol)
  v.setUint8(at + 19, x.family)
}

export interface Settings {
  /** tick at which the daemon was last alive, 0 before the first. */
  heartbeat: number
  /** the time, in ticks, when config.manual_clock is set. */
  clock: number
  /** ticks a TCP connection may rest in each state. */
  tcp_timeout: number[]
  /** ticks a UDP connection may rest. */
  udp_timeout: number
  /** net.ipv4.vs.conn_reuse_mode. */
  conn_reuse_mode: number
  /** net.ipv4.vs.pmtu_disc. */
  pmtu_disc: number
  /** net.ipv4.vs.sloppy_tcp. */
  sloppy_tcp: number
  /** net.ipv4.vs.expire_nodest_conn. */
  expire_nodest_conn: number
  /** net.ipv4.vs.nat_icmp_send. */
  nat_icmp_send: number
  /** net.ipv4.vs.cache_bypass. */
  cache_bypass: number
  /** enum tcp_table: what secure_tcp says just now. */
  tcp_table: number
  /** drop_packet: of so many new connections one is dropped; 0: none. */
  drop_rate: number
  /** attempts until the next is dropped; the data plane counts. */
  drop_counter: number
  /** process id of the daemon that frees slots, 0 before the first. */
  owner: number
  /** milliseconds of the UTC day at which the monotonic clock was 0. */
  day_ms: number
  /** enum replies: what comes within no connection. */
  direct_replies: number
  /** net.ipv4.vs.schedule_icmp. */
  schedule_icmp: number
  /** jiffies between ICMP errors to one receiver. */
  icmp_interval: number[]
  /** bit n: errors of type n are limited. */
  icmp_types: number[]
  /** net.ipv4.icmp_msgs_per_sec. */
  icmp_per_second: number
  /** net.ipv4.icmp_msgs_burst. */
  icmp_burst: number
  /** a dest is this host: what the host sends is looked at. */
  answers_here: number
  /** there are services: what the host sends to itself is looked at. */
  asks_here: number
  /** net.ipv4.vs.expire_quiescent_template. */
  expire_quiescent_template: number
  /** enum fallback. */
  fallbacks: number
  /** net.ipv4.ip_unprivileged_port_start. */
  unprivileged_port: number
  /** ticks after which a set of lblcr loses its busiest dest. */
  lblcr_expiration: number
}

/** Size, then the offset of each field, in bytes. */
export const SETTINGS = {
  size: 176,
  heartbeat: 0,
  clock: 4,
  tcp_timeout: 8,
  udp_timeout: 72,
  conn_reuse_mode: 76,
  pmtu_disc: 80,
  sloppy_tcp: 84,
  expire_nodest_conn: 88,
  nat_icmp_send: 92,
  cache_bypass: 96,
  tcp_table: 100,
  drop_rate: 104,
  drop_counter: 108,
  owner: 112,
  day_ms: 116,
  direct_replies: 120,
  schedule_icmp: 124,
  icmp_interval: 128,
  icmp_types: 136,
  icmp_per_second: 144,
  icmp_burst: 148,
  answers_here: 152,
  asks_here: 156,
  expire_quiescent_template: 160,
  fallbacks: 164,
  unprivileged_port: 168,
  lblcr_expiration: 172,
} as const

export function readSettings(v: DataView, at: number): Settings {
  return {
    heartbeat: v.getUint32(at + 0, HOST),
    clock: v.getUint32(at + 4, HOST),
    tcp_timeout: words(v, at + 8, 16),
    udp_timeout: v.getUint32(at + 72, HOST),
    conn_reuse_mode: v.getUint32(at + 76, HOST),
    pmtu_disc: v.getUint32(at + 80, HOST),
    sloppy_tcp: v.getUint32(at + 84, HOST),
    expire_nodest_conn: v.getUint32(at + 88, HOST),
    nat_icmp_send: v.getUint32(at + 92, HOST),
    cache_bypass: v.getUint32(at + 96, HOST),
    tcp_table: v.getUint32(at + 100, HOST),
    drop_rate: v.getUint32(at + 104, HOST),
    drop_counter: v.getUint32(at + 108, HOST),
    owner: v.getUint32(at + 112, HOST),
    day_ms: v.getUint32(at + 116, HOST),
    direct_replies: v.getUint32(at + 120, HOST),
    schedule_icmp: v.getUint32(at + 124, HOST),
    icmp_interval: words(v, at + 128, 2),
    icmp_types: words(v, at + 136, 2),
    icmp_per_second: v.getUint32(at + 144, HOST),
    icmp_burst: v.getUint32(at + 148, HOST),
    answers_here: v.getUint32(at + 152, HOST),
    asks_here: v.getUint32(at + 156, HOST),
    expire_quiescent_template: v.getUint32(at + 160, HOST),
    fallbacks: v.getUint32(at + 164, HOST),
    unprivileged_port: v.getUint32(at + 168, HOST),
    lblcr_expiration: v.getUint32(at + 172, HOST),
  }
}

export function writeSettings(v: DataView, at: number, x: Settings): void {
  v.setUint32(at + 0, x.heartbeat, HOST)
  v.setUint32(at + 4, x.clock, HOST)
  x.tcp_timeout.forEach((n, i) => { v.setUint32(at + 8 + 4 * i, n, HOST) })
  v.setUint32(at + 72, x.udp_timeout, HOST)
  v.setUint32(at + 76, x.conn_reuse_mode, HOST)
  v.setUint32(at + 80, x.pmtu_disc, HOST)
  v.setUint32(at + 84, x.sloppy_tcp, HOST)
  v.setUint32(at + 88, x.expire_nodest_conn, HOST)
  v.setUint32(at + 92, x.nat_icmp_send, HOST)
  v.setUint32(at + 96, x.cache_bypass, HOST)
  v.setUint32(at + 100, x.tcp_table, HOST)
  v.setUint32(at + 104, x.drop_rate, HOST)
  v.setUint32(at + 108, x.drop_counter, HOST)
  v.setUint32(at + 112, x.owner, HOST)
  v.setUint32(at + 116, x.day_ms, HOST)
  v.setUint32(at + 120, x.direct_replies, HOST)
  v.setUint32(at + 124, x.schedule_icmp, HOST)
  x.icmp_interval.forEach((n, i) => { v.setUint32(at + 128 + 4 * i, n, HOST) })
  x.icmp_types.forEach((n, i) => { v.setUint32(at + 136 + 4 * i, n, HOST) })
  v.setUint32(at + 144, x.icmp_per_second, HOST)
  v.setUint32(at + 148, x.icmp_burst, HOST)
  v.setUint32(at + 152, x.answers_here, HOST)
  v.setUint32(at + 156, x.asks_here, HOST)
  v.setUint32(at + 160, x.expire_quiescent_template, HOST)
  v.setUint32(at + 164, x.fallbacks, HOST)
  v.setUint32(at + 168, x.unprivileged_port, HOST)
  v.setUint32(at + 172, x.lblcr_expiration, HOST)
}

export interface TagNote {
  /** its Ethernet type. */
  tpid: number
  /** priority and VLAN id. */
  tci: number
}

/** Size, then the offset of each field, in bytes. */
export const TAG_NOTE = {
  size: 4,
  tpid: 0,
  tci: 2,
} as const

export function readTagNote(v: DataView, at: number): TagNote {
  return {
    tpid: v.getUint16(at + 0, false),
    tci: v.getUint16(at + 2, false),
  }
}

export function writeTagNote(v: DataView, at: number, x: TagNote): void {
  v.setUint16(at + 0, x.tpid, false)
  v.setUint16(at + 2, x.tci, false)
}

export interface Tunnel {
  /** tick until which mtu holds. */
  mtu_until: number
  /** bytes that a packet may have on the way, 0: nothing was learned. */
  mtu: number
  /** outer source: this host's address on the way to the dest. */
  saddr: Uint8Array
  /** outer destination: the dest's address. */
  daddr: Uint8Array
  /** outer IPv4: sum of the header's words that are always the same, protocol not. */
  sum: number
  /** enum family of the outer header. */
  family: number
}

/** Size, then the offset of each field, in bytes. */
export const TUNNEL = {
  size: 48,
  mtu_until: 0,
  mtu: 4,
  saddr: 8,
  daddr: 24,
  sum: 40,
  family: 44,
} as const

export function readTunnel(v: DataView, at: number): Tunnel {
  return {
    mtu_until: v.getUint32(at + 0, HOST),
    mtu: v.getUint16(at + 4, HOST),
    saddr: bytes(v, at + 8, 16),
    daddr: bytes(v, at + 24, 16),
    sum: v.getUint32(at + 40, HOST),
    family: v.getUint8(at + 44),
  }
}

export function writeTunnel(v: DataView, at: number, x: Tunnel): void {
  v.setUint32(at + 0, x.mtu_until, HOST)
  v.setUint16(at + 4, x.mtu, HOST)
  bytes(v, at + 8, 16).set(x.saddr)
  bytes(v, at + 24, 16).set(x.daddr)
  v.setUint32(at + 40, x.sum, HOST)
  v.setUint8(at + 44, x.family)
}

export interface Tuple {
  saddr: Uint8Array
  daddr: Uint8Array
  sport: number
  dport: number
  protocol: number
  /** enum family. */
  family: number
}

/** Size, then the offset of each field, in bytes. */
export const TUPLE = {
  size: 40,
  saddr: 0,
  daddr: 16,
  sport: 32,
  dport: 34,
  protocol: 36,
  family: 37,
} as const

export function readTuple(v: DataView, at: number): Tuple {
  return {
    saddr: bytes(v, at + 0, 16),
    daddr: bytes(v, at + 16, 16),
    sport: v.getUint16(at + 32, false),
    dport: v.getUint16(at + 34, false),
    protocol: v.getUint8(at + 36),
    family: v.getUint8(at + 37),
  }
}

export function writeTuple(v: DataView, at: number, x: Tuple): void {
  bytes(v, at + 0, 16).set(x.saddr)
  bytes(v, at + 16, 16).set(x.daddr)
  v.setUint16(at + 32, x.sport, false)
  v.setUint16(at + 34, x.dport, false)
  v.setUint8(at + 36, x.protocol)
  v.setUint8(at + 37, x.family)
}

export interface VlanKey {
  /** interface the frame came by. */
  ifindex: number
  /** Ethernet type of the tag. */
  tpid: number
  /** VLAN id. */
  vid: number
}

/** Size, then the offset of each field, in bytes. */
export const VLAN_KEY = {
  size: 8,
  ifindex: 0,
  tpid: 4,
  vid: 6,
} as const

export function readVlanKey(v: DataView, at: number): VlanKey {
  return {
    ifindex: v.getUint32(at + 0, HOST),
    tpid: v.getUint16(at + 4, false),
    vid: v.getUint16(at + 6, false),
  }
}

export function writeVlanKey(v: DataView, at: number, x: VlanKey): void {
  v.setUint32(at + 0, x.ifindex, HOST)
  v.setUint16(at + 4, x.tpid, false)
  v.setUint16(at + 6, x.vid, false)
}
