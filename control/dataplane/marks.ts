/**
 * Mark rules in their map: compiled whole into the half that no packet reads, then published by one
 * store of each root. The other half may be read for one more grace period. Read next:
 * ../plan/marks/rules.ts, ../../bpf/mark.h.
 */
import { compareAndSwap64, load64 } from '../../addon/index.ts'
import { MARK_ROOT, MARK_ROW } from '../abi/maps.gen.ts'
import { familyOf, type Family } from '../model/address.ts'
import type { MarkRule } from '../model/mark.ts'
import type { AddressServiceId } from '../model/service.ts'
import {
  compile,
  layout,
  valuesIn,
  type Layout,
  type Range,
  type Table,
} from '../plan/marks/classifier.ts'
import { boxesOf, localBoxes, sidesOf } from '../plan/marks/rules.ts'
import type { Kernel } from './kernel.ts'
import { tableFull } from './rows.ts'

/** Rows that each half may have. */
export const HALF_ROWS = (MARK_ROOT.MARK_ROWS - MARK_ROOT.MARK_ROOTS) / 2
const ROW_WORDS = MARK_ROW.size / 8
const TO = MARK_ROW.to / 8
/** In the order of their roots. */
const FAMILIES: readonly Family[] = [4, 6]

/** What rules mean beside their own words, as the network has it. */
interface Surroundings {
  ifindexOf(name: string): number | undefined
  /** Prefixes that policy routing makes local for some marks. */
  readonly markLocals: readonly { mark: Range; prefix: string }[]
}

export class Marks {
  readonly #buffer: ArrayBuffer
  readonly #words: BigUint64Array
  #rules: readonly MarkRule[] = []
  /** What they were compiled to, by family. */
  #tables: readonly (Table | undefined)[] = []
  /** What the network meant for them when they were published; undefined: they were not yet. */
  #meant: string | undefined
  #owesGracePeriod = false

  constructor(kernel: Kernel) {
    this.#buffer = kernel.maps.marks.mmap()
    this.#words = new BigUint64Array(this.#buffer)
  }

  get owesGracePeriod(): boolean {
    return this.#owesGracePeriod
  }

  /** Those in force. */
  get rules(): readonly MarkRule[] {
    return this.#rules
  }

  /**
   * Whether the network means something else for the rules than when they were published. Until
   * then those that were found are in force.
   */
  isMoved(around: Surroundings): boolean {
    return this.#meant !== undefined && meaning(this.#rules, around) !== this.#meant
  }

  /** The marks that packets of a service may get, 0: none; some more than once. */
  marksOf(service: AddressServiceId): Iterable<number> {
    const table = this.#tables[FAMILIES.indexOf(familyOf(service.address))]
    return valuesIn(table, sidesOf(service))
  }

  /** Call after a grace period: the half that was left may be written. */
  settle(): void {
    this.#owesGracePeriod = false
  }

  /**
   * Puts rules in force; what is so already is not written. A grace period that is owed must have
   * passed. @throws TABLE_FULL
   */
  publish(rules: readonly MarkRule[], around: Surroundings): void {
    const ifindexOf = (name: string): number | undefined => around.ifindexOf(name)
    const tables = [
      ...FAMILIES.map(family => compile(boxesOf(rules, family, ifindexOf), HALF_ROWS)),
      ...FAMILIES.map(family => compile(localBoxes(around.markLocals, family), HALF_ROWS)),
    ]
    this.#write(tables)
    this.#rules = rules
    this.#tables = tables
    this.#meant = meaning(rules, around)
  }

  #write(tables: readonly (Table | undefined)[]): void {
    const used = this.#usedHalf()
    if (this.#isThere(layout(tables, baseOf(used)), baseOf(used))) return
    const next = layout(tables, baseOf(1 - used))
    if (next.rows.length > HALF_ROWS) throw tableFull('mark rules', HALF_ROWS)
    next.rows.forEach(({ key, to }, i) => {
      const at = (baseOf(1 - used) + i) * ROW_WORDS
      this.#words[at] = key
      this.#words[at + TO] = to
    })
    next.roots.forEach((to, root) => {
      this.#store(root, to)
    })
    this.#owesGracePeriod = true
  }

  /** One store, after all that it leads to. */
  #store(root: number, to: bigint): void {
    const word = root * ROW_WORDS + TO
    const was = load64(this.#buffer, word)
    if (was !== to) compareAndSwap64(this.#buffer, word, was, to)
  }

  /** The half that the roots lead to. */
  #usedHalf(): number {
    for (let root = 0; root < MARK_ROOT.MARK_ROOTS; root++) {
      const first = Number(this.#words[root * ROW_WORDS + TO] ?? 0n) & 0x7fffffff
      if (first >= baseOf(1)) return 1
    }
    return 0
  }

  #isThere({ rows, roots }: Layout, base: number): boolean {
    return (
      roots.every((to, root) => this.#words[root * ROW_WORDS + TO] === to) &&
      rows.every(({ key, to }, i) => {
        const at = (base + i) * ROW_WORDS
        return this.#words[at] === key && this.#words[at + TO] === to
      })
    )
  }
}

/** All that the network means for rules, to be compared. */
function meaning(rules: readonly MarkRule[], around: Surroundings): string {
  const names = new Set(rules.flatMap(rule => rule.interface ?? []))
  const indices = [...names].map(name => `${name}=${around.ifindexOf(name) ?? ''}`)
  const locals = around.markLocals.map(({ mark, prefix }) => `${mark.low}-${mark.high}:${prefix}`)
  return [...indices, ...locals].join()
}

function baseOf(half: number): number {
  return MARK_ROOT.MARK_ROOTS + half * HALF_ROWS
}
