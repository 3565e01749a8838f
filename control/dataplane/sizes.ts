/**
 * How large the tables are, and what that costs. Fixed when the maps are made; a running director's
 * pinned maps keep theirs. Pure.
 */
import {
  CONN4,
  DEST,
  DEST_CONNS,
  DEST_TRAFFIC,
  LIMIT,
  NEXTHOP,
  SCHEDULE_ROW,
} from '../abi/maps.gen.ts'

export interface Sizes {
  /** Slots of the connection table, a power of two; a NAT connection takes two. */
  slots: number
  services: number
  dests: number
  nexthops: number
  routes: number
  cpus: number
}

/** Half a bucket in 64 is behind the table: 12 times what half load was seen to overflow. */
const STASH_SHARE = 64
const SLOTS_MIN = 1024
/** The word's 24-bit tag and the 32-bit slot index bound it; 2^28 slots are 8 GiB. */
const SLOTS_MAX = 2 ** 28

/** Sizes for a number of slots (rounded up to a power of two) on a machine of so many CPUs. */
export function sizesFor(slots: number, cpus: number): Sizes {
  const wanted = Math.min(Math.max(slots, SLOTS_MIN), SLOTS_MAX)
  return {
    slots: 2 ** Math.ceil(Math.log2(wanted)),
    services: 16384,
    dests: LIMIT.DESTS_MAX,
    nexthops: LIMIT.NEXTHOPS_MAX,
    routes: 65536,
    cpus,
  }
}

export function buckets(sizes: Sizes): number {
  return sizes.slots / LIMIT.SLOTS_PER_BUCKET
}

export function stashBuckets(sizes: Sizes): number {
  return Math.max(4, buckets(sizes) / STASH_SHARE)
}

/** Rows of the schedules: every dest twice (old and new region), and every service's last row. */
export function scheduleRows(sizes: Sizes): number {
  return 4 * sizes.dests + 16 * sizes.services
}

/** Bytes of memory that the tables take, all of it at once. */
export function memoryBytes(sizes: Sizes): number {
  const slots = sizes.slots + stashBuckets(sizes) * LIMIT.SLOTS_PER_BUCKET
  return (
    slots * CONN4.size +
    sizes.dests * (DEST.size + DEST_CONNS.size + sizes.cpus * DEST_TRAFFIC.size) +
    scheduleRows(sizes) * SCHEDULE_ROW.size +
    sizes.nexthops * NEXTHOP.size
  )
}
