/**
 * The nouns an operator speaks of: services, dests, and what is counted about them.
 * Pure. Read next: ../daemon/director.ts (who changes them).
 */
import { withPort } from './address.ts'
import type { Origin } from './origin.ts'

export const PROTOCOLS = ['tcp', 'udp'] as const
export type Protocol = (typeof PROTOCOLS)[number]
/** IP protocol numbers (RFC 9293, RFC 768). */
export const PROTOCOL_NUMBER: Record<Protocol, number> = { tcp: 6, udp: 17 }

export const SCHEDULERS = ['rr', 'wrr', 'wlc'] as const
export type Scheduler = (typeof SCHEDULERS)[number]

export const FORWARDING_METHODS = ['nat', 'dr', 'tun'] as const
export type ForwardingMethod = (typeof FORWARDING_METHODS)[number]

/** Largest weight a dest may have; ipvsadm's own bound. */
export const WEIGHT_MAX = 65535
export const PORT_MAX = 65535

/** What names a service: protocol, canonical address (address.ts), port 1 to 65535. */
export interface ServiceId {
  protocol: Protocol
  address: string
  port: number
}

/** Longest name of a service: it shares a line with other things in listings. */
export const SERVICE_NAME_MAX = 64

export interface Service extends ServiceId {
  scheduler: Scheduler
  /** What people call it; no two services have the same. */
  name?: string
  origin?: Origin
}

/** What names a dest inside its service. */
export interface DestId {
  address: string
  port: number
}

export interface Dest extends DestId {
  fwd: ForwardingMethod
  /** 0 to WEIGHT_MAX; 0: quiesced, no new connections. */
  weight: number
  origin?: Origin
}

/** Counters since creation or the last zero; bytes are IP bytes. */
export interface Traffic {
  conns: number
  inPackets: number
  outPackets: number
  inBytes: number
  outBytes: number
}

/** What the counters gain in a second, as IPVS estimates it; bytes, not bits. */
export interface Rates {
  conns: number
  inPackets: number
  outPackets: number
  inBytes: number
  outBytes: number
}

export interface DestView extends Dest {
  origin: Origin
  active: number
  inactive: number
  /** Whether the next hop towards it is known, or does not answer; 'local': it is this host. */
  nextHop: 'resolved' | 'resolving' | 'unreachable' | 'no route' | 'local'
  traffic: Traffic
  rates: Rates
}

/** A service as it is shown. dests come newest first, the order schedulers use. */
export interface ServiceView extends Service {
  origin: Origin
  /** false: the virtual address is not an address of this host, so nothing is balanced. */
  vipLocal: boolean
  traffic: Traffic
  rates: Rates
  dests: DestView[]
}

export interface ConnView {
  protocol: Protocol
  /** IPVS' name of the state, for example ESTABLISHED; UDP for udp. */
  state: string
  /** Seconds until it has expired, rounded up. Differs from LVS: rounded down there. */
  expiresS: number
  client: DestId
  virtual: DestId
  dest: DestId
  fwd: ForwardingMethod
}

export type AttachMode = 'native' | 'generic'

export interface InterfaceView {
  name: string
  ifindex: number
  mode: AttachMode
  /** false: the interface has gone or lost the program. */
  present: boolean
  /** It is up and has a link: frames can come in. */
  running: boolean
  origin: Origin
}

/** The text form of a service id: tcp:192.0.2.1:80, tcp:[2001:db8::1]:80. */
export function serviceName(id: ServiceId): string {
  return `${id.protocol}:${withPort(id.address, id.port)}`
}

/** The text form of a dest id: 10.0.0.2:8080, [2001:db8::2]:8080. */
export function destName(id: DestId): string {
  return withPort(id.address, id.port)
}
