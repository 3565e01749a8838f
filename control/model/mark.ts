/**
 * Rules that give packets a firewall mark, as iptables' MARK does where there is no XDP. Imports
 * only the model. Read next: ../plan/marks/rules.ts (what they come to).
 */
import type { Family } from './address.ts'
import type { Origin } from './origin.ts'

/** Protocols by name; icmp is ICMPv6 in IPv6. */
export const MARK_PROTOCOLS = ['tcp', 'udp', 'sctp', 'icmp'] as const
export type MarkProtocol = (typeof MARK_PROTOCOLS)[number]
/** Those that have ports. */
export const PORT_PROTOCOLS: readonly MarkProtocol[] = ['tcp', 'udp', 'sctp']

/** Ports, both ends included. */
export interface PortRange {
  first: number
  last: number
}

/** Which packets: what is not said is any. */
export interface MarkMatch {
  family: Family
  protocol?: MarkProtocol
  /** Prefixes: canonical address, slash, length. */
  to?: string
  from?: string
  /** Destination ports; with a protocol that has some. */
  ports?: PortRange
  /** Interface by which packets come in: a VLAN or a bond by its own name. */
  interface?: string
}

/** The mark that they get, 0 for none, unless a later rule says otherwise. */
export type MarkRule = MarkMatch & { mark: number; origin?: Origin }

export type MarkRuleView = MarkRule & { origin: Origin }

/** Most rules there may be. */
export const MARK_RULES_MAX = 20_000

/** A rule's match alone, without what is not said, its fields in one order. */
export function markMatchOf(rule: MarkMatch): MarkMatch {
  const { family, protocol, to, from, ports, interface: name } = rule
  return {
    family,
    ...(protocol === undefined ? {} : { protocol }),
    ...(to === undefined ? {} : { to }),
    ...(from === undefined ? {} : { from }),
    ...(ports === undefined ? {} : { ports: { first: ports.first, last: ports.last } }),
    ...(name === undefined ? {} : { interface: name }),
  }
}

/** What names a rule, and how people write it: `tcp to 192.0.2.0/24 port 80-90 in eth0`. */
export function markMatchText(match: MarkMatch): string {
  const { family, protocol, to, from, ports, interface: name } = match
  const isSaid = to !== undefined || from !== undefined
  return [
    ...(isSaid ? [] : [`ipv${family}`]),
    ...(protocol === undefined ? [] : [protocol]),
    ...(to === undefined ? [] : ['to', withoutHostLength(to)]),
    ...(ports === undefined ? [] : ['port', portsText(ports)]),
    ...(from === undefined ? [] : ['from', withoutHostLength(from)]),
    ...(name === undefined ? [] : ['in', name]),
  ].join(' ')
}

/** A whole rule in a line. */
export function markRuleText(rule: MarkRule): string {
  return `${markMatchText(rule)} mark ${rule.mark}`
}

export function portsText({ first, last }: PortRange): string {
  return first === last ? `${first}` : `${first}-${last}`
}

/** A prefix of one address is written as that. */
function withoutHostLength(prefix: string): string {
  const whole = prefix.includes(':') ? '/128' : '/32'
  return prefix.endsWith(whole) ? prefix.slice(0, -whole.length) : prefix
}
