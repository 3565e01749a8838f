/**
 * `xlvs stats` for people: counters of all and of each service, why packets left the walk, and how
 * full the connection tables are. Pure.
 */
import {
  destName,
  type Rates,
  type ServiceId,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import { calledText } from './called.ts'
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

const RATE_COLUMNS: readonly Column[] = [
  { title: 'SERVICE / DEST' },
  { title: 'CONNS/S', align: 'right' },
  { title: 'IN PACKETS/S', align: 'right' },
  { title: 'OUT PACKETS/S', align: 'right' },
  { title: 'IN BYTES/S', align: 'right' },
  { title: 'OUT BYTES/S', align: 'right' },
]

/** What there is to print; the daemon's StatsView has this shape. */
export interface Stats {
  total: Traffic
  services: readonly (ServiceId & { name?: string; traffic: Traffic })[]
  reasons: readonly { reason: string; packets: number }[]
  connections: readonly { family: 4 | 6; slots: number; used: number; stashed: number }[]
}

/** Three parts with an empty line between. */
export function statsText({ total, services, reasons, connections }: Stats): string {
  const traffic = table(TRAFFIC_COLUMNS, [
    ...services.map(service => trafficRow(calledText(service), service.traffic)),
    trafficRow('total', total),
  ])
  const why = reasons.map(({ reason, packets }) => [reason, `${packets}`])
  const full = connections.map(
    ({ family, slots, used, stashed }) =>
      `IPv${family} connection table: ${used} of ${slots} slots used, ${stashed} in the stash\n`,
  )
  return [traffic, table(REASON_COLUMNS, why), full.join('')].join('\n')
}

/** Rates of services, their dests in the order they were added, and all. */
export function ratesText(services: readonly ServiceView[], { rates }: { rates: Rates }): string {
  return table(RATE_COLUMNS, [
    ...services.flatMap(service => [
      trafficRow(calledText(service), service.rates),
      ...service.dests.toReversed().map(dest => trafficRow(`  ${destName(dest)}`, dest.rates)),
    ]),
    trafficRow('total', rates),
  ])
}

function trafficRow(name: string, traffic: Traffic | Rates): string[] {
  const { conns, inPackets, outPackets, inBytes, outBytes } = traffic
  return [name, ...[conns, inPackets, outPackets, inBytes, outBytes].map(String)]
}
