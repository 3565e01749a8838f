/**
 * Puts the dests' connection counts right after a daemon died between freeing a connection and
 * counting it: the table itself is the truth. Packets go on meanwhile, so a count that moves during
 * a look says nothing in it, and only a difference that is the same in every other look is
 * believed. Read next: sweep.ts, sweep_worker.ts.
 */
import { add32 } from '../../addon/index.ts'
import { DEST_CONNS, LIFE, SLOT_WORD } from '../abi/maps.gen.ts'
import { isTemplate, type ControlTable } from './control.ts'
import { SLOT, type ConnTable } from './slots.ts'
import { afterRelease } from './threshold.ts'

/** A packet counts within microseconds of its change; three equal looks apart are no accident. */
const LOOKS = 3
/** A busy dest is looked at this often before it is left as it is. */
const LOOKS_MAX = 20
/** Looks that disagreed, in place of their number. */
const DISAGREED = 0xff
const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const INACTIVE = SLOT_WORD.CONN_INACTIVE << FLAGS_SHIFT
/** The dest id is the upper three bytes of a word's upper half. */
const DEST_SHIFT = SLOT_WORD.WORD_DEST_SHIFT - 32

/** Which words of a dest are counts; the others are its thresholds. */
const COUNTS = new Set<number>([DEST_CONNS.active, DEST_CONNS.inactive, DEST_CONNS.persistent])

/** Connections there are, by position in dest_conns' words. */
function present(tables: readonly ConnTable[], length: number): Int32Array {
  const there = new Int32Array(length)
  for (const table of tables) addPresent(table, there)
  return there
}

function addPresent({ family, conns }: ConnTable, there: Int32Array): void {
  const words = new Uint32Array(conns)
  const step = SLOT[family].size / 4
  for (let at = 0; at < words.length; at += step) {
    const low = words[at] ?? 0
    if ((low & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || low & REPLY) continue
    const counted = low & INACTIVE ? DEST_CONNS.inactive : DEST_CONNS.active
    const field = isTemplate(low) ? DEST_CONNS.persistent : counted
    const word = (((words[at + 1] ?? 0) >>> DEST_SHIFT) * DEST_CONNS.size + field) / 4
    there[word] = (there[word] ?? 0) + 1
  }
}

export interface Recount {
  /** Looks once; true when it has looked often enough. */
  look(): boolean
  /** Counts put right so far. */
  corrected: number
}

/**
 * To be asked a few times, some time apart.
 * @param count counts the tables; a test may have something happen meanwhile
 */
export function startRecount(
  tables: readonly ConnTable[],
  destConns: ArrayBuffer,
  count: typeof present = present,
): Recount {
  const counted = new Int32Array(destConns)
  const isCount = (word: number): boolean => COUNTS.has((word * 4) % DEST_CONNS.size)
  /** Counted less present, as every look so far that says something has it. */
  const drift = new Int32Array(counted.length)
  const agreed = new Uint8Array(counted.length)
  let looks = 0
  const look = (): boolean => {
    const before = counted.slice()
    const there = count(tables, counted.length)
    let isOpen = false
    for (let word = 0; word < counted.length; word++) {
      if (!isCount(word)) continue
      const now = counted[word] as number
      const times = agreed[word] as number
      if (times === DISAGREED) continue
      if (now === before[word]) note(word, now - (there[word] as number), times)
      else if (times === 0) isOpen = true
      isOpen ||= isPending(word)
    }
    return !isOpen || ++looks === LOOKS_MAX
  }
  const note = (word: number, by: number, times: number): void => {
    if (times === 0) drift[word] = by
    agreed[word] = by === drift[word] ? Math.min(times + 1, LOOKS) : DISAGREED
  }
  const isPending = (word: number): boolean => drift[word] !== 0 && (agreed[word] as number) < LOOKS
  const recount: Recount = {
    corrected: 0,
    look: () => {
      if (!look()) return false
      for (let word = 0; word < counted.length; word++) {
        const by = drift[word] as number
        if (by === 0 || agreed[word] !== LOOKS) continue
        add32(destConns, word, -by)
        afterRelease(destConns, Math.floor((word * 4) / DEST_CONNS.size))
        recount.corrected++
      }
      return true
    },
  }
  return recount
}

/** What a table says of its templates: their counts, and how many connections they have. */
function controlsIn(table: ControlTable): Map<number, { says: number; has: number }> {
  const words = new Uint32Array(table.conns)
  const cold = new Int32Array(table.cold)
  const step = SLOT[table.family].size / 4
  const found = new Map<number, { says: number; has: number }>()
  const has = new Map<number, number>()
  for (let slot = 0, at = 0; at < words.length; slot++, at += step) {
    const low = words[at] as number
    if ((low & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || low & REPLY) continue
    const control = cold[slot * 2] as number
    if (isTemplate(low)) found.set(slot, { says: cold[slot * 2 + 1] as number, has: 0 })
    else if (control !== 0) has.set(control - 1, (has.get(control - 1) ?? 0) + 1)
  }
  for (const [slot, template] of found) template.has = has.get(slot) ?? 0
  return found
}

/** The same of templates, which would stay for connections that they do not have. */
export function startControlRecount(tables: readonly ControlTable[]): Recount {
  const drifts = tables.map(() => new Map<number, { by: number; times: number }>())
  let looks = 0
  const note = (table: ControlTable, drift: Map<number, { by: number; times: number }>): void => {
    const cold = new Int32Array(table.cold)
    for (const [slot, { says, has }] of controlsIn(table)) {
      const by = says - has
      const before = drift.get(slot)
      const isSame = looks === 0 || before?.by === by
      if (by !== 0 && isSame && cold[slot * 2 + 1] === says)
        drift.set(slot, { by, times: (before?.times ?? 0) + 1 })
      else drift.delete(slot)
    }
  }
  const recount: Recount = {
    corrected: 0,
    look: () => {
      tables.forEach((table, i) => {
        note(table, drifts[i] ?? new Map<number, { by: number; times: number }>())
      })
      if (++looks < LOOKS && drifts.some(drift => drift.size > 0)) return false
      tables.forEach((table, i) => {
        for (const [slot, { by, times }] of drifts[i] ?? []) {
          if (times !== LOOKS) continue
          add32(table.cold, slot * 2 + 1, -by)
          recount.corrected++
        }
      })
      return true
    },
  }
  return recount
}
