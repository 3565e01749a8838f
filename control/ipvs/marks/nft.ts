/**
 * The text of `nft -j list ruleset` to mark rules: the chains of ip, ip6 and inet that are hooked
 * where packets come in, ahead of IPVS. Pure. Read next: chains.ts.
 * Source: libnftables-json(5) (1.0.6); net/netfilter/ipvs/ip_vs_core.c ip_vs_ops4 (v6.12).
 */
import { parsePrefix } from '../../config/mark_line.ts'
import { XlvsError } from '../../errors.ts'
import type { Family } from '../../model/address.ts'
import { MARK_MAX, PORT_MAX } from '../../model/service.ts'
import { MARK_PROTOCOLS, type MarkProtocol, type PortRange } from '../../model/mark.ts'
import {
  importChains,
  type Chain,
  type ChainRule,
  type Condition,
  type Imported,
  type Verdict,
} from './chains.ts'

type Json = Record<string, unknown>

const FAMILIES: Record<string, readonly Family[]> = { ip: [4], ip6: [6], inet: [4, 6] }
/** In the order in which packets pass them. */
const HOOKS = ['prerouting', 'input']
/** At LOCAL_IN IPVS comes with this priority. */
const IPVS_PRIORITY = 98
const PROTOCOLS: Record<string, MarkProtocol> = {
  ...Object.fromEntries(MARK_PROTOCOLS.map(protocol => [protocol, protocol])),
  ...{ 'ipv6-icmp': 'icmp', icmpv6: 'icmp' },
}
/** Statements that neither mark nor end anything. */
const HARMLESS = ['counter', 'log', 'comment', 'notrack']

/** @throws BAD_REQUEST when it is not what nft says */
export function importNft(text: string): Imported {
  const items = parsed(text)
  const sets = new Map(
    items.flatMap(({ set }) => (isJson(set) ? [[setName(set, set['name']), set['elem']]] : [])),
  )
  const chains = new Map<string, Chain>()
  const bases: { chain: Chain; order: number }[] = []
  for (const { chain } of items) {
    if (!isJson(chain) || !FAMILIES[String(chain['family'])]) continue
    const one = { name: String(chain['name']), rules: [] }
    chains.set(setName(chain, chain['name']), one)
    const hook = HOOKS.indexOf(String(chain['hook']))
    const priority = Number(chain['prio'] ?? 0)
    if (hook === 0 || (hook === 1 && priority < IPVS_PRIORITY))
      bases.push({ chain: one, order: hook * 2 ** 32 + priority })
  }
  for (const { rule } of items) {
    if (!isJson(rule)) continue
    const into = chains.get(setName(rule, rule['chain']))
    into?.rules.push(new Reader(rule, sets).rule())
  }
  bases.sort((a, b) => a.order - b.order)
  return importByTable(
    bases.map(({ chain }) => chain),
    chains,
  )
}

/** Jumps are to chains of the same table, whose names are its own. */
function importByTable(bases: readonly Chain[], chains: ReadonlyMap<string, Chain>): Imported {
  const renamed = [...chains].map(([key, chain]) => {
    const table = key.slice(0, key.lastIndexOf(' '))
    const rules = chain.rules.map(rule => ({ ...rule, verdict: inTable(rule.verdict, table) }))
    return { chain, copy: { name: `${table} ${chain.name}`, rules } }
  })
  const copyOf = new Map(renamed.map(({ chain, copy }) => [chain, copy]))
  return importChains(
    bases.flatMap(chain => copyOf.get(chain) ?? []),
    renamed.map(({ copy }) => copy),
  )
}

function inTable(verdict: Verdict, table: string): Verdict {
  return 'chain' in verdict ? { ...verdict, chain: `${table} ${verdict.chain}` } : verdict
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

/** One rule, expression by expression. */
class Reader {
  readonly #rule: Json
  readonly #sets: ReadonlyMap<string, unknown>
  readonly #condition: { -readonly [K in keyof Condition]: Condition[K] }
  #narrower: string | undefined
  #verdict: Verdict = { does: 'nothing' }

  constructor(rule: Json, sets: ReadonlyMap<string, unknown>) {
    this.#rule = rule
    this.#sets = sets
    this.#condition = { families: FAMILIES[String(rule['family'])] ?? [] }
  }

  rule(): ChainRule {
    const { table, chain, handle, expr } = this.#rule
    for (const one of Array.isArray(expr) ? expr : []) if (isJson(one)) this.#expression(one)
    return {
      place: `handle ${String(handle)}`,
      text: `${String(table)} ${String(chain)}: ${JSON.stringify(expr)}`,
      condition: this.#condition,
      verdict: this.#verdict,
      ...(this.#narrower === undefined ? {} : { narrower: this.#narrower }),
    }
  }

  #narrow(reason: string): void {
    this.#narrower ??= reason
  }

  #expression(one: Json): void {
    const [name = '', value] = Object.entries(one)[0] ?? []
    if (name === 'match' && isJson(value)) this.#match(value)
    else if (name === 'mangle' && isJson(value)) this.#mangle(value)
    else if (['accept', 'drop', 'reject', 'queue'].includes(name)) this.#does({ does: 'end' })
    else if (name === 'return') this.#does({ does: 'return' })
    else if ((name === 'jump' || name === 'goto') && isJson(value))
      this.#does({ does: name, chain: String(value['target']) })
    else if (name === 'xt')
      this.#unknown('it is one of iptables: give what iptables-save says of it')
    else if (name === 'vmap' || name === 'tproxy') this.#unknown(`it has a ${name}`)
    else if (!HARMLESS.includes(name)) this.#narrow(`it has a ${name}`)
  }

  #unknown(reason: string): void {
    this.#verdict = { does: 'unknown', reason }
  }

  /** A verdict may stand behind a mark. */
  #does(verdict: Verdict): void {
    const { does } = verdict
    if (this.#verdict.does === 'mark') {
      if (does === 'end' || does === 'return') this.#verdict = { ...this.#verdict, then: does }
      else this.#unknown('it goes on in another chain')
    } else if (this.#verdict.does === 'nothing') this.#verdict = verdict
  }

  #mangle({ key, value }: Json): void {
    const meta = isJson(key) && isJson(key['meta']) ? key['meta']['key'] : undefined
    if (meta !== 'mark') return
    const mark = typeof value === 'number' ? value : NaN
    if (Number.isInteger(mark) && mark >= 0 && mark <= MARK_MAX)
      this.#verdict = { does: 'mark', mark }
    else this.#unknown('its mark is no plain number')
  }

  #match({ op, left, right }: Json): void {
    const field = fieldOf(left)
    if (op !== '==' && op !== 'in') this.#narrow(`it compares ${field} by ${String(op)}`)
    else if (!this.#take(field, this.#values(right))) this.#narrow(`it asks ${field}`)
  }

  /** The values that a match lists, those of a named set too. */
  #values(right: unknown): unknown[] {
    if (typeof right === 'string' && right.startsWith('@')) {
      const elements = this.#sets.get(setName(this.#rule, right.slice(1)))
      return Array.isArray(elements) ? elements : [undefined]
    }
    if (isJson(right) && Array.isArray(right['set'])) return right['set']
    return [right]
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
  const { payload, meta } = left
  if (isJson(payload)) return `${String(payload['protocol'])} ${String(payload['field'])}`
  if (isJson(meta)) return `meta ${String(meta['key'])}`
  return Object.keys(left)[0] ?? 'something'
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
  return typeof value === 'string' && !value.endsWith('*') ? value : undefined
}

function portsOf(value: unknown): PortRange | undefined {
  const range = isJson(value) ? value['range'] : undefined
  const [first, last] = Array.isArray(range) ? (range as unknown[]) : [value, value]
  if (typeof first !== 'number' || typeof last !== 'number') return undefined
  return first <= last && last <= PORT_MAX ? { first, last } : undefined
}
