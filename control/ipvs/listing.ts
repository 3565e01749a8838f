/**
 * ipvsadm's listings, to the byte: plain, --stats, -c. Pure; names are handed in.
 * Differs from LVS: counters of dests are 64 bits wide; ipvsadm 1.31 cuts some of them to 32.
 * Source: ipvsadm.c (v1.31), print_service_entry(), print_largenum(), print_conn().
 */
import { addressBytes, familyOf } from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  type AddressServiceView,
  type ConnView,
  type DestId,
  type DestView,
  type ForwardingMethod,
  type Protocol,
  type Traffic,
} from '../model/service.ts'
import { qsort } from './sort.ts'

export interface ListingFormat {
  stats: boolean
  exact: boolean
}

/** How an address and a port are written: in numbers, or by name without -n. */
export interface Names {
  host(address: string): string
  port(port: number, protocol: Protocol): string
}

export const NUMBERS: Names = { host: address => address, port: String }

/** The kernel's version of IPVS and its default table size; ipvsadm prints what it reports. */
const TITLE = 'IP Virtual Server version 1.2.1 (size=4096)\n'
const PLAIN_HEADER =
  'Prot LocalAddress:Port Scheduler Flags\n' +
  '  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n'
const STATS_HEADER =
  'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n' +
  '  -> RemoteAddress:Port\n'
const CONNS_HEADER =
  'IPVS connection entries\n' +
  'pro expire state       source             virtual            destination\n'

const METHOD: Record<ForwardingMethod, string> = {
  nat: 'Masq',
  dr: 'Route',
  tun: 'Tunnel',
}
/** Longer names are cut here, so that columns stay. */
const SERVICE_WIDTH = 33
const DEST_WIDTH = 28

/** The whole table: -L. */
export function listAll(
  services: readonly AddressServiceView[],
  format: ListingFormat,
  names: Names,
): string {
  const sorted = qsort(services, compareServices)
  return TITLE + header(format) + sorted.map(service => entry(service, format, names)).join('')
}

/** One service: -L -t; without the line that names the version. */
export function listOne(service: AddressServiceView, format: ListingFormat, names: Names): string {
  return header(format) + entry(service, format, names)
}

/** Connections in the order given: -Lc. */
export function listConns(conns: readonly ConnView[], names: Names): string {
  const lines = conns.map(({ protocol, state, expiresS, client, virtual, dest }) =>
    [
      protocol.toUpperCase().padEnd(3),
      minutes(expiresS).padEnd(6),
      state.padEnd(11),
      endpoint(client, protocol, names).padEnd(18),
      endpoint(virtual, protocol, names).padEnd(18),
      endpoint(dest, protocol, names),
    ].join(' '),
  )
  return CONNS_HEADER + lines.map(line => `${line}\n`).join('')
}

/** A counter in 9 columns: in thousands, millions and so on where it would not fit. */
export function largeNumber(value: number, exact: boolean): string {
  const digits = String(value)
  if (exact) return digits.padStart(digits.length <= 8 ? 9 : digits.length + 1)
  if (value < 1e8) return digits.padStart(9)
  const [unit, letter] =
    value < 1e9 ? [1e3, 'K'] : value < 1e11 ? [1e6, 'M'] : value < 1e14 ? [1e9, 'G'] : [1e12, 'T']
  return String(Math.floor(value / unit)).padStart(8) + letter
}

function header({ stats }: ListingFormat): string {
  return stats ? STATS_HEADER : PLAIN_HEADER
}

function entry(service: AddressServiceView, format: ListingFormat, names: Names): string {
  const { protocol, scheduler, traffic } = service
  const name = `${protocol.toUpperCase().padEnd(4)} ${endpoint(service, protocol, names)}`
  const cut = name.slice(0, SERVICE_WIDTH)
  const line = format.stats
    ? cut.padEnd(SERVICE_WIDTH) + numbers(traffic, format.exact)
    : `${cut} ${scheduler}`
  const dests = qsort(service.dests, compareDests)
  return `${line}\n` + dests.map(dest => destLine(dest, protocol, format, names)).join('')
}

function destLine(dest: DestView, protocol: Protocol, format: ListingFormat, names: Names): string {
  const name = endpoint(dest, protocol, names).slice(0, DEST_WIDTH).padEnd(DEST_WIDTH)
  if (format.stats) return `  -> ${name}${numbers(dest.traffic, format.exact)}\n`
  const { fwd, weight, active, inactive } = dest
  const columns = [
    METHOD[fwd].padEnd(7),
    String(weight).padEnd(6),
    String(active).padEnd(10),
    String(inactive).padEnd(10),
  ]
  return `  -> ${name} ${columns.join(' ')}\n`
}

function numbers(traffic: Traffic, exact: boolean): string {
  const { conns, inPackets, outPackets, inBytes, outBytes } = traffic
  return [conns, inPackets, outPackets, inBytes, outBytes]
    .map(value => largeNumber(value, exact))
    .join('')
}

function endpoint({ address, port }: DestId, protocol: Protocol, names: Names): string {
  const host = names.host(address)
  const name = familyOf(address) === 6 ? `[${host}]` : host
  return `${name}:${names.port(port, protocol)}`
}

/** Minutes may have more than two digits. */
function minutes(seconds: number): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`
}

function compareServices(a: AddressServiceView, b: AddressServiceView): number {
  const protocols = PROTOCOL_NUMBER[a.protocol] - PROTOCOL_NUMBER[b.protocol]
  return familyOf(a.address) - familyOf(b.address) || protocols || compareDests(a, b)
}

function compareDests(a: DestId, b: DestId): number {
  const families = familyOf(a.address) - familyOf(b.address)
  return families || compareAddresses(a.address, b.address) || a.port - b.port
}

/** By 32-bit words as C's int: those 2^31 apart or more come out reversed. */
function compareAddresses(a: string, b: string): number {
  const [left, right] = [a, b].map(text => {
    const bytes = addressBytes(text)
    return new DataView(bytes.buffer)
  })
  for (let at = 0; at < 16; at += 4) {
    const difference = ((left?.getUint32(at) ?? 0) - (right?.getUint32(at) ?? 0)) | 0
    if (difference !== 0) return difference
  }
  return 0
}
