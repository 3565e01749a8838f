/**
 * Services and dests in the maps: compiles each into its rows and publishes it, in an order that is
 * safe to stop after any write: dests, then the schedule, then the service, then its key; removal
 * in reverse. Ids are found again in the maps after a restart. Read next: schedules.ts.
 */
import {
  DEST,
  DEST_ADDRS,
  DEST_CONNS,
  DEST_FLAGS,
  DEST_TRAFFIC,
  LIMIT,
  SERVICE,
  SERVICE_KEY,
  TUNNEL,
  readDest,
  readDestAddrs,
  readDestConns,
  readDestTraffic,
  readService,
  readServiceKey,
  readTunnel,
  writeDest,
  writeDestAddrs,
  writeDestConns,
  writeDestTraffic,
  writeService,
  writeTunnel,
  type DestAddrs,
  type DestConns,
  type DestTraffic,
  type Dest as DestRow,
  type Service as ServiceRow,
  type Tunnel,
} from '../abi/maps.gen.ts'
import { formatAddress } from '../model/address.ts'
import {
  destName,
  serviceName,
  type Dest,
  type DestId,
  type Service,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import { isSchedulable, scheduledWeight } from '../plan/active.ts'
import { noTraffic } from '../plan/intent.ts'
import type { Weights } from '../plan/schedule/weights.ts'
import { key32, view } from './bytes.ts'
import { Caches } from './caches.ts'
import {
  addrsRow,
  destRow,
  noOne,
  localFlags,
  serviceKey,
  serviceRow,
  textOf,
  tunnelRow,
  vaddrOf,
  type DestWithReach,
  type SomeDests,
  type Reach,
} from './compile.ts'
import { Fallbacks } from './fallbacks.ts'
import { heedReplies } from './settings.ts'
import type { Kernel } from './kernel.ts'
import type { Owed } from './regions.ts'
import { freeId, Rows, tableFull } from './rows.ts'
import { Schedules } from './schedules.ts'
import { lastBegan, slowLeft, slowTick } from './slow_start.ts'
import { afterEdit, thresholdsOf } from './threshold.ts'

/** A dest id's owner, as text. */
export interface DestOwner {
  /** Name of its service, and its virtual address, '' of a mark. */
  service: string
  vaddr: string
  dest: DestId
}

/** A service that is written. */
interface Publishing {
  service: Service
  id: number
  vipLocal: boolean
  /** Packets find it, and this is news of it: dests that it gets start slowly. */
  isLiving: boolean
}

export class Tables {
  readonly caches: Caches
  readonly dests: Rows<DestRow>
  readonly destConns: Rows<DestConns>
  readonly #services: Rows<ServiceRow>
  readonly #schedules: Schedules
  readonly #traffic: Rows<DestTraffic>
  readonly #kernel: Kernel
  readonly #destAddrs: Rows<DestAddrs>
  readonly #tunnels: Rows<Tunnel>
  readonly #serviceIds = new Map<string, number>()
  /** Names of those that packets find: held ones have an id only. */
  readonly #open = new Set<string>()
  readonly #fallbacks: Fallbacks
  readonly #takenServices = new Set<number>()
  /** By the service's name, then the dest's. */
  readonly #destIds = new Map<string, Map<string, number>>()
  readonly #owners = new Map<number, DestOwner>()
  #nextService = 1
  #nextDest = 1

  constructor(kernel: Kernel) {
    const { maps } = kernel
    this.#kernel = kernel
    this.#fallbacks = new Fallbacks(maps.settings)
    this.caches = new Caches(maps, () => kernel.clock(), kernel.ticksPerSecond)
    const codec = <R>(
      size: number,
      read: (v: DataView, at: number) => R,
      write: (v: DataView, at: number, row: R) => void,
    ) => ({ size, read, write })
    this.dests = new Rows(maps.dests, codec(DEST.size, readDest, writeDest))
    this.destConns = new Rows(
      maps.dest_conns,
      codec(DEST_CONNS.size, readDestConns, writeDestConns),
    )
    this.#services = new Rows(maps.services, codec(SERVICE.size, readService, writeService))
    this.#schedules = new Schedules(maps.schedules, this.#services.buffer, this.caches)
    this.#traffic = new Rows(
      maps.dest_traffic,
      codec(DEST_TRAFFIC.size, readDestTraffic, writeDestTraffic),
    )
    this.#destAddrs = new Rows(
      maps.dest_addrs,
      codec(DEST_ADDRS.size, readDestAddrs, writeDestAddrs),
    )
    this.#tunnels = new Rows(maps.tunnels, codec(TUNNEL.size, readTunnel, writeTunnel))
    this.dests.set(0, noOne())
    if (kernel.adopted) this.#adopt()
  }

  /** Names of the services that packets find. */
  serviceNames(): string[] {
    return [...this.#open]
  }

  /** And of those they do not find: held, or cut off before the key. A start ends what is over. */
  knownNames(): string[] {
    return [...this.#serviceIds.keys()]
  }

  /** Names of the dests that are in a service, by the service's name. */
  destNames(service: string): string[] {
    return [...this.#destsOf(service)]
      .filter(([, id]) => this.isAvailable(id))
      .map(([name]) => name)
  }

  /** Ids of all dests a service has or had, those in the trash included; '' for every service. */
  allDestIds(service: string): number[] {
    return service === '' ? [...this.#owners.keys()] : [...this.#destsOf(service).values()]
  }

  /** Raw traffic of those dests, by the name of the row: service>dest. */
  trafficByName(service: string): Record<string, Traffic> {
    const rows = [...this.#destsOf(service)]
    return Object.fromEntries(rows.map(([name, id]) => [`${service}>${name}`, this.traffic(id)]))
  }

  /** Whose row it is. */
  ownerOf(id: number): DestOwner | undefined {
    return this.#owners.get(id)
  }

  destId(service: ServiceId, dest: DestId): number | undefined {
    return this.#destsOf(serviceName(service)).get(destName(dest))
  }

  /** Address and port that packets of a dest id get, whatever owns it. */
  destOf(id: number): DestId {
    const owner = this.#owners.get(id)
    const address = owner?.dest.address ?? formatAddress(this.#destAddrs.get(id).daddr)
    return { address, port: this.dests.get(id).dport }
  }

  /** The row of a service; undefined when the maps have none. */
  serviceId(service: ServiceId): number | undefined {
    return this.#serviceIds.get(serviceName(service))
  }

  /** Seconds that a dest has yet to come to its weight; 0: it has it. */
  slowLeftS(id: number): number {
    const { tick, weight } = this.destConns.get(id)
    if (tick === 0 || weight === 0 || !this.isAvailable(id)) return 0
    const { slow_start } = this.#services.get(this.dests.get(id).service)
    const left = slowLeft(tick, slow_start, this.#kernel.clock())
    return Math.ceil(left / this.#kernel.ticksPerSecond)
  }

  isAvailable(id: number): boolean {
    return (this.dests.byte(id, DEST.flags) & DEST_FLAGS.DEST_AVAILABLE) !== 0
  }

  /**
   * Writes a service and its dests (newest first) as they should be; whether anything changed.
   * `touches`: the weights each time that a dest was added, edited or removed since it was last
   * published, which makes some schedulers start again. `isNews`: dests that are new to the service
   * start slowly where it says so.
   */
  publish(
    service: Service,
    dests: DestWithReach[],
    vipLocal: boolean,
    touches: readonly Weights[] = [],
    isNews = false,
  ): boolean {
    const name = serviceName(service)
    const id = this.#idOf(name)
    const isLiving = isNews && this.#open.has(name)
    const of = { service, id, vipLocal, isLiving }
    const written = dests.map(dest => this.#writeDest(name, of, dest))
    let changed = written.some(dest => dest.changed)
    const row = this.#serviceRow(
      of,
      written.map(dest => dest.id),
    )
    // Before the schedule, so that no packet meets a new dest at its whole weight.
    this.#services.setWord(id, SERVICE.slow_start, row.slow_start)
    this.#services.setWord(id, SERVICE.slow_began, row.slow_began)
    const candidates = dests.map((d, i) => ({
      ...{ id: written[i]?.id ?? LIMIT.NONE, weight: scheduledWeight(d) },
      ...idOf(d),
      ...(isSchedulable(d) && d.lastWeight !== undefined ? { lastWeight: d.lastWeight } : {}),
    }))
    changed = this.#schedules.publish(id, service, candidates, touches) || changed
    changed = this.#services.set(id, row, SERVICE.flags) || changed
    if (this.#open.has(name)) return changed
    this.#open.add(name)
    const key = serviceKey(service)
    this.#kernel.maps.service_ids.update(key, key32(id))
    const { protocol, vport } = readServiceKey(view(key), 0)
    this.#fallbacks.add(name, protocol, vport)
    return true
  }

  /** The same without a slow start; false: it has to be the whole, and nothing is scheduled. */
  publishSome(service: Service, some: SomeDests, touches: readonly Weights[]): boolean {
    const name = serviceName(service)
    const id = this.#serviceIds.get(name)
    if (id === undefined || !this.#open.has(name)) return false
    const of = { service, id, vipLocal: some.vipLocal, isLiving: false }
    const come = some.come.map(dest => ({
      dest: this.#writeDest(name, of, dest).id,
      value: scheduledWeight(dest),
    }))
    const splice = { ...some, gone: some.gone.length, come }
    if (!this.#schedules.publishSpliced(id, service, splice, touches)) return false
    const kept = new Set(come.map(({ dest }) => dest))
    for (const dest of some.gone) {
      const old = this.#destsOf(name).get(destName(dest))
      if (old !== undefined && !kept.has(old) && this.isAvailable(old)) this.#trash(old)
    }
    return true
  }

  /**
   * Keeps what there is of a service for the connections it has, and lets packets find it no more.
   * Dests that the tables do not know get no row. Withdraw those that are not in it any more after.
   */
  hold(service: Service, dests: DestWithReach[], vipLocal: boolean): void {
    const name = serviceName(service)
    const known = this.#destsOf(name)
    if (known.size === 0 && !this.#serviceIds.has(name)) return
    this.#close(name, service)
    const id = this.#idOf(name)
    this.#schedules.withdraw(id)
    for (const dest of dests)
      if (known.has(destName(dest)))
        this.#writeDest(name, { service, id, vipLocal, isLiving: false }, dest)
  }

  /** What the network means for dests in the trash, which publish does not reach. */
  refreshTrash(reach: (address: string) => Reach, isLocal: (vaddr: string) => boolean): void {
    for (const [id, { vaddr, dest }] of this.#owners) {
      const row = this.dests.get(id)
      if (row.flags & DEST_FLAGS.DEST_AVAILABLE) continue
      const way = reach(dest.address)
      const kept = row.flags & ~(DEST_FLAGS.DEST_VIP_LOCAL | DEST_FLAGS.DEST_LOCAL)
      const flags = kept | localFlags(way.local, vaddr === '' || isLocal(vaddr))
      this.dests.set(id, { ...row, nexthop: way.nexthop, flags })
    }
  }

  /** Takes a service out; its dests go to the trash and keep their connections. */
  withdraw(service: ServiceId): void {
    const name = serviceName(service)
    const id = this.#serviceIds.get(name)
    if (id === undefined) return
    this.#close(name, service)
    this.#schedules.withdraw(id)
    this.withdrawDests(service, [])
    this.#serviceIds.delete(name)
    this.#takenServices.delete(id)
  }

  /** Packets find a service no more. */
  #close(name: string, service: ServiceId): void {
    if (this.#open.delete(name)) this.#kernel.maps.service_ids.delete(serviceKey(service))
    this.#fallbacks.remove(name)
  }

  /** Takes the dests that are not to be kept out of a service. Publish it without them first. */
  withdrawDests(service: ServiceId, kept: readonly DestId[]): void {
    const found = this.#destsOf(serviceName(service))
    const wanted = new Set(kept.map(destName))
    if (found.size === wanted.size && [...wanted].every(name => found.has(name))) return
    for (const [name, id] of found) if (!wanted.has(name) && this.isAvailable(id)) this.#trash(id)
  }

  /** Traffic of a dest since its row was made. */
  traffic(id: number): Traffic {
    const sum = noTraffic()
    for (let cpu = 0; cpu < this.#kernel.sizes.cpus; cpu++) this.addTraffic(sum, id, cpu)
    return sum
  }

  /** Adds what a CPU has counted of a dest since its row was made. */
  addTraffic(sum: Traffic, id: number, cpu: number): void {
    const row = this.#traffic.get(cpu * this.#kernel.sizes.dests + id)
    sum.conns += Number(row.conns)
    sum.inPackets += Number(row.inpkts)
    sum.outPackets += Number(row.outpkts)
    sum.inBytes += Number(row.inbytes)
    sum.outBytes += Number(row.outbytes)
  }

  /** Dests in the trash that hold no connection any more. */
  idleTrash(): number[] {
    return [...this.#owners.keys()].filter(id => {
      if (this.isAvailable(id)) return false
      const conns = this.destConns.get(id)
      return conns.active === 0 && conns.inactive === 0 && conns.persistent === 0
    })
  }

  /**
   * Frees a dest's id. No connection may have it, and a grace period must have passed. The row goes
   * last: one cleared before its counters would hand them to the next dest after a crash.
   */
  forget(id: number): void {
    for (let cpu = 0; cpu < this.#kernel.sizes.cpus; cpu++)
      this.#traffic.clear(cpu * this.#kernel.sizes.dests + id)
    this.caches.forget(id)
    this.destConns.clear(id)
    this.dests.clear(id)
    this.#destAddrs.clear(id)
    this.#tunnels.clear(id)
    const owner = this.#owners.get(id)
    this.#owners.delete(id)
    if (!owner) return
    const ofService = this.#destsOf(owner.service)
    ofService.delete(destName(owner.dest))
    if (ofService.size === 0) this.#destIds.delete(owner.service)
  }

  /** Regions of schedules that a grace period is owed for. */
  get regions(): Owed {
    return this.#schedules.regions
  }

  #adopt(): void {
    const batch = this.#kernel.maps.service_ids.lookupBatch()
    for (let i = 0; i < batch.count; i++) {
      const key = readServiceKey(view(batch.keys), i * SERVICE_KEY.size)
      const id = view(batch.values).getUint32(4 * i, true)
      const name = textOf(key.protocol, key.vaddr, key.vport)
      this.#setServiceId(name, id)
      this.#open.add(name)
      this.#fallbacks.note(name, key.protocol, key.vport)
      this.#schedules.adopt(id)
    }
    this.#fallbacks.write()
    this.#schedules.clearOrphans(this.#services.length, id => this.#takenServices.has(id))
    for (let id = 1; id < this.dests.length; id++) {
      const row = this.dests.get(id)
      if (!(row.flags & DEST_FLAGS.DEST_KNOWN)) continue
      const addrs = this.#destAddrs.get(id)
      const port = row.flags & DEST_FLAGS.DEST_NO_PORT ? 0 : row.dport
      const dest = { address: formatAddress(addrs.daddr), port }
      const service = textOf(row.protocol, addrs.vaddr, row.vport)
      const vaddr = row.protocol === 0 ? '' : formatAddress(addrs.vaddr)
      this.#setOwner(id, { service, vaddr, dest })
      if (row.flags & DEST_FLAGS.DEST_AVAILABLE) this.#adoptKeyless(service, row.service)
    }
  }

  /** A service that packets do not find, held or cut off before its key, is told by its dests. */
  #adoptKeyless(name: string, id: number): void {
    if (!this.#serviceIds.has(name) && !this.#takenServices.has(id)) this.#setServiceId(name, id)
  }

  /** The row of a service, a new one where it has none. */
  #idOf(name: string): number {
    const id = this.#serviceIds.get(name) ?? this.#newServiceId()
    this.#setServiceId(name, id)
    return id
  }

  #setServiceId(name: string, id: number): void {
    this.#serviceIds.set(name, id)
    this.#takenServices.add(id)
  }

  #setOwner(id: number, owner: DestOwner): void {
    const ofService = this.#destsOf(owner.service)
    this.#destIds.set(owner.service, ofService.set(destName(owner.dest), id))
    this.#owners.set(id, owner)
  }

  #destsOf(service: string): Map<string, number> {
    return this.#destIds.get(service) ?? new Map<string, number>()
  }

  #serviceRow({ service, vipLocal }: Publishing, dests: readonly number[]): ServiceRow {
    const ticks = dests.map(dest => this.destConns.get(dest).tick)
    const began = service.slowStartS === undefined ? 0 : lastBegan(ticks, this.#kernel.clock())
    return serviceRow(service, vipLocal, this.#kernel.ticksPerSecond, began)
  }

  /**
   * Addresses and tunnel first: the row makes them known. The tick last: until the row says that a
   * dest is there again, it says until when connections outlive it.
   */
  #writeDest(name: string, of: Publishing, dest: DestWithReach): { id: number; changed: boolean } {
    const { service, vipLocal } = of
    const known = this.#destsOf(name).get(destName(dest))
    const id = known ?? this.#newDestId()
    if (known === undefined)
      this.#setOwner(id, { service: name, vaddr: vaddrOf(service), dest: idOf(dest) })
    let changed = this.#destAddrs.set(id, addrsRow(service, dest))
    if (dest.fwd === 'tun')
      changed = this.#tunnels.set(id, tunnelRow(dest), TUNNEL.saddr) || changed
    const row = destRow(service, of.id, dest, vipLocal, this.dests.byte(id, DEST.flags))
    heedReplies(this.#kernel, row)
    const isThere = this.isAvailable(id)
    changed = this.dests.set(id, row) || changed
    changed = this.#writeLimits(id, of, dest, isThere) || changed
    return { id, changed }
  }

  /** What schedulers look at beside the counts, which are left to whoever counts. */
  #writeLimits(id: number, of: Publishing, dest: Dest, isThere: boolean): boolean {
    const before = this.destConns.get(id)
    const { upper, lower } = thresholdsOf(dest)
    const weight = scheduledWeight(dest)
    const tick = slowTick({
      ...{ was: before, isThere, isLiving: of.isLiving, weight },
      before: this.#services.get(of.id).slow_start,
      after: Math.round((of.service.slowStartS ?? 0) * this.#kernel.ticksPerSecond),
      now: () => this.#kernel.clock(),
    })
    const row = { ...before, upper, lower, weight, tick }
    const changed = this.destConns.set(id, row, DEST_CONNS.upper)
    const overloaded = afterEdit(row)
    if (overloaded !== before.overloaded)
      this.destConns.setWord(id, DEST_CONNS.overloaded, overloaded)
    return changed
  }

  #trash(id: number): void {
    const row = this.dests.get(id)
    const until = this.#kernel.clock() + Math.round(row.drain_s * this.#kernel.ticksPerSecond)
    this.destConns.setWord(id, DEST_CONNS.tick, until >>> 0)
    this.dests.set(id, { ...row, flags: row.flags & ~DEST_FLAGS.DEST_AVAILABLE })
  }

  #newServiceId(): number {
    const isTaken = (id: number): boolean => this.#takenServices.has(id)
    const id = freeId(this.#nextService, this.#services.length, isTaken)
    if (id === undefined) throw tableFull('services', this.#services.length)
    this.#nextService = id + 1
    return id
  }

  #newDestId(): number {
    const isTaken = (id: number): boolean => this.#owners.has(id)
    const id = freeId(this.#nextDest, this.dests.length, isTaken)
    if (id === undefined) throw tableFull('dests', this.dests.length)
    this.#nextDest = id + 1
    return id
  }
}

function idOf({ address, port }: DestId): DestId {
  return { address, port }
}
