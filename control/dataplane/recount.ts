/**
 * Puts the dests' connection counts right after a daemon died between freeing a connection and
 * counting it: the table itself is the truth. Packets go on meanwhile, so only a difference that
 * stays the same over several looks is believed. Read next: sweep.ts, sweep_worker.ts.
 */
import { add32 } from '../../addon/index.ts'
import { CONN4, DEST_CONNS, LIFE, SLOT_WORD } from '../abi/maps.gen.ts'

/** A packet counts within microseconds of its change; three equal looks apart are no accident. */
const LOOKS = 3
const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const INACTIVE = SLOT_WORD.CONN_INACTIVE << FLAGS_SHIFT
/** The dest id is the upper three bytes of a word's upper half. */
const DEST_SHIFT = SLOT_WORD.WORD_DEST_SHIFT - 32

/** By position in dest_conns' words: what is counted less what is there. */
type Drift = Map<number, number>

/** Counted less present, where that is not 0. */
function drift(conns: ArrayBuffer, destConns: ArrayBuffer): Drift {
  const words = new Uint32Array(conns)
  const counted = new Int32Array(destConns)
  const there = new Int32Array(counted.length)
  for (let at = 0; at < words.length; at += CONN4.size / 4) {
    const low = words[at] ?? 0
    if ((low & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || low & REPLY) continue
    const field = low & INACTIVE ? DEST_CONNS.inactive : DEST_CONNS.active
    const word = (((words[at + 1] ?? 0) >>> DEST_SHIFT) * DEST_CONNS.size + field) / 4
    there[word] = (there[word] ?? 0) + 1
  }
  const found: Drift = new Map()
  counted.forEach((n, word) => {
    if (n !== there[word]) found.set(word, n - (there[word] ?? 0))
  })
  return found
}

export interface Recount {
  /** Looks once; true when it has looked often enough. */
  look(): boolean
  /** Counts put right so far. */
  corrected: number
}

/** To be asked a few times, some time apart. */
export function startRecount(conns: ArrayBuffer, destConns: ArrayBuffer): Recount {
  let steady: Drift | undefined
  let looks = 0
  const recount: Recount = {
    corrected: 0,
    look: () => {
      const now = drift(conns, destConns)
      steady = steady ? agreement(steady, now) : now
      if (++looks < LOOKS) return steady.size === 0
      for (const [word, by] of steady) add32(destConns, word, -by)
      recount.corrected = steady.size
      return true
    },
  }
  return recount
}

function agreement(a: Drift, b: Drift): Drift {
  return new Map([...a].filter(([word, by]) => b.get(word) === by))
}
