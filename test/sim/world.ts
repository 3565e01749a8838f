/**
 * A world that exists twice: in the model, and in the real program with the real tables. Each step
 * is done in both, and what they say of it is compared: reason, verdict, frame and entry at once,
 * everything else now and then. Read next: look.ts (how the program's entries are read), ipvs.ts.
 */
import { store32 } from '../../addon/index.ts'
import { SETTINGS } from '../../control/abi/maps.gen.ts'
import { parseMarkRule } from '../../control/config/mark_line.ts'
import { serviceName, type Service as ServiceNoun } from '../../control/model/service.ts'
import type { ServiceIntent } from '../../control/plan/intent.ts'
import { defence } from '../../control/plan/defence.ts'
import { destWeights, type Weights } from '../../control/plan/schedule/weights.ts'
import { endOrphans } from '../../control/dataplane/ending.ts'
import { writeDefence } from '../../control/dataplane/settings.ts'
import { sweep } from '../../control/dataplane/sweep.ts'
import { formatAddress } from '../../control/model/address.ts'
import { addressText } from '../support/wire.ts'
import { director, type PacketDirector } from '../support/director.ts'
import { INGRESS } from '../support/topology.ts'
import type { Dest } from './entries.ts'
import { withId } from './emit.ts'
import { Ipvs } from './ipvs.ts'
import { VERDICT, type Outcome } from './outcome.ts'
import { Look } from './look.ts'
import { markKey, markText } from './marks.ts'
import { opText, type Beginning, type Op, type WantedDest, type WantedService } from './ops.ts'
import { addFacts, destsBehindOther, latin1, Place } from './place.ts'
import { DEFAULTS, TCP, UDP, type Rules } from './rules.ts'
import { begin, limited, SCHEDULER_NAMES, touch } from './schedulers.ts'
import { serviceKey, type Service } from './service.ts'

/** The sweep leaves alone what has been over for no longer, in ticks. */
const SWEEP_MARGIN = 2
/** Steps after which everything is compared. */
const FULL_LOOK = 64
/** Slots of each table: as few as there can be, so that buckets overflow. */
const SLOTS = 1024
const ETHERNET_MACS = 12

export interface WorldOptions {
  rules: Rules
  /** The secret of the connection table's hash. */
  key: number[]
}

export class World {
  readonly ipvs: Ipvs
  readonly services: Service[]
  /** Packets by the reason they left for. */
  readonly reasons = new Map<string, number>()
  readonly #lvs: PacketDirector
  readonly #look: Look
  readonly #place: Place
  /** The program's settings, in which xlvsd's heartbeat is. */
  readonly #heartbeat: ArrayBuffer
  #intents: ServiceIntent[]
  #steps = 0
  readonly #end: () => void

  private constructor(lvs: PacketDirector, wanted: Beginning, rules: Rules, end: () => void) {
    this.#lvs = lvs
    this.#end = end
    this.#place = new Place(wanted.mtu)
    this.#intents = [...lvs.intents]
    const clock = { now: lvs.kernel.clock(), second: lvs.kernel.ticksPerSecond }
    this.ipvs = new Ipvs(this.#place, rules, { ...DEFAULTS }, clock)
    this.services = lvs.intents.map(({ service }) => serviceOf(service))
    for (const service of this.services) {
      const { protocol, isV6, mark, bytes, port } = service
      const key = mark === 0 ? serviceKey(protocol, bytes, port) : markKey(isV6, mark)
      this.ipvs.services.set(key, service)
    }
    this.ipvs.marks = wanted.marks
    this.#look = new Look(lvs)
    this.#heartbeat = lvs.kernel.maps.settings.mmap()
    this.#beat()
  }

  static async begin(wanted: Beginning, { rules, key }: WorldOptions): Promise<World> {
    const ends: (() => void)[] = []
    const t = { teardown: (end: () => void) => void ends.push(end) }
    const text = wanted.services.map(serviceText)
    const place = { slots: SLOTS, slots6: SLOTS, behindOther: destsBehindOther() }
    const lvs = await director(t, text.join(''), { ...place, key })
    for (const [i, { service }] of lvs.intents.entries()) {
      const { persistentS = 0, onePacket = false } = wanted.services[i] ?? {}
      if (persistentS > 0) service.persistentS = persistentS
      if (onePacket) service.onePacket = true
    }
    lvs.dataplane.marks.settle()
    lvs.dataplane.setMarks(wanted.marks.map(rule => parseMarkRule(markText(rule))))
    lvs.setNetwork(facts => {
      addFacts(facts, wanted.mtu)
    })
    return new World(lvs, wanted, rules, () => {
      for (const end of ends) end()
    })
  }

  /** Lets the next world have the kernel. */
  end(): void {
    this.#end()
  }

  /** Does a step in both. @returns in what they differ afterwards, '' in nothing */
  apply(op: Op, isLast = false): string {
    this.#steps++
    const difference = this.#do(op)
    if (difference !== '') return difference
    const isFull = isLast || op.op === 'sweep' || this.#steps % FULL_LOOK === 0
    return isFull ? this.#look.differences(this.ipvs, this.services) : ''
  }

  #do(op: Op): string {
    switch (op.op) {
      case 'frame':
        return this.#receive(op.bytes)
      case 'wait':
        this.ipvs.now += op.ticks
        this.#lvs.advance(op.ticks / this.ipvs.second)
        this.#beat()
        return ''
      case 'sweep':
        this.#sweep()
        return ''
      case 'forget':
        this.#forget()
        return ''
      case 'set':
        Object.assign(this.ipvs.set, op.settings)
        this.#lvs.dataplane.set(this.ipvs.set)
        writeDefence(this.#lvs.kernel, defence(this.ipvs.set, Infinity))
        return ''
      case 'virtual':
        this.#move(op.address, op.isHere)
        return ''
      default:
        this.#change(op)
        return ''
    }
  }

  /** xlvsd is there: no packet takes over what it has yet to sweep. */
  #beat(): void {
    store32(this.#heartbeat, SETTINGS.heartbeat / 4, this.ipvs.now)
  }

  #receive(bytes: Buffer): string {
    if (this.ipvs.leavesOut(bytes)) return ''
    const wanted = this.ipvs.receive(bytes)
    const is = this.#look.run(bytes)
    this.reasons.set(is.reason, (this.reasons.get(is.reason) ?? 0) + 1)
    const told = `${sameAs(is.reason)}, verdict ${is.verdict}`
    const should = `${sameAs(wanted.reason)}, verdict ${wanted.verdict}`
    if (told !== should) return `is ${told}, should be ${should}`
    const left = frameDifference(wanted, is.frame, bytes) || noteDifference(wanted, is.note)
    return left || this.#entryDifference(wanted)
  }

  #entryDifference({ entry }: Outcome): string {
    return entry && this.ipvs.rules.isFound(entry.cport)
      ? this.#look.entryDifference(entry, this.ipvs.now)
      : ''
  }

  #sweep(): void {
    const { now, set } = this.ipvs
    this.ipvs.sweep(now - SWEEP_MARGIN)
    const { dests } = this.#lvs.dataplane.tables
    if (set.expire_nodest_conn !== 0)
      for (const table of this.#lvs.tables) endOrphans(table, dests.buffer, now)
    // Nothing runs beside it, so there is no reader to wait for.
    for (const table of this.#lvs.tables) sweep({ ...table, gracePeriod: () => undefined }, now)
  }

  #forget(): void {
    const { tables } = this.#lvs.dataplane
    for (const id of tables.idleTrash()) tables.forget(id)
    for (const { known, cache } of this.services)
      for (const [name, dest] of known) {
        if (dest.isThere || dest.active + dest.inactive + dest.persistent !== 0) continue
        known.delete(name)
        for (const set of cache.values()) set.dests = set.dests.filter(d => d !== dest)
      }
  }

  /** A virtual address comes or goes. */
  #move(address: string, isHere: boolean): void {
    const bytes = latin1(address)
    if (this.#place.locals.has(bytes) === isHere) return
    if (isHere) this.#place.locals.add(bytes)
    else this.#place.locals.delete(bytes)
    this.#lvs.setNetwork(facts => {
      const others = facts.addresses.filter(a => a.address !== address)
      const prefix = address.includes(':') ? 128 : 32
      facts.addresses = isHere ? [...others, { ifindex: INGRESS, address, prefix }] : others
    })
  }

  #change(op: Extract<Op, { service: number }>): void {
    const service = this.services[op.service]
    const intent = this.#intents[op.service]
    if (!service || !intent) return
    if (op.op === 'service') {
      if (op.isThere !== service.isThere) this.#serve(service, intent, op.isThere)
      return
    }
    if (!service.isThere) return
    if (op.op === 'scheduler') {
      const { scheduler, flags } = op
      if (scheduler !== service.scheduler) begin(service)
      Object.assign(service, { scheduler, flags: new Set(flags) })
      intent.service = { ...intent.service, scheduler, schedFlags: flags }
      this.#publish(service, intent, false)
    } else if (op.op === 'persistence') {
      const { persistentS, mask, onePacket } = op
      Object.assign(service, { persistentS, mask, onePacket })
      const set = { ...intent.service }
      delete set.persistentS
      delete set.netmask
      delete set.onePacket
      if (onePacket) set.onePacket = true
      if (persistentS > 0) set.persistentS = persistentS
      if (mask !== '') set.netmask = mask
      intent.service = set
      this.#publish(service, intent, false)
    } else if (op.op === 'dest') {
      this.#setDest(service, op)
      this.#publish(service, intent, true)
    } else if (removeDest(service, op.address, op.port)) this.#publish(service, intent, true)
  }

  /** A service goes, its dests to the trash; or it comes again, without any. */
  #serve(service: Service, intent: ServiceIntent, isThere: boolean): void {
    service.isThere = isThere
    if (!isThere) {
      for (const dest of [...service.list]) removeDest(service, dest.address, dest.port)
      intent.dests = []
      this.#lvs.dataplane.withdraw(intent.service)
    } else {
      begin(service)
      this.#publish(service, intent, false)
    }
    const isWithin = (i: ServiceIntent): boolean =>
      this.services[this.#intents.indexOf(i)]?.isThere === true
    this.#lvs.intents.splice(0, Infinity, ...this.#intents.filter(isWithin))
  }

  #setDest(service: Service, { address, port, fwd, weight, upper, lower }: WantedDest): void {
    const name = `${address} ${port}`
    const dest = service.known.get(name) ?? newDest(address, port)
    const isNew = !dest.isThere
    const lastWeight = isNew || weight > 0 ? weight : dest.lastWeight
    Object.assign(dest, { fwd, weight, lastWeight, isThere: true })
    limited(dest, upper, lower)
    service.known.set(name, dest)
    if (isNew) service.list.unshift(dest)
    if (service.scheduler === 'wrr') touch(service)
  }

  #publish({ list }: Service, intent: ServiceIntent, isTouched: boolean): void {
    intent.dests = list.map(({ address, port, fwd, weight, lastWeight, upper, lower }) => ({
      ...{ address, port, fwd, weight },
      ...(weight === 0 && lastWeight > 0 && { lastWeight }),
      ...(upper > 0 && { upper, lower }),
    }))
    const touches: Weights[] = isTouched ? [destWeights(intent.dests)] : []
    this.#lvs.dataplane.publish(intent, touches)
  }
}

/** What ends too early to tell whether it is ours is the host's, whatever that is called. */
function sameAs(reason: string): string {
  return reason === 'truncated' ? 'other protocol' : reason
}

/** As the director of packet tests reads it. */
function serviceText({ protocol, address, port, scheduler }: WantedService): string {
  const isV6 = address.includes(':')
  if (protocol === 'fwmark') return `fwmark${isV6 ? '6' : ''} ${port} ${scheduler}\n`
  return `${protocol} ${isV6 ? `[${address}]` : address}:${port} ${scheduler}\n`
}

function serviceOf(service: ServiceNoun): Service {
  const scheduler = SCHEDULER_NAMES.find(name => name === service.scheduler)
  if (!scheduler) throw new Error(`no scheduler ${service.scheduler}`)
  const where =
    'address' in service
      ? { bytes: latin1(service.address), port: service.port, isV6: service.address.includes(':') }
      : { bytes: '', port: 0, isV6: service.family === 6, mark: service.mark }
  const protocols: Record<string, number> = { tcp: TCP, udp: UDP }
  const made: Service = {
    ...{ id: service, name: serviceName(service), scheduler, mask: '', mark: 0, ...where },
    ...{ persistentS: service.persistentS ?? 0, flags: new Set<string>() },
    onePacket: service.onePacket ?? false,
    ...{
      protocol: protocols[service.protocol] ?? 0,
      isThere: true,
      known: new Map<string, Dest>(),
    },
    ...{ list: [], last: undefined, weight: 0, step: 1, start: 0, cache: new Map() },
  }
  begin(made)
  return made
}

function newDest(address: string, port: number): Dest {
  const traffic = { conns: 0, inPackets: 0, outPackets: 0, inBytes: 0, outBytes: 0 }
  return {
    ...{ address, bytes: latin1(address), port, fwd: 'nat', isThere: false },
    ...{ weight: 0, lastWeight: 0, active: 0, inactive: 0, persistent: 0, traffic },
    ...{ upper: 0, lower: 0, isOverloaded: false },
  }
}

/** Whether it was there. rr goes on from the dest before it. */
function removeDest(service: Service, address: string, port: number): boolean {
  const dest = service.list.find(d => d.address === address && d.port === port)
  if (!dest) return false
  const at = service.list.indexOf(dest)
  if (service.last === dest) service.last = service.list[at - 1]
  service.list.splice(at, 1)
  dest.isThere = false
  if (service.scheduler === 'wrr') touch(service)
  return true
}

/** In what the frame that left is not the one that should; '' in nothing. */
function frameDifference(wanted: Outcome, is: Buffer, came: Buffer): string {
  if (wanted.verdict === VERDICT.drop) return ''
  const should = wanted.frame ?? came
  if (wanted.frame && wanted.idAt) withId(should, wanted.idAt, is.readUInt16BE(wanted.idAt))
  const from = wanted.resolving ? ETHERNET_MACS : 0
  if (is.compare(should, from, should.length, from, is.length) === 0) return ''
  const text = (bytes: Buffer) => opText({ op: 'frame', bytes })
  return `${wanted.reason}: is ${text(is)}\n should be ${text(should)}`
}

/** Whether the companion is told of another neighbour than it should. */
function noteDifference({ resolving }: Outcome, note?: Buffer): string {
  if (!resolving || !note) return ''
  const is = `${note.readUInt32LE(4)} ${formatAddress(note.subarray(8))}`
  const bytes = Buffer.from(resolving.address, 'latin1')
  const should = `${resolving.ifindex} ${addressText(bytes)}`
  return is === should ? '' : `to resolve is ${is}, should be ${should}`
}
