/**
 * Makes up the steps of a life: few clients, ports and dests, so that what they do meets; frames of
 * both directions, whole and broken; time that stops at deadlines; changes by the operator.
 * Read next: craft.ts, ops.ts.
 */
import type { SchedFlag } from '../../control/model/service.ts'
import { FAMILIES, IPV4, type Family } from '../support/families.ts'
import { oneOf, type Random } from '../support/random.ts'
import { craft, craftError, mutated, type Craft, type End } from './craft.ts'
import type { Entry } from './entries.ts'
import type { Ipvs } from './ipvs.ts'
import { drawnRules, SERVED } from './marks.ts'
import type { Beginning, Op, WantedDest, WantedService } from './ops.ts'
import { BROADCAST, DEST_NUMBERS, latin1, virtuals } from './place.ts'
import { ACK, FIN, RST, SYN, TCP, UDP, type Settings } from './rules.ts'
import { SCHEDULER_NAMES } from './schedulers.ts'
import type { Service } from './service.ts'

const UPPERS = [0, 0, 0, 1, 2, 3, 5]
const FLAGS = [SYN, SYN, SYN, ACK, ACK, ACK, ACK | 8, FIN | ACK, FIN | ACK, RST, RST | ACK]
const ODD_FLAGS = [SYN | ACK, SYN | FIN, SYN | RST, FIN, 0, 8, 0xff, SYN | 0xc0, FIN | RST]
const CPORTS = [5000, 5001, 5002]
const ODD_CPORTS = [0, 20, 80, 1, 65535]
const WEIGHTS = [0, 1, 1, 1, 2, 3, 4, 6]
/** Sources that are rare, or refused. */
const ODD_SOURCES = [
  ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', BROADCAST],
  ...['192.0.2.1', '198.51.100.1', '10.0.0.2', '169.254.1.1'],
  ...['::', '::1', 'ff02::1', 'fe80::7', '2001:db8::1', '2001:db8:3::1', '2001:db8:2::2'],
].map(latin1)
const SETTINGS: Partial<Settings>[] = [
  ...[0, 1, 2, 3].map(conn_reuse_mode => ({ conn_reuse_mode })),
  ...[0, 1].flatMap(on => [{ sloppy_tcp: on }, { pmtu_disc: on }, { expire_nodest_conn: on }]),
  ...[0, 1].map(expire_quiescent_template => ({ expire_quiescent_template })),
  ...[0, 0, 3].flatMap(mode => [{ secure_tcp: mode }, { drop_packet: mode }]),
  ...[2, 5].map(am_droprate => ({ am_droprate })),
  ...[900, 100].map(tcp_timeout_s => ({ tcp_timeout_s })),
  ...[120, 20].map(tcp_fin_timeout_s => ({ tcp_fin_timeout_s })),
  ...[300, 30].map(udp_timeout_s => ({ udp_timeout_s })),
]
/** Services of each family: a protocol and a port, at both virtual addresses. */
const SERVICES = [
  ['tcp', 80],
  ['tcp', 8080],
  ['udp', 53],
  ['udp', 5353],
] as const

/** Ports that packets to services of any port go to. */
const ANY_PORTS = [80, 8080, 53, 443, 443, 0]
const PERSISTENT_S = [0, 0, 1, 30, 100]
const MASKS = {
  v4: ['', '255.255.255.0', '255.255.255.248', '0.0.0.255', '255.0.0.0'],
  v6: ['', '64', '125', '17', '128'],
}
const SCHED_FLAGS: SchedFlag[][] = [[], ['flag-1'], ['flag-2'], ['flag-1', 'flag-2']]

/** Services at random schedulers, what marks there are, and the link. */
export function beginning(random: Random): Beginning {
  const make = (protocol: WantedService['protocol'], address: string, port: number) => {
    const persistentS = protocol !== 'fwmark' && port === 0 ? 30 : oneOf(random, PERSISTENT_S)
    const onePacket = protocol !== 'tcp' && random(4) === 0
    const scheduler = oneOf(random, SCHEDULER_NAMES)
    return { protocol, address, port, scheduler, persistentS, onePacket }
  }
  const services = FAMILIES.flatMap(f => [
    ...virtuals(f).flatMap(address =>
      SERVICES.map(([protocol, port]) => make(protocol, address, port)),
    ),
    ...(['tcp', 'udp'] as const).map(protocol => make(protocol, f.other, 0)),
    make('fwmark', f.vip, SERVED),
  ])
  const marks = drawnRules(random)
  return { services, marks, mtu: oneOf(random, [1500, 1500, 1400, 1280]) }
}

export class Generator {
  readonly #random: Random
  readonly #services: readonly Service[]
  readonly #ipvs: Ipvs
  /** Few dests and clients in some lives, so that services want the same reply keys. */
  readonly #dests: readonly number[]
  readonly #cports: readonly number[]
  /** Of stranger, client and far, the last so many. */
  readonly #clients: number

  constructor(random: Random, ipvs: Ipvs, services: readonly Service[]) {
    this.#random = random
    this.#ipvs = ipvs
    this.#services = services
    this.#dests = DEST_NUMBERS.slice(random(DEST_NUMBERS.length - 1))
    this.#cports = CPORTS.slice(random(CPORTS.length))
    this.#clients = 1 + random(3)
  }

  /** How a life begins: some dests in each service. */
  first(): Op[] {
    return this.#services.flatMap((_, service) =>
      Array.from({ length: this.#random(4) }, () => this.#setDest(service)),
    )
  }

  next(): Op {
    const random = this.#random
    const dice = random(1000)
    if (dice < 50) return this.#wait()
    if (dice < 62) return { op: 'sweep' }
    if (dice < 65) return { op: 'forget' }
    if (dice < 90) return this.#change()
    const frame = this.#frame()
    return { op: 'frame', bytes: random(9) === 0 ? mutated(random, frame) : frame }
  }

  #frame(): Buffer {
    const dice = this.#random(100)
    if (dice < 60) return this.#request()
    if (dice < 92) return this.#reply()
    return this.#error()
  }

  #service(): [Service, Family] {
    const service = oneOf(this.#random, this.#services)
    return [service, service.isV6 ? (FAMILIES[1] ?? IPV4) : IPV4]
  }

  #client(f: Family): End {
    const random = this.#random
    const usual = [f.stranger, f.client, f.far].slice(-this.#clients)
    const odd = ODD_SOURCES.filter(s => s.length === (f === IPV4 ? 4 : 16))
    return {
      address: random(60) === 0 ? oneOf(random, odd) : latin1(oneOf(random, usual)),
      port: random(40) === 0 ? oneOf(random, ODD_CPORTS) : oneOf(random, this.#cports),
    }
  }

  /** What every packet has, and sometimes has oddly. */
  #dress(protocol: number): Omit<Craft, 'from' | 'to'> {
    const random = this.#random
    const isOdd = random(8) === 0
    const flags = oneOf(random, random(12) === 0 ? ODD_FLAGS : FLAGS)
    if (!isOdd) return { protocol, flags, payload: random(3) === 0 ? 0 : 5 }
    return {
      ...{ protocol, flags },
      ttl: oneOf(random, [64, 64, 255, 2, 2, 1, 1, 0]),
      tos: oneOf(random, [0, 3, 0xbb, 0xb8, 0xff, 1]),
      isWhole: random(3) > 0,
      payload: oneOf(random, [0, 1, 2, 40, 1201, 1212, 1240, 1252, 1260, 1280, 1300, 1400, 1461]),
      check: oneOf(random, ['right', 'none', 'none', 'wrong']),
    }
  }

  #request(): Buffer {
    const random = this.#random
    const [service, f] = this.#service()
    const own = service.port === 0 ? oneOf(random, ANY_PORTS) : service.port
    const port = random(60) === 0 ? 81 : own
    const to = { address: service.bytes || latin1(oneOf(random, virtuals(f))), port }
    const protocol = service.protocol || oneOf(random, [TCP, UDP])
    return craft({ ...this.#dress(protocol), from: this.#client(f), to })
  }

  /** Of an entry, or of a dest as it likes. */
  #reply(): Buffer {
    const random = this.#random
    const entry = this.#entry()
    if (!entry || random(12) === 0) return this.#strayReply()
    const { protocol, client, cport, virtual, vport, dest, dport, fwd } = entry
    const isNat = fwd === 'nat'
    const from = isNat ? { address: dest.bytes, port: dport } : { address: virtual, port: vport }
    return craft({ ...this.#dress(protocol), from, to: { address: client, port: cport } })
  }

  #strayReply(): Buffer {
    const [{ protocol, port }, f] = this.#service()
    const address = latin1(f.dest(oneOf(this.#random, DEST_NUMBERS)))
    const from = { address, port: port || oneOf(this.#random, ANY_PORTS) }
    return craft({ ...this.#dress(protocol || TCP), from, to: this.#client(f) })
  }

  /** Somebody's error about a packet of an entry. */
  #error(): Buffer {
    const random = this.#random
    const entry = this.#entry()
    if (!entry) return this.#request()
    const isV6 = entry.client.length === 16
    const client = { address: entry.client, port: entry.cport }
    const virtual = { address: entry.virtual, port: entry.vport }
    const dest = { address: entry.dest.bytes, port: entry.dport }
    const isToClient = entry.fwd === 'nat' && random(2) === 0
    const about = isToClient ? { from: client, to: dest } : { from: virtual, to: client }
    const quoted = craft({ ...this.#dress(entry.protocol), ...about })
    const f = isV6 ? (FAMILIES[1] ?? IPV4) : IPV4
    const from = { address: latin1(random(4) === 0 ? f.client : f.router), port: 0 }
    const types: [number, number][] = isV6
      ? [[1, 4], [2, 0], [3, 0], [4, 1], [128, 0], [127, 0]] // prettier-ignore
      : [[3, 3], [3, 4], [11, 0], [4, 0], [5, 1], [12, 0], [8, 0]] // prettier-ignore
    const dress = this.#dress(isV6 ? 58 : 1)
    const to = { ...about.from }
    const bytes = random(4) === 0 ? 20 + random(40) : 600
    return craftError({ ...dress, from, to }, oneOf(random, types), quoted, bytes)
  }

  /** One of those alive, or that were a moment ago. */
  #entry(): Entry | undefined {
    const all = [...this.#ipvs.entries.byKey.values()]
    return all.length === 0 ? undefined : oneOf(this.#random, all)
  }

  #wait(): Op {
    const random = this.#random
    const { second } = this.#ipvs
    const dice = random(10)
    if (dice < 4) return { op: 'wait', ticks: 1 + random(3) }
    if (dice < 8) return { op: 'wait', ticks: Math.round((1 + random(40)) * second) }
    const entry = this.#entry()
    if (!entry) return { op: 'wait', ticks: Math.round(random(400) * second) }
    return { op: 'wait', ticks: Math.max(0, entry.until - this.#ipvs.now - 2 + random(6)) }
  }

  #change(): Op {
    const random = this.#random
    const service = random(this.#services.length)
    const dice = random(100)
    if (dice < 50) return this.#setDest(service)
    if (dice < 70) return this.#removeDest(service)
    if (dice < 78) return { op: 'service', service, isThere: random(6) > 0 }
    if (dice < 84) {
      const flags = oneOf(random, SCHED_FLAGS)
      return { op: 'scheduler', service, scheduler: oneOf(random, SCHEDULER_NAMES), flags }
    }
    if (dice < 88) return this.#setPersistence(service)
    if (dice < 96) return { op: 'set', settings: oneOf(random, SETTINGS) }
    if (this.#ipvs.marks.length > 0) return this.#setDest(service)
    const { other } = oneOf(random, FAMILIES)
    return { op: 'virtual', address: other, isHere: random(4) > 0 }
  }

  /** NAT to another port too; a tunnel to the other family. DR and tunnels keep the port. */
  #setDest(number: number): { op: 'dest' } & WantedDest {
    const random = this.#random
    const service = this.#services[number]
    const port = service?.port ?? 0
    const isV4 = !service?.isV6
    const fwd = oneOf(random, ['nat', 'nat', 'nat', 'dr', 'tun'] as const)
    const isMixed = fwd === 'tun' && random(3) === 0
    const f = isV4 === isMixed ? (FAMILIES[1] ?? IPV4) : IPV4
    const address = f.dest(oneOf(random, this.#dests))
    const some = service?.protocol === UDP ? [53, 5353] : [port, 80, 8000]
    // By mark all ports would be one, and more than a key's two buckets hold want one reply key.
    const any = service?.mark ? [0] : [0, ...some]
    const ports = port === 0 ? any : some
    const upper = oneOf(random, UPPERS)
    const limits = { upper, lower: random(2) === 0 ? 0 : Math.min(upper, 1 + random(5)) }
    const wanted = { service: number, address, weight: oneOf(random, WEIGHTS), ...limits }
    return { op: 'dest', ...wanted, fwd, port: fwd === 'nat' ? oneOf(random, ports) : port }
  }

  /** A service of any port is persistent. */
  #setPersistence(service: number): Op {
    const random = this.#random
    const { isV6 = false, port = 0, mark = 0, protocol } = this.#services[service] ?? {}
    const persistentS = oneOf(random, PERSISTENT_S) || (port === 0 && mark === 0 ? 7 : 0)
    const mask = oneOf(random, isV6 ? MASKS.v6 : MASKS.v4)
    const onePacket = protocol !== TCP && random(3) === 0
    return { op: 'persistence', service, persistentS, mask, onePacket }
  }

  #removeDest(number: number): Op {
    const list = this.#services[number]?.list ?? []
    const dest = list.length === 0 ? undefined : oneOf(this.#random, list)
    const { address, port } = dest ?? { address: '', port: 0 }
    return { op: 'removeDest', service: number, address, port }
  }
}
