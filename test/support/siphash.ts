/**
 * SipHash with one round a word and three at the end, as its paper has it, in numbers of 64 bits:
 * for the model of maglev and against the program's own, which is in halves.
 * Source: SipHash: a fast short-input PRF, section 2.
 */
const LONG = (1n << 64n) - 1n

/** SipHash-1-3 of some bytes. */
export function sipHash13(message: Buffer, k0: bigint, k1: bigint): bigint {
  const whole = Buffer.alloc((Math.floor(message.length / 8) + 1) * 8)
  message.copy(whole)
  whole[whole.length - 1] = message.length
  const words = Array.from({ length: whole.length / 8 }, (_, i) => whole.readBigUInt64LE(i * 8))
  return sipHash13Words(words, k0, k1)
}

/** Of whole words, their length among them or not. */
export function sipHash13Words(words: readonly bigint[], k0: bigint, k1: bigint): bigint {
  let a = 0x736f6d6570736575n ^ k0
  let b = 0x646f72616e646f6dn ^ k1
  let c = 0x6c7967656e657261n ^ k0
  let d = 0x7465646279746573n ^ k1
  const turned = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & LONG
  const round = (): void => {
    a = (a + b) & LONG
    b = turned(b, 13n) ^ a
    a = turned(a, 32n)
    c = (c + d) & LONG
    d = turned(d, 16n) ^ c
    a = (a + d) & LONG
    d = turned(d, 21n) ^ a
    c = (c + b) & LONG
    b = turned(b, 17n) ^ c
    c = turned(c, 32n)
  }
  for (const word of words) {
    d ^= word
    round()
    a ^= word
  }
  c ^= 0xffn
  for (let i = 0; i < 3; i++) round()
  return a ^ b ^ c ^ d
}
