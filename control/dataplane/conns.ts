/** Connections as a person sees them, read from the mapped tables. Read next: slots.ts. */
import { FAMILY, FWD, LIFE, SLOT_WORD, TCP_STATE } from '../abi/maps.gen.ts'
import { formatAddress, formatIpv6 } from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  type ConnView,
  type DestId,
  type ForwardingMethod,
} from '../model/service.ts'
import type { Kernel } from './kernel.ts'
import { readSlot, SLOT, type ConnTable } from './slots.ts'

const FORWARDING: Record<number, ForwardingMethod> = {
  [FWD.FWD_NAT]: 'nat',
  [FWD.FWD_DR]: 'dr',
  [FWD.FWD_TUN]: 'tun',
}
/** TCP_ESTABLISHED -> ESTABLISHED: IPVS' names are the enum's without its prefix. */
const STATE_NAMES = new Map(
  Object.entries(TCP_STATE).map(([name, number]) => [number as number, name.slice('TCP_'.length)]),
)

/**
 * Every connection of a family that is not overdue, a NAT connection once, in table order.
 * @param destOf address and port of a dest id
 * @param range slots to look at
 */
export function readConns(
  kernel: Kernel,
  table: ConnTable,
  destOf: (id: number) => DestId,
  range = { from: 0, to: Infinity },
): ConnView[] {
  const words = new Uint32Array(table.conns)
  const step = SLOT[table.family].size / 4
  const skipped = SLOT_WORD.CONN_REPLY << SLOT_WORD.WORD_FLAGS_SHIFT
  const now = kernel.clock()
  const found: ConnView[] = []
  const end = Math.min(words.length, range.to * step)
  for (let at = range.from * step; at < end; at += step) {
    const word = words[at] ?? 0
    if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID || word & skipped) continue
    const conn = connAt(kernel, table, at / step, now, destOf)
    if (conn) found.push(conn)
  }
  return found
}

function connAt(
  kernel: Kernel,
  table: ConnTable,
  slot: number,
  now: number,
  destOf: (id: number) => DestId,
): ConnView | undefined {
  const row = readSlot(table, slot)
  const shape = SLOT[table.family]
  const partnerAt = row.partner * shape.size + shape.deadline
  const portAt = row.partner * shape.size + shape.oport
  const hasPartner = partnerAt < table.conns.byteLength
  const slots = new DataView(table.conns)
  const partner = hasPartner ? slots.getUint32(partnerAt, true) : row.deadline
  const left = Math.max((row.deadline - now) | 0, (partner - now) | 0)
  const isTcp = row.protocol === PROTOCOL_NUMBER.tcp
  if (left < 0) return undefined
  const flags = Number(row.word >> BigInt(SLOT_WORD.WORD_FLAGS_SHIFT)) & SLOT_WORD.CONN_FWD_MASK
  const { address, port } = destOf(Number(row.word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT)))
  // An IPv6 client may call itself ::ffff:10.0.0.1, which is no IPv4 client.
  const text = table.family === FAMILY.FAMILY_IPV6 ? formatIpv6 : formatAddress
  return {
    protocol: isTcp ? 'tcp' : 'udp',
    state: isTcp ? (STATE_NAMES.get(row.state) ?? `STATE_${row.state}`) : 'UDP',
    expiresS: Math.floor(left / kernel.ticksPerSecond),
    client: { address: text(row.caddr), port: row.cport },
    virtual: { address: text(row.oaddr), port: row.oport },
    dest: { address, port: hasPartner ? slots.getUint16(portAt) : port || row.oport },
    fwd: FORWARDING[flags >> SLOT_WORD.CONN_FWD_SHIFT] ?? 'nat',
  }
}
