/**
 * Compiles, loads and drives generator.bpf.c: a generator for each kind of frame, the
 * measured program behind one tail call. Assumes root. Read next: rows.ts.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { BpfObject, type BpfMap, type BpfProgram } from '../../addon/index.ts'
import { key32 } from '../../control/dataplane/bytes.ts'
import { familyOf } from '../../control/model/address.ts'
import { frameOf, headerSum, l4Check, wireBytes, type Segment } from './frame.ts'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const BUILT = fileURLToPath(new URL('../../build/bench/', import.meta.url))
/** Words of struct state (bench.h) between seed and stamps, in its order. */
const WORDS = [
  ...['first', 'mask', 'sequential', 'next', 'reply', 'addr', 'port', 'ip_sum', 'l4_check'],
  ...['mac0', 'mac1', 'mac2', 'packets', 'drawn', 'failures', 'length'],
  ...['addr6_0', 'addr6_1', 'addr6_2', 'addr6_3'],
] as const
const WORDS_AT = 2
const STAMPS_AT = (WORDS_AT + WORDS.length) / 2
/** As in bench.h. */
export const WINDOW = 2 ** 14
const STAMPS = 256
/** Connection i has dest i modulo this. */
export const DESTS = 256

/** What the generator makes: requests from numbered clients to one place, or their replies. */
export interface Traffic {
  /** Number 0's segment. */
  segment: Segment
  /** How many clients to draw from, a power of two; 'new': each number once. */
  clients: number | 'new'
  /** The lowest number drawn; 0 when left out. */
  first?: number
  /** From the dests to the clients. */
  reply?: boolean
  /** The program puts a header in front, which is taken off again. */
  tunnelled?: boolean
}

export interface Run {
  retval: number
  /** The frame as the last packet left it. */
  frame: Uint8Array
  /** Nanoseconds a packet, one figure for each window after the first. */
  windows: number[]
}

export class Generator {
  readonly #object: BpfObject
  readonly #measured: BpfMap
  readonly #words: Uint32Array
  readonly #stamps: BigUint64Array
  #behind: BpfProgram | undefined

  constructor() {
    this.#object = BpfObject.open(compile(), 'bench')
    this.#object.load()
    this.#measured = this.#object.map('measured')
    const state = this.#object.map('.data.state').mmap()
    this.#words = new Uint32Array(state)
    this.#stamps = new BigUint64Array(state).subarray(STAMPS_AT)
  }

  program(name: string): BpfProgram {
    return this.#object.program(name)
  }

  map(name: string): BpfMap {
    return this.#object.map(name)
  }

  get(word: (typeof WORDS)[number]): number {
    return this.#words[WORDS_AT + WORDS.indexOf(word)] ?? 0
  }

  /** The number that the next packet of 'new' traffic has. */
  startAt(number: number): void {
    this.#set('next', number)
  }

  /** Packets in a row through the generator into `program`. */
  run(program: BpfProgram, traffic: Traffic, packets: number): Run {
    if (this.#behind !== program) this.#measured.update(key32(0), program)
    this.#behind = program
    const data = frameOf(traffic.segment)
    this.#tell(data, traffic)
    this.#stamps.fill(0n, 0, STAMPS)
    const by = this.#object.program(generatorOf(traffic))
    const { retval, data: frame } = by.testRun({ data, repeat: packets })
    if (this.get('packets') !== packets)
      throw new Error(`${packets} packets were asked for, ${this.get('packets')} were made`)
    const stamps = this.#stamps.subarray(1, Math.min(STAMPS - 1, Math.floor(packets / WINDOW)) + 1)
    const windows = [...stamps].slice(1).map((at, i) => Number(at - (stamps[i] ?? 0n)) / WINDOW)
    return { retval, frame, windows }
  }

  #tell(frame: Uint8Array, traffic: Traffic): void {
    const v = new DataView(frame.buffer)
    const { from, to } = traffic.segment
    const other = traffic.reply === true ? from : to
    const address = new Uint8Array(16)
    address.set(wireBytes(other.address))
    const words = new DataView(address.buffer)
    this.#set('first', traffic.first ?? 0)
    this.#set('mask', traffic.clients === 'new' ? 0 : traffic.clients - 1)
    this.#set('sequential', traffic.clients === 'new' ? 1 : 0)
    this.#set('reply', traffic.reply === true ? 1 : 0)
    this.#set('addr', words.getUint32(0, true))
    for (const i of [0, 1, 2, 3] as const) this.#set(`addr6_${i}`, words.getUint32(4 * i, true))
    this.#set('port', ((other.port & 0xff) << 8) | (other.port >> 8))
    this.#set('length', frame.length)
    this.#set('ip_sum', headerSum(frame))
    this.#set('l4_check', l4Check(frame, traffic.segment))
    this.#set('mac0', v.getUint32(0, true))
    this.#set('mac1', v.getUint32(4, true))
    this.#set('mac2', v.getUint32(8, true))
    this.#set('packets', 0)
  }

  #set(word: (typeof WORDS)[number], value: number): void {
    this.#words[WORDS_AT + WORDS.indexOf(word)] = value
  }
}

/** The most packets of which every window is timed. */
export const PACKETS_MAX = (STAMPS - 1) * WINDOW

function generatorOf({ tunnelled, segment }: Traffic): string {
  if (tunnelled === true) return 'generator_tun'
  return familyOf(segment.from.address) === 6 ? 'generator6' : 'generator'
}

/** The flags are the Makefile's; headers of the wire are packed, and so are their addresses. */
function compile(): string {
  const multiarch = execFileSync('gcc', ['-print-multiarch'], { encoding: 'utf8' }).trim()
  const object = join(BUILT, 'generator.bpf.o')
  mkdirSync(BUILT, { recursive: true })
  execFileSync('clang-19', [
    ...'-target bpf -g -O2 -mcpu=v3 -Wall -Wextra -Werror'.split(' '),
    ...['-Wno-address-of-packed-member', `-I/usr/include/${multiarch}`],
    ...['-c', join(HERE, 'generator.bpf.c'), '-o', object],
  ])
  return object
}
