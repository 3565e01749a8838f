/**
 * Rows of a new connection where there are so many mark rules, one of which is for its packets; 0:
 * none, and the service is found by its address. Read next: schedulers.ts.
 */
import { REASON } from '../../control/abi/maps.gen.ts'
import type { MarkRule } from '../../control/model/mark.ts'
import { SYN, frameOf, type End } from './frame.ts'
import type { Row } from './rows.ts'
import { empty } from './schedulers.ts'
import { OWN_MAC, ROUTER_MAC, SCHEDULED, clientOf, openTables } from './tables.ts'

const XDP_TX = 3
const SIZES = [0, 10, 1000, 10_000]
const SLOTS = 2 ** 17
const ROUNDS = 4
const MARK = 7

/** Loads a program of its own for them. */
export function markRows(objects: string): Row[] {
  const tables = openTables(objects, [SLOTS, 1024])
  const to: End = { address: SCHEDULED[0] ?? '', port: 80 }
  const dests = [{ address: '10.9.0.1', port: 80, fwd: 'dr' as const, weight: 1 }]
  const byMark = { protocol: 'fwmark', family: 4, mark: MARK, scheduler: 'rr' } as const
  tables.dataplane.publish({ service: { protocol: 'tcp', ...to, scheduler: 'rr' }, dests })
  tables.dataplane.publish({ service: byMark, dests })
  const macs = { dmac: OWN_MAC, smac: ROUTER_MAC }
  const segment = { from: clientOf('dr'), to, flags: SYN, ...macs, whole: false }
  const becomes = { ...segment, dmac: ROUTER_MAC, smac: OWN_MAC, ttl: 63 }
  return SIZES.map((size): Row => ({
    ...{ name: `new.marks.${size}`, program: tables.kernel.program, retval: XDP_TX },
    ...{ traffic: { segment, clients: 'new' }, becomes: frameOf(becomes) },
    ...{ shipped: { tables, reason: REASON.DIRECT }, rounds: ROUNDS },
    before: () => {
      empty(tables)
      tables.dataplane.marks.settle()
      tables.dataplane.setMarks(rules(size, to))
    },
  }))
}

/** Networks of a port each; the last is the packet's. */
function rules(size: number, { address, port }: End): MarkRule[] {
  return Array.from({ length: size }, (_, i) => ({
    ...{ family: 4, protocol: 'tcp', ports: { first: port, last: port }, mark: MARK },
    to: i === size - 1 ? `${address}/32` : `11.${i >> 8}.${i & 255}.0/24`,
  }))
}
