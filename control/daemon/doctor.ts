/**
 * What is wrong around the data plane, asked of the kernel when somebody wants to know: interfaces
 * that cannot do what xlvs asks of them, firewall rules that no longer see a service's packets.
 * Read next: ../plan/attachable.ts, ../dataplane/firewall.ts.
 */
import { XlvsError } from '../errors.ts'
import type { AttachMode, InterfaceView, AddressServiceId } from '../model/service.ts'
import type { Warning } from '../model/warning.ts'
import { findings, remarks, type InterfaceFacts } from '../plan/attachable.ts'

/** The firewall is a program to run and a text to read: not anew for each question. */
const FIREWALL_FRESH_MS = 5000

export interface DoctorParts {
  inspect(name: string): InterfaceFacts | undefined
  firewall(services: readonly AddressServiceId[]): Promise<Warning[]>
  nowMs(): number
  /** Resolves after so many milliseconds. */
  delay(ms: number): Promise<void>
}

export class Doctor {
  readonly #parts: DoctorParts
  #firewall: Warning[] = []
  #reading: Promise<void> = Promise.resolve()
  #readAt = -Infinity

  constructor(parts: DoctorParts) {
    this.#parts = parts
  }

  /** @throws INTERFACE_UNFIT, OFFLOAD_ON, NO_XDP_TRANSMIT when it should not be attached. */
  refuse(name: string, mode: AttachMode): void {
    const facts = this.#parts.inspect(name)
    const [first] = facts ? findings(facts, mode) : []
    if (first?.refuses) throw new XlvsError(first.refuses, first.message, first.cure)
  }

  /** What is worth a word when it has been attached, and no warning later on. */
  remarks(name: string, mode: AttachMode): Warning[] {
    const facts = this.#parts.inspect(name)
    return facts ? remarks(facts, mode) : []
  }

  /**
   * All warnings of now; of the firewall those last known, when reading it takes longer than
   * `patienceMs`.
   */
  async warnings(
    interfaces: readonly InterfaceView[],
    services: readonly AddressServiceId[],
    patienceMs: number,
  ): Promise<Warning[]> {
    const found = interfaces.flatMap(({ name, mode, present }) => {
      const facts = present ? this.#parts.inspect(name) : undefined
      return facts ? findings(facts, mode) : []
    })
    if (interfaces.length > 0) await this.#readFirewall(services, patienceMs)
    return [...found.map(({ kind, message, cure }) => ({ kind, message, cure })), ...this.#firewall]
  }

  async #readFirewall(services: readonly AddressServiceId[], patienceMs: number): Promise<void> {
    const now = this.#parts.nowMs()
    if (now - this.#readAt >= FIREWALL_FRESH_MS) {
      this.#readAt = now
      this.#reading = this.#parts.firewall(services).then(warnings => {
        this.#firewall = warnings
      })
    }
    await Promise.race([this.#reading, this.#parts.delay(patienceMs)])
  }
}
