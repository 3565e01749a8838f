/**
 * Deadlines of connections after a timeout was made shorter. A connection lives until the later of
 * its two slots' deadlines, and a packet that sets an earlier one than its own slot has takes the
 * other with it (../../bpf/track.h timer_start). So that it can tell, both are made the same first.
 */
import { store32 } from '../../addon/index.ts'
import { CONN4, LIFE, LIMIT, SLOT_WORD } from '../abi/maps.gen.ts'
import { SLOT, type ConnTable } from './slots.ts'

const REPLY = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
const DEADLINE = CONN4.deadline / 4
const PARTNER = CONN4.partner / 4

/** Gives both slots of every connection the later deadline; nothing lives longer for it. */
export function alignDeadlines({ family, conns }: ConnTable): void {
  const words = new Uint32Array(conns)
  const step = SLOT[family].size / 4
  for (let at = 0; at < words.length; at += step) {
    const word = words[at] as number
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || word & REPLY) continue
    const partner = words[at + PARTNER] as number
    if (partner === LIMIT.NONE) continue
    const [one, other] = [at + DEADLINE, partner * step + DEADLINE]
    const ahead = ((words[one] as number) - (words[other] as number)) | 0
    if (ahead > 0) store32(conns, other, words[one] as number)
    else if (ahead < 0) store32(conns, one, words[other] as number)
  }
}
