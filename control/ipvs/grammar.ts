/**
 * An ipvsadm 1.31 line to what it asks for. Options are evaluated from left to right (line.ts),
 * then checked against the command in ipvsadm's order, so the first complaint is the one ipvsadm
 * makes. Pure. Read next: main.ts (who carries it out).
 * Source: ipvsadm.c (v1.31), process_options(), generic_opt_check(), tunnel_opt_check().
 */
import type { Dest, DestId, ServiceId, ServiceSettings, TunnelOptions } from '../model/service.ts'
import type { Lookups } from './address.ts'
import { readOptions } from './getopt.ts'
import {
  familyOfLine,
  readRest,
  readSchedFlags,
  readTimeout,
  SCHEDULER_DEFAULT,
  type DaemonAsked,
  type Line,
} from './line.ts'
import {
  COMMANDS,
  OPTION_NAMES,
  OPTIONS,
  RULES,
  TUNNEL_OPTION_NAMES,
  TUNNEL_RULES,
  type CommandName,
  type CommandOption,
  type Option,
  type OptionName,
} from './options.ts'
import { tryHelp, wrong } from './refusal.ts'

/** What a listing of the table shows of each dest, and so which header it has. */
export type Columns = 'plain' | 'stats' | 'rate' | 'thresholds' | 'persistent-conn' | 'tun-info'

export interface ListFormat {
  columns: Columns
  numeric: boolean
  exact: boolean
  sorted: boolean
  /** --persistent-conn, which adds columns to connections too. */
  engines: boolean
}

/** Scheduler and engine stay words: the kernel, not the tool, knows which there are. */
export interface SettingsAsked extends Omit<ServiceSettings, 'scheduler' | 'engine'> {
  scheduler: string
  engine?: string
}

export type Role = 'master' | 'backup'

/** Seconds; 0 leaves a timeout as it is. */
export interface TimeoutsAsked {
  tcp: number
  tcpFin: number
  udp: number
}

export type Request =
  | { command: 'help' }
  | { command: 'version' }
  | { command: 'flush' }
  | { command: 'restore' }
  | { command: 'add-service' | 'edit-service'; service: ServiceId; settings: SettingsAsked }
  | { command: 'delete-service'; service: ServiceId }
  | { command: 'add-server' | 'edit-server'; service: ServiceId; dest: Dest }
  | { command: 'delete-server'; service: ServiceId; dest: DestId }
  | { command: 'zero'; service: ServiceId | undefined }
  | { command: 'list'; of: 'table' | 'connections'; format: ListFormat; service?: ServiceId }
  | { command: 'list'; of: 'timeouts' | 'daemons' }
  | { command: 'save'; numeric: boolean }
  | { command: 'set'; timeouts: TimeoutsAsked }
  | { command: 'start-daemon'; role: Role; daemon: DaemonAsked }
  | { command: 'stop-daemon'; role: Role }

/**
 * What `words` (without the program's name) ask for. `program` is that name, for the advice.
 * @throws Refusal; HostWanted when a name is to be looked up first.
 */
export function parseLine(words: readonly string[], program: string, lookups: Lookups): Request {
  const leftovers: string[] = []
  const items = readOptions<CommandOption | Option>(words, [...COMMANDS, ...OPTIONS], leftovers)
  const first = items.next().value
  if (first?.kind !== 'option' || !('command' in first.option)) throw tryHelp(program)
  const { command } = first.option
  if (command === 'help' || command === 'version') return { command }
  const role = command === 'start-daemon' || command === 'stop-daemon' ? first.value : undefined
  const roleAsked = role === undefined ? undefined : readRole(command, role)

  const line = readRest(items, lookups)
  const timeouts = command === 'set' ? readTimeouts(leftovers.splice(0, 3)) : undefined
  const [stray] = leftovers
  if (stray !== undefined) throw wrong(`unexpected argument ${stray}`)
  readSchedFlags(line)
  checkOptions(command, line.given)
  checkTogether(command, line)
  if (timeouts) return { command: 'set', timeouts }
  if (roleAsked === undefined) return asked(command, line)
  if (command === 'stop-daemon') return { command, role: roleAsked }
  return { command: 'start-daemon', role: roleAsked, daemon: line.daemon }
}

function readRole(command: CommandName, word: string): Role {
  if (word === 'master' || word === 'backup') return word
  throw wrong(
    command === 'start-daemon'
      ? 'illegal start-daemon parameter specified'
      : 'illegal start_daemon specified',
  )
}

function readTimeouts([tcp, tcpFin, udp]: readonly string[]): TimeoutsAsked {
  if (tcp === undefined || tcpFin === undefined || udp === undefined)
    throw wrong('--set option requires 3 timeout values')
  return { tcp: readTimeout(tcp, 0), tcpFin: readTimeout(tcpFin, 0), udp: readTimeout(udp, 0) }
}

function checkOptions(command: CommandName, given: ReadonlyMap<OptionName, string>): void {
  const rules = RULES[command]
  let exclusive: OptionName | undefined
  for (const name of OPTION_NAMES) {
    const rule = rules[name]
    if (!given.has(name)) {
      if (rule === '+')
        throw wrong(`You need to supply the '${name}' option for the '${command}' command`)
      continue
    }
    if (rule === undefined) throw wrong(`Illegal '${name}' option with the '${command}' command`)
    if (rule !== '1') continue
    if (exclusive !== undefined)
      throw wrong(
        `The option '${name}' conflicts with the '${exclusive}' option in the '${command}' command`,
      )
    exclusive = name
  }
}

/** Checks that no table of options shows. */
function checkTogether(command: CommandName, line: Line): void {
  const { given, service, dest, fwd } = line
  const any = (...names: readonly OptionName[]): boolean => names.some(name => given.has(name))
  if (command === 'list') {
    const whole = any('connection', 'timeout', 'daemon') && any('stats', 'rate', 'thresholds')
    if (whole || (any('timeout', 'daemon') && any('persistent-conn')))
      throw wrong('options conflicts in the list command')
  }
  if (command === 'add-service' || command === 'edit-service') {
    if (service && !service.port && !given.has('persistent'))
      throw wrong('Zero port specified for non-persistent service')
    if (given.has('ops') && service && line.protocol !== 'udp')
      throw wrong('One-Packet Scheduling is only for UDP virtual services')
  }
  if (command === 'add-server' || command === 'edit-server') {
    if (dest && dest.family !== familyOfLine(line) && fwd !== 'tun')
      throw wrong('Different address family is allowed only for tunneling servers')
    if (any('tun-type', ...TUNNEL_OPTION_NAMES) && fwd !== 'tun')
      throw wrong('Tunnel options conflict with forward method')
    checkTunnel(line)
  }
}

/** @throws Refusal when the type of tunnel does not take an option, or lacks one. */
function checkTunnel({ given, tunnelType: type }: Line): void {
  const rules = TUNNEL_RULES[type]
  let exclusive: OptionName | undefined
  for (const name of TUNNEL_OPTION_NAMES) {
    const rule = rules[name]
    if (!given.has(name)) {
      if (rule === '+')
        throw wrong(`You need to supply the '${name}' option for the '${type}' tunnel type`)
      continue
    }
    if (rule === undefined) throw wrong(`Illegal '${name}' option with the '${type}' tunnel type`)
    if (rule !== '1') continue
    if (exclusive !== undefined)
      throw wrong(
        `The option '${name}' conflicts with the '${exclusive}' option ` +
          `in the '${type}' tunnel type`,
      )
    exclusive = name
  }
}

function asked(command: CommandName, line: Line): Request {
  switch (command) {
    case 'flush':
    case 'restore':
      return { command }
    case 'list':
      return listed(line)
    case 'save':
      return { command, numeric: line.given.has('numeric') }
    case 'zero':
      return { command, service: namesService(line) ? serviceOf(line) : undefined }
    case 'add-service':
    case 'edit-service':
      return { command, service: serviceOf(line), settings: settingsOf(line) }
    case 'delete-service':
      return { command, service: serviceOf(line) }
    case 'delete-server':
      return { command, service: serviceOf(line), dest: destIdOf(line) }
    case 'add-server':
    case 'edit-server':
      return { command, service: serviceOf(line), dest: destOf(line) }
    case 'set':
    case 'start-daemon':
    case 'stop-daemon':
      throw new Error(`${command} is read by parseLine()`)
  }
}

function listed(line: Line): Request {
  const { given } = line
  const format: ListFormat = {
    columns: COLUMNS.find(columns => given.has(columns)) ?? 'plain',
    numeric: given.has('numeric'),
    exact: given.has('exact'),
    sorted: !given.has('nosort'),
    engines: given.has('persistent-conn'),
  }
  if (given.has('connection')) return { command: 'list', of: 'connections', format }
  if (namesService(line)) return { command: 'list', of: 'table', format, service: serviceOf(line) }
  if (given.has('timeout')) return { command: 'list', of: 'timeouts' }
  if (given.has('daemon')) return { command: 'list', of: 'daemons' }
  return { command: 'list', of: 'table', format }
}

/** The first that is given decides. */
const COLUMNS = ['stats', 'rate', 'thresholds', 'persistent-conn', 'tun-info'] as const

function namesService({ service, mark }: Line): boolean {
  return service !== undefined || mark !== undefined
}

function serviceOf({ service, mark, protocol = 'tcp' }: Line): ServiceId {
  if (mark) return { protocol: 'fwmark', ...mark }
  return { protocol, address: service?.address ?? '', port: service?.port ?? 0 }
}

function settingsOf(line: Line): SettingsAsked {
  const { scheduler, schedFlags, persistentS, netmask, engine, given } = line
  return {
    scheduler: scheduler === '' ? SCHEDULER_DEFAULT : scheduler,
    ...(schedFlags.length > 0 && { schedFlags }),
    ...(persistentS !== undefined && { persistentS }),
    ...(netmask !== undefined && { netmask }),
    ...(given.has('ops') && { onePacket: true as const }),
    ...(engine !== '' && { engine }),
  }
}

function destIdOf({ dest }: Line): DestId {
  return { address: dest?.address ?? '', port: dest?.port ?? 0 }
}

/** By dr and tun a packet's port stays, so that the dest has the service's, except of a mark. */
function destOf(line: Line): Dest {
  const { service, fwd, weight, upper, lower } = line
  const { address, port } = destIdOf(line)
  const tunnel = fwd === 'tun' ? tunnelOf(line) : undefined
  return {
    address,
    port: service && fwd !== 'nat' ? (service.port ?? 0) : port,
    fwd,
    weight,
    ...(upper > 0 && { upper }),
    ...(lower > 0 && { lower }),
    ...(tunnel && { tunnel }),
  }
}

function tunnelOf({ tunnelType: type, tunnelPort: port, given }: Line): TunnelOptions | undefined {
  if (type === 'ipip') return undefined
  const checksum = (['csum', 'remcsum'] as const).find(word => given.has(`tun-${word}`))
  return { type, ...(port > 0 && { port }), ...(checksum && { checksum }) }
}
