/**
 * Calls of the sip engine's templates: what leads to such a template's slot besides its table, and
 * from the slot to what it is of. Ended here with the slot. Read next: ../../bpf/call.h.
 */
import type { BpfMap } from '../../addon/index.ts'
import { CALL_PLACE, LIFE, readCall, SLOT_WORD, writeCallPlace } from '../abi/maps.gen.ts'
import { view } from './bytes.ts'
import { isTemplate } from './control.ts'
import { unindex, type Index } from './unindex.ts'
import { SLOT, type ConnTable, type FamilyNumber } from './slots.ts'

/** Calls that there may be, of both families together: memory is taken as they come. */
export const CALLS_MAX = 262_144

export interface CallMaps {
  calls: Index
  call_ids: Pick<BpfMap, 'lookup' | 'delete'>
}

const IS_CALL = SLOT_WORD.CONN_CALL << SLOT_WORD.WORD_FLAGS_SHIFT

/** Whether the lower half of a slot's word is that of a call's template. */
export function isCall(low: number): boolean {
  return isTemplate(low) && (low & IS_CALL) !== 0
}

function placeOf(family: FamilyNumber, index: number): Uint8Array {
  const key = new Uint8Array(CALL_PLACE.size)
  writeCallPlace(view(key), 0, { index, family })
  return key
}

/** The Call-ID of a call's template, a character a byte; '' where it has just ended. */
export function callIdOf(maps: CallMaps, family: FamilyNumber, slot: number): string {
  const call = maps.call_ids.lookup(placeOf(family, slot))
  if (!call) return ''
  const { id, length } = readCall(view(call), 0)
  return Buffer.from(id.subarray(0, length)).toString('latin1')
}

/** The calls of slots that are to be emptied, but for those that newer templates have. */
export function forgetCalls(table: ConnTable, maps: CallMaps, slots: readonly number[]): void {
  const words = new Uint32Array(table.conns)
  const step = SLOT[table.family].size / 4
  for (const slot of slots) {
    const low = words[slot * step] ?? 0
    if (!isCall(low) || (low & SLOT_WORD.WORD_LIFE_MASK) === LIFE.LIFE_EMPTY) continue
    const place = placeOf(table.family, slot)
    const call = maps.call_ids.lookup(place)
    if (!call) continue
    unindex(maps.calls, call, slot)
    maps.call_ids.delete(place)
  }
}
