/**
 * How large the tables are, and what that costs. Fixed when the maps are made; a running director's
 * pinned maps keep theirs. Pure.
 */
import {
  COLD,
  DEST,
  DEST_ADDRS,
  DEST_CONNS,
  DEST_TRAFFIC,
  LIMIT,
  NEXTHOP,
  SCHEDULE_ROW,
  TUNNEL,
} from '../abi/maps.gen.ts'
import { both, SLOT, type Both, type FamilyNumber } from './slots.ts'

export interface Sizes {
  /** Slots of each connection table, powers of two; a NAT connection takes two. */
  slots: Both<number>
  services: number
  dests: number
  nexthops: number
  routes: number
  cpus: number
}

/** Half a bucket in 64 is behind the table: 12 times what half load was seen to overflow. */
const STASH_SHARE = 64
const SLOTS_MIN = 1024
/** A trie takes memory for what is in it only. */
const ROUTES_MAX = 2 ** 20
/** The word's 24-bit tag and the 32-bit slot index bound it; 2^28 slots of IPv4 are 8 GiB. */
const SLOTS_MAX = 2 ** 28

/** Sizes for numbers of slots (rounded up to powers of two) on a machine of so many CPUs. */
export function sizesFor(slots: Both<number>, cpus: number): Sizes {
  const powerOf = (wanted: number): number =>
    2 ** Math.ceil(Math.log2(Math.min(Math.max(wanted, SLOTS_MIN), SLOTS_MAX)))
  return {
    slots: both(family => powerOf(slots[family])),
    services: 16384,
    dests: LIMIT.DESTS_MAX,
    nexthops: LIMIT.NEXTHOPS_MAX,
    routes: ROUTES_MAX,
    cpus,
  }
}

export function buckets(sizes: Sizes, family: FamilyNumber): number {
  return sizes.slots[family] / LIMIT.SLOTS_PER_BUCKET
}

export function stashBuckets(sizes: Sizes, family: FamilyNumber): number {
  return Math.max(4, buckets(sizes, family) / STASH_SHARE)
}

/** Rows of a table of sh or dh; mh takes 16 times that, maglev 256 times and one. */
const TABLE_ROWS = 128

/**
 * Rows of the schedules: every dest twice (old and new region), and every service's last row; and
 * so many that every service may have a small table, or 64 a large one.
 */
export function scheduleRows(sizes: Sizes): number {
  return 4 * sizes.dests + (16 + TABLE_ROWS) * sizes.services
}

/** Bytes of memory that the tables take, all of it at once. */
export function memoryBytes(sizes: Sizes): number {
  const [ipv4, ipv6] = both(family => {
    const slots = sizes.slots[family] + stashBuckets(sizes, family) * LIMIT.SLOTS_PER_BUCKET
    return slots * (SLOT[family].size + COLD.size)
  })
  const dest = DEST.size + DEST_ADDRS.size + TUNNEL.size + DEST_CONNS.size
  return (
    ipv4 +
    ipv6 +
    sizes.dests * (dest + sizes.cpus * DEST_TRAFFIC.size) +
    scheduleRows(sizes) * SCHEDULE_ROW.size +
    sizes.nexthops * NEXTHOP.size
  )
}
