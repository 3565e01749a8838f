/**
 * Boxes in several dimensions, of which the last that holds a point gives its value, compiled into
 * tables that are searched one after the other: a table cuts its dimension where some box begins
 * or ends, and each piece leads to the table of the next dimension, the last one's to a value. A
 * search halves, so ten thousand boxes cost a few steps more than ten. Equal tables are one. Pure.
 * Read next: rules.ts (what the boxes are), ../../../bpf/mark.h (who searches).
 */
import { XlvsError } from '../../errors.ts'

/** What a box has of a dimension, both ends included. */
export interface Range {
  low: bigint
  high: bigint
}

export interface Box {
  /** One of each dimension. */
  sides: readonly Range[]
  value: number
}

/** A piece of a dimension, from its key up to the next one's. */
interface Piece {
  key: bigint
  /** The next dimension's table, or the value. */
  to: Table | number
}

export interface Table {
  /** Of its own among those that are compiled with it. */
  id: number
  /** By ascending key, the first 0. */
  pieces: readonly Piece[]
}

/** A piece as the map has it. */
export interface Row {
  key: bigint
  /** struct mark_row's: a table, or the value. */
  to: bigint
}

export interface Layout {
  rows: Row[]
  /** The word that leads to each table that was asked for; 0: to none. */
  roots: bigint[]
}

/** A box that is looked at in a piece: some seconds of work, far more than useful rules take. */
const WORK_MAX = 16_000_000
const FULL_64: Range = { low: 0n, high: (1n << 64n) - 1n }

/** The table of the first dimension; undefined where no box gives a value. @throws TABLE_FULL */
export function compile(boxes: readonly Box[], rowsMax: number): Table | undefined {
  if (boxes.length === 0) return undefined
  return new Compiler(boxes, rowsMax).table()
}

/** Tables with all they lead to, one after the other from a row on. */
export function layout(tables: readonly (Table | undefined)[], base: number): Layout {
  const places = new Map<Table, number>()
  const order: Table[] = []
  let next = base
  const place = (table: Table): void => {
    if (places.has(table)) return
    places.set(table, next)
    next += table.pieces.length
    order.push(table)
    for (const { to } of table.pieces) if (typeof to === 'object') place(to)
  }
  for (const table of tables) if (table) place(table)
  const word = (to: Table | number): bigint =>
    typeof to === 'number'
      ? BigInt(to)
      : (BigInt(to.pieces.length) << 32n) | BigInt(places.get(to) ?? base)
  const rows = order.flatMap(({ pieces }) => pieces.map(({ key, to }) => ({ key, to: word(to) })))
  return { rows, roots: tables.map(table => (table ? word(table) : 0n)) }
}

/** What the tables say of a point, as the data plane finds it; 0 where no box holds it. */
export function search(table: Table | undefined, point: readonly bigint[]): number {
  let to: Table | number = table ?? 0
  for (const at of point) {
    if (typeof to === 'number') return to
    const found: Piece | undefined = to.pieces.findLast(({ key }) => key <= at)
    to = found?.to ?? 0
  }
  return typeof to === 'number' ? to : 0
}

/**
 * All that the tables say of points in a box, as long as somebody asks on; some more than once: a
 * table that was looked through already is not again, and has the last of its values said in its
 * place. So each answer is a step's work.
 */
export function* valuesIn(
  to: Table | number | undefined,
  [side, ...others]: readonly Range[],
  seen = new Map<Table, number>(),
): Generator<number> {
  if (typeof to !== 'object' || !side) {
    yield typeof to === 'number' ? to : 0
    return
  }
  let last = seen.get(to)
  if (last !== undefined) {
    yield last
    return
  }
  const { pieces } = to
  for (let i = pieceOf(pieces, side.low); (pieces[i]?.key ?? side.high + 1n) <= side.high; i++)
    for (const value of valuesIn(pieces[i]?.to, others, seen)) yield (last = value)
  seen.set(to, last ?? 0)
}

/** Which piece has that place. */
function pieceOf(pieces: readonly Piece[], place: bigint): number {
  let low = 0
  let high = pieces.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((pieces[middle]?.key ?? 0n) <= place) low = middle
    else high = middle - 1
  }
  return low
}

/** All of a dimension. */
export function everything(): Range {
  return FULL_64
}

class Compiler {
  readonly #boxes: readonly Box[]
  readonly #dimensions: number
  readonly #rowsMax: number
  /** By the dimension and the boxes that matter in it, and by what is in them. */
  readonly #ofBoxes = new Map<string, Table | number>()
  readonly #ofPieces = new Map<string, Table>()
  #tables = 0
  #rows = 0
  #work = 0

  constructor(boxes: readonly Box[], rowsMax: number) {
    this.#boxes = boxes
    this.#dimensions = boxes[0]?.sides.length ?? 0
    this.#rowsMax = rowsMax
  }

  table(): Table | undefined {
    const made = this.#make(0, [...this.#boxes.keys()])
    return typeof made === 'number' ? undefined : made
  }

  /** The table of a dimension for these boxes, by ascending index: the last one wins. */
  #make(dimension: number, all: readonly number[]): Table | number {
    const boxes = this.#visible(dimension, all)
    if (dimension === this.#dimensions) return this.#boxes[boxes.at(-1) ?? -1]?.value ?? 0
    const name = `${dimension}:${boxes.join(',')}`
    const known = this.#ofBoxes.get(name)
    if (known !== undefined) return known
    const made = this.#joined(this.#pieces(dimension, boxes))
    this.#ofBoxes.set(name, made)
    return made
  }

  /** Those that are not behind one that has all of the dimensions from here on. */
  #visible(dimension: number, boxes: readonly number[]): readonly number[] {
    this.#work += boxes.length
    if (this.#work > WORK_MAX) throw tooMany()
    const cover = boxes.findLastIndex(box => this.#isWhole(box, dimension))
    return cover > 0 ? boxes.slice(cover) : boxes
  }

  #isWhole(box: number, dimension: number): boolean {
    const sides = this.#boxes[box]?.sides ?? []
    for (let i = dimension; i < sides.length; i++) if (!isFull(sides[i])) return false
    return true
  }

  /** A piece for each stretch between ends; neighbours that lead to the same are one. */
  #pieces(dimension: number, boxes: readonly number[]): Piece[] {
    const pieces: Piece[] = []
    const active: number[] = []
    for (const [key, { begin, end }] of this.#cuts(dimension, boxes)) {
      for (const box of end) active.splice(placeOf(active, box), 1)
      for (const box of begin) active.splice(placeOf(active, box), 0, box)
      const to = this.#make(dimension + 1, active)
      if (pieces.at(-1)?.to !== to) pieces.push({ key, to })
    }
    return pieces
  }

  /** Where boxes begin and end in a dimension, by ascending place; the first place is 0. */
  #cuts(
    dimension: number,
    boxes: readonly number[],
  ): [bigint, { begin: number[]; end: number[] }][] {
    const cuts = new Map<bigint, { begin: number[]; end: number[] }>()
    const at = (key: bigint): { begin: number[]; end: number[] } => {
      const cut = cuts.get(key) ?? { begin: [], end: [] }
      cuts.set(key, cut)
      return cut
    }
    at(0n)
    for (const box of boxes) {
      const { low, high } = this.#boxes[box]?.sides[dimension] ?? FULL_64
      at(low).begin.push(box)
      if (high < FULL_64.high) at(high + 1n).end.push(box)
    }
    return [...cuts].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  }

  /** The one table that has these pieces; where there is nothing at all, 0. */
  #joined(pieces: readonly Piece[]): Table | number {
    if (pieces.length === 1 && pieces[0]?.to === 0) return 0
    const name = pieces.map(({ key, to }) => `${key}:${nameOf(to)}`).join()
    const known = this.#ofPieces.get(name)
    if (known) return known
    this.#rows += pieces.length
    if (this.#rows > this.#rowsMax) throw tooMany()
    const table = { id: ++this.#tables, pieces }
    this.#ofPieces.set(name, table)
    return table
  }
}

function nameOf(to: Table | number): string {
  return typeof to === 'number' ? `=${to}` : `${to.id}`
}

function isFull(side: Range | undefined): boolean {
  return side === undefined || (side.low === FULL_64.low && side.high === FULL_64.high)
}

/** Where a number is in an ascending list, or would be. */
function placeOf(list: readonly number[], wanted: number): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((list[middle] ?? 0) < wanted) low = middle + 1
    else high = middle
  }
  return low
}

function tooMany(): XlvsError {
  return new XlvsError(
    'TABLE_FULL',
    'the mark rules have more combinations than the table has room for',
    'give fewer rules of all addresses beside those of single ones',
  )
}
