/**
 * The entries of lblc and lblcr, which the data plane makes: ended here when their service is bound
 * anew, when nobody has asked for them in a while, and when a dest's id is free again.
 * Read next: ../plan/schedule/cache.ts.
 */
import type { BpfMap } from '../../addon/index.ts'
import {
  CACHE_KEY,
  LBLCR_SET,
  LBLC_ENTRY,
  readCacheKey,
  readLblcEntry,
  readLblcrSet,
  writeLblcrSet,
} from '../abi/maps.gen.ts'
import { CACHE_PERIOD_S, cacheRun, NEW_TIMER, type CacheTimer } from '../plan/schedule/cache.ts'
import { view } from './bytes.ts'

export type CacheName = 'lblc' | 'lblcr'
export const CACHE_NAMES: readonly CacheName[] = ['lblc', 'lblcr']

/** Addresses that are remembered, of all services together. Sets are larger. */
export const CACHE_MAX: Record<CacheName, number> = { lblc: 65536, lblcr: 32768 }

interface Entry {
  key: Uint8Array
  value: Uint8Array
  service: number
  vaddr: Uint8Array
  idleS: number
}

export class Caches {
  readonly #maps: Record<CacheName, BpfMap>
  readonly #clock: () => number
  readonly #second: number
  /** By cache and service id. */
  readonly #timers: Record<CacheName, Map<number, CacheTimer>> = {
    lblc: new Map(),
    lblcr: new Map(),
  }
  #ranAt: number
  /** Whether any service remembers, or did. */
  #isUsed = false

  /** @param clock ticks, of which there are so many a second */
  constructor(maps: Record<CacheName, BpfMap>, clock: () => number, second: number) {
    this.#maps = maps
    this.#clock = clock
    this.#second = second
    this.#ranAt = clock()
  }

  /** A service has a scheduler that remembers; one that it has just got begins with nothing. */
  bind(name: CacheName, service: number, isNew: boolean): void {
    this.#isUsed = true
    if (isNew) this.unbind(name, service)
    const timers = this.#timers[name]
    timers.set(service, timers.get(service) ?? NEW_TIMER)
  }

  /** It has one no more: nothing of it takes the room of others. */
  unbind(name: CacheName, service: number): void {
    this.#timers[name].delete(service)
    for (const entry of this.#entries(name))
      if (entry.service === service) this.#maps[name].delete(entry.key)
  }

  /** Nobody may take what gets the id of this dest for it. */
  forget(dest: number): void {
    if (!this.#isUsed) return
    for (const { key, value } of this.#entries('lblc'))
      if (readLblcEntry(view(value), 0).dest === dest) this.#maps.lblc.delete(key)
    for (const { key, value } of this.#entries('lblcr')) {
      const set = readLblcrSet(view(value), 0)
      const members = set.dests.slice(0, set.count)
      if (!members.includes(dest)) continue
      const dests = members.filter(member => member !== dest)
      const count = dests.length
      const bytes = new Uint8Array(LBLCR_SET.size)
      const padded = [...dests, ...set.dests.slice(count).fill(0)]
      writeLblcrSet(view(bytes), 0, { ...set, lock: 0, count, dests: padded })
      this.#maps.lblcr.update(key, bytes)
    }
  }

  /** To be called often; every minute it forgets. */
  tend(expirationS: Record<CacheName, number>): void {
    if (!this.#isUsed) return
    if (this.#clock() - this.#ranAt < CACHE_PERIOD_S * this.#second) return
    this.#ranAt = this.#clock()
    for (const name of CACHE_NAMES) this.#run(name, expirationS[name])
  }

  #run(name: CacheName, expirationS: number): void {
    const timers = this.#timers[name]
    const byService = Map.groupBy(this.#entries(name), e => e.service)
    for (const [service, timer] of timers) {
      const { gone, timer: next } = cacheRun(byService.get(service) ?? [], timer, expirationS)
      timers.set(service, next)
      for (const { key } of gone) this.#maps[name].delete(key)
    }
  }

  #entries(name: CacheName): Entry[] {
    const { count, keys, values } = this.#maps[name].lookupBatch()
    const size = name === 'lblc' ? LBLC_ENTRY.size : LBLCR_SET.size
    return Array.from({ length: count }, (_, i) => {
      const key = keys.subarray(i * CACHE_KEY.size, (i + 1) * CACHE_KEY.size)
      const value = values.subarray(i * size, (i + 1) * size)
      const { service, vaddr } = readCacheKey(view(key), 0)
      const used = name === 'lblc' ? readLblcEntry(view(value), 0) : readLblcrSet(view(value), 0)
      const idleS = ((this.#clock() - used.used) | 0) / this.#second
      return { key, value, service, vaddr, idleS }
    })
  }
}
