/**
 * Where nat dests of the sip engine send from, so that the data plane lets them begin connections.
 * What an earlier daemon left stays until all services are published. Read next: ../../bpf/tell.h.
 * Differs from LVS: what a nat dest begins that is in several services is of the one with the
 * engine, the last changed of them; in IPVS of that which the dest was added to last.
 */
import { store32 } from '../../addon/index.ts'
import {
  DEST_FLAGS,
  FAMILY,
  FWD,
  REPLIES,
  SERVICE_KEY,
  SETTINGS,
  writeServiceKey,
} from '../abi/maps.gen.ts'
import { addressBytes, familyOf } from '../model/address.ts'
import { isMark, serviceName, type Service } from '../model/service.ts'
import { key32, view } from './bytes.ts'
import type { Kernel } from './kernel.ts'
import type { Tables } from './tables.ts'

/** A key in hexadecimal, and the id of the dest. */
type Entries = ReadonlyMap<string, number>

const NONE: Entries = new Map()

export class Telling {
  readonly #kernel: Kernel
  readonly #ofService = new Map<string, Entries>()
  /** Services by key, the last changed last. */
  readonly #owners = new Map<string, Map<string, number>>()
  readonly #known = new Map<string, number>()

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    const { count, keys, values } = kernel.maps.telling.lookupBatch()
    const size = SERVICE_KEY.size
    for (let i = 0; i < count; i++) {
      const key = Buffer.from(keys.subarray(i * size, (i + 1) * size)).toString('hex')
      this.#known.set(key, view(values).getUint32(4 * i, true))
    }
  }

  /** Sets the dests of a service that begin connections. */
  set(service: string, entries: Entries): void {
    const before = this.#ofService.get(service) ?? NONE
    for (const key of before.keys()) if (!entries.has(key)) this.#own(key, service, undefined)
    for (const [key, id] of entries) if (before.get(key) !== id) this.#own(key, service, id)
    if (entries.size > 0) this.#ofService.set(service, entries)
    else this.#ofService.delete(service)
  }

  /** All services are published: what none of them has goes. */
  begin(): void {
    for (const key of [...this.#known.keys()]) if (!this.#owners.has(key)) this.#write(key)
  }

  #own(key: string, service: string, id: number | undefined): void {
    const owners = this.#owners.get(key) ?? new Map<string, number>()
    owners.delete(service)
    if (id !== undefined) owners.set(service, id)
    if (owners.size > 0) this.#owners.set(key, owners)
    else this.#owners.delete(key)
    this.#write(key)
  }

  #write(key: string): void {
    const { telling } = this.#kernel.maps
    const id = [...(this.#owners.get(key)?.values() ?? [])].at(-1)
    const bytes = Buffer.from(key, 'hex')
    if (id === undefined) {
      if (this.#known.delete(key)) telling.delete(bytes)
    } else if (this.#known.get(key) !== id) {
      telling.update(bytes, key32(id))
      this.#known.set(key, id)
    }
    this.#heed()
  }

  /** Has datagrams without a connection looked at while there is anybody who may have sent them. */
  #heed(): void {
    const settings = this.#kernel.maps.settings.mmap()
    const at = SETTINGS.direct_replies / 4
    const was = new Uint32Array(settings)[at] ?? 0
    const others = was & ~REPLIES.REPLIES_TOLD
    const is = this.#known.size > 0 ? others | REPLIES.REPLIES_TOLD : others
    if (is !== was) store32(settings, at, is)
  }
}

/** The dests of a service that begin connections, as their rows have them. */
export function tellingOf(tables: Tables, service: Service): Entries {
  if (service.engine === undefined || isMark(service)) return NONE
  if (service.protocol !== 'udp' || service.port === 0) return NONE
  const entries = new Map<string, number>()
  for (const id of tables.allDestIds(serviceName(service))) {
    const { fwd, protocol, flags } = tables.dests.get(id)
    const isPlain = (flags & DEST_FLAGS.DEST_NO_PORT) === 0
    if (fwd !== FWD.FWD_NAT || !isPlain || !tables.isAvailable(id)) continue
    const { address, port } = tables.destOf(id)
    const family = familyOf(address) === 4 ? FAMILY.FAMILY_IPV4 : FAMILY.FAMILY_IPV6
    const bytes = new Uint8Array(SERVICE_KEY.size)
    writeServiceKey(view(bytes), 0, { vaddr: addressBytes(address), vport: port, protocol, family })
    entries.set(Buffer.from(bytes).toString('hex'), id)
  }
  return entries
}
