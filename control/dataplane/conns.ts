/** Connections as a person sees them, read from the mapped tables. Read next: slots.ts. */
import { FAMILY, FWD, LIFE, SLOT_WORD, TCP_STATE, TEMPLATE } from '../abi/maps.gen.ts'
import { formatAddress, formatIpv6 } from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  type ConnView,
  type DestId,
  type ForwardingMethod,
  type Protocol,
} from '../model/service.ts'
import type { Kernel } from './kernel.ts'
import { callIdOf, isCall } from './calls.ts'
import { isTemplate } from './control.ts'
import { readSlot, SLOT, type ConnTable, type Slot } from './slots.ts'

export const FORWARDING: Record<number, ForwardingMethod> = {
  [FWD.FWD_NAT]: 'nat',
  [FWD.FWD_DR]: 'dr',
  [FWD.FWD_TUN]: 'tun',
}
/** TCP_ESTABLISHED -> ESTABLISHED: IPVS' names are the enum's without its prefix. */
const STATE_NAMES = new Map(
  Object.entries(TCP_STATE).map(([name, number]) => [
    number as number,
    name.slice('TCP_'.length).replace(/_UNOPENED$/, ''),
  ]),
)
const PROTOCOLS = new Map(
  Object.entries(PROTOCOL_NUMBER).map(([name, number]) => [number, name as Protocol]),
)

/** What is known of dest ids: what packets of one get, and the method of its new connections. */
interface DestIds {
  destOf(id: number): DestId
  /** enum fwd */
  methodOf(id: number): number
}

/**
 * Every connection of a family that is not overdue, a NAT connection once, in table order. The
 * method of a template is that which its dest has now: its slot has none.
 * @param range slots to look at, and of which dest ids; missing: of all
 */
export function readConns(
  kernel: Kernel,
  table: ConnTable,
  dests: DestIds,
  range: { from: number; to: number; isOf?: (dest: number) => boolean } = { from: 0, to: Infinity },
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
    if (range.isOf?.((words[at + 1] ?? 0) >>> (SLOT_WORD.WORD_DEST_SHIFT - 32)) === false) continue
    const conn = connAt(kernel, table, at / step, now, dests)
    if (conn) found.push(conn)
  }
  return found
}

function connAt(
  kernel: Kernel,
  table: ConnTable,
  slot: number,
  now: number,
  dests: DestIds,
): ConnView | undefined {
  const row = readSlot(table, slot)
  const shape = SLOT[table.family]
  const partnerAt = row.partner * shape.size + shape.deadline
  const portAt = row.partner * shape.size + shape.oport
  const hasPartner = partnerAt < table.conns.byteLength
  const slots = new DataView(table.conns)
  const partner = hasPartner ? slots.getUint32(partnerAt, true) : row.deadline
  const left = Math.max((row.deadline - now) | 0, (partner - now) | 0)
  const low = Number(row.word & 0xffff_ffffn)
  if (left < 0) return undefined
  const flags = (low >> SLOT_WORD.WORD_FLAGS_SHIFT) & SLOT_WORD.CONN_FWD_MASK
  // An IPv6 client may call itself ::ffff:10.0.0.1, which is no IPv4 client.
  const text = table.family === FAMILY.FAMILY_IPV6 ? formatIpv6 : formatAddress
  const id = Number(row.word >> BigInt(SLOT_WORD.WORD_DEST_SHIFT))
  const none = table.family === FAMILY.FAMILY_IPV6 ? '::' : '0.0.0.0'
  const address = id === 0 ? none : dests.destOf(id).address
  const ends = {
    expiresS: Math.floor(left / kernel.ticksPerSecond),
    client: { address: text(row.caddr), port: isTemplate(low) ? 0 : row.cport },
    virtual: { address: text(row.oaddr), port: row.oport },
  }
  if (isTemplate(low))
    return {
      ...{ protocol: protocolOf(row.protocol ^ TEMPLATE.TEMPLATE_PROTOCOL), ...ends },
      state: row.state === 0 ? 'NONE' : 'ASSURED',
      dest: { address, port: swap16(row.nexthop) },
      fwd: FORWARDING[dests.methodOf(id)] ?? 'nat',
      isTemplate: true,
      ...(isCall(low) && {
        engine: { name: 'sip', data: callIdOf(kernel.maps, table.family, slot) },
      }),
    }
  return {
    ...{ protocol: protocolOf(row.protocol), state: stateOf(row), ...ends },
    dest: { address, port: hasPartner ? slots.getUint16(portAt) : id && row.oport },
    fwd: FORWARDING[flags >> SLOT_WORD.CONN_FWD_SHIFT] ?? 'nat',
  }
}

function protocolOf(number: number): ConnView['protocol'] {
  return PROTOCOLS.get(number) ?? 'ip'
}

function stateOf({ protocol, state }: Slot): string {
  if (protocol !== PROTOCOL_NUMBER.tcp) return 'UDP'
  return STATE_NAMES.get(state) ?? `STATE_${state}`
}

/** A port that is kept as packets have it. */
function swap16(port: number): number {
  return ((port & 0xff) << 8) | (port >> 8)
}
