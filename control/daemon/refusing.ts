/**
 * In which order a change of a batch is refused: some of its values are looked at before its turn
 * comes, but what is there is told first where the kernel's IPVS looks at that first.
 * Read next: accept.ts (what is looked at in its turn).
 */
import type { Draft } from '../plan/draft.ts'
import type { RefusedChange } from './contract.ts'

/** The kernel looks for the service first, and for the dest before it looks at its address. */
export function refusing({ change, refusal }: RefusedChange): (draft: Draft) => never {
  return draft => {
    if (change?.op === 'addService') draft.expect({ ...change, zero: {} })
    else if (change?.op === 'addDest' && refusal.code === 'DEST_NOT_UNICAST') draft.expect(change)
    else if (change) draft.mustFind(change.op === 'removeService' ? change.id : change.service)
    throw refusal
  }
}
