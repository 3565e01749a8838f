/**
 * Scenarios made up by chance, always the same ones: lines with a command, a few options in any
 * order and any form, with values fit and unfit, on a table that earlier lines have made. What
 * nobody thought of is met here. Recorded as recorded/fuzz*.txt. Read next: record.ts.
 */
import { oneOf, randomFrom, type Random } from '../support/random.ts'
import { quoted, type Scenario, stepOf } from './transcript.ts'

const SEED = 20_261_125
const AGAIN_SEED = 20_261_130
const SCENARIOS = 60
const LINES = 30
const OPTIONS_MAX = 4
/** Lines of a restore, at most. */
const RESTORED = 12
const ORDERS = 12
/** Lines of such a table, at most. */
const ORDERED = 80

const SETUP = [
  '-A -t 10.0.0.1:80',
  '-A -u 10.0.0.1:80 -s sh',
  '-A -f 7',
  '-A -t [2001:db8::1]:80',
  '-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m',
]
const ADDRESSES = [
  ...['10.0.0.1:80', '10.0.0.1:80', '10.0.0.2:80', '192.168.0.1:80', '10.0.0.1', '10.1:80'],
  ...['[2001:db8::1]:80', '[2001:db8::2]:443', '2001:db8::1', '10.0.0.1:http', '10.0.0.1:0'],
]
const ODD_ADDRESSES = ['', '10', '10.0.0.1:', '10.0.0.1:99999', '[2001:db8::1]', 'nosuch:80', ':80']
const NUMBERS = ['0', '1', '5', '77', '255', '256', '1000', '65535', '65536', '2147483647']
const ODD_NUMBERS = ['', '-1', '+3', 'x', '0x10', '4294967296', '2147483648', ' 1', '1 ', '9e9']
const MARKS = ['1', '7', '8', '257', '2147483648', '4294967295']
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'sh', 'mh', 'dh', 'sed', 'nq', 'fo', 'none']
const FLAGS = [
  'sh-port',
  'mh-port',
  'flag-1',
  'sh-port,sh-fallback',
  'flag-1,flag-3',
  'mh-fallback',
]
const MASKS = ['255.255.255.0', '255.0.0.0', '64', '128', '0', '0.0.0.0']
const GROUPS = ['239.1.2.3', '224.0.0.81', 'ff02::81', '10.0.0.1', 'abc']

interface Spelling {
  short?: string
  long: string
  value?: (random: Random) => string
}

const often = (fit: readonly string[], odd: readonly string[]) => (random: Random) =>
  random(5) === 0 ? oneOf(random, odd) : oneOf(random, fit)
const address = often(ADDRESSES, ODD_ADDRESSES)
const number = often(NUMBERS, ODD_NUMBERS)

const SERVICE: Spelling[] = [
  { short: 't', long: 'tcp-service', value: address },
  { short: 't', long: 'tcp-service', value: address },
  { short: 'u', long: 'udp-service', value: address },
  { long: 'sctp-service', value: address },
  { short: 'f', long: 'fwmark-service', value: often(MARKS, ODD_NUMBERS) },
]
const SERVICE_OPTIONS: Spelling[] = [
  { short: 's', long: 'scheduler', value: often(SCHEDULERS, ['', 'nosuch', 'RR']) },
  { short: 'b', long: 'sched-flags', value: often(FLAGS, ['', 'flag-4', 'nosuch', 'flag-1,']) },
  { short: 'p', long: 'persistent', value: number },
  { short: 'p', long: 'persistent' },
  { short: 'M', long: 'netmask', value: often(MASKS, ['', 'x', '129', '24']) },
  { short: 'o', long: 'ops' },
  { long: 'pe', value: often(['sip'], ['', 'nosuch']) },
  { short: '6', long: 'ipv6' },
]
const DEST: Spelling = { short: 'r', long: 'real-server', value: address }
const DEST_OPTIONS: Spelling[] = [
  { short: 'g', long: 'gatewaying' },
  { short: 'i', long: 'ipip' },
  { short: 'i', long: 'ipip' },
  { short: 'm', long: 'masquerading' },
  { short: 'w', long: 'weight', value: number },
  { short: 'x', long: 'u-threshold', value: number },
  { short: 'y', long: 'l-threshold', value: number },
  { long: 'tun-type', value: often(['gue', 'gre', 'ipip'], ['', 'nosuch']) },
  { long: 'tun-port', value: number },
  { long: 'tun-csum' },
  { long: 'tun-nocsum' },
  { long: 'tun-remcsum' },
]
const LIST_OPTIONS: Spelling[] = [
  { short: 'n', long: 'numeric' },
  { short: 'n', long: 'numeric' },
  { short: 'c', long: 'connection' },
  { short: 'X', long: 'exact' },
  ...['timeout', 'daemon', 'stats', 'rate', 'thresholds', 'persistent-conn'].map(long => ({
    long,
  })),
  ...['tun-info', 'nosort', 'sort'].map(long => ({ long })),
]
const DAEMON_OPTIONS: Spelling[] = [
  { long: 'mcast-interface', value: often(['lo'], ['', 'nosuch']) },
  { long: 'mcast-interface', value: often(['lo'], ['', 'nosuch']) },
  { long: 'syncid', value: number },
  { long: 'mcast-group', value: often(GROUPS, ['']) },
  { long: 'mcast-port', value: number },
  { long: 'mcast-ttl', value: number },
  { long: 'sync-maxlen', value: number },
]
const ALL = [...SERVICE, ...SERVICE_OPTIONS, DEST, ...DEST_OPTIONS, ...LIST_OPTIONS].concat(
  DAEMON_OPTIONS,
)

interface Kind {
  command: Spelling
  /** Words that follow the command. */
  words?: (random: Random) => string[]
  needs: Spelling[][]
  options: Spelling[]
}

const side = (random: Random): string[] => [oneOf(random, ['master', 'backup', 'master', 'both'])]
const KINDS: Kind[] = [
  { command: { short: 'A', long: 'add-service' }, needs: [SERVICE], options: SERVICE_OPTIONS },
  { command: { short: 'A', long: 'add-service' }, needs: [SERVICE], options: SERVICE_OPTIONS },
  { command: { short: 'E', long: 'edit-service' }, needs: [SERVICE], options: SERVICE_OPTIONS },
  { command: { short: 'D', long: 'delete-service' }, needs: [SERVICE], options: [] },
  ...[1, 2, 3].map(() => ({
    command: { short: 'a', long: 'add-server' },
    ...{ needs: [SERVICE, [DEST]], options: DEST_OPTIONS },
  })),
  { command: { short: 'e', long: 'edit-server' }, needs: [SERVICE, [DEST]], options: DEST_OPTIONS },
  { command: { short: 'd', long: 'delete-server' }, needs: [SERVICE, [DEST]], options: [] },
  { command: { short: 'L', long: 'list' }, needs: [], options: LIST_OPTIONS },
  { command: { short: 'L', long: 'list' }, needs: [], options: [...LIST_OPTIONS, ...SERVICE] },
  { command: { short: 'S', long: 'save' }, needs: [], options: LIST_OPTIONS.slice(0, 2) },
  { command: { short: 'Z', long: 'zero' }, needs: [], options: SERVICE },
  {
    ...{ command: { long: 'set' }, needs: [], options: [] },
    words: random => Array.from({ length: 2 + random(3) }, () => number(random)),
  },
  { command: { long: 'start-daemon' }, words: side, needs: [], options: DAEMON_OPTIONS },
  { command: { long: 'stop-daemon' }, words: side, needs: [], options: DAEMON_OPTIONS },
]

export function fuzzScenarios(seed = SEED): Scenario[] {
  const random = randomFrom(seed)
  return Array.from({ length: SCENARIOS }, (_, i) => ({
    name: `chance ${i + 1}`,
    comments: [],
    steps: [...SETUP.map(first => `ipvsadm ${first}`), ...lines(random)].map(one => stepOf(one)),
  }))
}

/** Others of the kind. */
export function fuzzAgainScenarios(): Scenario[] {
  return fuzzScenarios(AGAIN_SEED)
}

/** The same lines on the standard input of -R, which some of them end; and tables as they leave. */
export function fuzzRestoreScenarios(): Scenario[] {
  const random = randomFrom(AGAIN_SEED)
  const program = (): string => oneOf(random, ['ipvsadm -R', 'ipvsadm -R', 'ipvsadm-restore'])
  return Array.from({ length: SCENARIOS }, (_, i) => ({
    name: `restore by chance ${i + 1}`,
    comments: [],
    steps: [
      stepOf('ipvsadm -R', SETUP.map(first => `${first}\n`).join('')),
      ...[1, 2, 3, 4].flatMap(() => [
        stepOf(program(), Array.from({ length: 1 + random(RESTORED) }, () => fed(random)).join('')),
        stepOf('ipvsadm -Ln'),
      ]),
    ],
  }))
}

/** Most lines are fit, so that a run is long; others are as odd as any. */
function fed(random: Random): string {
  const words = line(random, random(6) === 0)
    .split(' ')
    .slice(random(4) === 0 ? 0 : 1)
  const gap = random(8) === 0 ? oneOf(random, ['  ', '\t', ' \t ']) : ' '
  const end = random(20) === 0 ? oneOf(random, [' \n', '\r\n', '\n\n', '\n# comment\n']) : '\n'
  return `${words.map(word => word.replace(/['"]/g, '')).join(gap)}${end}`
}

/** Tables whose order is hard to tell: addresses from everywhere, and many that are alike. */
export function orderScenarios(): Scenario[] {
  const random = randomFrom(SEED)
  return Array.from({ length: ORDERS }, (_, i) => ({
    name: `order ${i + 1}`,
    comments: [],
    steps: [
      stepOf(
        'ipvsadm -R',
        Array.from({ length: 1 + random(ORDERED) }, () => added(random)).join(''),
      ),
      stepOf('ipvsadm -Ln --nosort'),
    ],
  }))
}

/** A service of any kind, or a dest of the one service that is there in any case. */
function added(random: Random): string {
  const byte = () => String(random(2) === 0 ? random(4) * 85 : random(256))
  const word = () => (random(2) === 0 ? random(3) : random(65536)).toString(16)
  const host = () => [byte(), byte(), byte(), byte()].join('.')
  const host6 = () => `[2001:${word()}:${word()}:0:${word()}:0:${word()}:1]`
  const port = () => 1 + (random(2) === 0 ? random(4) : random(65535))
  switch (random(7)) {
    case 0:
      return `-A -f ${1 + random(2) * 0x7fffffff + random(1000)}${random(2) === 0 ? ' -6' : ''}\n`
    case 1:
      return `-A -t ${host6()}:${port()}\n`
    case 2:
      return `-A -f 1\n-a -f 1 -r ${host()}:${port()} -m\n`
    case 3:
      return `-A -f 1 -6\n-a -f 1 -6 -r ${host6()}:${port()} -m\n`
    default:
      return `-A ${oneOf(random, ['-t', '-u', '--sctp-service'])} ${host()}:${port()}\n`
  }
}

function lines(random: Random): string[] {
  return Array.from({ length: LINES }, () => line(random))
}

function line(random: Random, isOdd = true): string {
  const { command, words, needs, options } = oneOf(random, KINDS)
  const parts = needs.filter(() => random(15) > 0 || !isOdd).map(any => oneOf(random, any))
  parts.push(...shuffled(options, random).slice(0, random((isOdd ? OPTIONS_MAX : 1) + 1)))
  if (isOdd && random(10) === 0) parts.push(oneOf(random, ALL))
  const order = random(4) === 0 ? shuffled(parts, random) : parts
  const rest = order.flatMap(part => spelled(part, random))
  const own = spelled(command, random)
  const strays = random(40) === 0 ? ['stray'] : []
  const all = [...own, ...(words?.(random) ?? []), ...rest, ...strays]
  return ['ipvsadm', ...all].map(quoted).join(' ')
}

/** An option in one of the forms that there are, glued or not. */
function spelled({ short, long, value }: Spelling, random: Random): string[] {
  const text = value?.(random)
  if (short !== undefined && random(3) > 0) {
    if (text === undefined) return [`-${short}`]
    if (text === '' || random(4) > 0) return [`-${short}`, text]
    return [random(2) === 0 ? `-${short}${text}` : `-${short}=${text}`]
  }
  if (text === undefined) return [`--${long}`]
  return random(2) === 0 ? [`--${long}=${text}`] : [`--${long}`, text]
}

function shuffled<T>(all: readonly T[], random: Random): T[] {
  const left = [...all]
  const out: T[] = []
  while (left.length > 0) out.push(...left.splice(random(left.length), 1))
  return out
}
