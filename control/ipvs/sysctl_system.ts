/**
 * What sysctl takes from the process and the machine it runs on; tests bring their own.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import type { SettingName } from '../model/settings.ts'

export interface SysctlSystem {
  print(text: string): void
  complain(text: string): void
  /** Runs the real sysctl, its output printed; its exit status. */
  real(words: readonly string[]): number
  /** The same, with its output for whoever asks. */
  realText(words: readonly string[]): { status: number; out: string }
  /** undefined when it cannot be read. */
  readFile(path: string): string | undefined
  /** What a setting is that is left to the host. */
  hostValue(name: SettingName): string
}

/** Where procps puts it; whatever is called sysctl in PATH may be us. */
const REAL = ['/usr/sbin/sysctl', '/sbin/sysctl', '/usr/bin/sysctl']

/** One that prints by the functions given, and is the process's own in all else. */
export function sysctlSystem(
  print: (text: string) => void,
  complain: (text: string) => void,
): SysctlSystem {
  const realText = (words: readonly string[]): { status: number; out: string } => {
    const real = REAL.find(path => existsSync(path))
    if (real === undefined) {
      complain(`sysctl: no sysctl at ${REAL.join(', ')} to ask for all else\n`)
      return { status: 1, out: '' }
    }
    const { status, stdout, stderr } = spawnSync(real, words, { encoding: 'utf8' })
    complain(stderr)
    return { status: status ?? 1, out: stdout }
  }
  return {
    print,
    complain,
    realText,
    real: words => {
      const { status, out } = realText(words)
      print(out)
      return status
    },
    readFile: path => readIf(path === '-' ? '/dev/stdin' : path),
    hostValue: name =>
      name === 'est_cpulist'
        ? (readIf('/sys/devices/system/cpu/online') ?? '').trim()
        : syncQueue(readIf('/proc/zoneinfo') ?? ''),
  }
}

export const SYSCTL_SYSTEM = sysctlSystem(
  text => void process.stdout.write(text),
  text => void process.stderr.write(text),
)

function readIf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Pages for one message of synchronisation that may wait. */
const PAGES_A_MESSAGE = 32

/**
 * sync_qlen_max where nobody has set it: the pages that buffers may take, divided.
 * Source: mm/page_alloc.c nr_free_zone_pages, ip_vs_ctl.c (v6.12).
 */
export function syncQueue(zoneinfo: string): string {
  let pages = 0
  for (const zone of zoneinfo.split(/^Node /m).slice(1)) {
    if (!/^\d+, zone +(DMA|DMA32|Normal)\n/.test(zone)) continue
    const [managed = 0, high = 0] = ['managed', 'high'].map(word =>
      Number(new RegExp(`^ +${word} +(\\d+)$`, 'm').exec(zone)?.[1] ?? 0),
    )
    pages += Math.max(0, managed - high)
  }
  return String(Math.floor(pages / PAGES_A_MESSAGE))
}
