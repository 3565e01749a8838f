/**
 * ipvsadm's listings of the table, to the byte, and what -S saves. Pure; names are handed in.
 * Read next: order.ts, conn_listing.ts.
 * Source: ipvsadm.c (v1.31), print_service_entry(), print_largenum(), print_title().
 */
import { familyOf } from '../model/address.ts'
import {
  isMark,
  schedFlagName,
  type DestView,
  type ForwardingMethod,
  type Protocol,
  type SchedFlag,
  type Scheduler,
  type ServiceId,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import type { SyncDaemonView } from '../model/sync.ts'
import { inetNtop } from './address.ts'
import type { Columns, ListFormat } from './grammar.ts'
import { endpoint, type Names } from './names.ts'
import { inKernelOrder, sortedDests, sortedServices } from './order.ts'

/** The kernel's version of IPVS and its default table size; ipvsadm prints what it reports. */
export const TITLE = 'IP Virtual Server version 1.2.1 (size=4096)\n'
const REMOTE = '  -> RemoteAddress:Port'
const FLAGS = 'Prot LocalAddress:Port Scheduler Flags\n'
const HEADERS: Record<Columns, string> = {
  plain: `${FLAGS}${REMOTE}           Forward Weight ActiveConn InActConn\n`,
  stats:
    'Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes\n' +
    `${REMOTE}\n`,
  rate:
    'Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS\n' +
    `${REMOTE}\n`,
  thresholds:
    'Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn \n' +
    `${REMOTE}\n`,
  'persistent-conn':
    'Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn \n' +
    `${REMOTE}\n`,
  'tun-info': `${FLAGS}${REMOTE}           Forward TunnelInfo    Weight ActiveConn InActConn\n`,
}

export const METHOD: Record<ForwardingMethod, string> = { nat: 'Masq', dr: 'Route', tun: 'Tunnel' }

/** Longer names of IPv4 services and dests are cut here, so that columns stay. */
const NAME_WIDTH = 28
/** A service in the first column of --stats and --rate. */
const SERVICE_WIDTH = 33

/** The whole table: -L. @param oldestFirst services as the API has them */
export function listAll(
  oldestFirst: readonly ServiceView[],
  format: ListFormat,
  names: Names,
): string {
  const dumped = inKernelOrder(oldestFirst)
  const services = format.sorted ? sortedServices(dumped) : dumped
  const entries = services.map(service => entry(service, format, names))
  return TITLE + HEADERS[format.columns] + entries.join('')
}

/** One service: -L -t; without the line that names the version. */
export function listOne(service: ServiceView, format: ListFormat, names: Names): string {
  return HEADERS[format.columns] + entry(service, format, names)
}

/** Sync daemons that run: -L --daemon. */
export function listDaemons(daemons: readonly SyncDaemonView[]): string {
  return daemons
    .map(({ role, syncId, maxLen, group, port, ttl, interface: name }) => {
      const values = `syncid=${syncId}, maxlen=${maxLen}, group=${inetNtop(group)}`
      return `${role} sync daemon (mcast=${name}, ${values}, port=${port}, ttl=${ttl})\n`
    })
    .join('')
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

function entry(service: ServiceView, format: ListFormat, names: Names): string {
  const name = serviceText(service, names)
  const { columns, exact } = format
  const protocol = isMark(service) ? undefined : service.protocol
  const dests = format.sorted ? sortedDests(service.dests) : service.dests
  const line =
    columns === 'stats'
      ? name.padEnd(SERVICE_WIDTH) + numbers(service.traffic, exact)
      : columns === 'rate'
        ? name.padEnd(SERVICE_WIDTH) + numbers(service.rates, exact)
        : name + settings(service)
  const destLines = dests.map(dest => destLine(dest, protocol, format, names))
  return `${line}\n${destLines.join('')}`
}

/** Protocol and address, or mark; marks are printed as C's int. */
function serviceText(id: ServiceId, names: Names): string {
  if (isMark(id)) return `FWM  ${id.mark | 0}${id.family === 6 ? ' IPv6' : ''}`
  const name = endpoint(id, id.protocol, names)
  const cut = familyOf(id.address) === 4 ? name.slice(0, NAME_WIDTH) : name
  return `${id.protocol.toUpperCase().padEnd(4)} ${cut}`
}

function settings(service: ServiceView): string {
  const { scheduler, schedFlags = [], persistentS, netmask, engine, onePacket } = service
  return [
    ` ${scheduler}`,
    schedFlags.length === 0 ? '' : ` (${flagsText(scheduler, schedFlags)})`,
    persistentS === undefined
      ? ''
      : ` persistent ${persistentS}` +
        (netmask === undefined ? '' : ` mask ${netmask}`) +
        (engine === undefined ? '' : ` pe ${engine}`),
    onePacket ? ' ops' : '',
  ].join('')
}

/** Of sh and mh those that have a name; so flag-3 alone is an empty text. */
function flagsText(scheduler: Scheduler, flags: readonly SchedFlag[]): string {
  const isNamed = scheduler === 'sh' || scheduler === 'mh'
  return flags
    .filter(flag => !isNamed || flag !== 'flag-3')
    .map(flag => schedFlagName(scheduler, flag))
    .join(',')
}

function destLine(
  dest: DestView,
  protocol: Protocol | undefined,
  format: ListFormat,
  names: Names,
): string {
  const whole = endpoint(dest, protocol, names)
  const name = (familyOf(dest.address) === 4 ? whole.slice(0, NAME_WIDTH) : whole).padEnd(
    NAME_WIDTH,
  )
  const { columns, exact } = format
  if (columns === 'stats') return `  -> ${name}${destTraffic(dest, exact)}\n`
  if (columns === 'rate') return `  -> ${name}${destRates(dest, exact)}\n`
  const { fwd, weight, active, inactive, persistent, upper = 0, lower = 0 } = dest
  const method = METHOD[fwd].padEnd(7)
  const first: Record<Exclude<Columns, 'stats' | 'rate'>, (string | number)[]> = {
    plain: [method, String(weight).padEnd(6)],
    thresholds: [String(upper).padEnd(10), String(lower).padEnd(10)],
    'persistent-conn': [String(weight).padEnd(9), String(persistent).padEnd(11)],
    'tun-info': [method, tunnelText(dest).padEnd(13), String(weight).padEnd(6)],
  }
  const counts = [String(active).padEnd(10), String(inactive).padEnd(10)]
  return `  -> ${[name, ...first[columns], ...counts].join(' ')}\n`
}

/** Tunnel, port and checksum of --tun-info. */
function tunnelText({ fwd, tunnel }: DestView): string {
  if (fwd !== 'tun') return 'n/a'
  if (!tunnel) return 'ipip'
  const checksum = tunnel.checksum === 'csum' ? '+c' : tunnel.checksum === 'remcsum' ? 'r+c' : '-c'
  return [tunnel.type, ...(tunnel.type === 'gue' ? [tunnel.port ?? 0] : []), checksum].join(':')
}

/** ipvsadm 1.31 reads a dest's counters but the bytes as 32 bits. */
function destTraffic({ traffic }: DestView, exact: boolean): string {
  const { conns, inPackets, outPackets } = traffic
  const cut = { conns: conns >>> 0, inPackets: inPackets >>> 0, outPackets: outPackets >>> 0 }
  return numbers({ ...traffic, ...cut }, exact)
}

/** And all of its rates, of which it abbreviates bytes only. */
function destRates({ rates }: DestView, exact: boolean): string {
  const { conns, inPackets, outPackets, inBytes, outBytes } = rates
  return [
    ...[conns, inPackets, outPackets].map(rate => ` ${String(rate >>> 0).padStart(8)}`),
    ...[inBytes, outBytes].map(rate => largeNumber(rate >>> 0, exact)),
  ].join('')
}

function numbers(traffic: Traffic, exact: boolean): string {
  const { conns, inPackets, outPackets, inBytes, outBytes } = traffic
  return [conns, inPackets, outPackets, inBytes, outBytes]
    .map(value => largeNumber(value, exact))
    .join('')
}

const SAVED_PROTOCOL: Record<Protocol, string> = { tcp: '-t', udp: '-u', sctp: '--sctp-service' }
const SAVED_METHOD: Record<ForwardingMethod, string> = { nat: '-m', dr: '-g', tun: '-i' }

/** Lines that -R makes the table from, less thresholds, which ipvsadm forgets: -S. */
export function save(oldestFirst: readonly ServiceView[], names: Names): string {
  return sortedServices(inKernelOrder(oldestFirst))
    .map(service => {
      const name = savedName(service, names)
      const protocol = isMark(service) ? undefined : service.protocol
      const dests = sortedDests(service.dests).map(dest => savedDest(name, dest, protocol, names))
      return `-A ${name}${savedSettings(service)}\n${dests.join('')}`
    })
    .join('')
}

function savedName(id: ServiceId, names: Names): string {
  if (isMark(id)) return `-f ${id.mark | 0}${id.family === 6 ? ' -6' : ''}`
  return `${SAVED_PROTOCOL[id.protocol]} ${endpoint(id, id.protocol, names)}`
}

function savedSettings(service: ServiceView): string {
  const { scheduler, schedFlags = [], persistentS, netmask, engine, onePacket } = service
  const masked = persistentS !== undefined && netmask !== undefined
  return [
    ` -s ${scheduler}`,
    persistentS === undefined ? '' : ` -p ${persistentS}`,
    masked ? ` -M ${netmask}` : '',
    engine === undefined ? '' : ` --pe ${engine}`,
    onePacket ? ' -o' : '',
    schedFlags.length === 0 ? '' : ` -b ${flagsText(scheduler, schedFlags)}`,
  ].join('')
}

function savedDest(
  service: string,
  dest: DestView,
  protocol: Protocol | undefined,
  names: Names,
): string {
  const { fwd, weight, tunnel } = dest
  const port = tunnel?.type === 'gue' ? ` --tun-port ${tunnel.port ?? 0}` : ''
  const checksum = tunnel ? ` --tun-${tunnel.checksum ?? 'nocsum'}` : ''
  const how = fwd === 'tun' ? ` --tun-type ${tunnel?.type ?? 'ipip'}${port}${checksum}` : ''
  const name = endpoint(dest, protocol, names)
  return `-a ${service} -r ${name} ${SAVED_METHOD[fwd]} -w ${weight}${how}\n`
}
