/**
 * Where nat dests send from, while nat_icmp_send is on, so that the data plane knows their packets.
 * Several services may have one address and port: the map has how many. Read next:
 * ../../bpf/stray.bpf.c.
 */
import type { BpfMap } from '../../addon/index.ts'
import { FAMILY, FWD, SERVICE_KEY, writeServiceKey } from '../abi/maps.gen.ts'
import { addressBytes, familyOf } from '../model/address.ts'
import { key32, view } from './bytes.ts'
import type { Tables } from './tables.ts'

export class NatDests {
  readonly #map: BpfMap
  /** Keys in hex, by the service that has them; and of how many services each is. */
  readonly #ofService = new Map<string, string[]>()
  readonly #counts = new Map<string, number>()

  /** What a daemon before left is forgotten; until services are published there are none. */
  constructor(map: BpfMap) {
    this.#map = map
    const { count, keys } = map.lookupBatch()
    const size = count === 0 ? 0 : keys.byteLength / count
    for (let i = 0; i < count; i++) map.delete(keys.subarray(i * size, (i + 1) * size))
  }

  /** Sets the keys of a service's nat dests. */
  set(service: string, keys: readonly Uint8Array[]): void {
    const before = this.#ofService.get(service) ?? []
    const after = keys.map(key => Buffer.from(key).toString('hex'))
    for (const key of after) this.#add(key, 1)
    for (const key of before) this.#add(key, -1)
    if (after.length > 0) this.#ofService.set(service, after)
    else this.#ofService.delete(service)
  }

  #add(key: string, by: number): void {
    const count = (this.#counts.get(key) ?? 0) + by
    const bytes = Buffer.from(key, 'hex')
    if (count > 0) {
      this.#counts.set(key, count)
      this.#map.update(bytes, key32(count))
    } else {
      this.#counts.delete(key)
      this.#map.delete(bytes)
    }
  }
}

/** Where a service's nat dests send from, as their rows have it. */
export function natKeys(tables: Tables, service: string): Uint8Array[] {
  const ids = tables.allDestIds(service).filter(id => tables.isAvailable(id))
  return ids.flatMap(id => {
    const { fwd, protocol } = tables.dests.get(id)
    if (fwd !== FWD.FWD_NAT) return []
    const { address, port } = tables.destOf(id)
    const family = familyOf(address) === 4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6
    const bytes = new Uint8Array(SERVICE_KEY.size)
    writeServiceKey(view(bytes), 0, { vaddr: addressBytes(address), vport: port, protocol, family })
    return [bytes]
  })
}
