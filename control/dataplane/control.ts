/**
 * Templates and the connections made from them, as the sweep sees them: which template a connection
 * has, whether a template's connections let it go on beyond its time. Cold rows are changed here
 * and by packets, each by what cannot be half done. Read next: ../../bpf/control.h, sweep.ts.
 * Source: net/netfilter/ipvs/ip_vs_conn.c ip_vs_conn_expire (v6.1).
 */
import { add32, compareAndSwap64, load64 } from '../../addon/index.ts'
import { CONN4, DEST_CONNS, LIFE, LIMIT, SLOT_WORD, TCP_STATE, TEMPLATE } from '../abi/maps.gen.ts'
import { PROTOCOL_NUMBER } from '../model/service.ts'
import { SLOT, type ConnTable } from './slots.ts'

const FLAGS_SHIFT = SLOT_WORD.WORD_FLAGS_SHIFT
const FWD = SLOT_WORD.CONN_FWD_MASK << FLAGS_SHIFT
const IS_TEMPLATE = SLOT_WORD.CONN_TEMPLATE << FLAGS_SHIFT
const REPLY = SLOT_WORD.CONN_REPLY << FLAGS_SHIFT
const LOW = 0xffff_ffffn
const DEADLINE = CONN4.deadline / 4
const PARTNER = CONN4.partner / 4
/** Steps in which IPVS' timer wheel counts a minute; the same with each HZ a kernel may have. */
const WHEEL_S = 2.048

/** A table with its cold rows. */
export interface ControlTable extends ConnTable {
  cold: ArrayBuffer
}

/** Whether a slot's lower half of a word is a template's. */
export function isTemplate(low: number): boolean {
  return (low & FWD) === IS_TEMPLATE
}

/** The slot of a connection's template. */
export function controllerOf({ cold }: ControlTable, slot: number): number | undefined {
  const control = new Uint32Array(cold, slot * 8, 1)[0] ?? 0
  return control === 0 ? undefined : control - 1
}

/** Connections that were made from a template. */
export function controlsOf({ cold }: ControlTable, slot: number): number {
  return new Int32Array(cold, slot * 8 + 4, 1)[0] ?? 0
}

const ESTABLISHED = new Set<number>([
  ...[TCP_STATE.TCP_ESTABLISHED, TCP_STATE.TCP_FIN_WAIT, TCP_STATE.TCP_TIME_WAIT],
  ...[TCP_STATE.TCP_CLOSE, TCP_STATE.TCP_CLOSE_WAIT],
])

/** Whether a connection is established, or was: see ../../bpf/proto_tcp.h. */
function wasEstablished(bytes: Uint8Array, at: number): boolean {
  if (bytes[at + CONN4.protocol] !== PROTOCOL_NUMBER.tcp) return false
  return ESTABLISHED.has(bytes[at + CONN4.state] ?? 0)
}

/** Notes in a connection's template what its state says of it. */
function assure({ family, conns }: ConnTable, slot: number, template: number): void {
  const bytes = new Uint8Array(conns)
  const { size } = SLOT[family]
  if (!wasEstablished(bytes, slot * size)) return
  const low = new Uint32Array(conns, template * size, 1)[0] ?? 0
  if (isTemplate(low)) bytes[template * size + CONN4.state] = TEMPLATE.TEMPLATE_ASSURED
}

/**
 * Takes a connection off its template's count, once, whoever ends it; of a template, forgets how
 * long it lives, so that the slot's next connection is not taken for one that has a template.
 * @returns the template's slot
 */
export function dropControl(table: ControlTable, slot: number): number | undefined {
  const { family, conns, cold } = table
  for (;;) {
    const template = controllerOf(table, slot)
    if (template === undefined) return undefined
    const isOne = isTemplate(new Uint32Array(conns, slot * SLOT[family].size, 1)[0] ?? 0)
    if (!isOne) assure(table, slot, template)
    const was = load64(cold, slot)
    if (compareAndSwap64(cold, slot, was, was & ~LOW) !== was) continue
    if (isOne) return undefined
    add32(cold, template * 2 + 1, -1)
    return template
  }
}

/** The same of many slots, of which few have a template. */
export function dropControls(table: ControlTable, slots: readonly number[]): void {
  const cold = new Uint32Array(table.cold)
  for (const slot of slots) if (cold[slot * 2] !== 0) dropControl(table, slot)
}

/** Notes in every template whether connections that are there say that it is assured. */
export function assureTemplates(table: ControlTable): void {
  const words = new Uint32Array(table.conns)
  const cold = new Uint32Array(table.cold)
  const step = SLOT[table.family].size / 4
  for (let slot = 0, at = 0; at < words.length; slot++, at += step) {
    const low = words[at] as number
    if ((low & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || low & REPLY) continue
    const control = cold[slot * 2] as number
    if (control !== 0 && !isTemplate(low)) assure(table, slot, control - 1)
  }
}

/** Whether any dest has a template. */
export function hasTemplates(destConns: ArrayBuffer): boolean {
  const words = new Uint32Array(destConns)
  for (let at = DEST_CONNS.persistent / 4; at < words.length; at += DEST_CONNS.size / 4)
    if (words[at] !== 0) return true
  return false
}

/** When the connections that are overdue ended, by their templates. */
export function endsByTemplate(table: ControlTable, overdue: number[]): Map<number, number[]> {
  const words = new Uint32Array(table.conns)
  const step = SLOT[table.family].size / 4
  const ends = new Map<number, number[]>()
  for (const slot of overdue) {
    const template = controllerOf(table, slot)
    if (template === undefined) continue
    const one = words[slot * step + DEADLINE] ?? 0
    const partner = words[slot * step + PARTNER] ?? LIMIT.NONE
    const other = partner === LIMIT.NONE ? one : (words[partner * step + DEADLINE] ?? one)
    const end = ((other - one) | 0) > 0 ? other : one
    const others = ends.get(template)
    // One may have had a million.
    if (others) others.push(end)
    else ends.set(template, [end])
  }
  return ends
}

/**
 * The deadline of a template that goes on beyond one: a minute from when IPVS' wheel would notice.
 * A minute and what the wheel is late are 61.44 s, but for the first; half a second keeps it back.
 * @param second ticks
 */
export function minuteAfter(deadline: number, second: number): number {
  const step = WHEEL_S * second
  const noticed = Math.ceil(((deadline >>> 0) + second / 2) / step) * step
  return Math.round(noticed + TEMPLATE.TEMPLATE_AGAIN_S * second) | 0
}

/**
 * Of templates over their time those that are to go; the others go on, as each time that one's time
 * was over it had connections still: the time starts again, and is a minute from then on.
 * @param ends of the connections that have gone in this sweep
 * @param latest a deadline before this is over
 * @param second ticks
 */
export function templatesOver(
  table: ControlTable,
  templates: number[],
  ends: Map<number, number[]>,
  latest: number,
  second: number,
): number[] {
  const words = new Uint32Array(table.conns)
  const step = SLOT[table.family].size / 4
  return templates.filter(slot => {
    const at = slot * step + DEADLINE
    const first = words[at] ?? 0
    const left = ends.get(slot) ?? []
    let deadline = first
    while (((deadline - latest) | 0) < 0) {
      const had = left.filter(end => ((end - deadline) | 0) > 0).length
      if (controlsOf(table, slot) + had <= 0) return true
      deadline = minuteAfter(deadline, second)
    }
    goOn(table, slot, first, deadline, Math.round(TEMPLATE.TEMPLATE_AGAIN_S * second))
    return false
  })
}

/** A new deadline, unless a packet has just set one, and the minute in its row. */
function goOn(
  { family, conns, cold }: ControlTable,
  slot: number,
  was: number,
  deadline: number,
  minute: number,
): void {
  const at = (slot * SLOT[family].size + CONN4.deadline) / 8
  const both = load64(conns, at)
  if (Number(both & LOW) !== was >>> 0) return
  const next = (both & ~LOW) | BigInt(deadline >>> 0)
  if (compareAndSwap64(conns, at, both, next) !== both) return
  for (;;) {
    const row = load64(cold, slot)
    if (compareAndSwap64(cold, slot, row, (row & ~LOW) | BigInt(minute)) === row) return
  }
}

/** A template that was taken away while a packet made a connection from it: it is there again. */
export function revive({ family, conns }: ControlTable, slot: number, deadline: number): void {
  const at = (slot * SLOT[family].size) / 8
  new Uint32Array(conns)[slot * (SLOT[family].size / 4) + DEADLINE] = deadline
  for (;;) {
    const word = load64(conns, at)
    const alive = (word & ~BigInt(SLOT_WORD.WORD_LIFE_MASK)) | BigInt(LIFE.LIFE_VALID)
    if (compareAndSwap64(conns, at, word, alive) === word) return
  }
}
