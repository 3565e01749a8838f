/** Connections as a person sees them, read from the mapped table. Read next: sweep.ts. */
import { CONN4, FWD, LIFE, SLOT_WORD, TCP_STATE, readConn4, type Dest } from '../abi/maps.gen.ts'
import { formatIpv4 } from '../model/address.ts'
import { PROTOCOL_NUMBER, type ConnView, type ForwardingMethod } from '../model/service.ts'
import type { Kernel } from './kernel.ts'
import type { Rows } from './rows.ts'

const FORWARDING: Record<number, ForwardingMethod> = { [FWD.FWD_NAT]: 'nat', [FWD.FWD_DR]: 'dr' }
/** TCP_ESTABLISHED -> ESTABLISHED: IPVS' names are the enum's without its prefix. */
const STATE_NAMES = new Map(
  Object.entries(TCP_STATE).map(([name, number]) => [number as number, name.slice('TCP_'.length)]),
)

/**
 * Every connection that is not overdue, a NAT connection once, in table order.
 * @param range slots to look at
 */
export function readConns(
  kernel: Kernel,
  conns: ArrayBuffer,
  dests: Rows<Dest>,
  range = { from: 0, to: Infinity },
): ConnView[] {
  const words = new Uint32Array(conns)
  const step = CONN4.size / 4
  const skipped = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
  const now = kernel.clock()
  const found: ConnView[] = []
  const end = Math.min(words.length, range.to * step)
  for (let at = range.from * step; at < end; at += step) {
    const word = words[at] ?? 0
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || word & skipped) continue
    const conn = connAt(kernel, conns, at / step, now, dests)
    if (conn) found.push(conn)
  }
  return found
}

function connAt(
  kernel: Kernel,
  conns: ArrayBuffer,
  slot: number,
  now: number,
  dests: Rows<Dest>,
): ConnView | undefined {
  const v = new DataView(conns)
  const row = readConn4(v, slot * CONN4.size)
  const partnerAt = row.partner * CONN4.size + CONN4.deadline
  const partner = partnerAt < conns.byteLength ? v.getUint32(partnerAt, true) : row.deadline
  const left = Math.max((row.deadline - now) | 0, (partner - now) | 0)
  const dest = dests.get(Number(row.word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT)))
  const isTcp = row.protocol === PROTOCOL_NUMBER.tcp
  if (left < 0) return undefined
  const flags = Number(row.word >> BigInt(SLOT_WORD.WORD_FLAGS_SHIFT)) & SLOT_WORD.CONN_FWD_MASK
  return {
    protocol: isTcp ? 'tcp' : 'udp',
    state: isTcp ? (STATE_NAMES.get(row.state) ?? `STATE_${row.state}`) : 'UDP',
    expiresS: Math.ceil(left / kernel.ticksPerSecond),
    client: { address: formatIpv4(row.caddr), port: row.cport },
    virtual: { address: formatIpv4(row.oaddr), port: row.oport },
    dest: { address: formatIpv4(dest.daddr), port: dest.dport },
    fwd: FORWARDING[flags >> SLOT_WORD.CONN_FWD_SHIFT] ?? 'nat',
  }
}
