/**
 * The hashes that schedulers' tables are filled and read by; bpf/sched_table.h has the same ones.
 * Pure. Read next: mh.ts.
 * Source: include/linux/hash.h hash_32, lib/siphash.c hsiphash_1u32 (v6.12).
 */

/** The golden ratio of 2^32, negated: include/linux/hash.h GOLDEN_RATIO_32. */
const GOLDEN_RATIO = 0x61c88647

/** The highest `bits` of a number times the golden ratio. */
export function multiplicative(value: number, bits: number): number {
  return Math.imul(value, GOLDEN_RATIO) >>> (32 - bits)
}

/** A number of 64 bits: its low and its high half. */
export type Half64 = readonly [low: number, high: number]

/** The state of SipHash: four numbers of 64 bits, the low half of each first. */
type State = Int32Array

/** "somepseudorandomlygeneratedbytes" (SipHash: a fast short-input PRF, section 2). */
const START = [
  ...[0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261],
  ...[0x6e657261, 0x6c796765, 0x79746573, 0x74656462],
]

/**
 * SipHash-1-3 of whole words of 64 bits, of which the last holds the message's length in its top
 * byte, as SipHash wants it. The same state for all calls: none of them yields.
 */
export function sipHash(key: readonly [Half64, Half64], words: readonly Half64[]): Half64 {
  state.set(START)
  for (let i = 0; i < 8; i++) state[i] = word(i) ^ (key[(i >> 1) & 1]?.[i & 1] ?? 0)
  for (const [low, high] of words) {
    state[6] = word(6) ^ low
    state[7] = word(7) ^ high
    round()
    state[0] = word(0) ^ low
    state[1] = word(1) ^ high
  }
  state[4] = word(4) ^ 0xff
  for (let i = 0; i < 3; i++) round()
  return [
    (word(0) ^ word(2) ^ word(4) ^ word(6)) >>> 0,
    (word(1) ^ word(3) ^ word(5) ^ word(7)) >>> 0,
  ]
}

const state: State = new Int32Array(8)

function word(i: number): number {
  return state[i] ?? 0
}

function round(): void {
  add(0, 2)
  rotate(2, 13)
  mix(2, 0)
  rotate(0, 32)
  add(4, 6)
  rotate(6, 16)
  mix(6, 4)
  add(0, 6)
  rotate(6, 21)
  mix(6, 0)
  add(4, 2)
  rotate(2, 17)
  mix(2, 4)
  rotate(4, 32)
}

function add(to: number, from: number): void {
  const low = (word(to) >>> 0) + (word(from) >>> 0)
  state[to] = low | 0
  state[to + 1] = (word(to + 1) + word(from + 1) + (low > 0xffffffff ? 1 : 0)) | 0
}

function mix(to: number, from: number): void {
  state[to] = word(to) ^ word(from)
  state[to + 1] = word(to + 1) ^ word(from + 1)
}

/** To the left by so many bits, 1 to 32. */
function rotate(at: number, bits: number): void {
  const [low, high] = [word(at), word(at + 1)]
  state[at] = bits === 32 ? high : (low << bits) | (high >>> (32 - bits))
  state[at + 1] = bits === 32 ? low : (high << bits) | (low >>> (32 - bits))
}

/** Of one number of 32 bits: low half of SipHash-1-3 of its four bytes, key halves alike. */
export function keyed(value: number, half: number): number {
  const both: Half64 = [half, 0]
  return sipHash([both, both], [[value | 0, FOUR_BYTES]])[0]
}

const FOUR_BYTES = 4 << 24
