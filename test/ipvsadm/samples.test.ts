/**
 * Listings and files of /proc that Debian's ipvsadm and Linux 6.1 gave under traffic (samples.txt),
 * printed again by xlvs from what they say: the same, byte for byte. Read next: views_of.ts.
 */
import test from 'ava'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { listConns } from '../../control/ipvs/conn_listing.ts'
import type { ListFormat } from '../../control/ipvs/grammar.ts'
import { listAll, listOne, save } from '../../control/ipvs/listing.ts'
import { namesOf, NUMBERS, portsIn, type Names } from '../../control/ipvs/names.ts'
import {
  procConns,
  procConnsSync,
  procServices,
  procStats,
  procStatsPerCpu,
} from '../../control/ipvs/proc.ts'
import { serviceName, type ServiceView, type Traffic } from '../../control/model/service.ts'
import { traffic } from '../support/views.ts'
import { parseTranscript, type Step } from './transcript.ts'
import { connsOf, learn } from './views_of.ts'

const text = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8')
const SERVICES = await text('services')
const NAMES = await namesOf([], () => Promise.resolve(undefined), SERVICES)
const PORT_OF = portsIn(() => SERVICES)

/** Whose order is that of the kernel's buckets, which are others in each namespace. */
const IN_KERNEL_ORDER = ['ipvsadm -Ln --nosort', 'cat /proc/net/ip_vs']

for (const { name, steps } of parseTranscript(await text('samples.txt')))
  test(`samples: ${name}, then printed the same`, t => {
    const known = new Map<string, ServiceView>()
    for (const { recorded } of steps.filter(isNumericListing))
      for (const service of learn([...known.values()], recorded.out))
        known.set(serviceName(service), service)

    for (const step of steps) {
      const text = printed(step, [...known.values()])

      const sorts = IN_KERNEL_ORDER.includes(step.command)
      const [is, expected] = [text, step.recorded.out].map(all => (sorts ? sorted(all) : all))
      // There are no templates of marks yet.
      t.is(is, expected?.replace(/^IP {2}.*\n/gm, ''), step.command)
    }
  })

function isNumericListing({ command }: Step): boolean {
  return /^ipvsadm -Ln(?!c)/.test(command)
}

function sorted(text: string): string {
  return text.split('\n').sort().join('\n')
}

function printed(step: Step, known: readonly ServiceView[]): string {
  const { command, recorded } = step
  const [program, ...words] = step.words
  const names: Names = /n/.test(words[0] ?? '') ? NUMBERS : NAMES
  if (program === 'cat') return file(words[0] ?? '', recorded.out, known)
  if (program === 'ipvsadm-save' || words[0]?.startsWith('-S')) return save(known, names)
  if (words[0]?.includes('c'))
    return listConns(connsOf(numeric(recorded.out)), words.includes('--persistent-conn'), names)
  const services = isNumericListing(step) ? learn(known, recorded.out) : known
  const format = formatOf(words)
  const [only] = services
  return /-[tuf] /.test(command) && only
    ? listOne(only, format, names)
    : listAll(services.toReversed(), format, names)
}

/** A listing of connections without the names of ports. */
function numeric(text: string): string {
  return text.replace(/:([a-z][\w-]*)(?= |$)/gm, (_, name: string) => `:${PORT_OF(name, 'tcp')}`)
}

function formatOf(words: readonly string[]): ListFormat {
  const columns = (['rate', 'stats', 'thresholds', 'persistent-conn', 'tun-info'] as const).find(
    columns => words.includes(`--${columns}`),
  )
  return {
    columns: words.includes('--stats') ? 'stats' : (columns ?? 'plain'),
    numeric: true,
    exact: words.includes('--exact'),
    sorted: !words.includes('--nosort'),
    engines: false,
  }
}

/** A file of /proc/net again, from the numbers in it. */
function file(path: string, text: string, known: readonly ServiceView[]): string {
  const rows = text.split('\n').map(line => line.trim().split(/ +/))
  const rates = trafficOf(rows.at(-2))
  const cpus = rows.filter(([cpu]) => cpu === '0').map(([, ...counts]) => trafficOf(counts))
  switch (path) {
    case '/proc/net/ip_vs':
      return procServices(known)
    case '/proc/net/ip_vs_conn':
      return procConns(connsOf(text))
    case '/proc/net/ip_vs_conn_sync':
      return procConnsSync(connsOf(text))
    case '/proc/net/ip_vs_stats':
      return procStats({ total: trafficOf(rows[2]), rates })
    case '/proc/net/ip_vs_stats_percpu':
      return procStatsPerCpu({ total: trafficOf(rows[3]?.slice(1)), rates, cpus })
    default:
      throw new Error(`no sample is of ${path}`)
  }
}

function trafficOf(digits: readonly string[] = []): Traffic {
  const [conns, inPackets, outPackets, inBytes, outBytes] = digits.map(text => parseInt(text, 16))
  return traffic(conns ?? 0, inPackets ?? 0, outPackets ?? 0, inBytes ?? 0, outBytes ?? 0)
}
