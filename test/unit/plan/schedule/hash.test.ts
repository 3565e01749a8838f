/** The schedulers' hashes, against numbers that the kernel gave. */
import test from 'ava'
import { ipv4 } from '../../../../control/model/address.ts'
import { keyed, multiplicative, sipHash } from '../../../../control/plan/schedule/hash.ts'
import { MH_KEY, MH_SKIP_KEY } from '../../../../control/plan/schedule/mh.ts'
import { folded } from '../../../../control/plan/schedule/table.ts'
import { sipHash13Words } from '../../../support/siphash.ts'

const MULTIPLIED: [address: string, port: number, bits8: number, bits10: number | undefined][] = [
  ['10.9.0.1', 0, 224, 897],
  ['192.0.2.1', 0, 50, 203],
  ['198.51.100.77', 0, 103, 415],
  ['10.1.0.100', 0, 126, 506],
  ['255.255.255.255', 0, 158, 632],
  ['0.0.0.1', 0, 97, 391],
  ['2001:db8:1::2', 0, 26, 106],
  ['10.9.0.1', 1024, 2, undefined],
  ['192.0.2.1', 40000, 214, undefined],
]

test('multiplicative: addresses and ports, the highest bits are as in the kernel', t => {
  for (const [address, port, bits8, bits10] of MULTIPLIED) {
    const value = folded(address, address.includes(':') ? 6 : 4) + port

    t.is(multiplicative(value, 8), bits8, address)
    if (bits10 !== undefined) t.is(multiplicative(value, 10), bits10, address)
  }
})

const KEYED: [value: number, key: number, hash: number][] = [
  [0, MH_KEY, 0x1d5a77c2],
  [1, MH_KEY, 0x16ec66b2],
  [0xffffffff, MH_KEY, 0x22c5d719],
  [0, MH_SKIP_KEY, 0xf882433f],
  [ipv4('10.9.0.1'), MH_KEY, 0xd51b73d7],
  [ipv4('10.9.0.1'), MH_SKIP_KEY, 0x8c22ea21],
  [0x20000dba, MH_KEY, 0x7446f896],
  [ipv4('10.2.0.11') + 80, MH_KEY, 0xd294d274],
  [ipv4('10.2.0.11') + 80, MH_SKIP_KEY, 0xffc2a31e],
  [ipv4('10.2.0.12') + 8080, MH_KEY, 0xcc5d79c1],
  [ipv4('10.2.0.12') + 8080, MH_SKIP_KEY, 0xee65d85a],
  [ipv4('10.9.0.2'), MH_KEY, 0x5d6760e3],
  [ipv4('10.9.0.3'), MH_KEY, 0x99e40c1f],
  [ipv4('192.0.2.1'), MH_KEY, 0x92889c88],
  [ipv4('198.51.100.77'), MH_KEY, 0xc3cac8e2],
  [ipv4('192.0.2.1') + 40000, MH_KEY, 0xcb245051],
]

test('keyed: numbers and both keys, the low half is as in the kernel', t => {
  for (const [value, key, hash] of KEYED)
    t.is(keyed(value, key).toString(16), hash.toString(16), `${value.toString(16)} ${key}`)
})

test('sipHash: several words, the same as in numbers of 64 bits', t => {
  const halves = (word: bigint): [number, number] => [
    Number(word & 0xffffffffn),
    Number(word >> 32n),
  ]
  for (let i = 0n; i < 50n; i++) {
    const word = (n: bigint): bigint => BigInt.asUintN(64, (i * 7n + n) * 0x9e3779b97f4a7c15n)
    const words = [word(3n), word(4n), word(5n)]
    const [low, high] = sipHash(
      [halves(word(1n)), halves(word(2n))],
      words.map(w => halves(w)),
    )

    t.is((BigInt(high) << 32n) | BigInt(low), sipHash13Words(words, word(1n), word(2n)))
  }
})

test('folded: both families, the words that the kernel takes by the family of the service', t => {
  t.is(folded('10.9.0.1', 4), 0x0a090001)
  t.is(folded('2001:db8:1::2', 6), 0x20000dba)
  t.is(folded('10.9.0.1', 6), 0x0a090001)
  t.is(folded('2001:db8:1::2', 4), 0x20010db8)
})
