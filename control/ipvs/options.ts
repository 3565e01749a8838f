/**
 * ipvsadm 1.31's options and commands, and which go together. Data only; getopt.ts reads words by
 * it, grammar.ts checks by it.
 * Source: ipvsadm.c (v1.31), tables options_table, optnames and commands_v_options.
 */

export interface Option {
  /** Name in messages; the three forwarding methods share one, and the kinds of service. */
  name: OptionName
  key: string
  short?: string
  long: string
  arg?: 'required' | 'optional'
}

/** In the order in which they are checked. */
export const OPTION_NAMES = [
  'numeric',
  'connection',
  'service-address',
  'scheduler',
  'persistent',
  'netmask',
  'real-server',
  'forwarding-method',
  'weight',
  'u-threshold',
  'l-threshold',
  'mcast-interface',
  'timeout',
  'daemon',
  'stats',
  'rate',
  'thresholds',
  'persistent-conn',
  'nosort',
  'syncid',
  'exact',
  'ops',
  'pe',
  'sched-flags',
  'mcast-group',
  'mcast-port',
  'mcast-ttl',
  'sync-maxlen',
  'tun-info',
  'tun-type',
  'tun-port',
  'tun-nocsum',
  'tun-csum',
  'tun-remcsum',
  'unchecked',
] as const
export type OptionName = (typeof OPTION_NAMES)[number]

export const COMMAND_NAMES = [
  'add-service',
  'edit-service',
  'delete-service',
  'flush',
  'list',
  'add-server',
  'delete-server',
  'edit-server',
  'set',
  'start-daemon',
  'stop-daemon',
  'restore',
  'save',
  'zero',
] as const
export type CommandName = (typeof COMMAND_NAMES)[number]

export interface CommandOption {
  command: CommandName | 'help' | 'version'
  short?: string
  long: string
  arg?: 'required'
}

export const COMMANDS: readonly CommandOption[] = [
  { command: 'add-service', short: 'A', long: 'add-service' },
  { command: 'edit-service', short: 'E', long: 'edit-service' },
  { command: 'delete-service', short: 'D', long: 'delete-service' },
  { command: 'flush', short: 'C', long: 'clear' },
  { command: 'list', short: 'L', long: 'list' },
  { command: 'list', short: 'l', long: 'list' },
  { command: 'zero', short: 'Z', long: 'zero' },
  { command: 'add-server', short: 'a', long: 'add-server' },
  { command: 'edit-server', short: 'e', long: 'edit-server' },
  { command: 'delete-server', short: 'd', long: 'delete-server' },
  { command: 'restore', short: 'R', long: 'restore' },
  { command: 'save', short: 'S', long: 'save' },
  { command: 'set', long: 'set' },
  { command: 'start-daemon', long: 'start-daemon', arg: 'required' },
  { command: 'stop-daemon', long: 'stop-daemon', arg: 'required' },
  { command: 'help', short: 'h', long: 'help' },
  { command: 'version', short: 'v', long: 'version' },
]

const value = { arg: 'required' } as const

export const OPTIONS: readonly Option[] = [
  { name: 'service-address', key: 'tcp', short: 't', long: 'tcp-service', ...value },
  { name: 'service-address', key: 'udp', short: 'u', long: 'udp-service', ...value },
  { name: 'service-address', key: 'sctp', long: 'sctp-service', ...value },
  { name: 'service-address', key: 'fwmark', short: 'f', long: 'fwmark-service', ...value },
  { name: 'unchecked', key: 'ipv6', short: '6', long: 'ipv6' },
  { name: 'unchecked', key: 'sort', long: 'sort' },
  { name: 'scheduler', key: 'scheduler', short: 's', long: 'scheduler', ...value },
  { name: 'sched-flags', key: 'sched-flags', short: 'b', long: 'sched-flags', ...value },
  { name: 'persistent', key: 'persistent', short: 'p', long: 'persistent', arg: 'optional' },
  { name: 'netmask', key: 'netmask', short: 'M', long: 'netmask', ...value },
  { name: 'pe', key: 'pe', long: 'pe', ...value },
  { name: 'ops', key: 'ops', short: 'o', long: 'ops' },
  { name: 'real-server', key: 'real-server', short: 'r', long: 'real-server', ...value },
  { name: 'forwarding-method', key: 'gatewaying', short: 'g', long: 'gatewaying' },
  { name: 'forwarding-method', key: 'ipip', short: 'i', long: 'ipip' },
  { name: 'forwarding-method', key: 'masquerading', short: 'm', long: 'masquerading' },
  { name: 'weight', key: 'weight', short: 'w', long: 'weight', ...value },
  { name: 'u-threshold', key: 'u-threshold', short: 'x', long: 'u-threshold', ...value },
  { name: 'l-threshold', key: 'l-threshold', short: 'y', long: 'l-threshold', ...value },
  { name: 'tun-type', key: 'tun-type', long: 'tun-type', ...value },
  { name: 'tun-port', key: 'tun-port', long: 'tun-port', ...value },
  { name: 'tun-nocsum', key: 'tun-nocsum', long: 'tun-nocsum' },
  { name: 'tun-csum', key: 'tun-csum', long: 'tun-csum' },
  { name: 'tun-remcsum', key: 'tun-remcsum', long: 'tun-remcsum' },
  { name: 'numeric', key: 'numeric', short: 'n', long: 'numeric' },
  { name: 'connection', key: 'connection', short: 'c', long: 'connection' },
  { name: 'timeout', key: 'timeout', long: 'timeout' },
  { name: 'daemon', key: 'daemon', long: 'daemon' },
  { name: 'stats', key: 'stats', long: 'stats' },
  { name: 'rate', key: 'rate', long: 'rate' },
  { name: 'thresholds', key: 'thresholds', long: 'thresholds' },
  { name: 'persistent-conn', key: 'persistent-conn', long: 'persistent-conn' },
  { name: 'tun-info', key: 'tun-info', long: 'tun-info' },
  { name: 'nosort', key: 'nosort', long: 'nosort' },
  { name: 'exact', key: 'exact', short: 'X', long: 'exact' },
  { name: 'mcast-interface', key: 'mcast-interface', long: 'mcast-interface', ...value },
  { name: 'syncid', key: 'syncid', long: 'syncid', ...value },
  { name: 'mcast-group', key: 'mcast-group', long: 'mcast-group', ...value },
  { name: 'mcast-port', key: 'mcast-port', long: 'mcast-port', ...value },
  { name: 'mcast-ttl', key: 'mcast-ttl', long: 'mcast-ttl', ...value },
  { name: 'sync-maxlen', key: 'sync-maxlen', long: 'sync-maxlen', ...value },
]

/** '+' must be there, 'o' may be, '1' at most one of these; what is not named is illegal. */
export type Rule = '+' | 'o' | '1'

const SERVICE_SETTINGS = {
  'service-address': '+',
  scheduler: 'o',
  persistent: 'o',
  netmask: 'o',
  ops: 'o',
  pe: 'o',
  'sched-flags': 'o',
} as const

const DEST_SETTINGS = {
  'service-address': '+',
  'real-server': '+',
  'forwarding-method': 'o',
  weight: 'o',
  'u-threshold': 'o',
  'l-threshold': 'o',
  'tun-type': 'o',
  'tun-port': 'o',
  'tun-nocsum': 'o',
  'tun-csum': 'o',
  'tun-remcsum': 'o',
} as const

/** Which options each command takes. */
export const RULES: Record<CommandName, Partial<Record<OptionName, Rule>>> = {
  'add-service': SERVICE_SETTINGS,
  'edit-service': SERVICE_SETTINGS,
  'delete-service': { 'service-address': '+' },
  flush: {},
  list: {
    numeric: 'o',
    connection: '1',
    'service-address': '1',
    timeout: '1',
    daemon: '1',
    stats: 'o',
    rate: 'o',
    thresholds: 'o',
    'persistent-conn': 'o',
    nosort: 'o',
    syncid: 'o',
    exact: 'o',
    'tun-info': 'o',
  },
  'add-server': DEST_SETTINGS,
  'edit-server': DEST_SETTINGS,
  'delete-server': { 'service-address': '+', 'real-server': '+' },
  set: {},
  'start-daemon': {
    syncid: 'o',
    'mcast-interface': 'o',
    'mcast-group': 'o',
    'mcast-port': 'o',
    'mcast-ttl': 'o',
    'sync-maxlen': 'o',
  },
  'stop-daemon': { syncid: 'o' },
  restore: {},
  save: { numeric: 'o' },
  zero: { 'service-address': 'o' },
}

export const TUNNEL_OPTION_NAMES = ['tun-port', 'tun-nocsum', 'tun-csum', 'tun-remcsum'] as const

type TunnelRules = Partial<Record<(typeof TUNNEL_OPTION_NAMES)[number], Rule>>

/** Which options each type of tunnel takes. */
export const TUNNEL_RULES: Record<'ipip' | 'gue' | 'gre', TunnelRules> = {
  ipip: {},
  gue: { 'tun-port': '+', 'tun-nocsum': '1', 'tun-csum': '1', 'tun-remcsum': '1' },
  gre: { 'tun-nocsum': '1', 'tun-csum': '1' },
}
