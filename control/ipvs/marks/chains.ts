/**
 * A packet filter's chains, as far as marks go, turned into mark rules: jumps are followed, and
 * what ends a chain early is said again behind the rules that packets do not come to. What cannot
 * be said is named with its place and the reason. Pure. Read next: iptables.ts, nft.ts (who reads
 * them).
 */
import { parsePrefix } from '../../config/mark_line.ts'
import type { Family } from '../../model/address.ts'
import {
  markMatchText,
  type MarkMatch,
  type MarkProtocol,
  type MarkRule,
  type PortRange,
} from '../../model/mark.ts'

/** What a rule matches: of each list one, all of them together; a missing one matches anything. */
export interface Condition {
  families: readonly Family[]
  protocols?: readonly MarkProtocol[]
  to?: readonly string[]
  from?: readonly string[]
  ports?: readonly PortRange[]
  interfaces?: readonly string[]
}

/** What a rule does with what it matches. `unknown` may end the chain for it, or mark it. */
export type Verdict =
  | { does: 'mark'; mark: number; then?: 'end' | 'return' }
  | { does: 'end' | 'return' | 'nothing' }
  | { does: 'jump' | 'goto'; chain: string }
  | { does: 'unknown'; reason: string }

export interface ChainRule {
  /** For people: `line 7`, or `handle 12`. */
  place: string
  text: string
  condition: Condition
  /** Why it matches fewer packets than the condition says; undefined: it does not. */
  narrower?: string
  verdict: Verdict
}

export interface Chain {
  name: string
  rules: ChainRule[]
}

/** A rule that sets a mark and could not be expressed. */
export interface LeftOut {
  place: string
  text: string
  reason: string
}

export interface Imported {
  /** The last that matches wins, as everywhere. */
  rules: MarkRule[]
  left: LeftOut[]
}

/** Chains that call each other deeper than this are taken for a loop, which a kernel refuses. */
const DEPTH_MAX = 16
/** Packets that end a chain, with what they were marked then, to be said again behind its rules. */
interface Ended {
  match: MarkMatch
  mark: number
}

/** Rules for what comes in by base chains, one after the other. */
export function importChains(base: readonly Chain[], all: readonly Chain[]): Imported {
  const flattener = new Flattener(new Map(all.map(chain => [chain.name, chain])))
  for (const chain of base) flattener.base(chain)
  for (const chain of all) flattener.unreached(chain)
  return flattener.imported()
}

class Flattener {
  readonly #chains: ReadonlyMap<string, Chain>
  /** By place and text: one of both families is named once. */
  readonly #left = new Map<string, LeftOut>()
  readonly #reached = new Set<ChainRule>()
  #rules: MarkRule[] = []
  /** Rules that may end the chain for some packets, nobody can say which. */
  #doubts: { place: string; matches: MarkMatch[] }[] = []
  #ended: Ended[] = []

  constructor(chains: ReadonlyMap<string, Chain>) {
    this.#chains = chains
  }

  base(chain: Chain): void {
    this.#doubts = []
    this.#ended = []
    this.#walk(chain, [{ family: 4 }, { family: 6 }], undefined, 0)
    this.#sayAgain(this.#ended)
  }

  /** Marks that no packet comes to. */
  unreached(chain: Chain): void {
    for (const rule of chain.rules)
      if (setsMark(rule.verdict) && !this.#reached.has(rule))
        this.#leave(rule, `packets that come in do not pass the chain ${chain.name}`)
  }

  imported(): Imported {
    const last = new Map(this.#rules.map((rule, i) => [markMatchText(rule), i]))
    const rules = this.#rules.filter((rule, i) => last.get(markMatchText(rule)) === i)
    // A mark of 0 before any other says nothing.
    const first = rules.findIndex(rule => rule.mark !== 0)
    return { rules: first < 0 ? [] : rules.slice(first), left: [...this.#left.values()] }
  }

  /** @param within what packets that come here have in common; @param doubt why not all do */
  #walk(chain: Chain, within: readonly MarkMatch[], doubt: string | undefined, depth: number) {
    const ended: Ended[] = []
    for (const rule of chain.rules) {
      const matches = within.flatMap(outer => met(outer, rule.condition))
      const narrower = rule.narrower ?? doubt
      if (rule.verdict.does === 'mark') {
        this.#mark(rule, rule.verdict.mark, matches, narrower)
        const { then } = rule.verdict
        if (then) this.#end(rule, matches, narrower, then === 'end' ? this.#ended : ended)
      } else if (rule.verdict.does === 'unknown') this.#doubt(rule, rule.verdict.reason, matches)
      else if (rule.verdict.does === 'end') this.#end(rule, matches, narrower, this.#ended)
      else if (rule.verdict.does === 'return') this.#end(rule, matches, narrower, ended)
      else if (rule.verdict.does === 'jump' || rule.verdict.does === 'goto') {
        const next = this.#chains.get(rule.verdict.chain)
        const why = narrower && `${rule.place} leads there, and ${narrower}`
        if (next && depth < DEPTH_MAX) this.#walk(next, matches, why, depth + 1)
        if (rule.verdict.does === 'goto') this.#end(rule, matches, narrower, ended)
      }
    }
    this.#sayAgain(ended)
  }

  #mark(rule: ChainRule, mark: number, matches: readonly MarkMatch[], narrower?: string): void {
    this.#reached.add(rule)
    const doubt = this.#doubts.find(one => one.matches.some(a => matches.some(b => overlap(a, b))))
    if (narrower !== undefined) this.#leave(rule, narrower)
    else if (doubt) this.#leave(rule, `${doubt.place} before it keeps some packets from it`)
    else this.#rules.push(...matches.map(match => ({ ...match, mark })))
  }

  #doubt(rule: ChainRule, reason: string, matches: MarkMatch[]): void {
    this.#reached.add(rule)
    this.#leave(rule, reason)
    this.#doubts.push({ place: rule.place, matches })
  }

  #end(rule: ChainRule, matches: MarkMatch[], narrower: string | undefined, ended: Ended[]): void {
    const known = matches.map(match => ({ match, mark: this.#markOf(match) }))
    if (narrower !== undefined || known.some(({ mark }) => mark === undefined))
      this.#doubts.push({ place: rule.place, matches })
    else ended.push(...known.map(({ match, mark = 0 }) => ({ match, mark })))
  }

  /** The one mark that all these packets have by now; undefined: they have several. */
  #markOf(match: MarkMatch): number | undefined {
    const last = this.#rules.findLast(rule => overlap(rule, match))
    if (!last) return 0
    return holds(last, match) ? last.mark : undefined
  }

  /** The first that ended a chain is said last. */
  #sayAgain(ended: readonly Ended[]): void {
    for (const { match, mark } of ended.toReversed()) {
      const last = this.#rules.findLast(rule => overlap(rule, match))
      if (last && !(last.mark === mark && holds(last, match))) this.#rules.push({ ...match, mark })
    }
  }

  #leave({ place, text }: ChainRule, reason: string): void {
    const key = `${place} ${text}`
    if (!this.#left.has(key)) this.#left.set(key, { place, text, reason })
  }
}

function setsMark({ does }: Verdict): boolean {
  return does === 'mark'
}

/** What a condition leaves of packets that have something in common already. */
function met(outer: MarkMatch, condition: Condition): MarkMatch[] {
  const any = [undefined]
  const found: MarkMatch[] = []
  if (!condition.families.includes(outer.family)) return []
  for (const protocol of condition.protocols ?? any)
    for (const to of condition.to ?? any)
      for (const from of condition.from ?? any)
        for (const ports of condition.ports ?? any)
          for (const name of condition.interfaces ?? any) {
            const inner: MarkMatch = {
              family: outer.family,
              ...(protocol === undefined ? {} : { protocol }),
              ...(to === undefined ? {} : { to }),
              ...(from === undefined ? {} : { from }),
              ...(ports === undefined ? {} : { ports }),
              ...(name === undefined ? {} : { interface: name }),
            }
            if (
              [to, from].some(prefix => prefix !== undefined && familyOf(prefix) !== outer.family)
            )
              continue
            const both = joined(outer, inner)
            if (both) found.push(both)
          }
  return found
}

function familyOf(prefix: string): Family {
  return prefix.includes(':') ? 6 : 4
}

/** What matches both; undefined: nothing does. */
function joined(a: MarkMatch, b: MarkMatch): MarkMatch | undefined {
  if (!overlap(a, b)) return undefined
  const protocol = a.protocol ?? b.protocol
  const to = narrowest(a.to, b.to)
  const from = narrowest(a.from, b.from)
  const name = a.interface ?? b.interface
  const ports =
    a.ports && b.ports
      ? {
          first: Math.max(a.ports.first, b.ports.first),
          last: Math.min(a.ports.last, b.ports.last),
        }
      : (a.ports ?? b.ports)
  return {
    family: a.family,
    ...(protocol === undefined ? {} : { protocol }),
    ...(to === undefined ? {} : { to }),
    ...(from === undefined ? {} : { from }),
    ...(ports === undefined ? {} : { ports }),
    ...(name === undefined ? {} : { interface: name }),
  }
}

/** Whether some packet matches both. */
export function overlap(a: MarkMatch, b: MarkMatch): boolean {
  return (
    a.family === b.family &&
    (a.protocol === undefined || b.protocol === undefined || a.protocol === b.protocol) &&
    (a.interface === undefined || b.interface === undefined || a.interface === b.interface) &&
    (!a.ports || !b.ports || (a.ports.first <= b.ports.last && b.ports.first <= a.ports.last)) &&
    isNested(a.to, b.to) &&
    isNested(a.from, b.from)
  )
}

/** Whether all that `inner` matches is matched by `outer`. */
export function holds(outer: MarkMatch, inner: MarkMatch): boolean {
  const ports = outer.ports
  return (
    outer.family === inner.family &&
    (outer.protocol === undefined || outer.protocol === inner.protocol) &&
    (outer.interface === undefined || outer.interface === inner.interface) &&
    (!ports ||
      (inner.ports !== undefined &&
        ports.first <= inner.ports.first &&
        inner.ports.last <= ports.last)) &&
    isWithin(outer.to, inner.to) &&
    isWithin(outer.from, inner.from)
  )
}

function isNested(a: string | undefined, b: string | undefined): boolean {
  return isWithin(a, b) || isWithin(b, a)
}

function narrowest(a: string | undefined, b: string | undefined): string | undefined {
  return isWithin(a, b) ? b : a
}

function isWithin(outer: string | undefined, inner: string | undefined): boolean {
  if (outer === undefined) return true
  if (inner === undefined) return false
  const [network = '', length = ''] = outer.split('/')
  const [address = '', longer = ''] = inner.split('/')
  return (
    Number(longer) >= Number(length) &&
    parsePrefix(`${address}/${length}`) === `${network}/${length}`
  )
}
