/**
 * Rows of a new connection by each scheduler, among few dests and many. Every scheduler that there
 * is has its rows. All dests are behind the router, so that a frame looks the same whichever was
 * chosen. Read next: tables.ts.
 */
import { DEST_CONNS, REASON } from '../../control/abi/maps.gen.ts'
import { SCHEDULERS } from '../../control/model/service.ts'
import { SYN, frameOf, type End } from './frame.ts'
import type { Row } from './rows.ts'
import { OWN_MAC, ROUTER_MAC, SCHEDULED, clientOf, openTables, type Tables } from './tables.ts'

const XDP_TX = 3
const SIZES = [10, 100, 1000]
/** Twice and more what a row makes in a round; it is emptied before each. */
const SLOTS = 2 ** 17
/** They are many and cost no more than what they look at: their minimum stands still sooner. */
const ROUNDS = 4
/** More than there will be connections, so that ovf goes on. */
const WEIGHT = 65536

/** Loads a program of its own for them. */
export function schedulerRows(objects: string): Row[] {
  const tables = openTables(objects, [SLOTS, 1024])
  const names = SCHEDULERS.filter(name => name !== 'none')
  const wanted = names.flatMap(scheduler => SIZES.map(size => ({ scheduler, size })))
  return wanted.map(({ scheduler, size }, i): Row => {
    const to: End = { address: SCHEDULED[i] ?? '', port: 80 }
    tables.dataplane.publish({
      service: { protocol: 'tcp', ...to, scheduler },
      dests: Array.from({ length: size }, (_, n) => ({
        ...{ address: `10.9.${n >> 8}.${n & 255}`, port: 80 },
        ...{ fwd: 'dr' as const, weight: WEIGHT },
      })),
    })
    const macs = { dmac: OWN_MAC, smac: ROUTER_MAC }
    const segment = { from: clientOf('dr'), to, flags: SYN, ...macs, whole: false }
    const becomes = { ...segment, dmac: ROUTER_MAC, smac: OWN_MAC, ttl: 63 }
    return {
      ...{ name: `new.${scheduler}.${size}`, program: tables.kernel.program, retval: XDP_TX },
      ...{ traffic: { segment, clients: 'new' }, becomes: frameOf(becomes) },
      ...{ shipped: { tables, reason: REASON.DIRECT }, rounds: ROUNDS },
      before: () => {
        empty(tables)
      },
    }
  })
}

/** No connection, and no dest that counts any. Nobody else has these tables. */
export function empty({ dataplane }: Tables): void {
  for (const table of dataplane.conns) new Uint8Array(table).fill(0)
  const counts = new Uint32Array(dataplane.tables.destConns.buffer)
  for (let at = 0; at < counts.length; at += DEST_CONNS.size / 4) counts.fill(0, at, at + 2)
}
