/** Chains at random: each packet has the mark that they give it, or what gave it is left out. */
import test from 'ava'
import {
  importChains,
  type Chain,
  type ChainRule,
  type Condition,
} from '../../../../control/ipvs/marks/chains.ts'
import type { MarkProtocol, MarkRule } from '../../../../control/model/mark.ts'
import { randomFrom, type Random } from '../../../support/random.ts'

const SEEDS = 1500
const TOS = ['192.0.2.0/32', '192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32']
const PREFIXES = ['192.0.2.0/31', '192.0.2.2/31', '192.0.2.0/30', ...TOS]
const PORTS = [80, 443]

interface Packet {
  protocol: MarkProtocol
  to: string
  port: number
}

const PACKETS: Packet[] = (['tcp', 'udp'] as const).flatMap(protocol =>
  TOS.flatMap(to => PORTS.map(port => ({ protocol, to, port }))),
)

/** Base chains jump to user chains, and those to later ones. */
function someChains(below: Random): Chain[] {
  const names = ['a', 'b', 'c']
  const chain = (name: string, jumps: string[]): Chain => ({
    name,
    rules: Array.from({ length: 1 + below(6) }, (_, i) => someRule(`${name}${i}`, jumps, below)),
  })
  return [
    ...['one', 'two'].map(name => chain(name, names)),
    ...names.map((name, i) => chain(name, names.slice(i + 1))),
  ]
}

function someRule(place: string, jumps: string[], below: Random): ChainRule {
  const to = PREFIXES[below(PREFIXES.length * 2)]
  const protocol = (['tcp', 'udp'] as const)[below(4)]
  const port = PORTS[below(4)]
  const condition: Condition = {
    families: [4],
    ...(to === undefined ? {} : { to: [to] }),
    ...(protocol === undefined ? {} : { protocols: [protocol] }),
    ...(port === undefined ? {} : { ports: [{ first: port, last: port }] }),
  }
  const marks = [undefined, undefined, undefined, 1 + below(9), { reason: 'unsaid' }][below(9)]
  return {
    ...{ place, text: '', condition, verdict: someVerdict(jumps, below) },
    ...(below(6) === 0 ? { narrower: 'narrower' } : {}),
    ...(below(2) === 0 ? { marks: 1 + below(9) } : marks === undefined ? {} : { marks }),
  }
}

function someVerdict(jumps: string[], below: Random): ChainRule['verdict'] {
  const chain = jumps[below(jumps.length)]
  const kind = below(12)
  if (kind === 0) return { does: 'end' }
  if (kind === 1) return { does: 'return' }
  if (kind <= 4 && chain !== undefined) return { does: 'jump', chain }
  if (kind === 5 && chain !== undefined) return { does: 'goto', chain }
  if (kind === 6 && below(3) === 0) return { does: 'unknown', reason: 'unknown' }
  return { does: 'nothing' }
}

/** The last rule that marked a packet; `may` decides what the chains do not say. */
function lastMarking(chains: readonly Chain[], packet: Packet, may: Random): ChainRule | undefined {
  const byName = new Map(chains.map(chain => [chain.name, chain]))
  let last: ChainRule | undefined
  const run = (name: string): 'end' | 'go on' => {
    for (const rule of byName.get(name)?.rules ?? []) {
      if (!isFor(rule.condition, packet)) continue
      if (rule.narrower !== undefined && may(2) === 0) continue
      if (rule.marks !== undefined) last = rule
      const { verdict } = rule
      if (verdict.does === 'end') return 'end'
      if (verdict.does === 'return') return 'go on'
      if (verdict.does === 'goto') return run(verdict.chain)
      if (verdict.does === 'jump' && run(verdict.chain) === 'end') return 'end'
      if (verdict.does === 'unknown') {
        const done = (['end', 'go on', undefined] as const)[may(3)]
        if (done) return done
      }
    }
    return 'go on'
  }
  for (const name of ['one', 'two']) run(name)
  return last
}

function isFor({ to, protocols, ports }: Condition, packet: Packet): boolean {
  return (
    (!to || to.some(prefix => isIn(packet.to, prefix))) &&
    (!protocols || protocols.includes(packet.protocol)) &&
    (!ports || ports.some(({ first, last }) => first <= packet.port && packet.port <= last))
  )
}

/** Prefixes of 192.0.2.0/30. */
function isIn(address: string, prefix: string): boolean {
  const lastByte = (text: string): number => Number(text.split('/')[0]?.split('.')[3])
  const bits = 32 - Number(prefix.split('/')[1])
  return lastByte(address) >> bits === lastByte(prefix) >> bits
}

function markOf(rules: readonly MarkRule[], packet: Packet): number {
  const found = rules.findLast(({ family, protocol, to, ports }) => {
    const condition: Condition = {
      families: [family],
      ...(protocol === undefined ? {} : { protocols: [protocol] }),
      ...(to === undefined ? {} : { to: [to] }),
      ...(ports === undefined ? {} : { ports: [ports] }),
    }
    return isFor(condition, packet)
  })
  return found?.mark ?? 0
}

test('mark import: chains at random, the marks are those of the chains or left out', t => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const below = randomFrom(seed)
    const chains = someChains(below)

    const { rules, left } = importChains(chains.slice(0, 2), chains)

    const places = new Set(left.map(({ place }) => place))
    for (const packet of PACKETS)
      for (let i = 0; i < 8; i++) {
        const by = lastMarking(chains, packet, below)
        if (by && places.has(by.place)) continue
        const marks = by?.marks ?? 0
        if (markOf(rules, packet) !== marks)
          t.fail(
            `seed ${seed}: ${JSON.stringify(packet)} has mark ${markOf(rules, packet)}, ` +
              `not ${JSON.stringify(marks)} of ${by?.place ?? 'none'}`,
          )
      }
  }
  t.pass()
})
