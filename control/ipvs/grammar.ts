/**
 * An ipvsadm 1.31 line to what it asks for. Options are evaluated from left to right, then checked
 * against the command in ipvsadm's order, so the first complaint is the one ipvsadm makes. What
 * xlvs cannot do yet is refused last, by a sentence. Pure. Read next: main.ts.
 * Source: ipvsadm.c (v1.31), parse_options(), process_options(), generic_opt_check().
 */
import {
  WEIGHT_MAX,
  type AddressServiceId,
  type Dest,
  type DestId,
  type ForwardingMethod,
  type Protocol,
} from '../model/service.ts'
import { parseEndpoint, parseNumber, type Parsed, type PortOf } from './address.ts'
import { readOptions, type Item } from './getopt.ts'
import {
  COMMANDS,
  OPTION_NAMES,
  OPTIONS,
  RULES,
  type CommandName,
  type CommandOption,
  type Option,
  type OptionName,
} from './options.ts'
import { refused, tryHelp, unsupported, wrong } from './refusal.ts'

export interface ListFormat {
  numeric: boolean
  stats: boolean
  exact: boolean
}

/** scheduler stays text: the kernel, not the tool, knows which there are. */
export type Request =
  | { command: 'help' | 'version' | 'flush' | 'restore' }
  | { command: 'add-service' | 'edit-service'; service: AddressServiceId; scheduler: string }
  | { command: 'delete-service'; service: AddressServiceId }
  | { command: 'add-server' | 'edit-server'; service: AddressServiceId; dest: Dest }
  | { command: 'delete-server'; service: AddressServiceId; dest: DestId }
  | { command: 'zero'; service: AddressServiceId | undefined }
  | { command: 'list'; format: ListFormat; service: AddressServiceId | undefined }
  | { command: 'list-connections'; format: ListFormat }

/** The scheduler of a service that names none. */
const SCHEDULER_DEFAULT = 'wlc'

interface Line {
  given: Map<OptionName, string>
  protocol: Protocol
  service: Parsed | undefined
  /** The service is a firewall mark. */
  marked: boolean
  dest: Parsed | undefined
  scheduler: string
  fwd: ForwardingMethod
  weight: number
  /** Things named on the line that only come later, in order. */
  later: string[]
}

/**
 * What `words` (without the program's name) ask for. `program` is that name, for the advice.
 * @throws Refusal.
 */
export function parseLine(words: readonly string[], program: string, portOf: PortOf): Request {
  const leftovers: string[] = []
  const items = readOptions<CommandOption | Option>(words, [...COMMANDS, ...OPTIONS], leftovers)
  const first = items.next().value
  if (first?.kind !== 'option' || !('command' in first.option)) throw tryHelp(program)
  const { command } = first.option
  if (command === 'help' || command === 'version') return { command }

  const line = readRest(items, portOf)
  const [stray] = command === 'set' ? leftovers.slice(3) : leftovers
  if (command === 'set' && leftovers.length < 3)
    throw wrong('--set option requires 3 timeout values')
  if (stray !== undefined) throw wrong(`unexpected argument ${stray}`)
  checkOptions(command, line.given)
  checkTogether(command, line)
  return asked(command, line)
}

function readRest(items: Iterable<Item<CommandOption | Option>>, portOf: PortOf): Line {
  const line: Line = {
    given: new Map(),
    protocol: 'tcp',
    service: undefined,
    marked: false,
    dest: undefined,
    scheduler: SCHEDULER_DEFAULT,
    fwd: 'dr',
    weight: 1,
    later: [],
  }
  for (const item of items) {
    if (item.kind === 'unknown') throw refused(`${item.word}: unknown option`)
    if (item.kind === 'missing') throw refused(`${item.word}: missing argument`)
    if (item.kind === 'unwanted') throw refused(`${item.word}: option does not take an argument`)
    if ('command' in item.option) throw wrong(`invalid option \`${item.word}'`)
    const { option, value } = item
    if (option.name !== 'unchecked') {
      if (line.given.has(option.name)) throw wrong(`multiple '${option.name}' options specified`)
      line.given.set(option.name, value ?? '')
    }
    readOption(line, option, value ?? '', portOf)
  }
  return line
}

function readOption(line: Line, option: Option, value: string, portOf: PortOf): void {
  switch (option.key) {
    case 'tcp':
    case 'udp':
      line.protocol = option.key
      line.service = parseEndpoint(value, option.key, portOf)
      if (!line.service) throw wrong('illegal virtual server address[:port] specified')
      break
    case 'fwmark':
      line.marked = true
      line.later.push('services by firewall mark (-f)')
      break
    case 'ipv6':
      if (!line.marked) throw wrong('-6 used before -f\n')
      break
    case 'scheduler':
      line.scheduler = value
      break
    case 'real-server':
      line.dest = parseEndpoint(value, line.protocol, portOf)
      if (!line.dest) throw wrong('illegal real server address[:port] specified')
      line.dest.port ??= line.service?.port ?? 0
      break
    case 'masquerading':
      line.fwd = 'nat'
      break
    case 'gatewaying':
      line.fwd = 'dr'
      break
    case 'ipip':
      line.fwd = 'tun'
      break
    case 'tun-type':
      if (value !== 'ipip') line.later.push('tunnels by gue and gre (--tun-type)')
      break
    case 'weight':
      line.weight = bounded(value, WEIGHT_MAX, 'illegal weight specified')
      break
    case 'u-threshold':
    case 'l-threshold': {
      const letter = option.key === 'u-threshold' ? 'u' : 'l'
      const threshold = bounded(value, 0x7fffffff, `illegal ${letter}_threshold specified`)
      if (threshold > 0) line.later.push('thresholds (-x, -y)')
      break
    }
    default:
      if (LATER[option.key]) line.later.push(LATER[option.key] ?? '')
  }
}

/** Options that are read, and refused by these words at the end. */
const LATER: Record<string, string> = {
  sctp: 'SCTP',
  persistent: 'persistence (-p)',
  pe: 'persistence engines (--pe)',
  ops: 'one-packet scheduling (-o)',
  'sched-flags': 'scheduler flags (-b)',
  timeout: 'the list of timeouts',
  daemon: 'the list of sync daemons',
  'tun-port': 'tunnels by gue (--tun-port)',
  'tun-nocsum': 'checksums of tunnels (--tun-nocsum)',
  'tun-csum': 'checksums of tunnels (--tun-csum)',
  'tun-remcsum': 'checksums of tunnels (--tun-remcsum)',
  rate: 'rates',
  thresholds: 'the list of thresholds',
  'persistent-conn': 'the list of persistent connections',
  'tun-info': 'the list of tunnels',
  nosort: 'an unsorted list',
}

function bounded(text: string, max: number, complaint: string): number {
  const number = parseNumber(text, 0, max)
  if (number === undefined) throw wrong(complaint)
  return number
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
  const any = (...names: OptionName[]): boolean => names.some(name => given.has(name))
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
    if (service && dest && service.family !== dest.family && fwd !== 'tun')
      throw wrong('Different address family is allowed only for tunneling servers')
    const tunnel = any('tun-type', 'tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum')
    if (tunnel && fwd !== 'tun') throw wrong('Tunnel options conflict with forward method')
  }
}

function asked(command: CommandName, line: Line): Request {
  const [later] = line.later
  if (later !== undefined) throw unsupported(later)
  const { given } = line
  const format = {
    numeric: given.has('numeric'),
    stats: given.has('stats'),
    exact: given.has('exact'),
  }
  switch (command) {
    case 'flush':
    case 'restore':
      return { command }
    case 'list':
      if (given.has('connection')) return { command: 'list-connections', format }
      return { command, format, service: line.service && serviceOf(line) }
    case 'zero':
      return { command, service: line.service && serviceOf(line) }
    case 'add-service':
    case 'edit-service':
      return { command, service: serviceOf(line), scheduler: line.scheduler }
    case 'delete-service':
      return { command, service: serviceOf(line) }
    case 'delete-server':
      return { command, service: serviceOf(line), dest: destOf(line) }
    case 'add-server':
    case 'edit-server':
      return settingDest(command, line)
    case 'set':
      throw unsupported('timeouts (--set)')
    case 'start-daemon':
    case 'stop-daemon':
      throw unsupported('sync daemons')
    case 'save':
      throw unsupported('saving (-S)')
  }
}

function settingDest(command: 'add-server' | 'edit-server', line: Line): Request {
  const service = serviceOf(line)
  const { address, port } = destOf(line)
  const forced = line.fwd === 'nat' ? port : service.port
  const dest = { address, port: forced, fwd: line.fwd, weight: line.weight }
  return { command, service, dest }
}

function serviceOf({ service, protocol }: Line): AddressServiceId {
  return { protocol, address: service?.address ?? '', port: service?.port ?? 0 }
}

function destOf({ dest }: Line): DestId {
  return { address: dest?.address ?? '', port: dest?.port ?? 0 }
}
