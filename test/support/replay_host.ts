/**
 * The oracle's topology as the director is told it, and the commands by which a case changes the
 * host. Read next: replay.ts. Source: the oracle's guest/differ.py.
 */
import { familyOf, type Family } from '../../control/model/address.ts'
import { typesOf } from '../../control/dataplane/sysctl.ts'
import type { ErrorLimits, Facts, MarkLookup, RouteFact } from '../../control/plan/network.ts'

/** Frames come in by the loopback device, as if it were a slave of the side they come from. */
export const INGRESS = 1
const NUD_PERMANENT = 0x80
const RT_TABLE_MAIN = 254
const RT_TABLE_LOCAL = 255
const RTN_UNICAST = 1
const RTN_LOCAL = 2

export type Side = 'c' | 'r' | 'm'

interface SideFacts {
  /** Interface index, made up. */
  ifindex: number
  /** What its hosts' addresses begin with, in IPv4 and IPv6. */
  nets: [string, string]
  /** The byte of MAC addresses that tells the sides apart. */
  byte: number
  mtu: number
}

export const SIDES: Record<Side, SideFacts> = {
  c: { ifindex: 11, nets: ['10.0.1.', 'fd01::'], byte: 0x0c, mtu: 1500 },
  r: { ifindex: 12, nets: ['10.0.2.', 'fd02::'], byte: 0x02, mtu: 1500 },
  m: { ifindex: 13, nets: ['10.0.4.', 'fd04::'], byte: 0x04, mtu: 1300 },
}
const SIDE_NAMES = Object.keys(SIDES) as Side[]

function directorMac(side: Side): string {
  return macOfHost(side, 1)
}

function macOfHost(side: Side, host: number): string {
  return [2, 0, 0, 0, SIDES[side].byte, host].map(b => b.toString(16).padStart(2, '0')).join(':')
}

/** Addresses of the director on a side, without its virtual ones. */
function ownAddresses(side: Side): Facts['addresses'] {
  const { ifindex, nets } = SIDES[side]
  return [
    { ifindex, address: `${nets[0]}1`, prefix: 24 },
    { ifindex, address: `${nets[1]}1`, prefix: 64 },
  ]
}

function route(destination: string, prefix: number, ifindex: number, gateway = ''): RouteFact {
  const table = ifindex === INGRESS ? RT_TABLE_LOCAL : RT_TABLE_MAIN
  const type = ifindex === INGRESS ? RTN_LOCAL : RTN_UNICAST
  return { table, type, metric: 0, mtu: 0, nexthops: [], destination, prefix, gateway, ifindex }
}

function neighbours(side: Side): Facts['neighbours'] {
  const { ifindex, nets } = SIDES[side]
  const known = (address: string, host: number) => ({
    ifindex,
    address,
    mac: macOfHost(side, host),
    state: NUD_PERMANENT,
  })
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i)
  return [
    ...range(2, 254).map(n => known(`${nets[0]}${n}`, n)),
    ...range(10, 59).map(n => known(`${nets[1]}${n}`, n)),
    known(`${nets[1]}fe`, 0xfe),
  ]
}

/** Linux's defaults; the oracle's host has no interval. */
const LIMITS: ErrorLimits = {
  intervalMs: [0, 0],
  types: [6168, typesOf('0-1,3-127')],
  perSecond: 1000,
  burst: 50,
}

/** The oracle's network before a case changes it. */
export function oracleFacts(vips: string[]): Facts {
  return {
    links: [
      { ifindex: INGRESS, name: 'lo', mac: '', mtu: 1500, up: true },
      ...SIDE_NAMES.map(side => ({
        ifindex: SIDES[side].ifindex,
        name: `${side}0`,
        mac: directorMac(side),
        mtu: SIDES[side].mtu,
        up: true,
      })),
    ],
    addresses: [
      { ifindex: INGRESS, address: '127.0.0.1', prefix: 8 },
      { ifindex: INGRESS, address: '::1', prefix: 128 },
      ...SIDE_NAMES.flatMap(ownAddresses),
      ...vips.map(vip => virtual(vip)),
    ],
    routes: [
      ...SIDE_NAMES.flatMap(side => [
        route(`${SIDES[side].nets[0]}0`, 24, SIDES[side].ifindex),
        route(SIDES[side].nets[1], 64, SIDES[side].ifindex),
      ]),
      route('10.0.3.0', 24, SIDES.r.ifindex, '10.0.2.254'),
      route('fd03::', 64, SIDES.r.ifindex, 'fd02::fe'),
      route('0.0.0.0', 0, SIDES.c.ifindex, '10.0.1.254'),
      route('::', 0, SIDES.c.ifindex, 'fd01::fe'),
    ],
    neighbours: SIDE_NAMES.flatMap(neighbours),
    limits: LIMITS,
  }
}

function virtual(address: string): Facts['addresses'][number] {
  const prefix = familyOf(address) === 6 ? 128 : 32
  return { ifindex: SIDES.c.ifindex, address, prefix }
}

/** Does what ip and sysctl would, as far as cases use them; false for any other words. */
export function changeHost(facts: Facts, words: string[]): boolean {
  if (words[0] === 'sysctl')
    return words
      .slice(2)
      .map(word => changeFilter(facts, word) || changeLimits(facts, word))
      .includes(true)
  if (words[0] !== 'ip') return false
  const family: Family = words.includes('-6') ? 6 : 4
  const [object, verb, ...rest] = words.slice(1).filter(word => word !== '-6')
  const named = rest.find(word => /[.:]/.test(word)) ?? (family === 6 ? '::/0' : '0.0.0.0/0')
  const [address = '', bits] = named.split('/')
  if (object === 'rule' && verb === 'add')
    facts.markLookups = [...(facts.markLookups ?? []), lookup(rest, family)]
  if (object === 'addr' && verb === 'add') facts.addresses.push(virtual(address))
  if (object === 'addr' && verb === 'del')
    facts.addresses = facts.addresses.filter(fact => fact.address !== address)
  if (object === 'route' && verb === 'del')
    facts.routes = facts.routes.filter(fact => fact.destination !== address)
  if (object === 'route' && verb === 'add') facts.routes.push(added(rest, address, Number(bits)))
  return true
}

/** Settings of ICMP errors, as far as cases use them. */
function changeLimits(facts: Facts, word: string): boolean {
  const [name = '', value = ''] = word.split('=')
  const limits = structuredClone(facts.limits ?? LIMITS)
  if (name === 'net.ipv4.icmp_ratelimit') limits.intervalMs[0] = Number(value)
  if (name === 'net.ipv6.icmp.ratelimit') limits.intervalMs[1] = Number(value)
  if (name === 'net.ipv4.icmp_ratemask') limits.types[0] = Number(value)
  if (name === 'net.ipv6.icmp.ratemask') limits.types[1] = typesOf(value)
  facts.limits = limits
  return name.includes('icmp')
}

/** `net.ipv4.conf.NAME.rp_filter=N` and accept_local; all's are taken to be each interface's. */
function changeFilter(facts: Facts, word: string): boolean {
  const [, name, what, value] =
    /^net\.ipv4\.conf\.(\w+)\.(rp_filter|accept_local)=(\d)$/.exec(word) ?? []
  if (name === undefined) return false
  for (const link of facts.links) {
    if (name !== 'all' && link.name !== name) continue
    if (what === 'rp_filter') link.rpFilter = Number(value)
    else link.acceptLocal = value === '1'
  }
  return true
}

/** `fwmark N lookup TABLE`. */
function lookup(words: string[], family: Family): MarkLookup {
  const after = (word: string) => Number(words[words.indexOf(word) + 1])
  return { family, mark: after('fwmark'), mask: 0xffffffff, table: after('lookup') }
}

/**
 * Does what a case's setup.sh asks of the host; what it asks of iptables comes back as the text
 * that iptables-save would have of it.
 */
export function setUpHost(facts: Facts, script: string): string {
  const lines = script.split('\n').map(line => line.trim())
  for (const line of lines) if (line.startsWith('ip ')) changeHost(facts, line.split(' '))
  return ['iptables', 'ip6tables']
    .map(program => {
      const added = lines.flatMap(line => {
        const rule = new RegExp(`^${program} -t mangle (-A .*)$`).exec(line)?.[1]
        return rule === undefined ? [] : [rule]
      })
      return [`# Generated by ${program}-save`, '*mangle', ...added, 'COMMIT', ''].join('\n')
    })
    .join('')
}

function added(words: string[], destination: string, prefix: number): RouteFact {
  const after = (word: string) => words[words.indexOf(word) + 1] ?? ''
  if (words.includes('local')) {
    const local = route(destination, prefix, INGRESS)
    return words.includes('table') ? { ...local, table: Number(after('table')) } : local
  }
  const side = SIDE_NAMES.find(name => after('dev') === `${name}0`) ?? 'r'
  const gateway = words.includes('via') ? after('via') : ''
  const plain = route(destination, prefix, SIDES[side].ifindex, gateway)
  if (words.includes('unreachable') || words.includes('blackhole')) return { ...plain, type: 7 }
  return words.includes('mtu') ? { ...plain, mtu: Number(after('mtu')) } : plain
}
