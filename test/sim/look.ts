/**
 * How the simulation looks at the program's side: runs a frame, reads entries in the mapped tables,
 * and holds them and the counts against the model's. Read next: ../../bpf/types.h (a slot's word).
 */
import {
  CONN4,
  CONN6,
  LIFE,
  LIMIT,
  REASON,
  SLOT_WORD,
  TCP_STATE,
  TEMPLATE,
} from '../../control/abi/maps.gen.ts'
import { isTemplate } from '../../control/dataplane/control.ts'
import { addressText } from '../support/wire.ts'
import { reasonName, type PacketDirector } from '../support/director.ts'
import type { Dest, Entry, Traffic } from './entries.ts'
import type { Ipvs } from './ipvs.ts'
import { RULES, STATES, UDP } from './rules.ts'
import type { Service } from './service.ts'
import type { Template } from './templates.ts'

const FWD_NUMBER = { nat: 0, tun: 2, dr: 3 }
const REPLY = SLOT_WORD.CONN_REPLY
const INACTIVE = SLOT_WORD.CONN_INACTIVE
const NOOUTPUT = SLOT_WORD.CONN_NOOUTPUT
/** Those that an entry of the model has an opinion on. */
const FLAGS = INACTIVE | NOOUTPUT | SLOT_WORD.CONN_FWD_MASK

/** In place of a port: found no more. */
const LOST_PORT = 65535
/** Bytes of struct companion_note, which no map holds: magic, interface, address. */
const NOTE = 24

interface Table {
  bytes: Buffer
  words: Uint32Array
  size: number
  at: typeof CONN4
  addressBytes: number
}

export class Look {
  readonly #lvs: PacketDirector
  readonly #tables: readonly Table[]
  /** Low halves of the counters of reasons, and what they were. */
  readonly #reasons: Uint32Array
  readonly #before: Uint32Array
  readonly #slots = new WeakMap<Entry, number>()

  constructor(lvs: PacketDirector) {
    this.#lvs = lvs
    this.#tables = lvs.dataplane.conns.map((conns, i) => {
      const at = i === 0 ? CONN4 : (CONN6 as unknown as typeof CONN4)
      const addressBytes = i === 0 ? 4 : 16
      const views = { bytes: Buffer.from(conns), words: new Uint32Array(conns) }
      return { ...views, size: at.size, at, addressBytes }
    })
    this.#reasons = new Uint32Array(reasonsOf(lvs))
    this.#before = Uint32Array.from(this.#reasons)
  }

  run(data: Buffer): { reason: string; verdict: number; frame: Buffer; note?: Buffer } {
    const out = this.#lvs.kernel.program.testRun({ data })
    const frame = Buffer.from(out.data.buffer, out.data.byteOffset, out.data.length)
    const left = { reason: this.#leftBy(), verdict: out.retval }
    if (frame.length < NOTE || frame.readUInt32LE(0) !== LIMIT.COMPANION_MAGIC)
      return { ...left, frame }
    return { ...left, frame: frame.subarray(NOTE), note: frame.subarray(0, NOTE) }
  }

  /** The one reason that has been counted since this was last asked. */
  #leftBy(): string {
    let left = ''
    for (let cpu = 0; cpu < this.#lvs.kernel.sizes.cpus; cpu++)
      for (let reason = 0; reason < REASON.REASONS; reason++) {
        const at = 2 * (cpu * REASON.REASONS_MAX + reason)
        const is = this.#reasons[at] ?? 0
        if (is === this.#before[at]) continue
        left += (left === '' ? '' : ' and ') + reasonName(reason)
        this.#before[at] = is
      }
    return left
  }

  /** In what an entry is not as it should be; '' in nothing. */
  entryDifference(entry: Entry, now: number): string {
    const table = this.#tables[entry.client.length === 4 ? 0 : 1]
    if (!table) return ''
    const slot = this.#slotOf(table, entry, now)
    if (slot === undefined) return `no entry, should be ${entryText(entry, now)}`
    const is = this.#text(table, slot, entry, now)
    const should = entryText(entry, now)
    return is === should ? '' : `entry is ${is}, should be ${should}`
  }

  #text(table: Table, slot: number, { dest, protocol }: Entry, now: number): string {
    const { bytes, words, at, size } = table
    const base = slot * size
    const flags = ((words[base / 4] ?? 0) >>> SLOT_WORD.WORD_FLAGS_SHIFT) & FLAGS
    const id = (words[base / 4 + 1] ?? 0) >>> (SLOT_WORD.WORD_DEST_SHIFT - 32)
    const { address, port } = this.#lvs.dataplane.tables.destOf(id)
    const isDest = address === dest.address && port === dest.port
    const state = stateOf(bytes.readUInt8(base + at.state))
    const left = this.#left(table, slot, now)
    const where = isDest ? `${address}:${port}` : `another dest ${address}:${port}`
    return `${protocol === UDP ? 'UDP' : state} ${left} ticks ${where} flags ${flags}`
  }

  #left({ words, at, size }: Table, slot: number, now: number): number {
    const deadline = (of: number) => (words[(of * size + at.deadline) / 4] ?? 0) - now
    const partner = words[(slot * size + at.partner) / 4] ?? LIMIT.NONE
    return partner === LIMIT.NONE ? deadline(slot) : Math.max(deadline(slot), deadline(partner))
  }

  #slotOf(table: Table, entry: Entry, now: number): number | undefined {
    const known = this.#slots.get(entry)
    if (known !== undefined && this.#isOf(table, known, entry, now)) return known
    const count = table.bytes.length / table.size
    for (let slot = 0; slot < count; slot++) {
      if (!this.#isOf(table, slot, entry, now)) continue
      this.#slots.set(entry, slot)
      return slot
    }
    return undefined
  }

  /** Whether a slot is the living request slot of an entry. */
  #isOf(table: Table, slot: number, entry: Entry, now: number): boolean {
    const { bytes, at, size, addressBytes } = table
    const base = slot * size
    if (!isRequest(table, slot)) return false
    if (bytes.readUInt16BE(base + at.cport) !== entry.cport) return false
    if (bytes.readUInt16BE(base + at.oport) !== entry.vport) return false
    if (bytes.readUInt8(base + at.protocol) !== entry.protocol) return false
    const address = (field: number) =>
      bytes.toString('latin1', base + field, base + field + addressBytes)
    if (address(at.caddr) !== entry.client || address(at.oaddr) !== entry.virtual) return false
    return this.#left(table, slot, now) >= 0
  }

  /** Everything: entries, counts, traffic. */
  differences(ipvs: Ipvs, services: Service[]): string {
    const { entries, now } = ipvs
    for (const entry of entries.byKey.values()) {
      if (entry.until < now) continue
      const difference = this.entryDifference(entry, now)
      if (difference !== '') return difference
    }
    const is = this.#tables.map(table => countOf(table)).join(' + ')
    const templates = ipvs.templates.all()
    const wanted = templates
      .map(one => templateText(one, now))
      .sort()
      .join('\n')
    const found = this.#tables
      .flatMap(table => this.#templatesIn(table, now))
      .sort()
      .join('\n')
    if (found !== wanted) return `templates are\n${found}\nshould be\n${wanted}`
    const all = [...entries.counted(), ...templates.map(({ key }) => key)]
    const should = [4, 16]
      .map(bytes => all.filter(({ client }) => client.length === bytes).length)
      .join(' + ')
    if (is !== should) return `${is} entries, should be ${should}`
    for (const service of services)
      for (const dest of service.known.values()) {
        const difference = this.#destDifference(service, dest)
        if (difference !== '') return difference
      }
    return ''
  }

  #templatesIn(table: Table, now: number): string[] {
    const { bytes, words, size, at, addressBytes } = table
    const texts: string[] = []
    for (let slot = 0; slot < bytes.length / size; slot++) {
      const word = words[(slot * size) / 4] ?? 0
      if (!isRequest(table, slot) || !isTemplate(word)) continue
      const base = slot * size
      const id = (words[base / 4 + 1] ?? 0) >>> (SLOT_WORD.WORD_DEST_SHIFT - 32)
      const address = (field: number) =>
        bytes.toString('latin1', base + field, base + field + addressBytes)
      texts.push(
        textOf({
          protocol: bytes.readUInt8(base + at.protocol) ^ TEMPLATE.TEMPLATE_PROTOCOL,
          ...{ client: address(at.caddr), virtual: address(at.oaddr) },
          ...{ port: bytes.readUInt16BE(base + at.oport), left: this.#left(table, slot, now) },
          dest: this.#lvs.dataplane.tables.destOf(id),
        }),
      )
    }
    return texts
  }

  #destDifference({ id: service, name }: Service, dest: Dest): string {
    const { tables } = this.#lvs.dataplane
    const id = tables.destId(service, dest) ?? 0
    const { active, inactive, persistent } = tables.destConns.get(id)
    const counts = { active: active | 0, inactive: inactive | 0, persistent: persistent | 0 }
    const is = countsText(counts, tables.traffic(id))
    const should = countsText(dest, dest.traffic)
    if (is === should) return ''
    return `dest ${dest.address}:${dest.port} of ${name}: ${is}, should be ${should}`
  }
}

interface TemplateLook {
  protocol: number
  client: string
  virtual: string
  port: number
  left: number
  dest: { address: string; port: number }
}

function textOf({ protocol, client, virtual, port, left, dest }: TemplateLook): string {
  const [from, to] = [client, virtual].map(bytes => addressText(Buffer.from(bytes, 'latin1')))
  return `${protocol} ${from} > ${to}:${port} ${dest.address}:${dest.port} ${left} ticks`
}

function templateText({ key, isLost, until, dest }: Template, now: number): string {
  return textOf({ ...key, ...(isLost && { port: LOST_PORT }), left: until - now, dest })
}

function isRequest({ words, size }: Table, slot: number): boolean {
  const word = words[(slot * size) / 4] ?? 0
  if ((word & SLOT_WORD.WORD_LIFE_MASK) !== LIFE.LIFE_VALID) return false
  return (word & (REPLY << SLOT_WORD.WORD_FLAGS_SHIFT)) === 0
}

/** Entries of a table, those that are over and not swept too. */
function countOf(table: Table): number {
  let count = 0
  for (let slot = 0; slot < table.bytes.length / table.size; slot++)
    if (isRequest(table, slot)) count++
  return count
}

function entryText(entry: Entry, now: number): string {
  const { protocol, state, dest, until, fwd, noOutput } = entry
  const isActive = protocol !== UDP && RULES.active.has(state)
  const flags =
    (isActive ? 0 : INACTIVE) |
    (noOutput ? NOOUTPUT : 0) |
    (FWD_NUMBER[fwd] << SLOT_WORD.CONN_FWD_SHIFT)
  const shown = protocol === UDP ? 'UDP' : state
  return `${shown} ${until - now} ticks ${dest.address}:${dest.port} flags ${flags}`
}

function countsText(
  { active, inactive, persistent }: Pick<Dest, 'active' | 'inactive' | 'persistent'>,
  t: Traffic,
): string {
  const bytes = `${t.inBytes} ${t.outBytes} bytes`
  const packets = `${t.conns} conns ${t.inPackets} ${t.outPackets} packets`
  return `${active} active ${inactive} inactive ${persistent} persistent ${packets} ${bytes}`
}

const reasonMaps = new WeakMap<object, ArrayBuffer>()

/** Mapped once: a process may have 65 530 mappings, and a kernel serves many lives. */
function reasonsOf({ kernel }: PacketDirector): ArrayBuffer {
  const mapped = reasonMaps.get(kernel) ?? kernel.maps.reasons.mmap(true)
  reasonMaps.set(kernel, mapped)
  return mapped
}

/** The model's word for a state; it does not know whether a connection was ever established. */
function stateOf(number: number): string {
  if (number === TCP_STATE.TCP_TIME_WAIT_UNOPENED) return 'TW'
  if (number === TCP_STATE.TCP_CLOSE_UNOPENED) return 'CL'
  return STATES[number] ?? '?'
}
