/**
 * `xlvs stats` for people: counters of all and of each service, why packets left the walk, and how
 * full the connection table is. Pure.
 */
import { serviceName, type ServiceId, type Traffic } from '../model/service.ts'
import { table, type Column } from './table.ts'

const TRAFFIC_COLUMNS: readonly Column[] = [
  { title: 'SERVICE' },
  { title: 'CONNS', align: 'right' },
  { title: 'IN PACKETS', align: 'right' },
  { title: 'OUT PACKETS', align: 'right' },
  { title: 'IN BYTES', align: 'right' },
  { title: 'OUT BYTES', align: 'right' },
]
const REASON_COLUMNS: readonly Column[] = [
  { title: 'REASON' },
  { title: 'PACKETS', align: 'right' },
]

/** What there is to print; the daemon's StatsView has this shape. */
export interface Stats {
  total: Traffic
  services: readonly (ServiceId & { traffic: Traffic })[]
  reasons: readonly { reason: string; packets: number }[]
  connections: { slots: number; used: number; stashed: number }
}

/** Three parts with an empty line between. */
export function statsText({ total, services, reasons, connections }: Stats): string {
  const traffic = table(TRAFFIC_COLUMNS, [
    ...services.map(service => trafficRow(serviceName(service), service.traffic)),
    trafficRow('total', total),
  ])
  const why = reasons.map(({ reason, packets }) => [reason, `${packets}`])
  const { slots, used, stashed } = connections
  const full = `connection table: ${used} of ${slots} slots used, ${stashed} in the stash\n`
  return [traffic, table(REASON_COLUMNS, why), full].join('\n')
}

function trafficRow(name: string, traffic: Traffic): string[] {
  const { conns, inPackets, outPackets, inBytes, outBytes } = traffic
  return [name, ...[conns, inPackets, outPackets, inBytes, outBytes].map(String)]
}
