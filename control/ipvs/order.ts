/**
 * In which order services are listed: the kernel's, which is that of its hash table, and ipvsadm's,
 * which is sorted. Pure.
 * Source: net/netfilter/ipvs/ip_vs_ctl.c ip_vs_svc_hashkey (v6.1); ipvsadm libipvs.c (v1.31),
 * ipvs_cmp_services(), ipvs_cmp_dests().
 */
import { addressBytes, familyOf, IPV4_AT } from '../model/address.ts'
import {
  familyOfService,
  isMark,
  PROTOCOL_NUMBER,
  type DestId,
  type ServiceId,
} from '../model/service.ts'
import { qsort } from './sort.ts'

/** Buckets of the kernel's table of services, and of that of marks. */
const BUCKETS = 256

/**
 * Services as the kernel dumps them: by address bucket after bucket, then those by mark, in a
 * bucket the newest first.
 * Differs from LVS: the buckets of the kernel are shifted by where its memory lies, another way
 * at each boot; here they are not.
 * @param oldestFirst services in the order of the API
 */
export function inKernelOrder<S extends ServiceId>(oldestFirst: readonly S[]): S[] {
  return oldestFirst
    .toReversed()
    .map(service => ({ service, bucket: bucketOf(service) }))
    .sort((a, b) => a.bucket - b.bucket)
    .map(({ service }) => service)
}

function bucketOf(id: ServiceId): number {
  if (isMark(id)) return BUCKETS + (id.mark % BUCKETS)
  const last = [...wordsOf(id.address)].reduce((folded, word) => folded ^ word, 0)
  return (PROTOCOL_NUMBER[id.protocol] ^ last ^ (id.port >> 8) ^ id.port) & (BUCKETS - 1)
}

/** As ipvsadm lists them, of those in the kernel's order. */
export function sortedServices<S extends ServiceId>(inKernelOrder: readonly S[]): S[] {
  return qsort(inKernelOrder.map(keyed), compareServices).map(({ of }) => of)
}

/** Dests as ipvsadm lists them, of those newest first. */
export function sortedDests<D extends DestId>(newestFirst: readonly D[]): D[] {
  const keys = newestFirst.map(of => ({ of, words: wordsOf(of.address), port: of.port }))
  return qsort(keys, compareEndpoints).map(({ of }) => of)
}

interface Endpoint {
  /** The address as the kernel stores it: four words, of which IPv4 fills the first. */
  words: Uint32Array
  port: number
}

interface Key<S> extends Endpoint {
  of: S
  mark: number
  family: number
  protocol: number
}

const NOWHERE = new Uint32Array(4)

function keyed<S extends ServiceId>(of: S): Key<S> {
  const family = familyOfService(of)
  if (isMark(of)) return { of, mark: of.mark, family, protocol: 0, words: NOWHERE, port: 0 }
  const { address, port, protocol } = of as Extract<ServiceId, { address: string }>
  const number = PROTOCOL_NUMBER[protocol]
  return { of, mark: 0, family, protocol: number, words: wordsOf(address), port }
}

/** Marks differ by C's int too, so that those above 2^31 come first. */
function compareServices<S>(a: Key<S>, b: Key<S>): number {
  return (
    (a.mark - b.mark) | 0 ||
    a.family - b.family ||
    a.protocol - b.protocol ||
    compareEndpoints(a, b)
  )
}

/** By 32-bit words as C's int: those 2^31 apart or more come out reversed. */
function compareEndpoints(a: Endpoint, b: Endpoint): number {
  for (let i = 0; i < 4; i++) {
    const difference = ((a.words[i] ?? 0) - (b.words[i] ?? 0)) | 0
    if (difference !== 0) return difference
  }
  return a.port - b.port
}

function wordsOf(address: string): Uint32Array {
  const bytes = addressBytes(address)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  if (familyOf(address) === 4) return Uint32Array.of(view.getUint32(IPV4_AT), 0, 0, 0)
  return Uint32Array.from([0, 4, 8, 12], at => view.getUint32(at))
}
