/** Settings of the kernel's network, of this process's namespace, by /proc/sys/net. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ErrorLimits } from '../plan/network.ts'

/**
 * A number of net.ipv4.conf as the kernel takes it where both count: the larger one of all's and
 * the interface's; 0 when neither can be read.
 */
export function ipv4Conf(name: string, setting: string): number {
  return Math.max(...['all', name].map(of => readNumber(join('net/ipv4/conf', of, setting))))
}

/** Types of ICMP errors that are told apart. */
const TYPES = 32
/** What Linux 6.1 has where these are not to be read. */
const PER_SECOND = 1000
const BURST = 50

/** What the host allows of ICMP errors of its own. */
export function errorLimits(): ErrorLimits {
  return {
    intervalMs: [readNumber('net/ipv4/icmp_ratelimit'), readNumber('net/ipv6/icmp/ratelimit')],
    types: [
      readNumber('net/ipv4/icmp_ratemask') >>> 0,
      typesOf(readText('net/ipv6/icmp/ratemask') ?? ''),
    ],
    perSecond: readNumber('net/ipv4/icmp_msgs_per_sec', PER_SECOND),
    burst: readNumber('net/ipv4/icmp_msgs_burst', BURST),
  }
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

function readText(path: string): string | undefined {
  try {
    return readFileSync(join('/proc/sys', path), 'utf8').trim()
  } catch {
    return undefined
  }
}

function readNumber(path: string, missing = 0): number {
  const text = readText(path)
  return text === undefined ? missing : Number(text)
}
