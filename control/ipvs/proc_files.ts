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
  switch (name) {
    case 'ip_vs':
      return procServices(await director.services())
    case 'ip_vs_conn':
      return procConns(await conns(director))
    case 'ip_vs_conn_sync':
      return procConnsSync(await conns(director))
    case 'ip_vs_stats':
      return procStats(await director.stats())
    case 'ip_vs_stats_percpu':
      return procStatsPerCpu(await director.stats())
    case 'ip_vs_app':
      return procApps()
  }
}

async function conns(director: ProcReads): Promise<ConnView[]> {
  const conns: ConnView[] = []
  for await (const page of director.eachConns()) conns.push(...page)
  return conns
}
