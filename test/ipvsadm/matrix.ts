/**
 * Scenarios made by rule: each command with each option, allowed or not, with each required one
 * missing and each exclusive pair, on a table that has one service with one dest. Recorded as
 * recorded/matrix.txt. Read next: record.ts.
 */
import { type Scenario, stepOf } from './transcript.ts'

const SETUP = ['-A -t 10.0.0.1:80 -s rr', '-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m']

/** Each command, with what it needs; PORT is another number each time. */
const COMMANDS: Record<string, string[]> = {
  '-A': ['-t 10.0.0.1:PORT'],
  '-E': ['-t 10.0.0.1:80'],
  '-D': ['-t 10.0.0.1:PORT'],
  '-C': [],
  '-L': [],
  '-a': ['-t 10.0.0.1:80', '-r 10.0.0.2:PORT'],
  '-e': ['-t 10.0.0.1:80', '-r 10.0.0.2:80'],
  '-d': ['-t 10.0.0.1:80', '-r 10.0.0.2:PORT'],
  '--set': ['1 2 3'],
  '--start-daemon': ['master'],
  '--stop-daemon': ['master'],
  '-R': [],
  '-S': [],
  '-Z': [],
}

const OPTIONS = [
  ...['-n', '-c', '-t 10.0.0.1:80', '-u 10.0.0.1:53', '--sctp-service 10.0.0.1:80', '-f 7'],
  ...['-f 7 -6', '-6', '-s wrr', '-s nosuch', '-p', '-p 77', '-M 255.255.255.0', '--pe sip', '-o'],
  ...['-b flag-1', '-r 10.0.0.3:80', '-g', '-i', '-m', '-w 3', '-x 100', '-y 50'],
  ...['--tun-type gre', '-i --tun-type gre', '-i --tun-type gue --tun-port 6080'],
  ...['--tun-port 6080', '--tun-nocsum', '--tun-csum', '--tun-remcsum', '--timeout', '--daemon'],
  ...['--stats', '--rate', '--thresholds', '--persistent-conn', '--tun-info', '--nosort', '--sort'],
  ...['-X', '--mcast-interface lo', '--syncid 7', '--mcast-group 239.1.2.3', '--mcast-port 8900'],
  ...['--mcast-ttl 4', '--sync-maxlen 1000', '-h', '-v', '-A', '-L', '-Z', 'stray'],
]

const LISTED = ['-c', '-t 10.0.0.1:80', '-f 7', '--timeout', '--daemon']
const SHOWN = ['-n', '--stats', '--rate', '--thresholds', '--persistent-conn', '--tun-info'].concat(
  ['--nosort', '--sort', '-X', '--syncid 3'],
)

const FIRST_PORT = 1000

export function matrixScenarios(): Scenario[] {
  return [
    ...Object.keys(COMMANDS).map(withEachOption),
    scenario('each command without what it needs', Object.keys(COMMANDS).flatMap(withoutNeeds)),
    scenario('-L: what is listed, by pairs', pairs(LISTED, LISTED)),
    scenario('-L: what is listed and how it is shown', pairs(LISTED, SHOWN)),
    scenario('-L: how it is shown, by pairs', pairs(SHOWN, SHOWN)),
    scenario('-C: two things that it does not take, which comes first', [
      ...OPTIONS.slice(1).map((option, i) => `-C ${option} ${OPTIONS[i] ?? ''}`),
    ]),
  ]
}

function withEachOption(command: string): Scenario {
  const own = (COMMANDS[command] ?? []).join(' ')
  const lines = OPTIONS.map((option, i) =>
    [command, own.replaceAll('PORT', String(FIRST_PORT + i)), option].filter(Boolean).join(' '),
  )
  return scenario(`${command} with each option`, lines)
}

function withoutNeeds(command: string): string[] {
  const needs = COMMANDS[command] ?? []
  const words = needs.map(need => need.replaceAll('PORT', String(FIRST_PORT)))
  const less = words.map((_, i) => words.filter((_, j) => j !== i).join(' '))
  return less.map(rest => `${command} ${rest}`.trimEnd())
}

function pairs(first: readonly string[], second: readonly string[]): string[] {
  return first.flatMap(a => second.filter(b => b !== a).map(b => `-L ${a} ${b}`))
}

function scenario(name: string, lines: readonly string[]): Scenario {
  const steps = [...SETUP, ...lines].map(line => stepOf(`ipvsadm ${line}`))
  return { name, comments: [], steps }
}
