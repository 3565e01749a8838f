/**
 * Asks the director for what a file of /proc/net tells, and prints it. Read next: proc.ts.
 */
import type { DirectorClient } from '../daemon/client.ts'
import type { ConnView } from '../model/service.ts'
import {
  procApps,
  procConns,
  procConnsSync,
  procServices,
  procStats,
  procStatsPerCpu,
  type ProcName,
} from './proc.ts'

/** What they are made from. */
type ProcReads = Pick<DirectorClient, 'services' | 'stats' | 'eachConns'>

/** The text of /proc/net/NAME as the kernel would have it. */
export async function procText(name: ProcName, director: ProcReads): Promise<string> {
  const pieces: string[] = []
  for await (const piece of procPieces(name, director)) pieces.push(piece)
  return pieces.join('')
}

/** The same piece by piece: of millions of connections only a page is there at a time. */
export async function* procPieces(name: ProcName, director: ProcReads): AsyncGenerator<string> {
  switch (name) {
    case 'ip_vs':
      yield procServices(await director.services())
      break
    case 'ip_vs_conn':
      yield* inPages(procConns, director)
      break
    case 'ip_vs_conn_sync':
      yield* inPages(procConnsSync, director)
      break
    case 'ip_vs_stats':
      yield procStats(await director.stats())
      break
    case 'ip_vs_stats_percpu':
      yield procStatsPerCpu(await director.stats())
      break
    case 'ip_vs_app':
      yield procApps()
  }
}

async function* inPages(
  textOf: (conns: readonly ConnView[]) => string,
  director: ProcReads,
): AsyncGenerator<string> {
  const head = textOf([])
  yield head
  for await (const page of director.eachConns()) yield textOf(page).slice(head.length)
}
