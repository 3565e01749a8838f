/**
 * Steps of a simulated life as data, so that a story can be played again, and shortened. What a
 * step asks for may be so already, or not be possible any more: then it means nothing.
 * Read next: generator.ts (who makes them), world.ts (who plays them).
 */
import type { SchedFlag } from '../../control/model/service.ts'
import { show } from '../support/frames.ts'
import type { MarkRule } from './marks.ts'
import type { Fwd, Settings } from './rules.ts'
import type { SchedulerName } from './schedulers.ts'

/** A dest as it is wanted in a service, which is known by its place in the list. */
export interface WantedDest {
  service: number
  address: string
  port: number
  fwd: Fwd
  weight: number
  /** Thresholds; 0: none. */
  upper: number
  lower: number
}

export type Op =
  | { op: 'frame'; bytes: Buffer }
  | { op: 'wait'; ticks: number }
  | { op: 'sweep' }
  /** Ids of dests that are gone and hold no connection are free again. */
  | { op: 'forget' }
  /** Added, or edited. */
  | ({ op: 'dest' } & WantedDest)
  | { op: 'removeDest'; service: number; address: string; port: number }
  | { op: 'service'; service: number; isThere: boolean }
  | { op: 'scheduler'; service: number; scheduler: SchedulerName; flags: SchedFlag[] }
  /** `onePacket` of UDP and marks only. */
  | {
      op: 'persistence'
      service: number
      persistentS: number
      mask: string
      onePacket: boolean
    }
  | { op: 'set'; settings: Partial<Settings> }
  | { op: 'virtual'; address: string; isHere: boolean }

/** A service as a life begins with it, without dests. */
export interface WantedService {
  protocol: 'tcp' | 'udp' | 'fwmark'
  /** Of one by mark, any of its family. */
  address: string
  /** 0: any, and persistent; of one by mark, the mark. */
  port: number
  scheduler: SchedulerName
  persistentS: number
  onePacket: boolean
}

/** What a life begins with. */
export interface Beginning {
  services: WantedService[]
  marks: MarkRule[]
  /** MTU of the first interface. */
  mtu: number
}

/** Bytes of a frame that are shown. */
const SHOWN = 120

export function opText(op: Op): string {
  if (op.op !== 'frame') return JSON.stringify(op)
  return `${frameText(op.bytes)} ${op.bytes.toString('hex', 0, SHOWN)}`
}

/** Many are broken too badly to be shown. */
function frameText(bytes: Uint8Array): string {
  try {
    return show(bytes).replaceAll('\n', ' | ')
  } catch {
    return 'broken'
  }
}
