/**
 * Ends connections ahead of their time, as packets do in ../../bpf/conn_end.h: those of removed
 * dests, when expire_nodest_conn says so, and half-open ones for drop_entry. The sweep frees them.
 * Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_expire_nodest_conn_flush (v6.1).
 */
import { compareAndSwap64, load64, store32 } from '../../addon/index.ts'
import {
  CONN4,
  DEST,
  DEST_FLAGS,
  LIFE,
  LIMIT,
  SLOT_WORD,
  TCP_STATE,
  TEMPLATE,
} from '../abi/maps.gen.ts'
import { PROTOCOL_NUMBER } from '../model/service.ts'
import { controlsOf, dropControl, isTemplate, revive, type ControlTable } from './control.ts'
import { SLOT } from './slots.ts'
import { isValid, uncount } from './sweep.ts'

const REPLY = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
const LIFE_BITS = BigInt(SLOT_WORD.WORD_LIFE_MASK)
/** The dest id is the upper three bytes of a word's upper half. */
const DEST_SHIFT = SLOT_WORD.WORD_DEST_SHIFT - 32
const DEADLINE = CONN4.deadline / 4
const PARTNER = CONN4.partner / 4

export interface EndingTables extends ControlTable {
  destConns: ArrayBuffer
}

/**
 * Ends every connection of a table whose dest is in no service, and templates without connections.
 * @param dests the rows of dests
 * @param now ticks
 * @returns how many
 */
export function endOrphans(table: EndingTables, dests: ArrayBuffer, now: number): number {
  const words = new Uint32Array(table.conns)
  const flags = new Uint8Array(dests)
  const step = SLOT[table.family].size / 4
  let ended = 0
  for (let at = 0; at < words.length; at += step) {
    const word = words[at] as number
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || word & REPLY) continue
    const dest = (words[at + 1] as number) >>> DEST_SHIFT
    // 0: one that goes where it was going has no dest that could leave.
    if (dest === 0) continue
    if ((flags[dest * DEST.size + DEST.flags] as number) & DEST_FLAGS.DEST_AVAILABLE) continue
    if (isControlling(table, at)) continue
    ended += endConn(table, at, now, () => true)
  }
  return ended
}

/** Whether connections of it keep a template. */
function isControlling(table: EndingTables, at: number): boolean {
  const low = new Uint32Array(table.conns)[at] as number
  return isTemplate(low) && controlsOf(table, at / (SLOT[table.family].size / 4)) > 0
}

/** Of the table's buckets one in so many is looked at each second; the kernel's figure. */
const DROPPED_SHARE = 32
const HALF_OPEN = new Set<number>([TCP_STATE.TCP_SYN_RECV, TCP_STATE.TCP_SYNACK])

/**
 * drop_entry: ends half-open TCP connections of some buckets, at random, and templates that are not
 * assured and have no connections. Differs from LVS: those that are established or UDP, idle and of
 * few packets stay, as do templates of one-packet services, because packets of a connection are not
 * counted. Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_random_dropentry (v6.1).
 * @param random 0 to 1, without 1
 */
export function dropEntries(table: EndingTables, now: number, random: () => number): number {
  const words = new Uint32Array(table.conns)
  const bytes = new Uint8Array(table.conns)
  const { size } = SLOT[table.family]
  const bucket = (size / 4) * LIMIT.SLOTS_PER_BUCKET
  const buckets = words.length / bucket
  let ended = 0
  for (let turn = 0; turn < buckets / DROPPED_SHARE; turn++) {
    const first = Math.floor(random() * buckets) * bucket
    for (let at = first; at < first + bucket; at += size / 4) {
      const low = words[at] as number
      if (low & REPLY || isControlling(table, at)) continue
      if (isTemplate(low) ? isAssured(table, at) : !isHalfOpen(bytes, at * 4)) continue
      ended += endConn(table, at, now, template => !isAssured(table, template))
    }
  }
  return ended
}

function isHalfOpen(bytes: Uint8Array, at: number): boolean {
  if (bytes[at + CONN4.protocol] !== PROTOCOL_NUMBER.tcp) return false
  return HALF_OPEN.has(bytes[at + CONN4.state] as number)
}

function isAssured({ conns }: EndingTables, at: number): boolean {
  return new Uint8Array(conns)[at * 4 + CONN4.state] === TEMPLATE.TEMPLATE_ASSURED
}

/**
 * Both slots of a connection, its count, and its template when it was the last of it and that
 * leaves with it; how many this ended.
 */
function endConn(
  table: EndingTables,
  at: number,
  now: number,
  leaves: (template: number) => boolean,
): number {
  const words = new Uint32Array(table.conns)
  const step = SLOT[table.family].size / 4
  const partner = words[at + PARTNER] as number
  const deadline = words[at + DEADLINE] as number
  const was = end(table.conns, at, now)
  if (was === undefined) return 0
  // As in the sweep: a packet counts its connection first, then looks at the template.
  if (isTemplate(words[at] as number) && controlsOf(table, at / step) > 0) {
    revive(table, at / step, deadline)
    return 0
  }
  uncount(table.destConns, was)
  if (partner !== LIMIT.NONE) end(table.conns, partner * step, now)
  const template = dropControl(table, at / step)
  if (template === undefined || controlsOf(table, template) > 0) return 1
  return leaves(template * step) ? 1 + endConn(table, template * step, now, leaves) : 1
}

/** VALID becomes ENDED; what the word was, undefined when somebody else has ended it. */
function end(conns: ArrayBuffer, at: number, now: number): bigint | undefined {
  for (;;) {
    const was = load64(conns, at / 2)
    if (!isValid(was)) return undefined
    store32(conns, at + DEADLINE, now - 1)
    const ended = (was & ~LIFE_BITS) | BigInt(LIFE.LIFE_ENDED)
    if (compareAndSwap64(conns, at / 2, was, ended) === was) return was
  }
}
