/**
 * maglev, which IPVS does not have: as the program's own rules say it, dest by dest and round by
 * round. Read next: schedulers.ts, ../support/siphash.ts. Source: Maglev, section 3.4.
 */
import { sipHash13 } from '../support/siphash.ts'
import { addressText } from '../support/wire.ts'
import type { Asked, Candidate, Turn } from './schedulers.ts'

const SLOTS = 65537
/** Slots that are looked at for a dest that may be used. */
const LOOKS = 1024
const KEY = 0x676d2e736c767378n
const DEST_KEY = 0x74736576656c6761n
const CLIENT_KEY = 0x746e6576656c6761n
/** In front of an IPv4 address. */
const MAPPED = Buffer.from('00000000000000000000ffff', 'hex')

/** Of an address, its bytes as latin1, and a port. */
function hashOf(bytes: string, port: number, key: bigint): bigint {
  const address = Buffer.from(bytes, 'latin1')
  const sixteen = address.length === 4 ? Buffer.concat([MAPPED, address]) : address
  return sipHash13(Buffer.concat([sixteen, Buffer.from([port >> 8, port & 255])]), KEY, key)
}

/** By the client; who may not be used is passed over. */
export function maglev<D extends Candidate>(turn: Turn<D>, { from, sport }: Asked): D | undefined {
  const table = maglevTable(turn.list)
  if (table.length === 0) return undefined
  const port = turn.flags.has('flag-2') ? sport : 0
  const slot = Number((hashOf(from, port, CLIENT_KEY) & 0xffff_ffffn) % BigInt(SLOTS))
  for (let i = 0; i < LOOKS; i++) {
    const dest = turn.list[table[(slot + i) % SLOTS] ?? 0]
    if (dest && dest.weight > 0 && !dest.isOverloaded) return dest
  }
  return undefined
}

const tables = new Map<string, Int32Array>()
const TABLES_MAX = 64

/** Whose slot each is, by place in the list; quiesced dests have none. */
function maglevTable(list: readonly Candidate[]): Int32Array {
  const name = list.map(d => `${d.bytes} ${d.port} ${d.weight}`).join(', ')
  const known = tables.get(name)
  if (known) return known
  if (tables.size >= TABLES_MAX) tables.clear()
  const made = filled(list)
  tables.set(name, made)
  return made
}

/**
 * The heaviest takes a slot each round, others as often as their weight is of its, and all in the
 * first. Who has waited for longest in a round is the first to take; to begin with, by name.
 */
function filled(list: readonly Candidate[]): Int32Array {
  const heaviest = Math.max(0, ...list.map(d => d.weight))
  if (heaviest === 0) return new Int32Array()
  let queue = [...list.entries()]
    .filter(([, { weight }]) => weight > 0)
    .map(([at, { bytes, port, weight }]) => {
      const hash = hashOf(bytes, port, DEST_KEY)
      const slot = Number((hash & 0xffff_ffffn) % BigInt(SLOTS))
      const skip = Number((hash >> 32n) % BigInt(SLOTS - 1)) + 1
      return { at, name: nameOf(bytes, port), slot, skip, every: heaviest / weight, taken: 0 }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
  const table = new Int32Array(SLOTS).fill(-1)
  for (let round = 0, left = SLOTS; ; round++) {
    const due = queue.filter(({ taken, every }) => Math.floor(taken * every) === round)
    for (const dest of due) {
      while (table[dest.slot] !== -1) dest.slot = (dest.slot + dest.skip) % SLOTS
      table[dest.slot] = dest.at
      dest.taken++
      if (--left === 0) return table
    }
    queue = [...queue.filter(dest => !due.includes(dest)), ...due]
  }
}

function nameOf(bytes: string, port: number): string {
  const text = addressText(Buffer.from(bytes, 'latin1'))
  return text.includes(':') ? `[${text}]:${port}` : `${text}:${port}`
}
