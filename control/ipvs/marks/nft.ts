/**
 * The text of `nft -j list ruleset` to mark rules: the chains of ip, ip6 and inet that are hooked
 * where packets come in, ahead of IPVS. Pure. Read next: chains.ts.
 * Source: libnftables-json(5) (1.0.6); net/netfilter/ipvs/ip_vs_core.c ip_vs_ops4 (v6.12).
 */
import { parsePrefix } from '../../config/mark_line.ts'
import { parseInterface } from '../../config/name.ts'
import { XlvsError } from '../../errors.ts'
import type { Family } from '../../model/address.ts'
import { MARK_MAX, PORT_MAX } from '../../model/service.ts'
import { MARK_PROTOCOLS, type MarkProtocol, type PortRange } from '../../model/mark.ts'
import {
  importChains,
  SOME_BITS,
  type Chain,
  type ChainRule,
  type Condition,
  type Imported,
  type Verdict,
} from './chains.ts'
import { MARKING, verdictOf } from './iptables.ts'

type Json = Record<string, unknown>
/** Elements of sets and maps, by family, table and name. */
type Sets = ReadonlyMap<string, unknown>

const FAMILIES: Record<string, readonly Family[]> = { ip: [4], ip6: [6], inet: [4, 6] }
const NO_NUMBER = 'its mark is no plain number'
const NAT = 'a chain of type nat sees only the first packet that connection tracking knows'
/** In the order in which packets pass them. */
const HOOKS = ['prerouting', 'input']
/** At LOCAL_IN IPVS comes with this priority. */
const IPVS_PRIORITY = 98
const PROTOCOLS: Record<string, MarkProtocol> = {
  ...Object.fromEntries(MARK_PROTOCOLS.map(protocol => [protocol, protocol])),
  ...{ 'ipv6-icmp': 'icmp', icmpv6: 'icmp' },
}
/** Statements that neither mark nor end anything, for no packet. */
const HARMLESS = [
  ...['counter', 'log', 'comment', 'notrack', 'dup', 'last', 'secmark', 'continue'],
  ...['ct helper', 'ct timeout', 'ct expectation'],
]
const ENDS = ['accept', 'drop', 'reject', 'queue']
const ENDS_BY_NAT = ['dnat', 'snat', 'masquerade', 'redirect']

/** @throws BAD_REQUEST when it is not what nft says */
export function importNft(text: string): Imported {
  const items = parsed(text)
  const sets = new Map(
    items
      .flatMap(({ set, map }) => [set, map].filter(isJson))
      .map(one => [setName(one, one['name']), one['elem']]),
  )
  const chains = new Map<string, Chain>()
  const bases: { chain: Chain; order: number }[] = []
  const nats: Chain[] = []
  for (const { chain } of items) {
    if (!isJson(chain) || !FAMILIES[String(chain['family'])]) continue
    const one = { name: String(chain['name']), rules: [] }
    chains.set(setName(chain, chain['name']), one)
    const hook = HOOKS.indexOf(String(chain['hook']))
    const priority = Number(chain['prio'] ?? 0)
    if (hook < 0 || (hook === 1 && priority >= IPVS_PRIORITY)) continue
    if (chain['type'] === 'nat') nats.push(one)
    else bases.push({ chain: one, order: hook * 2 ** 32 + priority })
  }
  for (const { rule } of items) {
    if (!isJson(rule)) continue
    const into = chains.get(setName(rule, rule['chain']))
    const exprs = spelledOut(Array.isArray(rule['expr']) ? rule['expr'] : [], rule, sets)
    into?.rules.push(...exprs.map(expr => new Reader(rule, expr, sets).rule()))
  }
  bases.sort((a, b) => a.order - b.order)
  return importByTable(
    bases.map(({ chain }) => chain),
    nats,
    chains,
  )
}

/** Jumps are to chains of the same table, whose names are its own. */
function importByTable(
  bases: readonly Chain[],
  nats: readonly Chain[],
  chains: ReadonlyMap<string, Chain>,
): Imported {
  const renamed = [...chains].map(([key, chain]) => {
    const table = key.slice(0, key.lastIndexOf(' '))
    const rules = chain.rules.map(rule => ({ ...rule, verdict: inTable(rule.verdict, table) }))
    return { chain, copy: { name: `${table} ${chain.name}`, rules } }
  })
  const copyOf = new Map(renamed.map(({ chain, copy }) => [chain, copy]))
  return importChains(
    bases.flatMap(chain => copyOf.get(chain) ?? []),
    renamed.map(({ copy }) => copy),
    nats.map(chain => ({ name: copyOf.get(chain)?.name ?? '', reason: NAT, isNat: true })),
  )
}

function inTable(verdict: Verdict, table: string): Verdict {
  const named = (chain: string): string => `${table} ${chain}`
  if ('chain' in verdict) return { ...verdict, chain: named(verdict.chain) }
  return verdict.does === 'unknown'
    ? { ...verdict, chains: verdict.chains?.map(named) ?? [] }
    : verdict
}

function setName(of: Json, name: unknown): string {
  return [of['family'], of['table'], name].map(String).join(' ')
}

function parsed(text: string): Json[] {
  let items: unknown
  try {
    items = (JSON.parse(text) as Json)['nftables']
  } catch {
    items = undefined
  }
  if (Array.isArray(items)) return items.filter(isJson)
  throw new XlvsError(
    'BAD_REQUEST',
    'this is not what nft -j list ruleset says: expected JSON with a list nftables',
    'write it by nft -j list ruleset > FILE',
  )
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A rule for each entry of its maps, of which a packet meets one at most. */
function spelledOut(expr: readonly unknown[], rule: Json, sets: Sets): (readonly unknown[])[] {
  for (const [i, one] of expr.entries()) {
    const { vmap, mangle } = isJson(one) ? one : {}
    const value = isJson(mangle) && fieldOf(mangle['key']) === 'meta mark' ? mangle['value'] : {}
    const map = vmap ?? (isJson(value) ? value['map'] : undefined)
    const pairs = isJson(map) ? valuesOf(map['data'], rule, sets) : []
    if (!isJson(map) || pairs.length === 0 || !pairs.every(isPair)) continue
    const { key: left } = map
    return pairs.flatMap(([right, data]) => {
      const does =
        vmap === undefined && isJson(mangle) ? { mangle: { ...mangle, value: data } } : data
      const match = { match: { op: '==', left, right } }
      return spelledOut([...expr.slice(0, i), match, does, ...expr.slice(i + 1)], rule, sets)
    })
  }
  return [expr]
}

function isPair(value: unknown): value is [unknown, unknown] {
  return Array.isArray(value) && value.length === 2
}

/** The values that a match or a map lists, those of a named one too. */
function valuesOf(listed: unknown, rule: Json, sets: Sets): unknown[] {
  if (typeof listed === 'string' && listed.startsWith('@')) {
    const elements = sets.get(setName(rule, listed.slice(1)))
    return Array.isArray(elements) ? elements : [undefined]
  }
  if (isJson(listed) && Array.isArray(listed['set'])) return listed['set']
  return [listed]
}

/** One rule, expression by expression. */
class Reader {
  readonly #rule: Json
  readonly #expr: readonly unknown[]
  readonly #sets: Sets
  readonly #condition: { -readonly [K in keyof Condition]: Condition[K] }
  #narrower: string | undefined
  #marks: ChainRule['marks']
  #verdict: Verdict = { does: 'nothing' }

  /** @param expr of the rule, or what it is in place of some entry of a map */
  constructor(rule: Json, expr: readonly unknown[], sets: Sets) {
    this.#rule = rule
    this.#expr = expr
    this.#sets = sets
    this.#condition = { families: FAMILIES[String(rule['family'])] ?? [] }
  }

  rule(): ChainRule {
    const { table, chain, handle, expr } = this.#rule
    for (const one of this.#expr) if (isJson(one)) this.#expression(one)
    return {
      place: `handle ${String(handle)}`,
      text: `${String(table)} ${String(chain)}: ${JSON.stringify(expr)}`,
      condition: this.#condition,
      verdict: this.#verdict,
      ...(this.#marks === undefined ? {} : { marks: this.#marks }),
      ...(this.#narrower === undefined ? {} : { narrower: this.#narrower }),
    }
  }

  /** What matches fewer packets counts for all of a rule: a mark ahead of it is given to more. */
  #narrow(reason: string): void {
    this.#narrower ??= reason
    if (this.#marks !== undefined) this.#marks = { reason: 'it asks more behind its mark' }
  }

  #expression(one: Json): void {
    const [name = '', value] = Object.entries(one)[0] ?? []
    if (name === 'match' && isJson(value)) this.#match(value)
    else if (name === 'mangle' && isJson(value)) this.#mangle(value)
    else if (ENDS.includes(name)) this.#does({ does: 'end' })
    else if (name === 'return') this.#does({ does: 'return' })
    else if ((name === 'jump' || name === 'goto') && isJson(value))
      this.#does({ does: name, chain: String(value['target']) })
    else if (name === 'xt') this.#iptables(value)
    else if (name === 'vmap') this.#does({ does: 'unknown', reason: 'its vmap is not known' })
    else if (!HARMLESS.includes(name)) {
      this.#narrow(`it has a ${name}`)
      if (ENDS_BY_NAT.includes(name)) this.#does({ does: 'end' })
    }
  }

  #does(verdict: Verdict): void {
    if (this.#verdict.does === 'nothing') this.#verdict = verdict
  }

  /** A match or a target of iptables, of which nft says the name at most. */
  #iptables(value: unknown): void {
    const { type, name } = isJson(value) ? value : {}
    const reason = 'it is one of iptables: give what iptables-save says of it'
    const verdict = type === 'target' ? verdictOf(String(name)) : undefined
    if (type === 'match') this.#narrow(`it has a match ${String(name)} of iptables`)
    else this.#does(verdict ?? { does: 'unknown', reason })
    if (verdict && MARKING.includes(String(name))) this.#marks = { reason }
  }

  #mangle({ key, value }: Json): void {
    const field = fieldOf(key)
    if (!/^(meta|ct) /.test(field) || mayLack(value)) this.#narrow(`it changes ${field}`)
    if (field !== 'meta mark') return
    const mark = typeof value === 'number' ? value : NaN
    const isWhole = Number.isInteger(mark) && mark >= 0 && mark <= MARK_MAX
    this.#marks = isWhole ? mark : isBits(value) ? SOME_BITS : { reason: NO_NUMBER }
  }

  #match({ op, left, right }: Json): void {
    const field = fieldOf(left)
    if (this.#marks !== undefined) this.#narrow(`it asks ${field} behind its mark`)
    else if (op !== '==' && op !== 'in') this.#narrow(`it compares ${field} by ${String(op)}`)
    else if (!this.#take(field, valuesOf(right, this.#rule, this.#sets)))
      this.#narrow(`it asks ${field}`)
  }

  /** Whether a match could be taken into the condition. */
  #take(field: string, values: unknown[]): boolean {
    const all = <T>(read: (value: unknown) => T | undefined): T[] | undefined => {
      const read_ = values.map(read)
      return read_.every(one => one !== undefined) ? read_ : undefined
    }
    switch (field) {
      case 'ip daddr':
      case 'ip6 daddr':
        return this.#addresses(field, 'to', all(prefixOf))
      case 'ip saddr':
      case 'ip6 saddr':
        return this.#addresses(field, 'from', all(prefixOf))
      case 'meta iifname':
      case 'meta iif':
        return this.#set('interfaces', all(interfaceOf))
      case 'meta l4proto':
      case 'ip protocol':
      case 'ip6 nexthdr':
        return this.#set(
          'protocols',
          all(value => PROTOCOLS[String(value)]),
        )
      case 'meta nfproto':
        return this.#families(all(value => ({ ipv4: 4, ipv6: 6 })[String(value)] as Family))
      default:
        return this.#dport(field, all(portsOf))
    }
  }

  #dport(field: string, ports: PortRange[] | undefined): boolean {
    const [protocol = '', name] = field.split(' ')
    if (this.#condition.protocols === undefined && PROTOCOLS[protocol] && protocol !== 'icmp')
      this.#condition.protocols = [PROTOCOLS[protocol]]
    if (name !== 'dport' || !ports) return false
    if (protocol !== 'th') this.#condition.protocols = [PROTOCOLS[protocol] ?? 'tcp']
    this.#condition.ports = ports
    return (
      (protocol === 'th' || PROTOCOLS[protocol] !== undefined) &&
      this.#condition.protocols !== undefined
    )
  }

  #addresses(field: string, which: 'to' | 'from', prefixes: string[] | undefined): boolean {
    this.#families([field.startsWith('ip6') ? 6 : 4])
    return this.#set(which, prefixes)
  }

  #families(families: readonly Family[] | undefined): boolean {
    if (!families) return false
    this.#condition.families = this.#condition.families.filter(one => families.includes(one))
    return true
  }

  #set<K extends keyof Condition>(name: K, values: Condition[K] | undefined): boolean {
    if (values === undefined || this.#condition[name] !== undefined) return false
    this.#condition[name] = values
    return true
  }
}

function fieldOf(left: unknown): string {
  if (!isJson(left)) return 'something'
  const { payload, meta, ct } = left
  if (isJson(payload)) return `${String(payload['protocol'])} ${String(payload['field'])}`
  if (isJson(meta)) return `meta ${String(meta['key'])}`
  if (isJson(ct)) return `ct ${String(ct['key'])}`
  return Object.keys(left)[0] ?? 'something'
}

/** Whether some packets have no such value, as without an entry in a map; their rule ends there. */
function mayLack(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(mayLack)
  if (!isJson(value) || fieldOf(value) === 'meta mark') return false
  return !Object.entries(value).every(
    ([name, parts]) => /^([|&^]|<<|>>)$/.test(name) && !mayLack(parts),
  )
}

/** What a mark was before, changed. */
function isBits(value: unknown): boolean {
  return isJson(value) && Object.keys(value).some(name => /^([|&^]|<<|>>)$/.test(name))
}

function prefixOf(value: unknown): string | undefined {
  const prefix = isJson(value) && isJson(value['prefix']) ? value['prefix'] : undefined
  const text = prefix ? `${String(prefix['addr'])}/${String(prefix['len'])}` : value
  try {
    return typeof text === 'string' ? parsePrefix(text) : undefined
  } catch {
    return undefined
  }
}

function interfaceOf(value: unknown): string | undefined {
  try {
    return typeof value === 'string' && !value.endsWith('*') ? parseInterface(value) : undefined
  } catch {
    return undefined
  }
}

function portsOf(value: unknown): PortRange | undefined {
  const range = isJson(value) ? value['range'] : undefined
  const [first, last] = Array.isArray(range) ? (range as unknown[]) : [value, value]
  if (typeof first !== 'number' || typeof last !== 'number') return undefined
  return first <= last && last <= PORT_MAX ? { first, last } : undefined
}
