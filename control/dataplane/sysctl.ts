/** Settings of the kernel's network, of this process's namespace, by /proc/sys/net. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A number of net.ipv4.conf as the kernel takes it where both count: the larger one of all's and
 * the interface's; 0 when neither can be read.
 */
export function ipv4Conf(name: string, setting: string): number {
  return Math.max(...['all', name].map(of => readNumber(join('net/ipv4/conf', of, setting))))
}

function readNumber(path: string): number {
  try {
    return Number(readFileSync(join('/proc/sys', path), 'utf8'))
  } catch {
    return 0
  }
}
