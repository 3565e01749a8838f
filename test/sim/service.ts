/** What the model is told of: services, their dests, the network around. Read next: ipvs.ts. */
import type { ServiceId } from '../../control/model/service.ts'
import type { Way } from './emit.ts'
import type { Dest } from './entries.ts'
import type { SchedulerName, Turn } from './schedulers.ts'
import type { Grouping } from './templates.ts'

export interface Service extends Turn<Dest>, Grouping {
  id: ServiceId
  name: string
  /** 0 of one by mark. */
  protocol: number
  /** The virtual address as latin1 bytes; '' of one by mark. */
  bytes: string
  scheduler: SchedulerName
  /** 0: it is not persistent. */
  persistentS: number
  /** Datagrams are scheduled alone. */
  onePacket: boolean
  isThere: boolean
  /** Every dest it ever had and that is not forgotten, by address and port. */
  known: Map<string, Dest>
}

/** The network around the director. */
export interface Surroundings {
  mac: Buffer
  ingress: number
  /** Addresses of this host, as latin1. */
  locals: Set<string>
  /** Undefined: nothing goes there. */
  way(address: string): Way | undefined
  /** Which address speaks for the host where packets come in. */
  own(isV6: boolean): string
}

export function serviceKey(protocol: number, address: string, port: number): string {
  return `${String.fromCharCode(protocol, port)}${address}`
}
