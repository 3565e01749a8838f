/** What becomes of a frame. Read next: ipvs.ts. */
import type { Entry } from './entries.ts'

export const VERDICT = { drop: 1, pass: 2, tx: 3, redirect: 4 } as const

export interface Outcome {
  reason: string
  verdict: number
  /** The frame that leaves; undefined when none does, or it leaves as it came. */
  frame?: Buffer
  /** Where the host chooses an IPv4 identification of its own, else 0. */
  idAt?: number
  /** The neighbour that the kernel has to resolve; the MAC addresses are its to write. */
  resolving?: { ifindex: number; address: string }
  /** The entry that the packet was of. */
  entry?: Entry
}

export function passed(reason: string): Outcome {
  return { reason, verdict: VERDICT.pass }
}

export function dropped(reason: string): Outcome {
  return { reason, verdict: VERDICT.drop }
}
