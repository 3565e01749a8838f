/**
 * Hashes from a key to the slot of the newest connection, call or template that has it. The data
 * plane writes them, the sweep takes out whom it frees, while packets go on. Used by stashed.ts and
 * calls.ts.
 */
import type { BpfMap } from '../../addon/index.ts'
import { view } from './bytes.ts'

export type Index = Pick<BpfMap, 'lookup' | 'take' | 'update'>

/** To BpfMap.update: not when the key is there. */
const IF_NEW = 1

/**
 * Takes a slot out, if the key is still its own. In one step: a packet may give the key to a newer
 * one at any time, which is put back if it was taken.
 * @returns that newer one; others may have come while it was out
 */
export function unindex(index: Index, key: Uint8Array, slot: number): number | undefined {
  if (slotIn(index, key) !== slot) return undefined
  const taken = slotOf(index.take(key))
  if (taken === undefined || taken === slot) return undefined
  reindex(index, key, taken)
  return taken
}

/** Has a key lead to a slot, if it leads nowhere: whether it leads there now. */
export function reindex(index: Index, key: Uint8Array, slot: number): boolean {
  try {
    index.update(key, new Uint8Array(Uint32Array.of(slot).buffer), IF_NEW)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return slotIn(index, key) === slot
  }
}

/** Where a key leads. */
export function slotIn(index: Index, key: Uint8Array): number | undefined {
  return slotOf(index.lookup(key))
}

function slotOf(value: Uint8Array | undefined): number | undefined {
  return value && view(value).getUint32(0, true)
}
