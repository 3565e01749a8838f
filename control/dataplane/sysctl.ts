/** Settings of the kernel's network, of this process's namespace, by /proc/sys/net. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorLimits } from '../plan/network.ts'

const FOLDER = '/proc/sys'

/**
 * A number of net.ipv4.conf as the kernel takes it where both count: the larger one of all's and
 * the interface's; 0, Linux's default, of what cannot be read.
 */
export function ipv4Conf(name: string, setting: string): number {
  return Math.max(...['all', name].map(of => readNumber(join('net/ipv4/conf', of, setting), 0)))
}

/** Types of ICMP errors that are told apart. */
const TYPES = 32
/**
 * What Linux 6.1 begins with, taken for what is not to be read: a namespace of its own lacks some,
 * and nothing at all would mean no limit. Source: net/ipv4/icmp.c, net/ipv6/af_inet6.c.
 */
const INTERVAL_MS = 1000
const TYPES4 = 0x1818
const TYPES6 = '0-1,3-127'
const PER_SECOND = 1000
const BURST = 50
/** What Linux begins with. Source: net/ipv4/af_inet.c inet_init_net. */
export const UNPRIVILEGED_PORT = 1024

/** What the host allows of ICMP errors of its own; `folder` is where its settings are. */
export function errorLimits(folder = FOLDER): ErrorLimits {
  const number = (path: string, missing: number) => readNumber(path, missing, folder)
  return {
    intervalMs: [
      number('net/ipv4/icmp_ratelimit', INTERVAL_MS),
      number('net/ipv6/icmp/ratelimit', INTERVAL_MS),
    ],
    types: [
      number('net/ipv4/icmp_ratemask', TYPES4) >>> 0,
      typesOf(readText('net/ipv6/icmp/ratemask', folder) ?? TYPES6),
    ],
    perSecond: number('net/ipv4/icmp_msgs_per_sec', PER_SECOND),
    burst: number('net/ipv4/icmp_msgs_burst', BURST),
  }
}

/** The first port that needs no rights, 1024 unless the host says otherwise. */
export function unprivilegedPort(folder = FOLDER): number {
  return readNumber('net/ipv4/ip_unprivileged_port_start', UNPRIVILEGED_PORT, folder)
}

/** A list like `0-1,3-127` as bits. */
export function typesOf(list: string): number {
  let bits = 0
  for (const range of list.split(',').filter(text => text !== '')) {
    const [from = NaN, to = from] = range.split('-').map(Number)
    for (let type = from; type <= to && type < TYPES; type++) bits |= 1 << type
  }
  return bits >>> 0
}

function readText(path: string, folder: string): string | undefined {
  try {
    return readFileSync(join(folder, path), 'utf8').trim()
  } catch {
    return undefined
  }
}

/** `missing` when there is no such file, or no number in it. */
function readNumber(path: string, missing: number, folder = FOLDER): number {
  const text = readText(path, folder)
  const number = Number(text)
  return text === undefined || text === '' || Number.isNaN(number) ? missing : number
}
