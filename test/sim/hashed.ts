/**
 * The schedulers that choose by a hash, as the specification has them: dh, sh and mh. Their tables
 * are not kept as they change but built of the dests as they are. Read next: schedulers.ts.
 * Source: the specification's words and vectors (3.9 to 4.3); ip_vs_dh.c, ip_vs_sh.c, ip_vs_mh.c
 * (v6.12).
 */
import type { Asked, Candidate, Turn } from './schedulers.ts'

const SLOTS = 256
const SLOTS_MH = 4093
/** Bits of the largest weight that count in mh. */
const BITS_MH = 6
const WORD = 0xffff_ffffn
const LONG = (1n << 64n) - 1n
const PLACE_KEY = 2654435761n
const SKIP_KEY = 2654446892n

/** An address as a number; IPv6's four words are folded into one. */
export function folded(address: string): number {
  const bytes = Buffer.from(address, 'latin1')
  let word = 0
  for (let at = 0; at < bytes.length; at += 4) word ^= bytes.readUInt32BE(at)
  return word >>> 0
}

/** Slot of a number among 256. */
export function slotOf(value: number): number {
  return Math.imul(value, 0x61c88647) >>> 24
}

/** SipHash-1-3 of a number's four bytes, its lower half. */
export function sip13(value: number, key: bigint): number {
  const v = [
    0x736f6d6570736575n,
    0x646f72616e646f6dn,
    0x6c7967656e657261n,
    0x7465646279746573n,
  ].map(word => word ^ key) as [bigint, bigint, bigint, bigint]
  const turn = (x: bigint, bits: bigint): bigint => ((x << bits) | (x >> (64n - bits))) & LONG
  const round = (): void => {
    v[0] = (v[0] + v[1]) & LONG
    v[1] = turn(v[1], 13n) ^ v[0]
    v[0] = turn(v[0], 32n)
    v[2] = (v[2] + v[3]) & LONG
    v[3] = turn(v[3], 16n) ^ v[2]
    v[0] = (v[0] + v[3]) & LONG
    v[3] = turn(v[3], 21n) ^ v[0]
    v[2] = (v[2] + v[1]) & LONG
    v[1] = turn(v[1], 17n) ^ v[2]
    v[2] = turn(v[2], 32n)
  }
  const message = (4n << 56n) | BigInt(value >>> 0)
  v[3] ^= message
  round()
  v[0] ^= message
  v[2] ^= 0xffn
  for (let i = 0; i < 3; i++) round()
  return Number((v[0] ^ v[1] ^ v[2] ^ v[3]) & WORD)
}

function isUsable(dest: Candidate): boolean {
  return dest.weight > 0 && !dest.isOverloaded
}

/** What the client is known by; a flag says that its port counts, too. */
function clientOf({ flags }: Turn<Candidate>, { from, sport }: Asked): number {
  return (folded(from) + (flags.has('flag-2') ? sport : 0)) >>> 0
}

/** By the virtual address; each dest has every so manieth slot. */
export function dh<D extends Candidate>({ list }: Turn<D>, { to }: Asked): D | undefined {
  const dest = list[slotOf(folded(to)) % list.length]
  return dest && isUsable(dest) ? dest : undefined
}

/** By the client; each dest has as many slots in a row as its weight says, and one at least. */
export function sh<D extends Candidate>(turn: Turn<D>, asked: Asked): D | undefined {
  const row = turn.list.flatMap(d => Array.from({ length: Math.max(1, d.weight) }, () => d))
  const at = (slot: number): D | undefined => row[(slot % SLOTS) % row.length]
  const hash = slotOf(clientOf(turn, asked))
  const dest = at(hash)
  if (!dest || isUsable(dest)) return dest
  if (!turn.flags.has('flag-1')) return undefined
  for (let k = 0; k < SLOTS; k++) {
    const other = at(hash + ((k + hash) % SLOTS))
    if (other && isUsable(other)) return other
  }
  return undefined
}

/** Maglev's table, by the last weights that were not 0. */
export function mh<D extends Candidate>(turn: Turn<D>, asked: Asked): D | undefined {
  const table = tableOf(turn)
  if (table.length === 0) return undefined
  const key = clientOf(turn, asked)
  const at = (value: number): D | undefined =>
    turn.list[table[sip13(value, PLACE_KEY) % SLOTS_MH] ?? 0]
  const slot = sip13(key, PLACE_KEY) % SLOTS_MH
  const dest = at(key)
  if (!dest || isUsable(dest)) return dest
  if (!turn.flags.has('flag-1') || !turn.list.some(isUsable)) return undefined
  for (let k = 0; k < SLOTS_MH; k++) {
    const other = at((key + ((k + slot) % SLOTS_MH)) >>> 0)
    if (other && isUsable(other)) return other
  }
  return undefined
}

/** Few tables are asked for again and again. */
const tables = new Map<string, number[]>()
const TABLES_MAX = 64

/** Whose slot each is, by place in the list. */
export function tableOf({ list, isV6 }: Pick<Turn<Candidate>, 'list' | 'isV6'>): number[] {
  const name = `${isV6} ` + list.map(d => `${d.bytes} ${d.port} ${d.lastWeight}`).join(', ')
  const known = tables.get(name)
  if (known) return known
  if (tables.size >= TABLES_MAX) tables.clear()
  const made = filled(list, isV6)
  tables.set(name, made)
  return made
}

/** A tunnel's dest of another family counts as far as the service's family reaches. */
function filled(list: readonly Candidate[], isV6: boolean): number[] {
  const divisor = list.reduce((g, d) => gcd(g, d.lastWeight), 0)
  if (divisor === 0) return []
  const largest = Math.max(...list.map(d => d.lastWeight / divisor))
  const shift = Math.max(0, largest.toString(2).length - BITS_MH)
  const dests = list.map(d => {
    const key = (folded(isV6 ? d.bytes : d.bytes.slice(0, 4)) + d.port) >>> 0
    const turns = (d.lastWeight / divisor) >> shift
    return {
      place: sip13(key, PLACE_KEY) % SLOTS_MH,
      skip: (sip13(key, SKIP_KEY) % (SLOTS_MH - 1)) + 1,
      turns: d.lastWeight === 0 ? 0 : Math.max(1, turns),
    }
  })
  const table = Array.from({ length: SLOTS_MH }, () => -1)
  for (let left = SLOTS_MH; ;)
    for (const [i, dest] of dests.entries())
      for (let turn = 0; turn < dest.turns; turn++) {
        while (table[dest.place] !== -1) dest.place = (dest.place + dest.skip) % SLOTS_MH
        table[dest.place] = i
        if (--left === 0) return table
      }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}
