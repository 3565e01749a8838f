/**
 * Whether any service takes packets to ports that are not its own: those of port 0, and of FTP.
 * While there is none, packets of no service cost no further lookup. Read next: ../../bpf/service.h
 * service_seek.
 */
import { store32, type BpfMap } from '../../addon/index.ts'
import { FALLBACK, SETTINGS } from '../abi/maps.gen.ts'

export const FTP_PORT = 21

export class Fallbacks {
  readonly #settings: ArrayBuffer
  /** By the service's name. */
  readonly #kinds = new Map<string, number>()

  constructor(settings: BpfMap) {
    this.#settings = settings.mmap()
  }

  /** A service that packets find from now on; a mark's protocol is 0. */
  add(name: string, protocol: number, port: number): void {
    this.note(name, protocol, port)
    this.write()
  }

  /** The same of one that packets found before; `write` when all are noted. */
  note(name: string, protocol: number, port: number): void {
    if (port === FTP_PORT) this.#kinds.set(name, FALLBACK.FALLBACK_FTP)
    if (port === 0 && protocol !== 0) this.#kinds.set(name, FALLBACK.FALLBACK_ANY)
  }

  remove(name: string): void {
    if (this.#kinds.delete(name)) this.write()
  }

  write(): void {
    let kinds = 0
    for (const kind of this.#kinds.values()) kinds |= kind
    if (new Uint32Array(this.#settings)[SETTINGS.fallbacks / 4] !== kinds)
      store32(this.#settings, SETTINGS.fallbacks / 4, kinds)
  }
}
