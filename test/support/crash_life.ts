/**
 * One life of xlvsd on a machine in memory: the director, its journal and its tables are the real
 * ones, disk, maps and network are made up. The machine outlives it. Read next: disk.ts,
 * memory_maps.ts, ../sim/crash.test.ts.
 */
import { Director, restored, type DirectorParts } from '../../control/daemon/director.ts'
import { Journal } from '../../control/daemon/journal.ts'
import { writeDestTraffic, DEST_TRAFFIC } from '../../control/abi/maps.gen.ts'
import { Dataplane } from '../../control/dataplane/dataplane.ts'
import { serviceName } from '../../control/model/service.ts'
import { Network } from '../../control/plan/network.ts'
import { VIPS } from './crash_model.ts'
import type { Disk } from './disk.ts'
import type { MemoryMaps } from './memory_maps.ts'
import type { Random } from './random.ts'

/** What stays when the process does not. */
export interface Machine {
  disk: Disk
  maps: MemoryMaps
}

export interface Life {
  lvs: Director
  dataplane: Dataplane
}

const ROUTE = { table: 254, type: 1, metric: 0, mtu: 0, nexthops: [], gateway: '', ifindex: 1 }
const NETWORK = new Network({
  links: [{ ifindex: 1, name: 'one', mac: '02:00:00:00:00:01', mtu: 1500, up: true }],
  addresses: VIPS.map(address => ({ ifindex: 1, address, prefix: 32 })),
  routes: [{ ...ROUTE, destination: '10.0.0.0', prefix: 24 }],
  neighbours: [],
})
const QUIET = { info: () => undefined, error: () => undefined, warn: () => undefined }

/** Records after which a snapshot is due: few, so that many are made and starting is quick. */
const SNAPSHOT_EVERY = 150

/** Starts xlvsd as main.ts does. @throws what keeps it from starting */
export async function begin(
  { disk, maps }: Machine,
  nowMs: () => number,
  network: Network = NETWORK,
): Promise<Life> {
  const journal = await Journal.open('/journal', { fs: disk.fs })
  const dataplane = new Dataplane(maps.kernel(), network)
  const parts: unknown = {
    dataplane,
    journal,
    nowMs,
    watch: watchOf(network),
    sweeper: { figures: { used: [0, 0] }, gracePeriod: () => Promise.resolve() },
    log: QUIET,
    gracePeriod: () => undefined,
    snapshotEvery: SNAPSHOT_EVERY,
  }
  const lvs = new Director(parts as DirectorParts, restored(journal))
  await lvs.start()
  return { lvs, dataplane }
}

/** A network that does not change, without a program on any interface. */
function watchOf(network: Network): object {
  return {
    network: () => network,
    link: () => undefined,
    linkNow: (name: string) => network.facts.links.find(link => link.name === name),
    linkNames: () => network.facts.links.map(link => link.name),
    resolve: () => undefined,
  }
}

/** All that an operator can see that is kept: counters, not rates. */
export function viewOf({ lvs }: Life): string {
  return JSON.stringify([lvs.services(), lvs.stats()], (key, value: unknown) =>
    key === 'rates' ? undefined : value,
  )
}

/** Services, each with the dests that are in it, as the tables have them; without an order. */
export function tablesText({ dataplane: { tables } }: Life): string {
  const line = (name: string): string => [name, ...tables.destNames(name).sort()].join(' ')
  return tables.serviceNames().map(line).sort().join('\n')
}

/** A packet's worth of traffic for a dest, as if a program had counted it. */
export function count(machine: Machine, { lvs, dataplane }: Life, random: Random): void {
  for (const service of lvs.services())
    for (const dest of service.dests) {
      const id = dataplane.tables.destId(service, dest)
      if (id === undefined || random(3) > 0) continue
      const { conns, inPackets, inBytes } = dataplane.tables.traffic(id)
      const rows = new DataView(machine.maps.map('dest_traffic'))
      writeDestTraffic(rows, id * DEST_TRAFFIC.size, {
        conns: BigInt(conns + random(2)),
        inpkts: BigInt(inPackets + 1),
        inbytes: BigInt(inBytes + 40 + random(1000)),
        outpkts: 0n,
        outbytes: 0n,
      })
    }
}

/** The same as tablesText, from what the director says; whatever they have. */
export function wantedTablesText({ lvs }: Life): string {
  const line = (s: ReturnType<Director['services']>[number]): string =>
    [serviceName(s), ...s.dests.map(d => `${d.address}:${d.port}`).sort()].join(' ')
  return lvs.services().map(line).sort().join('\n')
}
