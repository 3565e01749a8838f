/**
 * Hashes from a key to the slot of the newest connection, call or template that has it. The data
 * plane writes them, the sweep takes out whom it frees, while packets go on. Used by sweep.ts.
 */
import type { BpfMap } from '../../addon/index.ts'
import { view } from './bytes.ts'

export type Index = Pick<BpfMap, 'lookup' | 'take' | 'update'>

/** To BpfMap.update: not when the key is there. */
const IF_NEW = 1

/**
 * Takes a slot out, if the key is still its own. In one step: a packet may give the key to a newer
 * one at any time, which is put back if it was taken.
 */
export function unindex(index: Index, key: Uint8Array, slot: number): void {
  if (slotIn(index.lookup(key)) !== slot) return
  const taken = slotIn(index.take(key))
  if (taken !== undefined && taken !== slot) reindex(index, key, taken)
}

/** Has a key lead to a slot, if it leads nowhere: whether it leads there now. */
export function reindex(index: Index, key: Uint8Array, slot: number): boolean {
  try {
    index.update(key, new Uint8Array(Uint32Array.of(slot).buffer), IF_NEW)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return slotIn(index.lookup(key)) === slot
  }
}

function slotIn(value: Uint8Array | undefined): number | undefined {
  return value && view(value).getUint32(0, true)
}
