/**
 * A packet filter's chains, as far as marks go, turned into mark rules: jumps are followed, and
 * what ends a chain early is said again behind the rules that packets do not come to. What cannot
 * be said is named with its place and the reason. Pure. Read next: iptables.ts, nft.ts (who reads
 * them).
 */
import { addressBytes, type Family } from '../../model/address.ts'
import {
  markMatchText,
  markRuleText,
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

/** Where packets go from a rule that matched. `unknown`: nobody can say; to `chains` perhaps. */
export type Verdict =
  | { does: 'nothing' | 'end' | 'return' }
  | { does: 'jump' | 'goto'; chain: string }
  | { does: 'unknown'; reason: string; chains?: readonly string[] }

/** Why nobody can say which mark a rule gives. */
export interface Unsaid {
  reason: string
}

/** Bits are a note of one program to itself more often than a service's mark. */
export const SOME_BITS: Unsaid = { reason: 'it changes some bits of a mark' }

export interface ChainRule {
  /** For people: `line 7`, or `handle 12`. */
  place: string
  text: string
  condition: Condition
  /** Why it matches fewer packets than the condition says; undefined: it does not. */
  narrower?: string
  /** The whole mark that it gives, ahead of its verdict; or why nobody can say which. */
  marks?: number | Unsaid
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
  /** It gives no packet on its way to a service the whole of its mark, and is only named. */
  aside?: true
}

/** A base chain that packets pass and that cannot be said. */
export interface Closed {
  name: string
  reason: string
  /** Bits of marks that are set there are for the translation of addresses. */
  isNat?: boolean
}

export interface Imported {
  /** The last that matches wins, as everywhere. */
  rules: MarkRule[]
  left: LeftOut[]
}

/** Chains that call each other deeper than this are taken for a loop, which a kernel refuses. */
const DEPTH_MAX = 16
/** Packets with so many marks at a chain's end cost too many rules to be told again. */
const AGAIN_MAX = 1000

/** Packets that left a chain, and what they were marked then, to be said again behind its rules. */
interface Ended {
  match: MarkMatch
  said: MarkRule[]
  /** Those of them that had left a chain within it before, and so did not leave this one here. */
  but: MarkMatch[]
}

/** A rule where some of these packets may leave a chain, nobody can say which. */
interface Doubt {
  place: string
  matches: readonly MarkMatch[]
}

/** A chain that packets are in, and where they left it. */
interface Frame {
  ended: Ended[]
  doubts: Doubt[]
}

/**
 * Rules for what comes in by base chains, one after the other.
 */
export function importChains(
  base: readonly Chain[],
  all: readonly Chain[],
  closed: readonly Closed[] = [],
): Imported {
  const flattener = new Flattener(new Map(all.map(chain => [chain.name, chain])))
  for (const one of closed) flattener.lead(one)
  for (const chain of base) flattener.base(chain)
  for (const chain of all) flattener.unreached(chain)
  return flattener.imported()
}

class Flattener {
  readonly #chains: ReadonlyMap<string, Chain>
  /** By place and text: one of both families is named once. */
  readonly #left = new Map<string, LeftOut>()
  readonly #reached = new Set<ChainRule>()
  /** Chains that packets come to by what cannot be said, and why. */
  readonly #led = new Map<string, Closed>()
  #rules: MarkRule[] = []
  /** The base chain, and those that were jumped to from there. */
  readonly #frames: Frame[] = []

  constructor(chains: ReadonlyMap<string, Chain>) {
    this.#chains = chains
  }

  base(chain: Chain): void {
    this.#walk(chain, [{ family: 4 }, { family: 6 }], undefined)
  }

  /** Marks that no packet comes to. */
  unreached(chain: Chain): void {
    const led = this.#led.get(chain.name)
    const reason = led?.reason ?? `packets do not pass the chain ${chain.name} on their way to IPVS`
    for (const rule of chain.rules)
      if (rule.marks !== undefined && !this.#reached.has(rule))
        this.#leave(rule, reason, !led || (led.isNat === true && rule.marks === SOME_BITS))
  }

  imported(): Imported {
    const last = new Map(this.#rules.map((rule, i) => [markMatchText(rule), i]))
    const rules = this.#rules.filter((rule, i) => last.get(markMatchText(rule)) === i)
    // A mark of 0 before any other says nothing.
    const first = rules.findIndex(rule => rule.mark !== 0)
    return { rules: first < 0 ? [] : rules.slice(first), left: [...this.#left.values()] }
  }

  /** @param within what packets that come here have in common; @param doubt why not all do */
  #walk(chain: Chain, within: readonly MarkMatch[], doubt: string | undefined): void {
    const frame: Frame = { ended: [], doubts: [] }
    const base = this.#frames[0] ?? frame
    this.#frames.push(frame)
    for (const rule of chain.rules) {
      const matches = within.flatMap(outer => met(outer, rule.condition))
      const narrower = rule.narrower ?? doubt
      const { verdict } = rule
      this.#mark(rule, matches, narrower)
      if (verdict.does === 'end') this.#end(rule, matches, narrower, base)
      else if (verdict.does === 'return') this.#end(rule, matches, narrower, frame)
      else if (verdict.does === 'unknown') this.#unknown(rule, verdict, matches)
      else if (verdict.does === 'jump' || verdict.does === 'goto') {
        this.#follow(rule, verdict.chain, matches, narrower)
        if (verdict.does === 'goto') this.#end(rule, matches, narrower, frame)
      }
    }
    this.#sayAgain(frame.ended)
    this.#frames.pop()
  }

  #follow(rule: ChainRule, name: string, matches: readonly MarkMatch[], narrower?: string): void {
    const next = this.#chains.get(name)
    if (!next) this.#unknown(rule, { reason: `what ${name} does to packets is not known` }, matches)
    else if (this.#frames.length > DEPTH_MAX)
      this.#unknown(rule, { reason: 'too many chains lead to it', chains: [name] }, matches)
    else this.#walk(next, matches, narrower && `${rule.place} leads there, and ${narrower}`)
  }

  /** A whole mark is the packet's, whatever it was before. */
  #mark(rule: ChainRule, matches: readonly MarkMatch[], narrower: string | undefined): void {
    const { marks } = rule
    if (marks === undefined) return
    this.#reached.add(rule)
    const doubt = this.#doubtOf(matches, this.#frames)
    if (typeof marks !== 'number') this.#leave(rule, marks.reason)
    else if (narrower !== undefined) this.#leave(rule, narrower)
    else if (doubt) this.#leave(rule, `${doubt.place} before it may keep some packets from it`)
    else this.#rules.push(...matches.map(match => ({ ...match, mark: marks })))
  }

  /** They may go on, leave this chain or end the table. */
  #unknown(
    rule: ChainRule,
    { reason, chains = [] }: { reason: string; chains?: readonly string[] },
    matches: readonly MarkMatch[],
  ): void {
    this.#leave(rule, reason)
    for (const name of chains)
      this.lead({ name, reason: `${rule.place} leads there, and ${reason}` })
    for (const frame of new Set([this.#frames[0], this.#frames.at(-1)]))
      frame?.doubts.push({ place: rule.place, matches })
  }

  /** Packets come there, nobody can say which. */
  lead(led: Closed): void {
    if (this.#led.has(led.name)) return
    this.#led.set(led.name, led)
    for (const { verdict } of this.#chains.get(led.name)?.rules ?? [])
      if (verdict.does === 'jump' || verdict.does === 'goto')
        this.lead({ ...led, name: verdict.chain })
      else if (verdict.does === 'unknown')
        for (const name of verdict.chains ?? []) this.lead({ ...led, name })
  }

  /** Packets leave the chain of a frame, which those do not that have left one within it. */
  #end(
    rule: ChainRule,
    matches: readonly MarkMatch[],
    narrower: string | undefined,
    frame: Frame,
  ): void {
    const inner = this.#frames.slice(this.#frames.indexOf(frame) + 1)
    const gone = inner.flatMap(({ ended }) => ended.map(({ match }) => match))
    const ended = matches.map(match => ({
      match,
      said: this.#said(match),
      but: gone.flatMap(one => joined(one, match) ?? []),
    }))
    const isKnown = ended.every(({ said, but }) => said.length + but.length <= AGAIN_MAX)
    if (isKnown && narrower === undefined && !this.#doubtOf(matches, inner))
      frame.ended.push(...ended)
    else frame.doubts.push({ place: rule.place, matches })
  }

  #doubtOf(matches: readonly MarkMatch[], frames: readonly Frame[]): Doubt | undefined {
    return frames
      .flatMap(({ doubts }) => doubts)
      .find(doubt => doubt.matches.some(a => matches.some(b => overlap(a, b))))
  }

  /** Rules that give these packets, and no others, the marks that they have by now. */
  #said(match: MarkMatch): MarkRule[] {
    const whole = this.#rules.findLastIndex(rule => holds(rule, match))
    const parts = this.#rules.slice(whole + 1).flatMap(rule => {
      const part = joined(rule, match)
      return part ? [{ ...part, mark: rule.mark }] : []
    })
    return [{ ...match, mark: this.#rules[whole]?.mark ?? 0 }, ...parts]
  }

  /** The first that left a chain are said last. */
  #sayAgain(ended: readonly Ended[]): void {
    for (const { match, said, but } of ended.toReversed()) {
      const now = this.#said(match)
      if (now.map(markRuleText).join() === said.map(markRuleText).join()) continue
      const others = but.flatMap(one => this.#said(one))
      this.#rules.push(...said, ...others)
    }
  }

  #leave({ place, text }: ChainRule, reason: string, isAside = false): void {
    const key = `${place} ${text}`
    if (this.#left.has(key)) return
    this.#left.set(key, { place, text, reason, ...(isAside ? { aside: true } : {}) })
  }
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
  return inner !== undefined && bitsOf(inner).startsWith(bitsOf(outer))
}

/** Of prefixes that were asked for: each rule is compared with many. */
const known = new Map<string, string>()

/** A prefix as its family and its bits, as text: one that begins with it is within it. */
function bitsOf(prefix: string): string {
  const found = known.get(prefix)
  if (found !== undefined) return found
  const [address = '', length = ''] = prefix.split('/')
  const bytes = Array.from(addressBytes(address), byte => byte.toString(2).padStart(8, '0'))
  const family = familyOf(prefix)
  const bits = `${family}${bytes.join('').slice(family === 4 ? -32 : 0)}`
  const own = bits.slice(0, 1 + Number(length))
  known.set(prefix, own)
  return own
}
