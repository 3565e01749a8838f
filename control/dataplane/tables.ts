/**
 * Services and dests in the maps: compiles each into its rows and publishes it, in an order that is
 * safe to stop after any write: dests, then the schedule, then the service, then its key; removal
 * in reverse. Ids are found again in the maps after a restart. Read next: ../plan/schedule.ts.
 */
import { compareAndSwap64, load64 } from '../../addon/index.ts'
import {
  DEST,
  DEST_CONNS,
  DEST_FLAGS,
  DEST_TRAFFIC,
  FWD,
  LIMIT,
  SCHEDULER,
  SCHEDULE_ROW,
  SERVICE,
  SERVICE_FLAGS,
  SERVICE_KEY,
  readDest,
  readDestConns,
  readDestTraffic,
  readScheduleRow,
  readService,
  readServiceKey,
  writeDest,
  writeDestConns,
  writeDestTraffic,
  writeScheduleRow,
  writeService,
  writeServiceKey,
  type DestConns,
  type DestTraffic,
  type Dest as DestRow,
  type ScheduleRow,
  type Service as ServiceRow,
} from '../abi/maps.gen.ts'
import { XlvsError } from '../errors.ts'
import { formatIpv4, ipv4 } from '../model/address.ts'
import {
  PROTOCOL_NUMBER,
  destName,
  serviceName,
  type Dest,
  type ForwardingMethod,
  type Scheduler,
  type Service,
  type ServiceId,
  type Traffic,
} from '../model/service.ts'
import { natDeltas } from '../plan/checksum.ts'
import {
  SCHEDULER_NUMBER,
  moveCursor,
  readScheduleWord,
  rowsFor,
  scheduleWord,
  wrrTurn,
  type Candidate,
} from '../plan/schedule.ts'
import { key32, view } from './bytes.ts'
import { type Kernel } from './kernel.ts'
import { Regions } from './regions.ts'
import { Rows } from './rows.ts'

export const FWD_NUMBER: Record<ForwardingMethod, number> = { nat: FWD.FWD_NAT, dr: FWD.FWD_DR }

/** How a dest is reached just now. */
export interface Reach {
  /** Next hop id, 0 without a route. */
  nexthop: number
}

export interface DestWithReach extends Dest {
  reach: Reach
}

export class Tables {
  readonly dests: Rows<DestRow>
  readonly destConns: Rows<DestConns>
  readonly #services: Rows<ServiceRow>
  readonly #schedules: Rows<ScheduleRow>
  readonly #traffic: Rows<DestTraffic>
  readonly #kernel: Kernel
  readonly #regions: Regions
  readonly #serviceIds = new Map<string, number>()
  readonly #destIds = new Map<string, number>()
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
    this.#regions = new Regions(maps.schedules.info.maxEntries)
    if (kernel.adopted) this.#adopt()
  }

  /** Names of the services the maps hold; a restart compares them with what it should be. */
  serviceNames(): string[] {
    return [...this.#serviceIds.keys()]
  }

  /** Names of the dests that are in a service, by the service's name. */
  destNames(service: string): string[] {
    const prefix = `${service}>`
    return [...this.#destIds]
      .filter(([name, id]) => name.startsWith(prefix) && this.isAvailable(id))
      .map(([name]) => name.slice(prefix.length))
  }

  /** Ids of all dests a service has or had, those in the trash included; '' for every service. */
  allDestIds(service: string): number[] {
    const prefix = service === '' ? '' : `${service}>`
    return [...this.#destIds].filter(([name]) => name.startsWith(prefix)).map(([, id]) => id)
  }

  /** Raw traffic of those dests, by the name of the row: service>dest. */
  trafficByName(service: string): Record<string, Traffic> {
    const rows = [...this.#destIds].filter(([name]) => name.startsWith(`${service}>`))
    return Object.fromEntries(rows.map(([name, id]) => [name, this.traffic(id)]))
  }

  /** The name of a dest's row, service>dest. */
  nameOf(id: number): string | undefined {
    return [...this.#destIds].find(([, known]) => known === id)?.[0]
  }

  destId(service: ServiceId, dest: { address: string; port: number }): number | undefined {
    return this.#destIds.get(destKey(service, dest))
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
   * `touched`: a dest was added, edited or removed, which makes some schedulers start again.
   */
  publish(service: Service, dests: DestWithReach[], vipLocal: boolean, touched = false): boolean {
    const name = serviceName(service)
    const known = this.#serviceIds.get(name)
    const id = known ?? this.#newServiceId()
    let changed = false
    for (const dest of dests) changed = this.#writeDest(service, id, dest, vipLocal) || changed
    const ids = dests.map(d => this.#mustDestId(service, d))
    const candidates = dests.map((d, i) => ({ id: ids[i] ?? 0, weight: d.weight }))
    changed = this.#publishSchedule(id, service.scheduler, candidates, touched) || changed
    changed = this.#writeService(service, id, vipLocal) || changed
    if (known !== undefined) return changed
    this.#serviceIds.set(name, id)
    this.#kernel.maps.services4.update(serviceKey(service), key32(id))
    return true
  }

  /** Whether each dest's virtual address is here; publish does not reach those in the trash. */
  setLocal(isLocal: (vaddr: number) => boolean): void {
    for (const id of this.#destIds.values()) {
      const row = this.dests.get(id)
      const local = isLocal(row.vaddr) ? DEST_FLAGS.DEST_VIP_LOCAL : 0
      this.dests.set(id, { ...row, flags: (row.flags & ~DEST_FLAGS.DEST_VIP_LOCAL) | local })
    }
  }

  /** Takes a service out; its dests go to the trash and keep their connections. */
  withdraw(service: ServiceId): void {
    const name = serviceName(service)
    const id = this.#serviceIds.get(name)
    if (id === undefined) return
    this.#kernel.maps.services4.delete(serviceKey(service))
    this.#publishRows(id, SCHEDULER.SCHED_NONE, [])
    for (const dest of this.destNames(name)) this.#trash(this.#destIds.get(`${name}>${dest}`))
    this.#serviceIds.delete(name)
  }

  /** Takes a dest out of its service. Publish the service without it first. */
  withdrawDest(service: ServiceId, dest: { address: string; port: number }): void {
    this.#trash(this.destId(service, dest))
  }

  /** Traffic of a dest since its row was made. */
  traffic(id: number): Traffic {
    const sum = { conns: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 }
    for (let cpu = 0; cpu < this.#kernel.sizes.cpus; cpu++) {
      const row = this.#traffic.get(cpu * this.#kernel.sizes.dests + id)
      sum.conns += Number(row.conns)
      sum.inPackets += Number(row.inpkts)
      sum.outPackets += Number(row.outpkts)
      sum.inBytes += Number(row.inbytes)
      sum.outBytes += Number(row.outbytes)
    }
    return sum
  }

  /** Dests in the trash that hold no connection any more. */
  idleTrash(): number[] {
    return [...this.#destIds.values()].filter(id => {
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
    for (const [name, known] of this.#destIds) if (known === id) this.#destIds.delete(name)
  }

  get owesGracePeriod(): boolean {
    return this.#regions.hasReturned
  }

  /** Call after a grace period. */
  settle(): void {
    this.#regions.settle()
  }

  #adopt(): void {
    const batch = this.#kernel.maps.services4.lookupBatch()
    for (let i = 0; i < batch.count; i++) {
      const key = readServiceKey(view(batch.keys), i * SERVICE_KEY.size)
      const id = new DataView(batch.values.buffer, batch.values.byteOffset).getUint32(4 * i, true)
      this.#serviceIds.set(textOf(key.protocol, key.vaddr, key.vport), id)
      const { first, rows } = readScheduleWord(load64(this.#services.buffer, this.#wordOf(id)))
      if (rows > 0) this.#regions.adopt(first, rows)
    }
    this.#clearOrphans()
    for (let id = 1; id < this.dests.length; id++) {
      const row = this.dests.get(id)
      if (!(row.flags & DEST_FLAGS.DEST_KNOWN)) continue
      const service = textOf(row.protocol, row.vaddr, row.vport)
      this.#destIds.set(`${service}>${formatIpv4(row.daddr)}:${row.dport}`, id)
    }
  }

  /** A crash between key and schedule left one that no region is held for; its id may come back. */
  #clearOrphans(): void {
    const taken = new Set(this.#serviceIds.values())
    for (let id = 0; id < this.#services.length; id++) {
      const word = this.#wordOf(id)
      const seen = load64(this.#services.buffer, word)
      if (seen !== 0n && !taken.has(id)) compareAndSwap64(this.#services.buffer, word, seen, 0n)
    }
  }

  #writeDest(service: Service, serviceId: number, dest: DestWithReach, vipLocal: boolean): boolean {
    const key = destKey(service, dest)
    const id = this.#destIds.get(key) ?? this.#newDestId()
    this.#destIds.set(key, id)
    const from = { address: ipv4(service.address), port: service.port }
    const to = { address: ipv4(dest.address), port: dest.port }
    const { ipDelta, l4Delta } = natDeltas(from, to)
    const local = vipLocal ? DEST_FLAGS.DEST_VIP_LOCAL : 0
    return this.dests.set(id, {
      daddr: to.address,
      vaddr: from.address,
      dport: to.port,
      vport: from.port,
      nexthop: dest.reach.nexthop,
      fwd: FWD_NUMBER[dest.fwd],
      flags: DEST_FLAGS.DEST_KNOWN | DEST_FLAGS.DEST_AVAILABLE | local,
      ip_delta: ipDelta,
      l4_delta: l4Delta,
      service: serviceId,
      protocol: PROTOCOL_NUMBER[service.protocol],
    })
  }

  #writeService(service: Service, id: number, vipLocal: boolean): boolean {
    const row = {
      schedule: 0n,
      turn: 0n,
      flags: vipLocal ? SERVICE_FLAGS.SERVICE_VIP_LOCAL : 0,
      vaddr: ipv4(service.address),
      vport: service.port,
      protocol: PROTOCOL_NUMBER[service.protocol],
    }
    return this.#services.set(id, row, SERVICE.flags)
  }

  /** The schedule of a service and, for wrr, where its turn stands. */
  #publishSchedule(id: number, name: Scheduler, dests: Candidate[], touched: boolean): boolean {
    const scheduler = SCHEDULER_NUMBER[name]
    const word = load64(this.#services.buffer, this.#wordOf(id))
    const isNew = readScheduleWord(word).scheduler !== scheduler
    const changed = this.#publishRows(id, scheduler, rowsFor(name, dests))
    if (name === 'wrr' && (isNew || touched)) this.#publishTurn(id, isNew, dests)
    return changed
  }

  #publishTurn(id: number, isNew: boolean, dests: Candidate[]): void {
    const word = this.#wordOf(id) + (SERVICE.turn - SERVICE.schedule) / 8
    for (;;) {
      const seen = load64(this.#services.buffer, word)
      const next = wrrTurn(isNew ? undefined : seen, dests)
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

  #trash(id: number | undefined): void {
    if (id === undefined) return
    const row = this.dests.get(id)
    this.dests.set(id, { ...row, flags: row.flags & ~DEST_FLAGS.DEST_AVAILABLE })
  }

  #wordOf(serviceId: number): number {
    return (serviceId * SERVICE.size + SERVICE.schedule) / 8
  }

  #mustDestId(service: ServiceId, dest: Dest): number {
    return this.destId(service, dest) ?? LIMIT.NONE
  }

  #newServiceId(): number {
    const taken = new Set(this.#serviceIds.values())
    const id = freeId(this.#nextService, this.#services.length, id => taken.has(id))
    if (id === undefined) throw tableFull('services', this.#services.length)
    this.#nextService = id + 1
    return id
  }

  #newDestId(): number {
    const known = DEST_FLAGS.DEST_KNOWN
    const isTaken = (id: number): boolean => (this.dests.get(id).flags & known) !== 0
    const id = freeId(this.#nextDest, this.dests.length, isTaken)
    if (id === undefined) throw tableFull('dests', this.dests.length)
    this.#nextDest = id + 1
    return id
  }
}

/** The next id from `from` on that is not taken, going round once; ids start at 1. */
function freeId(
  from: number,
  length: number,
  isTaken: (id: number) => boolean,
): number | undefined {
  for (let i = 0; i < length - 1; i++) {
    const id = 1 + ((from - 1 + i) % (length - 1))
    if (!isTaken(id)) return id
  }
  return undefined
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

function textOf(protocol: number, address: number, port: number): string {
  const found = Object.entries(PROTOCOL_NUMBER).find(([, number]) => number === protocol)
  return `${found?.[0] ?? protocol}:${formatIpv4(address)}:${port}`
}

function destKey(service: ServiceId, dest: { address: string; port: number }): string {
  return `${serviceName(service)}>${destName(dest)}`
}

function serviceKey(service: ServiceId): Uint8Array {
  const bytes = new Uint8Array(SERVICE_KEY.size)
  writeServiceKey(view(bytes), 0, {
    vaddr: ipv4(service.address),
    vport: service.port,
    protocol: PROTOCOL_NUMBER[service.protocol],
  })
  return bytes
}
