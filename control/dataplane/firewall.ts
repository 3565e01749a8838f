/**
 * Rules of the INPUT firewall that name a service: XDP comes before them, so they do not see its
 * packets any more. Read by nft and iptables-save, where these are, in bounded time and size.
 * What a rule says in other words than addresses and ports is not understood, and not warned of.
 * Source: libnftables-json(5), iptables-save(8).
 */
import { execFile } from 'node:child_process'
import { BlockList, isIPv6 } from 'node:net'
import { promisify } from 'node:util'
import type { AddressServiceId } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'

/** Where firewalls' programs are, whatever is first in the PATH of who started the daemon. */
const PATH = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
const READ_MS_MAX = 2000
const READ_BYTES_MAX = 16 * 1024 * 1024
/** Rules told one by one. */
const RULES_MAX = 5

/** A rule that names a service, and the command that removes it. */
export interface NamingRule {
  service: string
  rule: string
  cure: string
}

/** One warning a rule, and one for those beyond RULES_MAX. */
export async function firewallWarnings(
  services: readonly AddressServiceId[],
  path = PATH,
): Promise<Warning[]> {
  if (services.length === 0) return []
  const [nft, ip4, ip6] = await Promise.all([
    output(path, 'nft', ['-j', 'list', 'ruleset']),
    output(path, 'iptables-save'),
    output(path, 'ip6tables-save'),
  ])
  const rules = [
    ...iptablesRules('iptables', ip4, services),
    ...iptablesRules('ip6tables', ip6, services),
    ...nftRules(nft, services, ip4 !== ''),
  ]
  return [...rules.slice(0, RULES_MAX).map(ruleWarning), ...restWarning(rules.length - RULES_MAX)]
}

function ruleWarning({ service, rule, cure }: NamingRule): Warning {
  return {
    kind: 'input-firewall',
    message: `${rule} names ${service}, but no longer sees its packets: XDP comes before it`,
    cure,
  }
}

function restWarning(more: number): Warning[] {
  if (more <= 0) return []
  const message = `${more} more rules of the INPUT firewall name services and see no packets`
  return [{ kind: 'input-firewall', message, cure: 'nft list ruleset' }]
}

/** '' when there is no such program, or it takes too long or says too much. */
async function output(path: string, program: string, args: string[] = []): Promise<string> {
  try {
    const limits = {
      timeout: READ_MS_MAX,
      maxBuffer: READ_BYTES_MAX,
      killSignal: 'SIGKILL',
    } as const
    const env = { PATH: path, LC_ALL: 'C' }
    return (await promisify(execFile)(program, args, { ...limits, env })).stdout
  } catch {
    return ''
  }
}

/** What a rule asks of a packet; each given one has to hold. */
interface Conditions {
  addresses: { list: string[]; not: boolean }[]
  ports: { list: string[]; not: boolean }[]
  protocols: { list: string[]; not: boolean }[]
}

/** Whether it names the service, by address or port, and holds for it. */
function names(rule: Conditions, { protocol, address, port }: AddressServiceId): boolean {
  const named = [...rule.addresses, ...rule.ports].some(({ not }) => !not)
  const holds = (
    conditions: Conditions[keyof Conditions],
    has: (list: string[]) => boolean,
  ): boolean => conditions.every(({ list, not }) => has(list) !== not)
  return (
    named &&
    holds(rule.addresses, list => list.some(one => coversAddress(one, address))) &&
    holds(rule.ports, list => list.some(one => coversPort(one, port))) &&
    holds(rule.protocols, list => list.includes(protocol) || list.includes('all'))
  )
}

/** An address, a prefix or a range `a-b`. */
function coversAddress(one: string, address: string): boolean {
  const family = (text: string) => (isIPv6(text) ? 'ipv6' : 'ipv4')
  const [first = '', last] = one.split('-')
  const [network = '', length] = first.split('/')
  const list = new BlockList()
  try {
    if (last !== undefined) list.addRange(first, last, family(first))
    else if (length === undefined) list.addAddress(network, family(network))
    else list.addSubnet(network, Number(length), family(network))
    return family(network) === family(address) && list.check(address, family(address))
  } catch {
    return false
  }
}

/** A port or a range `a-b`. */
function coversPort(one: string, port: number): boolean {
  const [first = NaN, last = first] = one.split('-').map(Number)
  return first <= port && port <= last
}

/** Rules of a save of iptables that name services, in chains reached from INPUT. */
export function iptablesRules(
  program: string,
  save: string,
  services: readonly AddressServiceId[],
): NamingRule[] {
  const chains = new Map<string, string[][]>()
  let table = ''
  for (const line of save.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1)
    const [verb, chain = '', ...words] = line.split(' ')
    if (verb !== '-A') continue
    const key = `${table} ${chain}`
    chains.set(key, [...(chains.get(key) ?? []), words])
  }
  const reached = [...chains.keys()].filter(key => key.endsWith(' INPUT'))
  // The list grows while it is walked.
  for (const key of reached)
    for (const words of chains.get(key) ?? []) {
      const next = `${key.split(' ')[0] ?? ''} ${valueOf(words, ['-j', '-g'])}`
      if (chains.has(next) && !reached.includes(next)) reached.push(next)
    }
  return reached.flatMap(key =>
    (chains.get(key) ?? []).flatMap(words => iptablesRule(program, key, words, services)),
  )
}

function iptablesRule(
  program: string,
  key: string,
  words: string[],
  services: readonly AddressServiceId[],
): NamingRule[] {
  const [table = '', chain = ''] = key.split(' ')
  const conditions: Conditions = {
    addresses: conditionOf(words, ['-d']),
    ports: conditionOf(words, ['--dport', '--dports', '--destination-port']),
    protocols: conditionOf(words, ['-p']),
  }
  const service = services.find(s => names(conditions, s))
  if (!service) return []
  const rule = [chain, ...words].join(' ')
  return [
    {
      service: nameOf(service),
      rule: `the rule of ${program} "-A ${rule}"`,
      cure: `${program} -t ${table} -D ${rule}`,
    },
  ]
}

function valueOf(words: readonly string[], options: readonly string[]): string {
  return words[words.findIndex(word => options.includes(word)) + 1] ?? ''
}

/** `! -d 192.0.2.1/32`, `--dports 80,443:445`. */
function conditionOf(words: readonly string[], options: readonly string[]) {
  return words.flatMap((word, i) => {
    if (!options.includes(word)) return []
    const list = (words[i + 1] ?? '').split(',')
    const ranges = options.includes('-d') ? list : list.map(one => one.replace(':', '-'))
    return [{ list: ranges, not: words[i - 1] === '!' }]
  })
}

interface NftChain {
  family: string
  table: string
  name: string
  hook?: string
}
interface NftRule {
  family: string
  table: string
  chain: string
  handle: number
  expr: Record<string, unknown>[]
}
interface NftSet {
  family: string
  table: string
  name: string
  elem?: unknown[]
}
interface Nft {
  chain?: NftChain
  rule?: NftRule
  set?: NftSet
}

/**
 * Rules of nft's JSON that name services, in chains reached from the hook input. `iptables`: those
 * of iptables-nft are known from its own save.
 */
export function nftRules(
  json: string,
  services: readonly AddressServiceId[],
  iptables: boolean,
): NamingRule[] {
  const all = parseNft(json)
  const rules = all.flatMap(({ rule }) => rule ?? [])
  const sets = all.flatMap(({ set }) => set ?? [])
  const reached = all
    .flatMap(({ chain }) => chain ?? [])
    .filter(({ hook, name }) => hook === 'input' && !(iptables && name === 'INPUT'))
    .map(({ family, table, name }) => `${family} ${table} ${name}`)
  const isIn = ({ family, table, chain }: NftRule, key: string) =>
    `${family} ${table} ${chain}` === key
  // The list grows while it is walked.
  for (const key of reached)
    for (const { family, table, expr } of rules.filter(rule => isIn(rule, key)))
      for (const chain of jumps(expr)) {
        const next = `${family} ${table} ${chain}`
        if (!reached.includes(next)) reached.push(next)
      }
  return reached.flatMap(key =>
    rules.filter(rule => isIn(rule, key)).flatMap(rule => nftRule(rule, sets, services)),
  )
}

function parseNft(json: string): Nft[] {
  try {
    return (JSON.parse(json) as { nftables?: Nft[] }).nftables ?? []
  } catch {
    return []
  }
}

function nftRule(
  rule: NftRule,
  sets: readonly NftSet[],
  services: readonly AddressServiceId[],
): NamingRule[] {
  const conditions = nftConditions(rule, sets)
  const service = services.find(s => names(conditions, s))
  if (!service) return []
  const where = `${rule.family} ${rule.table} ${rule.chain}`
  return [
    {
      service: nameOf(service),
      rule: `the rule of nft in ${where} with handle ${rule.handle}`,
      cure: `nft delete rule ${where} handle ${rule.handle}`,
    },
  ]
}

interface NftMatch {
  op: string
  left: { payload?: { protocol: string; field: string }; meta?: { key: string } }
  right: unknown
}

function nftConditions(rule: NftRule, sets: readonly NftSet[]): Conditions {
  const conditions: Conditions = { addresses: [], ports: [], protocols: [] }
  for (const { match, vmap } of rule.expr as { match?: NftMatch; vmap?: Vmap }[]) {
    const left = match?.left ?? vmap?.key
    if (!left) continue
    const own = sets.filter(s => s.family === rule.family && s.table === rule.table)
    const list = values(match ? match.right : keysOf(vmap?.data), own)
    const not = match?.op === '!='
    const { protocol = '', field = '' } = left.payload ?? {}
    if (field === 'daddr') conditions.addresses.push({ list, not })
    if (field === 'dport') conditions.ports.push({ list, not })
    if (field === 'dport' && protocol !== 'th')
      conditions.protocols.push({ list: [protocol], not: false })
    if (field === 'protocol' || field === 'nexthdr' || left.meta?.key === 'l4proto')
      conditions.protocols.push({ list, not })
  }
  return conditions
}

interface Vmap {
  key: NftMatch['left']
  data: { set?: [unknown, unknown][] }
}

function keysOf(data: Vmap['data'] | undefined): { set: unknown[] } {
  return { set: (data?.set ?? []).map(([key]) => key) }
}

/** Values as text: addresses and ports, prefixes, ranges, sets of these, named or not. */
function values(right: unknown, sets: readonly NftSet[]): string[] {
  if (typeof right === 'number') return [String(right)]
  if (typeof right === 'string') {
    const named = right.startsWith('@') ? sets.find(s => s.name === right.slice(1)) : undefined
    return named ? (named.elem ?? []).flatMap(one => values(one, [])) : [right]
  }
  const { prefix, range, set, elem } = (right ?? {}) as {
    prefix?: { addr: string; len: number }
    range?: [unknown, unknown]
    set?: unknown[]
    elem?: { val: unknown }
  }
  if (prefix) return [`${prefix.addr}/${prefix.len}`]
  if (range) return [range.map(end => values(end, sets).join('')).join('-')]
  if (elem) return values(elem.val, sets)
  return Array.isArray(set) ? set.flatMap(one => values(one, sets)) : []
}

/** Chains that a rule jumps or goes to, in a verdict map too. */
function jumps(expr: readonly Record<string, unknown>[]): string[] {
  const verdicts = expr.flatMap(one => {
    const map = one['vmap'] as Vmap | undefined
    return map ? (map.data.set ?? []).map(([, verdict]) => verdict) : [one]
  }) as { jump?: { target: string }; goto?: { target: string } }[]
  return verdicts.flatMap(({ jump, goto }) => jump?.target ?? goto?.target ?? [])
}

function nameOf({ protocol, address, port }: AddressServiceId): string {
  return `${protocol}:${address.includes(':') ? `[${address}]` : address}:${port}`
}
