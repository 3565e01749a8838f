/**
 * The nouns an operator speaks of: services, dests, and what is counted about them.
 * Pure. Read next: ../daemon/director.ts (who changes them).
 */
import { familyOf, withPort, type Family } from './address.ts'
import type { Origin } from './origin.ts'

export const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const
export type Protocol = (typeof PROTOCOLS)[number]
/** IP protocol numbers (RFC 9293, RFC 768, RFC 9260). */
export const PROTOCOL_NUMBER: Record<Protocol, number> = { tcp: 6, udp: 17, sctp: 132 }

/** IPVS' own, in the order of its documentation, then ours; all can be asked for. */
export const SCHEDULERS = [
  ...(['rr', 'wrr', 'lc', 'wlc', 'fo', 'ovf', 'lblc', 'lblcr'] as const),
  ...(['dh', 'sh', 'mh', 'sed', 'nq', 'twos', 'none'] as const),
  ...(['maglev'] as const),
] as const
export type Scheduler = (typeof SCHEDULERS)[number]

export const SCHED_FLAGS = ['flag-1', 'flag-2', 'flag-3'] as const
export type SchedFlag = (typeof SCHED_FLAGS)[number]

export const FORWARDING_METHODS = ['nat', 'dr', 'tun'] as const
export type ForwardingMethod = (typeof FORWARDING_METHODS)[number]

/** Largest weight a dest may have: the kernel's, a signed number of 32 bits. */
export const WEIGHT_MAX = 2147483647
/** Largest threshold, the kernel's too. */
export const THRESHOLD_MAX = 2147483647
export const PORT_MAX = 65535
export const MARK_MAX = 4294967295
/** Longest persistence, 31 days: ipvsadm's own bound. */
export const PERSISTENT_S_MAX = 2678400
/** ipvsadm's, for -p without a value. */
export const PERSISTENT_S_DEFAULT = 360

/** A service by protocol, canonical address (address.ts), port; port 0: any, if persistent. */
export interface AddressServiceId {
  protocol: Protocol
  address: string
  port: number
}

/** A service by the firewall mark of its packets, 1 to MARK_MAX. */
export interface MarkServiceId {
  protocol: 'fwmark'
  family: Family
  mark: number
}

/** What names a service. */
export type ServiceId = AddressServiceId | MarkServiceId

/** Longest name of a service: it shares a line with other things in listings. */
export const SERVICE_NAME_MAX = 64

/** What becomes of connections whose dest is removed; `drain:SECONDS` is another. */
export const DEST_GONE = ['keep', 'drop', 'reset'] as const
export type DestGone = (typeof DEST_GONE)[number] | `drain:${number}`
/** Longest drain, what 16 bits hold. */
export const DRAIN_S_MAX = 65535

/** Schedulers that heed a slow start. */
export const SLOW_SCHEDULERS: readonly Scheduler[] = ['wrr', 'wlc', 'lc', 'sed', 'nq']
/** Longest slow start, a day. */
export const SLOW_START_S_MAX = 86400

export const ENGINES = ['sip'] as const
export type Engine = (typeof ENGINES)[number]

/** What of a service is not its id. */
export interface ServiceSettings {
  scheduler: Scheduler
  /** Sorted, each once, not empty. What they mean is the scheduler's. */
  schedFlags?: SchedFlag[]
  /** Seconds that a client stays with its dest, 1 to PERSISTENT_S_MAX; absent: not persistent. */
  persistentS?: number
  /**
   * How much of a client's address counts for persistence: a dotted mask in IPv4, the length of a
   * prefix in IPv6; absent: all of it. Has no effect without persistence.
   */
  netmask?: string
  /** Every packet is scheduled alone, UDP and marks only. */
  onePacket?: true
  /** Persistence engine. Has no effect without persistence. */
  engine?: Engine
  /** What becomes of connections whose dest is removed; absent: keep, as IPVS does. */
  destGone?: DestGone
  /** Seconds in which a dest that is new to it comes to its weight; absent, or 0: at once. */
  slowStartS?: number
  /** What people call it; no two services have the same. */
  name?: string
  origin?: Origin
}

export type Service = ServiceId & ServiceSettings
export type AddressService = AddressServiceId & ServiceSettings

/** What names a dest inside its service; port 0: that which packets came to. */
export interface DestId {
  address: string
  port: number
}

export const TUNNEL_TYPES = ['gue', 'gre'] as const
export const TUNNEL_CHECKSUMS = ['csum', 'remcsum'] as const

/** How packets travel in a tunnel that is not plain IP in IP. */
export interface TunnelOptions {
  type: (typeof TUNNEL_TYPES)[number]
  /** UDP port of gue, 1 to 65535; gre has none. */
  port?: number
  /** Absent: none. gre knows no remcsum. */
  checksum?: (typeof TUNNEL_CHECKSUMS)[number]
}

/** What of a dest is not its id. */
export interface DestSettings {
  fwd: ForwardingMethod
  /** 0 to WEIGHT_MAX; 0: quiesced, no new connections. */
  weight: number
  /** Connections from which on it gets no new ones, 1 to THRESHOLD_MAX; absent: no limit. */
  upper?: number
  /** Below this many it gets new ones again, 1 to upper; absent: three quarters of upper. */
  lower?: number
  /** Of tun only; absent: ipip. */
  tunnel?: TunnelOptions
  origin?: Origin
  /** Nobody asks for it: the last weight that was not 0, of a dest that is quiesced now. */
  lastWeight?: number
}

export type Dest = DestId & DestSettings

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

export type DestView = Dest & {
  origin: Origin
  active: number
  inactive: number
  /** Persistence templates that name it. */
  persistent: number
  /** Whether the next hop towards it is known, or does not answer; 'local': it is this host. */
  nextHop: 'resolved' | 'resolving' | 'unreachable' | 'no route' | 'local'
  traffic: Traffic
  rates: Rates
  /** It has come to its upper threshold, and gets no new connections. */
  overloaded?: true
  /** Seconds that it has yet to come to its weight, in a slow start; absent: it has it. */
  slowStartLeftS?: number
  /** What of it the data plane does not do yet, in words. */
  notActive: string[]
}

/** A dest that was removed and whose connections go on for a while, as its service says. */
export type DrainView = DestId & {
  fwd: ForwardingMethod
  active: number
  inactive: number
  /** Seconds that they may go on. */
  leftS: number
}

/** A service as it is shown. dests come newest first, the order schedulers use. */
export type ServiceView = Service & {
  origin: Origin
  /** false: the virtual address is not an address of this host, so nothing is balanced. */
  vipLocal: boolean
  traffic: Traffic
  rates: Rates
  dests: DestView[]
  /** Absent: none has connections that go on. */
  drains?: DrainView[]
  /** What of it the data plane does not do yet, in words. */
  notActive: string[]
}

/** A view of a service that is not a mark. */
export type AddressServiceView = Extract<ServiceView, AddressServiceId>
/** And of one that is. */
export type MarkServiceView = Extract<ServiceView, MarkServiceId>

export interface ConnView {
  /** ip: a template of a mark's service, for all protocols. */
  protocol: Protocol | 'ip'
  /** IPVS' name of the state, for example ESTABLISHED; UDP for udp. */
  state: string
  /** Whole seconds until it expires. */
  expiresS: number
  client: DestId
  virtual: DestId
  dest: DestId
  fwd: ForwardingMethod
  /** It is a template, by which a client's next connections get the same dest. */
  isTemplate?: true
  /** Of a template that an engine made: what it has seen, a character a byte. */
  engine?: { name: Engine; data: string }
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

export function isMark<S extends ServiceId>(id: S): id is S & MarkServiceId {
  return id.protocol === 'fwmark'
}

/** The id alone of what has one. */
export function serviceIdOf(id: ServiceId): ServiceId {
  if (isMark(id)) return { protocol: id.protocol, family: id.family, mark: id.mark }
  return { protocol: id.protocol, address: id.address, port: id.port }
}

/** What of a service, or of a view of one, can be asked for; whose it is comes otherwise. */
export function serviceSettingsOf(of: ServiceSettings): Omit<ServiceSettings, 'origin'> {
  const { scheduler, schedFlags, persistentS, netmask, onePacket, engine } = of
  const { destGone, slowStartS, name } = of
  return withoutUndefined<Omit<ServiceSettings, 'origin'>>({
    ...{ scheduler, schedFlags, persistentS, netmask, onePacket, engine },
    ...{ destGone, slowStartS, name },
  })
}

/** What of a dest, or of a view of one, can be asked for. */
export function destSettingsOf(of: DestSettings): Omit<DestSettings, 'origin'> {
  const { fwd, weight, upper, lower, tunnel } = of
  return withoutUndefined<Omit<DestSettings, 'origin'>>({ fwd, weight, upper, lower, tunnel })
}

/** The dest in the place of another, or new: quiesced, it remembers the weight that it had. */
export function succeeding<D extends Dest>(dest: D, was: Dest | undefined): D {
  const lastWeight = was && (was.weight || was.lastWeight)
  if (dest.weight !== 0 || !lastWeight) return dest
  return { ...dest, lastWeight }
}

/** The default is not written. */
export function notKeep(destGone: DestGone | undefined): DestGone | undefined {
  return destGone === 'keep' ? undefined : destGone
}

/** Nor is a slow start of no length. */
export function notAtOnce(slowStartS: number | undefined): number | undefined {
  return slowStartS === 0 ? undefined : slowStartS
}

/** Without the fields that have no value. */
export function withoutUndefined<T extends object>(object: {
  [K in keyof T]: T[K] | undefined
}): T {
  const fields = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(fields) as T
}

/** The family of a service's packets. */
export function familyOfService(id: ServiceId): Family {
  return isMark(id) ? id.family : familyOf(id.address)
}

/** The port that its dests have when they name none. */
export function portOfService(id: ServiceId): number {
  return isMark(id) ? 0 : id.port
}

/** The text form of a service id: tcp:192.0.2.1:80, tcp:[2001:db8::1]:80, fwmark:77, fwmark6:78. */
export function serviceName(id: ServiceId): string {
  if (isMark(id)) return `${id.family === 6 ? 'fwmark6' : 'fwmark'}:${id.mark}`
  return `${id.protocol}:${withPort(id.address, id.port)}`
}

/** The text form of a dest id: 10.0.0.2:8080, [2001:db8::2]:8080. */
export function destName(id: DestId): string {
  return withPort(id.address, id.port)
}

/** What a few schedulers call flags; every other scheduler's have no names. */
const FLAG_NAMES: Partial<Record<Scheduler, Partial<Record<SchedFlag, string>>>> = {
  sh: { 'flag-1': 'sh-fallback', 'flag-2': 'sh-port' },
  mh: { 'flag-1': 'mh-fallback', 'flag-2': 'mh-port' },
  maglev: { 'flag-2': 'maglev-port' },
}

/** Every word that means a flag, whatever the scheduler: ipvsadm takes all of them, too. */
export const FLAG_WORDS: Readonly<Record<string, SchedFlag>> = {
  ...Object.fromEntries(SCHED_FLAGS.map(flag => [flag, flag])),
  ...{ 'sh-fallback': 'flag-1', 'sh-port': 'flag-2' },
  ...{ 'mh-fallback': 'flag-1', 'mh-port': 'flag-2' },
  'maglev-port': 'flag-2',
}

/** A flag as people read it: sh-port for flag-2 of sh. */
export function schedFlagName(scheduler: Scheduler, flag: SchedFlag): string {
  return FLAG_NAMES[scheduler]?.[flag] ?? flag
}
