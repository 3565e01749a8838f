/**
 * What the options of an ipvsadm line say, evaluated from left to right: an option that cannot be
 * read is complained of before anything is checked. Pure. Read next: grammar.ts (the checks).
 * Source: ipvsadm.c (v1.31), parse_options().
 */
import { familyOf, isMulticast, parseIpv4, parseIpv6, formatIpv6 } from '../model/address.ts'
import {
  FLAG_WORDS,
  PERSISTENT_S_DEFAULT,
  PERSISTENT_S_MAX,
  PORT_MAX,
  SCHED_FLAGS,
  THRESHOLD_MAX,
  WEIGHT_MAX,
  type ForwardingMethod,
  type Protocol,
  type SchedFlag,
  type TunnelOptions,
} from '../model/service.ts'
import { parseEndpoint, parseHost, parseNumber, type Lookups, type Parsed } from './address.ts'
import type { Item } from './getopt.ts'
import type { CommandOption, Option, OptionName } from './options.ts'
import { refused, wrong } from './refusal.ts'

/** The scheduler of a service that names none. */
export const SCHEDULER_DEFAULT = 'wlc'
/** The interface of a sync daemon that names none. */
const INTERFACE_DEFAULT = 'eth0'

/** What is longer is cut off (IFNAMSIZ - 1). */
const INTERFACE_NAME_MAX = 15

/** A sync daemon as it is asked for; what is left out is up to the kernel. */
export interface DaemonAsked {
  interface: string
  syncId: number
  maxLen?: number
  group?: string
  port?: number
  ttl?: number
}

export interface Line {
  given: Map<OptionName, string>
  /** Absent before a service is named: then -r has no names of ports. */
  protocol: Protocol | undefined
  service: Parsed | undefined
  mark: { family: 4 | 6; mark: number } | undefined
  dest: Parsed | undefined
  /** Any word: the kernel, not the tool, knows which there are. */
  scheduler: string
  schedFlags: SchedFlag[]
  persistentS: number | undefined
  /** Absent: all of the address. */
  netmask: string | undefined
  engine: string
  fwd: ForwardingMethod
  weight: number
  upper: number
  lower: number
  tunnelType: 'ipip' | TunnelOptions['type']
  tunnelPort: number
  daemon: DaemonAsked
}

/** Reads the options after the command. @throws Refusal, HostWanted. */
export function readRest(items: Iterable<Item<CommandOption | Option>>, lookups: Lookups): Line {
  const line: Line = {
    given: new Map(),
    protocol: undefined,
    service: undefined,
    mark: undefined,
    dest: undefined,
    scheduler: '',
    schedFlags: [],
    persistentS: undefined,
    netmask: undefined,
    engine: '',
    fwd: 'dr',
    weight: 1,
    upper: 0,
    lower: 0,
    tunnelType: 'ipip',
    tunnelPort: 0,
    daemon: { interface: INTERFACE_DEFAULT, syncId: 0 },
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
    const read = READ[option.key]
    if (read) read(line, value ?? '', lookups, value === undefined)
  }
  return line
}

type Read = (line: Line, value: string, lookups: Lookups, absent: boolean) => void

/** Options that only have to be there are not named. */
const READ: Record<string, Read> = {
  tcp: readService('tcp'),
  udp: readService('udp'),
  sctp: readService('sctp'),
  fwmark: (line, value) => {
    line.protocol = 'tcp'
    line.mark = { family: 4, mark: readMark(value) }
  },
  ipv6: line => {
    if (!line.mark) throw wrong('-6 used before -f\n')
    line.mark.family = 6
    line.netmask = undefined
  },
  scheduler: (line, value) => {
    line.scheduler = value
  },
  persistent: (line, value, _lookups, absent) => {
    line.persistentS = absent ? PERSISTENT_S_DEFAULT : readTimeout(value, 1)
  },
  netmask: readNetmask,
  pe: (line, value) => {
    line.engine = value
  },
  'real-server': (line, value, lookups) => {
    line.dest = parseEndpoint(value, line.protocol, lookups)
    if (!line.dest) throw wrong('illegal real server address[:port] specified')
    line.dest.port ??= line.service?.port ?? 0
  },
  masquerading: line => {
    line.fwd = 'nat'
  },
  gatewaying: line => {
    line.fwd = 'dr'
  },
  ipip: line => {
    line.fwd = 'tun'
  },
  // Debian's build; upstream's ends at 65535.
  weight: (line, value) => {
    line.weight = bounded(value, 0, WEIGHT_MAX, 'illegal weight specified')
  },
  'u-threshold': (line, value) => {
    line.upper = bounded(value, 0, THRESHOLD_MAX, 'illegal u_threshold specified')
  },
  'l-threshold': (line, value) => {
    line.lower = bounded(value, 0, THRESHOLD_MAX, 'illegal l_threshold specified')
  },
  'tun-type': (line, value) => {
    if (value !== 'ipip' && value !== 'gue' && value !== 'gre')
      throw wrong('illegal tunnel type specified')
    line.tunnelType = value
  },
  'tun-port': (line, value) => {
    line.tunnelPort = bounded(value, 1, PORT_MAX, 'illegal tunnel port specified')
  },
  'mcast-interface': ({ daemon }, value) => {
    daemon.interface = value === '' ? INTERFACE_DEFAULT : value.slice(0, INTERFACE_NAME_MAX)
  },
  syncid: ({ daemon }, value) => {
    daemon.syncId = bounded(value, 0, 255, 'illegal syncid specified')
  },
  'mcast-group': ({ daemon }, value) => {
    daemon.group = readGroup(value)
  },
  'mcast-port': ({ daemon }, value) => {
    daemon.port = bounded(value, 1, PORT_MAX, 'illegal mcast-port specified')
  },
  'mcast-ttl': ({ daemon }, value) => {
    daemon.ttl = bounded(value, 1, 255, 'illegal mcast-ttl specified')
  },
  'sync-maxlen': ({ daemon }, value) => {
    daemon.maxLen = bounded(value, 1, 65507, 'illegal sync-maxlen specified')
  },
}

function readService(protocol: Protocol): Read {
  return (line, value, lookups) => {
    line.protocol = protocol
    line.service = parseEndpoint(value, protocol, lookups)
    if (!line.service) throw wrong('illegal virtual server address[:port] specified')
    if (line.service.family === 6) line.netmask = undefined
  }
}

/** strtoul(3): a sign is taken, and no mark is negative. */
function readMark(value: string): number {
  const mark = parseNumber(value, 1, 0xffffffff)
  if (mark === undefined) throw wrong(`invalid fwmark value \`${value}' specified`)
  return mark
}

/** A time in seconds, for -p and --set. */
export function readTimeout(value: string, min: number): number {
  return bounded(value, min, PERSISTENT_S_MAX, `invalid timeout value \`${value}' specified`)
}

/** IPv6 takes what atoi(3) does; IPv4 any address, as a mask. */
function readNetmask(line: Line, value: string, lookups: Lookups): void {
  const family = line.mark?.family ?? line.service?.family ?? 4
  if (family === 6) {
    const length = atoi(value)
    if (length < 1 || length > 128) throw wrong('illegal ipv6 netmask specified')
    line.netmask = length === 128 ? undefined : String(length)
    return
  }
  const mask = parseHost(value, lookups)
  if (mask === undefined) throw wrong('illegal virtual server persistent mask specified')
  line.netmask = mask === '255.255.255.255' ? undefined : mask
}

/** atoi(3): what begins as a number, a C int of it; strtol(3) stops at 64 bits. */
function atoi(text: string): number {
  const [, sign = '', digits = '0'] = /^\s*([+-]?)([0-9]+)/.exec(text) ?? []
  const value = BigInt(digits) * (sign === '-' ? -1n : 1n)
  const long = value > LONG_MAX ? LONG_MAX : value < -LONG_MAX - 1n ? -LONG_MAX - 1n : value
  return Number(BigInt.asIntN(32, long))
}

const LONG_MAX = 2n ** 63n - 1n

function readGroup(value: string): string {
  const bytes = value.includes(':') ? parseIpv6(value) : undefined
  const known = bytes ? formatIpv6(bytes) : parseIpv4(value) === undefined ? undefined : value
  if (known !== undefined && isMulticast(known)) return known
  const family = value.includes(':') ? 6 : 4
  throw wrong(`invalid IPv${family} mcast-group \`${value}'`)
}

function bounded(text: string, min: number, max: number, complaint: string): number {
  const number = parseNumber(text, min, max)
  if (number === undefined) throw wrong(complaint)
  return number
}

/** The flags in the value of -b, when all options are read: their names depend on the scheduler. */
export function readSchedFlags(line: Line): void {
  const flags = new Set<SchedFlag>()
  const scheduler = line.scheduler === '' ? SCHEDULER_DEFAULT : line.scheduler
  for (const word of (line.given.get('sched-flags') ?? '').split(',')) {
    if (word === '') continue
    const flag = Object.hasOwn(FLAG_WORDS, word) ? FLAG_WORDS[word] : undefined
    const named = /^(sh|mh|maglev)-/.exec(word)
    if (flag && named && named[1] !== scheduler)
      throw wrong(`incompatible scheduler flag \`${word}'`)
    if (!flag) throw wrong(`invalid scheduler flag \`${word}'`)
    flags.add(flag)
  }
  line.schedFlags = SCHED_FLAGS.filter(flag => flags.has(flag))
}

/** The family of the service that the line names. */
export function familyOfLine({ mark, service }: Line): 4 | 6 {
  return mark?.family ?? (service ? familyOf(service.address) : 4)
}
