/**
 * The texts of the kernel's files /proc/net/ip_vs*, made from what the API tells. Pure.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_conn.c, ip_vs_app.c (v6.1), and what Debian's
 * kernel printed.
 */
import { addressBytes, familyOf, ipv4 } from '../model/address.ts'
import {
  familyOfService,
  isMark,
  type ConnView,
  type DestId,
  type DestView,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import { METHOD, TITLE } from './listing.ts'
import { inKernelOrder } from './order.ts'

export const PROC_NAMES = [
  ...(['ip_vs', 'ip_vs_conn', 'ip_vs_conn_sync'] as const),
  ...(['ip_vs_stats', 'ip_vs_stats_percpu', 'ip_vs_app'] as const),
] as const
export type ProcName = (typeof PROC_NAMES)[number]

/** Ticks of a second in Debian's kernel (CONFIG_HZ). */
const HZ = 250

/** ip_vs: services and dests. @param oldestFirst services as the API has them */
export function procServices(oldestFirst: readonly ServiceView[]): string {
  const header =
    TITLE +
    'Prot LocalAddress:Port Scheduler Flags\n' +
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n'
  return header + inKernelOrder(oldestFirst).map(serviceText).join('')
}

function serviceText(service: ServiceView): string {
  const { scheduler, onePacket } = service
  const ops = onePacket ? 'ops ' : ''
  const persistence = persistenceText(service)
  const dests = service.dests.map(destText).join('')
  if (isMark(service))
    return `FWM  ${hex(service.mark, 8)} ${scheduler} ${ops}${persistence}\n${dests}`
  const name = `${service.protocol.toUpperCase()}  ${endpoint(service)} ${scheduler} `
  const flags = familyOf(service.address) === 6 ? '' : `${ops} `
  return `${name}${flags}${persistence}\n${dests}`
}

/** Seconds are in ticks; a prefix length of IPv6 is printed with its bytes reversed. */
function persistenceText(service: ServiceView): string {
  const { persistentS, netmask } = service
  if (persistentS === undefined) return ''
  const mask =
    familyOfService(service) === 6
      ? (Number(netmask ?? 128) << 24) >>> 0
      : ipv4(netmask ?? '255.255.255.255')
  return `persistent ${persistentS * HZ} ${hex(mask, 8)}`
}

function destText(dest: DestView): string {
  const { fwd, weight, active, inactive } = dest
  const counts = [
    METHOD[fwd].padEnd(7),
    String(weight).padEnd(6),
    String(active).padEnd(10),
    String(inactive).padEnd(10),
  ]
  return `  -> ${endpoint(dest)}      ${counts.join(' ')}\n`
}

/** ip_vs_conn: connections in the order given. */
export function procConns(conns: readonly ConnView[]): string {
  const lines = conns.map(conn => `${connText(conn)} ${expiry(conn)}${engineText(conn)}\n`)
  const header = `${CONN_HEADER} Expires PEName PEData\n`
  return header + lines.join('')
}

/** ip_vs_conn_sync: no connection comes from another director yet. */
export function procConnsSync(conns: readonly ConnView[]): string {
  const lines = conns.map(conn => `${connText(conn)} ${'LOCAL'.padEnd(6)} ${expiry(conn)}\n`)
  return `${CONN_HEADER} Origin Expires\n${lines.join('')}`
}

const CONN_HEADER = 'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State      '

function connText({ protocol, state, client, virtual, dest }: ConnView): string {
  const ends = [client, virtual, dest].map(
    ({ address, port }) => `${bare(address)} ${hex(port, 4)}`,
  )
  return [protocol.toUpperCase().padEnd(3), ...ends, state.padEnd(11)].join(' ')
}

function engineText({ engine }: ConnView): string {
  return engine ? ` ${engine.name} ${engine.data}` : ''
}

function expiry({ expiresS }: ConnView): string {
  return String(expiresS).padStart(7)
}

interface Stats {
  total: Traffic
  rates: Traffic
}

/** ip_vs_stats. */
export function procStats({ total, rates }: Stats): string {
  return (
    '   Total Incoming Outgoing         Incoming         Outgoing\n' +
    '   Conns  Packets  Packets            Bytes            Bytes\n' +
    `${columns(total)}\n\n` +
    ' Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n' +
    `${columns(rates)}\n`
  )
}

/** ip_vs_stats_percpu: what each CPU has counted since the start, and the sum since it was zero. */
export function procStatsPerCpu({ total, rates, cpus }: Stats & { cpus: Traffic[] }): string {
  const rows = cpus.map((traffic, cpu) => `${hex(cpu).padStart(3)} ${columns(traffic)}\n`)
  return (
    '       Total Incoming Outgoing         Incoming         Outgoing\n' +
    'CPU    Conns  Packets  Packets            Bytes            Bytes\n' +
    `${rows.join('')}  ~ ${columns(total)}\n\n` +
    '     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n' +
    `    ${columns(rates)}\n`
  )
}

function columns({ conns, inPackets, outPackets, inBytes, outBytes }: Traffic): string {
  return [
    ...[conns, inPackets, outPackets].map(count => hex(count).padStart(8)),
    ...[inBytes, outBytes].map(count => hex(count).padStart(16)),
  ].join(' ')
}

/** ip_vs_app: there are no helpers of applications yet. */
export function procApps(): string {
  return 'prot port    usecnt name\n'
}

function endpoint({ address, port }: DestId): string {
  const text = bare(address)
  return `${familyOf(address) === 6 ? `[${text}]` : text}:${hex(port, 4)}`
}

/** Eight digits, or IPv6 written in full, in lower case. */
function bare(address: string): string {
  if (familyOf(address) === 4) return hex(ipv4(address), 8)
  const digits = Buffer.from(addressBytes(address)).toString('hex')
  return digits.match(/.{4}/g)?.join(':') ?? ''
}

function hex(value: number, width = 0): string {
  return value.toString(16).toUpperCase().padStart(width, '0')
}
