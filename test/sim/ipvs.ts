/**
 * IPVS as a plain model: a frame goes in, and out comes what became of it: why, what the host does
 * with it, the frame that is sent, and the entry as it is kept. Slow and obvious, one function a
 * rule. ipvs.test.ts asks it and the program the same questions. Read next: rules.ts, entries.ts.
 * Source: ip_vs_core.c, ip_vs_xmit.c (v6.12); numbers in brackets are the specification's.
 *
 * Not modelled: the persistence engine, FTP, SCTP, AH and ESP; edits of mark rules, what
 * policy routing brings, virtual addresses that leave connections by mark; the scheduler twos; GRE
 * and GUE; VLANs, IPv4 options, IPv6 extension headers; fragments (refused here, as the program
 * refuses them); defences by the memory that is left, schedule_icmp and nat_icmp_send; errors about
 * tunnels and about what went to DR and tunnels; limits of own errors; dests on this host;
 * rp_filter; a full table and its overdue takeover; more connections of one reply key than its two
 * buckets hold, and so ports of dests by mark.
 */
import { Entries, wireKey, type Dest, type Entry } from './entries.ts'
import {
  errorAbout,
  errorTranslated,
  hopTaken,
  isIcmpRight,
  sentBy,
  translated,
  tunnelled,
  type Quote,
  type Way,
} from './emit.ts'
import { ETHERNET, hopsOf, lengthOf, mayBeCut, packetIn, quoteIn, type Packet } from './host.ts'
import {
  ACK,
  ICMP,
  ICMP6,
  RST,
  SYN,
  TCP,
  type Direction,
  type Fwd,
  type Rules,
  type Settings,
} from './rules.ts'
import { markKey, type MarkRule } from './marks.ts'
import { bound, released } from './schedulers.ts'
import { dropped, passed, VERDICT, type Outcome } from './outcome.ts'
import { serviceKey, type Service, type Surroundings } from './service.ts'
import { Templates, type Template } from './templates.ts'

/** What sending a packet needs of its entry; of one that is scheduled alone there is none. */
type Sent = Pick<Entry, 'dest' | 'fwd' | 'dport'> & { isOnce?: boolean }

const LOOPBACK = 1
const NOBODY = '\0'.repeat(16)
const LBLCR_EXPIRATION_S = 86400
const LEAVES: Record<Fwd, string> = { nat: 'nat request', dr: 'direct', tun: 'tunnel' }

export class Ipvs {
  now: number
  readonly entries: Entries
  readonly templates = new Templates()
  /** By protocol, address and port, or by mark. */
  readonly services = new Map<string, Service>()
  marks: readonly MarkRule[] = []
  readonly net: Surroundings
  readonly rules: Rules
  readonly set: Settings
  /** Ticks of a second. */
  readonly second: number
  /** Packets that may begin a connection until one is dropped. */
  #untilDrop = 0

  constructor(net: Surroundings, rules: Rules, set: Settings, { now = 0, second = 1 }) {
    this.net = net
    this.rules = rules
    this.entries = new Entries(rules.answering)
    this.set = set
    this.now = now
    this.second = second
  }

  receive(frame: Buffer): Outcome {
    const packet = packetIn(frame, this.net.mac)
    if (typeof packet === 'string') return passed(packet)
    if (packet.protocol === ICMP || packet.protocol === ICMP6) return this.#icmp(packet)
    const reply = this.entries.reply(keyOf(packet), this.now)
    return reply ? this.#reply(packet, reply) : this.#request(packet)
  }

  /** Request side, step by step (2). */
  #request(packet: Packet): Outcome {
    const found = this.entries.request(keyOf(packet), this.now)
    if (found && !this.net.locals.has(packet.to))
      return { ...passed('vip not local'), entry: found }
    if (!found) return this.#begin(packet)
    if (!this.#makesWay(packet, found)) return this.#take(packet, found)
    // A timer ends what makes way: the scheduler still counts it (ip_vs_conn_expire_now).
    const outcome = this.#begin(packet)
    this.#uncount(found)
    return outcome
  }

  #begin(packet: Packet): Outcome {
    if (packet.isShort) return passed('truncated')
    const isFirst = (packet.flags & (SYN | ACK | RST)) === SYN
    const answered = isFirst ? undefined : this.#answeredBy(packet)
    if (answered) return this.#directReply(packet, answered)
    if (!this.rules.mayStart(packet.protocol, packet.flags, this.set))
      return passed('no connection')
    return this.#schedule(packet)
  }

  /** A SYN may end what it finds (2.1), and so may any packet of a removed dest (2, step 7). */
  #makesWay({ flags }: Packet, entry: Entry): boolean {
    const { rules, set, entries } = this
    const isReused = (flags & SYN) !== 0 && rules.isReused(entry, set)
    if (!isReused && (entry.dest.isThere || set.expire_nodest_conn === 0)) return false
    release(entry)
    entries.end(entry, this.now)
    return true
  }

  /** A new connection (4.1). */
  #schedule(packet: Packet): Outcome {
    const service = this.#serviceOf(packet)
    const isHere = this.net.locals.has(packet.to)
    const answered = service && isHere ? undefined : this.#answeredBy(packet)
    if (answered) return this.#directReply(packet, answered)
    if (!service) return passed('no service')
    if (!isHere) return passed('vip not local')
    if (this.rules.isMartian(this.#source(packet))) return passed('martian')
    if (this.#drops()) return dropped('overload')
    if (packet.sport === this.rules.ftpDataPort) return passed('ftp data')
    const control = service.persistentS > 0 ? this.#template(packet, service) : undefined
    const dest = service.persistentS > 0 ? control?.dest : this.#pick(packet, service)
    if (!dest) return this.#answer(packet, packet.frame, 'no dest', 0, packet.to)
    const dport = this.rules.portAtDest(packet.dport, dest.port, service)
    if (this.rules.isOnce(packet, service)) return this.#once(packet, dest, { dport, control })
    return this.#take(packet, this.#newEntry(packet, dest, { dport, control }))
  }

  /** Scheduled alone: it leaves no entry, nor a hold of its template. */
  #once(packet: Packet, dest: Dest, { dport, control }: Pick<Entry, 'dport' | 'control'>): Outcome {
    if (control) control.controls--
    dest.traffic.conns++
    const sent = { dest, dport, fwd: dest.fwd, isOnce: true }
    this.#countIn(sent, packet)
    return this.#send(packet, sent)
  }

  /** By mark, else of its address and port, else of its address (3.3). */
  #serviceOf(packet: Packet): Service | undefined {
    const { protocol, to, dport, isV6 } = packet
    const mark = this.rules.markOf(this.marks, packet)
    const keys = [markKey(isV6, mark), serviceKey(protocol, to, dport), serviceKey(protocol, to, 0)]
    return keys.map(key => this.services.get(key)).find(service => service?.isThere)
  }

  #pick({ from, sport, to }: Packet, service: Service): Dest | undefined {
    const expiration = LBLCR_EXPIRATION_S * this.second
    const asked = { from, sport, to, now: this.now, expiration }
    return this.rules.pick[service.scheduler](service, asked)
  }

  /** The client's, or a new one (4.2, 10). */
  #template(packet: Packet, service: Service): Template | undefined {
    const { rules, set, now, second } = this
    const key = rules.templateKey(packet, service)
    const keeps = (dest: Dest): boolean => rules.keeps(dest, set)
    const held = this.templates.hold(key, now, keeps, this.#again)
    if (held) return held
    const dest = this.#pick(packet, service)
    const lasts = Math.round(service.persistentS * second)
    return dest && this.templates.make(key, dest, now, lasts)
  }

  get #again(): number {
    return Math.floor(this.rules.templateAgainS * this.second)
  }

  /** drop_packet (4.1): the first, and then one of so many. */
  #drops(): boolean {
    const rate = this.rules.dropRate(this.set)
    if (rate === 0 || --this.#untilDrop > 0) return false
    this.#untilDrop = rate
    return true
  }

  #source({ isV6, from }: Packet) {
    return { isV6, bytes: Buffer.from(from, 'latin1'), isOwn: this.net.locals.has(from) }
  }

  #newEntry(packet: Packet, dest: Dest, more: Pick<Entry, 'dport' | 'control'>): Entry {
    const { protocol, from, sport, to, dport } = packet
    const isNat = dest.fwd === 'nat'
    const entry: Entry = {
      ...{ key: keyOf(packet), protocol, client: from, cport: sport, virtual: to, vport: dport },
      replyKey: isNat ? wireKey(protocol, dest.bytes, more.dport, from, sport) : undefined,
      ...{
        dest,
        ...more,
        fwd: dest.fwd,
        state: 'NO',
        noOutput: this.rules.hasNoOutput(dest.fwd),
        until: this.now,
      },
    }
    dest.inactive++
    bound(dest)
    dest.traffic.conns++
    this.entries.add(entry, this.rules.isFound(sport))
    return entry
  }

  /** A client's packet of an entry. Counters and state come before what may stop it (2, 5.1). */
  #take(packet: Packet, entry: Entry): Outcome {
    if (!entry.dest.isThere) return { ...dropped('dest gone'), entry }
    this.#countIn(entry, packet)
    this.#track(packet, entry, entry.noOutput ? 'input-only' : 'input')
    return { ...this.#send(packet, entry), entry }
  }

  /** State and time of an entry after a packet of it (9). A header cut short tells no flags. */
  #track(packet: Packet, entry: Entry, direction: Direction): void {
    if (packet.protocol === TCP && !packet.isShort) {
      const { dest, state } = entry
      const next = this.rules.nextState(direction, packet.flags, state, this.set)
      dest[this.rules.active.has(state) ? 'active' : 'inactive']--
      dest[this.rules.active.has(next) ? 'active' : 'inactive']++
      entry.state = next
    }
    const seconds = this.rules.timeout(packet.protocol, entry.state, this.set)
    entry.until = this.now + Math.ceil(seconds * this.second)
  }

  /** Sends a client's packet by the entry's forwarding method (5.1). */
  #send(packet: Packet, entry: Sent): Outcome {
    const { dest, fwd } = entry
    const way = this.net.way(dest.bytes)
    if (!way) return this.#answer(packet, packet.frame, 'unreachable', 0, packet.to, entry)
    if (hopsOf(packet) < this.rules.hopsMin)
      return this.#answer(packet, packet.frame, 'ttl expired', 0, packet.to, entry)
    if (packet.isShort && fwd === 'nat') return dropped('cut short')
    if (fwd === 'tun') return this.#sendTunnel(packet, entry, way)
    if (lengthOf(packet) > way.mtu) return this.#tooLong(packet, way.mtu, entry)
    if (fwd === 'dr') return this.#leave(hopTaken(packet), way, LEAVES.dr)
    const to = { address: dest.bytes, port: entry.dport }
    return this.#leave(translated(packet, 'to', to, this.rules), way, LEAVES.nat)
  }

  #sendTunnel(packet: Packet, entry: Sent, way: Way): Outcome {
    const { dest } = entry
    const isOuter6 = dest.bytes.length === 16
    const { outer, innerMin } = this.rules
    const limit = way.mtu - (isOuter6 ? outer.v6 : outer.v4)
    if (limit < (isOuter6 ? innerMin.v6 : innerMin.v4)) return dropped('too big')
    if (lengthOf(packet) > limit) return this.#tooLong(packet, limit, entry)
    const sides = { source: way.source, to: dest.bytes }
    const out = tunnelled(packet, hopTaken(packet), sides, this)
    return { ...this.#leave(out.frame, way, LEAVES.tun), idAt: out.idAt }
  }

  /**
   * Longer than its way: what may be cut is cut by IPVS, by xlvs not yet. The error quotes the
   * packet with its hop taken.
   */
  #tooLong(packet: Packet, mtu: number, entry: Sent): Outcome {
    const isUnchecked = entry.fwd === 'tun' && !packet.isV6 && this.set.pmtu_disc === 0
    if (mayBeCut(packet) || isUnchecked) return dropped('needs fragmenting')
    if (packet.protocol === ICMP || packet.protocol === ICMP6) return dropped('too big')
    return this.#answer(packet, hopTaken(packet), 'too big', mtu, packet.to, entry)
  }

  /** Reply side (7). The forwarding host looks at hops and length first. */
  #reply(packet: Packet, entry: Entry): Outcome {
    return { ...this.#sendReply(packet, entry), entry }
  }

  /** To a client that is this host: by loopback, with all its hops. */
  #home(packet: Packet, entry: Entry): Outcome {
    this.#countOut(entry, lengthOf(packet))
    this.#track(packet, entry, 'output')
    const from = { address: entry.virtual, port: entry.vport }
    const frame = translated(packet, 'from', from, this.rules, 0)
    return { ...passed('nat reply'), frame, resolving: { ifindex: LOOPBACK, address: NOBODY } }
  }

  #sendReply(packet: Packet, entry: Entry): Outcome {
    const own = this.net.own(packet.isV6)
    const way = this.net.way(packet.to)
    if (!way && !packet.isShort)
      return this.net.locals.has(packet.to) ? this.#home(packet, entry) : dropped('no route')
    if (hopsOf(packet) < this.rules.hopsMin)
      return this.#answer(packet, packet.frame, 'ttl expired', 0, own)
    if (packet.isShort || !way) {
      this.#track(packet, entry, 'output')
      return dropped('cut short')
    }
    // A neighbour that is yet to be resolved: its kernel cuts or refuses.
    if (way.dmac && lengthOf(packet) > way.mtu) {
      if (mayBeCut(packet)) return dropped('needs fragmenting')
      return this.#answer(packet, packet.frame, 'too big', way.mtu, own)
    }
    this.#countOut(entry, lengthOf(packet))
    this.#track(packet, entry, 'output')
    const from = { address: entry.virtual, port: entry.vport }
    return this.#leave(translated(packet, 'from', from, this.rules), way, 'nat reply')
  }

  /** The entry, by DR or tunnel, that a packet is the reply of (3.2). */
  #answeredBy(packet: Packet): Entry | undefined {
    const { protocol, from, sport, to, dport } = packet
    const entry = this.entries.request(wireKey(protocol, to, dport, from, sport), this.now)
    if (!entry || entry.fwd === 'nat' || this.rules.isMartian(this.#source(packet)))
      return undefined
    const way = this.net.way(to)
    if (!way || hopsOf(packet) < this.rules.hopsMin) return undefined
    return way.dmac && lengthOf(packet) > way.mtu ? undefined : entry
  }

  /** It goes on as it is; the first ends the time of input only (9.1). */
  #directReply(packet: Packet, entry: Entry): Outcome {
    if (packet.protocol === TCP) entry.noOutput = false
    this.#countOut(entry, lengthOf(packet))
    this.#track(packet, entry, 'output')
    return { ...passed('direct reply'), entry }
  }

  /** The director's own error to who sent the packet; IPVS counts it, but for NAT (5.1). */
  #answer(
    packet: Packet,
    quoted: Buffer,
    reason: string,
    rest: number,
    source: string,
    entry?: Sent,
  ): Outcome {
    if (this.rules.isUnanswerable(this.#source(packet))) return dropped(reason)
    const way = this.net.way(packet.from)
    const out = errorAbout(packet, quoted, { reason, rest, source }, this.rules)
    if (entry && !entry.isOnce && this.rules.isErrorCounted(entry.fwd))
      this.#countOut(entry, out.frame.length - ETHERNET)
    if (!way) return dropped('no route')
    return { ...this.#leave(out.frame, way, reason), idAt: out.idAt }
  }

  #leave(frame: Buffer, way: Way, reason: string): Outcome {
    if (!way.dmac) return { reason: 'resolving', verdict: VERDICT.pass, frame, resolving: way }
    const isSame = way.ifindex === this.net.ingress
    const verdict = isSame ? VERDICT.tx : VERDICT.redirect
    return { reason, verdict, frame: sentBy(frame, way) }
  }

  /** ICMP errors about packets of entries go where those came from (6). */
  #icmp(packet: Packet): Outcome {
    const quote = quoteIn(packet, this.rules)
    if (quote === 'cut short') return this.#shortIcmp(packet)
    if (typeof quote === 'string') return passed(quote)
    if (this.rules.isMartian(this.#source(packet))) return passed('martian')
    const reply = this.entries.reply(quote.back, this.now)
    const entry = reply ?? this.entries.request(quote.back, this.now)
    if (!entry) return passed('no connection')
    const sent = reply
      ? this.#errorToClient(packet, quote, entry)
      : this.#errorToDest(packet, quote, entry)
    return { ...sent, entry }
  }

  /** Dropped wherever IPVS meets it (6.1): here, or where it is forwarded. */
  #shortIcmp(packet: Packet): Outcome {
    if (this.rules.isMartian(this.#source(packet))) return passed('martian')
    const isForwarded = this.net.way(packet.to) && hopsOf(packet) >= this.rules.hopsMin
    return this.net.locals.has(packet.to) || isForwarded ? dropped('bad icmp') : passed('truncated')
  }

  /** Whether a frame is an error about what went to DR or a tunnel. */
  leavesOut(frame: Buffer): boolean {
    const packet = packetIn(frame, this.net.mac)
    if (typeof packet === 'string' || ![ICMP, ICMP6].includes(packet.protocol)) return false
    const quote = quoteIn(packet, this.rules)
    const sent = typeof quote === 'string' ? undefined : this.entries.byKey.get(quote.key)
    return sent !== undefined && sent.fwd !== 'nat'
  }

  /**
   * About what a dest sent: to it, as it sent it (6.2). One that is not for this host is met where
   * it is forwarded, which has taken a hop already.
   */
  #errorToDest(came: Packet, quote: Quote, entry: Entry): Outcome {
    const { dest, fwd } = entry
    const isHere = this.net.locals.has(came.to)
    if (!isHere && hopsOf(came) < this.rules.hopsMin) return dropped('ttl expired')
    const packet = isHere ? came : { ...came, frame: hopTaken(came) }
    if (fwd === 'nat' && !isIcmpRight(packet)) return dropped('bad icmp')
    this.#countIn(entry, packet)
    const way = this.net.way(dest.bytes)
    if (!way) return dropped('unreachable')
    if (hopsOf(packet) < this.rules.hopsMin) return dropped('ttl expired')
    if (fwd === 'tun') {
      const sent = this.#sendTunnel(packet, entry, way)
      return sent.reason === LEAVES.tun ? { ...sent, reason: 'icmp request' } : sent
    }
    if (lengthOf(packet) > way.mtu) return dropped('needs fragmenting')
    if (fwd === 'dr') return this.#leave(hopTaken(packet), way, 'icmp request')
    const to = { address: dest.bytes, port: entry.dport }
    const out = errorTranslated(packet, quote, { outer: 'to', quoted: 'from' }, to)
    return this.#leave(out, way, 'icmp request')
  }

  /** About what the director sent to a dest: to the client, as from the virtual address (6.3). */
  #errorToClient(packet: Packet, quote: Quote, entry: Entry): Outcome {
    if (!isIcmpRight(packet)) return dropped('bad icmp')
    if (this.net.locals.has(packet.to)) {
      this.#countOut(entry, lengthOf(packet))
      return passed('local dest')
    }
    if (hopsOf(packet) < this.rules.hopsMin) return dropped('ttl expired')
    const way = this.net.way(packet.to)
    if (!way) return dropped('no route')
    this.#countOut(entry, lengthOf(packet))
    const from = { address: entry.virtual, port: entry.vport }
    const out = errorTranslated(packet, quote, { outer: 'from', quoted: 'to' }, from)
    return this.#leave(out, way, 'icmp reply')
  }

  #countIn({ dest }: Sent, packet: Packet): void {
    if (!dest.isThere) return
    dest.traffic.inPackets++
    dest.traffic.inBytes += lengthOf(packet)
  }

  #countOut({ dest }: Sent, bytes: number): void {
    if (!dest.isThere) return
    dest.traffic.outPackets++
    dest.traffic.outBytes += bytes
  }

  /** What was over before a tick leaves the counts, too. */
  sweep(before: number): void {
    if (this.set.expire_nodest_conn !== 0) this.#endOrphans()
    const ends = new Map<Template, number[]>()
    for (const entry of this.entries.sweep(before)) {
      this.#uncount(entry)
      const { control, until } = entry
      if (control) ends.set(control, [...(ends.get(control) ?? []), until])
      release(entry)
    }
    const next = (until: number): number => this.rules.templateNext(until, this.second)
    this.templates.sweep(before, ends, { lasts: this.#again, next })
  }

  /** Entries do not outlive their dests (11). */
  #endOrphans(): void {
    for (const entry of this.entries.counted())
      if (!entry.dest.isThere) {
        this.#uncount(entry)
        this.entries.end(entry, this.now)
        const control = release(entry)
        if (control?.controls === 0) this.templates.end(control)
      }
    for (const one of this.templates.all())
      if (!one.dest.isThere && one.controls === 0) this.templates.end(one)
  }

  #uncount({ dest, state }: Entry): void {
    dest[this.rules.active.has(state) ? 'active' : 'inactive']--
    released(dest)
  }
}

/** Its template no more. */
function release(entry: Entry): Template | undefined {
  const { control } = entry
  if (control) control.controls--
  entry.control = undefined
  return control
}

function keyOf({ protocol, from, sport, to, dport }: Packet): string {
  return wireKey(protocol, from, sport, to, dport)
}
