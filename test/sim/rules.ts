/**
 * The rules of IPVS as tables and small functions, in the words of the specification. Written from
 * that, and from what the recorded kernel does; it shares nothing with the program. A planted error
 * (planted.ts) is a changed copy of this object. Read next: ipvs.ts, which asks it.
 * Source: ip_vs_proto_tcp.c, ip_vs_proto_udp.c, ip_vs_core.c, ip_vs_xmit.c (v6.12); RFC 792, 4443.
 */

import { markOf } from './marks.ts'
import {
  dh,
  fo,
  lblc,
  lblcr,
  lc,
  maglev,
  mh,
  nq,
  ovf,
  rr,
  sed,
  sh,
  wlc,
  wrr,
} from './schedulers.ts'
import { templateKey } from './templates.ts'

/** States in the order of the tables below; UDP is always in the first. */
export const STATES = ['NO', 'ES', 'SS', 'SR', 'FW', 'TW', 'CL', 'CW', 'LA', 'LI', 'SA'] as const
export type State = (typeof STATES)[number]
export type Direction = 'input' | 'output' | 'input-only'
export type Fwd = 'nat' | 'dr' | 'tun'

export const FIN = 0x01
export const SYN = 0x02
export const RST = 0x04
export const ACK = 0x10

export const TCP = 6
export const UDP = 17
export const ICMP = 1
export const ICMP6 = 58

/** Next states by direction and event, a column for each current state. */
const TCP_NEXT = {
  'input syn': 'SR ES ES SR SR SR SR SR SR SR SR',
  'input fin': 'CL CW SS TW TW TW CL CW LA LI TW',
  'input ack': 'ES ES SS ES FW TW CL CW CL LI ES',
  'input rst': 'CL CL CL SR CL CL CL CL LA LI SR',
  'output syn': 'SS ES SS SR SS SS SS SS SS LI SR',
  'output fin': 'TW FW SS TW FW TW CL TW LA LI TW',
  'output ack': 'ES ES SS ES FW TW CL CW LA ES ES',
  'output rst': 'CL CL SS CL CL TW CL CL CL CL CL',
  'input-only syn': 'SR ES ES SR SR SR SR SR SR SR SR',
  'input-only fin': 'CL FW SS TW FW TW CL CW LA LI TW',
  'input-only ack': 'ES ES SS ES FW TW CL CW CL LI ES',
  'input-only rst': 'CL CL CL SR CL CL CL CL LA LI CL',
}

/** The same while `secure_tcp` is in force; rows that are not here are the same. */
const TCP_SECURE = {
  'input syn': 'SR ES ES SR SR SR SR SR SR SR SA',
  'input fin': 'CL CW SS TW TW TW CL CW LA LI SA',
  'input ack': 'ES ES SS SR FW TW CL CW CL LI SA',
  'input rst': 'CL CL CL SR CL CL CL CL LA LI CL',
  'output syn': 'SS ES SS SA SS SS SS SS SS LI SA',
  'input-only syn': 'SA ES ES SR SA SA SA SA SA SA SA',
}

/** Settings of IPVS that have a say here; timeouts are those of `ipvsadm --set`, in seconds. */
export interface Settings {
  conn_reuse_mode: number
  expire_nodest_conn: number
  expire_quiescent_template: number
  /** Modes 0 and 3 only: those between go by the memory that is left. */
  secure_tcp: number
  drop_packet: number
  am_droprate: number
  sloppy_tcp: number
  pmtu_disc: number
  tcp_timeout_s: number
  tcp_fin_timeout_s: number
  udp_timeout_s: number
}

export const DEFAULTS: Settings = {
  ...{ conn_reuse_mode: 1, expire_nodest_conn: 0, sloppy_tcp: 0, pmtu_disc: 1 },
  expire_quiescent_template: 0,
  ...{ secure_tcp: 0, drop_packet: 0, am_droprate: 10 },
  ...{ tcp_timeout_s: 900, tcp_fin_timeout_s: 120, udp_timeout_s: 300 },
}

/** What the reuse check looks at. */
export interface Reusable {
  protocol: number
  state: State
  noOutput: boolean
  /** It was made from a template. */
  control: object | undefined
  dest: { weight: number }
}

/** Who may ask for a connection, and who may be answered. */
export interface Source {
  isV6: boolean
  /** Bytes of the address. */
  bytes: Buffer
  /** It is an address of this host. */
  isOwn: boolean
}

function table(rows: Record<string, string>): Map<string, State[]> {
  return new Map(Object.entries(rows).map(([row, cells]) => [row, cells.split(' ') as State[]]))
}

export type Rules = typeof RULES

export const RULES = {
  /** Seconds a TCP connection may rest in a state that `--set` does not reach. */
  timeoutS: {
    ...{ NO: 2, SS: 120, SR: 60, TW: 120, CL: 10, CW: 60, LA: 30, LI: 120, SA: 120 },
  } as Record<State, number>,
  /** States that count as active connections. */
  active: new Set<State>(['ES', 'SS', 'SR', 'SA']),
  next: table(TCP_NEXT),
  nextSecure: table({ ...TCP_NEXT, ...TCP_SECURE }),

  /** RST before SYN before FIN before ACK; none of them is the end. */
  event(flags: number): string {
    if (flags & RST) return 'rst'
    if (flags & SYN) return 'syn'
    if (flags & FIN) return 'fin'
    return flags & ACK ? 'ack' : 'none'
  },

  nextState(direction: Direction, flags: number, state: State, set: Settings): State {
    const next = set.secure_tcp === 3 ? this.nextSecure : this.next
    return next.get(`${direction} ${this.event(flags)}`)?.[STATES.indexOf(state)] ?? 'CL'
  },

  /** Seconds until an entry expires, from its last packet on. */
  timeout(protocol: number, state: State, set: Settings): number {
    if (protocol === UDP) return set.udp_timeout_s
    if (state === 'ES') return set.tcp_timeout_s
    return state === 'FW' ? set.tcp_fin_timeout_s : this.timeoutS[state]
  },

  /** Entries that wait for the dest's first packet to leave their own rows of the table (9.1). */
  hasNoOutput: (fwd: Fwd): boolean => fwd !== 'nat',

  /** IPVS meets its own error on the way out, as a reply by any method but NAT. */
  isErrorCounted: (fwd: Fwd): boolean => fwd !== 'nat',

  /** Which of the entries that want one reply key answers; the oldest is first. */
  answering: <E>(entries: readonly E[]): E | undefined => entries.at(-1),

  /** The schedulers. */
  pick: { rr, wrr, wlc, lc, fo, ovf, sed, nq, lblc, lblcr, dh, sh, mh, maglev },

  /** Who shares a template (10.1, 10.2). */
  templateKey,
  /** Seconds that a template goes on for when connections keep it over its time. */
  templateAgainS: 60,
  /** When such a minute is over: it begins when the kernel's wheel, which steps, has noticed. */
  templateNext(until: number, second: number): number {
    const step = 2.048 * second
    const noticed = Math.ceil((until + second / 2) / step) * step
    return Math.round(noticed + this.templateAgainS * second)
  },
  /** Whether the dest of a template gets its clients' new connections (10.4). */
  keeps: (dest: { isThere: boolean; weight: number }, set: Settings): boolean =>
    dest.isThere && (dest.weight > 0 || set.expire_quiescent_template === 0),
  /** The port at a dest of a new connection (4.1, 10.3). */
  portAtDest(dport: number, destPort: number, service: { port: number; persistentS: number }) {
    const isKept = service.persistentS > 0 && service.port !== dport
    return destPort === 0 || isKept ? dport : destPort
  },
  /** Whether a packet is scheduled alone (4.1). */
  isOnce: ({ protocol }: { protocol: number }, { onePacket }: { onePacket: boolean }): boolean =>
    protocol === UDP && onePacket,
  /** The mark of a packet. */
  markOf,

  /** What may begin a connection (4.1). */
  mayStart(protocol: number, flags: number, set: Settings): boolean {
    if (protocol === UDP) return true
    if (flags & RST) return false
    return (flags & SYN) !== 0 || set.sloppy_tcp !== 0
  },

  /** Which entry a SYN does not go on with (2.1). */
  isReused({ protocol, state, noOutput, control, dest }: Reusable, set: Settings): boolean {
    if (protocol !== TCP) return false
    if (set.expire_nodest_conn !== 0 && dest.weight === 0) return true
    const mode = set.conn_reuse_mode
    if (mode === 0 || control) return false
    return state === 'TW' || state === 'CL' || ((mode & 2) !== 0 && state === 'FW' && noOutput)
  },

  /** The source port of active FTP's data is never scheduled. */
  ftpDataPort: 20,

  /** Of the packets that may begin a connection one of so many is dropped; 0: none. */
  dropRate: ({ drop_packet, am_droprate }: Settings): number =>
    drop_packet === 3 ? am_droprate : 0,

  /** Whether packets from a client's port find its entries; those of others begin new ones. */
  isFound: (cport: number): boolean => cport !== 0,

  /** Sources that the host takes for martian. */
  isMartian({ isV6, bytes, isOwn }: Source): boolean {
    const first = bytes[0] ?? 0
    if (isV6) return first === 0xff || bytes.equals(LOOPBACK6)
    const isMulticast = first >> 4 === 0xe
    const word = bytes.readUInt32BE(0)
    return isOwn || word === 0 || word === 0xffffffff || first === 127 || isMulticast
  },

  /** Sources that no ICMP error is sent to. */
  isUnanswerable({ isV6, bytes }: Source): boolean {
    if (!isV6) return false
    return bytes.every(byte => byte === 0)
  },

  /** ICMP types that are errors about packets (6.1). */
  isIcmpError(type: number, isV6: boolean): boolean {
    return isV6 ? type < 128 : type === 3 || type === 4 || type === 11
  },

  /** Type and code of the errors that the director sends itself, IPv4's and IPv6's. */
  errors: {
    'ttl expired': { v4: [11, 0], v6: [3, 0] },
    'too big': { v4: [3, 4], v6: [2, 0] },
    'no dest': { v4: [3, 3], v6: [1, 4] },
    unreachable: { v4: [3, 1], v6: [1, 3] },
  } as Record<string, { v4: [number, number]; v6: [number, number] }>,
  /** Bytes of a packet that an error quotes at most: of 576, of 1280. */
  quoteMax: { v4: 548, v6: 1232 },
  errorTtl: 64,
  /** TOS of an error about a packet with this one. */
  errorTos: (tos: number): number => 0xc0 | (tos & 0x1e),

  /** Bytes that a tunnel's outer header takes, and the least that must be left for the inner. */
  outer: { v4: 20, v6: 40 },
  innerMin: { v4: 68, v6: 1280 },
  /** Outer TOS: a mark of congestion stays the inner packet's own. */
  outerTos: (tos: number): number => ((tos & 3) === 3 ? (tos & 0xfc) | 2 : tos),

  /** A UDP checksum that comes out as nothing is written as this. */
  udpZero: 0xffff,
  /** Hops that a packet must have left to be sent on. */
  hopsMin: 2,
}

const LOOPBACK6 = Buffer.from([...new Array<number>(15).fill(0), 1])
