/**
 * Mark rules of a simulated life: the last one that matches says the mark. Read next: ipvs.ts.
 */
import type { Family } from '../support/families.ts'
import { FAMILIES, IPV4 } from '../support/families.ts'
import { oneOf, type Random } from '../support/random.ts'
import { latin1, virtuals } from './place.ts'
import { TCP, UDP } from './rules.ts'

/** What a rule looks at; what is absent is any. */
export interface MarkRule {
  isV6: boolean
  protocol?: 'tcp' | 'udp'
  to?: string
  from?: string
  ports?: [first: number, last: number]
  mark: number
}

/** The mark that services have, and one that none has. */
export const SERVED = 7
const UNSERVED = 8
/** Enough of them that some packets match several. */
const [RULES_MIN, RULES_MAX] = [2, 6]

/** Half of all lives have some; in those no virtual address leaves, as the model says. */
export function drawnRules(random: Random): MarkRule[] {
  if (random(2) === 0) return []
  return FAMILIES.flatMap(f =>
    Array.from({ length: RULES_MIN + random(RULES_MAX - RULES_MIN) }, () => drawn(random, f)),
  )
}

function drawn(random: Random, f: Family): MarkRule {
  const protocol = oneOf(random, [undefined, 'tcp', 'udp'] as const)
  const to = oneOf(random, [undefined, ...virtuals(f)])
  const from = oneOf(random, [undefined, undefined, f.stranger])
  const ports = protocol && random(2) === 0 ? ([53, oneOf(random, [80, 8080])] as const) : undefined
  return {
    isV6: f !== IPV4,
    mark: oneOf(random, [0, SERVED, SERVED, SERVED, UNSERVED]),
    ...(protocol && { protocol }),
    ...(to !== undefined && { to }),
    ...(from !== undefined && { from }),
    ...(ports && { ports: [...ports] }),
  }
}

/** As an operator writes it. */
export function markText({ isV6, protocol, to, from, ports, mark }: MarkRule): string {
  return [
    ...(to === undefined && from === undefined ? [isV6 ? 'ipv6' : 'ipv4'] : []),
    ...(protocol ? [protocol] : []),
    ...(to === undefined ? [] : ['to', to]),
    ...(from === undefined ? [] : ['from', from]),
    ...(ports ? ['port', ports.join('-')] : []),
    ...['mark', String(mark)],
  ].join(' ')
}

/** What a service of a mark is found by. */
export function markKey(isV6: boolean, mark: number): string {
  return `${isV6 ? 6 : 4} ${mark}`
}

/** A packet that may be marked. */
interface Marked {
  isV6: boolean
  protocol: number
  from: string
  to: string
  dport: number
}

export function markOf(rules: readonly MarkRule[], packet: Marked): number {
  return rules.findLast(rule => isMatch(rule, packet))?.mark ?? 0
}

function isMatch({ isV6, protocol, to, from, ports }: MarkRule, packet: Marked): boolean {
  if (isV6 !== packet.isV6) return false
  if (protocol && packet.protocol !== (protocol === 'udp' ? UDP : TCP)) return false
  if (to !== undefined && packet.to !== latin1(to)) return false
  if (from !== undefined && packet.from !== latin1(from)) return false
  return !ports || (packet.dport >= ports[0] && packet.dport <= ports[1])
}
