/**
 * Services and dests in the maps: compiles each into its rows and publishes it, in an order that is
 * safe to stop after any write: dests, then the schedule, then the service, then its key; removal
 * in reverse. Ids are found again in the maps after a restart. Read next: ../plan/schedule.ts.
 */
import { compareAndSwap64, load64 } from '../../addon/index.ts'
import {
  DEST,
  DEST_ADDRS,
  DEST_CONNS,
  DEST_FLAGS,
  DEST_TRAFFIC,
  LIMIT,
  SCHEDULER,
  SCHEDULE_ROW,
  SERVICE,
  SERVICE_FLAGS,
  SERVICE_KEY,
  TUNNEL,
  readDest,
  readDestAddrs,
  readDestConns,
  readDestTraffic,
  readScheduleRow,
  readService,
  readServiceKey,
  readTunnel,
  writeDest,
  writeDestAddrs,
  writeDestConns,
  writeDestTraffic,
  writeScheduleRow,
  writeService,
  writeTunnel,
  type DestAddrs,
  type DestConns,
  type DestTraffic,
  type Dest as DestRow,
  type ScheduleRow,
  type Service as ServiceRow,
  type Tunnel,
} from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import { formatAddress } from '../model/address.ts'
import {
  destName,
  serviceName,
  type AddressService,
  type AddressServiceId,
  type DestId,
  type Scheduler,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import { scheduledWeight } from '../plan/active.ts'
import { noTraffic } from '../plan/intent.ts'
import {
  moveCursor,
  readScheduleWord,
  rowsFor,
  scheduleWord,
  schedulerNumber,
  weightsOf,
  wrrTurn,
  type Candidate,
  type Weights,
} from '../plan/schedule.ts'
import { key32, view } from './bytes.ts'
import {
  addrsRow,
  destRow,
  localFlags,
  serviceKey,
  textOf,
  tunnelRow,
  type DestWithReach,
  type Reach,
} from './compile.ts'
import { heedReplies } from './settings.ts'
import { type Kernel } from './kernel.ts'
import { Regions } from './regions.ts'
import { freeId, Rows } from './rows.ts'

/** A dest id's owner, as text. */
interface DestOwner {
  /** Name of its service. */
  service: string
  vaddr: string
  dest: DestId
}

export class Tables {
  readonly dests: Rows<DestRow>
  readonly destConns: Rows<DestConns>
  readonly #services: Rows<ServiceRow>
  readonly #schedules: Rows<ScheduleRow>
  readonly #traffic: Rows<DestTraffic>
  readonly #kernel: Kernel
  readonly #regions: Regions
  readonly #destAddrs: Rows<DestAddrs>
  readonly #tunnels: Rows<Tunnel>
  readonly #serviceIds = new Map<string, number>()
  /** Names of those that packets find: held ones have an id only. */
  readonly #open = new Set<string>()
  readonly #takenServices = new Set<number>()
  /** By the service's name, then the dest's. */
  readonly #destIds = new Map<string, Map<string, number>>()
  readonly #owners = new Map<number, DestOwner>()
  #nextService = 1
  #nextDest = 1

  constructor(kernel: Kernel) {
    const { maps } = kernel
    this.#kernel = kernel
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
    this.#schedules = new Rows(
      maps.schedules,
      codec(SCHEDULE_ROW.size, readScheduleRow, writeScheduleRow),
    )
    this.#traffic = new Rows(
      maps.dest_traffic,
      codec(DEST_TRAFFIC.size, readDestTraffic, writeDestTraffic),
    )
    this.#destAddrs = new Rows(
      maps.dest_addrs,
      codec(DEST_ADDRS.size, readDestAddrs, writeDestAddrs),
    )
    this.#tunnels = new Rows(maps.tunnels, codec(TUNNEL.size, readTunnel, writeTunnel))
    this.#regions = new Regions(maps.schedules.info.maxEntries)
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

  /** The name of a dest's row, service>dest. */
  nameOf(id: number): string | undefined {
    const owner = this.#owners.get(id)
    return owner && `${owner.service}>${destName(owner.dest)}`
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

  isAvailable(id: number): boolean {
    return (this.dests.get(id).flags & DEST_FLAGS.DEST_AVAILABLE) !== 0
  }

  /**
   * Writes a service and its dests (newest first) as they should be; whether anything changed.
   * `touches`: the weights each time that a dest was added, edited or removed since it was last
   * published, which makes some schedulers start again.
   */
  publish(
    service: AddressService,
    dests: DestWithReach[],
    vipLocal: boolean,
    touches: readonly Weights[] = [],
  ): boolean {
    const name = serviceName(service)
    const id = this.#idOf(name)
    const written = dests.map(dest => this.#writeDest(name, service, id, dest, vipLocal))
    let changed = written.some(dest => dest.changed)
    const candidates = dests.map((d, i) => ({
      id: written[i]?.id ?? LIMIT.NONE,
      weight: scheduledWeight(d),
    }))
    changed = this.#publishSchedule(id, service.scheduler, candidates, touches) || changed
    changed = this.#writeService(id, vipLocal, service.onePacket === true) || changed
    if (this.#open.has(name)) return changed
    this.#open.add(name)
    this.#kernel.maps.service_ids.update(serviceKey(service), key32(id))
    return true
  }

  /**
   * Keeps what there is of a service for the connections it has, and lets packets find it no more.
   * Dests that the tables do not know get no row. Withdraw those that are not in it any more after.
   */
  hold(service: AddressService, dests: DestWithReach[], vipLocal: boolean): void {
    const name = serviceName(service)
    const known = this.#destsOf(name)
    if (known.size === 0 && !this.#serviceIds.has(name)) return
    if (this.#open.delete(name)) this.#kernel.maps.service_ids.delete(serviceKey(service))
    const id = this.#idOf(name)
    this.#publishRows(id, SCHEDULER.SCHED_NONE, [])
    for (const dest of dests)
      if (known.has(destName(dest))) this.#writeDest(name, service, id, dest, vipLocal)
  }

  /** What the network means for dests in the trash, which publish does not reach. */
  refreshTrash(reach: (address: string) => Reach, isLocal: (vaddr: string) => boolean): void {
    for (const [id, { vaddr, dest }] of this.#owners) {
      const row = this.dests.get(id)
      if (row.flags & DEST_FLAGS.DEST_AVAILABLE) continue
      const way = reach(dest.address)
      const kept = row.flags & ~(DEST_FLAGS.DEST_VIP_LOCAL | DEST_FLAGS.DEST_LOCAL)
      const flags = kept | localFlags(way.local, isLocal(vaddr))
      this.dests.set(id, { ...row, nexthop: way.nexthop, flags })
    }
  }

  /** Takes a service out; its dests go to the trash and keep their connections. */
  withdraw(service: AddressServiceId): void {
    const name = serviceName(service)
    const id = this.#serviceIds.get(name)
    if (id === undefined) return
    if (this.#open.delete(name)) this.#kernel.maps.service_ids.delete(serviceKey(service))
    this.#publishRows(id, SCHEDULER.SCHED_NONE, [])
    this.withdrawDests(service, [])
    this.#serviceIds.delete(name)
    this.#takenServices.delete(id)
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
      return conns.active === 0 && conns.inactive === 0
    })
  }

  /**
   * Frees a dest's id. No connection may have it, and a grace period must have passed. The row goes
   * last: one cleared before its counters would hand them to the next dest after a crash.
   */
  forget(id: number): void {
    for (let cpu = 0; cpu < this.#kernel.sizes.cpus; cpu++)
      this.#traffic.clear(cpu * this.#kernel.sizes.dests + id)
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

  get owesGracePeriod(): boolean {
    return this.#regions.hasReturned
  }

  /** Call after a grace period. */
  settle(): void {
    this.#regions.settle()
  }

  #adopt(): void {
    const batch = this.#kernel.maps.service_ids.lookupBatch()
    for (let i = 0; i < batch.count; i++) {
      const key = readServiceKey(view(batch.keys), i * SERVICE_KEY.size)
      const id = view(batch.values).getUint32(4 * i, true)
      const name = textOf(key.protocol, formatAddress(key.vaddr), key.vport)
      this.#setServiceId(name, id)
      this.#open.add(name)
      const { first, rows } = readScheduleWord(load64(this.#services.buffer, this.#wordOf(id)))
      if (rows > 0) this.#regions.adopt(first, rows)
    }
    this.#clearOrphans()
    for (let id = 1; id < this.dests.length; id++) {
      const row = this.dests.get(id)
      if (!(row.flags & DEST_FLAGS.DEST_KNOWN)) continue
      const addrs = this.#destAddrs.get(id)
      const vaddr = formatAddress(addrs.vaddr)
      const port = row.flags & DEST_FLAGS.DEST_NO_PORT ? 0 : row.dport
      const dest = { address: formatAddress(addrs.daddr), port }
      const service = textOf(row.protocol, vaddr, row.vport)
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

  /** A crash between key and schedule left one that no region is held for; its id may come back. */
  #clearOrphans(): void {
    for (let id = 0; id < this.#services.length; id++) {
      const word = this.#wordOf(id)
      const seen = load64(this.#services.buffer, word)
      if (seen !== 0n && !this.#takenServices.has(id))
        compareAndSwap64(this.#services.buffer, word, seen, 0n)
    }
  }

  /** Addresses and tunnel first: the row makes them known. */
  #writeDest(
    name: string,
    service: AddressServiceId,
    serviceId: number,
    dest: DestWithReach,
    vipLocal: boolean,
  ): { id: number; changed: boolean } {
    const known = this.#destsOf(name).get(destName(dest))
    const id = known ?? this.#newDestId()
    if (known === undefined)
      this.#setOwner(id, { service: name, vaddr: service.address, dest: idOf(dest) })
    let changed = this.#destAddrs.set(id, addrsRow(service, dest))
    if (dest.fwd === 'tun')
      changed = this.#tunnels.set(id, tunnelRow(dest), TUNNEL.saddr) || changed
    const row = destRow(service, serviceId, dest, vipLocal)
    heedReplies(this.#kernel, row)
    changed = this.dests.set(id, row) || changed
    return { id, changed }
  }

  #writeService(id: number, vipLocal: boolean, onePacket: boolean): boolean {
    const { SERVICE_VIP_LOCAL, SERVICE_ONE_PACKET } = SERVICE_FLAGS
    const flags = (vipLocal ? SERVICE_VIP_LOCAL : 0) | (onePacket ? SERVICE_ONE_PACKET : 0)
    return this.#services.set(id, { schedule: 0n, turn: 0n, flags }, SERVICE.flags)
  }

  /** The schedule of a service and, for wrr, where its turn stands. */
  #publishSchedule(
    id: number,
    name: Scheduler,
    dests: Candidate[],
    touches: readonly Weights[],
  ): boolean {
    const scheduler = schedulerNumber(name)
    const word = load64(this.#services.buffer, this.#wordOf(id))
    const isNew = readScheduleWord(word).scheduler !== scheduler
    const changed = this.#publishRows(id, scheduler, rowsFor(name, dests))
    const heard = isNew && touches.length === 0 ? [weightsOf(dests)] : touches
    if (name === 'wrr' && heard.length > 0) this.#publishTurn(id, isNew, heard)
    return changed
  }

  #publishTurn(id: number, isNew: boolean, touches: readonly Weights[]): void {
    const word = this.#wordOf(id) + (SERVICE.turn - SERVICE.schedule) / 8
    for (;;) {
      const seen = load64(this.#services.buffer, word)
      const next = wrrTurn(isNew ? undefined : seen, touches)
      if (compareAndSwap64(this.#services.buffer, word, seen, next) === seen) return
    }
  }

  /** Publishes rows by one 8-byte store, the cursor carried over from what it stood on. */
  #publishRows(id: number, scheduler: number, rows: ScheduleRow[]): boolean {
    const word = this.#wordOf(id)
    const before = readScheduleWord(load64(this.#services.buffer, word))
    const old = Array.from({ length: before.rows }, (_, i) => this.#schedules.get(before.first + i))
    if (before.scheduler === scheduler && sameRows(old, rows)) return false
    const first = rows.length === 0 ? 0 : this.#regions.take(rows.length)
    if (first === undefined) throw tableFull('schedule rows', this.#schedules.length)
    rows.forEach((row, i) => this.#schedules.set(first + i, row))
    const ids = (all: ScheduleRow[]): number[] => all.slice(0, -1).map(r => r.dest)
    for (;;) {
      const seen = load64(this.#services.buffer, word)
      const stood = before.scheduler === scheduler ? readScheduleWord(seen).cursor : old.length
      const cursor = rows.length === 0 ? 0 : moveCursor(ids(old), stood, ids(rows))
      const next = scheduleWord({ first, rows: rows.length, cursor, scheduler })
      if (compareAndSwap64(this.#services.buffer, word, seen, next) === seen) break
    }
    this.#regions.giveBack(before.first, before.rows)
    return true
  }

  #trash(id: number): void {
    const row = this.dests.get(id)
    this.dests.set(id, { ...row, flags: row.flags & ~DEST_FLAGS.DEST_AVAILABLE })
  }

  #wordOf(serviceId: number): number {
    return (serviceId * SERVICE.size + SERVICE.schedule) / 8
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

function tableFull(what: string, rows: number): XlvsError {
  return new XlvsError(
    'TABLE_FULL',
    `no room for more ${what}: all ${rows} are taken`,
    'remove what is not needed',
  )
}

function sameRows(a: ScheduleRow[], b: ScheduleRow[]): boolean {
  return a.length === b.length && a.every((r, i) => r.dest === b[i]?.dest && r.value === b[i].value)
}

function idOf({ address, port }: DestId): DestId {
  return { address, port }
}
