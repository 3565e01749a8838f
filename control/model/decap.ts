/** What there is to say of an interface that decapsulates. Imports only the model. */
import type { AttachMode } from './service.ts'

export interface DecapView {
  name: string
  /** 0 when it has gone. */
  ifindex: number
  mode: AttachMode
  /** false: the interface has gone, or has lost the program. */
  present: boolean
  /** Of this host, as they were when the command ran: what is sent to others passes. */
  addresses: string[]
  /** What of the host is not any more as it was when the command ran. */
  changed: ('mac' | 'addresses')[]
  /** Packets since the start by what became of them, those above zero. */
  packets: { what: string; packets: number }[]
}
