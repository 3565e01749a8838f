/**
 * What lblc and lblcr remember of addresses, and when they forget it: a timer that the kernel has a
 * service, every minute. Pure. Source: net/netfilter/ipvs/ip_vs_lblc.c ip_vs_lblc_check_expire.
 */
import { isMapped } from '../../model/address.ts'

/** Seconds between two runs. */
export const CACHE_PERIOD_S = 60
/** Every so many runs all entries are looked at, */
const FULL_EVERY = 30
/** in the others some, when there are more than so many, */
const SOFT_MAX = 16384
/** of those that nobody has asked for in so many seconds. */
const IDLE_S = 360
/** Buckets of the kernel's table, by which it walks. */
const BUCKET_BITS = 10
const MULTIPLIER = 0x61c88647

export interface CacheEntry {
  vaddr: Uint8Array
  /** Seconds since it was last asked for. */
  idleS: number
}

/** Where the timer of a service stands. */
export interface CacheTimer {
  counter: number
  /** The bucket that was looked at last. */
  rover: number
}

export const NEW_TIMER: CacheTimer = { counter: 1, rover: 0 }

/** The entries of a service that go at a run of its timer, and where that stands then. */
export function cacheRun<E extends CacheEntry>(
  entries: readonly E[],
  { counter, rover }: CacheTimer,
  expirationS: number,
): { gone: E[]; timer: CacheTimer } {
  if (counter % FULL_EVERY === 0)
    return { gone: entries.filter(e => e.idleS >= expirationS), timer: { counter: 1, rover } }
  const over = entries.length - SOFT_MAX
  if (over <= 0) return { gone: [], timer: { counter: counter + 1, rover } }
  const goal = Math.min(Math.floor((over * 4) / 3), SOFT_MAX / 2)
  const byBucket = Map.groupBy(entries, e => bucketOf(e.vaddr))
  const gone: E[] = []
  let at = rover
  for (let i = 0; i < 2 ** BUCKET_BITS; i++) {
    at = (at + 1) % 2 ** BUCKET_BITS
    gone.push(...(byBucket.get(at) ?? []).filter(e => e.idleS >= IDLE_S))
    if (gone.length >= goal) break
  }
  return { gone, timer: { counter, rover: at } }
}

/** The kernel's hash of an address, IPv6 folded. */
export function bucketOf(vaddr: Uint8Array): number {
  const words = new DataView(vaddr.buffer, vaddr.byteOffset, vaddr.byteLength)
  const at = isMapped(vaddr) ? [12] : [0, 4, 8, 12]
  const folded = at.reduce((sum, offset) => sum ^ words.getUint32(offset), 0)
  return Math.imul(folded, MULTIPLIER) >>> (32 - BUCKET_BITS)
}
