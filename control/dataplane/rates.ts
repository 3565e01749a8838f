/**
 * Keeps the rates of dests, services and the whole by the maps' counters. Only dests are counted in
 * the maps; a service's difference is the sum of its dests', which is the same, as packets of dests
 * in the trash are not counted. The dests are visited in slices, so that no visit takes long.
 * Read next: ../plan/estimator.ts.
 */
import { DEST, DEST_FLAGS, DEST_TRAFFIC } from '../abi/maps.gen.ts'
import type { Rates as RatesView } from '../model/service.ts'
import { Estimator, SAMPLE_S, WIDTH } from '../plan/estimator.ts'

/** Slices of one round: 100 000 dests on 64 CPUs are then 5 ms of work at a time. */
const SLICES = 20
/** Time between two slices. */
export const SLICE_MS = (SAMPLE_S * 1000) / SLICES
/**
 * A counter is read as two halves, which is fifteen times as fast as a BigInt. A carry between the
 * two reads makes the sum wrong by 2^32 exactly; differences from here on are read again, whole.
 */
const DOUBTFUL = 2 ** 31
/** Where each field is in a row of dest_traffic, in 32-bit words. */
const WORDS = [
  DEST_TRAFFIC.conns,
  DEST_TRAFFIC.inpkts,
  DEST_TRAFFIC.outpkts,
  DEST_TRAFFIC.inbytes,
  DEST_TRAFFIC.outbytes,
].map(offset => offset / 4)

export interface RatesMaps {
  /** dest_traffic: row cpu * dests + dest id. */
  traffic: ArrayBuffer
  /** dests. */
  dests: ArrayBuffer
  cpus: number
  /** Rows of dests. */
  destsMax: number
  servicesMax: number
}

export class Rates {
  readonly #maps: RatesMaps
  readonly #halves: Uint32Array
  readonly #wholes: BigUint64Array
  readonly #rows: DataView
  readonly #dests: Estimator
  readonly #services: Estimator
  readonly #total = new Estimator(1)
  /** Each dest's counters at its last visit. */
  readonly #last: Float64Array
  /** What each service's dests, and all of them, have counted since the round began. */
  readonly #pending: Float64Array
  readonly #pendingTotal = new Float64Array(WIDTH)
  readonly #now = new Float64Array(WIDTH)
  readonly #difference = new Float64Array(WIDTH)
  #startedMs: number | undefined
  #slices = 0
  /** false: rates stay as they are. The first sample after that covers the pause. */
  isRunning = true

  constructor(maps: RatesMaps) {
    this.#maps = maps
    this.#halves = new Uint32Array(maps.traffic)
    this.#wholes = new BigUint64Array(maps.traffic)
    this.#rows = new DataView(maps.dests)
    this.#dests = new Estimator(maps.destsMax)
    this.#services = new Estimator(maps.servicesMax)
    this.#last = new Float64Array(maps.destsMax * WIDTH)
    this.#pending = new Float64Array(maps.servicesMax * WIDTH)
    for (let id = 0; id < maps.destsMax; id++) if (this.#isKnown(id)) this.#startAt(id)
  }

  /**
   * To be called about every SLICE_MS of a clock that does not jump; visits what is due. After a
   * pause each dest is visited once, and that sample covers the pause, as in the kernel.
   */
  tick(nowMs: number): void {
    this.#startedMs ??= nowMs
    const due = Math.floor((nowMs - this.#startedMs) / SLICE_MS)
    if (!this.isRunning) this.#slices = due
    if (due - this.#slices > SLICES) this.#slices = due - SLICES
    while (this.#slices < due) {
      this.#visit(this.#slices % SLICES)
      this.#slices++
      if (this.#slices % SLICES === 0) this.#endRound()
    }
  }

  /** As at the end of the last round, so that a service's rate is the sum of its dests'. */
  dest(id: number): RatesView {
    const slice = Math.ceil(((id + 1) * SLICES) / this.#maps.destsMax) - 1
    return this.#dests.rates(id, slice < this.#slices % SLICES ? 'before' : 'now')
  }

  service(id: number): RatesView {
    return this.#services.rates(id)
  }

  total(): RatesView {
    return this.#total.rates(0)
  }

  /**
   * A zero of counters: the rates begin at 0 and from what is counted now, as in the kernel. The
   * total still gets what was counted before.
   */
  zero(service: number, dests: readonly number[]): void {
    for (const id of dests) {
      this.#sample(id)
      this.#dests.forget(id)
    }
    this.#services.forget(service)
    this.#pending.fill(0, service * WIDTH, (service + 1) * WIDTH)
  }

  zeroAll(): void {
    for (let id = 0; id < this.#maps.destsMax; id++) this.#dests.forget(id)
    for (let id = 0; id < this.#maps.destsMax; id++) if (this.#isKnown(id)) this.#startAt(id)
    for (let id = 0; id < this.#maps.servicesMax; id++) this.#services.forget(id)
    this.#total.forget(0)
    this.#pending.fill(0)
    this.#pendingTotal.fill(0)
  }

  #isKnown(id: number): boolean {
    const flags = this.#rows.getUint8(id * DEST.size + DEST.flags)
    return (flags & DEST_FLAGS.DEST_KNOWN) !== 0
  }

  #visit(slice: number): void {
    const { destsMax } = this.#maps
    const end = Math.floor(((slice + 1) * destsMax) / SLICES)
    for (let id = Math.floor((slice * destsMax) / SLICES); id < end; id++)
      if (this.#isKnown(id)) this.#sample(id)
      else if (this.#last[id * WIDTH + 1] !== 0) this.#forget(id)
  }

  #sample(id: number): void {
    this.#read(id)
    const at = id * WIDTH
    const service = this.#rows.getUint32(id * DEST.size + DEST.service, true) * WIDTH
    for (let i = 0; i < WIDTH; i++) {
      let gained = (this.#now[i] as number) - (this.#last[at + i] as number)
      if (gained < 0 || gained >= DOUBTFUL) {
        this.#now[i] = this.#readWhole(id, i)
        gained = (this.#now[i] as number) - (this.#last[at + i] as number)
      }
      // The id was freed and taken anew meanwhile: its counters began at 0.
      if (gained < 0) gained = this.#now[i] as number
      this.#difference[i] = gained
      this.#last[at + i] = this.#now[i] as number
      if (service + i < this.#pending.length)
        this.#pending[service + i] = (this.#pending[service + i] as number) + gained
      this.#pendingTotal[i] = (this.#pendingTotal[i] as number) + gained
    }
    this.#dests.sample(id, this.#difference)
  }

  #endRound(): void {
    for (let id = 0; id < this.#maps.servicesMax; id++)
      this.#services.sample(id, this.#pending, id * WIDTH)
    this.#total.sample(0, this.#pendingTotal)
    this.#pending.fill(0)
    this.#pendingTotal.fill(0)
  }

  #forget(id: number): void {
    this.#dests.forget(id)
    this.#last.fill(0, id * WIDTH, (id + 1) * WIDTH)
  }

  #startAt(id: number): void {
    for (let i = 0; i < WIDTH; i++) this.#last[id * WIDTH + i] = this.#readWhole(id, i)
  }

  /** The counters of a dest, all CPUs, into #now. */
  #read(id: number): void {
    const { cpus, destsMax } = this.#maps
    this.#now.fill(0)
    for (let cpu = 0; cpu < cpus; cpu++) {
      const row = ((cpu * destsMax + id) * DEST_TRAFFIC.size) / 4
      for (let i = 0; i < WIDTH; i++) {
        const word = row + (WORDS[i] as number)
        const low = this.#halves[word] as number
        const high = this.#halves[word + 1] as number
        this.#now[i] = (this.#now[i] as number) + low + high * 2 ** 32
      }
    }
  }

  #readWhole(id: number, field: number): number {
    const { cpus, destsMax } = this.#maps
    let sum = 0n
    for (let cpu = 0; cpu < cpus; cpu++) {
      const row = ((cpu * destsMax + id) * DEST_TRAFFIC.size) / 8
      sum += this.#wholes[row + (WORDS[field] as number) / 2] ?? 0n
    }
    return Number(sum)
  }
}
