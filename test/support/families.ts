/**
 * The two families, so that one test body has a row for each: the same hosts in both, and what
 * differs between them. Read next: topology.ts, which makes them neighbours.
 */
import { at, QUOTE_MAX } from './frames.ts'

export interface Family {
  name: 'IPv4' | 'IPv6'
  client: string
  /** On the client's link, and nobody knows its MAC address. */
  stranger: string
  /** A client behind the router. */
  far: string
  router: string
  /** The director's own address. */
  director: string
  vip: string
  /** A second virtual address, which has no service unless a test makes one. */
  other: string
  /** 10.0.0.n and its like. */
  dest(n: number): string
  /** Type and code of the errors that a director sends or sees. */
  errors: Record<'expired' | 'unreachable' | 'noPort' | 'tooBig', readonly [number, number]>
  /** Bytes of a packet that an error quotes at most. */
  quoteMax: number
  /** Bytes of its header. */
  header: number
}

export const IPV4: Family = {
  name: 'IPv4',
  client: '198.51.100.7',
  stranger: '198.51.100.77',
  far: '203.0.113.9',
  router: '198.51.100.254',
  director: '198.51.100.1',
  vip: '192.0.2.1',
  other: '192.0.2.2',
  dest: n => `10.0.0.${n}`,
  errors: { expired: [11, 0], unreachable: [3, 1], noPort: [3, 3], tooBig: [3, 4] },
  quoteMax: QUOTE_MAX.IPv4,
  header: 20,
}

export const IPV6: Family = {
  name: 'IPv6',
  client: '2001:db8:3::7',
  stranger: '2001:db8:3::77',
  far: '2001:db8:ffff::9',
  router: '2001:db8:3::254',
  director: '2001:db8:3::1',
  vip: '2001:db8::1',
  other: '2001:db8::2',
  dest: n => `2001:db8:2::${n.toString(16)}`,
  errors: { expired: [3, 0], unreachable: [1, 3], noPort: [1, 4], tooBig: [2, 0] },
  quoteMax: QUOTE_MAX.IPv6,
  header: 40,
}

export const FAMILIES = [IPV4, IPV6]

export const CPORT = 40000
export const VPORT = 80
export const DPORT = 8080

/** Paths of one connection to dest 2: as the client and the dest send, and as they receive. */
export function paths(f: Family, dport = DPORT) {
  const [client, virtual, dest] = [at(f.client, CPORT), at(f.vip, VPORT), at(f.dest(2), dport)]
  return {
    request: `${client} > ${virtual}`,
    requestOut: `${client} > ${dest}`,
    reply: `${dest} > ${client}`,
    replyOut: `${virtual} > ${client}`,
  }
}

/** A service on the virtual address with dest 2, for director(). */
export function service(
  f: Family,
  { protocol = 'tcp', fwd = 'nat', dport = DPORT, weight = 1, dest = f.dest(2) } = {},
): string {
  return `${protocol} ${at(f.vip, VPORT)} rr\n-> ${at(dest, dport)} ${fwd} weight ${weight}\n`
}

/** Both protocols' services. */
export function services(f: Family, o: Omit<NonNullable<ServiceOptions>, 'protocol'> = {}): string {
  return ['tcp', 'udp'].map(protocol => service(f, { ...o, protocol })).join('')
}
type ServiceOptions = Parameters<typeof service>[1]
