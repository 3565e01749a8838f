/**
 * Services and what is counted of them, as they are shown. Traffic is what the maps count, with
 * what freed rows counted, less what was there at the last zero. Read next: director.ts.
 */
import { FAMILY } from '../abi/maps.gen.ts'
import type { Dataplane } from '../dataplane/dataplane.ts'
import { drainsOf } from '../dataplane/drains.ts'
import { FAMILIES, type Both } from '../dataplane/slots.ts'
import { originOf } from '../model/origin.ts'
import {
  destName,
  serviceIdOf,
  serviceName,
  type Dest,
  type DestView,
  type Service,
  type ServiceView,
  type Traffic,
} from '../model/service.ts'
import { SYNC_ROLES, type SyncDaemons, type SyncDaemonView } from '../model/sync.ts'
import { destNotActive, serviceNotActive } from '../plan/active.ts'
import { noTraffic, plus, type Counts, type ServiceIntent } from '../plan/intent.ts'
import type { StatsView } from './contract.ts'

export class Views {
  readonly #dataplane: Dataplane
  readonly #counts: () => Counts

  constructor(dataplane: Dataplane, counts: () => Counts) {
    this.#dataplane = dataplane
    this.#counts = counts
  }

  service({ service, dests }: ServiceIntent): ServiceView {
    const { tables, kernel } = this.#dataplane
    const drains = drainsOf(tables, kernel, service)
    return {
      ...service,
      origin: originOf(service),
      vipLocal: this.#dataplane.isLocal(service),
      traffic: this.#ofService(serviceName(service)),
      rates: this.#dataplane.ratesOf(service),
      dests: dests.map(dest => this.#dest(service, dest)),
      ...(drains.length > 0 ? { drains } : {}),
      notActive: serviceNotActive(service),
    }
  }

  #dest(service: Service, dest: Dest): DestView {
    const { tables } = this.#dataplane
    const id = tables.destId(service, dest)
    const conns = id === undefined ? undefined : tables.destConns.get(id)
    const raw = id === undefined ? noTraffic() : tables.traffic(id)
    const slowStartLeftS = id === undefined ? 0 : tables.slowLeftS(id)
    return {
      ...dest,
      origin: originOf(dest),
      active: conns?.active ?? 0,
      inactive: conns?.inactive ?? 0,
      persistent: conns?.persistent ?? 0,
      nextHop: this.#dataplane.nextHop(dest),
      ...(conns?.overloaded ? { overloaded: true as const } : {}),
      ...(slowStartLeftS > 0 ? { slowStartLeftS } : {}),
      traffic: plus(raw, this.#zeroOf(`${serviceName(service)}>${destName(dest)}`), -1),
      rates: this.#dataplane.ratesOf(service, dest),
      notActive: destNotActive(dest),
    }
  }

  /** @param used connection slots in use at the last sweep */
  stats(services: readonly Service[], used: Both<number>): StatsView {
    const dataplane = this.#dataplane
    const { slots } = dataplane.kernel.sizes
    const stashed = dataplane.stashed()
    const cpus = this.#rawByCpu()
    const raw = cpus.reduce((a, b) => plus(a, b), noTraffic())
    return {
      total: plus(raw, this.#zeroOf('total'), -1),
      rates: dataplane.rates.total(),
      cpus,
      services: services.map(service => ({
        ...serviceIdOf(service),
        ...(service.name === undefined ? {} : { name: service.name }),
        traffic: this.#ofService(serviceName(service)),
        rates: dataplane.ratesOf(service),
      })),
      reasons: dataplane.reasons(),
      connections: FAMILIES.map(family => ({
        family: family === FAMILY.FAMILY_IPV4 ? 4 : 6,
        slots: slots[family],
        used: used[family],
        stashed: stashed[family],
      })),
    }
  }

  /** What is subtracted from a service, `service>dest`, or 'total'. */
  #zeroOf(name: string): Traffic {
    return this.#counts().zero[name] ?? noTraffic()
  }

  /** Raw traffic of a service and of each of its dests, as it is zeroed. */
  rawOf(name: string, counts: Counts): Record<string, Traffic> {
    const dests = this.#dataplane.tables.trafficByName(name)
    return { [name]: this.#rawService(name, counts), ...dests }
  }

  /** What a new service of that name must be zeroed by, so that it counts from 0. */
  zeroFor(name: string, counts: Counts): Record<string, Traffic> {
    const { zero } = counts
    const rows = Object.entries(this.rawOf(name, counts))
    return Object.fromEntries(
      rows.filter(([row, raw]) => zero[row] ?? Object.values(raw).some(count => count > 0)),
    )
  }

  rawTotal(): Traffic {
    return plus(this.#dataplane.rawTraffic(''), this.#retired())
  }

  /** Rows that are freed are not kept by CPU; the first one's sum has them. */
  #rawByCpu(): Traffic[] {
    const [first, ...rest] = this.#dataplane.trafficByCpu()
    return [plus(first ?? noTraffic(), this.#retired()), ...rest]
  }

  /** What dests had counted whose rows are freed. */
  #retired(): Traffic {
    return Object.values(this.#counts().retired).reduce((a, b) => plus(a, b), noTraffic())
  }

  #ofService(name: string): Traffic {
    return plus(this.#rawService(name, this.#counts()), this.#zeroOf(name), -1)
  }

  #rawService(name: string, { retired }: Counts): Traffic {
    return plus(this.#dataplane.rawTraffic(name), retired[name] ?? noTraffic())
  }
}

/** The sync daemons that run, the master first. */
export function syncViews(daemons: SyncDaemons): SyncDaemonView[] {
  return SYNC_ROLES.flatMap(role => {
    const daemon = daemons[role]
    if (!daemon) return []
    return [{ role, ...daemon, origin: originOf(daemon), notActive: ['synchronisation'] }]
  })
}
